// One member as it tells of itself: its stream of events, opened again whenever it ends.

const SILENT_MS = 12_000; // a node sends something every five seconds, whatever happens
const RETRY_MS = 2_000; // where the browser gives up
const MOST_EVENTS = 400;

/** The states of a source, from the best to the worst. */
export const LIVE = "live";
export const CONNECTING = "connecting";
export const SILENT = "silent";
export const BUSY = "busy";
export const ENDED = "ended";
export const LOST = "lost";

export class Source {
  /** `base` is where its page is, without the slash; `changed` is called when there is something new. */
  constructor(base, changed) {
    this.base = base;
    this.status = null;
    this.events = [];
    this.heardAt = 0; // by performance.now()
    this.lostAt = 0;
    this.#changed = changed;
    this.#open();
  }

  #changed;
  #stream = null;
  #state = CONNECTING;
  #seen = { run: "", number: 0 };

  /** How things stand with it. */
  get state() {
    return this.#state === LIVE && performance.now() - this.heardAt > SILENT_MS ? SILENT : this.#state;
  }

  /** Whether what it told last is still so. */
  get live() {
    return this.state === LIVE;
  }

  #open() {
    this.#stream = new EventSource(`${this.base}/events`);
    this.#stream.addEventListener("status", ({ data }) => {
      this.status = JSON.parse(data);
      this.heardAt = performance.now();
      this.#turn(LIVE);
    });
    this.#stream.addEventListener("happened", ({ data, lastEventId }) => this.#take(JSON.parse(data), lastEventId));
    this.#stream.addEventListener("end", () => {
      this.#turn(ENDED);
      this.#again();
    });
    this.#stream.addEventListener("error", () => this.#failed());
  }

  #take(events, id) {
    const run = id.split(".")[0];
    const known = run === this.#seen.run ? this.#seen.number : 0;
    const fresh = events.filter(({ number }) => number > known);
    if (!fresh.length) return;
    this.#seen = { run, number: fresh.at(-1).number };
    this.events = [...this.events, ...fresh].slice(-MOST_EVENTS);
    this.#changed();
  }

  #failed() {
    if (this.#state !== ENDED && this.#state !== BUSY) this.#turn(LOST);
    if (this.#stream.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    this.#askWhy();
    this.#again();
  }

  /** A stream that was refused says nothing: a node that answers otherwise is watched by too many. */
  async #askWhy() {
    const lives = await fetch(`${this.base}/livez`).then(({ ok }) => ok, () => false);
    if (this.#state !== LIVE) this.#turn(lives ? BUSY : LOST);
  }

  #again() {
    this.#stream.close();
    setTimeout(() => this.#open(), RETRY_MS);
  }

  #turn(state) {
    if (state === LIVE) this.lostAt = 0;
    else if (!this.lostAt) this.lostAt = performance.now();
    this.#state = state;
    this.#changed();
  }
}

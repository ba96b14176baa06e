// The keyboard: everything that the pointer can do.

const KEYS = [
  ["← →", "previous and next event (with Shift: ten)"],
  ["space", "play or pause"],
  ["+ −", "zoom in and out at the cursor"],
  ["0", "show the whole run"],
  ["Page ↑ ↓", "move the window"],
  ["Home End", "begin and end of the run"],
  ["e E", "next and previous election"],
  ["f F", "next and previous fault"],
  ["v", "the broken promise"],
  ["/", "search; Enter: next match"],
  ["?", "this help"],
];

const SIGNS = [
  ["★ thick band", "leader of term T"],
  ["◆ band", "candidate, asking for votes"],
  ["◇ hatched band", "pre-candidate, asking whether it could win"],
  ["● thin band", "follower; dashed: down"],
  ["✕", "crash; on an arrow: the message was lost"],
  ["▶", "start from the disk"],
  ["‖ slanted lines", "pause"],
  ["✓", "an index is committed for the first time"],
  ["⊥ below a band", "a write has reached the disk"],
  ["↓ above a band", "a command is proposed"],
  ["shaded lane", "cut off; hatched: on the smaller side"],
  ["⚑ red line", "a promise is broken"],
];

export function addKeys(scene) {
  const { run, view, filter, lanes } = scene;
  const $ = (id) => document.getElementById(id);
  for (const [id, pairs] of [["keys", KEYS], ["signs", SIGNS]]) {
    for (const pair of pairs) {
      $(id).append(...["dt", "dd"].map((tag, place) => Object.assign(document.createElement(tag), { textContent: pair[place] })));
    }
  }
  $("help-open").addEventListener("click", () => $("help").showModal());

  const step = (by) => scene.goTo(filter.step(scene.cursor.number, by));
  /** Goes to the next or the previous of some things that are sorted by time. */
  const hop = (things, by) => {
    const { number } = scene.cursor;
    const next = by > 0 ? things.find((thing) => thing.number > number) : things.findLast((thing) => thing.number < number);
    if (next !== undefined) scene.goTo(next.number);
  };
  const actions = {
    ArrowLeft: (event) => step(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => step(event.shiftKey ? 10 : 1),
    ArrowUp: () => step(-1),
    ArrowDown: () => step(1),
    " ": () => scene.player.toggle(),
    "+": () => scene.zoom(0.5),
    "=": () => scene.zoom(0.5),
    "-": () => scene.zoom(2),
    0: () => view.fit(),
    PageUp: () => view.pan(-view.span() * 0.8),
    PageDown: () => view.pan(view.span() * 0.8),
    Home: () => scene.goToTime(0),
    End: () => scene.goToTime(run.lastTime),
    e: () => hop(lanes.elections, 1),
    E: () => hop(lanes.elections, -1),
    f: () => hop(lanes.faults, 1),
    F: () => hop(lanes.faults, -1),
    v: () => $("verdict").click(),
    "/": () => $("search").focus(),
    "?": () => $("help").showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=search], select");
    if (event.key === "Escape" && typing) {
      event.target.blur();
      $("board").focus();
    }
    if (typing || $("help").open || event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
    if (event.key === " " && event.target.matches("button")) return; // a button that has the focus is pressed by it
    event.preventDefault();
    actions[event.key](event);
  });
}

// Messages: arrows where there is room, and from afar how many there are.

import { FAMILIES } from "./kinds.js";
import { addShape } from "./paint.js";
import { ARRIVED, flightsWithin, IN_FLIGHT, LOST } from "./run.js";

const MOST_ARROWS = 3000; // more than that is a thicket: then only the rare families, and a histogram of all
const MOST_HEADS = 900;
const COLUMN = 4; // pixels of a histogram's column
const GAP = 8; // pixels between an arrow and the middle of its lane

/** The places of a flight's two ends on the canvas. */
export function ends({ view, layout, run }, row) {
  const { messages } = run;
  const x1 = view.toX(messages.start[row]);
  const y1 = layout.middle(messages.from[row]);
  const y2 = layout.middle(messages.to[row]);
  const down = Math.sign(y2 - y1);
  const way = messages.way[row];
  const [top, bottom] = [y1 + down * GAP, y2 - down * GAP];
  return [x1, top, view.toX(messages.stop[row]), top + (bottom - top) * way];
}

/** Draws the arrows in sight; returns false if there are too many, having drawn the rare families only. */
export function drawFlights(context, scene) {
  const { run: { messages }, view, filter } = scene;
  const [first, last] = flightsWithin(messages, view.from, view.to);
  const rows = FAMILIES.map(() => []);
  let count = 0;
  for (let row = first; row < last; row++) {
    if (messages.stop[row] < view.from || messages.from[row] < 0 || messages.to[row] < 0 || !filter.showsFlight(messages, row)) continue;
    rows[messages.family[row]].push(row);
    count += 1;
  }
  scene.arrows = [];
  let left = MOST_ARROWS;
  const heads = count <= MOST_HEADS;
  const sparse = count <= MOST_ARROWS;
  // The rarest first: they are the ones that a story hangs on.
  const order = FAMILIES.map((_, number) => number).sort((a, b) => rows[a].length - rows[b].length);
  const drawn = order.filter((family) => {
    const fits = rows[family].length > 0 && (sparse || rows[family].length <= Math.min(left, MOST_ARROWS / 4));
    if (fits) left -= rows[family].length;
    return fits;
  });
  for (const family of drawn.reverse()) {
    drawFamily(context, scene, FAMILIES[family], rows[family], heads);
    for (const row of rows[family]) scene.arrows.push(row);
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
  return sparse;
}

function drawFamily(context, scene, family, rows, heads) {
  const { run: { messages }, theme, filter } = scene;
  const found = (row) => filter.matched === null || filter.matched[messages.send[row]] || (messages.end[row] >= 0 && filter.matched[messages.end[row]]);
  const colour = theme[family.id];
  const layers = filter.matched === null ? [[rows, 1]] : [[rows.filter((row) => !found(row)), 0.13], [rows.filter(found), 1]];
  for (const [layer, strength] of layers) {
    context.globalAlpha = strength * (heads ? 0.92 : 0.6);
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = filter.matched !== null && strength === 1 ? family.width + 1 : family.width;
    context.setLineDash(family.dash);
    context.beginPath();
    for (const row of layer) {
      const [x1, y1, x2, y2] = ends(scene, row);
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
    }
    context.stroke();
    context.setLineDash([]);
    if (heads) drawHeads(context, scene, family, layer);
    drawLosses(context, scene, layer, heads ? 4 : 2.5);
  }
}

function drawHeads(context, scene, family, rows) {
  const { messages } = scene.run;
  context.beginPath();
  for (const row of rows) {
    if (messages.fate[row] === LOST) continue;
    const [x1, y1, x2, y2] = ends(scene, row);
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const open = messages.fate[row] === IN_FLIGHT;
    addShape(context, open ? "chevron" : family.shape, x2, y2, (x2 - x1) / length, (y2 - y1) / length, 8);
  }
  context.fill();
}

/** A cross where a message was lost. */
function drawLosses(context, scene, rows, size) {
  const { run: { messages }, theme } = scene;
  context.strokeStyle = theme.ink;
  context.lineWidth = 1.8;
  context.beginPath();
  for (const row of rows) {
    if (messages.fate[row] !== LOST) continue;
    const [, , x, y] = ends(scene, row);
    context.moveTo(x - size, y - size);
    context.lineTo(x + size, y + size);
    context.moveTo(x + size, y - size);
    context.lineTo(x - size, y + size);
  }
  context.stroke();
}

/** How many messages each node sent, column by column, stacked by family, above its lane. */
export function drawDensity(context, scene) {
  const { run: { messages, ids }, view, layout, theme, filter } = scene;
  const [first, last] = flightsWithin(messages, view.from, view.to);
  const columns = Math.ceil(view.width / COLUMN) + 1;
  const kinds = FAMILIES.length;
  const counts = new Uint32Array(ids.length * columns * kinds);
  const scale = view.width / view.span() / COLUMN;
  for (let row = first; row < last; row++) {
    const column = Math.floor((messages.start[row] - view.from) * scale);
    if (column < 0 || column >= columns || messages.from[row] < 0 || !filter.showsFlight(messages, row)) continue;
    if (filter.matched !== null && !filter.matched[messages.send[row]]) continue;
    counts[(messages.from[row] * columns + column) * kinds + messages.family[row]] += 1;
  }
  let most = 1;
  for (let place = 0; place < counts.length; place += kinds) {
    let sum = 0;
    for (let kind = 0; kind < kinds; kind++) sum += counts[place + kind];
    most = Math.max(most, sum);
  }
  const room = Math.min(layout.pitch * 0.36, 60);
  context.globalAlpha = 0.75;
  for (let kind = 0; kind < kinds; kind++) {
    context.fillStyle = theme[FAMILIES[kind].id];
    for (let lane = 0; lane < ids.length; lane++) {
      const base = layout.middle(lane) - 10;
      for (let column = 0; column < columns; column++) {
        const place = (lane * columns + column) * kinds;
        if (counts[place + kind] === 0) continue;
        let below = 0;
        let sum = 0;
        for (let other = 0; other < kinds; other++) {
          if (other < kind) below += counts[place + other];
          sum += counts[place + other];
        }
        const height = Math.sqrt(sum / most) * room;
        context.fillRect(column * COLUMN, base - (height * (below + counts[place + kind])) / sum, COLUMN - 1, Math.max(0.6, (height * counts[place + kind]) / sum));
      }
    }
  }
  context.globalAlpha = 1;
}

/** The flight in sight that lies nearest to a point, within some pixels; null if none does. */
export function flightNear(scene, x, y, within) {
  let nearest = null;
  let best = within;
  for (const row of scene.arrows ?? []) {
    const [x1, y1, x2, y2] = ends(scene, row);
    if (Math.min(x1, x2) - within > x || Math.max(x1, x2) + within < x || Math.min(y1, y2) - within > y || Math.max(y1, y2) + within < y) continue;
    const [dx, dy] = [x2 - x1, y2 - y1];
    const along = Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
    const distance = Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
    if (distance >= best) continue;
    best = distance;
    const { messages } = scene.run;
    nearest = { row, event: along > 0.5 && messages.fate[row] === ARRIVED ? messages.end[row] : messages.send[row] };
  }
  return nearest;
}

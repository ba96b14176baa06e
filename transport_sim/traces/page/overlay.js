// What moves with the cursor and the pointer: drawn over the diagram, so that scrubbing does not draw the diagram anew.

import { TOP } from "./backdrop.js";
import { ends } from "./flights.js";

/** Draws the cursor, what it stands on, and what the pointer is over. */
export function drawOverlay(context, scene) {
  const { run, view, layout, theme, cursor, hover } = scene;
  const x = view.toX(cursor.time);
  if (x >= -2 && x <= view.width + 2) {
    context.fillStyle = theme.cursor;
    context.fillRect(x - 0.75, TOP - 14, 1.5, layout.height);
    context.beginPath();
    context.moveTo(x - 6, TOP - 20);
    context.lineTo(x + 6, TOP - 20);
    context.lineTo(x, TOP - 11);
    context.fill();
  }
  for (const number of [hover, cursor.number]) {
    for (const flight of run.flights.get(number) ?? []) ringFlight(context, scene, flight, number === hover && number !== cursor.number);
  }
  const lane = cursor.number >= 0 ? run.nodes[cursor.number] : -1;
  if (lane >= 0) {
    context.strokeStyle = theme.cursor;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(view.toX(run.times[cursor.number]), layout.middle(lane), 7.5, 0, 7);
    context.stroke();
  }
}

/** Draws a message that is pointed at or stood upon, thick, whatever else is in sight. */
function ringFlight(context, scene, flight, faint) {
  const { messages } = scene.run;
  for (let row = scene.firstRow(flight.send); row < messages.count && messages.send[row] <= flight.send; row++) {
    if (messages.send[row] !== flight.send || messages.from[row] < 0 || messages.to[row] < 0) continue;
    const [x1, y1, x2, y2] = ends(scene, row);
    context.strokeStyle = scene.theme.cursor;
    context.globalAlpha = faint ? 0.55 : 1;
    context.lineWidth = 2.8;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
    context.globalAlpha = 1;
  }
}

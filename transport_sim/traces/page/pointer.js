// The pointer in the diagram: drag to pan, wheel to zoom, click to go there, hover to be told what is there.

import { flightNear } from "./flights.js";
import { eventAt } from "./run.js";
import { sentence } from "./words.js";

const NEAR = 8; // pixels
const DRAGGED = 4; // pixels from which on a press is a drag

export function addPointer(board, tip, scene) {
  const { run, view } = scene;
  let pressed = null;
  const place = (event) => {
    const box = board.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  /** What is at a point: a mark of a lane, else a message, else nothing (-1). */
  const eventNear = (x, y) => {
    const mark = markNear(scene, x, y);
    return mark >= 0 ? mark : (flightNear(scene, x, y, NEAR)?.event ?? -1);
  };

  board.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    board.setPointerCapture(event.pointerId);
    pressed = { x: event.clientX, from: view.from, dragged: false };
  });
  board.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    if (pressed !== null) {
      const moved = event.clientX - pressed.x;
      pressed.dragged ||= Math.abs(moved) > DRAGGED;
      if (!pressed.dragged) return;
      board.classList.add("dragging");
      const from = pressed.from - (moved / view.width) * view.span();
      view.show(from, from + view.span());
      hide();
      return;
    }
    const number = eventNear(x, y);
    if (number < 0) hide();
    else {
      tip.textContent = sentence(run, number);
      tip.hidden = false;
      tip.style.left = `${Math.max(4, Math.min(x + 14, view.width - tip.offsetWidth - 6))}px`;
      tip.style.top = `${y + 18 + tip.offsetHeight > scene.layout.height ? y - tip.offsetHeight - 10 : y + 18}px`;
    }
    if (scene.hover !== number) {
      scene.hover = number;
      scene.ask("overlay");
    }
  });
  const hide = () => (tip.hidden = true);
  board.addEventListener("pointerleave", () => {
    hide();
    scene.hover = -1;
    scene.ask("overlay");
  });
  board.addEventListener("pointercancel", () => (pressed = null));
  board.addEventListener("pointerup", (event) => {
    board.classList.remove("dragging");
    const wasClick = pressed !== null && !pressed.dragged;
    pressed = null;
    if (!wasClick) return;
    const [x, y] = place(event);
    const number = eventNear(x, y);
    if (number >= 0) scene.goTo(number, false);
    else scene.goToTime(view.toTime(x), false);
  });
  board.addEventListener("dblclick", (event) => view.zoomAt(view.toTime(place(event)[0]), 0.35));
  board.addEventListener("wheel", (event) => {
    event.preventDefault();
    hide();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      view.pan(((event.deltaX || event.deltaY) / view.width) * view.span());
    } else view.zoomAt(view.toTime(place(event)[0]), Math.exp(Math.min(Math.max(event.deltaY, -120), 120) * 0.0025));
  }, { passive: false });
}

/** The mark within reach in the lane that the point is in, -1 if there is none. */
function markNear({ run, view, layout, lanes, filter }, x, y) {
  const lane = lanes.lanes.findIndex((_, number) => Math.abs(layout.middle(number) - y) < Math.min(24, layout.pitch / 2));
  let [nearest, best] = [-1, NEAR - 1];
  for (const number of run.violations) {
    if (Math.abs(view.toX(run.times[number]) - x) < 5) return number;
  }
  if (lane < 0) return -1;
  const last = eventAt({ times: lanes.lanes[lane].markTimes }, view.toTime(x + NEAR));
  for (let place = last; place >= 0; place--) {
    const mark = lanes.lanes[lane].marks[place];
    const distance = Math.abs(view.toX(mark.at) - x);
    if (view.toX(mark.at) < x - NEAR) break;
    if (distance < best && filter.on[run.kinds[mark.number]]) [nearest, best] = [mark.number, distance];
  }
  return nearest;
}

// A screen with actions drawn where they happen. Paths are SVG in the pixels of the screen; all else has a fixed size and is placed by per cent.

import { h, svg } from "./dom.js";

const CROSS = "M-12 0H12M0-12V12";
const ARROW = "M0-20V18M-9 9L0 19L9 9";
const HEAD = "M-10-12L0 0L10-12";
const CAPTION = 60; // characters of typed text that are drawn

// A figure of the picture at `url`, `size` [w, h]; `planned` actions have not happened yet; `focus` is where the pointer was.
export function screen({ url, size, actions = [], planned = false, focus = null, label = "the screen" }) {
  const { shapes, marks, last } = draw(actions, size, focus);
  const [width, height] = size;
  const picture = h("img", { class: "shot", src: url, width, height, alt: label, decoding: "async", draggable: "false" });
  picture.addEventListener("error", () => picture.replaceWith(h("p", { class: "missing" }, "the picture is missing")));
  const figure = h("figure", { class: planned ? "screen planned" : "screen", style: { "--w": width, "--h": height } }, picture,
    shapes.length ? svg("svg", { class: "shapes", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, shapes) : null,
    marks.length ? h("div", { class: "marks", "aria-hidden": "true" }, marks) : null);
  return { figure, focus: last };
}

export function sizeOf(step) {
  return [step.screen.geometry.width, step.screen.geometry.height];
}

// What is drawn on a step: what was done, or else what was decided.
export function drawnActions(step) {
  const done = step.outcomes.map((outcome) => outcome.action);
  return done.length ? done : step.actions;
}

// Where the pointer was left after the steps before `index`.
export function focusBefore(steps, index) {
  return steps.slice(0, index).flatMap(drawnActions).reduce((focus, action) => placeOf(action) || focus, null);
}

export function placeOf(action) {
  if (action.type === "drag") return action.path.at(-1);
  return Array.isArray(action.point) ? action.point : null;
}

function draw(actions, size, focus) {
  const found = [];
  const shapes = [];
  for (const action of actions) {
    focus = placeOf(action) || focus;
    if (action.type === "drag") shapes.push(...path(action, size));
    const mark = markOf(action, size);
    if (mark) found.push({ ...mark, point: focus });
  }
  return { shapes, marks: found.map((mark, index) => render(mark, index, found)), last: focus };
}

function markOf(action, size) {
  switch (action.type) {
    case "click":
      return { kind: "click", drawing: rings(action.count), tag: clickTag(action) };
    case "long_press":
      return { kind: "click", drawing: rings(1), tag: "long press" };
    case "button_down":
    case "button_up":
      return { kind: "click", drawing: rings(1), tag: action.type === "button_down" ? "press" : "release" };
    case "move":
      return { kind: "move", drawing: stroke(CROSS), tag: "" };
    case "drag":
      return { kind: "drag", drawing: stroke(HEAD, direction(action.path, size)), tag: action.button === "left" ? "" : action.button };
    case "scroll":
      return { kind: "scroll", drawing: stroke(ARROW, scrollDirection(action)), tag: String(Math.abs(action.dy || action.dx)) };
    case "type":
      return { kind: "caption", tag: shortened(action.text) };
    case "hotkey":
      return { kind: "caption keys", tag: action.keys.join(" + ") };
    case "key_down":
    case "key_up":
      return { kind: "caption keys", tag: `${action.key} ${action.type === "key_down" ? "held" : "let go"}` };
    default:
      return null;
  }
}

function render(mark, index, marks) {
  const order = marks.length > 1 ? h("b", {}, String(index + 1)) : null;
  const label = order || mark.tag ? h("span", { class: "tag" }, order, mark.tag ? h("span", {}, mark.tag) : null) : null;
  const [x, y] = mark.point || [0.5, 0.96];
  const above = marks.slice(0, index).filter((other) => other.tag && String(other.point) === String(mark.point)).length;
  const side = mark.point ? (x > 0.6 ? " leftward" : "") + (y > 0.8 ? " upward" : "") : " nowhere";
  const place = { left: `${100 * x}%`, top: `${100 * y}%`, "--row": above };
  return h("div", { class: `mark ${mark.kind}${side}`, style: place }, mark.drawing, label);
}

function clickTag(click) {
  return [...click.modifiers, click.button === "left" ? "" : click.button, click.count > 1 ? `×${click.count}` : ""].filter(Boolean).join(" ");
}

function rings(count) {
  const circles = [svg("circle", { class: "pulse", r: 13 })];
  for (let n = 0; n < count; n += 1) circles.push(svg("circle", { class: "halo", r: 13 + 6 * n }), svg("circle", { class: "line", r: 13 + 6 * n }));
  return svg("svg", { viewBox: "-32 -32 64 64" }, circles, svg("circle", { class: "dot", r: 3.5 }));
}

function stroke(d, degrees = 0) {
  const lines = svg("g", { transform: `rotate(${Math.round(degrees)})` }, svg("path", { class: "halo", d }), svg("path", { class: "line", d }));
  return svg("svg", { viewBox: "-32 -32 64 64" }, lines);
}

function path(drag, [width, height]) {
  const points = drag.path.map(([x, y]) => `${(x * width).toFixed(1)},${(y * height).toFixed(1)}`).join(" ");
  const [x, y] = drag.path[0];
  return [svg("polyline", { class: "halo", points }), svg("polyline", { class: "line", points }),
    svg("circle", { class: "start", cx: x * width, cy: y * height, r: Math.max(width, height) / 160 })];
}

// Degrees by which an arrow that points down is turned to point along the last leg that has a length.
function direction(points, [width, height]) {
  const end = points.at(-1);
  const before = [...points].reverse().find((point) => point[0] !== end[0] || point[1] !== end[1]) || end;
  return (Math.atan2((end[1] - before[1]) * height, (end[0] - before[0]) * width) * 180) / Math.PI - 90;
}

function scrollDirection(scroll) {
  if (scroll.dy) return scroll.dy < 0 ? 0 : 180;
  return scroll.dx > 0 ? -90 : 90;
}

function shortened(text) {
  const line = text.slice(0, CAPTION).replaceAll("\n", "⏎").replaceAll("\t", "⇥");
  return text.length <= CAPTION ? line : `${line}… (${text.length.toLocaleString()} characters)`;
}

// Another action instead of the one that waits: a form of its fields, its JSON, or a click on the screen for its place.

import { h } from "./dom.js";

const TEMPLATES = {
  click: { point: [0.5, 0.5], button: "left", count: 1, modifiers: [] },
  move: { point: [0.5, 0.5] },
  drag: { path: [[0.4, 0.5], [0.6, 0.5]], button: "left" },
  scroll: { point: [0.5, 0.5], dx: 0, dy: -3 },
  type: { text: "" },
  hotkey: { keys: ["enter"] },
  wait: { seconds: 1 },
};
const CHOICES = { button: ["left", "right", "middle"], count: [1, 2, 3] };

// `changed` is told each action as it is edited, `send` the last one; `cancel` when nothing shall be changed.
export function editor(action, { changed, send, cancel }) {
  let edited = structuredClone(action);
  const fields = h("div", { class: "fields" });
  const json = h("textarea", { id: "json", rows: 5, spellcheck: "false", "aria-describedby": "json-told" });
  const told = h("p", { id: "json-told", class: "note bad", role: "alert", hidden: true });
  const types = [...new Set([action.type, ...Object.keys(TEMPLATES)])];
  const type = h("select", { id: "action-type" }, types.map((each) => h("option", { value: each }, each.replaceAll("_", " "))));
  type.value = action.type;
  const raw = h("details", {}, h("summary", {}, "As JSON"), h("label", { for: "json", class: "unseen" }, "The action as JSON"), json);
  const form = h("form", { class: "editor", novalidate: true, onsubmit: submit, onkeydown: (event) => { if (event.key === "Escape") { event.stopPropagation(); cancel(); } } },
    h("label", { for: "action-type" }, "Do this instead"), type, fields, told,
    h("div", { class: "buttons" }, h("button", { class: "yes" }, "Do this"), h("button", { type: "button", onclick: cancel }, "Cancel")),
    h("p", { class: "soft hint" }, "A click on the screen chooses the place."), raw);
  type.addEventListener("change", () => {
    const place = edited.point || (edited.path && edited.path.at(-1));
    edited = type.value === action.type ? structuredClone(action) : { type: type.value, ...structuredClone(TEMPLATES[type.value]) };
    if (place && edited.point) edited.point = place;
    show();
  });
  json.addEventListener("input", () => {
    try {
      edited = JSON.parse(json.value);
      if (edited === null || typeof edited !== "object" || Array.isArray(edited)) throw new SyntaxError("it must be an object");
      complain("");
      drawFields();
      changed(edited);
    } catch (error) {
      complain(`That is not an action: ${error.message}`);
    }
  });
  show();
  return { element: form, pick, complain, focus: () => (fields.querySelector("input, textarea, select") || type).focus() };

  function show() {
    complain("");
    drawFields();
    tellJson();
    changed(edited);
  }

  function tellJson() {
    json.value = JSON.stringify(edited);
  }

  function set(name, value) {
    edited = { ...edited, [name]: value };
    tellJson();
    changed(edited);
  }

  function drawFields() {
    fields.replaceChildren(...Object.entries(edited).filter(([name]) => name !== "type").map(([name, value]) => field(name, value, set)).filter(Boolean));
  }

  function pick(point, first) {
    if (edited.type === "drag") set("path", first ? [point, ...edited.path.slice(1)] : [...edited.path.slice(0, -1), point]);
    else if ("point" in edited) set("point", point);
    else {
      edited = { type: "click", ...structuredClone(TEMPLATES.click), point };
      type.value = "click";
    }
    show();
  }

  function complain(words) {
    told.hidden = !words;
    told.textContent = words;
  }

  function submit(event) {
    event.preventDefault();
    if (told.hidden || !told.textContent.startsWith("That is not")) send(edited);
  }
}

function field(name, value, set) {
  const id = `field-${name}`;
  const label = (words, input) => h("div", { class: "field" }, h("label", { for: id }, words), input);
  if (CHOICES[name]) {
    const select = h("select", { id, onchange: () => set(name, typeof value === "number" ? Number(select.value) : select.value) }, CHOICES[name].map((each) => h("option", { value: each }, String(each))));
    select.value = String(value);
    return label(name, select);
  }
  if (name === "point") return point(value || [0.5, 0.5], set);
  if (typeof value === "number") return label(name, h("input", { id, type: "number", step: "any", value, oninput: (event) => set(name, Number(event.target.value)) }));
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) {
    return label(name, h("input", { id, value: value.join(" + "), spellcheck: "false", autocomplete: "off", oninput: (event) => set(name, event.target.value.split("+").map((each) => each.trim().toLowerCase()).filter(Boolean)) }));
  }
  if (typeof value === "string" || value === null) return label(name, h("textarea", { id, rows: 2, value: value || "", oninput: (event) => set(name, event.target.value) }));
  return null; // a path: by clicks, or in the JSON
}

// Per cent of the screen's width and height.
function point(value, set) {
  const inputs = ["x", "y"].map((axis, index) => h("input", {
    id: `field-${axis}`, type: "number", min: 0, max: 100, step: "any", value: Number((100 * value[index]).toFixed(2)), oninput: () => set("point", inputs.map((input) => Math.min(1, Math.max(0, Number(input.value) / 100)))),
  }));
  return h("div", { class: "pair" }, ["x", "y"].map((axis, index) => h("div", { class: "field" }, h("label", { for: `field-${axis}` }, `${axis}, in % of the screen`), inputs[index])));
}

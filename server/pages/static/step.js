// A step in words: thought, what became of each action, notes, where the time went; and the strip of small screens above.

import { h } from "./dom.js";
import { seconds } from "./words.js";

const STAGES = ["look", "decide", "check", "approve", "act"];

export function panelOf(step) {
  return [
    step.thought ? h("p", { class: "thought" }, step.thought) : null,
    actionList(step.fates),
    step.error === null ? null : h("p", { class: "note bad" }, `This answer could not be read: ${step.error}`),
    [step.feedback, ...step.notes].filter(Boolean).map((words) => h("p", { class: "note" }, words)),
    timing(step.timing),
    tokens(step.trace),
    step.text ? h("details", {}, h("summary", {}, "What the model wrote"), h("pre", {}, step.text)) : null,
  ];
}

// `fates` are {words, note, performed}; a `differing` set of indices is marked.
export function actionList(fates, differing = new Set()) {
  if (!fates.length) return null;
  return h("ol", { class: "actions" }, fates.map((fate, index) => {
    const [first, ...rest] = fate.words.split(" ");
    const kind = [fate.performed === false ? "dropped" : "", differing.has(index) ? "differs" : ""].join(" ").trim();
    return h("li", { class: kind || null }, h("b", {}, first), ` ${rest.join(" ")}`, fate.note ? h("small", {}, fate.note) : null);
  }));
}

function timing(told) {
  const names = [...STAGES, ...Object.keys(told).filter((name) => !STAGES.includes(name)).sort()].filter((name) => told[name] > 0);
  if (!names.length) return null;
  const total = names.reduce((sum, name) => sum + told[name], 0);
  const bar = names.map((name) => h("i", { class: `t-${STAGES.includes(name) ? name : "other"}`, style: { "flex-grow": Math.max(told[name] / total, 0.004) } }));
  const legend = names.map((name) => h("span", { class: "stage" }, h("i", { class: `t-${STAGES.includes(name) ? name : "other"}` }), `${name} ${seconds(told[name])}`));
  return h("div", { class: "timing" }, h("div", { class: "bar", "aria-hidden": "true" }, bar), h("p", { class: "legend" }, legend));
}

function tokens(trace) {
  if (!trace.prompt_tokens && !trace.completion_tokens) return null;
  const cached = trace.cached_tokens ? `, ${trace.cached_tokens} of them cached` : "";
  return h("p", { class: "trace" }, `${trace.prompt_tokens || 0} tokens read${cached}; ${trace.completion_tokens || 0} written`);
}

// Small screens to choose from. `entries` are {url, size, label, kind}.
export function strip(entries, current, choose) {
  const buttons = entries.map((entry, index) => h("button", {
    type: "button", class: `thumb ${entry.kind || ""}${index === current ? " current" : ""}`, "aria-current": index === current ? "step" : null,
    "aria-label": `step ${entry.label}`, style: { "--w": entry.size[0], "--h": entry.size[1] }, onclick: () => choose(index),
  }, h("img", { class: "shot", src: entry.url, alt: "", loading: "lazy", decoding: "async", width: entry.size[0], height: entry.size[1] }), h("span", {}, entry.label)));
  return h("nav", { class: "strip", "aria-label": "Steps" }, buttons);
}

export function intoView(nav) {
  const thumb = nav.querySelector(".current");
  if (thumb) nav.scrollLeft = thumb.offsetLeft - nav.offsetLeft - (nav.clientWidth - thumb.clientWidth) / 2;
}

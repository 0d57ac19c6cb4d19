// Keyboard shortcuts: those of the view that is shown, and those that hold everywhere. They can be switched off, for those who dictate.

import { h } from "./dom.js";

const EVERYWHERE = [["1", "runs", () => { location.hash = "#/runs"; }], ["2", "episodes", () => { location.hash = "#/episodes"; }],
  ["3", "reports", () => { location.hash = "#/reports"; }], ["t", "light or dark", () => document.getElementById("theme").click()], ["?", "this list", () => help()]];
const NAMES = { ArrowLeft: "←", ArrowRight: "→", " ": "space", Escape: "Esc" };
let ours = [];

// `bindings` are [key, what it does, function]; the view's own, until another view is shown.
export function bind(bindings) {
  ours = bindings;
}

export const enabled = () => localStorage.getItem("shortcuts") !== "off";

export function listen() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && event.key.length === 1 && event.key !== " ") return;
    const field = event.target.closest("input, textarea, select, [contenteditable]");
    if (field || document.querySelector("dialog[open]")) return;
    if (event.key.length === 1 && !enabled() && event.key !== " ") return;
    if (event.key === " " && event.target.closest("button, summary, a")) return;
    const found = [...ours, ...EVERYWHERE].find(([key]) => key === event.key || (key.length === 1 && key === event.key.toLowerCase()));
    if (!found) return;
    event.preventDefault();
    found[2]();
  });
  document.getElementById("help").addEventListener("click", help);
}

export function kbd(key) {
  return h("kbd", { "aria-hidden": "true" }, NAMES[key] || key.toUpperCase());
}

function help() {
  const dialog = document.getElementById("keys");
  const rows = [...ours, ...EVERYWHERE].map(([key, words]) => [h("dt", {}, h("kbd", {}, NAMES[key] || key.toUpperCase())), h("dd", {}, words)]);
  const box = h("input", { type: "checkbox", id: "shortcuts" });
  box.checked = enabled();
  box.addEventListener("change", () => localStorage.setItem("shortcuts", box.checked ? "on" : "off"));
  dialog.replaceChildren(h("h2", { id: "keys-title" }, "Keyboard shortcuts"), h("dl", {}, rows),
    h("label", { class: "check" }, box, "Single letters and digits are shortcuts"),
    h("form", { method: "dialog", onsubmit: (event) => { event.preventDefault(); dialog.close(); } }, h("button", { class: "main" }, "Close")));
  dialog.showModal();
}

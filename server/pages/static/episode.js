// One episode, looked through step by step.

import { get } from "./api.js";
import { announce, h } from "./dom.js";
import { bind, kbd } from "./keys.js";
import { drawnActions, focusBefore, screen, sizeOf } from "./screen.js";
import { intoView, panelOf, strip } from "./step.js";
import { badge, plural, seconds, statusBadge, when } from "./words.js";

const PLAY_MS = 1200;

export async function episode(place, [id, first]) {
  const told = await get(`/episodes/${id}`);
  document.title = `${told.task.slice(0, 80)} – Deftly`;
  let at = Math.min(Number(first || 0), told.steps.length - 1);
  let timer = 0;
  const entries = told.steps.map((step) => ({ url: stepUrl(id, step), size: sizeOf(step), label: String(step.index + 1), kind: step.error === null ? "" : "bad" }));
  const stripPlace = h("div");
  const article = h("article", { class: "step" });
  place.append(heading(id, told), stripPlace, article, about(told));
  if (told.steps.length) show(Math.max(0, at));
  else article.replaceWith(h("p", { class: "empty" }, "No step was recorded."));
  bind([["ArrowLeft", "the step before", () => show(at - 1)], ["ArrowRight", "the next step", () => show(at + 1)], ["Home", "the first step", () => show(0)], ["End", "the last step", () => show(told.steps.length - 1)],
    [" ", "play", play], ["c", "compare with another", () => { location.hash = `#/episodes?with=${id}`; }]]);
  swipes(article, (by) => show(at + by));
  return () => clearInterval(timer);

  function show(index) {
    if (index < 0 || index >= told.steps.length) return false;
    at = index;
    const step = told.steps[index];
    history.replaceState(null, "", `#/episodes/${id}/${index}`);
    const made = screen({ url: stepUrl(id, step), size: sizeOf(step), actions: drawnActions(step), planned: !step.outcomes.length, focus: focusBefore(told.steps, index), label: `the screen at step ${index + 1}` });
    const focused = stripPlace.contains(document.activeElement);
    const turned = article.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : "";
    const nav = strip(entries, index, show);
    stripPlace.replaceChildren(nav);
    intoView(nav);
    article.replaceChildren(h("div", { class: "stage-figure" }, made.figure), h("div", { class: "panel" }, counter(index), panelOf(step)));
    if (focused) nav.querySelector(".current").focus();
    const again = turned && [...article.querySelectorAll("button")].find((button) => button.getAttribute("aria-label") === turned);
    if (again) again.focus();
    announce(`Step ${index + 1} of ${told.steps.length}: ${step.fates.map((fate) => fate.words).join(", ")}`);
    return true;
  }

  function counter(index) {
    const turn = (by, arrow, words) => h("button", { type: "button", "aria-label": words, "aria-disabled": String(index + by < 0 || index + by >= told.steps.length), onclick: () => show(index + by) }, arrow);
    return h("p", { class: "count" }, h("span", {}, `Step ${index + 1} `, h("i", {}, `of ${told.steps.length}`)), h("span", { class: "turns" }, turn(-1, "‹", "the step before"), turn(1, "›", "the next step")));
  }

  function play() {
    const playing = timer;
    clearInterval(timer);
    timer = 0;
    if (!playing) timer = setInterval(() => { if (!show(at + 1)) play(); }, PLAY_MS);
  }
}

export function stepUrl(id, step) {
  return `/episodes/${id}/steps/${step.index}/screen?${step.screen.sha256.slice(0, 12)}`;
}

function heading(id, told) {
  return h("header", {}, h("a", { class: "back", href: "#/episodes" }, "← all episodes"),
    h("div", { class: "titled" }, h("h1", {}, told.task), h("div", { class: "buttons" }, h("a", { class: "button", href: `#/episodes?with=${id}` }, "Compare", kbd("c")))),
    h("p", { class: "badges" }, statusBadge(told.status, told.reward), told.reward === null ? null : badge(`reward ${told.reward}`), badge(plural(told.steps.length, "step")), badge(seconds(told.seconds)), badge(when(told.started))),
    h("p", { class: "end" }, told.message || "It was not ended: it still runs, or its process was killed."), told.notes.map((note) => h("p", { class: "note" }, note)));
}

function about(told) {
  const rows = [["episode", told.name], ...Object.entries(told.meta)];
  return h("details", { class: "about" }, h("summary", {}, "What it was made of"), h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, typeof value === "string" ? value : JSON.stringify(value))])));
}

function swipes(element, turn) {
  let from = null;
  element.addEventListener("touchstart", (event) => { from = event.target.closest(".screen") ? event.touches[0] : null; }, { passive: true });
  element.addEventListener("touchend", (event) => {
    const by = from ? event.changedTouches[0].clientX - from.clientX : 0;
    if (Math.abs(by) > 48) turn(by < 0 ? 1 : -1);
    from = null;
  });
}

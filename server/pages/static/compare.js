// Two episodes side by side, step by step; where they differ is marked.

import { get } from "./api.js";
import { announce, h } from "./dom.js";
import { stepUrl } from "./episode.js";
import { bind, kbd } from "./keys.js";
import { drawnActions, focusBefore, screen, sizeOf } from "./screen.js";
import { actionList } from "./step.js";
import { badge, plural, seconds, statusBadge, when } from "./words.js";

const NEAR = 0.01; // of the screen: two places as close as this are one
const LONGEST = 600; // words of a thought that are compared one by one

export async function compare(place, [left, right, first]) {
  const ids = [left, right];
  const told = await Promise.all(ids.map((id) => get(`/episodes/${id}`)));
  document.title = "Compare – Deftly";
  const length = Math.max(...told.map((each) => each.steps.length));
  const differences = Array.from({ length }, (_, index) => differ(told[0].steps[index], told[1].steps[index]));
  const differing = differences.flatMap((found, index) => (found.length ? [index] : []));
  let at = Math.max(0, Math.min(Number(first ?? differing[0] ?? 0), length - 1));
  const turns = h("nav", { class: "strip numbers", "aria-label": "Steps" });
  const summary = h("p", { class: "note" });
  const columns = h("div", { class: "sides" });
  place.append(h("header", {}, h("a", { class: "back", href: "#/episodes" }, "← all episodes"), h("div", { class: "titled" }, h("h1", {}, "Compare"),
    h("div", { class: "buttons" }, h("button", { type: "button", onclick: nextDifference }, "Next difference", kbd("d")), h("button", { type: "button", onclick: swap }, "Swap sides")))),
  h("div", { class: "sides" }, told.map((each, side) => head(each, ids[side]))), turns, summary, columns);
  bind([["ArrowLeft", "the step before", () => show(at - 1)], ["ArrowRight", "the next step", () => show(at + 1)], ["Home", "the first step", () => show(0)], ["End", "the last step", () => show(length - 1)], ["d", "the next difference", nextDifference]]);
  if (length) show(at);
  else columns.append(h("p", { class: "empty" }, "Neither has a step."));

  function show(index) {
    if (index < 0 || index >= length) return;
    at = index;
    history.replaceState(null, "", `#/compare/${left}/${right}/${index}`);
    const focused = turns.contains(document.activeElement);
    turns.replaceChildren(...differences.map((found, number) => h("button", {
      type: "button", class: `turn ${found.length ? "differs" : ""} ${number === index ? "current" : ""}`, "aria-current": number === index ? "step" : null,
      "aria-label": `step ${number + 1}, ${found.length ? `differs in ${found.join(", ")}` : "the same"}`, onclick: () => show(number),
    }, String(number + 1))));
    if (focused) turns.querySelector(".current").focus();
    const found = differences[index];
    const words = found.length ? `Step ${index + 1} differs in ${found.join(", ")}.` : `Step ${index + 1} is the same in both.`;
    summary.textContent = words;
    summary.classList.toggle("same", !found.length);
    announce(words);
    columns.replaceChildren(...told.map((each, side) => column(each, told[1 - side], ids[side], index, found)));
  }

  function nextDifference() {
    const next = differing.find((index) => index > at) ?? differing[0];
    if (next !== undefined) show(next);
  }

  function swap() {
    location.hash = `#/compare/${right}/${left}/${at}`;
  }
}

function head(told, id) {
  return h("div", { class: "side-head" }, h("h2", {}, h("a", { href: `#/episodes/${id}` }, told.task)),
    h("p", { class: "badges" }, statusBadge(told.status, told.reward), badge(plural(told.steps.length, "step")), badge(seconds(told.seconds)), told.meta.model ? badge(String(told.meta.model)) : null, badge(when(told.started))));
}

function column(told, other, id, index, found) {
  const step = told.steps[index];
  if (!step) return h("section", { class: "side" }, h("p", { class: "empty" }, `It ended after ${plural(told.steps.length, "step")}: ${told.status.replaceAll("_", " ")}`));
  const theirs = other.steps[index];
  const made = screen({ url: stepUrl(id, step), size: sizeOf(step), actions: drawnActions(step), planned: !step.outcomes.length, focus: focusBefore(told.steps, index), label: `the screen at step ${index + 1}` });
  const wrong = new Set(step.fates.flatMap((fate, number) => (theirs && sameAction(fate, theirs.fates[number]) ? [] : [number])));
  return h("section", { class: `side${found.includes("screen") ? " other-screen" : ""}` }, made.figure,
    step.thought ? h("p", { class: "thought" }, theirs ? marked(step.thought, theirs.thought) : step.thought) : null, actionList(step.fates, wrong),
    step.error === null ? null : h("p", { class: "note bad" }, `This answer could not be read: ${step.error}`), [step.feedback, ...step.notes].filter(Boolean).map((words) => h("p", { class: "note" }, words)));
}

// In what two steps differ; nothing when in nothing that matters.
function differ(one, two) {
  if (!one || !two) return ["length"];
  const found = [];
  if (one.screen.sha256 !== two.screen.sha256) found.push("screen");
  if (one.thought !== two.thought) found.push("thought");
  if (one.fates.length !== two.fates.length || !one.fates.every((fate, index) => sameAction(fate, two.fates[index]))) found.push("actions");
  if ((one.error === null) !== (two.error === null)) found.push("errors");
  return found;
}

function sameAction(one, two) {
  return Boolean(two) && one.performed === two.performed && near(one.action, two.action);
}

function near(one, two) {
  if (Array.isArray(one) && Array.isArray(two)) return one.length === two.length && one.every((each, index) => (typeof each === "number" ? Math.abs(each - two[index]) <= NEAR : near(each, two[index])));
  if (one && two && typeof one === "object" && typeof two === "object") return [...new Set([...Object.keys(one), ...Object.keys(two)])].every((key) => near(one[key], two[key]));
  return one === two;
}

// `text` with the words marked that `other` does not have there, by their longest common subsequence.
function marked(text, other) {
  const ours = text.split(/(\s+)/);
  const theirs = other.split(/(\s+)/);
  if (ours.length > LONGEST || theirs.length > LONGEST) return text;
  const kept = common(ours, theirs);
  return ours.map((word, index) => (kept.has(index) || !word.trim() ? word : h("mark", {}, word)));
}

function common(ours, theirs) {
  const lengths = Array.from({ length: ours.length + 1 }, () => new Uint16Array(theirs.length + 1));
  for (let i = ours.length - 1; i >= 0; i -= 1) for (let j = theirs.length - 1; j >= 0; j -= 1) lengths[i][j] = ours[i] === theirs[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
  const kept = new Set();
  for (let i = 0, j = 0; i < ours.length && j < theirs.length;) {
    if (ours[i] === theirs[j]) { kept.add(i); i += 1; j += 1; } else if (lengths[i + 1][j] >= lengths[i][j + 1]) i += 1; else j += 1;
  }
  return kept;
}

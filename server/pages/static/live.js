// One run, live: the screen, what the model thinks and wants to do, and a person's yes or no.

import { get, post } from "./api.js";
import { announce, h } from "./dom.js";
import { editor } from "./editor.js";
import { bind, kbd } from "./keys.js";
import { drawnActions, focusBefore, screen, sizeOf } from "./screen.js";
import { actionList, intoView, panelOf, strip } from "./step.js";
import { badge, plural, problem, statusBadge } from "./words.js";

const STAGES = { look: "looks at the screen", decide: "the model thinks", check: "checks the screen", approve: "waits for approval", act: "acts" };

export async function live(place, [id]) {
  const state = { run: await get(`/runs/${id}`), steps: [], now: null, question: null, viewing: null, edited: null };
  const parts = { head: h("header"), strip: h("div"), figure: h("div", { class: "stage-figure" }), words: h("div", { class: "words" }), asks: h("div", { class: "asks" }) };
  const stop = h("button", { type: "button", class: "no stop", onclick: () => send("stop") }, "Stop", kbd("s"));
  const told = h("div");
  let form = null;
  let shownStrip = "";
  let shownFigure = "";
  let shownWords = "";
  let frame = 0;

  place.append(parts.head, parts.strip, h("article", { class: "step" }, parts.figure, h("div", { class: "panel" }, parts.words, told, parts.asks)));
  parts.figure.addEventListener("click", pickPlace);
  bind([["a", "approve", () => press(".yes")], ["m", "modify", () => press(".modify")], ["r", "reject", () => press(".reject")], ["s", "stop the run", () => state.run.live && send("stop")],
    ["ArrowLeft", "the step before", () => look(-1)], ["ArrowRight", "the next step", () => look(1)], ["Escape", "back to what happens now", () => { form ? closeForm() : view(null); }]]);
  const source = new EventSource(`/runs/${id}/events`);
  const on = (kind, work) => source.addEventListener(kind, (event) => { work(JSON.parse(event.data)); later(); });
  on("run", (run) => { state.run = run; });
  on("stage", ({ step, stage }) => { if (!state.now || state.now.step !== step) state.now = { step, screen: null, said: null }; state.now.stage = stage; });
  on("screen", (seen) => { state.now = { ...state.now, step: seen.step, screen: seen, said: null }; });
  on("said", (said) => { state.now = { ...state.now, said }; });
  on("waiting", (question) => { state.question = question; state.viewing = null; ask(); });
  on("answered", () => { state.question = null; ask(); });
  on("step", (step) => { state.steps[step.index] = step; if (state.now && state.now.step === step.index) state.now = null; });
  on("ended", (run) => { state.run = run; state.question = null; state.now = null; ask(); source.close(); });
  source.addEventListener("error", () => { if (state.run.live) told.replaceChildren(h("p", { class: "note" }, "The connection to the server is lost; trying again …")); });
  source.addEventListener("open", () => told.replaceChildren());
  later();
  return () => { source.close(); cancelAnimationFrame(frame); };

  function later() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  }

  function draw() {
    drawHead();
    drawStrip();
    drawFigure();
    drawWords();
  }

  function drawHead() {
    const { run, question } = state;
    const status = run.live && question ? "waiting" : run.live && run.status === "waiting" ? "running" : run.status;
    document.title = `${question ? "● waits – " : ""}${run.task.slice(0, 80) || "Run"} – Deftly`;
    stop.hidden = !run.live;
    const link = !run.live && run.episode ? h("a", { class: "button", href: `#/episodes/${run.episode}` }, "Look through it") : null;
    parts.head.replaceChildren(h("a", { class: "back", href: "#/runs" }, "← all runs"),
      h("div", { class: "titled" }, h("h1", {}, run.task || "…"), h("div", { class: "buttons" }, link, stop)),
      h("p", { class: "badges" }, statusBadge(status, run.reward), run.reward === null ? null : badge(`reward ${run.reward}`), badge(plural(state.steps.length, "step")), badge(run.computer_words), badge(run.mode)),
      h("p", { class: "end", hidden: !run.message }, run.message));
    announce(question ? `Step ${question.step + 1} waits for you: ${question.words}` : run.live ? `${plural(state.steps.length, "step")} done` : `The run has ended: ${run.status.replaceAll("_", " ")}. ${run.message}`);
  }

  function shown() {
    const index = state.viewing ?? (state.now && state.now.screen ? state.now.step : state.steps.length - 1);
    return { index, step: state.steps[index] || null, now: state.now && state.now.screen && state.now.step === index ? state.now : null };
  }

  function drawStrip() {
    const entries = state.steps.map((step) => ({ url: urlOf(step.index, step.screen.sha256), size: sizeOf(step), label: String(step.index + 1), kind: step.error === null ? "" : "bad" }));
    if (state.now && state.now.screen) entries.push({ url: urlOf(state.now.step, state.now.screen.sha256), size: [state.now.screen.width, state.now.screen.height], label: `${state.now.step + 1} now`, kind: "now" });
    const { index } = shown();
    const key = JSON.stringify([entries, index]);
    if (key === shownStrip) return;
    shownStrip = key;
    const focused = parts.strip.contains(document.activeElement);
    const nav = strip(entries, index, (chosen) => view(chosen === entries.length - 1 && state.now ? null : chosen));
    parts.strip.replaceChildren(nav);
    intoView(nav);
    if (focused && nav.querySelector(".current")) nav.querySelector(".current").focus();
  }

  function drawFigure() {
    const { index, step, now } = shown();
    if (!step && !now) {
      if (shownFigure !== "none") parts.figure.replaceChildren(h("p", { class: "empty" }, state.run.live ? "The screen is being opened …" : "No step was recorded."));
      shownFigure = "none";
      return;
    }
    const seen = step ? step.screen : now.screen;
    const actions = state.edited && now ? [state.edited] : step ? drawnActions(step) : state.question ? [state.question.action] : now.said ? now.said.actions.map((each) => each.action) : [];
    const planned = step ? step.outcomes.length === 0 : true;
    const key = JSON.stringify([index, seen.sha256, actions, planned, Boolean(form)]);
    if (key === shownFigure) return;
    shownFigure = key;
    const size = step ? sizeOf(step) : [seen.width, seen.height];
    let made;
    try {
      made = screen({ url: urlOf(index, seen.sha256), size, actions, planned, focus: focusBefore(state.steps, index), label: `the screen at step ${index + 1}` });
    } catch {
      return; // an action that is being written and is none yet
    }
    made.figure.classList.toggle("picking", Boolean(form));
    const before = parts.figure.querySelector("img");
    if (before && before.src === made.figure.querySelector("img").src) made.figure.querySelector("img").replaceWith(before); // no flicker
    parts.figure.replaceChildren(made.figure);
  }

  function drawWords() {
    const { index, step, now } = shown();
    const stage = state.run.live && now && now.stage ? STAGES[now.stage] : "";
    const key = JSON.stringify([index, step, now, stage, state.viewing, Boolean(state.question)]);
    if (key === shownWords) return;
    shownWords = key;
    const count = index < 0 ? null : h("p", { class: "count" }, h("span", {}, `Step ${index + 1}`, stage ? h("i", {}, ` · ${stage}`) : null), state.viewing !== null && state.run.live ? h("button", { type: "button", onclick: () => view(null) }, "Now", kbd("Escape")) : null);
    const said = now && now.said;
    const asked = state.question && said && said.actions.length === 1; // it stands in the question already
    const body = step ? panelOf(step) : said ? [said.thought ? h("p", { class: "thought" }, said.thought) : null, asked ? null : actionList(said.actions),
      said.error === null ? null : h("p", { class: "note bad" }, `This answer could not be read: ${said.error}`)] : state.run.live ? [h("p", { class: "thought thinking" }, "…")] : [];
    parts.words.replaceChildren(...[count, body].flat(3).filter(Boolean));
  }

  // The question, drawn only when it changes: whoever writes in its form must not lose a letter.
  function ask() {
    form = null;
    state.edited = null;
    const question = state.question;
    if (!question) return parts.asks.replaceChildren();
    const reason = h("input", { id: "reason", placeholder: "why, for the model (may be empty)", autocomplete: "off" });
    const rejecting = h("form", { class: "rejecting", hidden: true, onsubmit: (event) => { event.preventDefault(); send("reject", { reason: reason.value }); } },
      h("label", { for: "reason" }, "Reject, since"), reason, h("div", { class: "buttons" }, h("button", { class: "no" }, "Reject it"), h("button", { type: "button", onclick: closeForm }, "Cancel")));
    rejecting.addEventListener("keydown", (event) => { if (event.key === "Escape") closeForm(); });
    const buttons = h("div", { class: "buttons main-buttons" },
      h("button", { type: "button", class: "yes", onclick: () => send("approve") }, "Approve", kbd("a")),
      h("button", { type: "button", class: "modify", onclick: modify }, "Modify", kbd("m")),
      h("button", { type: "button", class: "no reject", onclick: () => { openForm(rejecting); reason.focus(); } }, "Reject", kbd("r")));
    const box = h("section", { class: "ask", "aria-label": "An action waits for you" }, h("p", { class: "ask-title" }, "May this happen?"), h("p", { class: "ask-words" }, question.words),
      question.why ? h("p", { class: "note" }, `You are asked because of ${question.why}`) : null, buttons, rejecting, h("div", { class: "editing" }));
    parts.asks.replaceChildren(box);
    return undefined;
  }

  function modify() {
    const made = editor(state.question.action, { changed: (action) => { state.edited = action; later(); }, send: (action) => send("modify", { action }), cancel: closeForm });
    parts.asks.querySelector(".editing").replaceChildren(made.element);
    openForm(made.element);
    form = made;
    made.focus();
    later();
  }

  function openForm(element) {
    element.hidden = false;
    parts.asks.querySelector(".main-buttons").hidden = true;
  }

  function closeForm() {
    ask();
    later();
    const first = parts.asks.querySelector(".yes");
    if (first) first.focus();
  }

  function pickPlace(event) {
    const picture = event.target.closest(".screen") && parts.figure.querySelector("img");
    if (!form || !picture) return;
    const box = picture.getBoundingClientRect();
    const round = (value) => Number(Math.min(1, Math.max(0, value)).toFixed(4));
    form.pick([round((event.clientX - box.left) / box.width), round((event.clientY - box.top) / box.height)], event.shiftKey);
  }

  async function send(verb, body = {}) {
    const number = state.question && state.question.ask;
    try {
      await post(`/runs/${id}/${verb}`, verb === "stop" ? {} : { ask: number, ...body });
      told.replaceChildren();
    } catch (error) {
      if (form && verb === "modify") form.complain(error.message);
      else told.replaceChildren(problem(error));
    }
  }

  function press(selector) {
    const button = parts.asks.querySelector(`.main-buttons:not([hidden]) ${selector}`);
    if (button) button.click();
  }

  function look(by) {
    const { index } = shown();
    const last = state.now && state.now.screen ? state.now.step : state.steps.length - 1;
    const next = Math.min(last, Math.max(0, index + by));
    view(next === last && state.now ? null : next);
  }

  function view(index) {
    state.viewing = index;
    later();
  }

  function urlOf(index, sha256) {
    return `/runs/${id}/steps/${index}/screen?${sha256.slice(0, 12)}`;
  }
}

// The runs of the server, and the form that starts one.

import { get, post } from "./api.js";
import { h } from "./dom.js";
import { badge, plural, problem, seconds, statusBadge, tone, when } from "./words.js";

const EVERY_MS = 2000;
const MODES = { confirm: ["Ask me", "each action waits for your yes"], auto: ["Go ahead", "what the policy allows happens at once"], "dry-run": ["Touch nothing", "only say what would be done"] };
const KINDS = { virtual: "Virtual desktop", desktop: "This machine's desktop", miniwob: "MiniWoB++ task" };

export async function runs(place) {
  document.title = "Runs – Deftly";
  const list = h("div", { class: "list" });
  const options = await get("/runs/options");
  const form = startForm(options);
  place.append(h("div", { class: "split" }, h("section", { "aria-labelledby": "runs-title" }, h("div", { class: "titled" }, h("h1", { id: "runs-title" }, "Runs"), h("button", { type: "button", class: "to-start", onclick: () => form.scrollIntoView() }, "Start a run")), list), form));
  let before = "";
  async function refresh() {
    if (document.hidden) return;
    try {
      const told = await get("/runs");
      const now = JSON.stringify(told);
      if (now !== before) list.replaceChildren(...(told.runs.length ? told.runs.map(row) : [empty(options)]));
      before = now;
    } catch (error) {
      list.replaceChildren(problem(error));
      before = "";
    }
  }
  await refresh();
  const timer = setInterval(refresh, EVERY_MS);
  return () => clearInterval(timer);
}

function empty(options) {
  const words = options.computers.length ? "No run yet. Start one." : "No run yet.";
  return h("p", { class: "empty" }, words);
}

function row(run) {
  const took = run.live ? `started ${when(run.started)}` : `${when(run.started)}, took ${seconds(run.ended - run.started)}`;
  return h("a", { class: `row ${tone(run.status, run.reward)}${run.live ? " live" : ""}`, href: `#/runs/${run.id}` },
    h("h2", {}, run.task || "…"), h("p", { class: "badges" }, statusBadge(run.status, run.reward), badge(plural(run.steps, "step")), badge(run.computer_words), badge(run.mode)),
    run.question ? h("p", { class: "wants" }, `waits for you: ${run.question.words}`) : null, h("small", {}, took));
}

function startForm(options) {
  if (!options.computers.length) {
    return h("aside", { class: "card-form" }, h("h2", {}, "Start a run"), h("p", { class: "soft" }, "This server's owner has allowed no computer to run on. To allow one:"),
      h("pre", {}, "deftly serve --allow-computer miniwob"), h("p", { class: "soft" }, "Others are virtual and desktop, which need a token."));
  }
  const kinds = options.computers.map((each) => each.kind);
  const task = h("textarea", { id: "task", rows: 3, maxlength: 20000, placeholder: "what should be done, in plain words" });
  const taskPart = h("div", {}, h("label", { for: "task" }, "Task"), task);
  const parts = Object.fromEntries(options.computers.map((computer) => [computer.kind, computerPart(computer)]));
  const where = choice("computer", "Where", kinds.map((kind) => [kind, KINDS[kind], ""]), show);
  const mode = choice("mode", "Who decides", ["confirm", "auto", "dry-run"].map((name) => [name, ...MODES[name]]), () => {});
  const steps = h("input", { id: "steps", type: "number", min: 1, max: options.limits.steps, value: Math.min(30, options.limits.steps), required: true });
  const limit = h("input", { id: "seconds", type: "number", min: 1, max: options.limits.seconds, value: Math.min(600, options.limits.seconds), required: true });
  const told = h("div");
  const button = h("button", { class: "main" }, "Start");
  const form = h("form", { class: "card-form", "aria-labelledby": "start-title", onsubmit: submit }, h("h2", { id: "start-title" }, "Start a run"), where.element, taskPart,
    Object.values(parts).map((part) => part.element), mode.element,
    h("div", { class: "pair" }, h("div", {}, h("label", { for: "steps" }, "Steps at most"), steps), h("div", {}, h("label", { for: "seconds" }, "Seconds at most"), limit)), told, button);
  show();
  return form;

  function show() {
    for (const [kind, part] of Object.entries(parts)) part.element.hidden = kind !== where.value();
    taskPart.hidden = where.value() === "miniwob";
    task.required = !taskPart.hidden;
  }

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    const kind = where.value();
    try {
      const run = await post("/runs", {
        task: kind === "miniwob" ? "" : task.value, computer: { kind, ...parts[kind].value() }, mode: mode.value(),
        limits: { steps: Number(steps.value), seconds: Number(limit.value) },
      });
      location.hash = `#/runs/${run.id}`;
    } catch (error) {
      told.replaceChildren(problem(error));
    } finally {
      button.disabled = false;
    }
  }
}

function computerPart(computer) {
  if (computer.kind === "miniwob") {
    const name = h("input", { id: "miniwob-name", list: "miniwob-names", value: "click-button", required: true, autocomplete: "off", spellcheck: "false" });
    const seed = h("input", { id: "miniwob-seed", type: "number", min: 0, value: 7, required: true });
    const names = h("datalist", { id: "miniwob-names" }, computer.names.map((each) => h("option", { value: each })));
    const element = h("div", { class: "pair" }, h("div", { class: "grow" }, h("label", { for: "miniwob-name" }, "MiniWoB++ task"), name, names),
      h("div", {}, h("label", { for: "miniwob-seed" }, "Seed"), seed));
    return { element, value: () => ({ name: name.value.trim(), seed: Number(seed.value) }) };
  }
  if (computer.kind === "virtual") {
    const program = h("select", { id: "program" }, computer.programs.map((each) => h("option", { value: each }, each)), h("option", { value: "" }, "nothing"));
    const size = h("select", { id: "size" }, ["1280×720", "1920×1080", "1024×768", "640×480"].map((each) => h("option", { value: each }, each)));
    const element = h("div", { class: "pair" }, h("div", { class: "grow" }, h("label", { for: "program" }, "Program on it"), program),
      h("div", {}, h("label", { for: "size" }, "Size"), size));
    return { element, value: () => { const [width, height] = size.value.split("×").map(Number); return { program: program.value || null, width, height }; } };
  }
  return { element: h("p", { class: "note" }, "The pointer and the keyboard of that machine will move. Holding Escape there stops the run."), value: () => ({}) };
}

function choice(name, title, entries, changed) {
  const inputs = entries.map(([value, words, more], index) => {
    const input = h("input", { type: "radio", name, id: `${name}-${value}`, value, onchange: changed });
    input.checked = index === 0;
    return [input, h("label", { for: `${name}-${value}`, title: more || null }, words)];
  });
  const hint = h("p", { class: "soft hint" });
  const element = h("fieldset", {}, h("legend", {}, title), h("div", { class: "segments" }, inputs), hint);
  const value = () => inputs.map(([input]) => input).find((input) => input.checked).value;
  const explain = () => { hint.textContent = entries.find(([each]) => each === value())[2]; };
  element.addEventListener("change", explain);
  explain();
  return { element, value };
}

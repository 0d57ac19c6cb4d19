// Episodes: searched, filtered, chosen to be looked through or compared.

import { get } from "./api.js";
import { h } from "./dom.js";
import { badge, plural, problem, seconds, statusBadge, tone, when } from "./words.js";

const PAGE = 60;

export async function episodes(place, _, query) {
  document.title = "Episodes – Deftly";
  let chosen = query.get("with") || "";
  let asked = 0;
  let offset = 0;
  let timer = 0;
  const words = h("input", { type: "search", id: "q", placeholder: "words of the task, status, model …", value: query.get("q") || "", autocomplete: "off" });
  const status = h("select", { id: "status-filter" });
  const model = h("select", { id: "model" });
  const since = h("input", { type: "date", id: "since" });
  const until = h("input", { type: "date", id: "until" });
  const cards = h("div", { class: "cards" });
  const count = h("p", { class: "soft", role: "status" });
  const more = h("button", { type: "button", hidden: true, onclick: () => { offset += PAGE; load(true); } }, "More");
  const choosing = h("p", { class: "note", hidden: true });
  const field = (label, input) => h("div", { class: "field" }, h("label", { for: input.id }, label), input);
  place.append(h("h1", {}, "Episodes"), h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() }, h("div", { class: "field grow" }, h("label", { for: "q" }, "Search"), words),
    field("Status", status), field("Model", model), field("From", since), field("To", until)), choosing, count, cards, more);
  for (const input of [words, status, model, since, until]) input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => { offset = 0; load(); }, 150); });
  showChoosing();
  await load();
  return () => clearTimeout(timer);

  async function load(further = false) {
    const number = (asked += 1);
    const told = new URLSearchParams({ q: words.value, limit: PAGE, offset });
    if (status.value) told.set("status", status.value);
    if (model.value) told.set("model", model.value);
    if (since.value) told.set("since", new Date(`${since.value}T00:00`).getTime() / 1000);
    if (until.value) told.set("until", new Date(`${until.value}T00:00`).getTime() / 1000 + 86400);
    let found;
    try {
      found = await get(`/episodes?${told}`);
    } catch (error) {
      if (error.status !== 401) cards.replaceChildren(problem(error));
      return;
    }
    if (number !== asked) return;
    options(status, "any", found.statuses);
    options(model, "any", found.models);
    const made = found.episodes.map(card);
    if (further) cards.append(...made);
    else cards.replaceChildren(...made);
    count.textContent = found.total ? plural(found.total, "episode") : "No episode fits.";
    more.hidden = offset + PAGE >= found.total;
  }

  function card(told) {
    const cover = told.steps ? h("img", { class: "shot", src: `/episodes/${told.id}/steps/0/screen`, alt: "", loading: "lazy", decoding: "async" }) : h("span", { class: "soft" }, "no step");
    const compare = h("button", { type: "button", class: "small", "aria-pressed": String(chosen === told.id), onclick: () => choose(told.id) }, chosen === told.id ? "Chosen" : chosen ? "Compare with this" : "Compare");
    compare.dataset.id = told.id;
    return h("article", { class: `card ${tone(told.status, told.reward)}` }, h("div", { class: "cover" }, cover),
      h("div", { class: "words" }, told.suite ? h("small", {}, told.suite) : null, h("h2", {}, h("a", { href: `#/episodes/${told.id}` }, told.task || "(no task)")),
        h("p", { class: "badges" }, statusBadge(told.status, told.reward), badge(plural(told.steps, "step")), told.seconds === null ? null : badge(seconds(told.seconds))),
        h("div", { class: "foot" }, h("small", {}, when(told.started), told.model ? ` · ${told.model}` : ""), compare)));
  }

  function choose(id) {
    if (chosen && chosen !== id) {
      location.hash = `#/compare/${chosen}/${id}`;
      return;
    }
    chosen = chosen === id ? "" : id;
    showChoosing();
    for (const button of cards.querySelectorAll("button[data-id]")) {
      const own = button.dataset.id === chosen;
      button.setAttribute("aria-pressed", String(own));
      button.textContent = own ? "Chosen" : chosen ? "Compare with this" : "Compare";
    }
  }

  function showChoosing() {
    choosing.hidden = !chosen;
    choosing.textContent = "One episode is chosen: choose the one to compare it with.";
  }
}

function options(select, none, values) {
  const before = select.value;
  select.replaceChildren(h("option", { value: "" }, none), ...values.map((value) => h("option", { value }, value.replaceAll("_", " "))));
  if (values.includes(before)) select.value = before;
}

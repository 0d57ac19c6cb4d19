// What `deftly eval` has measured: listed, and opened with its intervals.

import { get } from "./api.js";
import { h } from "./dom.js";
import { badge, percent, plural, when } from "./words.js";

const GROUPS = [["by_action", "By action"], ["by_platform", "By platform"], ["by_split", "By split"], ["by_target_size", "By size of the target"], ["by_step_index", "By step"], ["actions", "By type of action, as the authors average"], ["parts", "Parts of the score"]];

export async function reports(place) {
  document.title = "Reports – Deftly";
  const told = await get("/reports");
  const cards = told.reports.map((each) => h("a", { class: "row", href: `#/reports/${each.id}` }, h("div", { class: "titled" }, h("h2", {}, each.title || each.name), h("b", { class: "score" }, percent(each.score))),
    h("p", { class: "badges" }, badge(each.metric), each.model ? badge(each.model) : null, each.size === null ? null : badge(plural(each.size, each.kind === "live" ? "task" : "step")), badge(each.kind === "live" ? "live" : "recorded steps")),
    h("small", {}, `${each.name} · ${when(each.written)}`)));
  place.append(h("h1", {}, "Evaluation reports"), h("div", { class: "list" }, cards.length ? cards : h("p", { class: "empty" }, "No report yet: deftly eval … --out DIR writes one.")));
}

export async function report(place, [id]) {
  const told = await get(`/reports/${id}`);
  document.title = `${told.title || told.name} – Deftly`;
  const page = told.page ? h("a", { class: "button", href: `/reports/${id}/page`, target: "_blank", rel: "noopener" }, "Its own page") : null;
  place.append(h("header", {}, h("a", { class: "back", href: "#/reports" }, "← all reports"), h("div", { class: "titled" }, h("h1", {}, told.title || told.name), h("div", { class: "buttons" }, page)),
    h("p", { class: "badges" }, badge(told.metric), told.model ? badge(told.model) : null, badge(when(told.written)))), ...(told.kind === "live" ? live(told.report) : recorded(told.report)));
}

function live(told) {
  const rows = told.tasks.map((task) => [task.task, bar(task.success, interval(task)), percent(task.success), task.standard_error === null ? "" : `± ${percent(task.standard_error)}`, String(task.num_trials ?? ""), task.mean_steps === null || task.mean_steps === undefined ? "" : Number(task.mean_steps).toFixed(1)]);
  return [headline(told.mean_success, null, `mean success over ${plural(told.tasks.length, "task")}`), table("Tasks", ["task", "", "success", "standard error", "trials", "steps"], rows)];
}

function interval(task) {
  return task.standard_error ? [Math.max(0, task.success - 1.96 * task.standard_error), Math.min(1, task.success + 1.96 * task.standard_error)] : null;
}

function recorded(told) {
  const { summary } = told;
  const figures = [["steps", summary.step], ["steps, each episode counting the same", summary.step_macro], ["steps right in all", summary.step_success], ["episodes right in all", summary.episode_success], ["milestones", summary.milestones]].filter(([, figure]) => figure);
  const published = Object.entries(summary.published || {}).filter(([, value]) => typeof value === "number").map(([name, value]) => [name, "", String(Number(value.toFixed(4))), "", "", ""]);
  return [headline(summary.score, summary.step && summary.step.interval, `${plural(summary.num_steps, "step")} of ${plural(summary.num_episodes, "episode")}; ${summary.num_missing} missing, ${summary.num_unreadable} unreadable`),
    table("Figures", COLUMNS, figures.map(([name, figure]) => figureRow(name, figure))),
    published.length ? table("As the authors' scorer prints them", ["figure", "", "value", "", "", ""], published) : null,
    ...GROUPS.map(([key, title]) => (summary[key] && Object.keys(summary[key]).length ? table(title, COLUMNS, Object.entries(summary[key]).map(([name, figure]) => figureRow(name, figure))) : null)),
    told.steps && told.steps.length ? table(`Steps, the worst first (${told.steps.length} of ${told.num_steps})`, ["episode", "step", "score", "note"], told.steps.map((step) => [step.episode, String(step.step), Number(step.score).toFixed(2), step.note || ""])) : null,
  ].filter(Boolean);
}

const COLUMNS = ["", "", "mean", "95 % interval", "steps", "episodes"];

function figureRow(name, figure) {
  const range = figure.interval ? `${percent(figure.interval[0])} – ${percent(figure.interval[1])}` : "";
  return [name, bar(figure.mean, figure.interval), percent(figure.mean), range, String(figure.num_steps ?? ""), String(figure.num_episodes ?? "")];
}

function headline(score, range, words) {
  return h("div", { class: "headline" }, h("p", { class: "big" }, percent(score)), h("div", {}, range ? h("p", {}, `95 % interval ${percent(range[0])} – ${percent(range[1])}`) : null, h("p", { class: "soft" }, words)));
}

function bar(value, range) {
  const clamp = (each) => `${100 * Math.min(1, Math.max(0, each || 0))}%`;
  return h("span", { class: "meter", "aria-hidden": "true" }, h("i", { style: { width: clamp(value) } }), range ? h("b", { style: { left: clamp(range[0]), width: clamp(range[1] - range[0]) } }) : null);
}

function table(title, head, rows) {
  return h("section", { class: "table", tabindex: "0", "aria-label": title }, h("table", {}, h("caption", {}, title), h("thead", {}, h("tr", {}, head.map((words) => h("th", { scope: "col" }, words)))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, index) => (index ? h("td", {}, cell) : h("th", { scope: "row" }, cell))))))));
}

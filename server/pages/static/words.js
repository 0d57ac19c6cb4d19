// Small pieces that several views share: times, statuses, badges.

import { h } from "./dom.js";

const GOOD = new Set(["done"]);
const BAD = new Set(["gave_up", "crashed", "display_lost", "recording_failed", "model_unreachable", "not_solved"]);

export function tone(status, reward) {
  if (reward !== null && reward !== undefined) return reward > 0 ? "good" : "bad";
  return GOOD.has(status) ? "good" : BAD.has(status) ? "bad" : ["starting", "running"].includes(status) ? "busy" : "unsure";
}

export function badge(text, kind = "") {
  return h("span", { class: `badge ${kind}` }, text);
}

export function statusBadge(status, reward) {
  return badge(status.replaceAll("_", " "), tone(status, reward));
}

export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

export function seconds(value) {
  if (value === null || value === undefined) return "";
  if (value < 0.001) return "<1 ms";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  return value < 60 ? `${value.toFixed(1)} s` : `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
}

export function when(moment) {
  const date = new Date(moment * 1000);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return date.toDateString() === new Date().toDateString() ? `today, ${time}` : `${date.toLocaleDateString([], { dateStyle: "medium" })}, ${time}`;
}

export const percent = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`);

export function problem(error) {
  return h("p", { class: "note bad", role: "alert" }, error.message);
}

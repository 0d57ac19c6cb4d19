// The page: which view is shown for which address, who is signed in, light or dark.

import { session, signOut } from "./api.js";
import { compare } from "./compare.js";
import { all, h } from "./dom.js";
import { episode } from "./episode.js";
import { episodes } from "./episodes.js";
import { bind, listen } from "./keys.js";
import { live } from "./live.js";
import { report, reports } from "./reports.js";
import { runs } from "./runs.js";
import { signIn } from "./sign_in.js";
import { problem } from "./words.js";

const ROUTES = [
  [/^\/runs$/, runs], [/^\/runs\/([0-9a-f]+)$/, live], [/^\/episodes$/, episodes], [/^\/episodes\/([0-9a-f]+)(?:\/(\d+))?$/, episode],
  [/^\/compare\/([0-9a-f]+)\/([0-9a-f]+)(?:\/(\d+))?$/, compare], [/^\/reports$/, reports], [/^\/reports\/([0-9a-f]+)$/, report],
];
const main = document.getElementById("main");
let leave = () => {};
let shown = 0;

async function route() {
  const [path, query = ""] = (location.hash.slice(1) || "/runs").split("?");
  if (path === "main") return main.focus();
  const number = (shown += 1);
  leave();
  leave = () => {};
  bind([]);
  const found = ROUTES.map(([pattern, view]) => [pattern.exec(path), view]).find(([match]) => match);
  for (const link of all("header nav a")) {
    if (path.startsWith(link.hash.slice(1)) || (link.hash === "#/episodes" && path.startsWith("/compare"))) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const place = h("div", { class: "view" });
  main.replaceChildren(place);
  if (!found) return place.append(h("p", { class: "empty" }, "There is no such page. ", h("a", { href: "#/runs" }, "To the runs")));
  try {
    const ended = await found[1](place, found[0].slice(1), new URLSearchParams(query));
    if (number === shown) leave = ended || (() => {});
    else if (ended) ended();
  } catch (error) {
    if (error.status !== 401) place.append(problem(error));
  }
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

function showSignIn() {
  leave();
  leave = () => {};
  bind([]);
  shown += 1;
  document.getElementById("leave").hidden = true;
  const place = h("div", { class: "view" });
  main.replaceChildren(place);
  signIn(place, start);
}

async function start() {
  try {
    const told = await session();
    if (!told.signed_in) return showSignIn();
    document.getElementById("leave").hidden = !told.needs_token;
  } catch (error) {
    return main.replaceChildren(problem(error));
  }
  return route();
}

document.getElementById("theme").addEventListener("click", theme);
document.getElementById("leave").addEventListener("click", async () => {
  await signOut();
  start();
});
addEventListener("hashchange", route);
addEventListener("signed-out", showSignIn);
listen();
start();

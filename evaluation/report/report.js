"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const box = document.getElementById("items");

  document.getElementById("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  all("figure").forEach((figure) => {
    const toggle = () => figure.closest("article").classList.toggle("large");
    figure.addEventListener("click", toggle);
    figure.addEventListener("keydown", (event) => event.key === "Enter" && toggle());
  });
  if (!box) return;

  const items = all("article", box).map((element) => ({
    element,
    tags: JSON.parse(element.dataset.tags),
    score: Number(element.dataset.score),
    position: Number(element.dataset.position),
    name: element.dataset.name,
    words: element.querySelector(".panel").textContent.toLowerCase(),
  }));
  const orders = {
    position: (a, b) => a.position - b.position,
    score: (a, b) => a.score - b.score || a.position - b.position,
    "score-down": (a, b) => b.score - a.score || a.position - b.position,
    name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }) || a.position - b.position,
  };
  const controls = document.getElementById("controls"), search = document.getElementById("search");
  const sort = document.getElementById("sort"), selects = all("select[data-tag]", controls);

  function update() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of items) {
      const on = selects.every((select) => !select.value || item.tags[select.dataset.tag] === select.value) &&
        words.every((word) => item.words.includes(word));
      item.element.hidden = !on;
      shown += on;
    }
    document.getElementById("shown").textContent = shown === items.length ? String(shown) : `${shown} of ${items.length}`;
    document.getElementById("empty").hidden = shown > 0;
  }
  function order() {
    items.sort(orders[sort.value]);
    box.append(...items.map((item) => item.element));
  }
  controls.addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", update);
  selects.forEach((select) => select.addEventListener("change", update));
  sort.addEventListener("change", order);
  controls.hidden = false;
  order();
  update();  // a browser may have kept what was chosen before a reload
})();

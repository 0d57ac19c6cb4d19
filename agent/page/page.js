"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const index = document.getElementById("index");
  const episodes = all(".episode");
  let step = null, timer = null;

  const stepsOf = (episode) => all(".step", episode);
  const mark = (element, on) => element && element.classList.toggle("current", on);

  function show(episode, chosen) {
    mark(index, !episode);
    episodes.forEach((other) => mark(other, other === episode));
    all(".step.current, .thumb.current").forEach((other) => mark(other, false));
    step = episode ? chosen || stepsOf(episode)[0] || null : null;
    mark(step, true);
    if (!step) return;
    const thumb = episode.querySelector(`.thumb[href="#${step.id}"]`);
    mark(thumb, true);
    const strip = thumb.parentElement;
    strip.scrollLeft = thumb.offsetLeft - strip.offsetLeft - (strip.clientWidth - thumb.clientWidth) / 2;
  }

  function route() {
    const target = document.getElementById(location.hash.slice(1));
    const episode = target && target.closest(".episode");
    show(episode || (index ? null : episodes[0]), target && target.classList.contains("step") ? target : null);
  }

  function go(id) {
    history.replaceState(null, "", "#" + id);
    route();
  }

  function move(by) {
    if (!step) return by > 0 && episodes[0] ? (go(episodes[0].id), true) : false;
    const steps = stepsOf(step.closest(".episode"));
    const next = steps[steps.indexOf(step) + by];
    if (next) go(next.id);
    return Boolean(next);
  }

  function turn(by) {
    const current = episodes.findIndex((episode) => episode.classList.contains("current"));
    const next = episodes[current + by];
    if (next) go(next.id);
    else if (index && by < 0) go("index");
  }

  function play() {
    clearInterval(timer);
    timer = timer ? null : setInterval(() => { if (!move(1)) play(); }, 1200);
  }

  function theme() {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark" ||
      (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.dataset.theme = dark ? "light" : "dark";
  }

  const ends = (last) => { if (step) go(stepsOf(step.closest(".episode")).at(last ? -1 : 0).id); };
  const keys = {
    ArrowLeft: () => move(-1), ArrowRight: () => move(1), p: () => turn(-1), n: () => turn(1),
    Home: () => ends(false), End: () => ends(true), Escape: () => index && go("index"), " ": play, t: theme,
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    if (event.target.closest("summary, button") && event.key === " ") return;
    event.preventDefault();
    keys[event.key]();
  });

  let from = null;
  addEventListener("touchstart", (event) => { from = event.target.closest(".screen") ? event.touches[0] : null; }, { passive: true });
  addEventListener("touchend", (event) => {
    const by = from ? event.changedTouches[0].clientX - from.clientX : 0;
    if (Math.abs(by) > 48) move(by < 0 ? 1 : -1);
    from = null;
  });

  document.getElementById("theme").addEventListener("click", theme);
  all(".many").forEach((hint) => { hint.hidden = episodes.length < 2; });
  document.documentElement.classList.add("js");
  addEventListener("hashchange", route);
  route();
})();

// Elements out of text. There is no other way on this page to make any: innerHTML is forbidden by its policy.

const SVG = "http://www.w3.org/2000/svg";
const LONGEST = 20000; // characters of one text that are shown

// `value` as people should see it: what cannot be seen (controls, direction marks, half characters) becomes visible.
export function clean(value) {
  const text = String(value);
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}\n… ${text.length.toLocaleString()} characters in all` : text;
  return shown.replace(/[^\P{C}\n\t]/gu, "�");
}

// <tag …>children</tag>. Properties that begin with "on" are listeners, "style" sets custom properties; the others are attributes.
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, told] of Object.entries(value)) element.style.setProperty(key, told);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : clean(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false && child !== "")
    .map((child) => (child instanceof Node ? child : clean(child))));
  return element;
}

export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// `told` to those who do not see the screen.
export function announce(told) {
  const status = document.getElementById("status");
  if (status.textContent !== clean(told)) status.textContent = clean(told);
}

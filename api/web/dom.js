// Elements made by hand: text is only ever text, so that nothing of a catalogue can become markup.

/** Make an element: attributes, `on…` listeners, `--…` style properties, then children. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";
const ICONS = new URL("icons.svg", import.meta.url);

/** Return one of the icons of icons.svg, hidden from those who listen. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${ICONS.pathname}#${name}`);
  svg.append(use);
  return svg;
}

export const byId = (id) => document.getElementById(id);

/** Show something anew, and leave the focus where it was: on what has the same `data-key`. */
export function keepFocus(place, render) {
  const held = place.getRootNode().activeElement; // of the document, or of a shadow's root
  const key = place.contains(held) ? held.dataset.key : null;
  render();
  if (!key) return;
  [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key)?.focus({ preventScroll: true });
}

let hiding = 0;
/** Say something in passing. */
export function toast(text) {
  const place = byId("toast");
  place.textContent = text;
  place.classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => place.classList.remove("shown"), 2600);
}

/** Return a probability as people read it: 93%, but never 100 % for what is not certain. */
export function percent(share, lang = "en") {
  const told = (hundredths) => (hundredths / 100).toLocaleString(lang, { style: "percent" });
  const rounded = Math.round(100 * share);
  if (rounded >= 100 && share < 1) return `> ${told(99)}`;
  if (rounded <= 0 && share > 0) return `< ${told(1)}`;
  return told(rounded);
}

const NUMBER = new Intl.NumberFormat();
export const number = (value) => NUMBER.format(value);
export const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

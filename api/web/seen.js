// What the photo shows: its categories at every level as chips, and what must be said plainly.

import { byId, h, percent } from "./dom.js";

const LEVEL_NAMES = ["Department", "Category", "Kind", "Variety"];
const MOST = 4; // chips of a level
const LEAST = 0.02; // a probability that is shown

/** Show an answer's classes; `find` is called with an item to look at. */
export function showSeen(answer, asked, changed, find) {
  const place = byId("seen");
  const best = answer.labels[0];
  const named = best && best.path && !best.path.endsWith(best.name) ? best.path : "";
  place.replaceChildren(...[
    h("h2", {}, answer.unknown ? "Not recognised" : "We see"),
    h("p", { class: "best" },
      answer.unknown ? "Nothing that this shop sells" : lastOf(best?.path || best?.name || "a product"),
      answer.unknown || !best ? null : h("small", {}, `  ${percent(probabilityOf(answer, best))}`)),
    answer.unknown
      ? h("div", { class: "note warn" }, h("span", {},
        h("strong", {}, "This looks like something that the shop does not sell. "),
        "These are the items that look most like it."))
      : null,
    same(answer.same_photo, find),
    named && !answer.unknown
      ? h("p", { class: "path" }, "Most likely ", h("strong", {}, best.name), ` (${percent(best.probability)})`)
      : null,
    ...levels(answer.categories).map((level) => chips(level, asked, changed)),
  ].filter(Boolean));
}

const lastOf = (path) => path.split(" > ").at(-1);

function probabilityOf(answer, best) {
  const category = answer.categories.find((one) => one.path === best.path);
  return category ? category.probability : best.probability;
}

function same(told, find) {
  if (!told) return null;
  const what = told.same_file ? "This very photo is in the catalogue: " : "The catalogue has the same picture: ";
  return h("div", { class: "note" },
    h("span", {}, h("strong", {}, what), told.item_id),
    h("button", { class: "link", type: "button", onclick: () => find(told.item_id) }, "Show similar items"));
}

function levels(categories) {
  const found = [];
  for (const category of categories) {
    const depth = category.path.split(" > ").length - 1;
    (found[depth] ??= []).push(category);
  }
  return found.map((level, depth) => ({ depth, categories: level ?? [] }))
    .filter((level) => level.categories.length);
}

function chips({ depth, categories }, asked, changed) {
  const shown = categories.filter((one, place) => place === 0 || one.probability >= LEAST).slice(0, MOST);
  return h("div", { class: "level" },
    h("span", {}, LEVEL_NAMES[depth] ?? `Level ${depth + 1}`),
    shown.map((category) => h("button", {
      class: "chip", type: "button", title: category.path, "--share": category.probability,
      "aria-pressed": String(asked.categories.includes(category.path)),
      onclick: () => { asked.toggleCategory(category.path); changed(); },
    }, h("span", {}, lastOf(category.path)), h("b", {}, percent(category.probability)))));
}

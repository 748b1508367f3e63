// What is searched with: a photo's categories at every level as chips, or the item.

import { byId, h, keepFocus, percent } from "./dom.js";
import { lastOf, priceOf, titleOf } from "./goods.js";

const LEVEL_NAMES = ["Department", "Category", "Kind", "Variety"];
const MOST = 4; // chips of a level
const LEAST = 0.02; // a probability that is shown

/** Show that the answer is awaited. */
export function showLooking() {
  byId("seen").replaceChildren(
    h("p", { class: "over" }, "Looking …"), h("i", { class: "bone large" }), h("i", { class: "bone" }));
}

/** Show an answer's classes; `find` is called with an item to look at. */
export function showSeen(answer, asked, changed, find) {
  const place = byId("seen");
  const [best] = answer.labels;
  keepFocus(place, () => place.replaceChildren(...[
    h("p", { class: "over" }, answer.unknown ? "Not recognised" : "We see"),
    h("h2", { class: "best" },
      answer.unknown ? "Nothing that this shop sells" : lastOf(best?.path || best?.name || "A product"),
      answer.unknown || !best ? null : h("small", {}, percent(probabilityOf(answer, best)))),
    answer.unknown
      ? h("div", { class: "note warn" }, h("span", {},
        h("strong", {}, "This looks like something that the shop does not sell. "),
        "These are the items that look most like it."))
      : mostLikely(answer, best),
    same(answer, find),
    h("div", { class: "levels" },
      levels(answer.categories).map((level) => chips(level, answer.unknown, asked, changed))),
  ].filter(Boolean)));
}

/** Show the item whose likes are looked for. */
export function showItem(item, asked, leave, changed) {
  const price = priceOf(item);
  const told = Object.entries(item.attributes)
    .filter(([name, value]) => !["price", "sale_price", "currency"].includes(name) && !/^https?:/.test(value));
  byId("seen").replaceChildren(...[
    h("p", { class: "over" }, "More like this"),
    h("h2", { class: "best" }, titleOf(item), price ? h("small", {}, price) : null),
    h("dl", { class: "facts" }, told.slice(0, 6).map(([name, value]) =>
      h("div", {}, h("dt", {}, words(name)), h("dd", {}, value === true ? "Yes" : value === false ? "No" : String(value))))),
    h("div", { class: "levels" },
      h("div", { class: "level" },
        parents(item.category).map((path) => chip(path, asked, changed)),
        h("button", { class: "link", type: "button", onclick: leave }, "Back to all items"))),
  ]);
}

const words = (name) => name.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());
const parents = (path) => path.split(" > ").map((_, depth, names) => names.slice(0, depth + 1).join(" > "));

function probabilityOf(answer, best) {
  const category = answer.categories.find((one) => one.path === best.path);
  return category ? category.probability : best.probability;
}

/** Tell the label where it says more than its category does; an item is called by its title. */
function mostLikely(answer, best) {
  if (!best?.path || lastOf(best.path) === best.name) return null;
  const item = answer.hits.find((hit) => hit.item_id === best.name);
  return h("p", { class: "path" },
    "Most likely ", h("strong", {}, item ? titleOf(item) : best.name), ` ${percent(best.probability)}`);
}

function same({ same_photo: told, hits }, find) {
  if (!told) return null;
  const item = hits.find((hit) => hit.item_id === told.item_id);
  const what = told.same_file ? "This very photo is in the catalogue: " : "The catalogue has the same picture: ";
  return h("div", { class: "note" },
    h("span", {}, h("strong", {}, what), item ? titleOf(item) : told.item_id),
    h("button", { class: "link", type: "button", onclick: () => find(told.item_id) }, "Show similar items"));
}

function levels(categories) {
  const found = [];
  for (const category of categories) (found[category.path.split(" > ").length - 1] ??= []).push(category);
  return [...found].map((level, depth) => ({ depth, categories: level ?? [] }))
    .filter((level) => level.categories.length);
}

function chips({ depth, categories }, unknown, asked, changed) {
  const shown = categories
    .filter((one, place) => (place === 0 && !unknown) || one.probability >= LEAST).slice(0, MOST);
  return shown.length ? h("div", { class: "level" },
    h("span", {}, LEVEL_NAMES[depth] ?? `Level ${depth + 1}`),
    shown.map((category) => chip(category.path, asked, changed, category.probability))) : null;
}

function chip(path, asked, changed, share = null) {
  return h("button", {
    class: "chip", type: "button", title: path, "--share": share ?? 0, "data-key": `chip ${path}`,
    "aria-pressed": String(asked.categories.includes(path)),
    onclick: () => { asked.toggleCategory(path); changed(); },
  }, h("span", {}, lastOf(path)), share === null ? null : h("b", {}, percent(share)));
}

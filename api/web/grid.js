// The grid of items: photo, title, place in the shop, price, how similar.

import { sized } from "./api.js";
import { byId, h, icon, keepFocus } from "./dom.js";
import { lastOf, linkOf, priceOf, titleOf } from "./goods.js";

const FIRST = 8; // cards whose photos are asked for at once; the others when they come into sight

/** Show items or hits; `acts` makes the buttons of each. */
export function showItems(items, acts) {
  const grid = byId("grid");
  grid.setAttribute("aria-busy", "false");
  keepFocus(grid, () => grid.replaceChildren(...items.map((item, place) => card(item, acts(item), place))));
}

/** Show that nothing was found, and what can be done. */
export function showNothing(title, hint, ...actions) {
  const grid = byId("grid");
  grid.setAttribute("aria-busy", "false");
  grid.replaceChildren(h("li", { class: "empty" },
    icon("search"), h("strong", {}, title), h("p", {}, hint), h("div", {}, actions)));
}

/** Show that an answer is awaited: what was there pales, an empty grid gets placeholders. */
export function showWaiting() {
  const grid = byId("grid");
  grid.setAttribute("aria-busy", "true");
  if (!grid.querySelector(".card")) {
    grid.replaceChildren(...Array.from({ length: 12 }, () => h("li", { class: "card waits", "aria-hidden": "true" },
      h("div", { class: "shot" }), h("div", { class: "told" }, h("i"), h("i")))));
  }
}

function card(item, acts, place) {
  const title = titleOf(item);
  const price = priceOf(item);
  const link = linkOf(item);
  return h("li", { class: "card", "data-item": item.item_id },
    h("div", { class: "shot" },
      item.photo_url ? shot(item.photo_url, place) : null,
      "score" in item
        ? h("span", { class: "score", title: "Cosine similarity" },
          h("span", { class: "said" }, "Similarity "), item.score.toFixed(2))
        : null),
    h("div", { class: "told" },
      h("h3", { title }, link ? h("a", { href: link, rel: "noopener" }, title) : title),
      h("p", { class: "where" }, lastOf(item.category)),
      price ? h("p", { class: "price" }, price) : null,
      item.variants?.length ? h("p", { class: "variants" }, `+ ${item.variants.length} more of this product`) : null),
    acts.length ? h("div", { class: "acts" }, acts) : null);
}

function shot(url, place) {
  return h("img", {
    src: sized(url, 384), srcset: `${sized(url, 384)} 1x, ${sized(url, 768)} 2x`,
    alt: "", width: 384, height: 384, loading: place < FIRST ? "eager" : "lazy", decoding: "async",
    onerror: (event) => event.currentTarget.remove(),
  });
}

/** Make a button of a card. */
export function act(name, label, title, key, onclick) {
  return h("button", { type: "button", onclick, "aria-label": title, "data-key": key }, icon(name), h("span", {}, label));
}

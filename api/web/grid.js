// The grid of items: photo, title, place in the shop, price, how similar.

import { sized } from "./api.js";
import { byId, h, icon } from "./dom.js";

const PRICES = ["price", "sale_price"];
const LINKS = ["link", "url", "product_url"];

/** Show items or hits; `acts` makes the buttons of each. */
export function showItems(items, acts) {
  const grid = byId("grid");
  grid.setAttribute("aria-busy", "false");
  grid.replaceChildren(...items.map((item, place) => card(item, acts(item), place)));
}

/** Show that nothing was found, and what can be done. */
export function showNothing(title, hint, ...actions) {
  const grid = byId("grid");
  grid.setAttribute("aria-busy", "false");
  grid.replaceChildren(h("li", { class: "empty" }, h("strong", {}, title), hint, h("div", {}, actions)));
}

/** Show that an answer is awaited: what was there pales, an empty grid gets placeholders. */
export function showWaiting() {
  const grid = byId("grid");
  grid.setAttribute("aria-busy", "true");
  if (!grid.querySelector(".card")) {
    grid.replaceChildren(...Array.from({ length: 12 }, () => h("li", { class: "card waits", "aria-hidden": "true" })));
  }
}

function card(item, acts, place) {
  const title = item.title || item.item_id;
  return h("li", { class: "card", "data-item": item.item_id },
    h("div", { class: "shot" },
      item.photo_url
        ? h("img", {
          src: sized(item.photo_url, 384), srcset: `${sized(item.photo_url, 384)} 1x, ${sized(item.photo_url, 768)} 2x`,
          alt: "", width: 384, height: 384, loading: place < 8 ? "eager" : "lazy", decoding: "async",
        })
        : null,
      "score" in item ? h("span", { class: "score", title: "Cosine similarity" }, item.score.toFixed(2)) : null),
    h("div", { class: "told" },
      h("h3", { title }, linked(item, title)),
      h("p", { class: "where" }, item.category.split(" > ").at(-1)),
      price(item.attributes),
      item.variants?.length ? h("p", { class: "variants" }, `+ ${item.variants.length} more of this product`) : null),
    acts.length ? h("div", { class: "acts" }, acts) : null);
}

function linked(item, title) {
  const name = LINKS.find((one) => /^https?:\/\//.test(item.attributes[one] ?? ""));
  return name ? h("a", { href: item.attributes[name], rel: "noopener" }, title) : title;
}

function price(attributes) {
  const name = PRICES.find((one) => typeof attributes[one] === "number");
  if (!name) return null;
  const currency = attributes.currency;
  let told;
  try {
    told = new Intl.NumberFormat(undefined, currency ? { style: "currency", currency } : { minimumFractionDigits: 2 })
      .format(attributes[name]);
  } catch {
    told = attributes[name].toFixed(2);
  }
  return h("p", { class: "price" }, told);
}

/** Make a button of a card. */
export function act(name, label, title, onclick) {
  return h("button", { type: "button", onclick, "aria-label": title }, icon(name), h("span", {}, label));
}

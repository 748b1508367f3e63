// In which order items come. Hits come by likeness; by another order, the most similar ones alone do.

import { h } from "./dom.js";

export const RANKED = 96; // hits that are brought into another order

/** Offer the orders that there are; `hits`: whether what is sorted was found by likeness. */
export function offerSorts(select, fields, sort, hits, words) {
  const price = fields.get("price")?.kind === "number";
  const first = hits ? "Most similar" : words ? "Best match" : "As listed";
  const offered = [
    ["", first],
    ...(price ? [["price", "Price, low first"], ["-price", "Price, high first"]] : []),
    ["title", "Title"],
  ];
  select.replaceChildren(...offered.map(([value, label]) =>
    h("option", { value, selected: value === sort }, label)));
}

/** Return hits in the order of a field, `-` before it for the greatest first; without one last. */
export function inOrder(hits, sort) {
  const name = sort.replace(/^-/, "");
  const way = sort.startsWith("-") ? -1 : 1;
  const of = (hit) => (name === "title" ? hit.title : hit.attributes[name]);
  return [...hits].sort((one, other) => {
    const [a, b] = [of(one), of(other)];
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    return way * (typeof a === "string" ? a.localeCompare(b) : a - b);
  });
}

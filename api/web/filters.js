// The side: the category tree and the facets, with counts under the filter as it is.

import { byId, h, icon, keepFocus, number } from "./dom.js";

const SHOWN = 8; // values of a facet before “more”
const opened = new Set(); // paths of the tree that were opened by hand
const unfolded = new Set(); // facets whose further values are shown

/** Show the category tree. */
export function showTree(tree, asked, changed) {
  const place = byId("tree");
  keepFocus(place, () => place.replaceChildren(branches(tree.children, asked, changed, 0)));
}

/** Show what is chosen, each with a button that takes it away. */
export function showChosen(asked, fields, changed) {
  const place = byId("chosen");
  const chosen = asked.narrowings(fields);
  place.hidden = !chosen.length;
  place.replaceChildren(...chosen.map(([told, undo]) => h("li", {}, h("button", {
    type: "button", "aria-label": `Remove ${told}`,
    onclick: () => { undo(); changed(); byId("results").focus({ preventScroll: true }); },
  }, h("span", {}, told), icon("close")))));
}

function branches(nodes, asked, changed, depth) {
  return h("ul", {}, nodes.map((node) => branch(node, asked, changed, depth)));
}

function branch(node, asked, changed, depth) {
  const chosen = asked.categories.includes(node.path);
  const inside = asked.categories.some((path) => path.startsWith(`${node.path} > `));
  const open = opened.has(node.path) || inside;
  const below = node.children.length ? branches(node.children, asked, changed, depth + 1) : null;
  if (below) below.hidden = !open;
  const toggle = below
    ? h("button", {
      class: "toggle", type: "button", "data-key": `open ${node.path}`, "aria-expanded": String(open),
      "aria-label": `Categories of ${node.display_name}`,
      onclick: (event) => {
        below.hidden = !below.hidden;
        event.currentTarget.setAttribute("aria-expanded", String(!below.hidden));
        opened[below.hidden ? "delete" : "add"](node.path);
      },
    }, icon("chevron"))
    : h("span", { class: "leaf" });
  return h("li", {},
    h("div", { class: "branch" }, toggle,
      h("button", {
        class: "name", type: "button", "data-key": node.path, "aria-pressed": String(chosen),
        onclick: () => { opened.add(node.path); asked.toggleCategory(node.path); changed(); },
      }, h("span", {}, node.display_name), h("small", {}, number(node.items)))),
    below);
}

/** Show the facets but the category, which has its tree. */
export function showFacets(facets, asked, changed) {
  const place = byId("facets");
  const held = document.activeElement;
  if (place.contains(held) && held.type === "number" && held.value !== held.defaultValue) {
    return; // somebody is typing a bound
  }
  keepFocus(place, () => place.replaceChildren(...facets
    .filter((facet) => facet.kind === "numbers" || facet.kind === "values")
    .map((facet) => (facet.kind === "numbers" ? numbers : values)(facet, asked, changed))
    .filter(Boolean)));
}

function values(facet, asked, changed) {
  const chosen = asked.values.get(facet.name) ?? new Set();
  if (facet.values.length < 2 && !chosen.size) return null;
  const folded = !unfolded.has(facet.name);
  const told = facet.values.map(({ value, count }, place) => {
    const text = String(value);
    return h("label", { class: "value", hidden: folded && place >= SHOWN && !chosen.has(text) },
      h("input", {
        type: "checkbox", checked: chosen.has(text), "data-key": `${facet.name} ${text}`,
        onchange: () => { asked.toggleValue(facet.name, text); changed(); },
      }),
      h("span", {}, value === true ? "Yes" : value === false ? "No" : text),
      h("small", {}, number(count)));
  });
  const more = folded && facet.values.length > SHOWN
    ? h("button", {
      class: "link", type: "button",
      onclick: (event) => {
        unfolded.add(facet.name);
        told.forEach((one) => { one.hidden = false; });
        event.currentTarget.remove();
      },
    }, `${number(facet.values.length - SHOWN)} more`)
    : null;
  return h("fieldset", { class: "facet", "data-name": facet.name },
    h("legend", {}, facet.display_name), told, more);
}

function numbers(facet, asked, changed) {
  const chosen = asked.ranges.get(facet.name);
  if ((facet.minimum === null || facet.minimum === facet.maximum) && !chosen) return null;
  const most = Math.max(1, ...facet.buckets.map((bucket) => bucket.count));
  const bars = facet.buckets.map((bucket) => {
    const bar = h("i", { title: `${number(bucket.low)} – ${number(bucket.high)}: ${number(bucket.count)}` });
    const [low, high] = chosen ?? [null, null];
    bar.className = (low !== null && bucket.high <= low) || (high !== null && bucket.low >= high) ? "out" : "";
    bar.style.height = `${(100 * bucket.count) / most}%`;
    return bar;
  });
  const bound = (place, label) => h("input", {
    type: "number", step: "any", "data-key": `${facet.name} ${label}`, "aria-label": `${facet.display_name}, ${label}`,
    placeholder: number([facet.minimum ?? 0, facet.maximum ?? 0][place]),
    value: chosen?.[place] ?? null,
    onchange: (event) => {
      const ends = [...(asked.ranges.get(facet.name) ?? [null, null])];
      ends[place] = event.target.value === "" ? null : Number(event.target.value);
      asked.setRange(facet.name, ...ends);
      event.target.defaultValue = event.target.value;
      changed();
    },
  });
  return h("fieldset", { class: "facet", "data-name": facet.name },
    h("legend", {}, facet.display_name),
    h("div", { class: "bars", "aria-hidden": "true" }, bars),
    h("div", { class: "range" }, bound(0, "at least"), h("span", {}, "–"), bound(1, "at most")));
}

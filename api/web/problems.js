// What goes wrong, in words, with what can be done about it.

import { useKey } from "./api.js";
import { byId, h } from "./dom.js";

/** Show what went wrong, with a button that asks once more. */
export function showProblem(told, again) {
  byId("notice").replaceChildren(h("div", { class: "note bad" },
    h("span", {}, told), h("button", { class: "link", type: "button", onclick: () => again() }, "Try again")));
}

/** Ask for the key without which the shop answers nobody. */
export function askKey(again) {
  const input = h("input", { type: "password", autocomplete: "off", required: true, "aria-label": "Key" });
  const sent = (event) => {
    event.preventDefault();
    useKey(input.value.trim());
    again();
  };
  byId("notice").replaceChildren(h("form", { class: "note", onsubmit: sent },
    h("span", {}, "Searching this shop needs a key."), input,
    h("button", { class: "primary", type: "submit" }, "Use it")));
}

// Why: the photo and an item with the places marked that make them alike, or that speak for a label.

import { ask, giveUp, superseded } from "./api.js";
import { cropText } from "./crop.js";
import { byId, h, percent } from "./dom.js";
import { titleOf } from "./goods.js";

const KIND = "why";

/** Open the dialog for a hit; `named` returns what a label is called. */
export async function showWhy(photo, crop, item, named) {
  const dialog = byId("why");
  const body = h("div", { class: "pair", "aria-live": "polite" },
    Array.from({ length: 3 }, () => h("figure", { class: "bone-photo" })), h("p", { class: "said" }, "Looking …"));
  const close = h("button", { class: "primary", type: "button", onclick: () => dialog.close() }, "Close");
  dialog.replaceChildren(
    h("h2", { id: "why-title" }, `Why ${titleOf(item)}`),
    h("p", {}, "Warm places speak for it, grey ones do not."),
    body, h("div", { class: "end" }, close));
  dialog.onclose = () => giveUp(KIND);
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  dialog.showModal();
  const form = new FormData();
  form.append("photo", photo, "photo.jpg");
  form.append("item_id", item.item_id);
  if (crop) form.append("crop", cropText(crop));
  try {
    const told = await ask("v1/explain", { body: form, kind: KIND });
    body.replaceChildren(...figures(told, named));
  } catch (error) {
    if (!superseded(error)) body.replaceChildren(h("div", { class: "note bad" }, error.message));
  }
}

function figures({ hits: [hit], labels: [label] }, named) {
  return [
    ...(hit ? [
      figure(hit.query, "Your photo", "where it is like the item"),
      figure(hit.found, "The item", `where it is like your photo; similarity ${hit.similarity.toFixed(2)}`),
    ] : [h("p", {}, "The item has no photo that can be shown.")]),
    ...(label ? [figure(label.picture, named(label.name),
      label.foreign ? "where your photo is unlike what is sold here" : `where your photo speaks for it: ${percent(label.probability)}`)] : []),
  ];
}

function figure(picture, name, told) {
  return h("figure", {},
    h("img", { src: picture, alt: `${name}: ${told}` }),
    h("figcaption", {}, h("strong", {}, name), h("br"), told));
}

// Why: the photo and an item with the places marked that make them alike, or that speak for a label.

import { ask } from "./api.js";
import { byId, h, percent } from "./dom.js";

/** Open the dialog for a hit. */
export async function showWhy(photo, crop, item) {
  const dialog = byId("why");
  const title = item.title || item.item_id;
  const body = h("div", { class: "pair" }, h("p", {}, "Looking …"));
  const close = h("button", { class: "primary", type: "button", onclick: () => dialog.close() }, "Close");
  dialog.replaceChildren(h("h2", { id: "why-title" }, `Why ${title}`), body, h("div", { class: "end" }, close));
  dialog.showModal();
  const form = new FormData();
  form.append("photo", photo, "photo.jpg");
  form.append("item_id", item.item_id);
  if (crop) form.append("crop", [crop.x, crop.y, crop.width, crop.height].join(","));
  try {
    const told = await ask("v1/explain", { body: form });
    const [hit] = told.hits;
    const [label] = told.labels;
    body.replaceChildren(
      ...(hit ? [
        figure(hit.query, "Your photo: what is like the item"),
        figure(hit.found, `The item: what is like your photo (similarity ${hit.similarity.toFixed(2)})`),
      ] : [h("p", {}, "The item has no photo that can be shown.")]),
      ...(label ? [figure(label.picture, `What speaks for “${label.name}” (${percent(label.probability)})`)] : []),
    );
  } catch (error) {
    body.replaceChildren(h("p", {}, error.message));
  }
}

function figure(picture, caption) {
  return h("figure", {}, h("img", { src: picture, alt: "" }), h("figcaption", {}, caption));
}

// The page: one question at a time, by photo, by item, or by words and filters alone.

import { ask, giveUp, superseded } from "./api.js";
import { Asked } from "./asked.js";
import { hasCamera, takePhoto } from "./camera.js";
import { Cropper } from "./crop.js";
import { byId, h, plural, toast } from "./dom.js";
import { showFacets, showTree } from "./filters.js";
import { act, showItems, showNothing, showWaiting } from "./grid.js";
import { imageOf, prepared } from "./photo.js";
import { showSeen } from "./seen.js";
import { themed } from "./theme.js";
import { showWhy } from "./why.js";

const PAGE_SIZE = 24;
const asked = new Asked();
const fields = new Map();
let photo = null; // { blob, url, crop }; never leaves this page but as a question
let similarTo = null; // the item of `asked.item`, described

const cropper = new Cropper(byId("cropper"), (crop) => {
  photo.crop = crop;
  asked.page = 1;
  run();
});

/** Ask what is asked for now, and show the answer. */
async function run({ replace = false } = {}) {
  asked.write({ replace });
  byId("clear").hidden = !asked.filtered;
  byId("share").hidden = Boolean(photo);
  byId("hero").hidden = Boolean(photo || asked.item || asked.text || asked.filtered);
  byId("query").hidden = !(photo || asked.item);
  byId("text").value = asked.text;
  byId("group").checked = asked.group;
  offerSorts();
  showWaiting();
  byId("notice").replaceChildren();
  filters();
  try {
    if (photo) await byPhoto();
    else if (asked.item) await byItem();
    else await byFilter();
  } catch (error) {
    if (superseded(error)) return;
    fail(error);
  }
}

const filterQuery = () => [
  ...asked.categories.map((path) => ["category", path]),
  ["where", asked.where(fields)],
];

async function byPhoto() {
  const form = new FormData();
  form.append("photo", photo.blob, "photo.jpg");
  if (photo.crop) {
    const { x, y, width, height } = photo.crop;
    form.append("crop", [x, y, width, height].map((part) => part.toFixed(4)).join(","));
  }
  for (const [name, value] of filterQuery()) if (value) form.append(name, value);
  if (asked.text) form.append("text", asked.text);
  if (asked.group) form.append("group", "group_id");
  form.append("top_k", PAGE_SIZE);
  form.append("page", asked.page);
  const answer = await ask("v1/search", { body: form, kind: "items" });
  showSeen(answer, asked, run, find);
  show(ordered(answer.hits), `${plural(answer.total, "item", "items")}, the most similar first`, answer.pages);
}

async function byItem() {
  const id = encodeURIComponent(asked.item);
  similarTo = await ask(`v1/items/${id}`, { kind: "item" });
  showItem(similarTo);
  const query = [...filterQuery(), ["top_k", PAGE_SIZE], ["page", asked.page]];
  if (asked.group) query.push(["group", "group_id"]);
  const answer = await ask(`v1/items/${id}/similar`, { query, kind: "items" });
  const pages = answer.hits.length === PAGE_SIZE ? asked.page + 1 : asked.page;
  show(ordered(answer.hits), `Similar to ${similarTo.title || similarTo.item_id}`, pages);
}

async function byFilter() {
  const query = [...filterQuery(), ["text", asked.text], ["sort", asked.sort], ["page", asked.page], ["page_size", PAGE_SIZE]];
  const answer = await ask("v1/items", { query, kind: "items" });
  show(answer.items, plural(answer.total, "item", "items"), answer.pages);
}

/** Count the items under the filter, beside the question itself. */
async function filters() {
  try {
    const where = asked.where(fields);
    const [tree, counted] = await Promise.all([
      ask("v1/categories", { query: [["where", where]] }),
      ask("v1/facets", { query: filterQuery() }),
    ]);
    showTree(tree, asked, run);
    showFacets(counted.facets, asked, run);
  } catch (error) {
    if (!superseded(error) && error.status !== 422) toast(error.message);
  }
}

function show(items, told, pages) {
  byId("count").textContent = told;
  if (!items.length) {
    showNothing("Nothing was found", "No item fits these filters.", asked.filtered
      ? h("button", { class: "link", type: "button", onclick: clear }, "Clear the filters") : "");
  } else {
    showItems(items, acts);
  }
  showPages(pages);
}

function acts(item) {
  const title = item.title || item.item_id;
  const found = [act("similar", "Similar", `Similar to ${title}`, () => find(item.item_id))];
  if (photo) found.push(act("why", "Why", `Why ${title} was found`, () => showWhy(photo.blob, photo.crop, item)));
  return found;
}

function showItem(item) {
  byId("cropper").replaceChildren(...(item.photo_url
    ? [h("img", { src: item.photo_url, alt: item.title, width: 320, height: 320 })] : []));
  byId("seen").replaceChildren(
    h("h2", {}, "More like this"),
    h("p", { class: "best" }, item.title || item.item_id),
    h("p", {}, item.category),
    h("p", {}, h("button", { class: "link", type: "button", onclick: startAgain }, "Back to all items")));
}

function showPages(pages) {
  const place = byId("pages");
  const to = (page) => { asked.page = page; run(); byId("results").focus(); };
  place.replaceChildren(...(pages > 1 ? [
    h("button", { class: "quiet", type: "button", disabled: asked.page <= 1, onclick: () => to(asked.page - 1) }, "Previous"),
    h("span", {}, photo || !asked.item ? `Page ${asked.page} of ${pages}` : `Page ${asked.page}`),
    h("button", { class: "quiet", type: "button", disabled: asked.page >= pages, onclick: () => to(asked.page + 1) }, "Next"),
  ] : []));
}

/** Offer the orders that there are: hits come by similarity, and can be sorted on their page. */
function offerSorts() {
  const price = fields.get("price")?.kind === "number";
  const first = photo || asked.item ? ["", "Most similar"] : ["", asked.text ? "Best match" : "As listed"];
  const offered = [first, ...(price ? [["price", "Price, low first"], ["-price", "Price, high first"]] : []), ["title", "Title"]];
  byId("sort").replaceChildren(...offered.map(([value, label]) =>
    h("option", { value, selected: value === asked.sort }, label)));
}

function ordered(hits) {
  const name = asked.sort.replace(/^-/, "");
  if (!name) return hits;
  const way = asked.sort.startsWith("-") ? -1 : 1;
  const of = (hit) => (name === "title" ? hit.title : hit.attributes[name]);
  return [...hits].sort((one, other) => {
    const [a, b] = [of(one), of(other)];
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    return way * (typeof a === "string" ? a.localeCompare(b) : a - b);
  });
}

function fail(error) {
  byId("count").textContent = "";
  const again = h("button", { class: "link", type: "button", onclick: () => run() }, "Try again");
  byId("notice").replaceChildren(h("div", { class: "note bad" }, h("span", {}, error.message), again));
  showNothing("There is no answer", "");
  showPages(0);
}

async function searchWith(file) {
  if (!file) return;
  const blob = await prepared(file);
  if (photo) URL.revokeObjectURL(photo.url);
  photo = { blob, url: URL.createObjectURL(blob), crop: null };
  asked.item = null;
  asked.page = 1;
  asked.sort = "";
  byId("seen").replaceChildren(h("h2", {}, "Looking …"));
  cropper.show(photo.url);
  window.scrollTo({ top: 0 });
  run();
}

function find(itemId) {
  dropPhoto();
  asked.item = itemId;
  asked.text = "";
  asked.page = 1;
  window.scrollTo({ top: 0 });
  run();
}

function dropPhoto() {
  if (photo) URL.revokeObjectURL(photo.url);
  photo = null;
}

function startAgain() {
  dropPhoto();
  giveUp("items");
  asked.read(new URLSearchParams());
  run();
}

function clear() {
  asked.clear();
  run();
}

function wire() {
  const file = byId("file");
  for (const id of ["choose", "drop"]) byId(id).addEventListener("click", () => file.click());
  file.addEventListener("change", () => { searchWith(file.files[0]); file.value = ""; });
  document.addEventListener("paste", (event) => searchWith(imageOf(event.clipboardData)));
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    searchWith(imageOf(event.dataTransfer));
  });
  byId("camera").hidden = !hasCamera();
  byId("camera").addEventListener("click", () => takePhoto(searchWith, toast));
  byId("words").addEventListener("submit", (event) => {
    event.preventDefault();
    asked.text = byId("text").value.trim();
    asked.page = 1;
    if (!photo) asked.item = null;
    run();
  });
  byId("text").addEventListener("search", () => byId("words").requestSubmit());
  byId("sort").addEventListener("change", (event) => { asked.sort = event.target.value; asked.page = 1; run(); });
  byId("group").addEventListener("change", (event) => { asked.group = event.target.checked; asked.page = 1; run(); });
  byId("clear").addEventListener("click", clear);
  byId("share").addEventListener("click", share);
  document.querySelector(".brand").addEventListener("click", (event) => { event.preventDefault(); startAgain(); });
  const side = (open) => {
    byId("side").classList.toggle("open", open);
    (open ? byId("side-close") : byId("side-open")).focus();
  };
  byId("side-open").addEventListener("click", () => side(true));
  for (const id of ["side-close", "side-show"]) byId(id).addEventListener("click", () => side(false));
  byId("side").addEventListener("keydown", (event) => { if (event.key === "Escape") side(false); });
  window.addEventListener("popstate", () => {
    dropPhoto();
    asked.read(new URLSearchParams(location.search));
    run({ replace: true });
  });
  themed(byId("theme"));
}

async function share() {
  try {
    if (navigator.share) await navigator.share({ title: document.title, url: location.href });
    else {
      await navigator.clipboard.writeText(location.href);
      toast("The address is copied");
    }
  } catch {
    toast("The address bar has what can be shared");
  }
}

async function start() {
  wire();
  try {
    const [known, ready] = await Promise.all([ask("v1/fields"), ask("v1/shop")]);
    for (const field of known.fields) fields.set(field.name, field);
    if (ready.name) {
      byId("shop-name").textContent = ready.name;
      document.title = `${ready.name}: search by photo`;
    }
  } catch (error) {
    fail(error);
    return;
  }
  run({ replace: true });
}

start();

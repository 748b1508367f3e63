// The page: one question at a time, by photo, by item, or by words and filters alone.

import { ask, giveUp, superseded } from "./api.js";
import { Asked } from "./asked.js";
import { Cropper, cropText } from "./crop.js";
import { byId, h, plural, toast } from "./dom.js";
import { showChosen, showFacets, showTree } from "./filters.js";
import { titleOf } from "./goods.js";
import { act, showItems, showNothing, showWaiting } from "./grid.js";
import { inOrder, offerSorts, RANKED } from "./ordering.js";
import { keepPhoto, recalled } from "./past.js";
import { prepared } from "./photo.js";
import { askKey, showProblem } from "./problems.js";
import { showItem, showLooking, showSeen } from "./seen.js";
import { wire } from "./wiring.js";
import { showWhy } from "./why.js";

const PAGE_SIZE = 24;
const asked = new Asked();
const fields = new Map();
const shop = { name: "", max_top_k: 200 };
let photo = null; // as past.js keeps it; leaves this page only as a question
let picked = 0; // photos chosen so far: a slow one does not overtake the next

const cropper = new Cropper(byId("cropper"), (crop) => {
  photo.crop = crop;
  asked.page = 1;
  run();
});

/** Ask what is asked for now, and show the answer. */
async function run({ replace = false } = {}) {
  asked.write({ replace, photo: photo?.mark ?? null });
  const likeness = Boolean(photo || asked.item);
  byId("clear").hidden = !asked.filtered;
  byId("share").hidden = Boolean(photo);
  byId("hero").hidden = likeness;
  byId("query").hidden = byId("seen").hidden = byId("group-label").hidden = !likeness;
  byId("text").value = asked.text;
  byId("group").checked = asked.group;
  document.title = shop.name ? `${shop.name}: search by photo` : "Search by photo";
  offerSorts(byId("sort"), fields, asked.sort, likeness, asked.text);
  showChosen(asked, fields, run);
  showWaiting();
  byId("notice").replaceChildren();
  filters();
  try {
    await (photo ? byPhoto() : asked.item ? byItem() : byFilter());
  } catch (error) {
    if (!superseded(error)) fail(error);
  }
}

const filterQuery = () => [
  ...asked.categories.map((path) => ["category", path]),
  ["where", asked.where(fields)],
];

/** Return what page of hits is asked for; to be sorted, all that are sorted at once. */
const hitsQuery = () => [
  ["top_k", asked.sort ? Math.min(RANKED, shop.max_top_k) : PAGE_SIZE],
  ["page", asked.sort ? 1 : asked.page],
  ["group", asked.group ? "group_id" : "none"],
];

async function byPhoto() {
  const form = new FormData();
  form.append("photo", photo.blob, "photo.jpg");
  if (photo.crop) form.append("crop", cropText(photo.crop));
  for (const [name, value] of [...filterQuery(), ["text", asked.text], ...hitsQuery()]) {
    if (value) form.append(name, value);
  }
  const answer = await ask("v1/search", { body: form, kind: "items" });
  showSeen(answer, asked, run, find);
  showHits(answer.hits, plural(answer.total, "item", "items"), answer.pages);
}

async function byItem() {
  const path = `v1/items/${encodeURIComponent(asked.item)}`;
  const [item, answer] = await Promise.all([
    ask(path, { kind: "item" }),
    ask(`${path}/similar`, { query: [...filterQuery(), ...hitsQuery()], kind: "items" }),
  ]);
  document.title = `${titleOf(item)} – ${shop.name}`;
  cropper.showItem(item.photo_url, titleOf(item));
  showItem(item, asked, startAgain, run);
  showHits(answer.hits, plural(answer.total, "similar item", "similar items"), answer.pages);
}

async function byFilter() {
  const query = [...filterQuery(), ["text", asked.text], ["sort", asked.sort], ["page", asked.page], ["page_size", PAGE_SIZE]];
  const answer = await ask("v1/items", { query, kind: "items" });
  show(answer.items, plural(answer.total, "item", "items"), answer.pages);
}

/** Count the items under the filter, beside the question itself. */
async function filters() {
  try {
    const [tree, counted] = await Promise.all([
      ask("v1/categories", { query: [["where", asked.where(fields)]] }),
      ask("v1/facets", { query: filterQuery() }),
    ]);
    showTree(tree, asked, run);
    showFacets(counted.facets, asked, run);
    byId("side-show").textContent = `Show ${plural(counted.total, "item", "items")}`;
  } catch {
    // What the items' own question says of it is enough.
  }
}

function showHits(hits, told, pages) {
  if (!asked.sort) return show(hits, told, pages);
  const start = (asked.page - 1) * PAGE_SIZE;
  const sorted = inOrder(hits, asked.sort).slice(start, start + PAGE_SIZE);
  return show(sorted, `The ${hits.length} most similar`, Math.ceil(hits.length / PAGE_SIZE));
}

function show(items, told, pages) {
  byId("count").textContent = told;
  if (items.length) {
    showItems(items, acts);
  } else {
    const narrowed = asked.filtered || asked.text;
    showNothing("Nothing was found", narrowed ? "No item fits all of what is chosen." : "There are no items here yet.",
      narrowed ? h("button", { class: "quiet", type: "button", onclick: clear }, "Clear words and filters") : "");
  }
  showPages(pages);
}

function acts(item) {
  const title = titleOf(item);
  const found = [act("similar", "Similar", `Similar to ${title}`, `similar ${item.item_id}`, () => find(item.item_id))];
  if (photo) {
    const { blob, crop } = photo;
    const named = (label) => (label === item.item_id ? title : label);
    found.push(act("why", "Why", `Why ${title} was found`, `why ${item.item_id}`, () => showWhy(blob, crop, item, named)));
  }
  return found;
}

function showPages(pages) {
  const to = (page) => { asked.page = page; run(); byId("results").focus(); };
  const step = (label, page) => h("button", {
    class: "quiet", type: "button", disabled: page < 1 || page > pages, onclick: () => to(page),
  }, label);
  byId("pages").replaceChildren(...(pages > 1 ? [
    step("Previous", asked.page - 1),
    h("span", {}, `Page ${asked.page} of ${pages}`),
    step("Next", asked.page + 1),
  ] : []));
}

function fail(error) {
  byId("count").textContent = "";
  byId("seen").hidden = true;
  showNothing("There is no answer", "");
  showPages(0);
  if (error.status === 401) askKey(start);
  else showProblem(error.message, fields.size ? run : start);
}

async function searchWith(file) {
  if (!file) return;
  const turn = ++picked;
  const made = await prepared(file);
  if (turn !== picked) return;
  photo = keepPhoto(made);
  asked.item = null;
  asked.page = 1;
  asked.sort = "";
  look();
  run();
}

/** Show the photo, until there is an answer about it. */
function look() {
  showLooking();
  cropper.show(photo);
  window.scrollTo({ top: 0 });
}

function find(itemId) {
  photo = null;
  asked.item = itemId;
  asked.text = "";
  asked.page = 1;
  window.scrollTo({ top: 0 });
  byId("results").focus({ preventScroll: true });
  run();
}

function startAgain() {
  picked += 1;
  photo = null;
  giveUp("items");
  asked.read(new URLSearchParams());
  window.scrollTo({ top: 0 });
  run();
}

function clear() {
  asked.clear();
  asked.text = "";
  run();
}

/** Show an entry of the history again, its photo too while this page is open. */
function comeBack(state) {
  picked += 1;
  photo = recalled(state);
  asked.read(new URLSearchParams(location.search));
  if (photo) look();
  run({ replace: true });
}

function change(name, value) {
  asked[name] = value;
  asked.page = 1;
  if (name === "text" && !photo) asked.item = null;
  run();
}

async function start() {
  try {
    const [known, told] = await Promise.all([ask("v1/fields"), ask("v1/shop")]);
    for (const field of known.fields) fields.set(field.name, field);
    Object.assign(shop, told);
    if (shop.name) byId("shop-name").textContent = shop.name;
  } catch (error) {
    if (!superseded(error)) fail(error);
    return;
  }
  run({ replace: true });
}

wire({ searchWith, change, clear, startAgain, comeBack, toast });
start();

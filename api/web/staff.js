// The staff's view: what serves, what is complete, and what waits for a person.

import { ask, hasKey, sized, useKey } from "./api.js";
import { byId, h, number, percent, plural, toast } from "./dom.js";
import { themed } from "./theme.js";

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const CASES = 12;
let page = 1;

const admin = (path, options = {}) => ask(`v1/admin/${path}`, { kind: `admin/${path}`, ...options });
const when = (text) => (text ? WHEN.format(new Date(text)) : "–");

/** Show all rooms, or ask for a key. */
async function open() {
  byId("enter").hidden = hasKey();
  for (const id of ["rooms", "ways", "leave"]) byId(id).hidden = !hasKey();
  if (!hasKey()) {
    byId("key").focus();
    return;
  }
  try {
    showStatus(await admin("status"));
  } catch (error) {
    if (error.status === 401 || error.status === 403) {
      useKey("");
      byId("enter-told").textContent = error.message;
      open();
      return;
    }
    toast(error.message);
  }
  await Promise.all([showNewLabels(), showQuestions(), showVersions(), showModels(), showRejects()].map((room) => room.catch(fail)));
}

const fail = (error) => toast(error.message);

function showStatus(told) {
  byId("shop-name").textContent = told.name;
  document.title = `${told.name}: staff`;
  const figure = (label, value, warn = false) =>
    h("div", { class: warn ? "figure warn" : "figure" }, h("b", {}, number(value)), h("span", {}, label));
  byId("figures").replaceChildren(
    figure("items", told.items),
    figure("indexed", told.indexed),
    figure("waiting for a build", told.waiting, told.waiting > 0),
    figure("rejected", told.rejected, told.rejected > 0),
    figure("to decide", told.questions, told.questions > 0));
  const fact = (label, value) => [h("span", {}, label), h("div", {}, value)];
  const sum = told.indexed + told.waiting + told.rejected;
  byId("facts").replaceChildren(
    ...fact("Complete", told.items === sum
      ? `Yes: ${number(told.items)} = ${number(told.indexed)} indexed + ${number(told.waiting)} waiting + ${number(told.rejected)} rejected`
      : h("strong", {}, "No: run vsearch status --check")),
    ...fact("Model", h("code", {}, told.model ?? "none yet")),
    ...(told.trained_model && told.trained_model !== told.model
      ? fact("Newest model", h("code", {}, `${told.trained_model}, which does not serve`)) : []),
    ...fact("Index", h("code", {}, told.index ?? "none yet")),
    ...fact("Built", when(told.built)),
    ...fact("Since then", told.delta_rows || told.dead_rows
      ? `${plural(told.delta_rows, "new view", "new views")}, ${plural(told.dead_rows, "row", "rows")} gone`
      : "nothing has changed"),
    ...(told.rebuild_due ? fact("A build is due", told.rebuild_due) : []));
  byId("report").hidden = !told.report;
}

async function checkAll() {
  const button = byId("check");
  button.disabled = true;
  byId("checks").replaceChildren(h("p", { class: "soft row" }, "Looking at every item, row and file …"));
  try {
    const told = await admin("checks");
    byId("checks").replaceChildren(
      h("p", { class: told.ok ? "note" : "note bad" }, told.ok ? "Everything is as it should be." : "Something is wrong."),
      h("div", { class: "scroll row" }, table(["State", "Checked", "Found"], told.checks.map((one) => [
        tag(one.ok ? "sound" : "wrong", one.ok), one.name, one.detail]))));
  } catch (error) {
    byId("checks").replaceChildren(h("p", { class: "note bad" }, error.message));
  } finally {
    button.disabled = false;
  }
}

async function showQuestions() {
  const told = await admin("questions", { query: [["page", page], ["page_size", CASES]] });
  if (page > 1 && !told.questions.length) {
    page -= 1;
    await showQuestions();
    return;
  }
  byId("questions-told").textContent = told.total
    ? `${plural(told.total, "label looks", "labels look")} doubtful, the worst first. What is decided here counts with the next training and build.`
    : "Nothing waits to be decided. Run vsearch audit to look for more.";
  byId("cases").replaceChildren(...told.questions.map(question));
  const to = (next) => { page = next; showQuestions().catch(fail); byId("questions").scrollIntoView(); };
  byId("questions-pages").replaceChildren(...(told.pages > 1 ? [
    h("button", { class: "quiet", type: "button", disabled: page <= 1, onclick: () => to(page - 1) }, "Previous"),
    h("span", {}, `Page ${told.page} of ${told.pages}`),
    h("button", { class: "quiet", type: "button", disabled: page >= told.pages, onclick: () => to(page + 1) }, "Next"),
  ] : []));
}

function question(asked) {
  const nameOf = (item, fallback) => (item ? item.title || item.item_id : fallback);
  const label = asked.column === "item_id" ? nameOf(asked.item, asked.label) : asked.label;
  const suggested = nameOf(asked.suggested_item, asked.suggested);
  const own = h("img", { alt: `The photo ${asked.photo}` });
  photoOf(asked.content_hash).then((url) => { own.src = url; }).catch(() => own.replaceWith(h("span", { class: "none" }, "no photo")));
  const decide = async (verdict, told) => {
    card.querySelectorAll("button").forEach((button) => { button.disabled = true; });
    try {
      const body = { content_hash: asked.content_hash, item_id: asked.item.item_id, verdict };
      await admin("questions", { body, kind: `decide/${asked.content_hash}` });
      toast(told);
      await showQuestions();
      showStatus(await admin("status"));
    } catch (error) {
      card.querySelectorAll("button").forEach((button) => { button.disabled = false; });
      fail(error);
    }
  };
  const card = h("li", { class: "case", "data-photo": asked.content_hash },
    h("div", { class: "trio" },
      h("figure", {}, own, h("figcaption", {}, h("b", {}, "The photo"), asked.photo)),
      picture(asked.item, "stands with", label),
      picture(asked.suggested_item, "looks like", suggested)),
    h("p", { class: "soft" }, reasonOf(asked)),
    h("div", { class: "acts" },
      h("button", { class: "primary", type: "button", onclick: () => decide("accept", "Kept") }, "It is right"),
      asked.suggested
        ? h("button", { class: "quiet", type: "button", "aria-label": `It is ${suggested}`, onclick: () => decide("relabel", `Moved to ${suggested}`) }, "It is the other one") : null,
      h("button", { class: "quiet", type: "button", onclick: () => decide("drop", "The photo is used no more") }, "Use it no more")));
  return card;
}

function reasonOf(asked) {
  if (asked.kind === "duplicate") return "Both items have this photo.";
  if (asked.kind === "odd") return "It is nearer to the other item's photos than to those of its own.";
  return `Doubt ${percent(Number(asked.doubt))}.`;
}

function picture(item, what, name) {
  const shown = item?.photo_url
    ? h("img", { src: sized(item.photo_url, 192), alt: "", loading: "lazy", width: 192, height: 192 })
    : h("span", { class: "none" }, "no photo");
  return h("figure", {}, shown, h("figcaption", {}, h("b", {}, what), name));
}

/** Return the address of a photo that only this key may see. */
async function photoOf(contentHash) {
  const blob = await ask(`v1/admin/questions/${contentHash}/photo`, { kind: `photo/${contentHash}`, blob: true });
  return URL.createObjectURL(blob);
}

async function showNewLabels() {
  const { labels, problems } = await admin("new-labels");
  const shown = labels.slice(0, 12).map((one) => `${one.name} (${plural(one.photos, "photo", "photos")})`).join(", ");
  const more = labels.length > 12 ? ` and ${number(labels.length - 12)} more` : "";
  byId("new-labels").replaceChildren(...[
    labels.length ? h("p", { class: "note warn" },
      h("strong", {}, `${plural(labels.length, "label is", "labels are")} new to the model: `), `${shown}${more}. Run vsearch extend.`) : null,
    ...problems.slice(0, 5).map((one) => h("p", { class: "note" }, one.label ? `“${one.label}”: ${one.reason}` : one.reason)),
  ].filter(Boolean));
}

async function showVersions() {
  const { versions } = await admin("versions");
  const rows = versions.map((one) => [
    one.current ? tag("serves", true) : one.problem ? tag("damaged", false) : "",
    h("code", {}, one.version), when(one.created), numeric(one.items), numeric(one.rows),
    one.structure === "codes" ? `codes, recall ${one.recall.toFixed(3)}` : one.structure ? "scans all" : one.problem,
    h("code", {}, one.model ?? ""),
    one.current || one.problem ? "" : h("button", { class: "quiet", type: "button", onclick: () => sure(one) }, "Roll back"),
  ]);
  byId("versions-table").replaceChildren(versions.length
    ? table(["State", "Version", "Built", "Items", "Rows", "Search", "Model", "Do"], rows)
    : h("p", { class: "note" }, "Nothing is built yet: run vsearch build."));
}

function sure(version) {
  const dialog = byId("sure");
  const go = async () => {
    dialog.close();
    try {
      await admin("rollback", { body: { version: version.version } });
      toast("The older version serves again");
      await showVersions();
      setTimeout(() => admin("status").then(showStatus).catch(fail), 1500);
    } catch (error) {
      fail(error);
    }
  };
  dialog.replaceChildren(
    h("h2", { id: "sure-title" }, "Let this version serve again?"),
    h("p", {}, `The version of ${when(version.created)} takes over with its model. What has changed in the catalogue since is found all the same.`),
    h("div", { class: "row" },
      h("button", { class: "primary", type: "button", onclick: go }, "Roll back"),
      h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, "Cancel")));
  dialog.showModal();
}

async function showModels() {
  const { models } = await admin("models");
  const rows = models.map((one) => [
    tag(one.state, one.state === "serving" ? true : one.state === "refused" ? false : null),
    h("code", {}, one.fingerprint), when(one.made), numeric(one.labels), one.label_columns.join(", "),
    one.problem ?? Object.entries(one.metrics).map(([name, value]) => `${name} ${value.toFixed(3)}`).join(", "),
    one.parent ? h("code", {}, one.parent) : "",
  ]);
  byId("models-table").replaceChildren(models.length
    ? table(["State", "Model", "Made", "Labels", "From", "On val", "Made of"], rows)
    : h("p", { class: "note" }, "Nothing is trained yet: run vsearch train."));
}

async function showRejects() {
  const told = await admin("rejects");
  byId("rejects-told").textContent = told.total
    ? `${plural(told.total, "thing was", "things were")} not taken in${told.total > told.rejects.length ? `, the last ${told.rejects.length} of them are` : ""}:`
    : "Everything was taken in.";
  byId("rejects-table").replaceChildren(...(told.rejects.length
    ? [table(["Manifest", "Row", "Item", "Field", "Value", "Reason"], told.rejects.map((one) =>
      [one.manifest || "build", one.row ? numeric(one.row) : "", one.item_id ?? "", one.field, one.value, one.reason]))]
    : []));
}

const tag = (text, good) => h("span", { class: good === true ? "tag good" : good === false ? "tag bad" : "tag" }, text);
const numeric = (value) => (value === null || value === undefined ? "" : { number: number(value) });

function table(columns, rows) {
  const cell = (value) => (value?.number !== undefined ? h("td", { class: "number" }, value.number) : h("td", {}, value));
  return h("table", {},
    h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell)))));
}

async function saveReport() {
  try {
    const blob = await admin("report", { blob: true });
    const link = h("a", { href: URL.createObjectURL(blob), download: "report.html" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch (error) {
    fail(error);
  }
}

function wire() {
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    byId("enter-told").textContent = "";
    useKey(byId("key").value.trim());
    byId("key").value = "";
    open();
  });
  byId("leave").addEventListener("click", () => { useKey(""); location.reload(); });
  byId("check").addEventListener("click", checkAll);
  byId("report").addEventListener("click", saveReport);
  themed(byId("theme"));
}

wire();
open();

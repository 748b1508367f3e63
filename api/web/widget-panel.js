// The panel that the widget opens: a photo in, the items that look like it out.

import { absolute, ask, giveUp, sized, superseded } from "./api.js";
import { Cropper, cropText } from "./crop.js";
import { h, keepFocus, percent } from "./dom.js";
import { lastOf, linkOf, priceOf, titleOf } from "./goods.js";
import { imageOf, prepared } from "./photo.js";
import sheet from "./widget-style.js";
import { problemOf, textsOf } from "./widget-texts.js";

const CHIPS = 4;
const LEAST = 0.05; // a probability that is shown
const SIDE = 560; // pixels of the longer side of the photo as it is shown
let made = 0;

export class Panel {
  /**
   * @param host the widget's element on the page, which fires its events.
   * @param root the shadow root that it lives in.
   * @param options the script's `data-…`; see widget.js.
   */
  constructor(host, root, options) {
    Object.assign(this, { host, options, kind: `widget ${++made}`, said: textsOf(host.lang, options) });
    this.within = (options.category ?? "").split("|").map((path) => path.trim()).filter(Boolean);
    this.chosen = null; // a category among those of the photo
    this.picked = 0;
    this.blob = null;
    this.crop = null; // the part of the photo that is searched with; null: all of it
    this.build(root);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    root.append(this.dialog);
  }

  build(root) {
    const choose = () => this.file.click();
    const { said } = this;
    this.file = h("input", {
      type: "file", accept: "image/*", hidden: true, "aria-label": said.file,
      onchange: () => { this.search(this.file.files[0]); this.file.value = ""; },
    });
    this.drop = h("div", { class: "drop" },
      h("p", {}, said.drop),
      h("button", { class: "primary", type: "button", autofocus: true, onclick: choose }, said.choose));
    this.figure = h("figure", { class: "cropper" });
    this.cropper = new Cropper(this.figure, (crop) => {
      Object.assign(this, { crop, chosen: null });
      this.ask(1);
    }, said);
    this.seen = h("div", { "aria-live": "polite" });
    this.asked = h("div", { class: "asked", hidden: true }, this.figure, h("div", {}, this.seen,
      h("button", { class: "plain", type: "button", onclick: choose }, said.another)));
    this.told = h("p", { class: "told", role: "status" });
    this.bad = h("div", { class: "bad", role: "alert" });
    this.list = h("ul", {});
    this.more = h("div", { class: "more" });
    this.dialog = h("dialog", {
      "aria-labelledby": "title", part: "panel",
      onclose: () => { giveUp(this.kind); this.tell("close"); },
      onclick: (event) => { if (event.target === this.dialog) this.close(); },
      onpaste: (event) => this.search(imageOf(event.clipboardData)),
      ondragover: (event) => { event.preventDefault(); this.dialog.classList.add("over"); },
      ondragleave: (event) => { if (!this.dialog.contains(event.relatedTarget)) this.dialog.classList.remove("over"); },
      ondrop: (event) => {
        event.preventDefault();
        this.dialog.classList.remove("over");
        this.search(imageOf(event.dataTransfer));
      },
    },
    h("div", { class: "head" },
      h("h2", { id: "title" }, said.title),
      h("button", { class: "close", type: "button", "aria-label": said.close, onclick: () => this.close() }, "×")),
    h("div", { class: "body", tabindex: "0", role: "region", "aria-label": said.results },
      this.file, this.drop, this.asked, this.told, this.bad, this.list, this.more));
    // Paste goes to what has the focus; a panel just opened may have none of its own.
    document.addEventListener("paste", (event) => {
      if (this.dialog.open && !root.activeElement) this.search(imageOf(event.clipboardData));
    });
  }

  tell(kind, detail = null, cancelable = false) {
    return this.host.dispatchEvent(
      new CustomEvent(`vsearch-${kind}`, { bubbles: true, composed: true, cancelable, detail }));
  }

  open() {
    if (this.dialog.open) return;
    this.dialog.showModal();
    this.tell("open");
  }

  close() {
    this.dialog.close();
  }

  /** Search with an image file; a search that still runs is given up. */
  async search(file) {
    if (!file) return;
    this.open();
    const turn = ++this.picked;
    const { blob } = await prepared(file);
    if (turn !== this.picked) return;
    Object.assign(this, { blob, chosen: null, crop: null });
    this.drop.hidden = true;
    this.asked.hidden = false;
    this.list.replaceChildren();
    this.seen.replaceChildren(h("p", { class: "best" }, this.said.looking));
    this.show(blob);
    await this.ask(1);
  }

  /** Show the photo, on a canvas: the host's policy may allow no picture but the shop's. */
  async show(blob) {
    this.figure.hidden = true;
    let image;
    try {
      image = await createImageBitmap(blob);
    } catch {
      return; // the shop can read what this browser cannot
    }
    const scale = Math.min(1, SIDE / Math.max(image.width, image.height));
    const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale)));
    const canvas = h("canvas", { width, height, role: "img", "aria-label": this.said.photo });
    canvas.getContext("2d").drawImage(image, 0, 0, width, height);
    image.close();
    if (blob !== this.blob) return;
    this.cropper.show({ canvas, width, height, crop: null });
    this.figure.hidden = false;
  }

  async ask(page) {
    const form = new FormData();
    form.append("photo", this.blob, "photo.jpg");
    if (this.crop) form.append("crop", cropText(this.crop));
    for (const path of this.chosen ? [this.chosen] : this.within) form.append("category", path);
    if (this.options.where) form.append("where", this.options.where);
    if ("group" in this.options) form.append("group", "group_id");
    form.append("top_k", this.options.topK || 12);
    form.append("page", page);
    this.bad.replaceChildren();
    this.list.setAttribute("aria-busy", "true");
    this.more.replaceChildren();
    try {
      const answer = await ask("v1/search", { body: form, kind: this.kind, keyed: this.options.key || "" });
      this.answer(answer);
    } catch (error) {
      if (!superseded(error)) this.fail(error, page);
    }
  }

  answer(answer) {
    this.list.setAttribute("aria-busy", "false");
    const { one, found, nothing } = this.said;
    const count = answer.total.toLocaleString(this.host.lang);
    this.told.textContent = answer.total
      ? (answer.total === 1 ? one : found).replace("{count}", count) : nothing;
    keepFocus(this.seen, () => this.seen.replaceChildren(...this.described(answer)));
    const items = answer.hits.map((item) => this.item(item));
    if (answer.page === 1) this.list.replaceChildren(...items);
    else this.list.append(...items);
    this.more.replaceChildren(...(answer.page < answer.pages && items.length ? [h("button", {
      class: "plain", type: "button",
      onclick: async () => {
        const first = this.list.children.length;
        await this.ask(answer.page + 1);
        this.list.children[first]?.firstElementChild.focus();
      },
    }, this.said.more)] : []));
    this.tell("results", answer);
  }

  fail(error, page) {
    this.list.setAttribute("aria-busy", "false");
    this.told.textContent = "";
    this.seen.replaceChildren();
    this.bad.replaceChildren(`${problemOf(error, this.said)} `,
      h("button", { class: "plain", type: "button", onclick: () => this.ask(page) }, this.said.again));
    this.tell("error", error);
  }

  /** Say what the photo shows, with its likely categories to choose from. */
  described(answer) {
    if (answer.unknown) return [h("p", { class: "best" }, this.said.unknown), h("p", {}, this.said.closest)];
    const best = answer.labels[0];
    const deepest = Math.max(0, ...answer.categories.map((one) => one.path.split(" > ").length));
    const offered = answer.categories.filter(({ path, probability }) =>
      path.split(" > ").length === deepest && probability >= LEAST && this.allows(path));
    return [
      h("p", { class: "best" }, lastOf(best?.path || best?.name || "")),
      h("div", { class: "chips" }, offered.slice(0, CHIPS).map(({ path, probability }) => h("button", {
        type: "button", "data-key": path, "aria-pressed": String(this.chosen === path),
        onclick: () => { this.chosen = this.chosen === path ? null : path; this.ask(1); },
      }, `${lastOf(path)} ${percent(probability, this.host.lang)}`))),
    ];
  }

  allows(path) {
    const names = path.split(" > ");
    return !this.within.length
      || this.within.some((one) => path === one || path.startsWith(`${one} > `) || names.includes(one));
  }

  item(item) {
    const link = this.link(item);
    const price = priceOf(item);
    const chosen = (event) => { if (!this.tell("select", item, true)) event.preventDefault(); };
    return h("li", {}, h(link ? "a" : "button", {
      class: "item", part: "item", href: link, type: link ? null : "button", onclick: chosen,
    },
    item.photo_url
      ? h("img", { src: absolute(sized(item.photo_url, 384)), alt: "", width: 384, height: 384, loading: "lazy", decoding: "async" })
      : h("i"),
    h("span", {}, h("span", { class: "name" }, titleOf(item)), price ? h("b", {}, price) : null)));
  }

  /** Return where an item is on the shop's own pages; null where nobody has said. */
  link(item) {
    const told = { ...item.attributes, item_id: item.item_id };
    const { itemUrl, itemAttribute } = this.options;
    const text = itemUrl
      ? itemUrl.replace(/\{([^}]+)\}/g, (_, name) => encodeURIComponent(told[name] ?? ""))
      : itemAttribute ? told[itemAttribute] : linkOf(item);
    if (!text || !URL.canParse(text, document.baseURI)) return null;
    const url = new URL(text, document.baseURI);
    return ["http:", "https:"].includes(url.protocol) ? url.href : null;
  }
}

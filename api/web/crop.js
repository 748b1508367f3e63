// A rectangle on the photo, drawn with mouse, finger or keys; fractions of the photo, 0 to 1.

import sheet from "./crop-style.js";
import { h } from "./dom.js";

const LEAST = 0.06; // of a side
const STEP = 0.02; // of an arrow key
const CORNERS = [["left", "top"], ["right", "top"], ["left", "bottom"], ["right", "bottom"]];
const WHOLE = { x: 0, y: 0, width: 1, height: 1 };
export const CROP_TEXTS = {
  photo: "Your photo",
  frame: "crop rectangle",
  part: "The part of the photo that is searched with. Arrow keys move it, with shift they make it " +
    "larger or smaller, Escape takes the whole photo.",
  whole: "Use the whole photo",
  hint: "Drag a rectangle around the product",
};
/** Return a crop as the API takes it. */
export const cropText = ({ x, y, width, height }) => [x, y, width, height].map((part) => part.toFixed(4)).join(",");
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export class Cropper {
  /**
   * @param place the figure that shows the photo.
   * @param changed called with the new crop, null for the whole photo, when it was let go.
   * @param said what it says, as CROP_TEXTS.
   */
  constructor(place, changed, said = CROP_TEXTS) {
    Object.assign(this, { place, changed, said });
    this.box = { ...WHOLE };
  }

  /**
   * Show a photo.
   * @param photo `url` or, where a page's policy shows none, a `canvas`; `width` and `height` in
   *   pixels, `crop` as it was or null.
   */
  show({ url, canvas = null, width, height, crop }) {
    const root = this.place.getRootNode();
    if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    clearTimeout(this.told);
    this.held = null;
    this.box = crop ? { ...crop } : { ...WHOLE };
    this.dim = h("div", { class: "crop-dim" });
    this.shade = h("div", { class: "crop-shade", onpointerdown: (event) => this.draw(event) }, this.dim);
    this.frame = h("div", {
      class: "crop-box", role: "group", tabindex: "0", "aria-roledescription": this.said.frame,
      "aria-label": this.said.part,
      onpointerdown: (event) => this.move(event),
      onkeydown: (event) => this.key(event),
    }, CORNERS.map((corner) => h("span", {
      class: `crop-handle ${corner.join(" ")}`, onpointerdown: (event) => this.stretch(event, corner),
    })));
    this.reset = h("button", { class: "link", type: "button", onclick: () => this.let(WHOLE) }, this.said.whole);
    this.hint = h("span", {}, this.said.hint);
    const size = width ? { width, height } : {};
    const unseen = () => this.place.replaceChildren(
      h("p", { class: "unseen" }, "This browser cannot show the photo; the shop looks at it all the same."));
    this.place.replaceChildren(
      h("div", { class: "crop-photo", "--ratio": width ? width / height : 1 },
        canvas ?? h("img", { src: url, alt: this.said.photo, draggable: "false", onerror: unseen, ...size }),
        this.shade, this.frame),
      h("figcaption", {}, this.hint, this.reset),
    );
    this.lay();
  }

  /** Show the photo of an item, which is not cropped. */
  showItem(url, title) {
    clearTimeout(this.told);
    this.place.replaceChildren(...(url ? [h("img", { src: url, alt: title, width: 384, height: 384 })] : []));
  }

  get crop() {
    const { x, y, width, height } = this.box;
    return width > 0.995 && height > 0.995 ? null : { x, y, width, height };
  }

  lay() {
    const { x, y, width, height } = this.box;
    for (const [name, value] of Object.entries({ left: x, top: y, width, height })) {
      this.frame.style[name] = this.dim.style[name] = `${100 * value}%`;
    }
    this.frame.classList.toggle("whole", this.crop === null);
    this.reset.hidden = this.crop === null;
    this.hint.hidden = this.crop !== null;
  }

  let(box) {
    if (this.reset === this.place.getRootNode().activeElement) this.frame.focus(); // the button goes
    this.box = { ...box };
    this.lay();
    this.changed(this.crop);
  }

  point(event) {
    const { left, top, width, height } = this.shade.getBoundingClientRect();
    return [clamp((event.clientX - left) / width, 0, 1), clamp((event.clientY - top) / height, 0, 1)];
  }

  /** Follow a pointer until it is lifted, then tell the crop; a second finger changes nothing. */
  follow(event, moved) {
    event.preventDefault();
    event.stopPropagation();
    if (this.held || event.button > 0) return;
    const { shade, box } = this;
    const before = { ...box };
    this.held = event.pointerId;
    this.frame.focus({ preventScroll: true });
    shade.setPointerCapture(event.pointerId);
    const gone = new AbortController();
    const on = (kind, does) => shade.addEventListener(kind, (next) => {
      if (next.pointerId === event.pointerId) does(next);
    }, { signal: gone.signal });
    const end = (last) => {
      gone.abort();
      if (this.shade !== shade) return; // another photo has come
      this.held = null;
      if (last === "cancelled") this.box = before;
      if (this.box.width < LEAST || this.box.height < LEAST) this.box = { ...WHOLE };
      this.lay();
      if (JSON.stringify(this.box) !== JSON.stringify(before)) this.changed(this.crop);
    };
    on("pointermove", (next) => { moved(this.point(next)); this.lay(); });
    on("pointerup", end);
    on("pointercancel", () => end("cancelled"));
  }

  span([ax, ay], [bx, by]) {
    this.box = {
      x: Math.min(ax, bx), y: Math.min(ay, by), width: Math.abs(ax - bx), height: Math.abs(ay - by),
    };
  }

  draw(event) {
    const from = this.point(event);
    this.follow(event, (to) => this.span(from, to));
  }

  move(event) {
    if (this.crop === null) return this.draw(event); // a whole photo cannot move: a new one begins
    const from = this.point(event);
    const { x, y, width, height } = this.box;
    return this.follow(event, (to) => {
      this.box.x = clamp(x + to[0] - from[0], 0, 1 - width);
      this.box.y = clamp(y + to[1] - from[1], 0, 1 - height);
    });
  }

  stretch(event, [across, down]) {
    const { x, y, width, height } = this.box;
    const fixed = [across === "left" ? x + width : x, down === "top" ? y + height : y];
    this.follow(event, (to) => this.span(fixed, to));
  }

  key(event) {
    const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const step = steps[event.key];
    if (event.key === "Escape" && this.crop) {
      event.preventDefault(); // a dialog around it stays open
      this.let(WHOLE);
    }
    if (!step) return;
    event.preventDefault();
    const box = { ...this.box };
    if (event.shiftKey) {
      box.width = clamp(box.width + step[0], LEAST, 1 - box.x);
      box.height = clamp(box.height + step[1], LEAST, 1 - box.y);
    } else {
      box.x = clamp(box.x + step[0], 0, 1 - box.width);
      box.y = clamp(box.y + step[1], 0, 1 - box.height);
    }
    this.box = box;
    this.lay();
    clearTimeout(this.told);
    this.told = setTimeout(() => this.changed(this.crop), 350);
  }
}

// A rectangle on the photo, drawn with mouse, finger or keys; fractions of the photo, 0 to 1.

import { h } from "./dom.js";

const LEAST = 0.06; // of a side
const STEP = 0.02; // of an arrow key
const CORNERS = [["left", "top"], ["right", "top"], ["left", "bottom"], ["right", "bottom"]];
const WHOLE = { x: 0, y: 0, width: 1, height: 1 };
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export class Cropper {
  /**
   * @param place the figure that shows the photo.
   * @param changed called with the new crop, null for the whole photo, when it was let go.
   */
  constructor(place, changed) {
    this.place = place;
    this.changed = changed;
    this.box = { ...WHOLE };
  }

  /** Show a photo, cropped as it was or not at all. */
  show(url, crop = null) {
    this.box = crop ? { ...crop } : { ...WHOLE };
    this.shade = h("div", { class: "crop-shade", onpointerdown: (event) => this.draw(event) });
    this.frame = h("div", {
      class: "crop-box", role: "group", tabindex: "0",
      "aria-label": "The part of the photo that is searched with. Arrow keys move it, with shift " +
        "they make it larger or smaller.",
      onpointerdown: (event) => this.move(event),
      onkeydown: (event) => this.key(event),
    });
    for (const corner of CORNERS) {
      this.frame.append(h("span", {
        class: "crop-handle", "data-corner": corner.join(" "),
        onpointerdown: (event) => this.stretch(event, corner),
      }));
    }
    this.shade.append(this.frame);
    this.reset = h("button", {
      class: "link", type: "button", onclick: () => this.let(WHOLE),
    }, "Whole photo");
    this.hint = h("span", {}, "Drag a rectangle around the product");
    const image = h("img", { src: url, alt: "Your photo" });
    this.place.replaceChildren(
      h("div", { class: "crop-photo" }, image, this.shade),
      h("figcaption", {}, this.hint, this.reset),
    );
    this.lay();
  }

  get crop() {
    const { x, y, width, height } = this.box;
    return width > 0.995 && height > 0.995 ? null : { x, y, width, height };
  }

  lay() {
    const { x, y, width, height } = this.box;
    for (const [name, value] of Object.entries({ left: x, top: y, width, height })) {
      this.frame.style[name] = `${100 * value}%`;
    }
    for (const handle of this.frame.children) {
      const [across, down] = handle.dataset.corner.split(" ");
      handle.style.left = across === "left" ? "0" : "100%";
      handle.style.top = down === "top" ? "0" : "100%";
    }
    this.frame.classList.toggle("whole", this.crop === null);
    this.reset.hidden = this.crop === null;
    this.hint.hidden = this.crop !== null;
  }

  let(box) {
    this.box = { ...box };
    this.lay();
    this.changed(this.crop);
  }

  point(event) {
    const { left, top, width, height } = this.shade.getBoundingClientRect();
    return [clamp((event.clientX - left) / width, 0, 1), clamp((event.clientY - top) / height, 0, 1)];
  }

  /** Follow a pointer until it is lifted, then tell the crop. */
  follow(event, moved) {
    event.preventDefault();
    event.stopPropagation();
    const before = JSON.stringify(this.box);
    this.shade.setPointerCapture(event.pointerId);
    const move = (next) => { moved(this.point(next)); this.lay(); };
    const end = () => {
      this.shade.removeEventListener("pointermove", move);
      this.shade.removeEventListener("pointerup", end);
      this.shade.removeEventListener("pointercancel", end);
      if (this.box.width < LEAST || this.box.height < LEAST) this.box = { ...WHOLE };
      this.lay();
      if (JSON.stringify(this.box) !== before) this.changed(this.crop);
    };
    this.shade.addEventListener("pointermove", move);
    this.shade.addEventListener("pointerup", end);
    this.shade.addEventListener("pointercancel", end);
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

"use strict";
// The page's few motions: day and night, the place in the contents, tables, the map.
// Text from the shop reaches the page through textContent alone.

const make = (name, className = "", text = "") => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== "") element.textContent = text;
  return element;
};
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Day and night: the device's choice until somebody presses the button.
const root = document.documentElement;
const night = matchMedia("(prefers-color-scheme: dark)");
const themeButton = document.getElementById("theme");
const setTheme = (dark) => {
  root.dataset.theme = dark ? "dark" : "light";
  themeButton.textContent = dark ? "Light" : "Dark";
  themeButton.setAttribute("aria-label", dark ? "Use light colours" : "Use dark colours");
  document.dispatchEvent(new Event("theme"));
};
setTheme(night.matches);
night.addEventListener("change", () => setTheme(night.matches));
themeButton.hidden = false;
themeButton.addEventListener("click", () => setTheme(root.dataset.theme !== "dark"));

// The contents show which section is read.
const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
const strip = document.querySelector("nav ol");
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    const link = links.get(entry.target.id);
    link.setAttribute("aria-current", "true");
    strip.scrollTo({ left: link.offsetLeft - strip.clientWidth / 2 + link.clientWidth / 2 });
  }
}, { rootMargin: "-20% 0px -70% 0px" });
document.querySelectorAll("main > section").forEach((section) => watcher.observe(section));

// Tables: rows are data until they come into view.
const CHUNK = 60;

class LazyTable {
  constructor(holder) {
    Object.assign(this, read(`table-${holder.dataset.table}`));
    this.holder = holder;
    this.body = holder.querySelector("tbody");
    this.more = holder.querySelector(".more");
    this.tally = holder.querySelector(".tally");
    this.chosen = new Set();
    this.words = "";
    this.head();
    const search = holder.querySelector("input");
    search.addEventListener("input", () => { this.words = search.value.toLowerCase(); this.show(); });
    for (const button of holder.querySelectorAll(".choice")) {
      button.addEventListener("click", () => this.choose(button));
    }
    this.more.addEventListener("click", () => this.grow());
    new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) this.grow(); }, {
      root: holder.querySelector(".scroll"), rootMargin: "300px",
    }).observe(this.end = make("tr"));
    this.show();
  }

  head() {
    const row = make("tr");
    this.columns.forEach((column, i) => {
      const cell = make("th", column.kind);
      cell.scope = "col";
      if (column.kind !== "picture") {
        const button = make("button", "", column.title);
        button.type = "button";
        if (column.note) button.title = column.note;
        button.addEventListener("click", () => this.order(i));
        cell.append(button);
      } else cell.append(make("span", "unseen", "Picture"));
      row.append(cell);
    });
    this.holder.querySelector("thead").append(row);
    this.mark();
  }

  mark() {
    [...this.holder.querySelectorAll("th")].forEach((cell, i) => {
      if (this.sort && this.sort[0] === i) {
        cell.setAttribute("aria-sort", this.sort[1] ? "ascending" : "descending");
      } else cell.removeAttribute("aria-sort");
    });
  }

  value(row, i) {
    const cell = row[i];
    if (cell === null) return ["share", "sure", "count"].includes(this.columns[i].kind) ? Infinity : "";
    if (this.columns[i].kind === "label") return this.names[cell];
    return Array.isArray(cell) ? cell[0] : cell;
  }

  order(i) {
    const rising = this.sort && this.sort[0] === i ? !this.sort[1] : true;
    const sign = rising ? 1 : -1;
    this.sort = [i, rising];
    this.rows = this.rows.map((row) => [this.value(row, i), row]).sort(([a], [b]) => {
      const numbers = typeof a !== "string" && typeof b !== "string";
      return sign * (numbers ? a - b : String(a).localeCompare(String(b)));
    }).map(([, row]) => row);
    this.mark();
    this.show();
  }

  choose(button) {
    const number = Number(button.dataset.choice);
    const on = !this.chosen.has(number);
    if (on) this.chosen.add(number); else this.chosen.delete(number);
    button.setAttribute("aria-pressed", String(on));
    this.show();
  }

  holds(row) {
    for (const number of this.chosen) {
      const [, column, value] = this.choices[number];
      if (row[column] !== value) return false;
    }
    if (!this.words) return true;
    return this.columns.some(({ kind }, i) => (kind === "text" || kind === "label")
      && this.value(row, i).toLowerCase().includes(this.words));
  }

  show() {
    this.kept = this.rows.filter((row) => this.holds(row));
    this.drawn = 0;
    this.body.replaceChildren(this.end);
    const [kept, all] = [this.kept.length, this.rows.length];
    this.tally.textContent = `${kept.toLocaleString("en")}`
      + (kept < all ? ` of ${all.toLocaleString("en")}` : "") + ` ${this.what}`;
    this.grow();
  }

  grow() {
    const next = this.kept.slice(this.drawn, this.drawn + CHUNK);
    this.end.before(...next.map((row) => this.line(row)));
    this.drawn += next.length;
    this.more.hidden = this.drawn >= this.kept.length;
    // Taken out and put in again, so that the observer looks once more.
    this.end.remove();
    if (this.drawn < this.kept.length) this.body.append(this.end);
  }

  line(row) {
    const line = make("tr");
    row.forEach((cell, i) => line.append(this.cell(cell, this.columns[i].kind)));
    return line;
  }

  cell(value, kind) {
    const cell = make("td", kind);
    if (kind === "picture") { if (value !== null) cell.append(this.picture(value)); }
    else if (kind === "share" || kind === "sure") {
      if (value !== null) cell.append(share([].concat(value), kind === "share"));
    }
    else if (kind === "mark") cell.append(mark(value));
    else if (kind === "count") cell.textContent = value === null ? "–" : value.toLocaleString("en");
    else if (value !== null) cell.append(make("span", "name", kind === "label" ? this.names[value] : value));
    return cell;
  }

  picture(number) {
    const [name, columns, each] = this.gallery;
    const place = number % each;
    const shot = make("span", `shot ${name}${Math.floor(number / each)}`);
    shot.style.setProperty("--x", place % columns);
    shot.style.setProperty("--y", Math.floor(place / columns));
    return shot;
  }
}

const share = ([value, low, high], judged) => {
  const cell = make("span", "portion");
  const bar = make("span", judged && value < 0.75 ? "bar weak" : "bar");
  bar.style.setProperty("--v", 100 * value);
  bar.style.setProperty("--l", 100 * (low ?? value));
  bar.style.setProperty("--h", 100 * (high ?? value));
  bar.setAttribute("aria-hidden", "true");
  if (low !== undefined) cell.title = `95 % interval ${percent(low)} to ${percent(high)}`;
  cell.append(bar, make("b", "", percent(value)));
  return cell;
};
const mark = (right) => make("span", right ? "yes" : "no", right === null ? "–" : right ? "✓ right" : "✗ wrong");

const later = new IntersectionObserver((seen) => {
  for (const one of seen) {
    if (!one.isIntersecting) continue;
    later.unobserve(one.target);
    new LazyTable(one.target);
  }
}, { rootMargin: "800px" });
document.querySelectorAll(".lazy").forEach((holder) => later.observe(holder));

// The map: dots, and photos wherever there is room for one.
class EmbeddingMap {
  constructor(section) {
    this.data = read("map-data");
    this.sheet = document.getElementById("map-sheet");
    this.canvas = section.querySelector("canvas");
    this.tip = section.querySelector(".map-tip");
    this.legend = section.querySelector(".map-legend");
    this.select = section.querySelector("select");
    this.select.addEventListener("change", () => this.paint());
    section.querySelectorAll("[data-map]").forEach((button) => button.addEventListener("click", () => {
      if (button.dataset.map === "2") this.home();
      else this.zoom(button.dataset.map === "0" ? 1.5 : 1 / 1.5, this.width / 2, this.height / 2);
    }));
    this.listen();
    new ResizeObserver(() => this.home()).observe(this.canvas);
    document.addEventListener("theme", () => this.paint());
    this.home();
  }

  home() {
    const dots = devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = this.width * dots;
    this.canvas.height = this.height * dots;
    this.view = { scale: 1, x: 0, y: 0 };
    this.paint();
  }

  at(i) {
    const margin = 30;
    const x = margin + this.data.x[i] * (this.width - 2 * margin);
    const y = margin + (1 - this.data.y[i]) * (this.height - 2 * margin);
    return [x * this.view.scale + this.view.x, y * this.view.scale + this.view.y];
  }

  zoom(factor, x, y) {
    const scale = Math.min(24, Math.max(1, this.view.scale * factor));
    const grown = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * grown, y: y - (y - this.view.y) * grown };
    this.move(0, 0);
  }

  move(x, y) {
    const { scale } = this.view;
    this.canvas.style.touchAction = scale > 1 ? "none" : "pan-y";
    this.view.x = Math.min(0, Math.max(this.width * (1 - scale), this.view.x + x));
    this.view.y = Math.min(0, Math.max(this.height * (1 - scale), this.view.y + y));
    this.paint();
  }

  listen() {
    let from = null;
    this.canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== this.canvas) return; // the page scrolls on
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
    }, { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => { from = [event.offsetX, event.offsetY]; });
    addEventListener("pointerup", () => { from = null; });
    this.canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    this.canvas.addEventListener("pointermove", (event) => {
      if (from) {
        this.move(event.offsetX - from[0], event.offsetY - from[1]);
        from = [event.offsetX, event.offsetY];
      }
      this.point(event.offsetX, event.offsetY);
    });
    this.canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
      if (step) this.move(...step);
      else if (event.key === "+" || event.key === "=") this.zoom(1.4, this.width / 2, this.height / 2);
      else if (event.key === "-") this.zoom(1 / 1.4, this.width / 2, this.height / 2);
      else return;
      event.preventDefault();
    });
  }

  point(x, y) {
    let best = -1, nearest = 22 * 22;
    for (let i = 0; i < this.data.x.length; i += 1) {
      const [px, py] = this.at(i);
      const far = (px - x) ** 2 + (py - y) ** 2;
      if (far < nearest) { nearest = far; best = i; }
    }
    this.tip.hidden = best < 0;
    if (best < 0) return;
    const right = this.data.right[best];
    const kind = right === null ? "catalogue photo" : right ? "first hit right" : "first hit wrong";
    this.tip.textContent = `${this.data.titles[this.data.title[best]]}, ${kind}`;
    const [px, py] = this.at(best);
    this.tip.style.left = `${Math.min(px + 16, this.width - 180)}px`;
    this.tip.style.top = `${Math.min(py + 16, this.height - 60)}px`;
  }

  colours() {
    if (this.select.value === "group") {
      const list = this.data.groups.map((name, i) => [name, colour(`--g${i}`)]);
      return [list, (i) => list[this.data.group[i]][1]];
    }
    const list = [["first hit right", colour("--good")], ["first hit wrong", colour("--bad")], ["catalogue photo", colour("--g7")]];
    return [list, (i) => list[this.data.right[i] === null ? 2 : 1 - this.data.right[i]][1]];
  }

  paint() {
    const [list, colourOf] = this.colours();
    this.legend.replaceChildren(...list.map(([name, paint]) => {
      const entry = make("li");
      const key = make("span", "key");
      key.style.background = paint;
      entry.append(key, name);
      return entry;
    }));
    const pen = this.canvas.getContext("2d");
    const dots = devicePixelRatio || 1;
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    const side = Math.min(64, 28 + 3.2 * this.view.scale);
    const photos = [];
    for (let n = 0; n < this.data.x.length; n += 1) {
      const i = this.data.x.length - 1 - n; // the catalogue's photos first
      const [x, y] = this.at(i);
      if (x < -side || y < -side || x > this.width + side || y > this.height + side) continue;
      const room = photos.every(([, px, py]) => Math.max(Math.abs(px - x), Math.abs(py - y)) > side + 4);
      if (room) photos.push([i, x, y]);
      else this.spot(pen, x, y, colourOf(i));
    }
    for (const [i, x, y] of photos) this.photo(pen, i, x, y, side, colourOf(i));
  }

  spot(pen, x, y, paint) {
    pen.globalAlpha = 0.75;
    pen.fillStyle = paint;
    pen.beginPath();
    pen.arc(x, y, 3.2, 0, 2 * Math.PI);
    pen.fill();
    pen.globalAlpha = 1;
  }

  photo(pen, i, x, y, side, paint) {
    const { picture, columns, side: cell, right } = this.data;
    const radius = right[i] === null ? 4 : side / 2;
    pen.save();
    pen.beginPath();
    pen.roundRect(x - side / 2, y - side / 2, side, side, radius);
    pen.fillStyle = colour("--soft");
    pen.fill();
    pen.clip();
    pen.drawImage(this.sheet, (picture[i] % columns) * cell, Math.floor(picture[i] / columns) * cell,
      cell, cell, x - side / 2, y - side / 2, side, side);
    pen.restore();
    pen.lineWidth = right[i] === null ? 3 : 2;
    pen.strokeStyle = paint;
    pen.beginPath();
    pen.roundRect(x - side / 2, y - side / 2, side, side, radius);
    pen.stroke();
  }
}

const mapSection = document.getElementById("map");
if (mapSection) {
  const open = new IntersectionObserver((seen, observer) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    observer.disconnect();
    const sheet = document.getElementById("map-sheet");
    sheet.decode().catch(() => null).then(() => new EmbeddingMap(mapSection));
  }, { rootMargin: "600px" });
  open.observe(mapSection);
}

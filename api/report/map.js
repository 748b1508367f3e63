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

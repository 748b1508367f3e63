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

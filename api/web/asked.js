// What is asked for now: filters, words, order and page; in the address, so that it can be shared.

const RANGE = "~";

export class Asked {
  constructor() {
    this.read(new URLSearchParams(location.search));
  }

  read(query) {
    this.item = query.get("item");
    this.text = query.get("text") ?? "";
    this.categories = query.getAll("category");
    this.sort = query.get("sort") ?? "";
    this.group = query.get("group") === "1";
    this.page = Math.max(1, Number.parseInt(query.get("page") ?? "1", 10) || 1);
    this.values = new Map(); // field → Set of chosen values, as texts
    this.ranges = new Map(); // field → [low, high], null where open
    for (const [name, value] of query) {
      if (!name.startsWith("f.")) continue;
      const field = name.slice(2);
      if (value.includes(RANGE)) {
        const ends = value.split(RANGE).map((end) => (end === "" ? null : Number(end)));
        if (ends.every((end) => end === null || Number.isFinite(end))) this.ranges.set(field, ends);
      } else {
        this.values.set(field, (this.values.get(field) ?? new Set()).add(value));
      }
    }
  }

  /** Return all of it as the query of an address. */
  written() {
    const query = new URLSearchParams();
    if (this.item) query.set("item", this.item);
    if (this.text) query.set("text", this.text);
    for (const path of this.categories) query.append("category", path);
    for (const [field, values] of this.values) for (const value of values) query.append(`f.${field}`, value);
    for (const [field, [low, high]] of this.ranges) query.append(`f.${field}`, `${low ?? ""}${RANGE}${high ?? ""}`);
    if (this.sort) query.set("sort", this.sort);
    if (this.group) query.set("group", "1");
    if (this.page > 1) query.set("page", String(this.page));
    return query.toString();
  }

  /**
   * Put it into the address bar, as a new entry of the history where it is a new question.
   * @param photo the mark of the photo that is searched with, null without one.
   */
  write({ replace = false, photo = null } = {}) {
    const query = this.written();
    const same = location.search === (query ? `?${query}` : "") && photo === (history.state?.photo ?? null);
    if (same) return;
    const url = query ? `?${query}` : location.pathname;
    history[replace ? "replaceState" : "pushState"](photo ? { photo } : null, "", url);
  }

  get filtered() {
    return this.categories.length + this.values.size + this.ranges.size > 0;
  }

  clear() {
    this.categories = [];
    this.values.clear();
    this.ranges.clear();
    this.page = 1;
  }

  toggleCategory(path) {
    this.categories = this.categories.includes(path)
      ? this.categories.filter((other) => other !== path)
      // A category and one above it would only name the larger one twice.
      : [...this.categories.filter((other) => !within(other, path) && !within(path, other)), path];
    this.page = 1;
  }

  toggleValue(field, value) {
    const chosen = this.values.get(field) ?? new Set();
    if (!chosen.delete(value)) chosen.add(value);
    if (chosen.size) this.values.set(field, chosen);
    else this.values.delete(field);
    this.page = 1;
  }

  /** Return what narrows the items, each as a text with a function that takes it away. */
  narrowings(fields) {
    const name = (field) => fields.get(field)?.display_name ?? field;
    const found = this.categories.map((path) => [path.split(" > ").at(-1), () => this.toggleCategory(path)]);
    for (const [field, values] of this.values) {
      for (const value of values) {
        const told = { true: "yes", false: "no" }[fields.get(field)?.kind === "bool" ? value : ""] ?? value;
        found.push([`${name(field)}: ${told}`, () => this.toggleValue(field, value)]);
      }
    }
    for (const [field, [low, high]] of this.ranges) {
      const told = low === null ? `up to ${high}` : high === null ? `from ${low}` : `${low} – ${high}`;
      found.push([`${name(field)}: ${told}`, () => this.setRange(field, null, null)]);
    }
    if (this.text) found.push([`“${this.text}”`, () => { this.text = ""; this.page = 1; }]);
    return found;
  }

  setRange(field, low, high) {
    if (low === null && high === null) this.ranges.delete(field);
    else this.ranges.set(field, low !== null && high !== null && low > high ? [high, low] : [low, high]);
    this.page = 1;
  }

  /** Return the filter in the API's language; see GET /v1/fields. */
  where(fields) {
    const parts = [];
    for (const [field, values] of this.values) {
      const kind = fields.get(field)?.kind ?? "text";
      const told = [...values].map((value) => (kind === "bool" ? value : quoted(value)));
      parts.push(kind === "bool"
        ? `(${told.map((value) => `${named(field)} = ${value}`).join(" or ")})`
        : `${named(field)} in (${told.join(", ")})`);
    }
    for (const [field, [low, high]] of this.ranges) {
      if (low !== null) parts.push(`${named(field)} >= ${low}`);
      if (high !== null) parts.push(`${named(field)} <= ${high}`);
    }
    return parts.join(" and ");
  }
}

const within = (path, subtree) => path === subtree || path.startsWith(`${subtree} > `);
const named = (field) => `\`${field}\``;
const quoted = (text) => `'${String(text).replaceAll("'", "''")}'`;

// Search by photo on any page: one script tag makes a button; what it opens is loaded when needed.
//
// <script src="SHOP/static/widget.js" data-category="Bags" data-key="…"></script>
//
// data-lang           en, de or fr; else the language around the script, else English
// data-label          what the button says
// data-title          what the panel is called
// data-text-…         any other text of widget-texts.js, such as data-text-choose="Pick a picture"
// data-category       only items of this category; several with | between them
// data-where          only items for which this holds, as GET /v1/items has it
// data-key            a key of scope search, where the shop asks for one
// data-item-url       where items are, such as /p/{item_id}; any attribute may stand in braces
// data-item-attribute the attribute that holds an item's address; else link, url or product_url
// data-top-k          items at a time, 12
// data-group          one of each product
// data-target         a selector of where the button goes; else it takes the script's place
// data-theme          light or dark; else as the page's color-scheme has it
//
// The element that holds the button fires vsearch-open, vsearch-results, vsearch-select (an item was
// chosen; preventDefault() keeps the browser here), vsearch-error and vsearch-close, and has open(),
// close() and search(file). Colours: --vsearch-accent and the others of widget-style.js.
(() => {
  const script = document.currentScript;
  if (!script) {
    console.error("vsearch: load widget.js with a plain script tag, not as a module.");
    return;
  }
  const options = { ...script.dataset };
  const source = script.src;
  const WORDS = { // the panel's own are in widget-texts.js
    en: ["Search by photo", "Search by photo cannot be loaded at the moment."],
    de: ["Mit Foto suchen", "Die Suche mit Foto lässt sich gerade nicht laden."],
    fr: ["Chercher par photo", "La recherche par photo ne peut pas être chargée pour le moment."],
  };
  const around = options.lang || script.closest("[lang]")?.lang || document.documentElement.lang;
  const named = around.toLowerCase().split("-")[0];
  const lang = Object.hasOwn(WORDS, named) ? named : "en";
  const [label, failed] = WORDS[lang];
  const STYLE = `
    :host { display: inline-block; }
    .open {
      display: inline-flex; align-items: center; gap: 8px; min-height: 44px; padding: 0 18px;
      border: 0; border-radius: var(--vsearch-radius, 999px); cursor: pointer;
      background: var(--vsearch-accent, light-dark(#0b6b5d, #5fd0b8));
      color: var(--vsearch-accent-ink, light-dark(#fff, #06231d));
      font: 600 16px/1.3 var(--vsearch-font, system-ui, sans-serif);
    }
    .open:hover { filter: brightness(1.08); }
    .open:focus-visible { outline: 3px solid var(--vsearch-accent, light-dark(#0b6b5d, #5fd0b8)); outline-offset: 2px; }
    .open[aria-busy="true"] { opacity: .7; cursor: progress; }
    .open svg { width: 20px; height: 20px; flex: none; }
    .failed { margin: 6px 0 0; font: 14px/1.4 var(--vsearch-font, system-ui, sans-serif); }
    .failed:empty { display: none; }`;

  const host = document.createElement("span");
  host.className = "vsearch";
  host.lang = lang;
  if (options.theme) host.style.colorScheme = options.theme;
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  const button = document.createElement("button");
  button.type = "button";
  button.className = "open";
  button.part = "button";
  button.setAttribute("aria-haspopup", "dialog");
  button.append(drawing(), options.label || label);
  const told = document.createElement("p");
  told.className = "failed";
  told.setAttribute("role", "alert");
  root.append(button, told);

  function drawing() {
    const made = (name, attributes) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
      return element;
    };
    const svg = made("svg", {
      viewBox: "0 0 24 24", fill: "none", stroke: "currentColor",
      "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
    });
    svg.append(
      made("path", { d: "M4 8h3l2-3h6l2 3h3a1.5 1.5 0 0 1 1.5 1.5v8A1.5 1.5 0 0 1 20 19H4a1.5 1.5 0 0 1-1.5-1.5v-8A1.5 1.5 0 0 1 4 8Z" }),
      made("circle", { cx: 12, cy: 13, r: 3.5 }),
    );
    return svg;
  }

  let panel = null;
  const loaded = () => {
    panel ??= import(new URL("widget-panel.js", source).href)
      .then(({ Panel }) => new Panel(host, root, options))
      .catch((error) => { panel = null; throw error; });
    return panel;
  };
  const use = async (does) => {
    button.setAttribute("aria-busy", "true");
    told.textContent = "";
    try {
      does(await loaded());
    } catch (error) {
      told.textContent = failed;
      host.dispatchEvent(new CustomEvent("vsearch-error", { bubbles: true, composed: true, detail: error }));
    } finally {
      button.removeAttribute("aria-busy");
    }
  };
  host.open = () => use((made) => made.open());
  host.close = () => use((made) => made.close());
  host.search = (file) => use((made) => made.search(file));
  button.addEventListener("click", host.open);
  for (const kind of ["pointerenter", "focus"]) {
    button.addEventListener(kind, () => loaded().catch(() => {}), { once: true });
  }

  const place = () => {
    const target = options.target && document.querySelector(options.target);
    if (target) target.append(host);
    else if (options.target) console.error(`vsearch: the page has nothing that ${options.target} selects.`);
    else if (script.closest("body")) script.after(host);
    else document.body.append(host);
  };
  if (document.readyState === "loading" && (options.target || !script.closest("body"))) {
    document.addEventListener("DOMContentLoaded", place, { once: true });
  } else {
    place();
  }
})();

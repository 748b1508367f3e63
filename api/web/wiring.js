// What people do with the page's fixed parts: choose, drop, paste and take photos, type, sort, share.

import { hasCamera, takePhoto } from "./camera.js";
import { byId } from "./dom.js";
import { imageOf } from "./photo.js";
import { themed } from "./theme.js";

const NARROW = matchMedia("(max-width: 900px)"); // as page.css has it: the filters are a drawer

/** Wire the page to what it does. */
export function wire({ searchWith, change, clear, startAgain, comeBack, toast }) {
  photos(searchWith, toast);
  drawer();
  byId("words").addEventListener("submit", (event) => {
    event.preventDefault();
    change("text", byId("text").value.trim());
  });
  byId("text").addEventListener("search", () => { // the cross that empties it submits nothing
    if (!byId("text").value) change("text", "");
  });
  byId("sort").addEventListener("change", (event) => change("sort", event.target.value));
  byId("group").addEventListener("change", (event) => change("group", event.target.checked));
  byId("clear").addEventListener("click", clear);
  byId("share").addEventListener("click", () => share(toast));
  byId("home").addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // in a page of its own
    event.preventDefault();
    startAgain();
  });
  window.addEventListener("popstate", (event) => comeBack(event.state));
  themed(byId("theme"));
}

function photos(searchWith, toast) {
  const file = byId("file");
  for (const id of ["choose", "drop"]) byId(id).addEventListener("click", () => file.click());
  file.addEventListener("change", () => { searchWith(file.files[0]); file.value = ""; });
  byId("camera").hidden = !hasCamera();
  byId("camera").addEventListener("click", () => takePhoto(searchWith, toast));
  document.addEventListener("paste", (event) => searchWith(imageOf(event.clipboardData)));
  const dragging = (on) => document.body.classList.toggle("dragging", on);
  document.addEventListener("dragover", (event) => { event.preventDefault(); dragging(true); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) dragging(false); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    dragging(false);
    const image = imageOf(event.dataTransfer);
    if (image) searchWith(image);
    else toast("Drop an image file: save the picture first");
  });
}

/** On narrow screens the filters lie over the page, which cannot be reached meanwhile. */
function drawer() {
  const side = byId("side");
  const behind = [byId("bar"), byId("hero"), byId("query"), byId("results")];
  const open = (is) => {
    if (side.classList.contains("open") === is) return;
    side.classList.toggle("open", is);
    document.body.classList.toggle("covered", is);
    for (const part of behind) part.inert = is;
    byId(is ? "side-close" : "side-open").focus({ preventScroll: true });
  };
  byId("side-open").addEventListener("click", () => open(true));
  for (const id of ["side-close", "side-show"]) byId(id).addEventListener("click", () => open(false));
  side.addEventListener("keydown", (event) => { if (event.key === "Escape") open(false); });
  NARROW.addEventListener("change", () => open(false));
}

async function share(toast) {
  try {
    if (navigator.share) {
      await navigator.share({ title: document.title, url: location.href });
    } else {
      await navigator.clipboard.writeText(location.href);
      toast("The address is copied");
    }
  } catch (error) {
    if (error.name !== "AbortError") toast("The address bar has what can be shared");
  }
}

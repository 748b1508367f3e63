"use strict";
// What all scripts of the page share, day and night, and the place in the contents.
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

// Light or dark: as the system has it until somebody chooses.

const KEY = "vsearch-theme";

function apply(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

export function themed(button) {
  apply(localStorage.getItem(KEY));
  button.addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const now = document.documentElement.dataset.theme ?? system;
    const next = now === "dark" ? "light" : "dark";
    if (next === system) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
    apply(next === system ? null : next);
  });
}

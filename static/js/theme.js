// Light or dark: the system decides until the reader does. Loaded before the page
// is painted, so that a chosen theme does not flash.
const root = document.documentElement;
const wanted = (() => {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null; // storage may be forbidden; the system's theme stays
  }
})();
if (wanted === "light" || wanted === "dark") root.dataset.theme = wanted;

function isDark() {
  if (root.dataset.theme) return root.dataset.theme === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function describe(button) {
  button.setAttribute("aria-pressed", String(isDark()));
}

document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.hidden = false;
    describe(button);
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try {
        localStorage.setItem("theme", root.dataset.theme);
      } catch {
        // not kept beyond this page
      }
      describe(button);
    });
  }
});

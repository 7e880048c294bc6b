// <details data-keep="name"> stays open or closed as the reader left it, in this tab,
// also when htmx brings a fresh copy of it. An address that names a closed <details>,
// or something in it, opens it; Escape closes the one around what has the focus, but in
// a field, where that key means something else.
const key = (element) => `details:${location.pathname}:${element.dataset.keep}`;

function restore(root) {
  for (const element of root.querySelectorAll("details[data-keep]")) {
    const kept = sessionStorage.getItem(key(element));
    if (kept !== null) element.open = kept === "open";
  }
}

document.addEventListener(
  "toggle",
  (event) => {
    const element = event.target;
    if (!element.matches?.("details[data-keep]")) return;
    sessionStorage.setItem(key(element), element.open ? "open" : "closed");
  },
  true,
);
document.addEventListener("htmx:load", (event) => restore(event.target));
restore(document);

function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const element = named?.closest("details");
  if (!element || element.open) return;
  element.open = true;
  named.scrollIntoView();
}
window.addEventListener("hashchange", openNamed);
openNamed();

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  if (event.target.matches("input, select, textarea")) return;
  const element = event.target.closest("details[open]");
  if (!element) return;
  element.open = false;
  element.querySelector("summary").focus();
});

// <details data-keep="name"> stays open or closed as the reader left it, in this tab,
// also when htmx brings a fresh copy of it.
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

// A search box with suggestions (ARIA combobox with a listbox): arrows choose,
// Enter follows, Escape closes. htmx fetches the options. Listeners are on the
// document, so the box also works after htmx has exchanged the page.
const box = (target) => target.closest?.("[data-suggest]");
const field = (root) => root.querySelector("[role=combobox]");
const list = (root) => root.querySelector("[role=listbox]");
const options = (root) => [...root.querySelectorAll("[role=option]")];

function show(root, isShown) {
  list(root).hidden = !isShown;
  field(root).setAttribute("aria-expanded", String(isShown));
  if (!isShown) choose(root, null);
}

function choose(root, chosen) {
  for (const option of options(root)) option.setAttribute("aria-selected", String(option === chosen));
  if (chosen) {
    field(root).setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  } else {
    field(root).removeAttribute("aria-activedescendant");
  }
}

document.addEventListener("htmx:afterSwap", (event) => {
  const root = box(event.target);
  if (root && event.target === list(root)) {
    const isWanted = document.activeElement === field(root) && !("dismissed" in root.dataset);
    show(root, isWanted && options(root).length > 0);
  }
});

document.addEventListener("input", (event) => {
  const root = box(event.target);
  if (root) delete root.dataset.dismissed;
});

document.addEventListener("keydown", (event) => {
  const root = box(event.target);
  if (!root || event.target !== field(root)) return;
  const all = options(root);
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const isShown = !list(root).hidden;
  if (event.key === "Escape" && isShown) {
    show(root, false);
    root.dataset.dismissed = ""; // an answer under way does not open it again
    event.preventDefault(); // the first Escape closes, the next empties the field
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && all.length) {
    show(root, true);
    const step = event.key === "ArrowDown" ? 1 : -1;
    // One place more than there are options: the field itself.
    const next = (at + 1 + step + all.length + 1) % (all.length + 1);
    choose(root, next ? all[next - 1] : null);
    event.preventDefault();
  } else if (event.key === "Enter" && isShown) {
    if (at >= 0) {
      event.preventDefault();
      all[at].click();
    } else {
      show(root, false);
    }
  }
});

document.addEventListener("focusout", (event) => {
  const root = box(event.target);
  if (root && !root.contains(event.relatedTarget)) show(root, false);
});

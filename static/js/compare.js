// Every button of the comparison says what the tray holds, whoever changed it.
const sync = () => {
  const tray = document.querySelector("#compare-tray");
  if (!tray) return;
  const chosen = new Set(
    [...tray.querySelectorAll(".compare-tray__item")].map((item) => item.value),
  );
  for (const button of document.querySelectorAll(".compare-button")) {
    const isIn = chosen.has(button.value);
    button.name = isIn ? "remove" : "add";
    button.setAttribute("aria-pressed", String(isIn));
  }
};

document.addEventListener("htmx:afterSettle", (event) => {
  sync();
  // What was pressed in the tray may be gone: keep the keyboard where it was.
  if (event.detail.target?.id === "compare-tray" && document.activeElement === document.body) {
    document.querySelector("#compare-tray :is(button, a)")?.focus();
  }
});

// Messages: each can be closed; an htmx answer adds one by the header
// HX-Trigger: {"toast": {"text": "Saved.", "level": "success"}}.
const LEVELS = ["info", "success", "warning", "error"];
const SECONDS_SHOWN = 8;

function closable(message) {
  const close = document.createElement("button");
  close.type = "button";
  close.className = "message__close";
  close.setAttribute("aria-label", "Close this message");
  close.textContent = "×";
  close.addEventListener("click", () => message.remove());
  message.append(close);
}

for (const message of document.querySelectorAll(".messages > .message")) closable(message);

document.addEventListener("toast", (event) => {
  const { text, level } = event.detail;
  const known = LEVELS.includes(level) ? level : "info";
  const message = document.createElement("div");
  message.className = `message message--${known}`;
  const words = document.createElement("p");
  words.textContent = text;
  message.append(words);
  closable(message);
  document.querySelector(".toasts").append(message);
  // An error stays until it is read.
  if (known !== "error") setTimeout(() => message.remove(), SECONDS_SHOWN * 1000);
});

// Flow: fresh counts each 10 s while the page is seen, and the focus of the panel of a step.

const REFRESH_MS = 10_000;

let opener = null; // the id of the card whose panel is open

setInterval(() => {
  const picture = document.getElementById("flow");
  if (document.visibilityState !== "visible" || picture.contains(document.activeElement?.closest("details"))) return;
  htmx.ajax("GET", picture.dataset.refresh, { target: "#flow", swap: "innerMorph" });
}, REFRESH_MS);

document.addEventListener("click", (event) => {
  const card = event.target.closest(".flow-step");
  if (card) opener = card.id;
  const close = event.target.closest("[data-close-panel]");
  if (!close) return;
  event.preventDefault();
  document.getElementById("flow-panel").replaceChildren();
  history.replaceState(null, "", close.href);
  document.getElementById(opener)?.focus();
});

document.addEventListener("htmx:after:swap", () => {
  const title = document.querySelector("#flow-panel h2");
  if (title && !document.querySelector(".side-panel").contains(document.activeElement)) title.focus();
});

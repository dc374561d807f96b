// Previous and next within the list that one came from: whoever leaves a list for the page of a lead takes the
// leads of the list along, as they stand then, in the session of the tab; the page shows the two beside it.

import { icon } from "./console.js";

const STEPS = "baton-lead-steps";

window.addEventListener("pagehide", () => {
  const paths = new Map();
  for (const row of document.querySelectorAll("[data-step]")) {
    const link = row.dataset.path ?? row.querySelector("a[href^='/leads/']").getAttribute("href");
    if (!paths.has(row.dataset.step)) paths.set(row.dataset.step, { id: row.dataset.step, path: link });
  }
  if (paths.size) sessionStorage.setItem(STEPS, JSON.stringify([...paths.values()]));
});

const place = document.getElementById("lead-steps");
if (place) {
  const paths = JSON.parse(sessionStorage.getItem(STEPS) ?? "[]");
  const at = paths.findIndex((one) => one.id === place.dataset.lead);
  if (at >= 0) {
    place.append(
      step(paths[at - 1], "chevron-left", "Previous lead", "["),
      `${at + 1} of ${paths.length}`,
      step(paths[at + 1], "chevron-right", "Next lead", "]"),
    );
  }
}

function step(to, symbol, name, key) {
  const link = document.createElement(to ? "a" : "span");
  link.className = "icon-button";
  link.append(icon(symbol));
  if (to) {
    link.href = to.path;
    link.dataset.key = key;
    link.title = `${name} (${key})`;
    link.setAttribute("aria-label", name);
  }
  return link;
}

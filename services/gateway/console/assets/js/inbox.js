// The list of the inbox: one tab stop, the selected row is the active descendant, J and K go on.

const NARROW = matchMedia("(max-width: 1100px)");

const list = () => document.getElementById("inbox-list");
const rows = () => [...document.querySelectorAll(".inbox-row:not(.leaving)")];
const selected = () => document.querySelector('.inbox-row[aria-selected="true"]');
const ids = () => rows().map((row) => row.dataset.lead);
let chosen = selected()?.dataset.lead ?? null;
let order = ids(); // the list when the chosen lead was last in it

function select(row, { load = true } = {}) {
  if (!row) return;
  for (const other of rows()) other.setAttribute("aria-selected", String(other === row));
  list().setAttribute("aria-activedescendant", row.id);
  chosen = row.dataset.lead;
  row.scrollIntoView({ block: "nearest" });
  if (load) {
    history.replaceState(null, "", row.href);
    loadBrief(row);
  }
}

// Until the brief of the row is there, what is shown is that of another lead, or an older one: it takes neither
// clicks nor keys.
function loadBrief(row) {
  document.getElementById("pane").inert = true;
  row.dispatchEvent(new Event("select"));
}

document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  if (ctx.sourceElement === selected()) document.getElementById("pane").inert = false;
});

function move(by, extend) {
  const all = rows();
  const at = all.indexOf(selected());
  const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
  if (extend) {
    check(selected(), true);
    check(next, true);
  }
  select(next);
}

document.addEventListener("click", (event) => {
  const row = event.target.closest(".inbox-row");
  if (!row || event.ctrlKey || event.metaKey || event.button !== 0) return;
  event.preventDefault();
  if (event.target.closest(".check")) return check(row, !row.hasAttribute("data-checked"));
  if (NARROW.matches) location.href = `/leads/${row.dataset.lead}`;
  else select(row);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const typing = event.target.closest("input, textarea, select, button");
  const key = event.key.toLowerCase();
  const off = localStorage.getItem("baton-keys-off") === "yes";
  const inList = document.activeElement === list();
  if (typing || (off && !inList)) return;
  if (key === "j" || (key === "arrowdown" && inList)) move(1, event.shiftKey);
  else if (key === "k" || (key === "arrowup" && inList)) move(-1, event.shiftKey);
  else if (key === " " && selected()) check(selected(), !selected().hasAttribute("data-checked"));
  else return;
  event.preventDefault();
});

// --- Several at once ------------------------------------------------------------------------------------------

function check(row, on) {
  row?.toggleAttribute("data-checked", on);
  const checked = [...document.querySelectorAll(".inbox-row[data-checked]")].map((one) => one.dataset.lead);
  const bar = document.getElementById("bulk");
  bar.hidden = checked.length === 0;
  bar.querySelector("span").textContent = checked.length === 1 ? "1 lead" : `${checked.length} leads`;
  for (const button of bar.querySelectorAll("[data-verb]")) {
    const path = `/bulk/${button.dataset.verb}?${new URLSearchParams(checked.map((id) => ["lead", id]))}`;
    button.onclick = () => htmx.ajax("GET", path, { target: "#bulk-form" });
  }
  if (!checked.length) document.getElementById("bulk-form").replaceChildren();
}

document.getElementById("bulk")?.addEventListener("click", (event) => {
  if (!event.target.closest("[data-clear]")) return;
  for (const row of document.querySelectorAll(".inbox-row[data-checked]")) check(row, false);
});

// --- After an action ------------------------------------------------------------------------------------------

// `lead-done` names the leads that have left this list: the next row is selected at once.
document.addEventListener("lead-done", (event) => {
  const { left, changed } = event.detail;
  const here = left.includes(chosen) ? order.indexOf(chosen) : -1;
  for (const id of left) {
    const row = document.getElementById(`row-${id}`);
    if (row?.hasAttribute("data-checked")) check(row, false);
    row?.classList.add("leaving");
  }
  // A refresh may have taken the row away before.
  const nearest = [...order.slice(here + 1), ...order.slice(0, Math.max(here, 0)).reverse()];
  const remaining = ids();
  if (here >= 0) select(document.getElementById(`row-${nearest.find((id) => remaining.includes(id))}`));
  else if (changed.includes(chosen) && selected()) loadBrief(selected());
  htmx.trigger(document.body, "lead");
});

// A refresh of the list keeps the selection, and says how many leads are new.
let known = new Set(ids());
let announced = 0;
document.addEventListener("htmx:after:swap", () => {
  const now = rows();
  const row = now.find((one) => one.dataset.lead === chosen);
  if (row) {
    select(row, { load: false });
    order = ids();
  }
  const fresh = now.filter((one) => !known.has(one.dataset.lead)).length;
  known = new Set(now.map((one) => one.dataset.lead));
  if (fresh && Date.now() - announced > 10_000) {
    announced = Date.now();
    document.getElementById("live").textContent = fresh === 1 ? "1 new lead" : `${fresh} new leads`;
    setTimeout(() => (document.getElementById("live").textContent = "Live"), 4_000);
  }
});

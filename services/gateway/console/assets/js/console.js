// What every page does: the CSRF token, toasts, the theme, running clocks, single keys, copying.

const CSRF = document.querySelector('meta[name="csrf"]')?.content ?? "";
const KEYS_OFF = "baton-keys-off";
const TOAST_MS = 10_000;

// --- Requests -------------------------------------------------------------------------------------------------

document.addEventListener("htmx:config:request", (event) => {
  event.detail.ctx.request.headers["X-CSRF"] = CSRF;
});

document.addEventListener("htmx:response:error", (event) => {
  const { response, text } = event.detail.ctx;
  if (response.status !== 401) toast({ text: text || `The server answered ${response.status}`, bad: true });
});

document.addEventListener("htmx:error", () => toast({ text: "Baton cannot be reached", bad: true }));

// An action was done: its form goes.
document.addEventListener("lead-done", () => document.querySelector(".action-form")?.remove());

document.addEventListener("toast", (event) => toast(event.detail));

// --- Toasts ---------------------------------------------------------------------------------------------------

// Shows what was done. `undo` is what is posted when the person takes it back: a path and its values.
export function toast({ text, bad = false, undo = null }) {
  const shown = document.createElement("div");
  shown.className = bad ? "toast bad" : "toast";
  shown.append(icon(bad ? "circle-alert" : "circle-check"), text);
  if (undo) {
    const button = document.createElement("button");
    button.className = "button small";
    button.textContent = "Undo";
    button.addEventListener("click", () => {
      shown.remove();
      htmx.ajax("POST", undo.path, { values: undo.values, swap: "none" });
    });
    shown.append(button);
  }
  const list = document.getElementById("toasts");
  list.append(shown);
  while (list.children.length > 4) list.firstElementChild.remove();
  setTimeout(() => shown.remove(), TOAST_MS);
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${document.body.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

// --- Theme ----------------------------------------------------------------------------------------------------

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("baton-theme", root.dataset.theme);
}

// --- Times ----------------------------------------------------------------------------------------------------

function duration(seconds) {
  const whole = Math.floor(Math.abs(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  const minutes = String(Math.floor((whole % 3600) / 60)).padStart(2, "0");
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${minutes}`;
  const days = Math.floor(whole / 86400);
  const hours = Math.floor((whole % 86400) / 3600);
  return hours && days < 10 ? `${days} d ${hours} h` : `${days} d`;
}

// Counts the clocks on between two refreshes, as `words.clock_of` would tell them. `data-skew` is how far the
// clock of the server is ahead of this machine's.
function tick() {
  const now = Date.now() + SKEW_MS;
  for (const clock of document.querySelectorAll(".clock[data-accept-by]")) {
    const until = Date.parse(clock.dataset.acceptBy);
    const left = (until - now) / 1000;
    const whole = clock.dataset.since ? (until - Date.parse(clock.dataset.since)) / 1000 : left;
    const share = left > 0 ? Math.min(1, left / whole) : 0;
    clock.classList.remove("left", "soon", "late");
    clock.classList.add(left <= 0 ? "late" : share < 0.25 ? "soon" : "left");
    clock.querySelector("span").textContent = left <= 0 ? `late ${duration(left)}` : `${duration(left)} left`;
    clock.querySelector(".rest")?.setAttribute("stroke-dasharray", `${(share * 100).toFixed(1)} 100`);
  }
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const seconds = (now - Date.parse(time.dateTime)) / 1000;
    if (Math.abs(seconds) < 5) time.textContent = "now";
    else time.textContent = seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(seconds)}`;
  }
}

const SKEW_MS = Date.parse(document.body.dataset.now) - performance.timeOrigin - performance.now();
setInterval(tick, 5_000);

// --- Keys -----------------------------------------------------------------------------------------------------

let goes = false; // G was pressed: the next letter names a page

function isTyping(target) {
  return target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], .cm-editor");
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const inside = event.composedPath()[0];
  if (event.key === "Escape" && isTyping(inside)) return void inside.blur();
  if (isTyping(inside) || document.querySelector("dialog[open]")) return;
  if (localStorage.getItem(KEYS_OFF) === "yes" && event.key !== "?") return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const wanted = goes ? `[data-go="${CSS.escape(key)}"]` : `[data-key="${CSS.escape(key)}"]`;
  goes = false;
  if (key === "g") return void (goes = true);
  const takesKeys = (one) => one.checkVisibility() && !one.disabled && !one.closest("[inert]");
  const found = [...document.querySelectorAll(wanted)].find(takesKeys);
  if (!found) return;
  event.preventDefault();
  if (found.matches("input, select, textarea")) found.focus();
  else found.click();
}

document.addEventListener("keydown", onKey);

// --- Clicks ---------------------------------------------------------------------------------------------------

const CLICKS = {
  theme: switchTheme,
  shortcuts: () => document.getElementById("shortcuts").showModal(),
  "close-form": (button) => button.closest("form").remove(),
  "close-dialog": (button) => button.closest("dialog").close(),
  "toggle-keys": (box) => localStorage.setItem(KEYS_OFF, box.checked ? "no" : "yes"),
  copy: async (button) => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.from).textContent.trim());
    toast({ text: "Copied" });
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-click]");
  if (button) CLICKS[button.dataset.click]?.(button);
});

for (const box of document.querySelectorAll('[data-click="toggle-keys"]')) {
  box.checked = localStorage.getItem(KEYS_OFF) !== "yes";
}

// A select or a checkbox of a filter submits its form.
document.addEventListener("change", (event) => {
  if (event.target.closest("[data-submits]")) event.target.form.requestSubmit();
});

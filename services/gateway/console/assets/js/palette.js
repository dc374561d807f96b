// Find or do: pages, what can be done on this page, and from two letters on leads, accounts and reps.

const dialog = document.getElementById("palette");
const field = document.getElementById("palette-text");
const found = document.getElementById("palette-found");
const WAIT_MS = 150;
let waiting = 0;
let asked = 0;
let actions = [];

function open() {
  if (dialog.open || document.querySelector("dialog[open]")) return;
  actions = actionsOfPage();
  field.value = "";
  dialog.showModal();
  show("");
  field.focus();
}

function actionsOfPage() {
  const usable = [...document.querySelectorAll("main [data-key]")].filter((one) => one.checkVisibility() && !one.disabled);
  return usable
    .map((element) => ({ element, key: element.dataset.key, name: nameOf(element) }))
    .filter(({ name }) => name);
}

function nameOf(element) {
  if (element.matches("input, select, textarea")) return element.getAttribute("aria-label") ?? "";
  const copy = element.cloneNode(true);
  for (const key of copy.querySelectorAll("kbd, svg")) key.remove();
  return element.getAttribute("aria-label") ?? copy.textContent.trim();
}

// Shows what matches at once, then what the server finds.
function show(text) {
  const wanted = text.trim().toLowerCase();
  const matches = (name) => name.toLowerCase().split(/\s+/).some((word) => word.startsWith(wanted)) || name.toLowerCase().includes(wanted);
  const pages = [...document.querySelectorAll(".sidebar nav a")].map((link) => ({ link, name: link.firstElementChild.nextSibling.textContent.trim() }));
  found.replaceChildren();
  group("On this page", actions.filter(({ name }) => matches(name)).map(actionOption));
  group("Pages", pages.filter(({ name }) => matches(name)).map(pageOption));
  choose(0);
  clearTimeout(waiting);
  const number = ++asked;
  if (wanted.length >= 2) waiting = setTimeout(() => ask(wanted, number), WAIT_MS);
  else announce();
}

async function ask(text, number) {
  const response = await fetch(`/find?${new URLSearchParams({ q: text })}`, { headers: { "HX-Request": "true" } });
  if (number !== asked) return;
  if (response.status === 401) return void location.reload();
  if (!response.ok) return void announce();
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  found.prepend(...page.body.children);
  choose(0);
  announce();
}

function announce() {
  if (!options().length) {
    const nothing = document.createElement("p");
    nothing.className = "muted";
    nothing.textContent = "Nothing begins with this";
    found.replaceChildren(nothing);
  }
}

function group(name, options) {
  if (!options.length) return;
  const heading = document.createElement("h3");
  heading.textContent = name;
  found.append(heading, ...options);
}

function actionOption({ element, key, name }) {
  const option = document.createElement("button");
  option.type = "button";
  option.append(name, shortcut(key));
  option.addEventListener("click", () => {
    dialog.close();
    if (element.matches("input, select, textarea")) element.focus();
    else element.click();
  });
  return asOption(option);
}

function pageOption({ link, name }) {
  const option = document.createElement("a");
  option.href = link.getAttribute("href");
  option.append(link.firstElementChild.cloneNode(true), name);
  if (link.dataset.go) option.append(shortcut(`G ${link.dataset.go.toUpperCase()}`));
  return asOption(option);
}

function shortcut(key) {
  const shown = document.createElement("kbd");
  shown.textContent = key.length === 1 ? key.toUpperCase() : key;
  return shown;
}

function asOption(option) {
  option.setAttribute("role", "option");
  option.tabIndex = -1;
  return option;
}

const options = () => [...found.querySelectorAll('[role="option"]')];

function choose(index) {
  const all = options();
  all.forEach((option, number) => {
    option.id = `palette-${number}`;
    option.setAttribute("aria-selected", number === index ? "true" : "false");
  });
  if (all[index]) {
    field.setAttribute("aria-activedescendant", all[index].id);
    all[index].scrollIntoView({ block: "nearest" });
  } else field.removeAttribute("aria-activedescendant");
}

field.addEventListener("input", () => show(field.value));
field.addEventListener("keydown", (event) => {
  const all = options();
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    if (all.length) choose((at + step + all.length) % all.length);
  } else if (event.key === "Enter") {
    event.preventDefault();
    all[Math.max(at, 0)]?.click();
  }
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    open();
  }
});
for (const button of document.querySelectorAll("[data-palette]")) button.addEventListener("click", open);

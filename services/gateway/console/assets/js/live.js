// Tells the parts of a page that something has changed, by events at the body: `lead`, `queue`, `delivery` and
// `policy`, whose `detail.id` says which one. A part refetches itself:
//
//   <section hx-get="/part" hx-trigger="lead from:body throttle:2s" hx-swap="outerMorph">
//
// One tab holds the connection to `/live` for all tabs of the browser: a browser opens six connections to a host.
// A hidden tab is told when it is seen again.

const LOCK = "baton-live";
const POSITION = "baton-live-position";
const POSITION_MS_MAX = 600_000; // a page that is loaded shows what was before
const RETRY_MS = 5_000;
const NAMES = ["lead", "queue", "delivery", "policy"];

const channel = new BroadcastChannel(LOCK);
let missed = new Set(); // what has changed while this tab was hidden
let source = null; // the connection, in the tab that holds it

// --- What has changed ---------------------------------------------------------------------------------------

function tell(name, id) {
  if (document.hidden) return void missed.add(name);
  document.body.dispatchEvent(new CustomEvent(name, { detail: { id } }));
}

function tellAll(names = NAMES) {
  for (const name of names) tell(name, "*");
}

function onState(state) {
  const shown = document.getElementById("live");
  if (!shown || shown.dataset.state === state) return;
  shown.dataset.state = state;
  shown.textContent = { on: "Live", broken: "Reconnecting", off: "Not live" }[state];
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  const names = missed;
  missed = new Set();
  tellAll(names);
});

channel.addEventListener("message", ({ data }) => {
  if (data.change) tell(data.change.name, data.change.id);
  if (data.all) tellAll();
  if (data.state) onState(data.state);
  if (data.asks && source) sendState();
});

// --- The connection -----------------------------------------------------------------------------------------

function sendState() {
  const state = source?.readyState === EventSource.OPEN ? "on" : "broken";
  onState(state);
  channel.postMessage({ state });
}

function connect() {
  const [position, at] = JSON.parse(localStorage.getItem(POSITION) ?? "[]");
  const resumes = position && Date.now() - at < POSITION_MS_MAX;
  const opened = (source = new EventSource(resumes ? `/live?after=${encodeURIComponent(position)}` : "/live"));
  opened.addEventListener("open", sendState);
  opened.addEventListener("error", () => {
    if (opened !== source) return;
    sendState();
    if (opened.readyState !== EventSource.CLOSED) return; // the browser connects again by itself
    // The session has ended, or the server has no room: what asks next is sent to sign in.
    setTimeout(() => {
      if (opened !== source) return;
      tellAll();
      channel.postMessage({ all: true });
      connect();
    }, RETRY_MS);
  });
  for (const name of NAMES) {
    opened.addEventListener(name, ({ data, lastEventId }) => {
      const change = { name, ...JSON.parse(data) };
      if (lastEventId) localStorage.setItem(POSITION, JSON.stringify([lastEventId, Date.now()]));
      tell(change.name, change.id);
      channel.postMessage({ change });
    });
  }
}

function disconnect() {
  source?.close();
  source = null;
}

if (navigator.locks) {
  channel.postMessage({ asks: true });
  navigator.locks.request(LOCK, () => {
    connect();
    return new Promise(() => {}); // held until the tab is closed
  });
} else {
  // Plain http on another host has no locks: a connection while the tab is seen.
  const follow = () => (document.hidden ? disconnect() : source || connect());
  document.addEventListener("visibilitychange", follow);
  follow();
}

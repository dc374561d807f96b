// The editor of policy files: CodeMirror in a shadow root, so that its styles are adopted style sheets, which the
// content security policy allows. The textarea of the form stays the value; without this script it is the editor.
import {
  EditorState, EditorView, HighlightStyle, autocompletion, bracketMatching, closeBrackets, closeBracketsKeymap,
  completionKeymap, defaultKeymap, drawSelection, foldGutter, foldKeymap, highlightActiveLine,
  highlightActiveLineGutter, highlightSpecialChars, history, historyKeymap, indentOnInput, keymap, lineNumbers,
  lintGutter, lintKeymap, setDiagnostics, syntaxHighlighting, tags, yaml,
} from "../vendor/codemirror.js";
import { completions } from "./policy_words.js";

const CHECK_MS = 300;
const form = document.getElementById("policy-form");
const text = document.getElementById("policy-text");
const file = form.dataset.file;

const theme = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", color: "var(--text)", backgroundColor: "var(--surface)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20.5px", overflow: "auto" },
  ".cm-content": { padding: "8px 0 40px", caretColor: "var(--text)" },
  ".cm-line": { padding: "0 12px" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--muted)", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "32px", padding: "0 4px 0 8px" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in oklab, var(--accent) 5%, transparent)" },
  ".cm-activeLineGutter": { color: "var(--text)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in oklab, var(--accent) 22%, transparent) !important",
  },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": {
    backgroundColor: "color-mix(in oklab, var(--accent) 16%, transparent)", outline: "1px solid var(--line2)",
  },
  ".cm-foldPlaceholder": { backgroundColor: "var(--bg)", border: "1px solid var(--line2)", color: "var(--muted)" },
  ".cm-foldGutter .cm-gutterElement": { color: "var(--muted)", cursor: "pointer" },
  ".cm-tooltip": {
    backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line2)",
    borderRadius: "8px", boxShadow: "0 6px 24px rgb(0 0 0 / .16)", overflow: "hidden", fontSize: "12px",
  },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "240px" },
  ".cm-tooltip-autocomplete > ul > li": { padding: "3px 8px" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected] .cm-completionDetail": { color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal", fontFamily: "Inter, sans-serif" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-diagnostic": { padding: "6px 10px", fontFamily: "Inter, sans-serif", maxWidth: "460px" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
  ".cm-diagnostic-warning": { borderLeft: "3px solid var(--warn)" },
  ".cm-panels": { backgroundColor: "var(--bg)", color: "var(--text)" },
});

const colours = HighlightStyle.define([
  { tag: [tags.definition(tags.propertyName), tags.propertyName], color: "var(--fit-text)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.string, tags.attributeValue], color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: "var(--signal-text)" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: "var(--muted)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

let timer = 0;
let leaving = "";

const view = new EditorView({
  parent: (() => {
    const root = document.getElementById("editor").attachShadow({ mode: "open" });
    const holder = document.createElement("div");
    holder.className = "holder";
    root.adoptedStyleSheets = [sheet(":host { display: block; height: 100%; } .holder { height: 100%; }")];
    root.append(holder);
    return holder;
  })(),
  root: document.getElementById("editor").shadowRoot,
  state: EditorState.create({
    doc: text.value,
    extensions: [
      lineNumbers(), foldGutter(), lintGutter(), highlightSpecialChars(), history(), drawSelection(), indentOnInput(),
      bracketMatching(), closeBrackets(), highlightActiveLine(), highlightActiveLineGutter(), yaml(),
      syntaxHighlighting(colours), theme, EditorState.tabSize.of(2),
      autocompletion({ override: [completions(form.dataset.words, file)], icons: false }),
      keymap.of([
        ...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, ...lintKeymap,
      ]),
      EditorView.contentAttributes.of({ "aria-label": file, spellcheck: "false" }),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        text.value = update.state.doc.toString();
        clearTimeout(timer);
        timer = setTimeout(check, CHECK_MS);
      }),
    ],
  }),
});

text.hidden = true;
document.body.dataset.editor = "ready";
mark();
if (Number(form.dataset.line)) goTo(Number(form.dataset.line), 1);

function sheet(rules) {
  const made = new CSSStyleSheet();
  made.replaceSync(rules);
  return made;
}

// Stores the draft and checks it; the answer replaces the list of problems.
function check() {
  timer = 0;
  htmx.trigger(form, "check");
}

// Marks the problems of this file that the list beside the editor names.
function mark() {
  const doc = view.state.doc;
  const shown = document.querySelectorAll("#policy-check [data-problem=error], #policy-check [data-problem=warning]");
  const found = [...shown].filter((one) => one.dataset.file === file);
  const diagnostics = found.map((one) => {
    const line = doc.line(Math.min(Number(one.dataset.line), doc.lines));
    const from = Math.min(line.from + Number(one.dataset.column) - 1, line.to);
    const rest = /^[^,}\]#]*[^,}\]#\s]/.exec(doc.sliceString(from, line.to));
    return {
      from,
      to: rest ? from + rest[0].length : line.to,
      severity: one.dataset.problem,
      message: one.querySelector(".message").textContent,
    };
  });
  view.dispatch(setDiagnostics(view.state, diagnostics));
}

function goTo(number, column) {
  const line = view.state.doc.line(Math.min(number, view.state.doc.lines));
  const at = Math.min(line.from + column - 1, line.to);
  view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
  view.focus();
}

document.addEventListener("htmx:after:swap", () => {
  mark();
  if (leaving) location.assign(leaving);
});

document.addEventListener("click", (event) => {
  const problem = event.target.closest("[data-problem]");
  if (problem?.dataset.file === file) {
    event.preventDefault();
    goTo(Number(problem.dataset.line), Number(problem.dataset.column));
    return;
  }
  // What was typed last is stored before another page is opened.
  const link = event.target.closest("a[href]");
  if (link && timer && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !link.dataset.dialog) {
    event.preventDefault();
    clearTimeout(timer);
    leaving = link.href;
    check();
  }
});

addEventListener("pagehide", () => {
  if (timer) navigator.sendBeacon(form.action, new URLSearchParams(new FormData(form)));
});

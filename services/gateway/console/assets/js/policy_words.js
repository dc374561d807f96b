// What completes at the cursor of a policy file: fields, operators, values, names and keys, from `/policy/words`.

// Returns a source of completions for CodeMirror. The words are fetched when they are first asked for.
export function completions(address, file) {
  let asked = null;
  return async (context) => {
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    const typed = /[\w.*-]*$/.exec(before)[0];
    if (before.includes("#") || (!typed && !context.explicit && !/[:[{,]\s$/.test(before))) return null;
    asked ??= fetch(address).then((response) => (response.ok ? response.json() : null));
    const words = await asked;
    if (!words) return null;
    const options = optionsFor(words, file, before.slice(0, before.length - typed.length), context.state.doc);
    return options.length ? { from: context.pos - typed.length, options, validFor: /^[\w.*-]*$/ } : null;
  };
}

const NAMES_AFTER = {
  queue: "queues", queues: "queues", fallback: "queues", owner: "queues", integration: "integrations",
  manager: "managers", provider: "providers", order: "providers", reps: "reps", to: "managers",
};

function optionsFor(words, file, before, doc) {
  if (/\bfield:\s*["']?$/.test(before)) {
    return words.fields
      .filter((field) => field.files.includes(file))
      .map((field) => ({ label: field.name, detail: field.type, boost: field.name.startsWith("company") ? 1 : 0 }));
  }
  if (/\buse:\s*$/.test(before)) return names([...words.names.conditions, ...conditionsOf(doc)]);
  const comparison = /\bfield:\s*["']?([\w.]+)["']?\s*,\s*(\w*):?\s*(\[[^\]]*)?$/.exec(before);
  if (comparison) {
    const [, name, operator] = comparison;
    const field = words.fields.find((one) => one.name === name || (one.name.endsWith(".*") && name.startsWith(one.name.slice(0, -1))));
    if (!operator) return names(field?.operators ?? words.operators.map((one) => one.name));
    if (name === "owner.queue") return names(words.names.queues);
    if (name === "account.market") return names(words.names.markets);
    return names(field?.words ?? []);
  }
  const key = /([\w-]+):\s*(?:\[[^\]]*)?$/.exec(before)?.[1];
  if (key === "on") return names([...words.names.activities, ...words.names.signals]);
  if (key === "type") return names(words.names.activities);
  if (key in NAMES_AFTER) return names(words.names[NAMES_AFTER[key]]);
  if (key && /:\s*\S*$/.test(before)) return [];
  return [
    ...words.functions.map((one) => ({ label: one.name, apply: `${one.name}: `, detail: one.description })),
    ...["field", ...(words.keys[file] ?? [])].map((one) => ({ label: one, apply: `${one}: `, detail: "key" })),
  ];
}

function names(found) {
  return [...new Set(found)].map((label) => ({ label }));
}

// The conditions with a name that the text defines now, which the policy in force may not have.
function conditionsOf(doc) {
  const found = [];
  let inside = false;
  for (const line of doc.iterLines()) {
    if (/^\S/.test(line)) inside = line.startsWith("conditions:");
    const name = inside ? /^\s{1,4}([\w-]+):/.exec(line) : null;
    if (name) found.push(name[1]);
  }
  return found;
}

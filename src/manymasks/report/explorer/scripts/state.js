// What is looked at, as the address of the page has it: a link shows the same.

import { contextOf, study } from "./data.js";

/** Milliseconds without a change before the address follows. */
const ADDRESS_DELAY = 200;

const defaults = { view: "text", context: 0, at: 0, a: -1, b: -1, corpus: "" };

export const state = { ...defaults, ...fromAddress() };

function fromAddress() {
  const given = {};
  for (const [key, text] of new URLSearchParams(location.hash.slice(1))) {
    if (!(key in defaults)) continue;
    given[key] = typeof defaults[key] === "number" ? Math.trunc(Number(text)) || 0 : text;
  }
  return given;
}

/** Whether the address of the page says what to look at. */
export const isAddressed = location.hash.length > 1;

let pending = 0;

/** Change what is looked at, and soon the address with it: browsers limit how often it changes. */
export function look(change) {
  Object.assign(state, change);
  clearTimeout(pending);
  pending = setTimeout(() => {
    history.replaceState(null, "", `#${new URLSearchParams(state)}`);
  }, ADDRESS_DELAY);
}

/** Look at the token of a context on which two equally good models are surest and disagree. */
export function showSharpest(index) {
  const found = study.contexts[index].sharpest;
  if (found === null) return;
  const [at, a, b] = found;
  const { members } = contextOf(index);
  look({ context: index, at, a: members[a], b: members[b] });
}

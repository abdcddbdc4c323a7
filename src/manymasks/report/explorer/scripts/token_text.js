// A context as tokens: colour and underline, hover, click and keys choose one of the scored ones.

import { tokenOf } from "./data.js";
import { element, visible } from "./elements.js";

/**
 * The tokens of a context. `amount(at)`: colour of a scored token from 0 to 1; `changed(position)`:
 * whether a token of the context is not that of the text; `choose(at)` is called with the number of
 * the scored token that is looked at. Returns the element and a function that marks one.
 */
export function tokenText(context, { amount, changed = () => false, choose, label }) {
  const scored = [];
  // Tokens that are words without spaces stand apart.
  const isSpaced = context.tokens.some((token) => tokenOf(token).includes(" "));
  const text = element("div", {
    class: isSpaced ? "tokens" : "tokens words", role: "listbox", tabindex: 0, "aria-label": label,
    "aria-orientation": "horizontal",
  });
  context.tokens.forEach((token, position) => {
    const at = position - context.begin;
    const content = tokenOf(token);
    const span = element("span", {
      class: `token${at < 0 ? " before" : ""}${changed(position) ? " changed" : ""}`,
    }, visible(content) || "∅");
    if (at >= 0) {
      span.id = `token-${at}`;
      span.setAttribute("role", "option");
      span.setAttribute("aria-selected", "false");
      span.dataset.at = at;
      span.style.setProperty("--amount", `${Math.round(100 * Math.min(1, amount(at)))}%`);
      span.style.setProperty("--loss", `${Math.min(6, context.nats[at] / 1000).toFixed(2)}px`);
      scored.push(span);
    }
    text.append(span, content.includes("\n") ? element("br") : "");
  });
  let current = null;

  function mark(at) {
    const next = scored[Math.max(0, Math.min(scored.length - 1, at))];
    if (next === current) return;
    current?.setAttribute("aria-selected", "false");
    next.setAttribute("aria-selected", "true");
    text.setAttribute("aria-activedescendant", next.id);
    current = next;
  }

  function chosen(at) {
    mark(at);
    choose(Number(current.dataset.at));
  }

  text.addEventListener("pointerover", (event) => {
    const at = event.target.dataset.at;
    if (at !== undefined) chosen(Number(at));
  });
  text.addEventListener("click", (event) => {
    const at = event.target.dataset.at;
    if (at !== undefined) chosen(Number(at));
  });
  text.addEventListener("keydown", (event) => {
    const at = Number(current?.dataset.at ?? 0);
    const to = {
      ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: scored.length - 1,
      ArrowUp: at - 8, ArrowDown: at + 8,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    chosen(Math.max(0, Math.min(scored.length - 1, to)));
  });
  return { text, mark };
}

/** The tokens of a context as one text, before a scored token. */
export function textBefore(context, at, count) {
  const end = context.begin + at;
  return context.tokens.slice(Math.max(0, end - count), end).map(tokenOf).join("");
}

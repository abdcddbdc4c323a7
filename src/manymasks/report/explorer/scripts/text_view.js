// Text: a document as tokens, coloured by disagreement, and what each member says at one of them.

import {
  contextName, contextOf, memberName, nats, pairOf, pairRow, percent, sharpest, study, tokenOf,
} from "./data.js";
import { button, chooser, element, labelled, quoted, queries, visible } from "./elements.js";
import { lawsTable } from "./laws_table.js";
import { look, showSharpest, state } from "./state.js";
import { textBefore, tokenText } from "./token_text.js";

const COLOURINGS = {
  within: "disagreement within classes",
  information: "disagreement of all members",
  pair: "KL of the chosen pair",
};
const FULL_COLOUR = { within: 500, information: 700, pair: 2000 };
let colouring = "within";

/** The view; `redraw` draws it again. */
export function textView(redraw) {
  if (!study.contexts.length) {
    return element("p", { class: "absent" },
      "No context is stored: add explorer to the analyses of the study.");
  }
  const context = contextOf(state.context);
  const title = study.contexts[state.context];
  const pair = pairRow(context, state.a, state.b);
  if (colouring === "pair" && pair < 0) colouring = "within";
  const values = colouring === "pair" ? context.text[pair] : context[colouring];
  const isMarked = (member) => member === state.a || member === state.b;
  const { table, fill } = lawsTable(context, isMarked);
  const about = element("p", { class: "about", "aria-live": "polite" });
  const { text, mark } = tokenText(context, {
    label: "Tokens; arrow keys choose one",
    amount: (at) => values[at] / FULL_COLOUR[colouring],
    choose: (at) => {
      look({ at });
      show(at);
    },
  });

  function show(at) {
    const token = context.tokens[context.begin + at];
    about.replaceChildren("The text has ",
      element("b", { class: "quoted" }, quoted(tokenOf(token))),
      `: mean loss ${nats(context.nats[at] / 1000)} nats, disagreement within classes `
      + `${nats(context.within[at] / 1000)}, of all members `
      + `${nats(context.information[at] / 1000)} nats.`);
    fill(at);
  }

  const at = Math.min(state.at, context.nats.length - 1);
  mark(at);
  show(at);
  const options = study.contexts.map((entry, value) => ({
    value, text: contextName(entry), group: `${entry.corpus}: ${entry.probe}`,
  }));
  const step = (by) => () => {
    const count = study.contexts.length;
    look({ context: (state.context + by + count) % count, at: 0 });
    redraw();
  };
  return element("div", {},
    element("div", { class: "controls" },
      labelled("Context", chooser(options, state.context, (value) => {
        look({ context: Number(value), at: 0 });
        redraw();
      })),
      button("Previous", step(-1)), button("Next", step(1)),
      labelled("Colour", chooser(
        Object.entries(COLOURINGS).filter(([value]) => value !== "pair" || pair >= 0)
          .map(([value, label]) => ({ value, text: label })), colouring, (value) => {
          colouring = value;
          redraw();
        })),
      button("Sharpest disagreement", () => {
        showSharpest(state.context);
        redraw();
      })),
    element("p", { class: "soft" }, `${title.description}. Grey tokens are read, the others are `
      + "predicted: the darker, the more members disagree; the thicker the line, the higher the "
      + "loss."),
    text, about, table, queries(study.queries.text));
}

/** What the sharpest disagreement of a context is, as a sentence. */
export function sentenceOf(index) {
  const context = contextOf(index);
  const [at, a, b, kl] = study.contexts[index].sharpest;
  const [one, other] = [a, b].map((row) => {
    const numbers = context.laws[at].rows[row];
    return { token: tokenOf(context.laws[at].tokens[numbers[0]]), p: numbers[1] };
  });
  const [first, second] = [a, b].map((row) => study.members[context.members[row]]);
  const said = ({ token, p }) => [element("b", { class: "quoted" }, quoted(token)),
    ` (${percent(p)})`];
  const truth = tokenOf(context.tokens[context.begin + at]);
  const [left, right] = [a, b].map((row) => context.members[row]);
  const { eps_nats: eps } = pairOf(left, right);
  return [`Two models of equal loss (${memberName(left)}: ${nats(first.select)}, `
    + `${memberName(right)}: ${nats(second.select)} nats; in one set of eps ${nats(eps)}) read `,
  element("q", {}, visible(`… ${textBefore(context, at, 12)}`)), ". One says ", ...said(one),
  ", the other ", ...said(other), "; the text has ",
  element("b", { class: "quoted" }, quoted(truth)), `. KL ${nats(kl / 1000)} nats.`];
}

/** The context whose disagreement comes after that of another, the sharpest first. */
export function nextSharpest(index) {
  return sharpest[(sharpest.indexOf(index) + 1) % sharpest.length];
}

// Two members side by side: their KL at each token, and what each writes until they part.

import {
  contextName, contextOf, lawOf, memberName, nats, pairOf, pairRow, percent, sharpest,
  study, tokenOf,
} from "./data.js";
import { chooser, element, labelled, quoted, queries, table, visible } from "./elements.js";
import { look, showSharpest, state } from "./state.js";
import { textBefore, tokenText } from "./token_text.js";

/** Nats at which a colour is full. */
const FULL_KL = 2;

/** The view; `redraw` draws it again. */
export function pairView(redraw) {
  const shown = study.contexts.map((title, value) => ({ title, value }))
    .filter(({ value }) => contextOf(value).written.length && contextOf(value).pairs.length);
  if (!shown.length) {
    return element("p", { class: "absent" },
      "No continuation is stored: add explorer to the analyses of the study.");
  }
  if (!shown.some(({ value }) => value === state.context)) {
    const first = sharpest.find((index) => shown.some(({ value }) => value === index));
    look({ context: first ?? shown[0].value, at: 0 });
    if (first !== undefined) showSharpest(first);
  }
  const context = contextOf(state.context);
  if (pairRow(context, state.a, state.b) < 0) {
    const [a, b] = context.pairs[0];
    look({ a: context.members[a], b: context.members[b] });
  }
  const row = pairRow(context, state.a, state.b);
  const [a, b] = context.pairs[row];
  look({ a: context.members[a], b: context.members[b] });
  const kl = context.text[row].map((value) => value / 1000);
  const said = element("div", { class: "beside", "aria-live": "polite" });
  const { text, mark } = tokenText(context, {
    label: "Tokens of the text; arrow keys choose one",
    amount: (at) => kl[at] / FULL_KL,
    choose: (at) => {
      look({ at });
      show(at);
    },
  });

  function show(at) {
    said.replaceChildren(
      element("p", {}, "After ", element("q", {}, visible(textBefore(context, at, 8))),
        " the text has ", element("b", { class: "quoted" },
          quoted(tokenOf(context.tokens[context.begin + at]))), `; KL ${nats(kl[at])} nats.`),
      lawOfMember(context, at, a), lawOfMember(context, at, b));
  }

  const at = Math.min(state.at, kl.length - 1);
  mark(at);
  show(at);
  const pairs = context.pairs.map((pair, value) => {
    const known = pairOf(context.members[pair[0]], context.members[pair[1]]);
    return {
      value, text: `${pair.map((one) => memberName(context.members[one])).join(" and ")}`
        + (known ? `, KL ${nats(known.kl)}` : ""),
      group: known?.eps_nats != null ? `within ${nats(known.eps_nats)} nats` : "in no set together",
      order: known?.eps_nats ?? Infinity,
    };
  }).sort((one, other) => one.order - other.order);
  return element("div", {},
    element("div", { class: "controls" },
      labelled("Pair", chooser(pairs, row, (value) => {
        const [one, other] = context.pairs[Number(value)];
        look({ a: context.members[one], b: context.members[other] });
        redraw();
      })),
      labelled("Context", chooser(
        shown.map(({ title, value }) => ({ value, text: contextName(title), group: title.probe })),
        state.context, (value) => {
          look({ context: Number(value), at: 0 });
          redraw();
        }))),
    factsOf(context.members[a], context.members[b]),
    element("h2", {}, "On the text"),
    element("p", { class: "soft" }, "The darker a token, the larger the KL of the two there."),
    text, said,
    element("h2", {}, "What each writes"),
    writtenBy(context, row),
    queries(study.queries.pair));
}

function factsOf(a, b) {
  const [one, other] = [study.members[a], study.members[b]];
  const pair = pairOf(a, b);
  return table(["", "select loss", "measure loss"], [
    [`A: ${memberName(a)}`, nats(one.select), nats(one.measure)],
    [`B: ${memberName(b)}`, nats(other.select), nats(other.measure)],
    ["difference", nats(Math.abs(one.select - other.select)),
      nats(Math.abs(one.measure - other.measure))],
  ].concat(pair ? [
    ["KL on held-out text", nats(pair.kl), ""],
    ["same token first", `${(100 * pair.agreement).toFixed(1)}%`, ""],
    ["tightest set with both", pair.set ?? "none", ""],
  ] : []), { class: "facts" });
}

/** The law of one member at a token, as bars. */
function lawOfMember(context, at, row) {
  const { ranked, rank, p } = lawOf(context.laws[at], row);
  const lines = ranked.map((entry) => {
    const bar = element("span", { class: "share" });
    bar.style.setProperty("--width", `${entry.p / 10}%`);
    const isTrue = entry.token === context.tokens[context.begin + at];
    return element("li", { class: isTrue ? "true" : "" }, bar,
      element("b", {}, quoted(tokenOf(entry.token))), element("small", {}, ` ${percent(entry.p)}`));
  });
  const name = memberName(context.members[row]);
  return element("section", { class: "law", "aria-label": name }, element("h3", {}, name),
    element("ol", {}, ...lines),
    element("p", { class: "soft" }, `true token: ${percent(p)}, rank ${rank}`));
}

/** Both greedy continuations: the tokens that both write, then each from where they part. */
function writtenBy(context, row) {
  const [a, b] = context.pairs[row];
  const kl = context.greedy[row].map((value) => value / 1000);
  const [one, other] = [context.written[a], context.written[b]];
  const last = kl.length - 1;
  const isParting = one[0][last] !== other[0][last];
  const common = isParting ? last : last + 1;
  const piece = (tokens, begin) => tokens.slice(begin).map((token) => visible(tokenOf(token)));
  const shared = one[0].slice(0, common)
    .map((token, step) => stepOf(token, one[1][step], kl[step]));
  const branch = (name, [tokens, ps]) => element("div", { class: "branch" },
    element("h3", {}, name),
    element("p", { class: "tokens" },
      ...(isParting ? [stepOf(tokens[last], ps[last], kl[last])] : []),
      piece(tokens, common + 1).join("")));
  return element("div", {},
    element("p", { class: "tokens" },
      element("span", { class: "token before" }, visible(textBefore(context, 0, 24))), ...shared),
    element("p", { class: "soft" }, "Under each token, the KL in nats. "
      + `${common} ${common === 1 ? "token is" : "tokens are"} the same, `
      + (isParting ? "then they part." : "and they never part.")),
    isParting ? element("div", { class: "beside" },
      branch(`A: ${memberName(context.members[a])}`, one),
      branch(`B: ${memberName(context.members[b])}`, other)) : null);
}

/** A token that is written, with the KL there. */
function stepOf(token, p, kl) {
  const text = element("span", { class: "token written" }, quoted(tokenOf(token)));
  text.style.setProperty("--amount", `${Math.round(100 * Math.min(1, kl / FULL_KL))}%`);
  return element("span", { class: "step", title: `probability ${percent(p)}` }, text,
    element("small", {}, nats(kl, 2)));
}

// Turn the angle: the same context, further and further from text, and the laws that move with it.

import { byClass, contextOf, lawOf, memberName, nats, percent, study, tokenOf } from "./data.js";
import { lineChart } from "./chart.js";
import { chooser, element, labelled, quoted, queries, slider } from "./elements.js";
import { coloursOf } from "./laws_table.js";
import { look, state } from "./state.js";
import { tokenText } from "./token_text.js";

const FULL_WITHIN = 500;

/** Contexts that are one window at several severities: their numbers by severity. */
function angles() {
  const windows = new Map();
  study.contexts.forEach(({ corpus, probe, item, severity }, index) => {
    const key = `${corpus}, ${probe}, window ${item}`;
    windows.set(key, [...windows.get(key) ?? [], { severity, index }]);
  });
  // Those that begin with text as it is come first.
  const isSynthetic = ([, [{ index }]]) => study.contexts[index].description !== "text as it is";
  return [...windows].filter(([, levels]) => levels.length > 1)
    .sort((one, other) => isSynthetic(one) - isSynthetic(other));
}

/** The token at which an equally good pair parts at the lowest severity; the first without one. */
function firstParting(levels) {
  const contexts = levels.map(({ index }) => contextOf(index));
  const partings = contexts[0].nats.map((_, at) => firstToPart(contexts, at)?.from ?? Infinity);
  return Math.max(0, partings.indexOf(Math.min(...partings)));
}

/** The view; `redraw` draws it again. */
export function angleView(redraw) {
  const all = angles();
  if (!all.length) {
    return element("p", { class: "absent" },
      "No context is stored at several severities: the study needs the analysis explorer and a "
      + "probe with severities.");
  }
  const looked = all.find(([, entries]) => entries.some(({ index }) => index === state.context));
  const [name, levels] = looked ?? all[0];
  if (!looked) look({ context: levels[0].index, at: firstParting(levels) });
  const step = levels.findIndex(({ index }) => index === state.context);
  const context = contextOf(state.context);
  const plain = contextOf(levels[0].index);
  const shift = plain.tokens.length - context.tokens.length;
  const below = element("div", {});
  const { text, mark } = tokenText(context, {
    label: "Tokens; arrow keys choose one",
    amount: (at) => context.within[at] / FULL_WITHIN,
    changed: (position) => plain.tokens[position + shift] !== context.tokens[position],
    choose: (at) => {
      look({ at });
      show(at);
    },
  });

  function show(at) {
    below.replaceChildren(...lawsAt(levels, step, at));
  }

  const at = Math.min(state.at, context.nats.length - 1);
  mark(at);
  show(at);
  const severity = slider(0, levels.length - 1, step, (value) => {
    look({ context: levels[value].index });
    redraw();
  });
  severity.id = "severity";
  severity.setAttribute("aria-valuetext", `severity ${levels[step].severity}`);
  return element("div", {},
    element("div", { class: "controls" },
      labelled("Window", chooser(all.map(([text_, entries]) => ({
        value: entries[0].index, text: text_,
      })), levels[0].index, (value) => {
        const [, chosen] = all.find(([, entries]) => entries[0].index === Number(value));
        look({ context: Number(value), at: firstParting(chosen) });
        redraw();
      })),
      labelled(`Severity ${levels[step].severity}`, severity)),
    element("p", { class: "soft" }, `${name}: ${study.contexts[state.context].description}. `
      + "Context tokens that changed are struck through in grey; the darker a predicted token, "
      + "the more the members of a class disagree."),
    text, below, queries(study.queries.angle));
}

/** What members say at a token at this severity, the laws over all of them, and who parts first. */
function lawsAt(levels, step, at) {
  const contexts = levels.map(({ index }) => contextOf(index));
  const parted = firstToPart(contexts, at);
  const [now, severities] = [contexts[step], levels.map(({ severity }) => severity)];
  const truth = quoted(tokenOf(now.tokens[now.begin + at]));
  const sentence = element("p", { class: "about", "aria-live": "polite" });
  if (parted) {
    const { a, b, from, said } = parted;
    sentence.append(`At severity ${severities[from]} the first equally good pair parts: `,
      element("b", {}, memberName(a)), " says ", element("b", { class: "quoted" }, quoted(said[0])),
      ", ", element("b", {}, memberName(b)), " says ",
      element("b", { class: "quoted" }, quoted(said[1])), "; before, both said the same.");
  } else {
    sentence.append("No equally good pair that says the same on text parts here.");
  }
  return [
    element("h2", {}, "Where the text has ", element("b", { class: "quoted" }, truth)), sentence,
    element("div", { class: "charts" },
      element("figure", {}, element("figcaption", {}, "Mean probability of a token, by severity"),
        lawChart(contexts, severities, step, at)),
      element("figure", {},
        element("figcaption", {}, "KL of equally good pairs, by severity, nats"),
        klChart(contexts, severities, step, at, parted))),
    votes(now, at, parted),
  ];
}

/** The equally good pair that says the same first token on text and parts at the lowest severity,
 * of several the one with the largest KL there. */
export function firstToPart(contexts, at) {
  const first = contexts.map((context) => context.members.map((_, row) =>
    tokenOf(lawOf(context.laws[at], row).ranked[0].token)));
  for (let from = 1; from < contexts.length; from += 1) {
    let best = null;
    contexts[from].pairs.forEach(([a, b], pair) => {
      const agreed = first.slice(0, from).every((said) => said[a] === said[b]);
      const kl = contexts[from].text[pair][at];
      if (agreed && first[from][a] !== first[from][b] && isEqual(contexts[from], a, b)
          && (best === null || kl > best.kl)) {
        const { members } = contexts[from];
        const said = [first[from][a], first[from][b]];
        best = { a: members[a], b: members[b], pair, from, kl, said };
      }
    });
    if (best) return best;
  }
  return null;
}

const equalPairs = new Set(study.pairs.filter(({ set }) => set !== null)
  .flatMap(({ a, b }) => [`${a} ${b}`, `${b} ${a}`]));

function isEqual({ members }, a, b) {
  return equalPairs.has(`${members[a]} ${members[b]}`);
}

/** The mean probability of the tokens that are likely at any severity. */
function lawChart(contexts, severities, step, at) {
  const means = contexts.map((context) => {
    const sums = new Map();
    context.members.forEach((_, row) => {
      for (const { token, p } of lawOf(context.laws[at], row).ranked) {
        sums.set(token, (sums.get(token) ?? 0) + p / 1000 / context.members.length);
      }
    });
    return sums;
  });
  const largest = new Map();
  for (const sums of means) {
    for (const [token, p] of sums) largest.set(token, Math.max(p, largest.get(token) ?? 0));
  }
  const shown = [...largest].sort((one, other) => other[1] - one[1]).slice(0, 5);
  return lineChart({
    lines: shown.map(([token], number) => ({
      name: quoted(tokenOf(token)), style: `colour-${number}`,
      points: means.map((sums, level) => [severities[level], sums.get(token) ?? 0]),
    })),
    x: "severity", at: severities[step],
    label: "Mean probability of the likeliest tokens by severity",
  });
}

function klChart(contexts, severities, step, at, parted) {
  const lines = contexts[0].pairs.map(([a, b], pair) => ({ a, b, pair }))
    .filter(({ a, b }) => isEqual(contexts[0], a, b))
    .map(({ pair }) => ({
      name: parted?.pair === pair ? "parts first" : "",
      style: parted?.pair === pair ? "colour-1 strong" : "faint",
      points: contexts.map((context, level) =>
        [severities[level], (context.text[pair]?.[at] ?? null) && context.text[pair][at] / 1000]),
    }));
  if (!lines.length) return element("p", { class: "absent" }, "No equally good pair is stored.");
  lines.sort((one, other) => one.style.length - other.style.length);
  return lineChart({
    lines, x: "severity", at: severities[step],
    label: "KL of equally good pairs at this token by severity",
  });
}

/** What each member says first at this severity, by class. */
function votes(context, at, parted) {
  const colours = coloursOf(context.laws[at]);
  const place = new Map(context.members.map((member, row) => [member, row]));
  const groups = [...byClass(context.members)].map(([label, members]) =>
    element("section", { class: "votes" }, element("h3", {}, label), ...members.map((member) => {
      const { token, p } = lawOf(context.laws[at], place.get(member)).ranked[0];
      const isMarked = member === parted?.a || member === parted?.b;
      return element("span", {
        class: `vote${isMarked ? " marked" : ""}`, "data-colour": colours.get(token) ?? "rest",
      }, element("small", {}, `${memberName(member)} `), element("b", {}, quoted(tokenOf(token))),
      element("small", {}, ` ${percent(p)}`));
    })));
  return element("div", { class: "groups" }, ...groups,
    element("p", { class: "soft" }, "First-ranked token of each member at this severity; "
      + `disagreement within classes ${nats(context.within[at] / 1000)} nats.`));
}

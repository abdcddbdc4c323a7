// Known processes: beliefs and mask weights as letters come, exact beside members, and binding.

import { memberName, nats, study } from "./data.js";
import { lineChart } from "./chart.js";
import { chooser, element, labelled, queries, shape, slider } from "./elements.js";

const scrubbed = { corpus: null, path: 0, letters: 8, document: 0, step: 0 };

/** The view; `redraw` draws it again. */
export function processView(redraw) {
  const parts = [
    study.beliefs.length ? beliefs(redraw) : null,
    study.masks.documents.length ? masks(redraw) : null,
    study.answers.length ? answers() : null,
  ].filter((part) => part !== null);
  if (!parts.length) {
    return element("p", { class: "absent" },
      "The study has no text of a process whose law is known, or lacks the analyses belief, "
      + "spectroscopy and excess.");
  }
  return element("div", {}, ...parts, queries(study.queries.process));
}

/** Beliefs along a document: exact beside what is read from a member of each class. */
function beliefs(redraw) {
  const corpora = [...new Set(study.beliefs.map(({ member }) => study.members[member].corpus))];
  const corpus = corpora.includes(scrubbed.corpus) ? scrubbed.corpus : corpora[0];
  const shown = study.beliefs.filter(({ member }) => study.members[member].corpus === corpus);
  // Members of a corpus read the same documents.
  const { documents } = shown[0];
  scrubbed.path = Math.min(scrubbed.path, documents.length - 1);
  const { tokens } = documents[scrubbed.path];
  scrubbed.letters = Math.max(1, Math.min(tokens.length, scrubbed.letters));
  const place = element("div", { class: "charts" });
  const text = element("p", { class: "path" });
  const count = element("output", {});
  const update = () => {
    const read = scrubbed.letters;
    count.textContent = `${read} of ${tokens.length}`;
    text.replaceChildren(element("b", {}, tokens.slice(0, read).join("")),
      element("span", { class: "soft" }, tokens.slice(read).join("")));
    place.replaceChildren(...shown.flatMap(({ member, layer, masks: names, documents: all }) => {
      const path = all[scrubbed.path].points.slice(0, read);
      const label = study.members[member].label;
      return [
        ...(member === shown[0].member ? [simplex("Exact", names, path, 1)] : []),
        simplex(`Read from ${memberName(member)} (${label}), level ${layer}`, names, path, 4),
      ];
    }));
  };
  const range = slider(1, tokens.length, scrubbed.letters, (value) => {
    scrubbed.letters = value;
    update();
  });
  range.id = "letters";
  update();
  const choice = (options, value, name) => chooser(options, value, (chosen) => {
    scrubbed[name] = name === "path" ? Number(chosen) : chosen;
    redraw();
  });
  return element("section", {},
    element("h2", {}, "Where in its ring is the hidden state?"),
    element("p", { class: "soft" }, "The large point is the belief after the letters read so far, "
      + "the small ones were those before it; a corner is certainty. The documents are held out; "
      + "what is read linearly from a member can lie outside."),
    element("div", { class: "controls" },
      corpora.length > 1 ? labelled("Text",
        choice(corpora.map((value) => ({ value, text: value })), corpus, "corpus")) : null,
      labelled("Document", choice(documents.map((_, value) =>
        ({ value, text: `document ${value + 1}` })), scrubbed.path, "path")),
      labelled("Letters", element("span", { class: "ranged" }, range, count))),
    text, place);
}

/** A triangle with the beliefs along a path; `begin`: where their three numbers begin. */
function simplex(title, names, path, begin) {
  const corners = [[200, 50], [70, 275], [330, 275]];
  const drawing = shape("svg", { viewBox: "0 0 400 340", class: "chart simplex", role: "img",
    "aria-label": `${title}: ${path.length} beliefs in a triangle` });
  drawing.append(shape("polygon", { class: "grid", points: corners.map(String).join(" ") }),
    ...["a", "b", "c"].map((name, corner) => shape("text", {
      class: "tick", x: corners[corner][0], y: corners[corner][1] + (corner ? 18 : -8),
      "text-anchor": "middle",
    }, name)));
  const at = (point) => [0, 1].map((axis) => point.slice(begin, begin + 3).reduce(
    (sum, value, corner) => sum + (value / 1000) * corners[corner][axis], 0));
  drawing.append(shape("polyline", { class: "grid", points: path.map(at).join(" ") }));
  path.forEach((point, number) => {
    const [x, y] = at(point);
    const numbers = point.slice(begin, begin + 3).map((value) => (value / 1000).toFixed(3));
    const r = number === path.length - 1 ? 8 : 3;
    drawing.append(shape("circle", { class: `point in colour-${point[0] % 6}`, cx: x, cy: y, r },
      shape("title", {}, `${number + 1} letters, ${names[point[0]]}: ${numbers.join(", ")}`)));
  });
  names.forEach((name, number) => {
    drawing.append(shape("text", { class: `label colour-${number}`, x: 20 + 92 * number, y: 332 },
      name));
  });
  return element("figure", {}, element("figcaption", {}, title), drawing);
}

/** Weights of the masks after some letters of a document: exact, then each member. */
function masks(redraw) {
  const { names, members, documents } = study.masks;
  scrubbed.document = Math.min(scrubbed.document, documents.length - 1);
  const { steps } = documents[scrubbed.document];
  scrubbed.step = Math.min(scrubbed.step, steps.length - 1);
  const place = element("div", { class: "weights" });
  const count = element("output", {});
  const update = () => {
    const { letters, exact, weights } = steps[scrubbed.step];
    count.textContent = String(letters);
    place.replaceChildren(stacked("exact", names, exact),
      ...members.map((member, row) => weights[row]
        && stacked(memberName(member), names, weights[row])).filter(Boolean));
  };
  const range = slider(0, steps.length - 1, scrubbed.step, (value) => {
    scrubbed.step = value;
    update();
  });
  range.id = "mask-letters";
  update();
  return element("section", {},
    element("h2", {}, "Which mask speaks?"),
    element("p", { class: "soft" }, "Weights of the masks in the mixture closest to the "
      + "prediction, as letters come. A spliced document changes its mask after some letters."),
    element("div", { class: "controls" },
      labelled("Document", chooser(documents.map(({ kind, document }, value) =>
        ({ value, text: `${kind} ${document}` })), scrubbed.document, (value) => {
        scrubbed.document = Number(value);
        redraw();
      })),
      labelled("Letters", element("span", { class: "ranged" }, range, count))),
    place,
    element("p", { class: "legend" }, ...names.map((name, number) =>
      element("span", { class: `key colour-${number}` }, name))));
}

/** A bar of all weights, which add up to one. */
function stacked(name, names, weights) {
  const bar = element("div", { class: "stack", role: "img", "aria-label": `${name}: ${
    names.map((mask, number) => `${mask} ${(weights[number] / 1000).toFixed(3)}`).join(", ")}` },
  ...weights.map((weight, number) => {
    const part = element("span", { class: `part colour-${number}`,
      title: `${names[number]}: ${(weight / 1000).toFixed(3)}` });
    part.style.setProperty("--width", `${weight / 10}%`);
    return part;
  }));
  return element("div", { class: "line" }, element("span", {}, name), bar);
}

/** Loss on the answer by the pairs that count for it. */
function answers() {
  const lines = [];
  const seen = new Set();
  for (const row of study.answers) {
    for (const [variant, key] of [[row.baseline, "baseline_nats"], [row.variant, "variant_nats"]]) {
      const name = `${row.corpus} ${variant}`;
      if (seen.has(name)) continue;
      seen.add(name);
      lines.push({
        name, style: `colour-${lines.length % 6}`,
        points: study.answers.filter((other) => other.corpus === row.corpus
          && (other.baseline === variant || other.variant === variant))
          .map((other) => [other.pairs, other[key]]),
      });
    }
  }
  const largest = study.answers.reduce((one, other) =>
    (other.variant_nats > one.variant_nats ? other : one));
  return element("section", {},
    element("h2", {}, "What does binding cost?"),
    element("p", { class: "soft" }, "Loss above the exact law on the answer of a counting process, "
      + `by the pairs that have to be bound: at ${largest.pairs} pairs of ${largest.corpus}, `
      + `${nats(largest.baseline_nats)} nats for ${largest.baseline} and `
      + `${nats(largest.variant_nats)} for ${largest.variant}.`),
    element("figure", {}, lineChart({
      lines, x: "pairs to bind", label: "Loss on the answer by pairs to bind",
    })));
}

// Known processes: beliefs and mask weights as letters come, exact beside members, and binding.

import { memberName, nats, study } from "./data.js";
import { lineChart } from "./chart.js";
import { chooser, element, labelled, queries, shape, slider } from "./elements.js";

const scrubbed = { letters: 8, document: 0, step: 0 };

/** The view; `redraw` draws it again. */
export function processView(redraw) {
  const parts = [
    study.beliefs.length ? beliefs() : null,
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

/** The belief simplex after some letters: exact beside what is read from a member. */
function beliefs() {
  const letters = study.beliefs.flatMap(({ points }) => points.map(([count]) => count));
  const [low, high] = [Math.min(...letters), Math.max(...letters)];
  scrubbed.letters = Math.max(low, Math.min(high, scrubbed.letters));
  const place = element("div", { class: "charts" });
  const count = element("output", {});
  const update = () => {
    const shown = study.beliefs.flatMap(({ member, layer, masks: names, points }) => {
      const at = points.filter(([number]) => number === scrubbed.letters);
      const label = study.members[member].label;
      return [
        simplex(`Exact, ${label.split("/")[0]}`, names, at, 2),
        simplex(`Read from ${memberName(member)} (${label}), level ${layer}`, names, at, 5),
      ];
    });
    const points = study.beliefs[0].points.filter(([number]) => number === scrubbed.letters).length;
    count.textContent = `${scrubbed.letters}; ${points} points`;
    place.replaceChildren(...shown);
  };
  const range = slider(low, high, scrubbed.letters, (value) => {
    scrubbed.letters = value;
    update();
  });
  range.id = "letters";
  update();
  return element("section", {},
    element("h2", {}, "Where in its ring is the hidden state?"),
    element("p", { class: "soft" }, "A point is the belief after so many letters of a document, "
      + "a corner is certainty. The points are a sample of held-out positions; what is read "
      + "linearly from a member can lie outside."),
    element("div", { class: "controls" },
      labelled("Letters", element("span", { class: "ranged" }, range, count))),
    place);
}

/** A triangle with the belief of each point; `begin`: where its three numbers begin. */
function simplex(title, names, points, begin) {
  const corners = [[200, 50], [70, 275], [330, 275]];
  const drawing = shape("svg", { viewBox: "0 0 400 340", class: "chart simplex", role: "img",
    "aria-label": `${title}: ${points.length} beliefs in a triangle` });
  drawing.append(shape("polygon", { class: "grid", points: corners.map(String).join(" ") }),
    ...["a", "b", "c"].map((name, corner) => shape("text", {
      class: "tick", x: corners[corner][0], y: corners[corner][1] + (corner ? 18 : -8),
      "text-anchor": "middle",
    }, name)));
  for (const point of points) {
    const belief = point.slice(begin, begin + 3);
    const [x, y] = [0, 1].map((axis) => belief.reduce((sum, value, corner) =>
      sum + (value / 1000) * corners[corner][axis], 0));
    const numbers = belief.map((value) => (value / 1000).toFixed(3)).join(", ");
    drawing.append(shape("circle", { class: `point in colour-${point[1] % 6}`, cx: x, cy: y, r: 4 },
      shape("title", {}, `${names[point[1]]}: ${numbers}`)));
  }
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

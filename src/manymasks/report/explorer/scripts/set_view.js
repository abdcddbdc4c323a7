// Choose the set: thresholds pick members, and everything else follows from who is picked.

import { byClass, memberName, nats, study } from "./data.js";
import { button, chooser, element, labelled, queries, shape, slider, table } from "./elements.js";
import { effectiveNumber, matrixOf, pairSummary, scaled } from "./map_of_models.js";
import { look, state } from "./state.js";

const STEPS = 200;
const POOLS = {
  class: { text: "the best of each class", of: ({ label }) => label },
  pool: {
    text: "the best of each size", of: ({ label }) => label.split("/").slice(0, 2).join("/"),
  },
  corpus: { text: "the best of all", of: ({ corpus }) => corpus },
};
const thresholds = new Map();
const touched = new Set();
let pooling = "class";

/** The view; `redraw` draws it again. */
export function setView(redraw) {
  const compared = new Set(study.pairs.flatMap(({ a, b }) => [a, b]));
  const corpora = [...new Set([...compared].map((member) => study.members[member].corpus))];
  if (!corpora.length) {
    return element("p", { class: "absent" },
      "No two members were compared: add divergence to the analyses of the study.");
  }
  if (!corpora.includes(state.corpus)) {
    // The corpus with the most members.
    const count = (corpus) =>
      [...compared].filter((member) => study.members[member].corpus === corpus).length;
    corpora.sort((one, other) => count(other) - count(one));
    look({ corpus: corpora[0] });
  }
  const members = [...compared].filter((m) => study.members[m].corpus === state.corpus)
    .sort((one, other) => one - other);
  const constraints = constraintsOf(members);
  if (!touched.has(constraints[0].key)) {
    // The middle threshold of the study, to begin with.
    const eps = study.sets.filter(({ unit, members: [first] }) =>
      unit === "nats" && members.includes(first)).map(({ eps_nats }) => eps_nats);
    if (eps.length) thresholds.set(constraints[0].key, eps[Math.floor(eps.length / 2)]);
    touched.add(constraints[0].key);
  }
  const points = scaled(matrixOf(members, study.pairs));
  const outcome = element("div", { class: "outcome" });

  function update() {
    const passing = members.filter((member) => constraints.every((constraint) =>
      (constraint.excess.get(member) ?? 0) <= thresholdOf(constraint)));
    outcome.replaceChildren(...outcomeOf(members, passing, points));
  }

  const controls = constraints.map((constraint) => control(constraint, update));
  update();
  return element("div", {},
    element("div", { class: "controls" },
      labelled("Text", chooser(corpora.map((value) => ({ value, text: value })), state.corpus,
        (value) => {
          look({ corpus: value });
          redraw();
        })),
      labelled("Loss at most eps above", chooser(
        Object.entries(POOLS).map(([value, { text }]) => ({ value, text })), pooling, (value) => {
          pooling = value;
          redraw();
        }))),
    controls[0],
    constraints.length > 1 ? element("details", { class: "constraints" },
      element("summary", {}, `Thresholds on ${constraints.length - 1} other losses`),
      element("div", { class: "controls" },
        button("Those of the funnel", () => {
          for (const constraint of constraints) {
            if (constraint.funnel !== null) thresholds.set(constraint.key, constraint.funnel);
          }
          redraw();
        }),
        button("None", () => {
          for (const { key } of constraints) thresholds.delete(key);
          redraw();
        })),
      element("div", { class: "grid" }, ...controls.slice(1))) : null,
    outcome, queries(study.queries.set));
}

/** Losses on text, its parts and probes: how far each member is above the best of its pool. */
function constraintsOf(members) {
  const { of } = POOLS[pooling];
  const excessOf = (losses) => {
    const best = new Map();
    for (const [member, value] of losses) {
      const pool = of(study.members[member]);
      best.set(pool, Math.min(value, best.get(pool) ?? Infinity));
    }
    return new Map([...losses].map(([member, value]) =>
      [member, value - best.get(of(study.members[member]))]));
  };
  const onText = new Map(members.map((member) => [member, study.members[member].select]));
  const chosen = new Set(members);
  const others = study.constraints.filter(({ corpus }) => corpus === state.corpus)
    .map(({ name, nats: losses, above }) => ({
      name,
      losses: new Map(Object.entries(losses).map(([member, value]) => [Number(member), value])
        .filter(([member]) => chosen.has(member))),
      funnel: Object.values(above),
    }));
  return [{ name: "select loss on text", losses: onText, funnel: [] }, ...others]
    .map(({ name, losses, funnel }) => {
      const excess = excessOf(losses);
      return {
        key: `${state.corpus} ${pooling} ${name}`, name, excess,
        largest: Math.max(...excess.values(), 1e-6),
        funnel: funnel.length ? Math.max(...funnel) : null,
      };
    });
}

function thresholdOf(constraint) {
  return thresholds.get(constraint.key) ?? Infinity;
}

/** A slider from 0 to the largest excess, which keeps every member. */
function control(constraint, update) {
  const value = element("output", {});
  const show = () => {
    const threshold = thresholdOf(constraint);
    value.textContent = threshold === Infinity ? "any" : `${nats(threshold)} nats`;
  };
  const at = Math.min(STEPS, Math.ceil((STEPS * thresholdOf(constraint)) / constraint.largest));
  const range = slider(0, STEPS, Number.isFinite(at) ? at : STEPS, (step) => {
    if (step === STEPS) thresholds.delete(constraint.key);
    else thresholds.set(constraint.key, (constraint.largest * step) / STEPS);
    show();
    update();
  });
  show();
  return labelled(`eps, ${constraint.name}`, element("span", { class: "ranged" }, range, value));
}

/** What follows from the members that pass: numbers, a map and a list. */
function outcomeOf(members, passing, points) {
  const inside = new Set(passing);
  const matrix = matrixOf(passing, study.pairs);
  const { pairs, mean, largest } = pairSummary(matrix);
  const same = study.sets.find((set) => set.members.length === passing.length && set.effective
    && set.members.every((member) => inside.has(member)));
  const tile = (number, text) =>
    element("div", {}, element("b", {}, number), element("span", {}, text));
  const lines = [...byClass(members)].flatMap(([label, listed]) => listed.map((member) => [
    memberName(member), label, nats(study.members[member].select),
    inside.has(member) ? "in" : "out",
  ]));
  return [
    element("div", { class: "tiles", "aria-live": "polite" },
      tile(`${passing.length} of ${members.length}`, "members pass"),
      tile(Number.isNaN(mean) ? "–" : nats(mean), `mean KL of ${pairs} pairs, nats`),
      tile(Number.isNaN(largest) ? "–" : nats(largest), "largest KL of two, nats"),
      tile(passing.length ? effectiveNumber(matrix).toFixed(2) : "–",
        "effective number of models, from pairwise KL (order 2)"),
      same ? tile(same.effective.toFixed(2), `exp(capacity) of the set ${same.name}`) : null),
    element("div", { class: "charts" },
      element("figure", {},
        element("figcaption", {},
          "Map of members: classical scaling of their KL. Filled: in the set."),
        mapOf(members, inside, points)),
      table(["member", "class", "select loss", "set"], lines, { class: "members" })),
  ];
}

function mapOf(members, inside, points) {
  const [width, height, edge] = [520, 340, 26];
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  // One scale for both axes: distances can be compared.
  const [left, bottom] = [Math.min(...xs), Math.min(...ys)];
  const scale = Math.min((width - 2 * edge) / (Math.max(...xs) - left || 1),
    (height - 2 * edge) / (Math.max(...ys) - bottom || 1));
  const labels = [...byClass(members).keys()];
  const map = shape("svg", {
    viewBox: `0 0 ${width} ${height + 18 * labels.length}`, class: "chart", role: "img",
    "aria-label": "Map of members; the table beside it lists them",
  });
  members.forEach((member, number) => {
    const { label, select } = study.members[member];
    const state_ = inside.has(member) ? "in" : "out";
    map.append(shape("circle", {
      class: `point colour-${labels.indexOf(label) % 6} ${state_}`, r: 6,
      cx: edge + scale * (xs[number] - left), cy: height - edge - scale * (ys[number] - bottom),
    }, shape("title", {}, `${label} ${memberName(member)}: ${nats(select)} nats, ${state_}`)));
  });
  labels.forEach((label, number) => {
    const y = height + 10 + 18 * number;
    map.append(shape("circle", { class: `point colour-${number % 6} in`, cx: 12, cy: y - 4, r: 5 }),
      shape("text", { class: "tick", x: 24, y }, label));
  });
  return map;
}

// The study that the page holds. Numbers in contexts are whole thousandths.

export const study = JSON.parse(document.getElementById("study").textContent);

const contexts = new Map();

/** A context, which is parsed when it is shown first. */
export function contextOf(index) {
  if (!contexts.has(index)) {
    const text = document.getElementById(`context-${index}`).textContent;
    contexts.set(index, JSON.parse(text));
  }
  return contexts.get(index);
}

/** The text of a token of a context. */
export function tokenOf(index) {
  return study.tokens[index];
}

/** A member by its class and seed. */
export function memberName(index) {
  const { label, init, order } = study.members[index];
  return `${label.split("/").slice(1).join("/")} ${init === order ? init : `${init}·${order}`}`;
}

/** Members by the label of their class, of those given by their index. */
export function byClass(indices) {
  return Map.groupBy(indices, (index) => study.members[index].label);
}

export function nats(value, digits = 3) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

/** Thousandths as a share. */
export function percent(thousandths) {
  return thousandths === 0 ? "<0.1%" : `${(thousandths / 10).toFixed(1)}%`;
}

/** The rest of a law at a member: first-ranked tokens, and rank and probability of the true one. */
export function lawOf(laws, row) {
  const numbers = laws.rows[row];
  const ranked = [];
  for (let i = 0; i + 2 < numbers.length; i += 2) {
    ranked.push({ token: laws.tokens[numbers[i]], p: numbers[i + 1] });
  }
  return { ranked, rank: numbers.at(-2), p: numbers.at(-1) };
}

/** What is known of two members on held-out text. */
export function pairOf(a, b) {
  return study.pairs.find((pair) =>
    (pair.a === a && pair.b === b) || (pair.a === b && pair.b === a));
}

/** The number of a pair in a context, in either order; -1 if the page has no KL of it there. */
export function pairRow(context, a, b) {
  return context.pairs.findIndex((pair) => {
    const [one, other] = pair.map((row) => context.members[row]);
    return (one === a && other === b) || (one === b && other === a);
  });
}

/** Contexts with a token on which two equally good models disagree, those first in which both are
 * surest. */
export const sharpest = study.contexts
  .map((title, index) => ({ index, title }))
  .filter(({ title }) => title.sharpest !== null)
  .sort((one, other) => one.title.is_process - other.title.is_process
    || other.title.is_text - one.title.is_text
    || other.title.sharpest[4] - one.title.sharpest[4])
  .map(({ index }) => index);

/** What the list of contexts calls one. */
export function contextName({ probe, severity, item, document }) {
  return `${probe}${severity ? `, severity ${severity}` : ""}, window ${item} (${document})`;
}

// What every member says at one token: a row each, by class, made once and filled at every hover.

import { byClass, lawOf, memberName, nats, percent, study, tokenOf } from "./data.js";
import { element, quoted } from "./elements.js";

const COLOURS = 6;

/** The table for the members of a context. Returns it, and a function that fills it. */
export function lawsTable(context, isMarked = () => false) {
  const place = new Map(context.members.map((member, row) => [member, row]));
  const rows = [];
  const bodies = [...byClass(context.members)].map(([label, members]) => {
    const heading = element("tr", { class: "class" },
      element("th", { colspan: 9, scope: "rowgroup" }, label));
    const lines = members.map((member) => {
      const first = Array.from({ length: 5 }, () => {
        const token = element("b");
        const share = element("small");
        return { token, share, cell: element("td", { class: "said" }, token, share) };
      });
      const truth = element("td");
      const line = element("tr", { class: isMarked(member) ? "marked" : "" },
        element("th", { scope: "row" }, memberName(member)),
        ...first.map(({ cell }) => cell), truth,
        element("td", {}, nats(study.members[member].select)),
        element("td", { class: "sets" }, setsOf(member)));
      rows.push({ row: place.get(member), first, truth });
      return line;
    });
    return element("tbody", {}, heading, ...lines);
  });
  const caption = element("caption", {}, "What each member says next");
  const made = element("table", { class: "laws" }, caption, element("thead", {}, element("tr", {},
    ...["member", "1st", "2nd", "3rd", "4th", "5th", "p(true)", "select loss", "in sets of eps"]
      .map((text) => element("th", { scope: "col" }, text)))), ...bodies);

  function fill(at) {
    const laws = context.laws[at];
    const colours = coloursOf(laws);
    for (const { row, first, truth } of rows) {
      const law = lawOf(laws, row);
      truth.textContent = `${percent(law.p)} (rank ${law.rank})`;
      first.forEach(({ token, share, cell }, rank) => {
        const entry = law.ranked[rank];
        token.textContent = entry ? quoted(tokenOf(entry.token)) : "";
        share.textContent = entry ? ` ${percent(entry.p)}` : "";
        cell.dataset.colour = entry && rank === 0 ? colours.get(entry.token) ?? "rest" : "";
        cell.classList.toggle("true", entry?.token === context.tokens[context.begin + at]);
      });
    }
  }
  return { table: element("div", { class: "scroll" }, made), fill };
}

/** A colour for each of the tokens that most members rank first. */
export function coloursOf(laws) {
  const votes = new Map();
  laws.rows.forEach((_, row) => {
    const token = lawOf(laws, row).ranked[0].token;
    votes.set(token, (votes.get(token) ?? 0) + 1);
  });
  const ranked = [...votes].sort((one, other) => other[1] - one[1] || one[0] - other[0]);
  return new Map(ranked.slice(0, COLOURS).map(([token], colour) => [token, colour]));
}

/** The tightest threshold of each reference whose set has a member, in nats. */
function setsOf(member) {
  const tightest = new Map();
  for (const { reference, eps_nats, members } of study.sets) {
    if (members.includes(member) && !tightest.has(reference)) tightest.set(reference, eps_nats);
  }
  return [...tightest].map(([reference, eps]) => `${reference} ${nats(eps)}`).join(", ") || "none";
}

// SQL: the example queries of the database with their answers, and how to ask more.

import { study } from "./data.js";
import { element, table, visible } from "./elements.js";

/** The view. */
export function sqlView() {
  const filter = element("input", { type: "search", placeholder: "words of a question" });
  const entries = study.examples.map((example) => {
    const details = element("details", { class: "example" },
      element("summary", {}, example.question),
      element("pre", {}, `manymasks sql --example ${example.name}`));
    // Answers are laid out when they are first looked at.
    details.addEventListener("toggle", () => {
      if (details.childElementCount > 2) return;
      details.append(
        table(example.columns, example.rows.map((row) =>
          row.map((cell) => (cell === null ? null : visible(cell))))),
        element("p", { class: "soft" }, example.total > example.rows.length
          ? `The first ${example.rows.length} of ${example.total} rows.`
          : `${example.total} rows.`),
        element("pre", {}, example.sql.trim()));
    });
    return { details, words: `${example.question} ${example.name}`.toLowerCase() };
  });
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    for (const { details, words: text } of entries) {
      details.hidden = !words.every((word) => text.includes(word));
    }
  });
  return element("div", {},
    element("p", {}, "Each question is a query of ",
      element("code", {}, "results/manymasks.duckdb"), ". Ask more with:"),
    element("pre", {}, "manymasks sql --tables                # what there is, by question\n"
      + "manymasks sql --describe NAME         # what its columns mean\n"
      + "manymasks sql \"SELECT ... FROM ...\"   # a query of yours"),
    element("label", { class: "control" }, element("span", {}, "Find"), filter),
    ...entries.map(({ details }) => details));
}

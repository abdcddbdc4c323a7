// Elements of the page. Text is only ever set as text: nothing in a token can be markup.

const SVG = "http://www.w3.org/2000/svg";
const INVISIBLE = new RegExp("[\\u0000-\\u001f\\u007f-\\u009f\\u00ad"
  + "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff]", "g");

/** An element with attributes and children. A function is a listener, `false` no attribute. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An element of SVG. */
export function shape(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== false && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A text with every control character and every invisible one as a symbol. */
export function visible(text) {
  return text.replace(INVISIBLE, (character) => {
    const code = character.codePointAt(0);
    if (character === "\n") return "⏎";
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return "␡";
    return `⟨${code.toString(16).padStart(4, "0")}⟩`;
  });
}

/** A token on its own, with its spaces as symbols. */
export function quoted(token) {
  return visible(token).replaceAll(" ", "␣") || "∅";
}

/** A label with the control that it names. */
export function labelled(text, control) {
  return element("label", { class: "control" }, element("span", {}, text), control);
}

/** A list of options; `change` is called with the value of the chosen one. */
export function chooser(options, chosen, change) {
  const list = element("select", { change: () => change(list.value) });
  for (const { value, text, group } of options) {
    const option = element("option", { value }, text);
    if (group === undefined) {
      list.append(option);
      continue;
    }
    if (list.lastElementChild?.label !== group) list.append(element("optgroup", { label: group }));
    list.lastElementChild.append(option);
  }
  list.value = String(chosen);
  return list;
}

/** A slider over whole numbers, or over steps of `step`. */
export function slider(low, high, value, change, step = 1) {
  const range = element("input", { type: "range", min: low, max: high, step });
  range.value = value;
  range.addEventListener("input", () => change(Number(range.value)));
  return range;
}

export function button(text, click) {
  return element("button", { type: "button", click }, text);
}

/** The queries that a view was made from. */
export function queries(list) {
  const texts = list.map(({ name, sql }) =>
    element("div", {}, element("h3", {}, name), element("pre", {}, sql.trim())));
  return element("details", { class: "queries" },
    element("summary", {}, "Queries of this view"), ...texts);
}

/** A table with text or elements in its cells. */
export function table(headings, rows, attributes = {}) {
  const cells = (name, row) => row.map((cell) => element(name, {}, cell ?? "–"));
  return element("div", { class: "scroll" }, element("table", attributes,
    element("thead", {}, element("tr", {}, ...cells("th", headings))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells("td", row))))));
}

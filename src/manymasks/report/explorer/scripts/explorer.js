// The page: its lead, its tabs, and the view that is looked at.

import { angleView } from "./angle_view.js";
import { sharpest, study } from "./data.js";
import { button, element } from "./elements.js";
import { pairView } from "./pair_view.js";
import { processView } from "./process_view.js";
import { setView } from "./set_view.js";
import { sqlView } from "./sql_view.js";
import { isAddressed, look, showSharpest, state } from "./state.js";
import { nextSharpest, sentenceOf, textView } from "./text_view.js";

const VIEWS = {
  text: { title: "Text", view: textView },
  angle: { title: "Turn the angle", view: angleView },
  pair: { title: "Two members", view: pairView },
  set: { title: "Choose the set", view: setView },
  process: { title: "Known processes", view: processView },
  sql: { title: "SQL", view: sqlView },
};

const place = document.getElementById("view");
const tabs = document.getElementById("tabs");
const lead = document.getElementById("lead");

/** Draw the view that is looked at, and keep the focus on the control that was used. */
function draw() {
  const controls = "button, select, input, summary, [tabindex]";
  const used = [...place.querySelectorAll(controls)].indexOf(document.activeElement);
  const open = [...place.querySelectorAll("details")].map((details) => details.open);
  const { title, view } = VIEWS[state.view];
  const content = view(draw);
  place.replaceChildren(content);
  place.setAttribute("aria-label", title);
  if (used >= 0) {
    place.querySelectorAll("details").forEach((details, number) => {
      details.open = open[number] ?? false;
    });
    place.querySelectorAll(controls)[used]?.focus({ preventScroll: true });
  }
  for (const tab of tabs.children) {
    const isChosen = tab.dataset.view === state.view;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
  }
}

function open(view) {
  look({ view });
  draw();
}

function drawTabs() {
  tabs.append(...Object.entries(VIEWS).map(([view, { title }]) => element("button", {
    type: "button", role: "tab", "data-view": view, id: `tab-${view}`, "aria-controls": "view",
    click: () => open(view),
  }, title)));
  tabs.addEventListener("keydown", (event) => {
    const names = Object.keys(VIEWS);
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const at = (names.indexOf(state.view) + by + names.length) % names.length;
    open(names[at]);
    document.getElementById(`tab-${names[at]}`).focus();
  });
}

/** The sentence on top: a token on which two equally good models disagree, and another one. */
function drawLead(index) {
  const show = (view) => () => {
    showSharpest(index);
    open(view);
  };
  lead.replaceChildren(...sentenceOf(index), " ",
    button("Show it", show("text")), " ", button("Side by side", show("pair")), " ",
    button("Another", () => {
      drawLead(nextSharpest(index));
      lead.querySelector("button:last-of-type").focus();
    }));
}

function begin() {
  if (!(state.view in VIEWS)) look({ view: "text" });
  if (!(state.context in study.contexts)) look({ context: 0, at: 0 });
  drawTabs();
  if (sharpest.length) {
    if (!isAddressed) showSharpest(sharpest[0]);
    drawLead(sharpest[0]);
  } else {
    lead.textContent = "No two equally good models were found that rank different tokens first.";
  }
  if (study.left_out) {
    lead.append(element("small", {}, ` ${study.left_out} contexts are left out, which would make `
      + "the page too large; the database has them."));
  }
  draw();
}

begin();

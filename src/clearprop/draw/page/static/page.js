// @ts-check
// The page: its parts, and what happens when a box or an arrow is chosen.
import { Detail } from "./heat.js";
import { Editing } from "./editing.js";
import { Panel } from "./panel.js";
import { Picture } from "./picture.js";
import { Sources } from "./sources.js";
import { State } from "./state.js";
import { html } from "./text.js";
import { Walk } from "./walk.js";

const state = new State(JSON.parse(/** @type {any} */ (document.getElementById("data")).textContent));
const detail = new Detail(state);
new Panel(state, (entry) => detail.open(entry));
new Sources(state);
const editing = new Editing(state);

// Where the page is shown: #end for who wants to see all numbers at once; #embedded in a page that
// has the title and the arguments itself, and is told what happens here.
const place = new URLSearchParams(location.hash.slice(1));
const embedded = place.has("embedded") && window.parent !== window;

/** @param {Record<string, any>} what */
function tell(what) {
  window.parent.postMessage({ clearprop: what }, "*"); // nothing but numbers of steps and names
  return true;
}

/** @param {"arrow" | "box"} kind @param {any} entry */
function choose(kind, entry) {
  if (kind === "box" && entry.kind === "group") {
    if (entry.opens === undefined) say(`There is no picture of ${entry.text} on this page: it would be too large. Its steps can be walked.`);
    else state.open(entry.opens);
    return;
  }
  if (kind === "box" && entry.kind === "operation") {
    const back = state.place.back || state.moment === state.n;
    state.go(back && state.place.step === entry.step && state.data.differentiated ? 2 * state.n + 1 - entry.step : entry.step);
    return;
  }
  if (kind === "box" && entry.kind === "reference") {
    if (entry.refers) follow(entry.refers);
    else if (!picture.reach(entry.label)) editing.focus(entry.label);
    return;
  }
  if (kind === "box" && entry.kind === "argument" && (embedded ? tell({ argument: entry.label }) : editing.focus(entry.label))) return;
  detail.open({ ...entry, name: entry.name || entry.text });
}

/** Go where a line leads that is not drawn whole; of several ends to the next one, each time.
 * @param {number[]} steps */
function follow(steps) {
  const { step, back } = state.place;
  const next = steps[(steps.indexOf(step) + 1) % steps.length];
  state.go(back ? 2 * state.n + 1 - next : next);
}

const picture = new Picture(state, choose);
new Walk(state);

/** @param {string} text */
function say(text) {
  /** @type {any} */ (document.getElementById("sentence")).textContent = text;
}

const path = /** @type {HTMLElement} */ (document.getElementById("path"));

/** Say where in the graph the picture is, with the way back. */
function breadcrumb() {
  const { views } = state.data;
  if (views.length < 2) return;
  const chain = [];
  for (let view = state.view; view !== null && view !== undefined; view = views[view].parent) chain.unshift(view);
  const items = chain.map((view, i) => {
    const label = html("bdi", {}, views[view].name);
    if (i === chain.length - 1) return html("li", { "aria-current": "location" }, label);
    const button = html("button", { type: "button" }, label);
    button.addEventListener("click", () => state.open(view));
    return html("li", {}, button);
  });
  path.hidden = false;
  path.replaceChildren(html("ol", {}, ...items));
}
state.listeners.push((what) => what === "view" && breadcrumb());
breadcrumb();

const offer = /** @type {HTMLElement} */ (document.getElementById("offer"));

/** Where the step is inside a group, or elsewhere, offer to go there. */
function offers() {
  const { step } = state.place, { views } = state.data, here = views[state.view];
  const box = step ? here.boxes.find((/** @type {any} */ b) => b.step === step || (b.inside && b.inside[0] <= step && step <= b.inside[1])) : null;
  let target = box?.opens;
  let label = box ? `Open ${box.text}` : "";
  if (step && !box && here.parent !== null) {
    for (target = here.parent; views[target].parent !== null && !(views[target].steps[0] <= step && step <= views[target].steps[1]); ) target = views[target].parent;
    label = `Step (${step}) is in ${views[target].name}: go there`;
  }
  offer.hidden = target === undefined;
  offer.replaceChildren();
  if (target === undefined) return;
  const button = html("button", { type: "button" }, html("bdi", {}, label));
  button.addEventListener("click", () => state.open(/** @type {number} */ (target)));
  offer.append(button);
}
state.listeners.push(offers);
offers();
document.addEventListener("keydown", (event) => {
  const parent = state.data.views[state.view].parent;
  if (event.key === "Escape" && parent !== null && parent !== undefined) state.open(parent);
});
if (place.has("end") || embedded) state.go(Number(place.get("of")) === state.last ? Number(place.get("step")) : state.last);
if (embedded) {
  document.documentElement.dataset.embedded = "";
  document.getElementById("tools")?.append(/** @type {any} */ (document.getElementById("help-open")));
  const report = () => tell({ step: state.moment, of: state.last, scroll: Math.round(window.scrollY) });
  state.listeners.push((what) => what === "moment" && report());
  window.addEventListener("scroll", report, { passive: true });
  window.scrollTo(0, Number(place.get("scroll")));
}
document.documentElement.dataset.ready = "";

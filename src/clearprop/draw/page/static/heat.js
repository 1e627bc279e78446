// @ts-check
// One value closely: heat maps of it and of its derivative, histograms, extremes, and its zeros.
import { unpacked } from "./arrays.js";
import { number, shapeText, summary } from "./numbers.js";
import { numbers } from "./panel.js";
import { html, name } from "./text.js";

const WIDE = 288, CELL = 26; // pixels: the widest map, and the largest cell
const POWER = 0.8; // as in look.py
const ODD = [200, 0, 160];

/** Give the colours of numbers from -1 to 1, as the page's palette has them: a function of one number.
 * @returns {(t: number) => number[]} */
export function scale() {
  const style = getComputedStyle(document.documentElement);
  const [low, zero, high] = ["--low", "--zero", "--high"].map((name) => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
  });
  return (t) => {
    if (Number.isNaN(t)) return ODD;
    const end = t < 0 ? low : high, part = Math.min(Math.abs(t), 1) ** POWER;
    return zero.map((from, i) => Math.round(from + (end[i] - from) * part));
  };
}

export class Detail {
  /** @param {import("./state.js").State} state */
  constructor(state) {
    this.state = state;
    this.place = /** @type {HTMLElement} */ (document.getElementById("detail"));
    this.entry = null;
    this.opener = null;
    state.listeners.push((what) => this.entry && what !== "view" && this.show());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.entry && this.show());
    this.place.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.close();
      event.stopPropagation();
    });
  }

  /** @param {any} entry */
  open(entry) {
    this.opener = /** @type {any} */ (document.activeElement);
    this.entry = entry;
    this.show();
    this.place.focus({ preventScroll: true });
    this.place.scrollIntoView?.({ block: "nearest" });
  }

  close() {
    this.entry = null;
    this.place.hidden = true;
    if (this.opener?.isConnected) this.opener.focus({ preventScroll: true });
  }

  show() {
    const entry = /** @type {any} */ (this.entry);
    const { moment } = this.state;
    const close = html("button", { type: "button", class: "close", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => this.close());
    const parts = [html("h2", {}, name(entry.name || "value"), close)];
    const both = html("div", { class: "sides" });
    const there = (/** @type {number|undefined} */ from) => from === undefined || from <= moment;
    both.append(this.side("value", entry.v, there(entry.from)));
    if (typeof entry.d === "number" && entry.d >= 0) both.append(this.side("derivative", entry.d, there(entry.back)));
    parts.push(both);
    this.place.replaceChildren(...parts);
    this.place.hidden = false;
  }

  /** @param {string} what @param {number} quantity @param {boolean} there */
  side(what, quantity, there) {
    const made = html("div", { class: `side ${what}` }, html("h3", {}, what));
    if (!(quantity >= 0)) made.append(html("p", { class: "pending" }, "not kept"));
    else if (!there) made.append(html("p", { class: "pending" }, "not computed"));
    else made.append(...this.about(what, quantity));
    return made;
  }

  /** @param {string} what @param {number} quantity */
  about(what, quantity) {
    const array = this.state.quantity(quantity);
    if (!array.s.length) return [html("p", {}, numbers(array))];
    const size = array.s.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
    const made = [html("p", {}, `${shapeText(array.s)} ${array.d === "float64" ? "" : `${array.d} `}${summary(array)}`)];
    if (!size) return made;
    made.push(this.map(what, array), ...this.extremes(array, size));
    made.push(this.histogram(array));
    if (what === "derivative") made.push(...this.zeros(array, size));
    return made;
  }

  /** @param {string} what @param {any} array */
  map(what, array) {
    const found = cells(array);
    if (!found) return html("p", { class: "note" }, "This page has no room for the colours of this array: only what is said here of it.");
    const { rows, columns, x, step } = found;
    const largest = Math.max(Math.abs(array.n.min ?? 0), Math.abs(array.n.max ?? 0)) || 1;
    const cell = Math.max(Math.min(Math.floor(WIDE / columns), CELL), 1);
    const canvas = html("canvas", { width: columns, height: rows, tabindex: "0", role: "img", "data-keys": "" });
    canvas.setAttribute("aria-label", `Heat map of the ${what}, ${rows} rows of ${columns}. Arrow keys read single elements.`);
    canvas.style.width = `${Math.min(columns * cell, Math.max(WIDE, 1))}px`;
    canvas.style.height = `${Math.min(Math.max(rows * Math.min(cell, CELL), 8), 360)}px`;
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows), colour = scale();
    x.forEach((/** @type {number} */ v, /** @type {number} */ i) => image.data.set([...colour(Number.isFinite(v) ? v / largest : NaN), 255], 4 * i));
    context.putImageData(image, 0, 0);
    const told = html("p", { class: "told", "aria-live": "polite" }, "");
    let at = 0;
    const tell = (/** @type {number} */ i) => {
      at = i;
      const [r, c] = [Math.floor(i / columns) * step[0], (i % columns) * step[1]];
      told.textContent = `[${indexOf(array.s, r, c).join(", ")}] = ${number(x[i], array.d, found.exact ? 6 : 4)}`;
    };
    canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      const box = canvas.getBoundingClientRect();
      const c = Math.min(Math.floor(((event.clientX - box.left) / box.width) * columns), columns - 1);
      const r = Math.min(Math.floor(((event.clientY - box.top) / box.height) * rows), rows - 1);
      if (c >= 0 && r >= 0) tell(r * columns + c);
    });
    canvas.addEventListener("focus", () => tell(at));
    canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const r = Math.floor(at / columns), c = at % columns;
      const next = { ArrowLeft: [r, c - 1], ArrowRight: [r, c + 1], ArrowUp: [r - 1, c], ArrowDown: [r + 1, c] }[event.key];
      if (!next) return;
      event.preventDefault();
      if (next[0] >= 0 && next[0] < rows && next[1] >= 0 && next[1] < columns) tell(next[0] * columns + next[1]);
    });
    const made = html("div", { class: "map" }, canvas, this.legend(largest, array.d), told);
    if (step[0] > 1 || step[1] > 1) made.append(html("p", { class: "note" }, `Sampled: ${every(step[0], "row")} and ${every(step[1], "column")} is coloured. The numbers beside it are of all elements.`));
    if (array.s.length > 2) made.append(html("p", { class: "note" }, "The last axis goes to the right, all others down."));
    return made;
  }

  /** @param {number} largest @param {string} d */
  legend(largest, d) {
    const canvas = html("canvas", { width: 65, height: 1, class: "bar", "aria-hidden": "true" });
    const context = canvas.getContext("2d"), colour = scale();
    for (let i = 0; i < 65; i++) {
      context.fillStyle = `rgb(${colour(i / 32 - 1).join(" ")})`;
      context.fillRect(i, 0, 1, 1);
    }
    const text = (/** @type {number} */ v) => html("span", {}, number(v, d === "bool" ? "int64" : d, 3));
    return html("div", { class: "legend" }, canvas, html("div", { class: "ticks" }, text(-largest), text(0), text(largest)));
  }

  /** @param {any} array @param {number} size */
  extremes(array, size) {
    if (array.n.min === undefined) return [];
    const place = (/** @type {number} */ i) => `[${unravelled(i, array.s).join(", ")}]`;
    const said = [`smallest ${number(array.n.min, array.d)} at ${place(array.n.at[0])}`, `largest ${number(array.n.max, array.d)} at ${place(array.n.at[1])}`];
    if (array.n.zeros) said.push(`${array.n.zeros} of ${size} are 0`);
    if (array.n.odd) said.push(`${array.n.odd} not finite`);
    return [html("ul", { class: "extremes" }, ...said.map((text) => html("li", {}, text)))];
  }

  /** @param {any} array */
  histogram(array) {
    const { hist, min, max } = array.n;
    if (!hist || hist.length < 2) return "";
    const most = Math.max(...hist);
    const bars = hist.map((/** @type {number} */ n) => {
      const bar = html("span", {});
      bar.style.height = `${n ? Math.max((n / most) * 100, 3) : 0}%`;
      return bar;
    });
    const chart = html("div", { class: "bars", role: "img", "aria-label": `Histogram from ${number(min, array.d, 3)} to ${number(max, array.d, 3)}; the fullest bin has ${most} elements.` }, ...bars);
    return html("div", { class: "histogram" }, chart, html("div", { class: "ticks" }, html("span", {}, number(min, array.d, 3)), html("span", {}, number(max, array.d, 3))));
  }

  /** Say which units are dead, and where their gradient stopped. @param {any} array @param {number} size */
  zeros(array, size) {
    if (!array.n.zeros) return [];
    const share = (/** @type {number} */ part, /** @type {number} */ all) => (part && 200 * part < all ? "less than 1" : Math.round((100 * part) / all));
    const known = this.state.computed ? null : this.state.data.zeros[/** @type {any} */ (this.entry).v];
    const where = known ? "here is where their gradient stopped" : "no gradient reaches them";
    const rows = array.s.length > 1 ? size / array.s[array.s.length - 1] : 1;
    const made = [];
    if (rows < 2) {
      made.push(html("p", { class: "dead" }, `${share(array.n.zeros, size)} % of these units are dead: ${where}.`));
    } else if (array.n.dead) {
      const all = array.s[array.s.length - 1];
      made.push(html("p", { class: "dead" }, `${share(array.n.dead, all)} % of these units are dead, ${array.n.dead} of ${all}: 0 in every row. ${known ? "Here is where their gradient stopped." : ""}`));
    } else {
      made.push(html("p", { class: "dead" }, `${share(array.n.zeros, size)} % of these elements have the derivative 0: ${where}.`));
    }
    if (this.state.computed) {
      made.push(html("p", { class: "note" }, "Where a gradient stopped is explained for the numbers that the page was made with."));
    } else if (known) {
      const items = known.paths.map((/** @type {any} */ path) => {
        const item = html("li", {}, html("bdi", {}, path.names.join(" → ")), `: ${path.why}${path.line ? `, line ${path.line}` : ""} `);
        const step = path.steps[path.steps.length - 1];
        if (step) {
          const go = html("button", { type: "button" }, `to step (${step})`);
          go.addEventListener("click", () => this.state.go(2 * this.state.n + 1 - step));
          item.append(go);
        }
        return item;
      });
      if (known.more) items.push(html("li", {}, `and ${known.more} more`));
      made.push(html("ul", { class: "paths" }, ...items));
    }
    return made;
  }
}

/** @param {number} n @param {string} what */
const every = (n, what) => `every ${["", "", "second ", "third "][n] ?? `${n}th `}${what}`;

/** Give the cells of a heat map: all of a small array, a part of a large one. @param {any} array */
function cells(array) {
  if (array.x) {
    const columns = array.s[array.s.length - 1] || 1;
    const rows = array.x.length / columns;
    const step = [Math.ceil(rows / 256), Math.ceil(columns / 512)];
    if (step[0] === 1 && step[1] === 1) return { rows, columns, x: array.x, step, exact: true };
    const x = [];
    for (let r = 0; r < rows; r += step[0]) for (let c = 0; c < columns; c += step[1]) x.push(array.x[r * columns + c]);
    return { rows: Math.ceil(rows / step[0]), columns: Math.ceil(columns / step[1]), x, step, exact: true };
  }
  if (!array.h) return null;
  return { rows: array.h.s[0], columns: array.h.s[1], x: unpacked(array.h.b, "f4"), step: array.h.e, exact: false };
}

/** @param {number[]} shape @param {number} row @param {number} column */
function indexOf(shape, row, column) {
  return shape.length === 1 ? [column] : [...unravelled(row, shape.slice(0, -1)), column];
}

/** @param {number} i @param {number[]} shape @returns {number[]} */
function unravelled(i, shape) {
  const found = [];
  for (let k = shape.length - 1; k >= 0; k--) {
    found.unshift(i % shape[k]);
    i = Math.floor(i / shape[k]);
  }
  return found;
}

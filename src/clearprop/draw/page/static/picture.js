// @ts-check
// The picture: what is there at a moment, what is lit, and moving about in it by keyboard.
import { describe } from "./numbers.js";
import { html, lineOf, svg, written } from "./text.js";
import { Zoom } from "./zoom.js";

const ABOVE = 5, BELOW = 12, LINE = 18, SLACK = 14; // pixels, as in draw/metrics.py
const PENDING = 62; // pixels that "not computed" takes

export class Picture {
  /** @param {import("./state.js").State} state @param {(what: "arrow" | "box", item: any) => void} choose */
  constructor(state, choose) {
    this.state = state;
    this.choose = choose;
    this.place = /** @type {HTMLElement} */ (document.getElementById("picture"));
    this.zoom = new Zoom(this.place);
    state.listeners.push((what) => this.follow(what));
    this.show();
  }

  /** @param {string} what */
  follow(what) {
    if (what === "view") this.show();
    else if (what === "numbers") this.rewrite();
    else this.move();
  }

  /** Put the picture of the present view on the page. */
  show() {
    const { data, view } = this.state;
    const template = /** @type {HTMLTemplateElement} */ (document.querySelector(`template[data-view="${view}"]`));
    this.svg = /** @type {any} */ (template.content.firstElementChild).cloneNode(true);
    this.svg.setAttribute("role", "group");
    this.svg.setAttribute("aria-label", `Graph of ${data.views[view].name}`);
    this.entry = data.views[view];
    /** @type {any[]} */
    this.items = [];
    /** @type {Map<number, any[]>} */
    this.appearing = new Map();
    this.groups = { arrow: [...this.svg.querySelectorAll("[data-arrow]")], box: [...this.svg.querySelectorAll("[data-box]")] };
    this.groups.arrow.forEach((group, i) => this.take("arrow", group, this.entry.arrows[i]));
    this.groups.box.forEach((group, i) => this.take("box", group, this.entry.boxes[i]));
    this.svg.querySelector("title")?.remove();
    this.explain();
    this.at = 0;
    this.there = -1;
    this.lit = [];
    this.place.replaceChildren(this.svg);
    this.zoom.take(this.svg);
    this.svg.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.key(event));
    this.svg.addEventListener("focusin", (/** @type {any} */ event) => this.focused(event.target));
    if (this.items.length) this.items[0].group.setAttribute("tabindex", "0");
    if (this.state.computed) this.rewrite();
    this.move();
  }

  /** Take the lines that say how to read it out of the picture: they stay where they are read, and in size. */
  explain() {
    const legend = /** @type {any} */ (document.getElementById("legend"));
    const drawn = [...this.svg.querySelectorAll(":scope > g > :not(g)")];
    legend.hidden = !this.items?.length || !drawn.length;
    if (legend.hidden) return;
    const rows = [];
    let sign = null;
    for (const part of drawn) {
      part.remove();
      if (part.localName !== "text") {
        if (part.matches(".line")) sign = html("b", { class: "forward", "aria-hidden": "true" }, "→");
        else if (part.matches(".back")) sign = html("b", { class: "backward", "aria-hidden": "true" }, "⇠");
        else sign ??= html("b", { "aria-hidden": "true" }, "•");
        continue;
      }
      rows.push(html("li", {}, ...(sign ? [sign] : []), part.textContent));
      sign = null;
    }
    legend.replaceChildren(...rows);
    const top = Number(drawn.find((part) => part.localName === "text").getAttribute("y")) - LINE + 2;
    const [x, y, width] = this.svg.getAttribute("viewBox").split(" ");
    this.svg.setAttribute("viewBox", `${x} ${y} ${width} ${top}`); // as much below the boxes as above them
  }

  /** Make a box or an arrow something to be reached and chosen.
   * @param {"arrow" | "box"} kind @param {any} group @param {any} entry */
  take(kind, group, entry) {
    for (const side of ["above", "below"]) this.pend(kind, group, entry, side);
    if (kind === "arrow") group.querySelector(":scope > title")?.remove();
    const leads = entry.kind === "reference" && (entry.refers || entry.label);
    const silent = kind === "arrow" ? entry.v === undefined : !leads && ["junction", "constant", "unused", "reference"].includes(entry.kind);
    if (silent) return;
    if (kind === "arrow" && entry.at) { // between the texts is the arrow, too
      const [x, y, width, above, below] = entry.at;
      group.prepend(svg("rect", { class: "hit", x: x - width / 2, y: y - above, width, height: above + below }));
    }
    group.setAttribute("role", "button");
    group.setAttribute("tabindex", "-1");
    const item = { kind, group, entry, i: this.items.length };
    group.setAttribute("aria-label", this.label(item));
    group.addEventListener("click", () => !this.zoom.dragged && this.choose(kind, entry));
    this.items.push(item);
  }

  /** Let a number wait for its moment. @param {string} kind @param {any} group @param {any} entry @param {string} side */
  pend(kind, group, entry, side) {
    const part = group.querySelector(`:scope > .${side}`);
    const moment = side === "above" ? entry.from : entry.back;
    if (!part || !moment || entry.at === undefined) return;
    const [x, y, width] = entry.at;
    let height = side === "above" ? y - ABOVE - 4 : y + BELOW + 10;
    if (kind === "box") height = Number(part.querySelector("text").getAttribute("y"));
    const text = svg("text", { x, y: height, class: "pending" }, width >= PENDING ? "not computed" : "…");
    part.before(text);
    part.classList.add("waiting");
    const list = this.appearing?.get(moment) ?? [];
    list.push([part, text]);
    this.appearing?.set(moment, list);
  }

  /** Go to the present moment: only what changes between the two is touched. */
  move() {
    const { moment, place } = this.state;
    const [low, high] = [Math.min(this.there, moment), Math.max(this.there, moment)];
    for (let t = low + 1; t <= high; t++) {
      for (const [part, text] of this.appearing?.get(t) ?? []) {
        part.classList.toggle("waiting", t > moment);
        text.classList.toggle("gone", t <= moment);
      }
    }
    this.there = moment;
    for (const group of this.lit ?? []) group.classList.remove("lit", "lit-back");
    const look = place.back ? "lit-back" : "lit";
    const box = place.step ? this.boxOf(place.step) : -1;
    this.lit = [];
    if (box >= 0) {
      this.lit.push(this.groups.box[box]);
      this.entry.arrows.forEach((/** @type {any} */ arrow, /** @type {number} */ i) => {
        if (arrow.t === box || arrow.s === box) this.lit.push(this.groups.arrow[i]);
      });
      for (const group of this.lit) group.classList.add(look);
      const [x, y, width, above, below] = this.entry.boxes[box].at;
      this.zoom.reveal(x + 16 - width / 2, y + 16 - above, width, above + below);
    } else {
      this.zoom.start();
    }
  }

  /** Which box stands for a step: its own, or the group that it is in. @param {number} step */
  boxOf(step) {
    return this.entry.boxes.findIndex((/** @type {any} */ box) => box.step === step || (box.inside && box.inside[0] <= step && step <= box.inside[1]));
  }

  /** Write all numbers anew. */
  rewrite() {
    for (const { kind, group, entry } of this.items) {
      if (kind === "arrow" && entry.at) this.rewriteArrow(group, entry);
      else if (kind === "box" && entry.shown) this.rewriteBox(group, entry);
    }
  }

  /** @param {any} group @param {any} entry */
  rewriteArrow(group, entry) {
    const [x, y, width] = entry.at;
    const room = width + SLACK;
    const above = group.querySelector(":scope > .above"), below = group.querySelector(":scope > .below");
    if (above && entry.v >= 0) {
      above.replaceChildren(...written(describe(this.state.quantity(entry.v)), "", { x, bottom: y - ABOVE, room }));
    }
    if (below && entry.d >= 0) {
      const kept = [...below.children].filter((c) => c.matches("path.back, path.backhead"));
      const shown = describe(this.state.quantity(entry.d), false);
      below.replaceChildren(...kept, ...written(shown, "derivative", { x, top: y + BELOW, room }));
    }
  }

  /** @param {any} group @param {any} entry */
  rewriteBox(group, entry) {
    const [x, y, width, above] = entry.at;
    const [value, sum] = ["above", "below"].map((side) => group.querySelectorAll(`:scope > .${side}`));
    let top = y - above + 6 + LINE;
    if (entry.shown[0] && value.length && entry.v >= 0) {
      const shown = describe(this.state.quantity(entry.v));
      value[0].replaceChildren(...written(shown, "", { x, top, room: width - 8 }));
      top += LINE * shown.rows.length;
    }
    if (entry.shown[1] && sum.length && entry.d >= 0) {
      const shown = describe(this.state.quantity(entry.d), false);
      const text = shown.matrix ? shown : { rows: [[`sum ${lineOf(shown)}`]], matrix: false };
      sum[sum.length - 1].replaceChildren(...written(text, "derivative", { x, top: top + (shown.matrix ? LINE : 0), room: width - 8 }));
    }
  }

  /** Say what a box or an arrow is, with the numbers that are there. @param {any} item @returns {string} */
  label({ kind, entry }) {
    const { state } = this;
    if (kind === "box") {
      if (entry.kind === "group") return `group ${entry.text}, steps (${entry.inside[0]}) to (${entry.inside[1]})${entry.opens === undefined ? "" : ", Enter opens it"}`;
      if (entry.kind === "reference") return `line to ${entry.label ?? entry.refers.map((/** @type {number} */ n) => `step ${n}`).join(", ")}, Enter goes ${entry.refers?.length > 1 ? "to the next of them" : "there"}`;
      if (entry.kind === "operation") return `step ${entry.step}, ${entry.hint || entry.text}`;
      const what = entry.kind === "argument" ? "argument" : entry.kind;
      return `${what} ${entry.text}${this.numbers(entry)}`;
    }
    const ends = [entry.s, entry.t].map((i) => {
      const box = state.data.views[state.view].boxes[i];
      return box.step ? `(${box.step})` : box.text || "junction";
    });
    return `${entry.name ? `${entry.name}, ` : ""}from ${ends[0]} to ${ends[1]}${this.numbers(entry)}`;
  }

  /** @param {any} entry @returns {string} */
  numbers(entry) {
    const { state } = this;
    const value = entry.from === undefined ? "" : entry.from <= state.moment && entry.v >= 0 ? `: ${lineOf(describe(state.quantity(entry.v)))}` : ": not computed";
    if (entry.state === "no derivative") return `${value}; no derivative`;
    if (entry.back === undefined || (!entry.state && entry.d === undefined)) return value;
    if (entry.back > state.moment || entry.state === "not computed") return `${value}; derivative not computed`;
    return `${value}; derivative ${entry.d >= 0 ? lineOf(describe(state.quantity(entry.d), false)) : "0, no path"}`;
  }

  /** @param {any} target */
  focused(target) {
    const item = this.items?.find((one) => one.group === target);
    if (!item) return;
    this.items?.[this.at ?? 0].group.setAttribute("tabindex", "-1");
    this.at = item.i;
    item.group.setAttribute("tabindex", "0");
    item.group.setAttribute("aria-label", this.label(item));
    const [x, y, width, above = 20, below = 20] = item.entry.at ?? [0, 0, 0];
    this.zoom.reveal(x + 16 - width / 2, y + 16 - above, width, above + below);
  }

  /** Go to the box of an argument; false where it is not in this picture. @param {string} label */
  reach(label) {
    const item = this.items?.find((one) => one.kind === "box" && one.entry.kind === "argument" && one.entry.label === label);
    item?.group.focus({ preventScroll: true });
    return item !== undefined;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const item = this.items?.[this.at ?? 0];
    if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter") {
      this.choose(item.kind, item.entry);
    } else if (event.key.startsWith("Arrow")) {
      this.neighbour(item, event.key.slice(5))?.group.focus({ preventScroll: true });
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** Find what lies next in a direction: near, and rather straight ahead. @param {any} item @param {string} way */
  neighbour(item, way) {
    const [x, y] = item.entry.at ?? [0, 0];
    const level = way === "Left" || way === "Right";
    const sign = way === "Left" || way === "Up" ? -1 : 1;
    let best = null, least = Infinity;
    for (const other of this.items ?? []) {
      if (other === item || !other.entry.at) continue;
      const [along, across] = level ? [other.entry.at[0] - x, other.entry.at[1] - y] : [other.entry.at[1] - y, other.entry.at[0] - x];
      if (along * sign < 1) continue;
      const far = along * sign + 2.5 * Math.abs(across);
      if (far < least) [best, least] = [other, far];
    }
    return best;
  }
}

// @ts-check
// What the page knows and where the reader is. Whoever shows something listens.
import { read, withStatistics } from "./arrays.js";
import { Program } from "./program.js";

export class State {
  /** @param {any} data */
  constructor(data) {
    this.data = data;
    this.n = data.steps.length;
    this.last = data.differentiated ? Math.max(2 * this.n, 1) : this.n; // without a step the derivative of the result is still to come
    this.moment = 0;
    this.view = 0;
    this.program = new Program(data.program);
    this.given = this.program.given();
    /** @type {Map<string, any>} */
    this.leaves = new Map(this.given);
    this.changed = false;
    /** @type {Map<number, any>} */
    this.arrays = new Map();
    /** @type {any[] | null} */
    this.computed = null;
    /** @type {((what: "moment" | "view" | "numbers") => void)[]} */
    this.listeners = [];
  }

  /** @param {"moment" | "view" | "numbers"} what */
  tell(what) {
    for (const listener of this.listeners) listener(what);
  }

  /** @param {number} moment */
  go(moment) {
    const next = Math.max(0, Math.min(this.last, moment));
    if (next === this.moment) return;
    this.moment = next;
    this.tell("moment");
  }

  /** @param {number} view */
  open(view) {
    this.view = view;
    this.tell("view");
  }

  /** Which step is lit, and in which direction. @returns {{step: number, back: boolean}} */
  get place() {
    if (this.moment <= this.n) return { step: this.moment, back: false };
    return { step: 2 * this.n + 1 - this.moment, back: true };
  }

  /** Give the array of a quantity. @param {number} quantity */
  quantity(quantity) {
    if (this.computed) return withStatistics(this.computed[quantity]);
    const entry = this.data.quantities[quantity];
    let found = this.arrays.get(entry);
    if (!found) this.arrays.set(entry, (found = withStatistics(read(this.data.arrays[entry]))));
    return found;
  }

  /** Change an argument; everything follows. @param {string} label @param {any} value */
  change(label, value) {
    this.leaves.set(label, value);
    this.computed = this.program.run(this.leaves);
    this.changed = true;
    this.tell("numbers");
  }

  /** Take the arguments as they were. */
  reset() {
    this.leaves = new Map(this.given);
    this.computed = null;
    this.changed = false;
    this.tell("numbers");
  }
}

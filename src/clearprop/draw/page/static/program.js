// @ts-check
// The recorded program: forward and backward pass, step by step, on the numbers that are given.
import { read } from "./arrays.js";
import { ELEMENTWISE, each } from "./elementwise.js";
import { OPERATIONS } from "./operations.js";

export class Program {
  /** @param {any} data what the page has; `why` says why there is no program */
  constructor(data) {
    /** @type {string} why its arguments cannot be changed, or nothing */
    this.why = data.why ?? "";
    if (this.why) return;
    this.code = data.code;
    this.leaves = data.leaves;
    this.shows = data.shows;
    this.start = data.registers;
    const lacking = new Set(data.code.map((/** @type {any} */ step) => step.o).filter((/** @type {string} */ o) => !(o in ELEMENTWISE) && !(o in OPERATIONS)));
    const wide = new Set(data.code.map((/** @type {any} */ step) => step.d).filter((/** @type {string} */ d) => d === "float16" || d === "longdouble"));
    if (lacking.size) this.why = `A page cannot compute ${[...lacking].join(", ")}.`;
    else if (wide.size) this.why = `A page cannot compute in ${[...wide].join(", ")}.`;
  }

  /** Give the arguments as they were. @returns {Map<string, any>} */
  given() {
    return new Map((this.leaves ?? []).map((/** @type {any} */ leaf) => [leaf.label, read(this.start[leaf.r])]));
  }

  /** Compute everything. @param {Map<string, any>} leaves by label @returns {any[]} for each quantity its array */
  run(leaves) {
    const registers = this.start.map((/** @type {any} */ entry) => (entry === null ? null : read(entry)));
    for (const leaf of this.leaves) registers[leaf.r] = leaves.get(leaf.label) ?? registers[leaf.r];
    for (const step of this.code) {
      const inputs = step.i.map((/** @type {number} */ r) => registers[r]);
      const d = step.d ?? "float64";
      const f = ELEMENTWISE[step.o];
      registers[step.r] = f ? each(d, f, ...inputs) : OPERATIONS[step.o](inputs, { a: step.a ?? {}, s: step.s, d });
    }
    return this.shows.map((/** @type {number} */ r) => registers[r]);
  }
}

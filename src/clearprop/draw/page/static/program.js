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
    const first = (/** @type {(step: any) => boolean} */ f) => data.code.find((/** @type {any} */ s) => s.of && !s.back && f(s)) ?? data.code.find(f);
    const lacking = first((step) => !(step.o in ELEMENTWISE) && !(step.o in OPERATIONS));
    const wide = first((step) => step.d === "float16" || step.d === "longdouble");
    if (lacking) this.why = `A page cannot compute ${lacking.o}${where(lacking)}; what comes after it would not follow.`;
    else if (wide) this.why = `A page cannot compute in ${wide.d}, as ${wide.o} does${where(wide)}.`;
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

/** Say which step of the picture a step of the program belongs to. @param {any} step @returns {string} */
function where({ of, back }) {
  if (!of) return "";
  return back ? `, which step (${of}) needs backward` : `, step (${of})`;
}

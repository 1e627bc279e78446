// @ts-check
// The panel: the rule as mathematics, upstream × local = downstream with its numbers, and sums.
import { number, summary } from "./numbers.js";
import { NAME, counted, formula, html, name, spoken } from "./text.js";

const LARGEST = 6; // a matrix with longer axes is shown by shape, mean ± spread and one corner
const CORNER = 4;
const ARRIVING = '<math><mrow><mover><mi>y</mi><mo stretchy="true">¯</mo></mover></mrow></math>';

/** Show an array as numbers: one, a matrix, or what is known of a large one.
 * @param {any} value @returns {any} */
export function numbers(value) {
  const { s, d, x } = value;
  if (!s.length) return html("span", { class: "number" }, number(x[0], d));
  const columns = s[s.length - 1] || 0;
  const rows = columns ? s.slice(0, -1).reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1) : 0;
  if (x && s.length <= 2 && columns && columns <= LARGEST && rows && rows <= LARGEST) return matrix(slice(x, rows, columns, columns), d);
  const corner = value.c ?? (x ? slice(x, Math.min(rows, CORNER), Math.min(columns, CORNER), columns) : []);
  const made = html("span", { class: "large" }, html("span", {}, `(${s.join(", ")}${s.length === 1 ? "," : ""}) ${summary(value)}`));
  if (corner.length && corner[0].length) made.append(matrix(corner, d, rows > corner.length, columns > corner[0].length));
  return made;
}

/** @param {Float64Array} x @param {number} rows @param {number} columns @param {number} width */
function slice(x, rows, columns, width) {
  return Array.from({ length: rows }, (_, i) => Array.from(x.slice(i * width, i * width + columns)));
}

/** @param {number[][]} rows @param {string} d @param {boolean} [below] @param {boolean} [right] */
function matrix(rows, d, below = false, right = false) {
  const made = html("span", { class: "matrix" });
  for (const row of rows) {
    const cells = row.map((v) => html("span", {}, number(v, d, 4)));
    if (right) cells.push(html("span", {}, "…"));
    made.append(...cells);
  }
  const columns = rows[0].length + (right ? 1 : 0);
  if (below) for (let j = 0; j < columns; j++) made.append(html("span", {}, "⋮"));
  made.style.setProperty("--columns", String(columns));
  return made;
}

/** @param {any} value a matrix, or what is known of a large one */
function transposed(value) {
  const [rows, columns] = value.s;
  const turned = { ...value, s: [columns, rows] };
  if (value.x) turned.x = value.x.map((/** @type {any} */ _, /** @type {number} */ i) => value.x[(i % rows) * columns + Math.floor(i / rows)]);
  if (value.c) turned.c = value.c[0].map((/** @type {any} */ _, /** @type {number} */ j) => value.c.map((/** @type {number[]} */ row) => row[j]));
  return turned;
}

export class Panel {
  /** @param {import("./state.js").State} state @param {(entry: any) => void} open shows one value in detail */
  constructor(state, open) {
    this.state = state;
    this.open = open;
    this.place = /** @type {HTMLElement} */ (document.getElementById("panel"));
    state.listeners.push(() => this.show());
    this.show();
  }

  show() {
    const { step, back } = this.state.place;
    if (!step) return this.place.replaceChildren(...this.before());
    const entry = this.state.data.steps[step - 1];
    const operation = this.state.data.operations[entry.op];
    const title = html("h2", {}, html("span", { class: back ? "way back" : "way" }, `(${step}) ${back ? "backward" : "forward"}`), " ", operation.symbol);
    this.place.replaceChildren(title, ...(back ? this.backward(entry, operation) : this.forward(entry, operation)));
  }

  before() {
    const { data, n } = this.state;
    const computed = n ? `Step on, and ${data.name} is computed in ${counted(n)}.` : "";
    let then = "Then the derivatives come back, last step first.";
    if (data.constant) then = "There are no derivatives: the result depends on no argument of real numbers.";
    else if (!data.differentiated) then = "Derivatives are not computed: graph.backward() computes them.";
    else if (!n) then = "The result is an argument itself.";
    return [html("h2", {}, "Start"), html("p", {}, `${computed} ${then}`.trim())];
  }

  /** @param {any} entry @param {any} operation */
  forward(entry, operation) {
    const made = [];
    if (operation.formula) made.push(html("p", { class: "rule" }, spoken(operation.formula, this.names(entry, operation))));
    const rows = entry.in.map((/** @type {any} */ operand, /** @type {number} */ i) =>
      this.row(this.letter(operation, i), operand, operand.v, operand.text));
    for (const out of entry.out) rows.push(this.row("y", out, out.v, undefined, "result"));
    made.push(html("dl", { class: "operands" }, ...rows.flat()));
    if (operation.why) made.push(html("p", { class: "note" }, `It has no derivative: ${operation.why}.`));
    return made;
  }

  /** @param {any} letter @param {any} operand @param {number} quantity @param {string} [text] @param {string} [look] */
  row(letter, operand, quantity, text, look = "") {
    const what = html("dt", { class: look }, typeof letter === "string" ? html("i", {}, letter) : letter);
    if (operand.name) what.append(" = ", name(operand.name));
    const value = text !== undefined ? text : quantity >= 0 ? this.value(quantity, operand) : "not kept";
    return [what, html("dd", { class: look }, value)];
  }

  /** The letter that the formulas have for an operand. @param {any} operation @param {number} i */
  letter(operation, i) {
    const { operands } = operation;
    return formula(operands[Math.min(i, operands.length - 1)]);
  }

  /** The letters of the formulas, each with what the reader calls it. @param {any} entry @param {any} operation @returns {[string, string][]} */
  names(entry, operation) {
    const { operands } = operation;
    if (entry.in.length > operands.length || entry.out.length > 1) return [];
    return [...entry.in.map((/** @type {any} */ o, /** @type {number} */ i) => [operands[i], o.text ?? o.name]), ["<mi>y</mi>", entry.out[0].name]];
  }

  /** Say what the letters stand for that no name could take the place of. @param {any} entry @param {any} operation */
  unnamed(entry, operation) {
    const said = this.names(entry, operation).filter(([, text]) => /^\(\d+\)/.test(text) || (!NAME.test(text) && !/^\d/.test(text)));
    if (said.length && said[said.length - 1][1] === entry.out[0].name) said.pop(); // it stands above
    if (!said.length) return [];
    const parts = said.flatMap(([letter, text], i) => [i ? ", " : "", formula(letter), " is ", name(text)]);
    return [html("p", { class: "note" }, ...parts)];
  }

  /** A number that can be looked at closely. @param {number} quantity @param {any} [operand] */
  value(quantity, operand) {
    const array = this.state.quantity(quantity);
    const shown = numbers(array);
    if (!operand || !array.s.length) return shown;
    const button = html("button", { type: "button", class: "look", "aria-label": `Look at ${operand.name ?? "it"} closely` }, "▦");
    button.addEventListener("click", () => this.open({ name: operand.name, v: operand.v, d: typeof operand.d === "number" ? operand.d : -1 }));
    return html("span", { class: "valued" }, shown, button);
  }

  /** @param {any} entry @param {any} operation */
  backward(entry, operation) {
    const made = [];
    const passed = entry.in.filter((/** @type {any} */ o) => typeof o.d === "number" && o.d >= 0);
    if (!passed.length) {
      const why = operation.why ? `It has no derivative: ${operation.why}.` : "No derivative goes on from here.";
      made.push(html("p", {}, entry.out.every((/** @type {any} */ o) => o.d === "no path") ? "No path leads from here to the result: nothing arrives, and nothing is passed back." : why));
      return made;
    }
    const arrives = entry.out.filter((/** @type {any} */ o) => typeof o.d === "number" && o.d >= 0);
    for (const out of arrives) {
      made.push(html("p", { class: "arrives" }, "arrives at ", name(out.name), ": ", spoken(ARRIVING, this.names(entry, operation)), " = ", this.value(out.d, out)));
    }
    made.push(...this.unnamed(entry, operation));
    const several = operation.operands.length;
    entry.in.forEach((/** @type {any} */ operand, /** @type {number} */ i) => {
      if (operand.text !== undefined || !(operand.d >= 0)) return;
      const part = html("div", { class: "passing" }, html("h3", {}, "to ", name(operand.name)));
      const rule = operation.rules[Math.min(i, several - 1)];
      if (rule) part.append(html("p", { class: "rule" }, spoken(rule, this.names(entry, operation))));
      part.append(this.product(arrives[0], operand, operation, entry));
      if (operand.meet !== undefined) part.append(this.meeting(this.state.data.meetings[operand.meet]));
      made.push(part);
    });
    return made;
  }

  /** Upstream × local = downstream. @param {any} up @param {any} operand @param {any} operation @param {any} entry */
  product(up, operand, operation, entry) {
    const piece = (/** @type {string} */ label, /** @type {any} */ node, look = "") =>
      html("div", { class: `piece ${look}` }, html("span", { class: "label" }, label), node);
    const sign = (/** @type {string} */ text) => html("span", { class: "sign" }, text);
    const parts = [];
    const other = up ? this.factor(operation, operand, entry) : null;
    if (other) {
      const local = piece(`local, ${other.name}ᵀ`, numbers(other.value));
      const upstream = piece("upstream", numbers(this.state.quantity(up.d)), "up");
      parts.push(...(other.first ? [local, sign("×"), upstream] : [upstream, sign("×"), local]), sign("="));
    } else if (up && operand.l >= 0) {
      parts.push(piece("upstream", numbers(this.state.quantity(up.d)), "up"), sign("×"), piece("local", numbers(this.state.quantity(operand.l))), sign("="));
    } else if (up) {
      parts.push(piece("upstream", numbers(this.state.quantity(up.d)), "up"), sign("→"));
    }
    parts.push(piece("downstream", this.value(operand.d, operand), "down"));
    const made = html("div", { class: "product" }, ...parts);
    if (!other && up && operand.l >= 0) {
      const [arrived, local, passed] = [up.d, operand.l, operand.d].map((q) => this.state.quantity(q).s.join());
      const notes = [];
      if (arrived !== local) notes.push("Each element of upstream goes to all the elements that it was computed from.");
      if (local !== passed) notes.push("Forward the operand was repeated to fit; backward the derivatives of its repetitions are added up.");
      if (notes.length) return html("div", {}, made, html("p", { class: "note" }, notes.join(" ")));
    }
    return made;
  }

  /** Of a product of two matrices the other one, transposed, and whether it comes first.
   * @param {any} operation @param {any} operand @param {any} entry */
  factor(operation, operand, entry) {
    if (operation.name !== "matmul") return null;
    const i = entry.in.indexOf(operand), other = entry.in[1 - i];
    if (!(other.v >= 0)) return null;
    const value = this.state.quantity(other.v);
    if (value.s.length !== 2 || this.state.quantity(operand.v).s.length !== 2) return null;
    return { name: other.name, first: i === 1, value: transposed(value) };
  }

  /** The sum where paths meet, as far as it is known by now. @param {any} meeting */
  meeting(meeting) {
    const { n, moment } = this.state;
    const parts = meeting.start === undefined ? [] : [{ from: "the result", q: meeting.start, there: true }];
    for (const [step, q] of meeting.parts) parts.push({ from: `(${step})`, q, there: 2 * n + 1 - step <= moment });
    const made = html("div", { class: "product meeting" });
    parts.forEach((part, i) => {
      if (i) made.append(html("span", { class: "sign" }, "+"));
      const shown = part.there ? numbers(this.state.quantity(part.q)) : html("span", { class: "pending" }, "not computed");
      made.append(html("div", { class: "piece" }, html("span", { class: "label" }, `from ${part.from}`), shown));
    });
    made.append(html("span", { class: "sign" }, "="));
    const all = parts.every((part) => part.there);
    made.append(html("div", { class: "piece down" }, html("span", { class: "label" }, "sum"), all ? numbers(this.state.quantity(meeting.d)) : html("span", { class: "pending" }, "not complete")));
    return html("div", {}, html("p", { class: "note" }, name(meeting.name), ` is used in ${parts.length} places: here its derivatives add up.`), made);
  }
}

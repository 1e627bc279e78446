// @ts-check
// The arguments: numbers and small matrices to be changed, and everything follows.
import { strides } from "./arrays.js";
import { general, shapeText } from "./numbers.js";
import { html, name } from "./text.js";

const MOST = 36; // elements of an argument that can be changed

export class Editing {
  /** @param {import("./state.js").State} state */
  constructor(state) {
    this.state = state;
    this.place = /** @type {HTMLElement} */ (document.getElementById("arguments"));
    /** @type {Map<string, any>} */
    this.fields = new Map();
    const parts = [html("h2", {}, "Arguments")];
    if (state.program.why) parts.push(html("p", { class: "note" }, `They cannot be changed here. ${state.program.why}`));
    else parts.push(...this.forms());
    this.told = html("p", { class: "note", role: "status" });
    parts.push(this.told);
    this.place.append(...parts);
  }

  forms() {
    const made = [];
    for (const [label, value] of this.state.given) made.push(this.form(label, value));
    this.reset = html("button", { type: "button", id: "reset" }, "as they were");
    this.reset.disabled = true;
    this.reset.addEventListener("click", () => this.back());
    made.push(this.reset);
    return made;
  }

  /** @param {string} label @param {any} value */
  form(label, value) {
    const editable = value.x.length > 0 && value.x.length <= MOST && value.d !== "bool";
    if (!editable) {
      return html("p", { class: "fixed" }, name(label), ` ${shapeText(value.s)} `, html("span", { class: "note" }, "too large to be changed here"));
    }
    const fields = Array.from(value.x, (v, i) => {
      const rows = value.s.slice(-2);
      const field = html("input", { type: "number", step: value.d.startsWith("float") ? "any" : "1", autocomplete: "off" });
      field.digits = value.s.length ? 4 : 6;
      field.classList.toggle("apart", value.s.length > 2 && i >= rows[0] * rows[1] && i % (rows[0] * rows[1]) < rows[1]);
      this.put(field, v);
      field.addEventListener("focus", () => {
        if (field.exact === undefined || field.value === String(field.exact)) return;
        field.value = String(field.exact);
        field.select();
      });
      field.addEventListener("blur", () => field.exact !== undefined && this.put(field, field.exact));
      field.setAttribute("aria-label", label + (value.s.length ? `[${at(i, value.s).join(", ")}]` : ""));
      field.addEventListener("input", () => {
        field.exact = undefined;
        this.changed(label, value);
      });
      return field;
    });
    this.fields.set(label, fields);
    const grid = html("div", { class: value.s.length ? "grid" : "single" }, ...fields);
    grid.style.setProperty("--columns", String(value.s[value.s.length - 1] ?? 1));
    if (value.s.length) {
      const title = html("summary", {}, name(label), ` ${shapeText(value.s)}`);
      return html("details", { open: this.state.given.size * value.x.length <= MOST }, title, grid);
    }
    return html("div", { class: "argument" }, html("span", { class: "label" }, name(label)), grid);
  }

  /** Write a number short, and keep all its digits. @param {any} field @param {number} v */
  put(field, v) {
    field.exact = v;
    field.value = field.placeholder = general(v, field.digits); // a field for numbers holds no nan: it stands behind it
  }

  /** @param {string} label @param {any} value */
  changed(label, value) {
    const fields = this.fields.get(label);
    let good = true;
    const x = Float64Array.from(fields, (/** @type {any} */ field) => {
      const v = field.exact ?? (field.value.trim() === "" ? NaN : Number(field.value));
      const bad = (field.exact === undefined && !Number.isFinite(v)) || (!value.d.startsWith("float") && !Number.isInteger(v));
      field.setAttribute("aria-invalid", String(bad));
      if (bad) good = false;
      return value.d === "float32" ? Math.fround(v) : v;
    });
    if (!good) {
      this.say("One field has no number yet; the page shows the last that was complete.");
      return;
    }
    try {
      this.state.change(label, { s: value.s, d: value.d, x });
      this.say("");
    } catch (error) {
      this.say(`This cannot be computed: ${error instanceof Error ? error.message : error}.`);
    }
    this.reset.disabled = false;
  }

  back() {
    for (const [label, fields] of this.fields) {
      const value = this.state.given.get(label);
      fields.forEach((/** @type {any} */ field, /** @type {number} */ i) => {
        this.put(field, value.x[i]);
        field.setAttribute("aria-invalid", "false");
      });
    }
    this.state.reset();
    this.reset.disabled = true;
    this.say("");
  }

  /** @param {string} text */
  say(text) {
    this.told.textContent = text;
  }

  /** Go to the fields of an argument; false where it has none. @param {string} label */
  focus(label) {
    const fields = this.fields.get(label);
    if (!fields) return false;
    const around = fields[0].closest("details");
    if (around) around.open = true;
    fields[0].focus();
    fields[0].select();
    return true;
  }
}

/** @param {number} i @param {number[]} shape */
function at(i, shape) {
  return strides(shape).map((step, k) => Math.floor(i / step) % shape[k]);
}

// @ts-check
// The user's function and the generated backward pass, side by side, with the lines of the step.
import { html, name } from "./text.js";

/** @param {any} listing */
function title(listing) {
  if (!listing.name) return "Your formula";
  return html("span", {}, "Your function ", name(listing.name), ", ", html("bdi", {}, listing.file));
}

export class Sources {
  /** @param {import("./state.js").State} state */
  constructor(state) {
    this.state = state;
    this.place = /** @type {HTMLElement} */ (document.getElementById("sources"));
    const { listings, generated } = state.data;
    this.own = listings.map((/** @type {any} */ one) => this.listing(title(one), one.lines, one.first));
    this.made = generated.text ? this.listing("The backward pass, written as NumPy", generated.text, 1) : null;
    this.note = html("p", { class: "note" });
    const right = this.made ? html("div", {}, this.made.figure, this.note) : html("div", {}, html("h2", {}, "The backward pass as NumPy"), html("p", { class: "note" }, `It cannot be written here. ${generated.why}`));
    this.left = html("div", {}, ...(this.own.length || !state.n ? [] : [html("p", { class: "note" }, "The text of the function cannot be read.")]));
    this.place.append(this.left, right);
    if (this.own.length) this.left.replaceChildren(this.own[0].figure);
    state.listeners.push((what) => what === "moment" && this.show());
    this.show();
  }

  /** @param {any} title @param {string[]} lines @param {number} first */
  listing(title, lines, first) {
    const rows = lines.map((text, i) => html("span", { class: "line", "data-n": first + i }, text || " "));
    const text = html("pre", { tabindex: "0", "data-keys": "" }, html("code", {}, ...rows));
    const figure = html("figure", {}, html("figcaption", {}, title), text);
    text.setAttribute("aria-label", figure.firstElementChild.textContent);
    text.setAttribute("role", "region");
    return { figure, text, rows, first };
  }

  show() {
    const { step, back } = this.state.place;
    const entry = this.state.data.steps[step - 1];
    for (const one of [...this.own, ...(this.made ? [this.made] : [])]) {
      for (const row of one.lit ?? []) {
        row.className = "line";
        if (row.childElementCount) row.textContent = row.textContent;
      }
      one.lit = [];
    }
    const look = back ? "line lit-back" : "line lit";
    if (entry?.line) {
      const one = this.own[entry.line[0]];
      if (this.left.firstChild !== one.figure) this.left.replaceChildren(one.figure);
      this.light(one, Array.from({ length: entry.line[2] - entry.line[1] + 1 }, (_, i) => entry.line[1] + i), look);
    }
    if (entry?.line && entry.line[1] === entry.line[2]) this.mark(this.own[entry.line[0]].lit[0], entry.line[3], entry.line[4]);
    if (!this.made) return;
    const { forward, backward } = this.state.data.generated;
    const lines = step ? ((back ? backward : forward)[step] ?? []) : [];
    this.light(this.made, lines, look);
    this.note.textContent = step && !lines.length ? (back ? "This step has no line of its own: what arrives is passed on as it is, or is written within another line." : "This step has no line of its own in the generated text.") : "";
  }

  /** Mark the expression within its line. @param {any} row @param {number} start @param {number} end */
  mark(row, start, end) {
    const text = row?.textContent ?? "";
    if (start < end && end - start < text.trim().length) {
      row.replaceChildren(text.slice(0, start), html("mark", {}, text.slice(start, end)), text.slice(end));
    }
  }

  /** @param {any} one @param {number[]} lines @param {string} look */
  light(one, lines, look) {
    one.lit = lines.map((n) => one.rows[n - one.first]).filter(Boolean);
    for (const row of one.lit) row.className = look;
    if (one.lit.length) window.requestAnimationFrame(() => this.reveal(one));
  }

  /** Scroll a listing to what is lit in it; later, when the page is laid out anyway. @param {any} one */
  reveal(one) {
    if (!one.lit.length) return;
    const { text } = one, first = one.lit[0], last = one.lit[one.lit.length - 1];
    const top = first.offsetTop, bottom = last.offsetTop + last.offsetHeight;
    if (top < text.scrollTop || bottom > text.scrollTop + text.clientHeight) {
      text.scrollTop = Math.min(top - 40, (top + bottom - text.clientHeight) / 2 + 20);
    }
  }
}

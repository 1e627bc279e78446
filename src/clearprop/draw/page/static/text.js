// @ts-check
// Texts of the picture, as draw/ink.py writes them, and elements of the page.

const SVG = "http://www.w3.org/2000/svg";
const LINE = 18, CELL = 9, BRACKET = 7; // as in draw/metrics.py
const SMALLEST = 0.6; // a number that grew is written smaller, down to this

/** @param {string} name @param {Record<string, any>} [attributes] @param {...(Node|string)} children @returns {any} */
export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** @param {string} name @param {Record<string, any>} [attributes] @param {...(Node|string)} children @returns {any} */
export function html(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, String(value));
  }
  made.append(...children);
  return made;
}

/** A name of the reader's, whose writing direction stays its own. @param {string} text */
export function name(text) {
  return html("bdi", { class: "name" }, text);
}

/** A number of steps in words. @param {number} n */
export function counted(n) {
  return `${n} step${n === 1 ? "" : "s"}`;
}

/** Put MathML of the page's own data into an element. @param {string} markup */
export function formula(markup) {
  const made = html("span", { class: "formula" });
  made.innerHTML = markup;
  return made;
}

/** What may stand in a formula as a name. @type {RegExp} */
export const NAME = /^[\p{L}_][\p{L}\p{N}_]{0,15}$/u;

/** A formula with names of the reader's in the place of its letters; as it is where that would be
 * ambiguous, or a name is none to stand in a formula.
 * @param {string} markup @param {[string, string][]} pairs each a letter, as MathML, and its name */
export function spoken(markup, pairs) {
  const made = formula(markup);
  const fitting = pairs.filter(([, text]) => NAME.test(text) || /^\d{1,4}(\.\d{1,3})?$/.test(text));
  const letters = new Map(fitting.map(([letter, text]) => [inner(letter), text]));
  const found = [];
  for (const part of made.querySelectorAll("mi, msub, msubsup, mtext")) {
    const text = letters.get(part.outerHTML);
    if (text !== undefined) found.push({ part, text });
    else if (part.localName === "msubsup") {
      const below = letters.get(`<msub>${part.children[0].outerHTML}${part.children[1].outerHTML}</msub>`);
      if (below !== undefined) found.push({ part, text: below, above: part.children[2] });
    }
  }
  const outer = found.filter(({ part }) => !found.some((other) => other.part !== part && other.part.contains(part) && !other.above?.contains(part)));
  const others = [...made.querySelectorAll("mi")].filter((mi) => !outer.some(({ part, above }) => part.contains(mi) && !above?.contains(mi))).map((mi) => mi.textContent);
  if (outer.some(({ text }) => others.includes(text))) return made;
  const put = outer.map(({ part, text, above }) => {
    const named = like(part, NAME.test(text) ? "mi" : "mn");
    named.textContent = text;
    named.dataset.name = "";
    if (text.length > 1) part.closest("mover")?.classList.add("long");
    if (!above) part.replaceWith(named);
    else {
      const power = like(part, "msup");
      part.replaceWith(power);
      power.append(named, above);
    }
    return named;
  });
  for (const named of put) separate(named);
  return made;
}

/** Make an element of the same language. @param {any} part @param {string} tag @returns {any} */
function like(part, tag) {
  return document.createElementNS(part.namespaceURI, tag);
}

/** The letter itself, without the formula around it. @param {string} letter */
function inner(letter) {
  return letter.replace(/^<math[^>]*><mrow>/, "").replace(/<\/mrow><\/math>$/, "");
}

/** Put a dot between a name and what it is multiplied by: letters may stand side by side, names may not.
 * @param {any} named */
function separate(named) {
  let part = named;
  while (/^(mover|msup|msub)$/.test(part.parentNode.localName) || (part.parentNode.localName === "mrow" && part.parentNode.children.length === 1 && part.parentNode.parentNode.localName !== "math")) part = part.parentNode;
  if (part.parentNode.localName !== "mrow") return;
  for (const [side, put, open] of /** @type {[string, string, RegExp][]} */ ([["previousElementSibling", "before", /^[)\]]$/], ["nextElementSibling", "after", /^[([]$/]])) {
    let next = part[side];
    const gap = next?.localName === "mspace" ? next : null;
    if (gap) next = gap[side];
    if (!next || next.localName === "mtext" || next.localName === "mspace") continue;
    if (next.localName === "mo" && !open.test(next.textContent)) continue;
    if (side === "previousElementSibling" && next.localName === "mi" && next.textContent.length > 1 && next.dataset.name === undefined) continue; // sin, log
    const dot = like(named, "mo");
    dot.textContent = "·";
    if (gap) gap.replaceWith(dot);
    else part[put](dot);
  }
}

/** Write a value around x, ending above `bottom` or starting below `top`; no wider than there is room.
 * @param {import("./numbers.js").Shown} shown @param {string} look
 * @param {{x: number, top?: number, bottom?: number, room: number}} at @returns {SVGElement[]} */
export function written(shown, look, { x, top, bottom, room }) {
  const height = LINE * shown.rows.length;
  const start = top ?? (bottom ?? 0) - height;
  if (!shown.matrix) {
    return shown.rows.map(([text], i) => fitted(svg("text", { x, y: start + LINE * (i + 1) - 4, class: look }, text), room));
  }
  const widths = shown.rows[0].map((_, j) => Math.max(...shown.rows.map((row) => wide(row[j]))));
  const width = widths.reduce((a, b) => a + b) + CELL * (widths.length - 1) + 2 * BRACKET;
  const scale = Math.max(Math.min(room / width, 1), SMALLEST);
  const group = svg("g", { transform: `translate(${x} ${start}) scale(${scale} 1)` });
  let end = BRACKET - width / 2;
  widths.forEach((column, j) => {
    end += column + (j ? CELL : 0);
    shown.rows.forEach((row, i) => group.append(svg("text", { x: end, y: LINE * (i + 1) - 4, class: `end ${look}` }, row[j])));
  });
  for (const [side, inwards] of [[1 - width / 2, 4], [width / 2 - 1, -4]]) {
    group.append(svg("path", { class: "bracket", d: `M${side + inwards} 1h${-inwards}v${height - 2}h${inwards}` }));
  }
  return [group];
}

/** @param {any} text @param {number} room */
function fitted(text, room) {
  const width = wide(text.textContent);
  if (width > room) {
    text.setAttribute("textLength", String(Math.max(room, width * SMALLEST)));
    text.setAttribute("lengthAdjust", "spacingAndGlyphs");
  }
  return text;
}

/** About how wide a text is, rather too wide. @param {string} text */
function wide(text) {
  let width = 0;
  for (const c of text) width += "ijl.,:;'|!()[]{}ft/ ".includes(c) ? 0.46 : "mwMW@%…".includes(c) ? 1.02 : "±×+−".includes(c) ? 0.86 : 0.62;
  return width * 13;
}

/** @param {import("./numbers.js").Shown} shown @returns {string} */
export function lineOf(shown) {
  const rows = shown.rows.map((row) => row.join(", "));
  return shown.matrix ? `[${rows.map((row) => `[${row}]`).join(", ")}]` : rows.join(" ");
}

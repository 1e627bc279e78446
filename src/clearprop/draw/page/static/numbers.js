// @ts-check
// Numbers as text, digit for digit as clearprop's pictures write them (draw/numbers.py).

const LARGEST = 3; // a matrix with longer axes is shown by its shape, mean and spread
const LONGEST = 24; // and so is a vector that takes more characters

/** @typedef {{rows: string[][], matrix: boolean}} Shown */

/** Write a number with so many significant digits, or fewer: Python's %g, a shorter exponent.
 * @param {number} x @param {number} digits @returns {string} */
export function general(x, digits) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (x === 0) return "0";
  const [mantissa, exponent] = scientific(Math.abs(x), digits);
  const sign = x < 0 ? "-" : "";
  const strip = (/** @type {string} */ text) => text.includes(".") ? text.replace(/\.?0*$/, "") : text;
  if (exponent < -4 || exponent >= digits) {
    const tail = mantissa.length > 1 ? `.${mantissa.slice(1)}` : "";
    return `${sign}${strip(mantissa[0] + tail)}e${exponent}`;
  }
  if (exponent < 0) return `${sign}${strip(`0.${"0".repeat(-exponent - 1)}${mantissa}`)}`;
  const whole = mantissa.slice(0, exponent + 1);
  return `${sign}${strip(`${whole}.${mantissa.slice(exponent + 1)}`)}`;
}

/** Give the significant digits and the exponent, halves rounded to even.
 * @param {number} x @param {number} digits @returns {[string, number]} */
function scientific(x, digits) {
  const [exact, power] = x.toExponential(60).split("e");
  const all = exact.replace(".", "");
  const rest = all.slice(digits);
  if (!/^50*$/.test(rest)) {
    const [rounded, exponent] = x.toExponential(digits - 1).split("e");
    return [rounded.replace(".", ""), Number(exponent)];
  }
  let kept = BigInt(all.slice(0, digits)); // exactly between two: JavaScript would always go up
  if (kept % 2n === 1n) kept += 1n;
  const text = kept.toString();
  return [text.slice(0, digits), Number(power) + text.length - digits];
}

/** Write one number of an array.
 * @param {number} x @param {string} dtype @param {number} [digits] @returns {string} */
export function number(x, dtype = "float64", digits = 6) {
  if (dtype === "bool") return x ? "True" : "False";
  if (!dtype.startsWith("float") && Math.abs(x) < 1e9) return String(x === 0 ? 0 : x);
  return general(x, digits);
}

/** @param {number[]} shape @returns {string} */
export function shapeText(shape) {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}

/** Show a value: a number, a small vector or matrix, or shape and mean ± spread.
 * @param {any} value an array, or what is known of a large one @param {boolean} [shape] @returns {Shown} */
export function describe(value, shape = true) {
  const { s, d, x } = value;
  if (s.length === 0) return plain(number(x[0], d));
  if (x && s.length === 1 && s[0] > 0 && s[0] < LONGEST / 2) {
    const text = `[${Array.from(x, (v) => number(v, d, 4)).join(", ")}]`;
    if (text.length <= LONGEST) return plain(text);
  }
  if (x && s.length === 2 && x.length && Math.max(...s) <= LARGEST) {
    const rows = [];
    for (let i = 0; i < s[0]; i++) {
      rows.push(Array.from(x.slice(i * s[1], (i + 1) * s[1]), (v) => number(v, d, 4)));
    }
    return { rows, matrix: true };
  }
  const rows = shape ? [[shapeText(s)], [summary(value)]] : [[summary(value)]];
  return { rows, matrix: false };
}

/** @param {string} text @returns {Shown} */
export function plain(text) {
  return { rows: [[text]], matrix: false };
}

/** Sum up an array: mean and spread, or what is odd about it. @param {any} value @returns {string} */
export function summary(value) {
  const { s, d } = value;
  const size = s.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
  if (size === 0) return "empty";
  const n = value.n;
  if (d === "bool") return `${size - n.zeros} of ${size} true`;
  if (!d.startsWith("float")) return `${number(n.min, d)} … ${number(n.max, d)}`;
  if (n.odd) return `${n.odd} of ${size} not finite`;
  return meanAndSpread(n, d);
}

/** @param {any} n @param {string} dtype @returns {string} */
export function meanAndSpread(n, dtype) {
  const largest = Math.max(Math.abs(n.min), Math.abs(n.max));
  if (largest === 0) return "0 ± 0";
  const eps = dtype === "float32" ? 2 ** -23 : dtype === "float16" ? 2 ** -10 : 2 ** -52;
  const mean = Math.abs(n.mean) < eps * largest ? 0 : n.mean; // what rounding left of 0
  return `${general(mean, 3)} ± ${general(n.spread, 3)}`;
}

// @ts-check
// Arrays: a shape, a dtype and the numbers in C order.

/** @typedef {{s: number[], d: string, x: Float64Array}} Arr */

const BINS = 24;

/** @param {number[]} shape @returns {number} */
export const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** @param {number[]} s @param {string} [d] @param {Float64Array} [x] @returns {Arr} */
export function array(s, d = "float64", x = new Float64Array(sizeOf(s))) {
  return { s, d, x };
}

/** Read an entry of the page's data: numbers, or what is known of a large array. @param {any} entry */
export function read(entry) {
  if (typeof entry !== "object") return withStatistics(array([], "float64", Float64Array.of(Number(named(entry)))));
  const d = entry.d ?? "float64";
  if (entry.v) return withStatistics(array(entry.s, d, Float64Array.from(entry.v, named)));
  if (entry.b) return array(entry.s, d, unpacked(entry.b, entry.as));
  return { s: entry.s, d, n: entry.n, c: entry.c.map((/** @type {any[]} */ row) => row.map(named)), h: entry.h };
}

/** @param {number|string} value @returns {number} */
function named(value) {
  if (typeof value === "number") return value;
  return value === "nan" ? NaN : value === "inf" ? Infinity : -Infinity;
}

/** @param {string} text @param {string} kind @returns {Float64Array} */
export function unpacked(text, kind) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return kind === "f4" ? Float64Array.from(new Float32Array(bytes.buffer)) : new Float64Array(bytes.buffer);
}

/** Add to an array what its summary, its legend and its histogram need. @param {any} a */
export function withStatistics(a) {
  if (a.n || !a.x) return a;
  a.n = statistics(a);
  return a;
}

/** @param {Arr} a */
function statistics(a) {
  const finite = a.x.filter(Number.isFinite);
  const found = { zeros: a.x.reduce((n, v) => n + (v === 0 ? 1 : 0), 0), odd: a.x.length - finite.length };
  if (!finite.length) return found;
  let min = Infinity, max = -Infinity, low = 0, high = 0;
  a.x.forEach((v, i) => {
    if (!Number.isFinite(v)) return;
    if (v < min) [min, low] = [v, i];
    if (v > max) [max, high] = [v, i];
  });
  const largest = Math.max(Math.abs(min), Math.abs(max));
  const scaled = largest ? finite.map((v) => v / largest) : finite; // squares might overflow
  const mean = pairwise(scaled) / scaled.length;
  const spread = Math.sqrt(pairwise(scaled.map((v) => (v - mean) ** 2)) / scaled.length);
  return {
    ...found, min, max, dead: deadColumns(a), at: [low, high], mean: mean * largest, spread: spread * largest,
    hist: histogram(scaled, min / (largest || 1), max / (largest || 1)),
  };
}

/** Count the columns in which all is 0: units that are dead. @param {Arr} a */
function deadColumns(a) {
  const columns = a.s[a.s.length - 1];
  if (a.s.length < 2 || !columns) return 0;
  const alive = new Set();
  a.x.forEach((v, i) => v !== 0 && alive.add(i % columns));
  return columns - alive.size;
}

/** @param {Float64Array} x @param {number} min @param {number} max @returns {number[]} */
function histogram(x, min, max) {
  if (!(min < max)) return [x.length];
  const counts = new Array(BINS).fill(0);
  for (const v of x) counts[Math.min(Math.floor(((v - min) / (max - min)) * BINS), BINS - 1)]++;
  return counts;
}

/** Add up as NumPy does: pairwise, in eights, so that the last digit is the same.
 * @param {ArrayLike<number>} x @param {number} [start] @param {number} [n]
 * @param {(v: number) => number} [round] @returns {number} */
export function pairwise(x, start = 0, n = x.length, round = (v) => v) {
  if (n < 8) {
    let total = -0;
    for (let i = 0; i < n; i++) total = round(total + x[start + i]);
    return total;
  }
  if (n <= 128) {
    const r = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => x[start + i]);
    let i = 8;
    for (; i < n - (n % 8); i += 8) {
      for (let j = 0; j < 8; j++) r[j] = round(r[j] + x[start + i + j]);
    }
    let total = round(
      round(round(r[0] + r[1]) + round(r[2] + r[3])) + round(round(r[4] + r[5]) + round(r[6] + r[7])),
    );
    for (; i < n; i++) total = round(total + x[start + i]);
    return total;
  }
  let half = Math.floor(n / 2);
  half -= half % 8;
  return round(pairwise(x, start, half, round) + pairwise(x, start + half, n - half, round));
}

/** Steps between neighbours along each axis. @param {number[]} shape @returns {number[]} */
export function strides(shape) {
  const found = new Array(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    found[i] = step;
    step *= shape[i];
  }
  return found;
}

/** For each element of a shape its place, given the first place and the step along each axis.
 * @param {number[]} shape @param {number[]} steps @param {number} [start] @returns {Int32Array} */
export function places(shape, steps, start = 0) {
  const out = new Int32Array(sizeOf(shape));
  const at = new Array(shape.length).fill(0);
  let place = start;
  for (let i = 0; i < out.length; i++) {
    out[i] = place;
    for (let k = shape.length - 1; k >= 0; k--) {
      place += steps[k];
      if (++at[k] < shape[k]) break;
      place -= steps[k] * shape[k];
      at[k] = 0;
    }
  }
  return out;
}

/** For each element of the larger shape the element of the smaller one that is repeated there.
 * @param {number[]} from @param {number[]} to @returns {Int32Array} */
export function repeated(from, to) {
  const own = strides(from);
  const extra = to.length - from.length;
  return places(to, to.map((_, i) => (i < extra || from[i - extra] === 1 ? 0 : own[i - extra])));
}

/** @param {number[]} a @param {number[]} b @returns {number[]} */
export function broadcast(a, b) {
  const out = [];
  for (let i = 1; i <= Math.max(a.length, b.length); i++) {
    const m = a[a.length - i] ?? 1, n = b[b.length - i] ?? 1;
    out.unshift(m === 1 ? n : m);
  }
  return out;
}

/** @param {Arr} a @param {ArrayLike<number>} where @param {number[]} shape @returns {Arr} */
export function taken(a, where, shape) {
  const x = new Float64Array(where.length);
  for (let i = 0; i < x.length; i++) x[i] = a.x[where[i]];
  return { s: shape, d: a.d, x };
}

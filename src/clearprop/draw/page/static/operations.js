// @ts-check
// Operations on whole arrays, under the names that clearprop's primitives have.
import { array, broadcast, pairwise, places, repeated, sizeOf, strides, taken } from "./arrays.js";
import { ELEMENTWISE, each, rint, rounding } from "./elementwise.js";
import { WINDOWS } from "./windows.js";

/** @typedef {{s: number[], d: string, x: Float64Array}} Arr */
/** What a step gets besides its operands: attributes, and shape and dtype of its result.
 * @typedef {{a: any, s: any, d: any}} Form */

/** @param {any} axis @param {number} ndim @returns {number[]} */
function axesOf(axis, ndim) {
  if (axis === undefined || axis === null) return Array.from({ length: ndim }, (_, i) => i);
  return (Array.isArray(axis) ? axis : [axis]).map((k) => (k + ndim) % ndim);
}

/** For each result of a reduction the places that fall into it, and how many lie side by side.
 * @param {number[]} shape @param {any} axis */
function groups(shape, axis) {
  const axes = axesOf(axis, shape.length);
  const steps = strides(shape);
  const rest = shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const inner = axes.slice().sort((a, b) => a - b);
  let run = 1;
  for (let i = shape.length - 1; i >= 0 && axes.includes(i); i--) run *= shape[i];
  return {
    starts: places(rest.map((i) => shape[i]), rest.map((i) => steps[i])),
    offsets: places(inner.map((i) => shape[i]), inner.map((i) => steps[i])),
    kept: shape.map((n, i) => (axes.includes(i) ? 1 : n)),
    left: rest.map((i) => shape[i]),
    run,
  };
}

/** @param {Arr} a @param {any} axis @param {boolean} keep @param {string} d @param {(x: Float64Array, run: number) => number} f */
function reduced(a, axis, keep, d, f) {
  const { starts, offsets, kept, left, run } = groups(a.s, axis);
  const out = array(keep ? kept : left, d);
  const line = new Float64Array(offsets.length);
  starts.forEach((start, i) => {
    offsets.forEach((offset, j) => (line[j] = a.x[start + offset]));
    out.x[i] = f(line, run);
  });
  return out;
}

/** @param {Arr} a @param {any} axis @param {boolean} keep */
function sum(a, axis, keep, d = a.d) {
  const round = rounding(d);
  return reduced(a, axis, keep, d, (line, run) => {
    let total = 0;
    for (let i = 0; i < line.length; i += run) total = round(total + pairwise(line, i, run, round));
    return total;
  });
}

/** @param {Arr} a @param {any} axis @param {boolean} keep */
const max = (a, axis, keep) => reduced(a, axis, keep, a.d, (x) => x.reduce(ELEMENTWISE.maximum));

/** @param {Arr} a @param {any} axis @param {boolean} keep */
function mean(a, axis, keep) {
  const total = sum(a, axis, keep);
  const n = total.x.length ? a.x.length / total.x.length : 1;
  return each(a.d, (v) => v / n, total);
}

/** The place of the first that is best; NaN is best of all. @param {Float64Array} x @param {number} sign */
function best(x, sign) {
  let found = 0;
  for (let i = 0; i < x.length; i++) {
    if (Number.isNaN(x[i])) return i;
    if (sign * x[i] > sign * x[found]) found = i;
  }
  return found;
}

/** @param {Arr} x @param {any} axis */
function softmax(x, axis) {
  const e = each(x.d, Math.exp, each(x.d, (a, m) => a - m, x, max(x, axis, true)));
  return each(x.d, (a, n) => a / n, e, sum(e, axis, true));
}

/** @param {Arr} a @param {Arr} b @param {Form} form */
function matmul(a, b, { s, d }) {
  const round = rounding(d);
  const left = a.s.length === 1 ? [1, ...a.s] : a.s;
  const right = b.s.length === 1 ? [...b.s, 1] : b.s;
  const [n, k] = left.slice(-2), m = right[right.length - 1];
  const stack = broadcast(left.slice(0, -2), right.slice(0, -2));
  const lefts = repeated(left.slice(0, -2), stack), rights = repeated(right.slice(0, -2), stack);
  const out = array(s, d);
  for (let t = 0; t < lefts.length; t++) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < m; j++) {
        let total = 0;
        for (let l = 0; l < k; l++) total = round(total + round(a.x[(lefts[t] * n + i) * k + l] * b.x[(rights[t] * k + l) * m + j]));
        out.x[(t * n + i) * m + j] = total;
      }
    }
  }
  return out;
}

/** Give the places that an index selects, and the shape of what it gives.
 * @param {number[]} shape @param {any[]} index @param {Arr[]} arrays */
function selected(shape, index, arrays) {
  /** @type {any[]} */
  let parts = index.map((p) => (p && p.slot !== undefined ? arrays[p.slot] : p));
  parts = parts.flatMap((p) => (p && p.d === "bool" ? whereTrue(p) : [p]));
  const used = parts.filter((p) => p !== null && !(p && p.ellipsis)).length;
  const at = parts.findIndex((p) => p && p.ellipsis);
  const full = () => ({ slice: [null, null, null] });
  const missing = Array.from({ length: shape.length - used }, full);
  if (at >= 0) parts.splice(at, 1, ...missing);
  else parts.push(...missing);
  const hasArray = parts.some((p) => p && p.x);
  const steps = strides(shape);
  /** @type {{n: number, step: number}[]} */
  const basic = [];
  /** @type {{a: Arr, step: number, n: number}[]} */
  const fancy = [];
  let start = 0, axis = 0, first = -1, last = -1, apart = false;
  for (const [i, p] of parts.entries()) {
    if (p === null) {
      basic.push({ n: 1, step: 0 });
      continue;
    }
    const n = shape[axis], step = steps[axis++];
    if (typeof p === "number" && !hasArray) {
      start += (p < 0 ? p + n : p) * step;
    } else if (typeof p === "number" || p.x) {
      if (last >= 0 && i !== last + 1) apart = true;
      if (first < 0) first = basic.length;
      last = i;
      fancy.push({ a: p.x ? p : array([], "int64", Float64Array.of(p)), step, n });
    } else {
      const by = p.slice[2] ?? 1;
      const bound = (/** @type {number|null} */ v, /** @type {number} */ otherwise) => {
        if (v === null) return otherwise;
        const w = v < 0 ? v + n : v;
        return by > 0 ? Math.min(Math.max(w, 0), n) : Math.min(Math.max(w, -1), n - 1);
      };
      const from = bound(p.slice[0], by > 0 ? 0 : n - 1), to = bound(p.slice[1], by > 0 ? n : -1);
      start += from * step;
      basic.push({ n: Math.max(Math.ceil((to - from) / by), 0), step: by * step });
    }
  }
  const plain = { shape: basic.map((b) => b.n), steps: basic.map((b) => b.step) };
  if (!hasArray) return { shape: plain.shape, where: places(plain.shape, plain.steps, start) };
  const form = fancy.reduce((s, f) => broadcast(s, f.a.s), /** @type {number[]} */ ([]));
  const offsets = new Float64Array(sizeOf(form));
  for (const { a, step, n } of fancy) {
    repeated(a.s, form).forEach((place, i) => {
      const v = a.x[place];
      if (v < -n || v >= n) throw new RangeError(`index ${v} is out of bounds for an axis of length ${n}`);
      offsets[i] += (v < 0 ? v + n : v) * step;
    });
  }
  const here = apart ? 0 : first;
  const out = [...plain.shape.slice(0, here), ...form, ...plain.shape.slice(here)];
  const back = strides(form);
  const ofForm = places(out, [...plain.shape.slice(0, here).map(() => 0), ...back, ...plain.shape.slice(here).map(() => 0)]);
  const rest = places(out, [...plain.steps.slice(0, here), ...form.map(() => 0), ...plain.steps.slice(here)], start);
  return { shape: out, where: rest.map((place, i) => place + offsets[ofForm[i]]) };
}

/** @param {Arr} mask @returns {Arr[]} */
function whereTrue(mask) {
  const steps = strides(mask.s);
  /** @type {number[]} */
  const found = [];
  mask.x.forEach((v, i) => v && found.push(i));
  return mask.s.map((n, k) => array([found.length], "int64", Float64Array.from(found, (i) => Math.floor(i / steps[k]) % n)));
}

/** @param {Arr} x @param {Arr} value @param {any[]} index @param {Arr[]} arrays @param {boolean} adds */
function changedAt(x, value, index, arrays, adds) {
  const { shape, where } = selected(x.s, index, arrays);
  const drop = value.s.length > shape.length ? value.s.slice(value.s.length - shape.length) : value.s;
  const from = repeated(drop, shape);
  const round = rounding(x.d);
  const out = array(x.s, x.d, x.x.slice());
  where.forEach((place, i) => (out.x[place] = round(adds ? out.x[place] + value.x[from[i]] : value.x[from[i]])));
  return out;
}

/** @param {Arr} a @param {any} axis @param {(line: number[]) => number[]} f @param {number[]} s @param {string} d */
function alongLines(a, axis, f, s, d) {
  const flat = axis === undefined || axis === null;
  const shape = flat ? [a.x.length] : a.s;
  const k = flat ? 0 : (axis + shape.length) % shape.length;
  const rest = shape.map((_, i) => i).filter((i) => i !== k);
  const own = strides(shape), out = array(s, d), target = strides(flat ? [out.x.length] : s);
  const from = places(rest.map((i) => shape[i]), rest.map((i) => own[i]));
  const to = places(rest.map((i) => shape[i]), rest.map((i) => target[i]));
  from.forEach((start, i) => {
    const line = Array.from({ length: shape[k] }, (_, j) => a.x[start + j * own[k]]);
    f(line).forEach((v, j) => (out.x[to[i] + j * target[k]] = v));
  });
  return out;
}

/** @param {Arr[]} arrays @param {number} axis @param {Form} form */
function joined(arrays, axis, { s, d }) {
  const k = (axis + s.length) % s.length;
  const out = array(s, d), steps = strides(s);
  let start = 0;
  for (const a of arrays) {
    places(a.s, steps, start * steps[k]).forEach((place, i) => (out.x[place] = a.x[i]));
    start += a.s[k];
  }
  return out;
}

/** @param {Arr} a @param {number[]} axes @param {number[]} s */
function permuted(a, axes, s) {
  const steps = strides(a.s);
  return taken(a, places(s, axes.map((k) => steps[(k + steps.length) % steps.length])), s);
}

/** @param {Arr} m @param {(distance: number) => boolean} keeps */
function triangle(m, keeps) {
  const [rows, columns] = m.s.slice(-2);
  return { ...m, x: m.x.map((v, i) => (keeps((i % columns) - (Math.floor(i / columns) % rows)) ? v : 0)) };
}

/** @param {Arr} x @param {Form} form */
function normalize(x, { a }) {
  const mu = mean(x, a.axis, true);
  const xc = each(x.d, (v, m) => v - m, x, mu);
  const variance = mean(each(x.d, (v) => v * v, xc), a.axis, true);
  const round = rounding(x.d);
  return [each(x.d, (v, w) => v / round(Math.sqrt(round(w + round(a.eps)))), xc, variance), mu, variance];
}

/** @param {Arr} x @param {Arr} t */
function softmaxCrossEntropy(x, t) {
  const shifted = each(x.d, (v, m) => v - m, x, max(x, -1, true));
  const total = each(x.d, Math.log, sum(each(x.d, Math.exp, shifted), -1, true));
  const costs = each(x.d, (v, n, w) => (w === 0 && !Number.isFinite(v) ? 0 : n - v), shifted, total, t);
  return sum(each(x.d, (w, c) => w * c, t, costs), -1, false);
}

/** @param {Arr} x */
function logSoftmax(x) {
  const shifted = each(x.d, (v, m) => v - m, x, max(x, -1, true));
  const total = each(x.d, Math.log, sum(each(x.d, Math.exp, shifted), -1, true));
  return each(x.d, (v, n) => v - n, shifted, total);
}

/** @param {any} subscripts @param {Arr[]} arrays @param {Form} form */
function einsum(subscripts, arrays, { s, d }) {
  const [from, to] = subscripts.replaceAll(" ", "").split("->");
  const terms = from.split(",");
  const letters = [...new Set([...to, ...from.replaceAll(",", "")])];
  /** @type {Record<string, number>} */
  const length = {};
  terms.forEach((/** @type {string} */ term, /** @type {number} */ k) =>
    [...term].forEach((c, i) => (length[c] = Math.max(length[c] ?? 1, arrays[k].s[i]))));
  const shape = letters.map((c) => length[c]);
  const along = (/** @type {string} */ term, /** @type {number[]} */ own) => {
    const steps = strides(own);
    return places(shape, letters.map((c) => [...term].reduce((n, b, i) => n + (b === c && own[i] > 1 ? steps[i] : 0), 0)));
  };
  const wheres = terms.map((/** @type {string} */ term, /** @type {number} */ k) => along(term, arrays[k].s));
  const out = array(s, d), round = rounding(d);
  along(to, s).forEach((place, i) => {
    const product = arrays.reduce((p, a, k) => round(p * a.x[wheres[k][i]]), 1);
    out.x[place] = round(out.x[place] + product);
  });
  return out;
}

/** Each takes its operands, and what is said of the step. @type {Record<string, (i: any[], f: Form) => any>} */
export const OPERATIONS = {
  ...WINDOWS,
  sum: ([a], f) => sum(a, f.a.axis, f.a.keepdims, f.d),
  mean: ([a], f) => mean(a, f.a.axis, f.a.keepdims),
  max: ([a], f) => max(a, f.a.axis, f.a.keepdims),
  min: ([a], f) => reduced(a, f.a.axis, f.a.keepdims, a.d, (x) => x.reduce(ELEMENTWISE.minimum)),
  prod: ([a], f) => reduced(a, f.a.axis, f.a.keepdims, f.d, (x) => x.reduce((p, v) => rounding(f.d)(p * v), 1)),
  all: ([a], f) => reduced(a, f.a.axis, f.a.keepdims, f.d, (x) => Number(x.every((v) => v !== 0))),
  any: ([a], f) => reduced(a, f.a.axis, f.a.keepdims, f.d, (x) => Number(x.some((v) => v !== 0))),
  count_nonzero: ([a], f) => reduced(a, f.a.axis, f.a.keepdims, f.d, (x) => x.filter((v) => v !== 0).length),
  argmax: ([a], f) => reduced(a, f.a.axis, f.a.keepdims, f.d, (x) => best(x, 1)),
  argmin: ([a], f) => reduced(a, f.a.axis, f.a.keepdims, f.d, (x) => best(x, -1)),
  norm: ([a], f) => each(f.d, Math.sqrt, sum(each(a.d, (v) => v * v, a), f.a.axis, f.a.keepdims)),
  invert: ([a], f) => each(f.d, f.d === "bool" ? (v) => 1 - v : (v) => -v - 1, a),
  argsort: ([a], f) => alongLines(a, f.a.axis, (line) => {
    const order = line.map((_, i) => i);
    return order.sort((i, j) => Number(Number.isNaN(line[i])) - Number(Number.isNaN(line[j])) || line[i] - line[j] || i - j);
  }, f.s, f.d),
  cumprod: ([a], f) => alongLines(a, f.a.axis, (line) => {
    let total = 1;
    return line.map((v) => (total = rounding(f.d)(total * v)));
  }, f.s, f.d),
  cumsum: ([a], f) => alongLines(a, f.a.axis, (line) => {
    let total = 0;
    return line.map((v) => (total = rounding(f.d)(total + v)));
  }, f.s, f.d),
  reshape: ([a], f) => ({ ...a, s: f.s }),
  copy: ([a]) => a,
  astype: ([a], f) => cast(a, f.d),
  transpose: ([a], f) => permuted(a, f.a.axes ?? a.s.map((/** @type {any} */ _, /** @type {number} */ i) => a.s.length - 1 - i), f.s),
  flip: ([a], f) => {
    const axes = axesOf(f.a.axis, a.s.length), steps = strides(a.s);
    const start = axes.reduce((n, k) => n + steps[k] * (a.s[k] - 1), 0);
    return taken(a, places(a.s, steps.map((n, k) => (axes.includes(k) ? -n : n)), start), a.s);
  },
  broadcast_to: ([a], f) => taken(a, repeated(a.s, f.s), f.s),
  concatenate: (arrays, f) => {
    if (f.a.axis !== undefined) return joined(arrays, f.a.axis, f);
    return joined(arrays.map((a) => ({ ...a, s: [a.x.length] })), 0, f);
  },
  stack: (arrays, f) => {
    const k = (f.a.axis + f.s.length) % f.s.length;
    return joined(arrays.map((a) => ({ ...a, s: [...a.s.slice(0, k), 1, ...a.s.slice(k)] })), k, f);
  },
  pad: ([a], f) => {
    const out = array(f.s, f.d), steps = strides(f.s);
    out.x.fill(Number(f.a.constant_values ?? 0));
    const start = f.a.pad_width.reduce((/** @type {number} */ n, /** @type {number[]} */ w, /** @type {number} */ k) => n + w[0] * steps[k], 0);
    places(a.s, steps, start).forEach((place, i) => (out.x[place] = a.x[i]));
    return out;
  },
  getitem: ([a, ...arrays], f) => {
    const { where } = selected(a.s, f.a.index, arrays);
    return taken(a, where, f.s);
  },
  setitem: ([a, value, ...arrays], f) => changedAt(a, value, f.a.index, arrays, false),
  add_at: ([a, value, ...arrays], f) => changedAt(a, value, f.a.index, arrays, true),
  unindex: ([value, ...arrays], f) => changedAt(array(f.s, f.d), value, f.a.index, arrays, true),
  survives: (arrays, f) => {
    const { where } = selected(f.a.shape, f.a.index, arrays);
    const last = new Map(Array.from(where, (place, i) => [place, i]));
    return array(f.s, "bool", Float64Array.from(where, (place, i) => Number(last.get(place) === i)));
  },
  take_along_axis: ([a, where], f) => {
    const flat = f.a.axis === undefined;
    const shape = flat ? [a.x.length] : a.s;
    const k = flat ? 0 : (f.a.axis + shape.length) % shape.length;
    const steps = strides(shape);
    const own = places(f.s, steps.map((n, i) => (i === k || shape[i] === 1 ? 0 : n)));
    const at = repeated(where.s, f.s);
    return taken(a, own.map((place, i) => place + steps[k] * ((where.x[at[i]] + shape[k]) % shape[k])), f.s);
  },
  softmax: ([x], f) => softmax(x, f.a.axis),
  log_softmax: ([x]) => logSoftmax(x),
  softmax_cross_entropy: ([x, t]) => softmaxCrossEntropy(x, t),
  normalize: ([x], f) => normalize(x, f),
  matmul: ([a, b], f) => matmul(a, b, f),
  einsum: (arrays, f) => einsum(f.a.subscripts, arrays, f),
  output: ([parts], f) => parts[f.a.i],
  alias: ([a]) => a,
  round: ([a], f) => {
    const scale = 10 ** (f.a.decimals ?? 0);
    return each(f.d, (v) => rint(v * scale) / scale, a);
  },
  zeros_like: (_, f) => array(f.s, f.d),
  ones_like: (_, f) => array(f.s, f.d, new Float64Array(sizeOf(f.s)).fill(1)),
  tril: ([m], f) => triangle(m, (distance) => distance <= (f.a.k ?? 0)),
  triu: ([m], f) => triangle(m, (distance) => distance >= (f.a.k ?? 0)),
  diagonal: ([a], f) => {
    const n = a.s.length, steps = strides(a.s);
    const [p, q] = [(f.a.axis1 + n) % n, (f.a.axis2 + n) % n];
    const rest = steps.filter((_, i) => i !== p && i !== q);
    const start = f.a.offset >= 0 ? f.a.offset * steps[q] : -f.a.offset * steps[p];
    return taken(a, places(f.s, [...rest, steps[p] + steps[q]], start), f.s);
  },
  undiagonal: ([x], f) => {
    const out = array(f.s, f.d), steps = strides(f.s), n = steps.length;
    const start = f.a.offset >= 0 ? f.a.offset * steps[n - 1] : -f.a.offset * steps[n - 2];
    places(x.s, [...steps.slice(0, -2), steps[n - 2] + steps[n - 1]], start).forEach((place, i) => (out.x[place] = x.x[i]));
    return out;
  },
  safe_log: ([x], f) => {
    const eps = rounding(f.d)(f.a.eps);
    return each(f.d, (v) => (v < eps ? Math.log(f.a.eps) + (v - eps) / eps : Math.log(ELEMENTWISE.maximum(v, eps))), x);
  },
  recurrence: ([factor, x], f) => {
    const out = array(f.s, f.d, x.x.slice()), n = f.s[f.s.length - 1];
    for (let i = 0; i < out.x.length; i++) if (i % n) out.x[i] = rounding(f.d)(out.x[i] + rounding(f.d)(factor.x[i] * out.x[i - 1]));
    return out;
  },
};

/** @param {Arr} a @param {string} d */
function cast(a, d) {
  if (d === "bool") return each(d, (v) => Number(v !== 0), a);
  return each(d, d.startsWith("float") ? (v) => v : Math.trunc, a);
}

// @ts-check
// Operations element by element, with NumPy's meaning at the edges.
import { array, broadcast, repeated, sizeOf } from "./arrays.js";

/** @param {string} dtype @returns {(x: number) => number} */
export function rounding(dtype) {
  return dtype === "float32" ? Math.fround : (x) => x;
}

/** Apply a function to each element. @param {string} d @param {(...x: number[]) => number} f @param {...any} arrays */
export function each(d, f, ...arrays) {
  const shape = arrays.reduce((s, a) => broadcast(s, a.s), /** @type {number[]} */ ([]));
  const round = rounding(d);
  const n = sizeOf(shape);
  const out = array(shape, d);
  const where = arrays.map((a) => (a.x.length === n && a.s.length === shape.length ? null : repeated(a.s, shape)));
  const values = new Array(arrays.length);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < values.length; k++) {
      const place = where[k];
      values[k] = arrays[k].x[place ? place[i] : i];
    }
    out.x[i] = round(f(...values));
  }
  return out;
}

/** @param {number} a @param {number} b */
const floorMod = (a, b) => {
  if (b === 0) return NaN;
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
};

/** Half to even. @param {number} x */
export const rint = (x) => {
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
};

/** @param {number} x @param {number} n */
const power = (x, n) => {
  if (n === 2) return x * x;
  if (n === 0.5) return Math.sqrt(x);
  if (n === -1) return 1 / x;
  if (x === 1) return 1;
  return Math.pow(x, n);
};

/** @param {number} x */
const sigmoid = (x) => {
  const e = Math.exp(-Math.abs(x));
  return (x >= 0 ? 1 : e) / (1 + e);
};

/** @param {number} a @param {number} b */
const larger = (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : a > b ? a : b);
/** @param {number} a @param {number} b */
const smaller = (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : a < b ? a : b);

/** @param {number} a @param {number} b @param {(x: number) => number} grow @param {(x: number) => number} log @param {number} same */
const logAdd = (a, b, grow, log, same) => {
  if (a === b) return a + same;
  const m = larger(a, b);
  return m + log(grow(smaller(a, b) - m));
};

/** @param {number} x W. J. Cody's rational approximation, as in rules/exponential.py */
const erf = (x) => {
  const a = Math.abs(x);
  const s = Math.min(a, 0.5) * Math.min(a, 0.5);
  let p = ((0.18577770618460315 * s + 3.1611237438705656) * s + 113.86415415105016) * s + 377.485237685302;
  p = p * s + 3209.3775891384695;
  let q = ((s + 23.601290952344122) * s + 244.02463793444417) * s + 1282.6165260773723;
  q = q * s + 2844.236833439171;
  if (a < 0.46875) return (x * p) / q;
  const t = Math.min(a, 6);
  let u = ((2.1531153547440385e-8 * t + 0.5641884969886701) * t + 8.883149794388376) * t;
  u = ((u + 66.11919063714163) * t + 298.6351381974001) * t + 881.952221241769;
  u = ((u * t + 1712.0476126340707) * t + 2051.0783778260716) * t + 1230.3393547979972;
  let v = ((t + 15.744926110709835) * t + 117.6939508913125) * t + 537.1811018620099;
  v = ((v * t + 1621.3895745666903) * t + 3290.7992357334597) * t + 4362.619090143247;
  v = (v * t + 3439.3676741437216) * t + 1230.3393548037495;
  const large = 1 - (Math.exp(-t * t) * u) / v;
  return x < 0 ? -large : large;
};

const not = (/** @type {boolean} */ b) => (b ? 0 : 1);
const is = (/** @type {boolean} */ b) => (b ? 1 : 0);
const negativeZero = (/** @type {number} */ x) => Object.is(x, -0) || x < 0;

/** Each takes its operands' elements. @type {Record<string, (...x: number[]) => number>} */
export const ELEMENTWISE = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  remainder: floorMod,
  fmod: (a, b) => a % b,
  floor_divide: (a, b) => Math.floor(a / b),
  negative: (a) => -a,
  positive: (a) => a,
  reciprocal: (a) => 1 / a,
  square: (a) => a * a,
  sqrt: Math.sqrt,
  cbrt: Math.cbrt,
  power,
  absolute: Math.abs,
  fabs: Math.abs,
  copysign: (a, b) => (negativeZero(b) ? -Math.abs(a) : Math.abs(a)),
  heaviside: (a, b) => (a < 0 ? 0 : a > 0 ? 1 : a === 0 ? b : a),
  conjugate: (a) => a,
  stop_gradient: (a) => a,
  maximum: larger,
  minimum: smaller,
  fmax: (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : a > b ? a : b),
  fmin: (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : a < b ? a : b),
  where: (c, a, b) => (c ? a : b),
  clip: (x, low, high) => smaller(larger(x, low), high),
  relu: (x) => larger(x, 0),
  less: (a, b) => is(a < b),
  less_equal: (a, b) => is(a <= b),
  greater: (a, b) => is(a > b),
  greater_equal: (a, b) => is(a >= b),
  equal: (a, b) => is(a === b),
  not_equal: (a, b) => is(a !== b),
  logical_and: (a, b) => is(a !== 0 && b !== 0),
  logical_or: (a, b) => is(a !== 0 || b !== 0),
  logical_xor: (a, b) => is((a !== 0) !== (b !== 0)),
  logical_not: (a) => not(a !== 0),
  bitwise_and: (a, b) => Number(BigInt(a) & BigInt(b)),
  bitwise_or: (a, b) => Number(BigInt(a) | BigInt(b)),
  bitwise_xor: (a, b) => Number(BigInt(a) ^ BigInt(b)),
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  rint,
  trunc: Math.trunc,
  signbit: (a) => is(negativeZero(a)),
  isnan: (a) => is(Number.isNaN(a)),
  isinf: (a) => is(Math.abs(a) === Infinity),
  isfinite: (a) => is(Number.isFinite(a)),
  exp: Math.exp,
  expm1: Math.expm1,
  exp2: (a) => 2 ** a,
  log: Math.log,
  log1p: Math.log1p,
  log2: Math.log2,
  log10: Math.log10,
  logaddexp: (a, b) => logAdd(a, b, Math.exp, Math.log1p, Math.LN2),
  logaddexp2: (a, b) => logAdd(a, b, (x) => 2 ** x, (x) => Math.log1p(x) * Math.LOG2E, 1),
  tanh: Math.tanh,
  sinh: Math.sinh,
  cosh: Math.cosh,
  arcsinh: Math.asinh,
  arccosh: Math.acosh,
  arctanh: Math.atanh,
  sigmoid,
  sigmoid_cross_entropy: (x, t) => larger(x, 0) - x * t + Math.log1p(Math.exp(-Math.abs(x))),
  erf,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  arcsin: Math.asin,
  arccos: Math.acos,
  arctan: Math.atan,
  arctan2: Math.atan2,
  hypot: Math.hypot,
  deg2rad: (a) => a * (Math.PI / 180),
  rad2deg: (a) => a * (180 / Math.PI),
  sinc: (a) => {
    const u = (a === 0 ? 1e-20 : a) * Math.PI;
    return Math.sin(u) / u;
  },
  ldexp: (a, n) => a * 2 ** n,
};

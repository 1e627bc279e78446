// @ts-check
// Operations on windows of an array: convolution, pooling, sliding windows; named as the primitives.
import { array, places, strides, taken } from "./arrays.js";
import { rounding } from "./elementwise.js";

/** @typedef {{s: number[], d: string, x: Float64Array}} Arr */
/** @typedef {{a: any, s: any, d: any}} Form */

/** Go through all products of a convolution of images: f(place in x, place in W, place in y).
 * In the padding the place in x is -1.
 * @param {number[]} xs @param {number[]} ws @param {number[]} ys @param {any} how
 * @param {(x: number, w: number, y: number) => void} f */
function products(xs, ws, ys, how, f) {
  const [, C, H, W] = xs, [, c, kh, kw] = ws, [N, F, oh, ow] = ys;
  const [sh, sw] = how.stride, [ph, pw] = how.padding, [dh, dw] = how.dilation;
  const perGroup = F / how.groups;
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < F; k++) {
      const first = Math.floor(k / perGroup) * c; // the channels of its group
      for (let i = 0; i < oh; i++) {
        for (let j = 0; j < ow; j++) {
          const y = ((n * F + k) * oh + i) * ow + j;
          for (let m = 0; m < c; m++) {
            for (let u = 0; u < kh; u++) {
              const row = i * sh + u * dh - ph;
              for (let v = 0; v < kw; v++) {
                const column = j * sw + v * dw - pw;
                const inside = row >= 0 && row < H && column >= 0 && column < W;
                f(inside ? ((n * C + first + m) * H + row) * W + column : -1, ((k * c + m) * kh + u) * kw + v, y);
              }
            }
          }
        }
      }
    }
  }
}

/** @param {Arr} x @param {number} i */
const padded = (x, i) => (i < 0 ? 0 : x.x[i]);

/** Add products up: each of y, x and W is the sum of what the other two give.
 * @param {Form} form @param {(add: (place: number, product: number) => void) => void} go */
function added({ s, d }, go) {
  const out = array(s, d), round = rounding(d);
  go((place, product) => (out.x[place] = round(out.x[place] + round(product))));
  return out;
}

/** @param {Arr} x @param {Form} form */
function windowArgmax(x, { a, s, d }) {
  const [, , H, W] = x.s, [kh, kw] = a.size, [sh, sw] = a.stride, [ph, pw] = a.padding;
  const [, , oh, ow] = s;
  const out = array(s, d);
  for (let y = 0; y < out.x.length; y++) {
    const image = Math.floor(y / (oh * ow)) * H * W;
    const top = (Math.floor(y / ow) % oh) * sh - ph, left = (y % ow) * sw - pw;
    let found = -1, most = -Infinity;
    for (let u = 0; u < kh && !Number.isNaN(most); u++) {
      for (let v = 0; v < kw; v++) {
        const row = top + u, column = left + v;
        if (row < 0 || row >= H || column < 0 || column >= W) continue;
        const value = x.x[image + row * W + column];
        if (value > most || Number.isNaN(value)) [found, most] = [row * W + column, value];
        if (Number.isNaN(value)) break; // NaN is the largest
      }
    }
    out.x[y] = found >= 0 ? found : Math.max(top, 0) * W + Math.max(left, 0); // all are -Infinity: the first
  }
  return out;
}

/** For each element of all windows its place in the array. @param {number[]} shape @param {any} a @param {number[]} s */
function inWindows(shape, { axis }, s) {
  const steps = strides(shape);
  const axes = (Array.isArray(axis) ? axis : [axis]).map((k) => (k + shape.length) % shape.length);
  return places(s, [...steps, ...axes.map((k) => steps[k])]);
}

/** @type {Record<string, (i: any[], f: Form) => any>} */
export const WINDOWS = {
  conv2d: ([x, w], f) => added(f, (add) => products(x.s, w.s, f.s, f.a, (i, j, k) => add(k, padded(x, i) * w.x[j]))),
  conv2d_x: ([y, w], f) => added(f, (add) => products(f.s, w.s, y.s, f.a, (i, j, k) => i >= 0 && add(i, y.x[k] * w.x[j]))),
  conv2d_W: ([x, y], f) => added(f, (add) => products(x.s, f.s, y.s, f.a, (i, j, k) => add(j, padded(x, i) * y.x[k]))),
  convolve: ([a, v], f) => added(f, (add) => a.x.forEach((/** @type {number} */ p, /** @type {number} */ i) =>
    v.x.forEach((/** @type {number} */ q, /** @type {number} */ j) => add(i + j, p * q)))),
  window_argmax: ([x], f) => windowArgmax(x, f),
  sliding_window_view: ([x], f) => taken(x, inWindows(x.s, f.a, f.s), f.s),
  unwindow: ([x], f) => added(f, (add) => inWindows(f.s, f.a, x.s).forEach((place, i) => add(place, x.x[i]))),
};

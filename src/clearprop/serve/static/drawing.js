"use strict";
// Curves as SVG, images on canvas. Nothing here knows about training.
const SVG = "http://www.w3.org/2000/svg";
const POWER = 0.8; // as in look.py
const H = 210, LEFT = 46, RIGHT = 92, TOP = 10, BOTTOM = 28;

function ink(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// series: [{name, points: [[x, y], …]}]; options: {log, from, to, words, digits}
function curves(place, series, options = {}) {
  const log = options.log, W = Math.max(240, place.clientWidth);
  const scale = y => (log ? Math.log10(y) : y);
  const kept = series.map(s => ({ name: s.name, points: s.points.filter(p => p[1] !== null && (!log || p[1] > 0)) }));
  const ys = kept.flatMap(s => s.points.map(p => scale(p[1])));
  const longest = Math.max(10, ...kept.flatMap(s => s.points.map(p => p[0])));
  let low = options.from ?? Math.min(...ys), high = options.to ?? Math.max(...ys);
  if (log) { low = Math.floor(Math.min(...ys, -2)); high = Math.ceil(Math.max(...ys, low + 1)); }
  if (!(high > low)) high = low + 1;
  const X = x => LEFT + (x / longest) * (W - LEFT - RIGHT);
  const Y = y => TOP + ((high - y) / (high - low)) * (H - TOP - BOTTOM);
  const svg = ink("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": options.words || "" });
  for (const tick of ticks(low, high, log)) {
    svg.append(ink("path", { class: "grid", d: `M${LEFT} ${Y(tick)}H${W - RIGHT}` }));
    svg.append(ink("text", { class: "tick", x: LEFT - 6, y: Y(tick) + 4, "text-anchor": "end" }, label(tick, log, options)));
  }
  for (const x of [0, longest])
    svg.append(ink("text", { class: "tick", x: X(x), y: H - 8, "text-anchor": x ? "end" : "start" }, x ? `step ${x.toLocaleString("en")}` : "0"));
  const ends = [];
  kept.forEach((s, i) => {
    if (!s.points.length) return;
    const path = s.points.map(([x, y], n) => `${n ? "L" : "M"}${X(x).toFixed(1)} ${Y(scale(y)).toFixed(1)}`).join("");
    svg.append(ink("path", { class: `curve s${i % 5}`, d: path, "stroke-dasharray": ["", "6 3", "2 3", "8 3 2 3", "1 3"][i % 5] }));
    const last = s.points[s.points.length - 1];
    ends.push({ i, y: Y(scale(last[1])), text: s.name, x: X(last[0]) });
  });
  ends.sort((a, b) => a.y - b.y);
  ends.forEach((end, n) => { if (n) end.y = Math.max(end.y, ends[n - 1].y + 14); });
  for (let n = ends.length - 1, most = H - BOTTOM; n >= 0; n--) { ends[n].y = Math.min(ends[n].y, most); most = ends[n].y - 14; }
  for (const end of ends) svg.append(ink("text", { class: `s${end.i % 5}`, x: W - RIGHT + 8, y: end.y + 4 }, end.text));
  place.replaceChildren(svg);
}

function ticks(low, high, log) {
  const found = [];
  if (log) {
    const step = Math.ceil((high - low) / 6) || 1;
    for (let t = low; t <= high; t += step) found.push(t);
    return found;
  }
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map(n => n * power).find(n => n >= rough) || rough;
  for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + 1e-9; t += step) found.push(t);
  return found;
}

function label(tick, log, options) {
  if (log) return tick === 0 ? "1" : `1e${tick}`;
  return options.percent ? `${Math.round(tick * 100)} %` : String(Number(tick.toFixed(6)));
}

function bytes(text) { return Uint8Array.from(atob(text), c => c.charCodeAt(0)); }

function colours() {
  const style = getComputedStyle(document.documentElement);
  const read = name => { const hex = style.getPropertyValue(name).trim().slice(1); return [0, 2, 4].map(i => parseInt(hex.slice(i, i + 2), 16)); };
  return { low: read("--low"), zero: read("--zero"), high: read("--high"), paper: read("--paper"), ink: read("--ink") };
}

// Pixels from -127 to 127, or from 0 to 255 where signed is false.
function image(canvas, text, side, signed, c) {
  const values = bytes(text);
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d"), data = context.createImageData(side, side);
  for (let i = 0; i < values.length; i++) {
    const v = signed ? ((values[i] << 24) >> 24) / 127 : values[i] / 255;
    const from = signed ? c.zero : c.paper, end = signed ? (v < 0 ? c.low : c.high) : c.ink;
    const share = signed ? Math.min(1, Math.abs(v)) ** POWER : v;
    for (let k = 0; k < 3; k++) data.data[4 * i + k] = from[k] + (end[k] - from[k]) * share;
    data.data[4 * i + 3] = 255;
  }
  context.putImageData(data, 0, 0);
}

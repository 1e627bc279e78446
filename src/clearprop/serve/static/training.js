"use strict";
const $ = id => document.getElementById(id);
const NAMES = ["lr", "batch", "activation", "speed", "hidden", "layers", "initial"];
const NUMBERS = ["lr", "batch", "hidden", "layers"];
let state = { running: false, loading: true, settings: {} }, last = {};

async function order(request) {
  try {
    const response = await fetch("/room", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(request),
    });
    const kind = response.headers.get("content-type") || "";
    const answer = kind.startsWith("application/json") ? await response.json() : { problem: await response.text() };
    say(answer.problem);
    return !answer.problem;
  } catch {
    say("The server does not answer: start clearprop serve again, in a terminal.");
    return false;
  }
}

function say(text) { $("problem").textContent = text || ""; }

function onState(found) {
  state = found;
  $("start").textContent = state.running ? "Pause" : "Start";
  for (const id of ["start", "step", "reset"]) $(id).disabled = state.loading;
  for (const name of NAMES) {
    const control = $(name), value = String(state.settings[name]);
    if (document.activeElement === control) continue;
    if (control.tagName === "SELECT" && ![...control.options].some(o => o.value === value)) continue;
    control.value = value;
  }
  if (state.problem) say(state.problem);
}

function onCurves(found) {
  last.curves = found;
  const end = list => (list.length ? list[list.length - 1][1] : null);
  const percent = v => (v === null ? "–" : `${(v * 100).toFixed(1)} %`);
  $("where").textContent = `Step ${found.iteration.toLocaleString("en")}, ${found.epoch.toFixed(2)} times through the 60,000 images`;
  const loss = end(found.loss);
  curves($("loss"), [{ name: loss === null ? "loss" : loss.toFixed(3), points: found.loss }],
    { from: 0, to: Math.max(2.5, ...found.loss.map(p => p[1] || 0)), words: `Loss ${loss}` });
  curves($("accuracy"), [{ name: `train ${percent(end(found.train))}`, points: found.train },
    { name: `test ${percent(end(found.test))}`, points: found.test }],
    { from: 0, to: 1, percent: true, words: `Accuracy: training ${percent(end(found.train))}, test ${percent(end(found.test))}` });
  curves($("strength"), found.strength.map((points, i) => ({ name: `layer ${i + 1}`, points })),
    { log: true, words: found.strength.map((p, i) => `layer ${i + 1}: ${end(p)}`).join(", ") });
}

function onPictures(found) {
  last.pictures = found;
  const c = colours();
  tiles($("weights"), found.weights.length, (canvas, text, i) => {
    image(canvas, found.weights[i], found.side, true, c);
    canvas.setAttribute("aria-label", `Weights of unit ${i + 1}`);
  });
  $("largest").textContent = `· full colour is ${Number(found.largest).toPrecision(2)}`;
  const more = found.units > found.weights.length ? ` The first ${found.weights.length} of ${found.units} are shown.` : "";
  $("dead").textContent = found.dead === null ? more.trim()
    : `${found.dead} of ${found.units} units are 0 for every test digit: nothing comes back through them.${more}`;
  $("wrong-count").textContent = `${found.wrong_count} of ${found.sample.toLocaleString("en")} digits it has never trained on`
    + (found.wrong_count > found.wrong.length ? `; the first ${found.wrong.length}:` : ":");
  tiles($("wrong"), found.wrong.length, (canvas, text, i) => {
    const w = found.wrong[i];
    image(canvas, w.pixels, found.side, false, c);
    text.textContent = `a ${w.truth}, read as ${w.guess} (${w.sure === null ? "–" : Math.round(w.sure * 100)} %)`;
    canvas.setAttribute("aria-label", `Image of a ${w.truth}`);
  });
}

function tiles(list, count, draw) {
  while (list.children.length > count) list.lastChild.remove();
  while (list.children.length < count) {
    const item = document.createElement("li"), canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    item.append(canvas, document.createElement("span"));
    list.append(item);
  }
  [...list.children].forEach((item, i) => draw(item.firstChild, item.lastChild, i));
}

function setting(name) {
  const text = $(name).value.trim();
  const value = NUMBERS.includes(name) ? (text === "" ? NaN : Number(text)) : text;
  if (Number.isNaN(value)) { say(`${name === "lr" ? "The learning rate" : name} is a number, such as 0.1.`); return; }
  order({ settings: { [name]: value } });
}

$("start").addEventListener("click", () => order({ do: state.running ? "pause" : "start" }));
$("step").addEventListener("click", () => order({ do: "step" }));
$("reset").addEventListener("click", () => order({ do: "reset" }));
$("settings").addEventListener("submit", event => event.preventDefault());
for (const name of NAMES) $(name).addEventListener("change", () => setting(name));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => last.pictures && onPictures(last.pictures));

addEventListener("resize", () => last.curves && onCurves(last.curves));

const stream = new EventSource("/room");
stream.addEventListener("state", event => onState(JSON.parse(event.data)));
stream.addEventListener("curves", event => onCurves(JSON.parse(event.data)));
stream.addEventListener("pictures", event => onPictures(JSON.parse(event.data)));
stream.addEventListener("error", () => { $("where").textContent = "The connection is lost; it is tried again."; });

"use strict";
// What is typed goes to the server after a short rest; answers that come too late are dropped.
const $ = id => document.getElementById(id);
const WAIT = 200;
const SENTENCE = $("sentence").textContent;
const tab = Math.random().toString(36).slice(2);
const typed = new Map(); // what somebody wrote into the fields, by name
let there = ""; // where in the picture the reader is
let number = 0, shown = 0, timer = 0, examples = [];

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function soon(wait = WAIT) {
  clearTimeout(timer);
  timer = setTimeout(ask, wait);
}

async function ask() {
  clearTimeout(timer);
  const mine = ++number;
  const request = { tab, number: mine, text: $("formula").value, values: Object.fromEntries(typed) };
  let answer;
  try {
    const response = await fetch("/formula", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(request),
    });
    const kind = response.headers.get("content-type") || "";
    answer = kind.startsWith("application/json")
      ? await response.json() : { error: { message: (await response.text()).trim() } };
  } catch {
    answer = { error: { message: "The server does not answer.", write: "clearprop serve, in a terminal" } };
  }
  if (mine < shown || answer.stale) return;
  shown = mine;
  if (answer.error) problem(answer.error); else success(answer);
}

function problem(error) {
  const parts = [make("b", {}, error.message)];
  if (error.pointed) parts.push(make("pre", {}, error.pointed));
  if (error.why) parts.push(make("div", {}, error.why));
  if (error.write) parts.push(make("div", {}, "Write instead: ", make("span", { class: "code" }, error.write)));
  $("problem").replaceChildren(...parts);
  $("formula").setAttribute("aria-invalid", error.field ? "false" : "true");
  for (const input of $("leaves").querySelectorAll("input"))
    input.setAttribute("aria-invalid", String(input.dataset.name === error.field));
  if ($("frames").childElementCount) {
    $("frames").classList.add("old");
    $("result").replaceChildren(make("span", { class: "old" }, "The last picture that could be drawn:"));
  }
  disable();
}

function disable() {
  $("share").removeAttribute("href");
  $("share").setAttribute("aria-disabled", "true");
}

function success(answer) {
  $("problem").replaceChildren();
  $("formula").setAttribute("aria-invalid", "false");
  rows(answer.leaves);
  const notes = answer.notes.map(note => make("div", { class: "soft" }, note));
  $("result").replaceChildren("Result: ", make("b", {}, answer.result), ...notes);
  picture(`/picture/${answer.picture}`);
}

function rows(leaves) {
  // A field that somebody is in stays the same element, with what was typed into it.
  const body = $("leaves"), before = new Map();
  for (const row of body.children) before.set(row.dataset.name, row);
  const wanted = leaves.map(leaf => {
    const row = before.get(leaf.name) || newRow(leaf.name);
    const input = row.querySelector("input");
    row.className = leaf.source;
    input.readOnly = leaf.source === "formula";
    input.title = { formula: "The formula says this value.", proposed: "Proposed: write your own.", given: "" }[leaf.source];
    if (document.activeElement !== input) input.value = leaf.value;
    input.setAttribute("aria-invalid", "false");
    row.lastChild.textContent = leaf.derivative;
    return row;
  });
  const same = wanted.length === body.children.length && wanted.every((row, i) => body.children[i] === row);
  if (!same) body.replaceChildren(...wanted);
}

function newRow(name) {
  const input = make("input", { "data-name": name, "aria-label": `Value of ${name}`, autocomplete: "off", spellcheck: "false" });
  input.addEventListener("input", () => { typed.set(name, input.value); soon(); });
  input.addEventListener("keydown", event => {
    if ((event.key === "ArrowUp" || event.key === "ArrowDown") && !input.readOnly) nudge(event, input, name);
  });
  return make("tr", { "data-name": name }, make("th", { scope: "row", class: "code" }, name), make("td", {}, input),
    make("td", { class: "back" }));
}

function nudge(event, input, name) {
  const found = /^\s*-?\d+(\.\d+)?\s*$/.exec(input.value);
  if (!found) return;
  event.preventDefault();
  const digits = found[1] ? found[1].length - 1 : 0; // the last digit that is written
  const next = Number(input.value) + (event.key === "ArrowUp" ? 1 : -1) * 10 ** -digits;
  input.value = next.toFixed(digits);
  typed.set(name, input.value);
  soon(60);
}

function heard(event) {
  // The picture says where in it the reader is, so that the next one starts there.
  const frame = $("frames").querySelector("iframe:not(.coming)"), said = event.data?.clearprop;
  if (!said || event.source !== frame?.contentWindow) return;
  if (typeof said.argument === "string") {
    const input = [...$("leaves").querySelectorAll("input")].find(one => one.dataset.name === said.argument);
    if (input) { input.focus(); input.select(); }
    return;
  }
  const whole = [said.step, said.of, said.scroll].map(n => Number.isInteger(n) && n >= 0 ? n : 0);
  there = whole[0] === whole[1] ? `&scroll=${whole[2]}` : `&step=${whole[0]}&of=${whole[1]}&scroll=${whole[2]}`;
}

function picture(address) {
  const frames = $("frames");
  const frame = make("iframe", { src: `${address}#embedded${there}`, title: "Picture of the formula, and its steps", class: "coming",
    sandbox: "allow-scripts allow-downloads" });
  frame.addEventListener("load", () => {
    frame.classList.remove("coming");
    while (frames.firstChild && frames.firstChild !== frame) frames.firstChild.remove();
    frames.classList.toggle("old", $("problem").childElementCount > 0); // a mistake may have come since
  }, { once: true });
  frames.append(frame);
  $("share").href = address;
  $("share").download = "formula.html";
  $("share").setAttribute("aria-disabled", "false");
}

async function begin() {
  examples = await (await fetch("/examples")).json();
  examples.forEach((example, i) => $("example").append(make("option", { value: String(i) }, example.title)));
  $("example").addEventListener("change", () => $("example").value && choose(Number($("example").value)));
  $("formula").addEventListener("input", () => { leaveExample(); soon(); });
  $("formula").addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); ask(); }
  });
  window.addEventListener("message", heard);
  $("example").value = "0";
  choose(0);
}

function leaveExample() {
  const example = examples[Number($("example").value || -1)];
  if (!example || $("formula").value === example.text) return;
  $("example").value = "";
  $("sentence").textContent = SENTENCE;
}

function choose(i) {
  const example = examples[i];
  $("sentence").textContent = example.sentence;
  $("formula").value = example.text;
  typed.clear();
  there = "";
  for (const [name, value] of Object.entries(example.values)) typed.set(name, value);
  document.activeElement?.matches?.("#leaves input") && document.activeElement.blur();
  ask();
}

begin();

// @ts-check
// The walk: buttons, slider, keys, and the sentence that says what happens.
import { describe } from "./numbers.js";
import { counted, html, lineOf } from "./text.js";

const PACE = 1400; // milliseconds for one step
const get = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

export class Walk {
  /** @param {import("./state.js").State} state */
  constructor(state) {
    this.state = state;
    this.timer = 0;
    get("moment").max = state.last;
    get("moment").addEventListener("input", () => this.to(Number(get("moment").value)));
    for (const [id, moment] of /** @type {[string, () => number][]} */ ([
      ["first", () => 0],
      ["back", () => state.moment - 1],
      ["next", () => state.moment + 1],
      ["last", () => state.last],
    ])) get(id).addEventListener("click", () => this.to(moment()));
    get("play").addEventListener("click", () => this.play(!this.timer));
    document.addEventListener("keydown", (event) => this.key(event));
    get("help-open").addEventListener("click", () => get("help").showModal());
    this.scale();
    state.listeners.push(() => this.show());
    this.show();
  }

  /** Go somewhere by hand: playing stops. @param {number} moment */
  to(moment) {
    this.play(false);
    this.state.go(moment);
  }

  /** @param {boolean} on */
  play(on) {
    window.clearInterval(this.timer);
    this.timer = 0;
    if (on) {
      if (this.state.moment === this.state.last) this.state.go(0);
      this.timer = window.setInterval(() => {
        this.state.go(this.state.moment + 1);
        if (this.state.moment === this.state.last) this.play(false);
      }, PACE);
    }
    get("play").setAttribute("aria-pressed", String(on));
    get("play").textContent = on ? "❚❚ pause" : "▶ play";
    get("play").setAttribute("aria-label", on ? "Pause" : "Play");
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {any} */ (event.target);
    if (event.altKey || event.ctrlKey || event.metaKey || get("help").open) return;
    if (target.matches("input:not([type=range]), textarea, select, [data-keys]")) return;
    const moments = { ArrowRight: this.state.moment + 1, ArrowLeft: this.state.moment - 1, Home: 0, End: this.state.last };
    if (event.key in moments) this.to(moments[/** @type {keyof typeof moments} */ (event.key)]);
    else if (event.key === " " && !target.matches("button, summary, [role=button]")) this.play(!this.timer);
    else if (event.key === "?") get("help").showModal();
    else if (event.key === "+" || event.key === "=") get("zoom-in").click();
    else if (event.key === "-" || event.key === "−") get("zoom-out").click();
    else if (event.key === "0") get("zoom-fit").click();
    else return;
    event.preventDefault();
  }

  /** Write what the slider means below it. */
  scale() {
    const { n, last } = this.state;
    const parts = n ? [n > 1 ? `(1) … (${n}) forward` : "(1) forward"] : [];
    if (last > n) parts.push(n > 1 ? `(${n}) … (1) backward` : "(1) backward");
    get("scale").replaceChildren(...parts.map((text) => html("span", {}, text)));
  }

  show() {
    const { state } = this;
    get("moment").value = state.moment;
    const sentence = this.sentence();
    get("moment").setAttribute("aria-valuetext", this.where());
    if (get("sentence").textContent !== sentence) get("sentence").textContent = sentence;
    get("first").disabled = get("back").disabled = state.moment === 0;
    get("next").disabled = get("last").disabled = state.moment === state.last;
  }

  /** @returns {string} */
  where() {
    const { step, back } = this.state.place;
    return step ? `(${step}) ${back ? "backward" : "forward"}` : "start";
  }

  /** @returns {string} */
  sentence() {
    const { state } = this;
    const { step, back } = state.place;
    if (!state.n) return "Nothing was recorded: no operation on an argument.";
    if (!step) return `${counted(state.n)} forward${state.data.differentiated ? `, then ${state.n} backward` : ""}. Nothing is computed yet.`;
    const entry = state.data.steps[step - 1];
    const symbol = state.data.operations[entry.op].symbol;
    const line = (/** @type {number} */ q, /** @type {boolean} */ shape) => lineOf(describe(state.quantity(q), shape));
    if (!back) {
      const results = entry.out.map((/** @type {any} */ o) => `${o.name} = ${o.v >= 0 ? line(o.v, true) : "?"}`);
      return `Forward, step (${step}), ${symbol}: ${results.join("; ")}.`;
    }
    const given = entry.in
      .filter((/** @type {any} */ o) => typeof o.d === "number" && o.d >= 0)
      .map((/** @type {any} */ o) => `${o.name} gets ${line(o.d, false)}`);
    return `Backward, step (${step}), ${symbol}: ${given.length ? given.join("; ") : "nothing is passed back"}.`;
  }
}

// @ts-check
// Zoom and pan of the picture: buttons, wheel with Ctrl, dragging, two fingers.

const LEAST = 0.5, START_LEAST = 0.85, START_MOST = 1.5, MOST = 6; // pixels of the screen for one of the picture

export class Zoom {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.scale = 1;
    this.x = this.y = 0;
    this.dragged = false;
    /** @type {Map<number, {x: number, y: number}>} */
    this.fingers = new Map();
    const on = (/** @type {string} */ id, /** @type {() => void} */ f) => document.getElementById(id)?.addEventListener("click", f);
    on("zoom-in", () => this.by(1.25));
    on("zoom-out", () => this.by(0.8));
    on("zoom-fit", () => this.fit());
    place.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.by(Math.exp(-event.deltaY / 300), event);
    }, { passive: false });
    place.addEventListener("pointerdown", (event) => this.down(event));
    place.addEventListener("pointermove", (event) => this.moved(event));
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
      place.addEventListener(end, (event) => this.fingers.delete(/** @type {PointerEvent} */ (event).pointerId));
    }
    new ResizeObserver(() => this.svg && this.resized()).observe(place);
  }

  /** @param {any} picture */
  take(picture) {
    this.svg = picture;
    this.shown = 0;
    [, , this.width, this.height] = picture.getAttribute("viewBox").split(" ").map(Number);
    picture.removeAttribute("width");
    picture.removeAttribute("height");
    this.touched = false;
    this.x = this.y = 0;
    this.resized();
  }

  /** The size of the window in which the picture is seen. */
  room() {
    this.seen ??= { w: this.place.clientWidth || 1, h: this.place.clientHeight || 1 };
    return this.seen; // asked of the browser only when it has changed: asking makes it lay out the page
  }

  resized() {
    this.seen = undefined;
    const { w } = this.room();
    const scale = Math.min(Math.max(w / (this.width ?? 1), START_LEAST), START_MOST);
    const high = Math.round((this.height ?? 0) * scale);
    this.place.style.setProperty("--height", `${high}px`);
    this.seen = undefined;
    if (!this.touched) {
      this.scale = Math.min(Math.max(Math.min(w / (this.width ?? 1), this.room().h / (this.height ?? 1)), START_LEAST), START_MOST);
    }
    this.apply();
    if (this.lit) this.reveal(...this.lit);
  }

  fit() {
    const { w, h } = this.room();
    this.scale = Math.min(w / (this.width ?? 1), h / (this.height ?? 1), START_MOST);
    this.x = this.y = 0;
    this.touched = true;
    this.apply();
  }

  /** Back to the left, where a walk starts. */
  start() {
    this.lit = undefined;
    if (this.touched) return;
    this.x = this.y = 0;
    this.apply();
  }

  /** @param {number} factor @param {{clientX: number, clientY: number}} [at] */
  by(factor, at) {
    const box = this.place.getBoundingClientRect();
    const { w, h } = this.room();
    const px = at ? at.clientX - box.left : w / 2, py = at ? at.clientY - box.top : h / 2;
    const least = Math.min(LEAST, w / (this.width ?? 1), h / (this.height ?? 1));
    const scale = Math.min(Math.max(this.scale * factor, least), MOST);
    this.x += px / this.scale - px / scale;
    this.y += py / this.scale - py / scale;
    this.scale = scale;
    this.touched = true;
    this.apply();
  }

  apply() {
    const { w, h } = this.room();
    const [vw, vh] = [w / this.scale, h / this.scale];
    const within = (/** @type {number} */ at, /** @type {number} */ seen, /** @type {number} */ all) =>
      seen >= all ? (all - seen) / 2 : Math.min(Math.max(at, 0), all - seen);
    this.x = within(this.x, vw, this.width ?? 0);
    this.y = within(this.y, vh, this.height ?? 0);
    const { style } = this.svg; // moving costs no layout, as a viewBox of its own would for each text
    if (this.shown !== this.scale) [style.width, style.height] = [this.width ?? 0, this.height ?? 0].map((all) => `${all * this.scale}px`);
    this.shown = this.scale;
    style.transform = `translate(${(-this.x * this.scale).toFixed(1)}px,${(-this.y * this.scale).toFixed(1)}px)`;
  }

  /** Move the picture only if a part of it is not to be seen. @param {number} x @param {number} y @param {number} width @param {number} height */
  reveal(x, y, width, height) {
    this.lit = /** @type {[number, number, number, number]} */ ([x, y, width, height]);
    const { w, h } = this.room();
    const [vw, vh] = [w / this.scale, h / this.scale];
    const margin = Math.min(110, vw / 5);
    if (x - margin < this.x || x + width + margin > this.x + vw) this.x = x + width / 2 - vw / 2;
    if (y < this.y || y + height > this.y + vh) this.y = y + height / 2 - vh / 2;
    this.apply();
  }

  /** @param {PointerEvent} event */
  down(event) {
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.fingers.size === 1) this.dragged = false;
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    if (this.fingers.size === 2) {
      const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1] ?? now;
      const apart = (/** @type {{x: number, y: number}} */ p) => Math.hypot(p.x - other.x, p.y - other.y) || 1;
      this.by(apart(now) / apart(before), { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 });
      this.dragged = true;
    } else if (this.dragged || Math.hypot(now.x - before.x, now.y - before.y) > 4) {
      this.dragged = this.touched = true;
      this.x -= (now.x - before.x) / this.scale;
      this.y -= (now.y - before.y) / this.scale;
      this.apply();
    } else {
      return; // not far enough to be meant: measured from where it began
    }
    this.fingers.set(event.pointerId, now);
  }
}

/* What fingers, mouse and keys do to a map. `act` has pan, zoomBy, fit, hover, leave, pick, outline (while it is drawn),
   choose (when it is), cancel. Pixels are those of the element. */

const CLICK = 4;
const KEY_STEP = 48;

export class Gestures {
  constructor(element, act) {
    Object.assign(this, { element, act, tool: "pan", fingers: new Map(), drag: null });
    this.ending = new AbortController();
    const hear = (name, listener, options = {}) =>
      element.addEventListener(name, listener, { signal: this.ending.signal, ...options });
    hear("wheel", (event) => this.#turn(event), { passive: false });
    hear("pointerdown", (event) => this.#press(event));
    hear("pointermove", (event) => this.#move(event));
    hear("pointerup", (event) => this.#release(event, true));
    hear("pointercancel", (event) => this.#release(event, false));
    hear("pointerleave", () => !this.drag && act.leave());
    hear("keydown", (event) => this.#key(event));
  }

  end() { this.ending.abort(); }

  #at(event) {
    const { left, top } = this.element.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  #turn(event) {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1);
    // Two fingers on a touchpad arrive as a wheel with Ctrl, in small steps.
    const speed = event.ctrlKey ? 120 : 400;
    this.act.zoomBy(Math.exp(-Math.max(-300, Math.min(300, pixels)) / speed), ...this.#at(event));
  }

  #press(event) {
    if (event.button) return;
    this.element.setPointerCapture(event.pointerId);
    const place = this.#at(event);
    this.fingers.set(event.pointerId, place);
    if (this.fingers.size > 1) {
      this.act.cancel();
      this.drag = { ...this.drag, tool: "pan", hasMoved: true };
      return;
    }
    const tool = event.shiftKey && this.tool === "pan" ? "box" : this.tool;
    this.drag = { start: place, last: place, tool, hasMoved: false, path: [place] };
  }

  #move(event) {
    const place = this.#at(event);
    const { drag, act } = this;
    if (!drag) {
      if (event.pointerType !== "touch") act.hover(...place);
      return;
    }
    if (this.fingers.size === 2) this.#pinch(event.pointerId, place);
    this.fingers.set(event.pointerId, place);
    if (this.fingers.size > 1) return;
    if (!drag.hasMoved && Math.hypot(place[0] - drag.start[0], place[1] - drag.start[1]) < CLICK) return;
    if (!drag.hasMoved) act.leave();
    drag.hasMoved = true;
    if (drag.tool === "pan") act.pan(place[0] - drag.last[0], place[1] - drag.last[1]);
    else act.outline((drag.path = drag.tool === "box" ? boxAround(drag.start, place) : [...drag.path, place]));
    drag.last = place;
  }

  #release(event, isKept) {
    this.fingers.delete(event.pointerId);
    const { drag, act } = this;
    if (!drag) return;
    if (this.fingers.size) {
      drag.last = [...this.fingers.values()][0];
      return;
    }
    this.drag = null;
    const isAdded = event.ctrlKey || event.metaKey;
    if (!isKept) act.cancel();
    else if (!drag.hasMoved) act.pick(...this.#at(event), { isAdded: isAdded || event.shiftKey });
    else if (drag.tool !== "pan") act.choose(drag.path, { isAdded });
  }

  #pinch(id, place) {
    const other = [...this.fingers].find(([key]) => key !== id)[1];
    const was = this.fingers.get(id);
    const [before, after] = [was, place].map(([x, y]) => Math.hypot(x - other[0], y - other[1]) || 1);
    this.act.pan((place[0] - was[0]) / 2, (place[1] - was[1]) / 2);
    this.act.zoomBy(after / before, (place[0] + other[0]) / 2, (place[1] + other[1]) / 2);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { act } = this;
    const keys = {
      ArrowLeft: () => act.pan(KEY_STEP, 0), ArrowRight: () => act.pan(-KEY_STEP, 0),
      ArrowUp: () => act.pan(0, KEY_STEP), ArrowDown: () => act.pan(0, -KEY_STEP),
      "+": () => act.zoomBy(1.4), "=": () => act.zoomBy(1.4), "-": () => act.zoomBy(1 / 1.4), 0: () => act.fit(),
      Escape: () => this.#escape(),
    };
    if (!keys[event.key]) return;
    // Esc goes on to the page where there is nothing to take back here.
    if (keys[event.key]() === false) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #escape() {
    if (!this.drag || this.drag.tool === "pan") return false;
    this.drag = null;
    this.act.cancel();
    return true;
  }
}

const boxAround = ([x0, y0], [x1, y1]) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];

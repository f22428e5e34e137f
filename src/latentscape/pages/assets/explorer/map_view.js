/* The map of the page: tells the drawing what the reader has chosen, and the state what the reader does on it. */

import { make, sayCount, sayLayer } from "./dom.js";
import { touches } from "./columns.js";
import { rowsInside } from "./geometry.js";
import { fillCard, placeCard } from "./map_card.js";
import { colorsOf, namesOf, shapesOf, weakOf, wrongOf } from "./map_marks.js";
import { makeTools } from "./map_tools.js";
import { ScatterMap } from "./scatter_map.js";

const MOST_RINGS = 32;
const motionIsReduced = matchMedia("(prefers-reduced-motion: reduce)");

export function mountMap(element, state) {
  if (!state.data.frames.length) {
    element.append(make("p", { class: "reason" }, "This run has no map."));
    return null;
  }
  return new MapView(element, state);
}

class MapView {
  constructor(element, state) {
    this.state = state;
    this.field = make("div", { class: "map-field" });
    this.card = make("div", { class: "map-card", hidden: true });
    this.shown = make("strong", { class: "map-shown", "aria-live": "polite" });
    this.words = make("p", { class: "map-words" });
    element.append(this.field, this.words);
    this.map = new ScatterMap(this.field, {
      n: state.data.n, onHover: (...how) => this.#hover(...how), onPick: (...how) => this.#pick(...how),
      onOutline: (...how) => this.#choose(...how), onView: (view) => this.#look(view),
    });
    this.tools = makeTools(state, this.map);
    this.field.append(this.tools.element, this.card);
    this.#begin();
    state.listen((keys) => this.update(keys));
    document.addEventListener("keydown", (event) => this.#toggleTool(event));
    new ResizeObserver(() => this.#keepFree()).observe(this.field);
    globalThis.latentscapeMap = Object.freeze({ map: this.map, placeOf: (i) => this.map.placeOf(i), stats: () => this.map.stats() });
  }

  #begin() {
    const { choice } = this.state;
    this.map.setFrame(this.state.frame);
    if (choice.view) this.map.view = choice.view;
    this.map.setDensity(choice.density);
    this.map.setTool(choice.tool);
    this.update(new Set(["frame", "color", "shape", "filters", "selection", "focus"]), { isFirst: true });
  }

  /* Only what depends on what has changed is worked out anew. */
  update(keys, { isFirst = false } = {}) {
    const { state, map } = this;
    const { choice } = state;
    if (keys.has("frame") && !isFirst) this.#move();
    if (keys.has("color") || (keys.has("frame") && choice.color === "@trust")) {
      const { indices, palette } = colorsOf(state);
      map.setColors(indices, palette);
    }
    if (keys.has("shape")) map.setShapes(shapesOf(state));
    if (touches(keys, "frame", "showTrust")) this.trust = weakOf(state);
    if (touches(keys, "frame")) this.wrong = wrongOf(state);
    if (touches(keys, "frame", "filters", "found", "selection", "showTrust")) {
      map.setFlags({ shown: this.#mask(), wrong: this.wrong, faint: this.trust.weak, selected: state.selected });
    }
    if (touches(keys, "frame", "color", "filters", "found", "showNames")) map.setLabels(namesOf(state));
    if (touches(keys, "focus", "frame")) this.#mark(keys.has("focus") && !isFirst);
    if (keys.has("tool")) map.setTool(choice.tool);
    if (keys.has("density")) map.setDensity(choice.density);
    if (keys.has("view")) this.#follow();
    if (touches(keys, "frame", "filters", "found", "selection", "showTrust", "tool")) this.#say();
  }

  #mask() { return this.state.nShown === this.state.data.n ? null : this.state.shown(); }

  #move() {
    const { frame } = this.state;
    const isTied = frame.together !== "" && frame.together === this.frame?.together;
    if (!isTied && frame !== this.frame) this.map.fit();
    this.map.setFrame(frame, { isAnimated: isTied && !motionIsReduced.matches });
  }

  /* The focus and its neighbors in the layer's own space. */
  async #mark(isNew) {
    const { state, map } = this;
    const { focus } = state.choice;
    const { frame } = state;
    map.setMarks({ focus });
    if (focus < 0) return;
    if (isNew) this.#bringIntoView(focus);
    const { neighbors } = await state.data.details(focus, frame).catch(() => ({ neighbors: null }));
    if (state.choice.focus !== focus || state.frame !== frame || !neighbors) return;
    map.setMarks({ focus, neighbors: neighbors.list.map(([row]) => row).filter((row) => row >= 0).slice(0, MOST_RINGS) });
  }

  #bringIntoView(i) {
    const { map } = this;
    const [px, py] = map.placeOf(i);
    const { width, height } = map.camera;
    if (px >= 0 && py >= 0 && px <= width && py <= height) return;
    const { xy } = this.state.frame;
    map.view = { ...map.view, x: xy[2 * i], y: xy[2 * i + 1] };
  }

  #say() {
    const { state } = this;
    const { frame, data, nShown } = state;
    this.frame = frame;
    document.body.dataset.frame = frame.key;
    const checkpoint = data.answers[frame.checkpoint]?.checkpoint ?? "";
    const where = [checkpoint, sayLayer(frame.layer), frame.methodName].filter(Boolean).join(" · ");
    const noun = data.n === 1 ? "point" : "points";
    const many = `${nShown === data.n ? "" : `${sayCount(nShown)} of `}${sayCount(data.n)} ${noun}`;
    const picked = state.choice.selection ? ` · ${sayCount(state.rows.length)} selected` : "";
    this.shown.textContent = `${where} · ${many}${picked}`;
    this.map.canvas.setAttribute("aria-label", `Map: ${where}, ${many}${picked}. Arrows move it, plus and minus zoom, 0 shows all.`);
    const { many: nWeak, isMarked } = this.trust;
    const weak = `${sayCount(nWeak)} ${nWeak === 1 ? "point that keeps" : "points that keep"} fewer than 1 in 5 neighbors.`;
    const pale = nWeak ? `${isMarked ? "Pale" : "Not marked"}: ${weak}` : "";
    const warning = frame.warning ? [make("strong", { class: "wrong" }, frame.warning), " "] : [];
    this.words.replaceChildren(this.shown, " ", ...warning, [frame.score && closeSentence(frame.score), pale].filter(Boolean).join(" "));
    this.tools.update();
    this.#keepFree();
  }

  /* Names of classes stay away from the tools that lie on the map. */
  #keepFree() {
    const { left, top } = this.field.getBoundingClientRect();
    const box = this.tools.element.getBoundingClientRect();
    this.map.blocked = [{ left: box.left - left, top: box.top - top, width: box.width, height: box.height }];
  }

  /* ---- what the reader does ---- */

  #hover(i, px, py) {
    this.card.hidden = i < 0;
    if (i < 0) {
      this.hovered = -1;
      return;
    }
    if (i !== this.hovered) fillCard(this.card, this.state, i);
    this.hovered = i;
    placeCard(this.card, px, py, this.map.camera);
  }

  /* A click looks at a point; with Ctrl it adds the point to what is selected, or takes it out. */
  #pick(i, { isAdded }) {
    const { state } = this;
    this.#hover(-1);
    if (!isAdded) {
      if (i !== state.choice.focus) state.set({ focus: i });
      return;
    }
    if (i < 0) return;
    const rows = new Set(state.choice.selection ? state.rows : []);
    if (!rows.delete(i)) rows.add(i);
    state.select(rows.size ? { kind: "rows", rows: [...rows] } : null);
  }

  #choose(polygon, { isAdded }) {
    const { state } = this;
    const rows = rowsInside(state.frame.xy, polygon);
    if (isAdded && state.choice.selection) state.select({ kind: "rows", rows: [...new Set([...state.rows, ...rows])] });
    else state.select(rows.length ? { kind: "lasso", frame: state.choice.frame, polygon } : null);
  }

  #look({ x, y, zoom }) {
    const view = this.map.camera.isWhole ? null : { x: Math.round(x), y: Math.round(y), zoom: Number(zoom.toFixed(3)) };
    if (JSON.stringify(view) === JSON.stringify(this.state.choice.view)) return;
    this.told = view;
    this.state.set({ view });
  }

  /* Somebody else has chosen a view. */
  #follow() {
    const { view } = this.state.choice;
    if (view === this.told) return;
    this.told = view;
    if (view) this.map.view = view;
    else this.map.fit();
  }

  /* Esc goes back to moving. */
  #toggleTool(event) {
    if (event.key === "Escape" && !event.defaultPrevented && this.state.choice.tool !== "pan") this.state.set({ tool: "pan" });
  }
}

const closeSentence = (words) => (/[.!?]$/.test(words) ? words : `${words}.`);

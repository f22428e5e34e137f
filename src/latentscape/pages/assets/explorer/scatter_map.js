/* A map of up to some millions of points, drawn by WebGL2. It knows places, colors, shapes and flags, and nothing of samples. */

import { cssColor, make } from "./dom.js";
import { layer, layerSome, sortPlaces, stratify } from "./gl_order.js";
import { packLooks, rgbOf } from "./gl_looks.js";
import { hasCard } from "./gl_program.js";
import { Camera, boundsOf, radiusFor } from "./map_camera.js";
import { makeActions } from "./map_actions.js";
import { Gestures } from "./map_gestures.js";
import { MapOverlay } from "./map_overlay.js";
import { MapPainter } from "./map_painter.js";
import { watchSurroundings } from "./map_surroundings.js";
import { PickGrid } from "./pick_grid.js";

const GONE = "The graphics card was taken away; the map comes back with it.";
const MORPH_MS = 800;
const REST_MS = 150;
/* Longer than any frame: nobody moved anything in between. */
const PAUSE_MS = 250;
const PICK_REACH = 8;
/* Below it most of the map is in view. */
const NEAR_ZOOM = 2;
const glide = (t) => (t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2);

export class ScatterMap {
  /* `isSoft`: drawn by the processor, not by a graphics card. */
  constructor(element, { n, isSoft = !hasCard(), onHover = () => {}, onPick = () => {}, onOutline = () => {}, onView = () => {} }) {
    Object.assign(this, { element, n, hear: { onHover, onPick, onOutline, onView } });
    this.canvas = make("canvas", { class: "map-points", tabindex: "0", role: "img" });
    this.over = make("canvas", { class: "map-names", "aria-hidden": "true" });
    this.note = make("p", { class: "map-note", role: "status", hidden: true }, GONE);
    element.prepend(this.canvas, this.over, this.note);
    this.camera = new Camera();
    this.painter = new MapPainter(this.canvas, { isSoft });
    this.overlay = new MapOverlay(this.over);
    this.flags = { shown: null, wrong: null, faint: null, selected: null };
    this.paint = { indices: new Uint8Array(n), palette: ["#3366aa"], unknown: "#8a8f98", shapes: null };
    Object.assign(this, { labels: [], marks: { focus: -1, neighbors: [] }, hovered: -1, morph: null, isMoving: false, isLost: false });
    this.stale = new Set(["looks", "list"]);
    this.gestures = new Gestures(this.canvas, makeActions(this));
    this.stopWatching = watchSurroundings(this);
    this.forgetLooks();
    this.resize();
  }

  /* ---- what is shown ---- */

  /* The places of a frame; true when all points have arrived there, false when another frame came first. */
  setFrame({ xy, size }, { isAnimated = false } = {}) {
    // Who breaks off a way goes on from where the points are.
    const here = this.morph?.scene ? this.painter.placesOnTheWay(this.morph.scene) : null;
    const was = this.morph?.scene?.now ?? (this.xy ? this.camera.transform : null);
    this.morph?.finish(false);
    const wasWhole = this.camera.isWhole;
    Object.assign(this, { xy, grid: null });
    if (!this.order) this.#sort();
    this.camera.size = size;
    if (!was || wasWhole) this.camera.reset();
    this.painter.setPlaces(sortPlaces(xy, this.order));
    if (here) this.painter.setOld(here);
    this.#place();
    this.request();
    if (!was || !isAnimated || document.hidden) return Promise.resolve(true);
    return new Promise((resolve) => {
      this.morph = { was, begun: null, finish: (isDone) => resolve(isDone, this.morph = null) };
    });
  }

  /* `indices` into the palette; those at or beyond its end are unknown. */
  setColors(indices, palette, { unknown = "#8a8f98" } = {}) {
    Object.assign(this.paint, { indices, palette, unknown });
    this.#change("looks");
  }

  setShapes(shapes) {
    this.paint.shapes = shapes?.some((shape) => shape) ? shapes : null;
    this.#change("looks");
  }

  /* 1 where it is so, null where it is not known: hidden ones are not shown at all, chosen ones lie above all others. */
  setFlags(flags) {
    Object.assign(this.flags, flags);
    this.#change("looks", "list");
  }

  /* Names at places of the frame, the most important first. */
  setLabels(labels) {
    this.labels = labels;
    this.request();
  }

  setMarks({ focus = -1, neighbors = [] }) {
    this.marks = { focus, neighbors };
    this.#place();
    this.request();
  }

  setTool(tool) {
    this.gestures.tool = tool;
    this.canvas.dataset.tool = tool;
  }

  /* "auto", "on" or "off". */
  setDensity(mode) {
    this.painter.density = mode;
    this.painter.forget();
    this.request();
  }

  setHovered(i) {
    if (i === this.hovered) return;
    this.hovered = i;
    this.canvas.classList.toggle("over", i >= 0);
    this.drawOver();
  }

  /* ---- where it looks ---- */

  get view() { return { ...this.camera.view }; }

  set view(view) {
    this.camera.view = { ...view };
    this.changeView();
  }

  /* The whole map, or these rows and a margin. */
  fit(rows = null) {
    if (!rows?.length) this.camera.reset();
    else this.camera.fit(boundsOf(this.xy, rows));
    this.changeView();
  }

  zoomBy(factor, px, py) {
    this.camera.zoomBy(factor, px, py);
    this.changeView();
  }

  /* Pixels from the map's left upper corner. */
  placeOf(i) { return this.camera.toScreen(this.xy[2 * i], this.xy[2 * i + 1]); }

  /* Pixels from a point's middle to its rim. */
  get radius() { return radiusFor(this.n, this.camera.view.zoom); }

  rowAt(px, py) {
    if (!this.xy) return -1;
    this.grid ??= new PickGrid(this.xy);
    return this.grid.nearest(...this.camera.toFrame(px, py), (this.radius + PICK_REACH) / this.camera.scale, this.flags.shown);
  }

  stats() {
    const { frameMs, restMs, drawn, isDense, budget } = this.painter;
    return { frameMs, restMs, drawn, isDense, budget, isWhole: Boolean(this.isWhole) };
  }

  destroy() {
    this.gestures.end();
    this.stopWatching();
    cancelAnimationFrame(this.waiting);
    clearTimeout(this.resting);
    this.painter.card.end();
    for (const child of [this.canvas, this.over, this.note]) child.remove();
  }

  /* ---- drawing ---- */

  request() {
    if (this.isLost) return;
    this.waiting ??= requestAnimationFrame((time) => {
      this.waiting = null;
      if (!this.isLost && this.xy && this.canvas.width > 1) this.#draw(time);
    });
  }

  /* All of it, before anything else happens. */
  drawNow() { if (this.xy && !this.isLost) this.#draw(performance.now(), { isRushed: true }); }

  #draw(time, { isRushed = false } = {}) {
    this.#refresh();
    const progress = this.#progress(time);
    const isBusy = this.morph !== null || this.isMoving;
    if (isBusy && time - this.lastTime < PAUSE_MS) this.painter.observe(time - this.lastTime);
    this.lastTime = isBusy ? time : null;
    const { camera, flags } = this;
    const now = camera.transform;
    const scene = {
      now, was: this.morph?.was ?? now, progress, radius: this.radius * camera.ratio, pixel: camera.ratio,
      dim: flags.selected ? 0.22 : 1, ground: this.ground,
    };
    if (this.morph) this.morph.scene = scene;
    this.isWhole = this.painter.draw(scene, { camera, near: this.#near(), isBusy, isMorphing: this.morph !== null, isRushed });
    if (progress === 1) this.morph?.finish(true);
    if (isRushed) this.overlay.printFor(this);
    else this.drawOver();
    this.#tell();
    if (this.morph || !this.isWhole && !this.isMoving) this.request();
  }

  /* Everything that is in view, where that is few enough to be drawn at once; null where it is not. */
  #near() {
    const { camera, painter } = this;
    if (this.morph || painter.list.length <= painter.budget || camera.view.zoom < NEAR_ZOOM) return null;
    const box = camera.frameBox(2 * this.radius);
    this.grid ??= new PickGrid(this.xy);
    return this.grid.countIn(box) > painter.budget ? null : layerSome(this.grid.rowsIn(box), this.position, this.flags);
  }

  #progress(time) {
    if (!this.morph) return 1;
    this.morph.begun ??= time;
    const share = Math.min((time - this.morph.begun) / MORPH_MS, 1);
    return share === 1 ? 1 : glide(share);
  }

  /* For readers of the page that are programs. */
  #tell() {
    const isMoving = this.morph !== null || this.isMoving || !this.isWhole;
    const { drawn, isDense } = this.painter;
    Object.assign(document.body.dataset, { moving: String(isMoving), drawn, dense: String(isDense) });
  }

  drawOver() {
    if (this.xy) this.overlay.drawFor(this, { isStill: this.morph === null });
  }

  #change(...what) {
    for (const one of what) this.stale.add(one);
    this.request();
  }

  #refresh() {
    const { order, paint, flags, painter } = this;
    if (this.stale.has("looks")) painter.setLooks(packLooks(order, paint, flags, this.ground), { hasShapes: paint.shapes !== null });
    if (this.stale.has("list")) painter.setList(layer(order, flags));
    this.stale.clear();
  }

  #sort() {
    this.order = stratify(this.xy);
    this.position = new Uint32Array(this.n);
    for (let at = 0; at < this.n; at++) this.position[this.order[at]] = at;
  }

  /* The marked points, the focus last: it lies on top. */
  #place() {
    if (!this.order) return;
    const { focus, neighbors } = this.marks;
    this.painter.setMarks(Uint32Array.from([...neighbors, focus].filter((i) => i >= 0), (i) => this.position[i]));
  }

  /* ---- what moves it ---- */

  changeView() {
    this.#stir();
    this.request();
  }

  /* Something moves; when it has been still for a moment all points are drawn. */
  #stir() {
    this.isMoving = true;
    document.body.dataset.moving = "true";
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.#settle(), REST_MS);
  }

  #settle() {
    this.isMoving = false;
    this.hear.onView(this.view);
    this.request();
  }

  forgetLooks() {
    this.ground = rgbOf(cssColor("--panel") || "#f6f7f9").map((part) => part / 255);
    this.overlay.forgetLooks();
    this.painter.forget();
    this.#change("looks");
  }

  resize() {
    const { width, height } = this.element.getBoundingClientRect();
    const ratio = Math.min(window.devicePixelRatio || 1, 3);
    const { camera } = this;
    if (!width || !height || (width === camera.width && height === camera.height && ratio === camera.ratio)) return;
    Object.assign(camera, { width, height, ratio });
    for (const canvas of [this.canvas, this.over]) {
      [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    }
    this.painter.forget();
    // At once: a canvas that got another size is empty.
    if (this.xy && !this.isLost) this.#draw(performance.now());
    else this.request();
  }

  lose() { this.isLost = !(this.note.hidden = false); }

  regain() {
    this.isLost = !(this.note.hidden = true);
    this.painter.restore();
    this.request();
  }
}

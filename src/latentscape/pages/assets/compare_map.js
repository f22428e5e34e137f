/* The map: draws the points where they are, moves them, and says which one is under the pointer. */
"use strict";

const MORPH_MS = 900;
const GRID = 65535;
const MANY_CHOSEN = 500;
const ease = (t) => (t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2);

class PointMap {
  /* `page` is the data; `listen` hears `hover`, `pick` and `box`. */
  constructor(canvas, page, listen) {
    Object.assign(this, { canvas, page, listen });
    this.pen = canvas.getContext("2d", { willReadFrequently: true });
    this.paths = page.symbols.map(({ path }) => new Path2D(path));
    this.now = new Float32Array(2 * page.n);
    this.camera = { x: 0, y: 0, zoom: 1 };
    this.size = [1, 1];
    this.view = { selected: new Set(), faint: new Uint8Array(page.n), visible: new Uint8Array(page.n).fill(1) };
    this.names = [];
    this.sprites = new Map();
    this.radius = this.baseRadius();
    this.boxMode = false;
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
    this.hear();
  }

  baseRadius() {
    const limits = [[150, 6.5], [600, 5], [2000, 4], [10000, 2.8]];
    return (limits.find(([limit]) => this.page.n <= limit) ?? [0, 2])[1];
  }

  resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    this.ratio = window.devicePixelRatio || 1;
    [this.width, this.height] = [width, height];
    [this.canvas.width, this.canvas.height] = [Math.round(width * this.ratio), Math.round(height * this.ratio)];
    this.picture = this.canvas.width && this.canvas.height ? this.pen.createImageData(this.canvas.width, this.canvas.height) : null;
    this.forgetLooks();
  }

  /* Colors or sizes have changed: draw every kind of point anew. */
  forgetLooks() {
    this.sprites.clear();
    this.draw();
  }

  /* ---- places ---- */

  get scale() {
    const room = 2 * this.radius + 22;
    return this.camera.zoom *
      Math.min((this.width - room) / (this.size[0] || 1e-9), (this.height - room) / (this.size[1] || 1e-9), 1e6);
  }

  toScreen(x, y) {
    const scale = this.scale;
    return [
      this.width / 2 + (x - this.size[0] / 2 - this.camera.x) * scale,
      this.height / 2 - (y - this.size[1] / 2 - this.camera.y) * scale,
    ];
  }

  placeOf(i) {
    return this.toScreen(this.now[2 * i], this.now[2 * i + 1]);
  }

  /* Moves every point from where it is now to its place in another frame. */
  moveTo(places, { size, names, animated }) {
    this.size = size;
    const target = Float32Array.from(places, (value) => value / GRID);
    const [start, from] = [this.now.slice(), this.names];
    const old = new Map(from.map((name) => [name[0], name]));
    cancelAnimationFrame(this.frame);
    this.finishMove?.(false);
    return new Promise((resolve) => {
      this.finishMove = (isDone) => {
        this.finishMove = null;
        document.body.dataset.moving = "false";
        resolve(isDone);
      };
      const set = (t) => {
        for (let i = 0; i < target.length; i++) this.now[i] = start[i] + (target[i] - start[i]) * t;
        this.names = names.map((name) => {
          const was = old.get(name[0]) ?? name;
          return [name[0], was[1] + (name[1] - was[1]) * t, was[2] + (name[2] - was[2]) * t];
        });
        this.paint();
      };
      if (!animated) {
        set(1);
        this.finishMove(true);
        return;
      }
      document.body.dataset.moving = "true";
      let begun = null;
      const tick = (time) => {
        begun ??= time;
        const t = Math.min((time - begun) / MORPH_MS, 1);
        set(t === 1 ? 1 : ease(t));
        if (t < 1) this.frame = requestAnimationFrame(tick);
        else this.finishMove(true);
      };
      this.frame = requestAnimationFrame(tick);
    });
  }

  /* ---- drawing ---- */

  show(view) {
    Object.assign(this.view, view);
    this.sort();
    this.draw();
  }

  /* Faint points lie under the others, wrong ones over them, selected ones on top. */
  sort() {
    const { visible, faint, wrong, selected } = this.view;
    const heights = [[], [], [], []];
    for (let i = 0; i < this.page.n; i++) {
      if (visible[i]) heights[selected.has(i) ? 3 : faint[i] ? 0 : wrong[i] ? 2 : 1].push(i);
    }
    this.order = heights.flat();
    this.nSelected = heights[3].length;
  }

  draw() {
    if (document.body.dataset.moving !== "true" && !this.waiting) {
      this.waiting = requestAnimationFrame(() => {
        this.waiting = null;
        this.paint();
      });
    }
  }

  /* How point i looks, as the pixels around its place: blending them ourselves is as fast on a machine without a
     graphics card. `shift` tells at which half of a pixel, across and down, the place is. */
  sprite(i, shift) {
    const { kinds, markers } = this.page;
    const key = (((kinds[i] * 64 + markers[i]) * 2 + this.view.wrong[i]) * 2 + this.view.faint[i]) * 4 + shift;
    let found = this.sprites.get(key);
    if (!found) this.sprites.set(key, (found = this.makeSprite(i, shift)));
    return found;
  }

  makeSprite(i, shift) {
    const half = Math.ceil((this.drawnRadius * this.page.symbols[this.page.markers[i]].scale * 1.45 + 2) * this.ratio);
    const pen = new OffscreenCanvas(2 * half, 2 * half).getContext("2d", { willReadFrequently: true });
    pen.setTransform(this.ratio, 0, 0, this.ratio, half + (shift & 1) / 2, half + (shift >> 1) / 2);
    this.drawPoint(pen, i);
    const { data } = pen.getImageData(0, 0, 2 * half, 2 * half);
    const pixels = [...Array(4 * half * half).keys()].filter((at) => data[4 * at + 3]);
    return {
      half,
      across: Int16Array.from(pixels, (at) => (at % (2 * half)) - half),
      down: Int16Array.from(pixels, (at) => Math.floor(at / (2 * half)) - half),
      colors: Uint8Array.from(pixels.flatMap((at) => [...data.subarray(4 * at, 4 * at + 4)])),
    };
  }

  /* One point around the origin of the pen. */
  drawPoint(pen, i) {
    const { color } = this.page.kindTable[this.page.kinds[i]];
    const marker = this.page.markers[i];
    const [isOpen, isFaint] = [this.view.wrong[i], this.view.faint[i]];
    const radius = this.drawnRadius * this.page.symbols[marker].scale;
    const unit = radius / 5.5;
    pen.save();
    pen.scale(unit, unit);
    pen.translate(-8, -8);
    pen.lineWidth = (isOpen ? Math.max(1.4, radius / 3) : 0.8) / unit;
    pen.globalAlpha = isOpen ? 0.35 : isFaint ? 0.22 : 0.88;
    pen.fillStyle = isOpen ? this.colors.panel : color;
    pen.fill(this.paths[marker]);
    pen.globalAlpha = isFaint ? 0.45 : 1;
    pen.strokeStyle = isOpen || isFaint ? color : this.colors.panel;
    pen.stroke(this.paths[marker]);
    pen.restore();
  }

  paint() {
    if (!this.picture || !this.order) return;
    const radius = this.radius * Math.min(Math.max(this.camera.zoom, 1) ** 0.3, 2.2);
    if (Math.abs(radius - (this.drawnRadius ?? 0)) > 0.2 || !this.sprites.size) {
      this.drawnRadius = radius;
      this.colors = Object.fromEntries(["panel", "ink", "paper", "accent", "sans"].map((name) => [name, cssColor(`--${name}`)]));
      this.sprites.clear();
    }
    const { pen, nSelected } = this;
    const first = this.order.length - nSelected;
    const areMany = nSelected > MANY_CHOSEN;
    this.clear();
    this.blend(0, first, this.view.selected.size ? 0.28 : 1);
    if (areMany) this.blend(first, this.order.length, 1);
    pen.putImageData(this.picture, 0, 0);
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.paintTrails();
    if (!areMany) this.paintChosen(this.order.slice(first));
    if (this.view.hovered >= 0) this.paintRing(this.view.hovered);
    if (this.view.areNamesShown) this.paintNames();
    if (this.box) this.paintBox();
  }

  clear() {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(this.colors.panel.slice(at, at + 2), 16));
    new Uint32Array(this.picture.data.buffer).fill(((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0);
  }

  /* Points of the order, from the first to before the last, laid over what is in the picture. */
  blend(first, last, strength) {
    const { now, order, ratio, picture: { data, width, height } } = this;
    const [left, top] = this.toScreen(0, 0);
    const [x0, y0, step] = [left * ratio, top * ratio, this.scale * ratio];
    for (let at = first; at < last; at++) {
      const i = order[at];
      const x = x0 + now[2 * i] * step;
      const y = y0 - now[2 * i + 1] * step;
      if (!(x > -64 && y > -64 && x < width + 64 && y < height + 64)) continue;
      const [column, row] = [Math.floor(x), Math.floor(y)];
      const { half, across, down, colors } = this.sprite(i, (x - column >= 0.5 ? 1 : 0) + (y - row >= 0.5 ? 2 : 0));
      const isInside = column >= half && row >= half && column + half < width && row + half < height;
      for (let k = 0; k < across.length; k++) {
        const [toX, toY] = [column + across[k], row + down[k]];
        if (!isInside && (toX < 0 || toY < 0 || toX >= width || toY >= height)) continue;
        const to = 4 * (toY * width + toX);
        const share = (colors[4 * k + 3] * strength) / 255;
        data[to] += (colors[4 * k] - data[to]) * share;
        data[to + 1] += (colors[4 * k + 1] - data[to + 1]) * share;
        data[to + 2] += (colors[4 * k + 2] - data[to + 2]) * share;
      }
    }
  }

  /* Where each selected sample was and will be: solid up to the checkpoint shown, dashed after it. */
  paintTrails() {
    const { pen, view } = this;
    if (!view.trails?.length) return;
    const chosen = this.order.slice(this.order.length - this.nSelected);
    const areMany = chosen.length > 60;
    pen.lineWidth = areMany ? 0.8 : chosen.length > 12 ? 1.1 : 1.6;
    pen.globalAlpha = areMany ? 0.45 : 0.9;
    const stop = (i, c) => this.toScreen(view.trails[c][2 * i] / GRID, view.trails[c][2 * i + 1] / GRID);
    for (const kind of new Set(chosen.map((i) => this.page.kinds[i]))) {
      const own = chosen.filter((i) => this.page.kinds[i] === kind);
      pen.strokeStyle = pen.fillStyle = this.page.kindTable[kind].color;
      for (let c = 1; c < view.trails.length; c++) {
        pen.setLineDash(c <= view.checkpoint ? [] : [3, 4]);
        pen.beginPath();
        for (const i of own) {
          pen.moveTo(...stop(i, c - 1));
          pen.lineTo(...stop(i, c));
        }
        pen.stroke();
      }
      pen.setLineDash([]);
      if (!areMany) for (const i of own) for (const c of view.trails.keys()) this.paintDot(stop(i, c));
    }
    pen.globalAlpha = 1;
  }

  paintDot([x, y]) {
    this.pen.beginPath();
    this.pen.arc(x, y, 1.8, 0, 7);
    this.pen.fill();
  }

  paintChosen(chosen) {
    for (const i of chosen) {
      this.pen.save();
      this.pen.translate(...this.placeOf(i));
      this.drawPoint(this.pen, i);
      this.pen.restore();
      this.paintRing(i);
    }
  }

  paintRing(i) {
    const { pen } = this;
    pen.strokeStyle = this.colors.ink;
    pen.lineWidth = 1.4;
    pen.beginPath();
    pen.arc(...this.placeOf(i), this.drawnRadius + 3.2, 0, 7);
    pen.stroke();
  }

  /* Names of classes, the largest class first; one that would cover another waits until there is room. */
  paintNames() {
    const { pen } = this;
    pen.font = `600 12.5px ${this.colors.sans}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    const taken = [];
    for (const [kind, x, y] of this.names) {
      if (!this.view.isKindShown(kind)) continue;
      const { name, color } = this.page.kindTable[kind];
      const text = name.length > 28 ? `${name.slice(0, 27)}…` : name;
      const [left, top] = this.toScreen(x, y);
      const half = pen.measureText(text).width / 2 + 16;
      if (taken.some(([l, t, h]) => Math.abs(l - left) < h + half && Math.abs(t - top) < 20)) continue;
      taken.push([left, top, half]);
      pen.lineWidth = 4;
      pen.strokeStyle = this.colors.paper;
      pen.strokeText(text, left, top);
      pen.fillStyle = this.colors.ink;
      pen.fillText(text, left, top);
      pen.beginPath();
      pen.arc(left - half + 6, top, 4, 0, 7);
      pen.lineWidth = 2;
      pen.stroke();
      pen.fillStyle = color;
      pen.fill();
    }
  }

  paintBox() {
    const { pen } = this;
    const [x0, y0, x1, y1] = this.box;
    pen.strokeStyle = pen.fillStyle = this.colors.accent;
    pen.lineWidth = 1;
    pen.globalAlpha = 0.12;
    pen.fillRect(x0, y0, x1 - x0, y1 - y0);
    pen.globalAlpha = 1;
    pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
  }

  /* ---- the pointer ---- */

  pointAt(x, y) {
    let [best, nearest] = [-1, (this.drawnRadius + 6) ** 2];
    for (const i of this.order) {
      const [px, py] = this.placeOf(i);
      const far = (px - x) ** 2 + (py - y) ** 2;
      if (far <= nearest) [best, nearest] = [i, far];
    }
    return best;
  }

  pointsIn([x0, y0, x1, y1]) {
    const [left, right, top, bottom] = [Math.min(x0, x1), Math.max(x0, x1), Math.min(y0, y1), Math.max(y0, y1)];
    return this.order.filter((i) => {
      const [x, y] = this.placeOf(i);
      return x >= left && x <= right && y >= top && y <= bottom;
    });
  }

  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    const zoom = Math.min(Math.max(this.camera.zoom * factor, 0.5), 80);
    const before = this.scale;
    this.camera.zoom = zoom;
    const gain = 1 / before - 1 / this.scale;
    this.camera.x += (x - this.width / 2) * gain;
    this.camera.y -= (y - this.height / 2) * gain;
    this.draw();
  }

  resetView() {
    this.camera = { x: 0, y: 0, zoom: 1 };
    this.draw();
  }

  hear() {
    const { canvas } = this;
    const at = (event) => {
      const frame = canvas.getBoundingClientRect();
      return [event.clientX - frame.left, event.clientY - frame.top];
    };
    const fingers = new Map();
    let drag = null;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      this.zoomBy(Math.exp(-Math.max(-300, Math.min(300, event.deltaY * lines)) / 400), ...at(event));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      const [x, y] = at(event);
      fingers.set(event.pointerId, [x, y]);
      const isBox = fingers.size === 1 && (event.shiftKey || this.boxMode);
      drag = { start: [x, y], last: [x, y], isBox, hasMoved: fingers.size > 1 };
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = at(event);
      if (!drag) {
        this.listen.hover(this.pointAt(x, y), x, y);
        return;
      }
      if (fingers.size === 2) this.pinch(fingers, event.pointerId, [x, y]);
      fingers.set(event.pointerId, [x, y]);
      if (!drag.hasMoved && Math.hypot(x - drag.start[0], y - drag.start[1]) < 4) return;
      drag.hasMoved = true;
      this.listen.hover(-1);
      if (drag.isBox) this.box = [...drag.start, x, y];
      else if (fingers.size === 1) {
        this.camera.x -= (x - drag.last[0]) / this.scale;
        this.camera.y += (y - drag.last[1]) / this.scale;
      }
      drag.last = [x, y];
      this.draw();
    });
    const end = (event, isKept) => {
      fingers.delete(event.pointerId);
      if (!drag || fingers.size) return;
      const { hasMoved, isBox } = drag;
      const isAdded = event.ctrlKey || event.metaKey;
      drag = null;
      if (isBox && hasMoved && isKept) this.listen.box(this.pointsIn(this.box), isAdded);
      else if (!hasMoved && isKept) this.listen.pick(this.pointAt(...at(event)), isAdded || event.shiftKey);
      this.box = null;
      this.draw();
    };
    canvas.addEventListener("pointerup", (event) => end(event, true));
    canvas.addEventListener("pointercancel", (event) => end(event, false));
    canvas.addEventListener("pointerleave", () => this.listen.hover(-1));
  }

  pinch(fingers, id, [x, y]) {
    const [other] = [...fingers].filter(([key]) => key !== id).map(([, place]) => place);
    const was = fingers.get(id);
    const [before, after] = [was, [x, y]].map((place) => Math.hypot(place[0] - other[0], place[1] - other[1]) || 1);
    this.zoomBy(after / before, (x + other[0]) / 2, (y + other[1]) / 2);
  }
}

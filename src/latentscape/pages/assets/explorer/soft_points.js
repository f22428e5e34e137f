/* The points where there is no graphics card: drawn by the processor, with the looks of gl_shaders and the doings of GlPoints.
   A browser that only imitates a card takes about a microsecond for a point, this much less. */

import { WHOLE_SCREEN } from "./gl_points.js";
import { PLACES, openStamps } from "./soft_stamps.js";

const makeSheet = () => ({ width: 0, height: 0, pixels: new Uint32Array(0) });

export class SoftPoints {
  constructor(canvas) {
    this.canvas = canvas;
    this.isSoft = true;
    // Read often: the browser keeps such a canvas where the processor has it.
    this.pen = canvas.getContext("2d", { willReadFrequently: true });
    Object.assign(this, { places: new Uint16Array(0), old: new Uint16Array(0), looks: new Uint32Array(0), lists: {}, isMoving: false });
    Object.assign(this, { screen: makeSheet(), pictures: [makeSheet(), makeSheet()], isTouched: false });
    this.target = this.screen;
  }

  begin() {}

  end() {}

  /* ---- what is drawn ---- */

  setPlaces(places) { [this.old, this.places] = [this.places, places]; }

  setOld(old) { this.old = old; }

  setLooks(looks) { this.looks = looks; }

  setList(name, rows) { this.lists[name] = rows; }

  setMoving(isMoving) { this.isMoving = isMoving; }

  setDensity(density) { this.density = density; }

  /* ---- drawing ---- */

  aim(isKept) {
    const { width, height } = this.canvas;
    const sheet = isKept ? this.pictures[1] : this.screen;
    if (sheet.width !== width || sheet.height !== height) Object.assign(sheet, { width, height, pixels: new Uint32Array(width * height) });
    this.target = sheet;
    this.isTouched ||= !isKept;
  }

  turnOver() { this.pictures.reverse(); }

  wipe(box = null) {
    const { width, height, pixels } = this.target;
    if (!box) {
      pixels.fill(0);
      return;
    }
    const [left, bottom, wide, high] = box;
    const [from, to] = [Math.max(left, 0), Math.min(left + wide, width)];
    for (let y = Math.max(height - bottom - high, 0); y < Math.min(height - bottom, height); y++) {
      if (from < to) pixels.fill(0, y * width + from, y * width + to);
    }
  }

  drawPoints(name, first, count, scene, { isShaped }) {
    if (count <= 0) return;
    const { radius, pixel, dim, ground } = scene;
    const book = openStamps({ radius: Math.max(radius, 0.6), pixel, dim, ground, isShaped, width: this.target.width });
    this.#stampAll(this.lists[name], [first, first + count], this.#waysOf(scene), book);
  }

  /* From the numbers of places to pixels: scale and shift, across and down, at the beginning of a way and at its end. */
  #waysOf({ now, was, progress }) {
    const { width, height } = this.target;
    const way = ([across, up, right, above]) => [
      (across * width) / 131070, (-up * height) / 131070, ((1 + right) * width) / 2, ((1 - above) * height) / 2,
    ];
    return { to: way(now), from: way(was), progress };
  }

  #stampAll(list, [first, end], { to, from, progress }, book) {
    const { places, old, looks, isMoving } = this;
    const { pixels, width, height } = this.target;
    const { stamps, reach } = book;
    const [scaleX, scaleY, shiftX, shiftY] = to;
    const [oldScaleX, oldScaleY, oldShiftX, oldShiftY] = from;
    for (let k = first; k < end; k++) {
      const at = list[k];
      let x = places[2 * at] * scaleX + shiftX;
      let y = places[2 * at + 1] * scaleY + shiftY;
      if (isMoving) {
        const beforeX = old[2 * at] * oldScaleX + oldShiftX;
        const beforeY = old[2 * at + 1] * oldScaleY + oldShiftY;
        x = beforeX + (x - beforeX) * progress;
        y = beforeY + (y - beforeY) * progress;
      }
      const column = Math.floor(x);
      const row = Math.floor(y);
      if (column < -reach || row < -reach || column >= width + reach || row >= height + reach) continue;
      const look = looks[at];
      const key = ((look >>> 24) * PLACES + Math.floor((y - row) * PLACES)) * PLACES + Math.floor((x - column) * PLACES);
      const stamp = stamps[key] ?? book.make(key);
      if (column < reach || row < reach || column >= width - reach || row >= height - reach) {
        stampAtEdge(this.target, stamp, column, row, look);
        continue;
      }
      const base = row * width + column;
      const low = look & 0xff00ff;
      const high = ((look >>> 8) & 0xff) | 0xff0000;
      const { n, at: where, own, kept, low: addLow, high: addHigh } = stamp;
      for (let j = 0; j < n; j++) {
        const pixel = base + where[j];
        const before = pixels[pixel];
        const newLow = Math.imul(low, own[j]) + Math.imul(before & 0xff00ff, kept[j]) + addLow[j];
        const newHigh = Math.imul(high, own[j]) + Math.imul((before >>> 8) & 0xff00ff, kept[j]) + addHigh[j];
        pixels[pixel] = ((newLow >>> 8) & 0xff00ff) | (newHigh & 0xff00ff00);
      }
    }
  }

  /* Four neighbors of the density make one pixel. */
  drawDensity(strength) {
    const { target: { width, height, pixels }, density } = this;
    const [columns, rows] = [blendAxis(width, density.width), blendAxis(height, density.height)];
    const source = density.pixels;
    const parts = [0, 0, 0, 0];
    for (let y = 0; y < height; y++) {
      const line = height - 1 - y;
      const [low, high, up] = [4 * rows.low[line] * density.width, 4 * rows.high[line] * density.width, rows.share[line]];
      for (let x = 0; x < width; x++) {
        const left = 4 * columns.low[x];
        const right = 4 * columns.high[x];
        const across = columns.share[x];
        const a = low + left;
        const b = low + right;
        const c = high + left;
        const d = high + right;
        if ((source[a + 3] | source[b + 3] | source[c + 3] | source[d + 3]) === 0) continue;
        for (let k = 0; k < 4; k++) {
          const below = source[a + k] + (source[b + k] - source[a + k]) * across;
          const above = source[c + k] + (source[d + k] - source[c + k]) * across;
          parts[k] = (below + (above - below) * up) * strength;
        }
        pixels[y * width + x] = layOver(parts, pixels[y * width + x]);
      }
    }
  }

  /* The finished picture where its corners say; what lies there is taken away. */
  drawPicture(corners = WHOLE_SCREEN) {
    const { target, pictures: [picture] } = this;
    const { width, height, pixels } = target;
    if (corners === WHOLE_SCREEN && picture.pixels.length === pixels.length) {
      pixels.set(picture.pixels);
      return;
    }
    const left = ((corners[0] + 1) / 2) * width;
    const top = ((1 - corners[3]) / 2) * height;
    const [acrossStep, downStep] = [2 / (corners[2] - corners[0]), 2 / (corners[3] - corners[1])];
    const columns = Int32Array.from({ length: width }, (_, x) => Math.floor(((x + 0.5 - left) * acrossStep * picture.width) / width));
    for (let y = 0; y < height; y++) {
      const row = Math.floor(((y + 0.5 - top) * downStep * picture.height) / height);
      if (row < 0 || row >= picture.height) continue;
      for (let x = 0; x < width; x++) {
        const column = columns[x];
        if (column >= 0 && column < picture.width) pixels[y * width + x] = picture.pixels[row * picture.width + column];
      }
    }
  }

  /* What was drawn onto the screen's sheet is seen. A canvas wants colors that are not multiplied by their strength. */
  show() {
    if (!this.isTouched) return;
    this.isTouched = false;
    const { width, height, pixels } = this.screen;
    const image = this.pen.createImageData(width, height);
    const out = new Uint32Array(image.data.buffer);
    for (let at = 0; at < pixels.length; at++) {
      const one = pixels[at];
      if (one === 0) continue;
      const alpha = one >>> 24;
      if (alpha === 255) {
        out[at] = one;
        continue;
      }
      const times = 255 / alpha;
      const [red, green, blue] = [(one & 255) * times, ((one >>> 8) & 255) * times, ((one >>> 16) & 255) * times];
      out[at] = Math.min(red + 0.5, 255) | (Math.min(green + 0.5, 255) << 8) | (Math.min(blue + 0.5, 255) << 16) | (alpha << 24);
    }
    this.pen.putImageData(image, 0, 0);
  }

  mark() { return null; }

  hasReached() { return true; }

  async settle() {}
}

/* A stamp that does not lie wholly on the picture. */
function stampAtEdge({ pixels, width, height }, { n, xs, ys, own, kept, low, high }, column, row, look) {
  for (let j = 0; j < n; j++) {
    const [x, y] = [column + xs[j], row + ys[j]];
    if (x < 0 || y < 0 || x >= width || y >= height) continue;
    const before = pixels[y * width + x];
    const newLow = Math.imul(look & 0xff00ff, own[j]) + Math.imul(before & 0xff00ff, kept[j]) + low[j];
    const newHigh = Math.imul(((look >>> 8) & 0xff) | 0xff0000, own[j]) + Math.imul((before >>> 8) & 0xff00ff, kept[j]) + high[j];
    pixels[y * width + x] = ((newLow >>> 8) & 0xff00ff) | (newHigh & 0xff00ff00);
  }
}

/* Between which two of `few` each of `many` lies, and how far on the way from the first to the second. */
function blendAxis(many, few) {
  const [low, high, share] = [new Int32Array(many), new Int32Array(many), new Float32Array(many)];
  for (let k = 0; k < many; k++) {
    const at = Math.min(Math.max(((k + 0.5) * few) / many - 0.5, 0), few - 1);
    low[k] = Math.floor(at);
    high[k] = Math.min(low[k] + 1, few - 1);
    share[k] = at - low[k];
  }
  return { low, high, share };
}

/* Red, green, blue and strength laid over a pixel. */
function layOver(parts, below) {
  const rest = 1 - parts[3] / 255;
  let mixed = 0;
  for (let k = 0; k < 4; k++) mixed |= Math.min(parts[k] + ((below >>> (8 * k)) & 255) * rest + 0.5, 255) << (8 * k);
  return mixed;
}

/* Which part of a map is seen. Places are in the units of a frame, y up; pixels are those of the page, y down. */

const [LEAST_ZOOM, MOST_ZOOM] = [0.5, 400];
const [SIDE_ROOM, EDGE_ROOM] = [44, 24];

export class Camera {
  constructor() {
    Object.assign(this, { width: 1, height: 1, ratio: 1, size: [65535, 65535] });
    this.reset();
  }

  reset() {
    this.view = { x: this.size[0] / 2, y: this.size[1] / 2, zoom: 1 };
  }

  get isWhole() {
    const { x, y, zoom } = this.view;
    return zoom === 1 && x === this.size[0] / 2 && y === this.size[1] / 2;
  }

  /* What a whole map fills: beside it there is room for the tools, above and below for names and the outermost points. */
  get inner() {
    const { width, height } = this;
    return [width - Math.min(2 * SIDE_ROOM, 0.3 * width), height - Math.min(2 * EDGE_ROOM, 0.3 * height)].map((side) => Math.max(side, 1));
  }

  /* Pixels a unit. */
  get scale() {
    const [width, height] = this.inner;
    return this.view.zoom * Math.min(width / Math.max(this.size[0], 1), height / Math.max(this.size[1], 1));
  }

  toScreen(x, y) {
    const { scale } = this;
    return [this.width / 2 + (x - this.view.x) * scale, this.height / 2 - (y - this.view.y) * scale];
  }

  toFrame(px, py) {
    const { scale } = this;
    return [this.view.x + (px - this.width / 2) / scale, this.view.y - (py - this.height / 2) / scale];
  }

  /* What is seen, and so many pixels around it: left, bottom, right, top. */
  frameBox(margin) {
    const [[left, top], [right, bottom]] = [this.toFrame(-margin, -margin), this.toFrame(this.width + margin, this.height + margin)];
    return [left, bottom, right, top];
  }

  /* From a normalized place (units / 65,535) to the screen of the card: scale and shift of both axes. */
  get transform() {
    const { scale, width, height, view } = this;
    const [across, up] = [(2 * scale) / width, (2 * scale) / height];
    return [65535 * across, 65535 * up, -view.x * across, -view.y * up];
  }

  /* A move of the pointer, in pixels. */
  pan(right, down) {
    const { scale } = this;
    this.view = { ...this.view, x: this.view.x - right / scale, y: this.view.y + down / scale };
    this.#hold();
  }

  /* What lies under the pixel stays there. */
  zoomBy(factor, px = this.width / 2, py = this.height / 2) {
    const before = this.toFrame(px, py);
    this.view = { ...this.view, zoom: Math.min(Math.max(this.view.zoom * factor, LEAST_ZOOM), MOST_ZOOM) };
    const after = this.toFrame(px, py);
    this.view = { ...this.view, x: this.view.x + before[0] - after[0], y: this.view.y + before[1] - after[1] };
    this.#hold();
  }

  /* The rectangle fills the view, with a margin. */
  fit([left, bottom, right, top]) {
    this.view = { x: (left + right) / 2, y: (bottom + top) / 2, zoom: 1 };
    const [width, height] = [Math.max(right - left, 1), Math.max(top - bottom, 1)].map((side) => side * this.scale * 1.25);
    const [inWidth, inHeight] = this.inner;
    const zoom = Math.min(inWidth / width, inHeight / height, 60);
    this.view.zoom = Math.max(zoom, LEAST_ZOOM);
  }

  /* The middle of the view never leaves the map: nobody gets lost beside it. */
  #hold() {
    const [x, y] = [Math.min(Math.max(this.view.x, 0), this.size[0]), Math.min(Math.max(this.view.y, 0), this.size[1])];
    this.view = { ...this.view, x, y };
  }
}

const SIZES = [[150, 6.5], [600, 5], [2000, 4], [10000, 2.8], [50000, 2], [200000, 1.5], [500000, 1.2]];

/* Pixels from a point's middle to its rim: fewer points are larger ones, and so are those somebody zoomed to. */
export function radiusFor(n, zoom) {
  const base = (SIZES.find(([most]) => n <= most) ?? [0, 1])[1];
  return Math.min(base * Math.max(zoom, 1) ** 0.3, base >= 2 ? base * 2.2 : 4.4);
}

/* Left, bottom, right and top of these rows. */
export function boundsOf(xy, rows) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const i of rows) {
    for (const axis of [0, 1]) {
      box[axis] = Math.min(box[axis], xy[2 * i + axis]);
      box[axis + 2] = Math.max(box[axis + 2], xy[2 * i + axis]);
    }
  }
  return box;
}

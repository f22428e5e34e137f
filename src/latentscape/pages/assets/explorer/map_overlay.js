/* What lies over the points, on a canvas of its own: names, rings around the focus and its neighbors, outlines being drawn. */

import { cssColor } from "./dom.js";
import { PickGrid } from "./pick_grid.js";
import { LABEL_PAD, placeLabels } from "./labels.js";

const FONT = "600 12.5px";
/* A name so close to its place needs no line. */
const NEAR = 14;
/* Names lie on points wherever they are where there are more. */
const FEW_POINTS = 3000;

export class MapOverlay {
  #crowd = () => 0;

  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.widths = new Map();
    this.placed = [];
    this.forgetLooks();
  }

  /* The theme has changed. */
  forgetLooks() {
    this.colors = Object.fromEntries(["panel", "paper", "ink", "accent", "sans", "muted"].map((name) => [name, cssColor(`--${name}`)]));
    this.widths.clear();
  }

  /* What a map has to show now: it has camera, labels, marks, hovered, outline, radius, blocked, placeOf and more: see countHidden. */
  drawFor(map, { isStill = true } = {}) {
    const { camera, marks, hovered } = map;
    this.#crowd = (box) => countHidden(map, box);
    this.draw({
      camera, radius: map.radius, outline: map.outline, blocked: map.blocked ?? [],
      labels: !isStill ? [] : map.labels.map((label) => {
        const [px, py] = camera.toScreen(label.x, label.y);
        return { ...label, px, py };
      }),
      focus: isStill && marks.focus >= 0 ? map.placeOf(marks.focus) : null,
      rings: isStill ? marks.neighbors.map((i) => map.placeOf(i)) : [],
      hovered: isStill && hovered >= 0 ? map.placeOf(hovered) : null,
    });
  }

  /* For paper: Chromium prints a canvas that was wiped while it prints with a white ground, which would hide the points below. */
  printFor(map) {
    const { pen } = this;
    const { width, height } = this.canvas;
    this.pen = new OffscreenCanvas(width, height).getContext("2d");
    this.drawFor(map);
    pen.putImageData(this.pen.getImageData(0, 0, width, height), 0, 0);
    this.pen = pen;
  }

  /* `labels` with px and py; `rings` [[px, py]] of the neighbors, `focus` [px, py] or null, `outline` [[px, py]] or null. */
  draw({ camera, labels, focus, rings, hovered, outline, radius, blocked }) {
    const { pen, canvas } = this;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.setTransform(camera.ratio, 0, 0, camera.ratio, 0, 0);
    if (focus) this.#drawLinks(focus, rings);
    for (const place of rings) this.#drawRing(place, radius + 2.5, 1.2);
    this.#drawLabels(labels, camera, blocked);
    if (hovered) this.#drawRing(hovered, radius + 3, 1.4);
    if (focus) this.#drawRing(focus, radius + 4.5, 2.2);
    if (outline?.length > 1) this.#drawOutline(outline);
  }

  #drawLinks(focus, rings) {
    const { pen } = this;
    pen.strokeStyle = this.colors.muted;
    pen.lineWidth = 1;
    pen.globalAlpha = 0.55;
    pen.beginPath();
    for (const place of rings) {
      pen.moveTo(...focus);
      pen.lineTo(...place);
    }
    pen.stroke();
    pen.globalAlpha = 1;
  }

  /* Dark on light on the points' ground: seen over any color. */
  #drawRing([x, y], radius, width) {
    const { pen } = this;
    for (const [color, extra] of [[this.colors.paper, 2.2], [this.colors.ink, 0]]) {
      pen.strokeStyle = color;
      pen.lineWidth = width + extra;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 7);
      pen.stroke();
    }
  }

  #drawLabels(labels, camera, blocked) {
    const { pen } = this;
    pen.font = `${FONT} ${this.colors.sans || "sans-serif"}`;
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    const widthOf = (text) => {
      if (!this.widths.has(text)) this.widths.set(text, pen.measureText(text).width);
      return this.widths.get(text);
    };
    this.placed = placeLabels(labels, { width: camera.width, height: camera.height, widthOf, blocked, crowd: this.#crowd });
    for (const label of this.placed) if (label.hasLine) this.#drawLeader(label);
    for (const label of this.placed) this.#drawLabel(label);
  }

  #drawLeader({ px, py, left, top, width, height }) {
    const { pen } = this;
    const [x, y] = [Math.min(Math.max(px, left), left + width), Math.min(Math.max(py, top), top + height)];
    if (Math.hypot(px - x, py - y) < NEAR) return;
    for (const [color, line] of [[this.colors.paper, 3.5], [this.colors.ink, 1.2]]) {
      pen.strokeStyle = color;
      pen.lineWidth = line;
      pen.beginPath();
      pen.moveTo(px, py);
      pen.lineTo(x, y);
      pen.stroke();
    }
  }

  /* A tag with a bar of its color, as in a legend: a dot would pass for a sample. */
  #drawLabel({ text, color, left, top, width, height }) {
    const { pen } = this;
    pen.beginPath();
    pen.roundRect(left, top, width, height, 4);
    pen.globalAlpha = 0.82;
    pen.fillStyle = this.colors.paper;
    pen.fill();
    pen.globalAlpha = 1;
    pen.fillStyle = color;
    pen.fillRect(left + 4, top + height - 3.5, width - 8, 2.5);
    pen.fillStyle = this.colors.ink;
    pen.fillText(text, left + LABEL_PAD, top + height / 2 - 1);
  }

  #drawOutline(outline) {
    const { pen } = this;
    pen.strokeStyle = pen.fillStyle = this.colors.accent;
    pen.lineWidth = 1.2;
    pen.beginPath();
    outline.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.closePath();
    pen.globalAlpha = 0.12;
    pen.fill();
    pen.globalAlpha = 1;
    pen.stroke();
  }
}

/* How many points lie in a rectangle of pixels. */
function countHidden(map, { left, top, width, height }) {
  if (map.n > FEW_POINTS) return 0;
  const { camera, xy, flags } = map;
  map.grid ??= new PickGrid(xy);
  return map.grid.countExactly([...camera.toFrame(left, top + height), ...camera.toFrame(left + width, top)], flags.shown);
}

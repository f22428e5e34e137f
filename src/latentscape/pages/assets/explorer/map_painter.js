/* When what is drawn. Few points are always drawn whole. Of many a fair sample is drawn while things move, or the finished
   picture is moved; at rest all are drawn, piece by piece on a picture that is shown when it is finished. */

import { DensityField } from "./density.js";
import { GlPoints } from "./gl_points.js";
import { SoftPoints } from "./soft_points.js";

const LEAST_BUDGET = 50000;
/* The processor draws so many without a card before a hand would feel it. */
const SOFT_BUDGET = 200000;
/* A piece of the whole, in budgets; without a card in points, and as many pieces as there is time for. */
const [PIECE, SOFT_PIECE, SOFT_MS] = [5, 100000, 30];
/* So few wrong ones lie on the density; were they more they would be the picture. */
const [FEW_WRONG, FEW_WRONG_SHARE] = [20000, 0.1];
const [QUICK_MS, SLOW_MS] = [20, 45];

export class MapPainter {
  constructor(canvas, { isSoft }) {
    this.card = new (isSoft ? SoftPoints : GlPoints)(canvas);
    this.budget = isSoft ? SOFT_BUDGET : LEAST_BUDGET;
    Object.assign(this, { list: new Uint32Array(0), ends: [0, 0, 0, 0], nMarks: 0, density: "off", hasShapes: false });
    Object.assign(this, { picture: null, job: null, isDense: false, drawn: 0, restMs: 0, times: [] });
  }

  /* ---- what is drawn; whatever changes makes the kept picture wrong ---- */

  setPlaces(places) {
    [this.old, this.places] = [this.places, places];
    this.card.setPlaces(places);
    this.forget();
  }

  /* Where each point is on its way, in the units of places as they are now: the next way begins there. */
  placesOnTheWay({ now, was, progress }) {
    const { places, old } = this;
    const on = new Float32Array(places.length);
    for (let k = 0; k < on.length; k++) {
      const axis = k % 2;
      const before = (old[k] / 65535) * was[axis] + was[axis + 2];
      const there = (places[k] / 65535) * now[axis] + now[axis + 2];
      on[k] = (65535 * (before + (there - before) * progress - now[axis + 2])) / now[axis];
    }
    return on;
  }

  /* Points come from here instead of from where they were. */
  setOld(old) {
    this.old = old;
    this.card.setOld(old);
  }

  setLooks(looks, { hasShapes }) {
    Object.assign(this, { looks, hasShapes });
    this.card.setLooks(looks);
    this.forget();
  }

  setList({ list, ends }) {
    Object.assign(this, { list, ends });
    this.card.setList("list", list);
    this.forget();
  }

  setMarks(rows) {
    this.nMarks = rows.length;
    this.marks = rows;
    this.card.setList("marks", rows);
  }

  forget() {
    this.picture = this.job = null;
  }

  restore() {
    this.card.begin();
    if (this.places) this.setPlaces(this.places);
    if (this.looks) this.setLooks(this.looks, this);
    this.setList(this);
    this.setMarks(this.marks ?? new Uint32Array(0));
  }

  /* How long the last moving frame took: a fast card gets more points. */
  observe(ms) {
    this.times.push(ms);
    if (this.times.length > 30) this.times.shift();
    if (ms < QUICK_MS) this.budget = Math.min(Math.floor(this.budget * 1.25), Math.max(LEAST_BUDGET, this.list.length));
    else if (ms > SLOW_MS) this.budget = Math.max(Math.floor(this.budget / 1.5), LEAST_BUDGET);
  }

  get frameMs() {
    const sorted = [...this.times].sort((a, b) => a - b);
    return sorted.length ? sorted[sorted.length >> 1] : 0;
  }

  /* ---- drawing ---- */

  /* Draws what there is time for. `scene` is where and how, `near` {list, ends} of all that is in view where that is little.
     True when everything is on the screen. */
  draw(scene, how) {
    this.card.setMoving(how.isMorphing);
    const isWhole = this.#drawWhat(scene, how);
    this.card.show();
    return isWhole;
  }

  #drawWhat(scene, { camera, near, isBusy, isMorphing, isRushed }) {
    const isSmall = this.list.length <= this.budget;
    if (isSmall || near || isRushed) this.#drawWhole(scene, { camera, isMorphing, near });
    else if (isBusy && this.picture && !isMorphing) this.#drawMoved(scene);
    else if (isBusy) this.#drawSample(scene);
    else return this.#drawPiece(scene, camera);
    this.job = null;
    return isSmall || near !== null || isRushed;
  }

  #drawWhole(scene, { camera, isMorphing, near }) {
    const points = near ? { name: "near", ...near } : this.#all();
    if (near) this.card.setList("near", near.list);
    const steps = this.#plan(scene, camera, points, isMorphing ? "off" : this.density);
    this.card.aim(false);
    this.card.wipe();
    for (const step of steps) this.#do(step, scene);
    this.#drawMarks(scene);
    this.drawn = points.list.length;
  }

  #all() { return { name: "list", list: this.list, ends: this.ends }; }

  #drawSample(scene) {
    this.card.aim(false);
    this.card.wipe();
    this.drawn = this.#sample(scene);
    this.#drawMarks(scene);
  }

  /* The first of each layer, in proportion. */
  #sample(scene) {
    const share = Math.min(this.budget / Math.max(this.list.length, 1), 1);
    let drawn = 0;
    for (const part of this.#parts("list", this.ends)) {
      const count = Math.ceil(part.count * share);
      this.card.drawPoints("list", part.first, count, scene, part);
      drawn += count;
    }
    return drawn;
  }

  /* The kept picture where it is now, and a sample where it does not reach. */
  #drawMoved(scene) {
    const { card } = this;
    const { width, height } = card.canvas;
    const corners = this.#corners(scene.now);
    card.aim(false);
    card.wipe();
    const isCovered = corners[0] <= -1 && corners[1] <= -1 && corners[2] >= 1 && corners[3] >= 1;
    if (!isCovered) {
      this.#sample(scene);
      const [left, bottom, right, top] = corners.map((at, k) => Math.round(((at + 1) / 2) * (k % 2 ? height : width)));
      card.wipe([left, bottom, Math.max(right - left, 0), Math.max(top - bottom, 0)]);
    }
    card.drawPicture(corners);
    this.#drawMarks(scene);
  }

  #corners(now) {
    const was = this.picture.now;
    const [across, up] = [now[0] / was[0], now[1] / was[1]];
    const [right, above] = [now[2] - was[2] * across, now[3] - was[3] * up];
    return [right - across, above - up, right + across, above + up];
  }

  /* The next piece of the whole. */
  #drawPiece(scene, camera) {
    const key = [...scene.now, this.density, this.card.canvas.width, this.card.canvas.height].join();
    if (this.picture?.key === key) {
      this.#show(scene);
      return true;
    }
    if (this.job?.key !== key) {
      if (!this.picture) this.#drawSample(scene);
      if (!this.hasBegun) {
        // The very first picture does not wait for what more there is to it.
        this.hasBegun = true;
        return false;
      }
      this.job = { key, begun: performance.now() };
      this.job.steps = cutUp(this.#plan(scene, camera, this.#all(), this.density), this.card.isSoft ? SOFT_PIECE : PIECE * this.budget);
      this.card.aim(true);
      this.card.wipe();
    }
    // One piece at a time: who moves the map now does not wait for what was asked for before.
    if (this.job.fence && !this.card.hasReached(this.job.fence)) return false;
    this.card.aim(true);
    if (!this.#doSteps(this.job, scene)) return false;
    this.card.turnOver();
    this.picture = { key, now: scene.now };
    this.#show(scene);
    this.#time(this.job.begun);
    this.job = null;
    return true;
  }

  /* One step, or several where they need not be waited for; true when none is left. */
  #doSteps(job, scene) {
    const ends = performance.now() + (this.card.isSoft ? SOFT_MS : 0);
    do {
      const step = job.steps.shift();
      if (step) this.#do(step, scene);
    } while (job.steps.length && performance.now() < ends);
    job.fence = job.steps.length ? this.card.mark() : null;
    return !job.steps.length;
  }

  async #time(begun) {
    await this.card.settle();
    this.restMs = performance.now() - begun;
  }

  #show(scene) {
    this.card.aim(false);
    this.card.wipe();
    this.card.drawPicture();
    this.#drawMarks(scene);
    this.drawn = this.list.length;
  }

  /* Everything that is drawn of a whole picture, in order. `points` is {name, list, ends}. */
  #plan(scene, camera, points, mode) {
    const left = this.#thin(scene, camera, points, mode);
    const chosen = { name: points.name, first: points.ends[2], count: points.ends[3] - points.ends[2], isShaped: true, times: 1.2 };
    const [pale, plain, wrong] = this.#parts(left.name, left.ends);
    if (!this.isDense) return [pale, plain, wrong, chosen];
    const density = { isDensity: true };
    return left.isWrongAbove ? [pale, plain, density, wrong, chosen] : [pale, plain, wrong, density, chosen];
  }

  /* Where points lie deep their density takes their place: the others make up a list of their own. */
  #thin(scene, camera, { name, list, ends }, mode) {
    const { places, looks } = this;
    this.isDense = false;
    if (mode === "off" || !places) return { name, ends };
    this.field ??= new DensityField();
    const nWrong = ends[2] - ends[1];
    const isWrongAbove = nWrong <= FEW_WRONG && nWrong <= FEW_WRONG_SHARE * ends[2];
    const end = isWrongAbove ? ends[1] : ends[2];
    this.field.count({ places, looks, list, end, camera, radius: scene.radius / scene.pixel });
    this.isDense = mode === "on" || this.field.isCrowded;
    if (!this.isDense) return { name, ends };
    this.card.setDensity(this.field.paint(scene.ground));
    const left = this.field.leave({ places, list, ends, end });
    this.card.setList("sparse", left.list);
    return { name: "sparse", ends: left.ends, isWrongAbove };
  }

  /* Faint points, plain ones, wrong ones, chosen ones: the latter two need outlines. */
  #parts(name, [pale, plain, wrong, chosen]) {
    return [
      { name, first: 0, count: pale, isShaped: this.hasShapes },
      { name, first: pale, count: plain - pale, isShaped: this.hasShapes },
      { name, first: plain, count: wrong - plain, isShaped: true },
      { name, first: wrong, count: (chosen ?? wrong) - wrong, isShaped: true },
    ];
  }

  #do({ isDensity, name, first, count, isShaped, times = 1 }, scene) {
    if (isDensity) this.card.drawDensity(scene.dim);
    else this.card.drawPoints(name, first, count, { ...scene, radius: times * scene.radius }, { isShaped });
  }

  /* The focus and its neighbors, over everything. */
  #drawMarks(scene) {
    if (!this.nMarks) return;
    this.card.drawPoints("marks", 0, this.nMarks, { ...scene, dim: 1, radius: scene.radius * 1.25 + 0.5 }, { isShaped: true });
  }
}

/* Steps of at most `most` points. */
function cutUp(steps, most) {
  return steps.flatMap((step) => {
    if (step.isDensity) return [step];
    const pieces = Math.ceil(step.count / most);
    const piece = (k) => ({ ...step, first: step.first + k * most, count: Math.min(most, step.count - k * most) });
    return Array.from({ length: pieces }, (_, k) => piece(k));
  });
}

/* How a point covers the pixels around it, worked out once for each look and each quarter of a pixel: what the programs of
   gl_shaders do for every point. Colors are weights of 256: of the point's own color, of the ground, of what lay there before. */

import { CHOSEN, WRONG, reachOf } from "./gl_shaders.js";

/* A point's middle is known to so many places within a pixel, each way. */
export const PLACES = 4;
const MOST_BOOKS = 12;

function arms(x, y) {
  const [a, b] = Math.abs(x) < Math.abs(y) ? [Math.abs(y), Math.abs(x)] : [Math.abs(x), Math.abs(y)];
  const [right, up] = [a - 1.12, b - 0.36];
  const most = Math.max(right, up);
  const [wide, high] = most > 0 ? [right, up] : [0.36 - a, -most];
  return Math.sign(most) * Math.hypot(Math.max(wide, 0), Math.max(high, 0));
}

const triangle = (x, y) => Math.max(Math.abs(x) * 0.866 + y * 0.5, -y) - 0.64;

function star(x, y) {
  const [c, s] = [0.809016994, 0.587785252];
  let [px, py] = [Math.abs(x), y];
  for (const side of [1, -1]) {
    const far = 2 * Math.max(side * c * px - s * py, 0);
    [px, py] = [px - far * side * c, py + far * s];
  }
  [px, py] = [Math.abs(px), py - 1.3];
  const [bx, by] = [0.48 * s, 0.48 * c - 1];
  const along = Math.min(Math.max((px * bx + py * by) / (bx * bx + by * by), 0), 1.3);
  return Math.hypot(px - bx * along, py - by * along) * Math.sign(py * bx - px * by);
}

/* How far a place is from the rim of each shape, in radii, y up. */
const SOFT_RIMS = [
  (x, y) => Math.hypot(x, y) - 1,
  (x, y) => triangle(x, y + 0.12),
  (x, y) => Math.max(Math.abs(x), Math.abs(y)) - 0.86,
  (x, y) => (Math.abs(x) + Math.abs(y) - 1.22) * 0.7071,
  arms,
  (x, y) => arms((x + y) * 0.7071, (y - x) * 0.7071),
  star,
  (x, y) => triangle(x, 0.12 - y),
];

const toShare = (value) => Math.min(Math.max(value, 0), 1);

/* Shares of the point's color and of the ground so far from the rim, in pixels. */
function coverAt(far, isWrong, { radius, pixel, isShaped }) {
  const inside = toShare(0.5 - far);
  if (!isShaped) return [0.9 * inside, 0];
  const width = isWrong ? Math.max(1.3 * pixel, radius * 0.36) : pixel;
  const line = toShare(0.5 + width / 2 - Math.abs(far));
  if (isWrong) return [line, 0.55 * inside * (1 - line)];
  const t = toShare((radius - 1.5 * pixel) / (1.5 * pixel));
  const edge = 0.8 * t * t * (3 - 2 * t) * (far >= 0 ? 1 : 0) * line;
  return [0.92 * inside * (1 - edge), edge];
}

/* Of one size and one ground: a stamp of each look, made when it is first needed. */
class StampBook {
  constructor(how) {
    this.how = how;
    this.stamps = new Array(32 * PLACES * PLACES).fill(null);
    this.reach = Math.ceil(how.radius * reachOf(how.isShaped) + 0.75 * how.pixel + 0.5);
  }

  make(key) {
    const { how, reach } = this;
    const bits = Math.floor(key / PLACES ** 2);
    const [right, down] = [key % PLACES, Math.floor(key / PLACES) % PLACES].map((place) => (place + 0.5) / PLACES);
    const strength = 256 * (bits & CHOSEN ? 1 : how.dim);
    const ground = how.ground.map((part) => Math.round(255 * part));
    const found = [];
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        const far = SOFT_RIMS[how.isShaped ? bits & 7 : 0]((x + 0.5 - right) / how.radius, (down - y - 0.5) / how.radius) * how.radius;
        const [own, under] = coverAt(far, (bits & WRONG) !== 0, how).map((share) => Math.round(share * strength));
        const other = Math.min(under, 256 - own);
        // Two of the four parts of a color are reckoned at once, the rounding with them.
        const [low, high] = [ground[0] | (ground[2] << 16), ground[1] | (255 << 16)].map((pair) => Math.imul(pair, other) + 0x800080);
        if (own + other) found.push([x, y, y * how.width + x, own, 256 - own - other, low, high]);
      }
    }
    const [xs, ys, at, own, kept, low, high] = [0, 1, 2, 3, 4, 5, 6].map((part) => Int32Array.from(found, (one) => one[part]));
    return (this.stamps[key] = { n: found.length, xs, ys, at, own, kept, low, high });
  }
}

const stampBooks = new Map();

/* `how` is {radius, pixel, dim, ground, isShaped, width}: the width is that of the picture. */
export function openStamps(how) {
  const key = Object.values(how).join();
  if (!stampBooks.has(key)) {
    if (stampBooks.size >= MOST_BOOKS) stampBooks.delete(stampBooks.keys().next().value);
    stampBooks.set(key, new StampBook(how));
  }
  return stampBooks.get(key);
}

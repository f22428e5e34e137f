/* In which order points are drawn. The first k of them, for any k, are a fair sample: every region gives its share. */

const SIDE = 64;
const GOLDEN = 0.6180339887498949;

const commonOf = (a, b) => (b ? commonOf(b, a % b) : a);

/* Rows by the cells of a grid, taken in golden steps: such steps spread evenly over the sorted rows, wherever they end, and
   follow no pattern that the rows themselves may have. */
export function stratify(xy) {
  const n = xy.length / 2;
  const [cells, starts] = [new Uint16Array(n), new Uint32Array(SIDE * SIDE + 1)];
  for (let i = 0; i < n; i++) {
    // Every other line of cells runs back: neighbors in the order are neighbors on the map.
    const row = xy[2 * i + 1] >> 10;
    const column = xy[2 * i] >> 10;
    const cell = SIDE * row + (row & 1 ? SIDE - 1 - column : column);
    cells[i] = cell;
    starts[cell + 1]++;
  }
  for (let cell = 0; cell < SIDE * SIDE; cell++) starts[cell + 1] += starts[cell];
  const sorted = new Uint32Array(n);
  for (let i = 0; i < n; i++) sorted[starts[cells[i]]++] = i;
  let step = Math.max(Math.round(n * GOLDEN), 1);
  while (commonOf(n, step) > 1) step++;
  const order = new Uint32Array(n);
  for (let k = 0, at = Math.floor(n / 2); k < n; k++) {
    order[k] = sorted[at];
    at += step;
    if (at >= n) at -= n;
  }
  return order;
}

/* Places in that order. */
export function sortPlaces(xy, order) {
  const places = new Uint16Array(xy.length);
  // Both halves of a place at once.
  const asWords = (both) => new Uint32Array(both.buffer, both.byteOffset, order.length);
  const [to, from] = [places, xy.byteOffset % 4 ? xy.slice() : xy].map(asWords);
  for (let at = 0; at < order.length; at++) to[at] = from[order[at]];
  return places;
}

/* Faint points lie lowest, then plain ones, wrong ones, chosen ones: what is rare is not covered. Hidden ones (4) are not drawn. */
const layerOf = (i, { shown, wrong, faint, selected }) =>
  (shown && !shown[i] ? 4 : selected?.[i] ? 3 : wrong?.[i] ? 2 : faint?.[i] ? 0 : 1);

/* Places of the order, layer by layer. `ends` says where each layer ends in `list`. */
export function layer(order, flags) {
  const n = order.length;
  const [layers, counts] = [new Uint8Array(n), new Uint32Array(5)];
  const isPlain = !flags.shown && !flags.wrong && !flags.faint && !flags.selected;
  for (let at = 0; at < n; at++) counts[(layers[at] = isPlain ? 1 : layerOf(order[at], flags))]++;
  const ends = [0, 1, 2, 3].map((_, k) => counts.slice(0, k + 1).reduce((sum, one) => sum + one, 0));
  const next = [0, ...ends];
  const list = new Uint32Array(ends[3]);
  for (let at = 0; at < n; at++) if (layers[at] < 4) list[next[layers[at]]++] = at;
  return { list, ends };
}

/* The same of some rows only; `position` is where each row is in the order. */
export function layerSome(rows, position, flags) {
  const layers = [[], [], [], [], []];
  for (const i of rows) layers[layerOf(i, flags)].push(position[i]);
  const parts = layers.slice(0, 4).map((part) => Uint32Array.from(part).sort());
  const list = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  const ends = [];
  for (const part of parts) {
    list.set(part, ends.at(-1) ?? 0);
    ends.push((ends.at(-1) ?? 0) + part.length);
  }
  return { list, ends };
}

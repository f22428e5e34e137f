/* What the map is told of the samples: colors, shapes, who is wrong or little to be trusted, and where the names go. */

import { TRUST } from "./state.js";
import { isCategory } from "./columns.js";
import { markerOf, rampStep, rangeOf } from "./scale.js";

/* Below it fewer than one in five neighbors is kept. Where most points are so, marking them would say nothing. */
const WEAK_BELOW = 0.2 * 254;
const MOST_WEAK = 0.6;
const [MOST_NAMES, BINS] = [60, 512];
const NOBODY = 65535;

/* Indices into a palette, as the map wants them. */
export function colorsOf(state) {
  const { data, choice } = state;
  const column = choice.color && choice.color !== TRUST ? data.column(choice.color) : null;
  if (choice.color === TRUST || column?.kind === "number") return rampColors(state.numbers(choice.color), data.ramp);
  if (!isCategory(column)) return { indices: new Uint8Array(data.n), palette: ["#4c78a8"] };
  // Code 0 is unknown: one less than none is beyond the end of any palette.
  const { codes } = column;
  const indices = new Uint16Array(codes.length);
  for (let i = 0; i < codes.length; i++) indices[i] = codes[i] ? codes[i] - 1 : NOBODY;
  return { indices, palette: column.colors };
}

function rampColors(numbers, palette) {
  const [low, high] = rangeOf(numbers);
  const indices = new Uint8Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) indices[i] = Number.isNaN(numbers[i]) ? 255 : rampStep(numbers[i], low, high, palette.length);
  return { indices, palette };
}

export function shapesOf({ data, choice }) {
  const column = choice.shape ? data.column(choice.shape) : null;
  if (!isCategory(column)) return null;
  const markers = Uint8Array.from({ length: column.values.length + 1 }, (_, code) => markerOf(column, code));
  const shapes = new Uint8Array(column.codes.length);
  for (let i = 0; i < shapes.length; i++) shapes[i] = markers[column.codes[i]];
  return shapes;
}

export function wrongOf({ data, answer }) {
  const column = answer?.correct ? data.column(answer.correct) : null;
  if (!column) return null;
  const wrong = column.values.indexOf("wrong") + 1;
  return wrong ? markWhere(column.codes, (code) => code === wrong) : null;
}

/* A loop over numbers is many times as fast as `from` with a function. */
function markWhere(numbers, isSo) {
  const marks = new Uint8Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) marks[i] = isSo(numbers[i]) ? 1 : 0;
  return marks;
}

/* Who is weak, how many that is, and whether they are marked. */
export function weakOf({ frame, choice }) {
  const weak = markWhere(frame.trust, (trust) => trust < WEAK_BELOW);
  let [many, known] = [0, 0];
  for (let i = 0; i < weak.length; i++) {
    many += weak[i];
    known += frame.trust[i] === 255 ? 0 : 1;
  }
  const isMarked = choice.showTrust && many > 0 && many <= MOST_WEAK * known;
  return { weak: isMarked ? weak : null, many, known, isMarked };
}

/* The name of each value at the median place of its samples that are shown, the largest first. */
export function namesOf(state) {
  const { data, choice, frame } = state;
  const column = choice.color && choice.color !== TRUST ? data.column(choice.color) : null;
  if (!choice.showNames || !isCategory(column) || !column.colors.length) return [];
  const [shown, { codes }] = [state.shown(), column];
  const counts = new Uint32Array(column.values.length + 1);
  for (let i = 0; i < codes.length; i++) counts[codes[i]] += shown[i];
  const named = [...counts.keys()].slice(1).filter((code) => counts[code]).sort((a, b) => counts[b] - counts[a]).slice(0, MOST_NAMES);
  const slots = new Int16Array(counts.length).fill(-1);
  named.forEach((code, slot) => { slots[code] = slot; });
  const [xs, ys] = [0, 1].map((axis) => medians(frame.xy, axis, { codes, shown, slots, sizes: named.map((code) => counts[code]) }));
  return named.map((code, slot) => ({ text: column.values[code - 1], color: column.colors[code - 1], x: xs[slot], y: ys[slot] }));
}

/* By counting: no list of a million numbers is sorted. */
function medians(xy, axis, { codes, shown, slots, sizes }) {
  const bins = new Uint32Array(BINS * sizes.length);
  const width = 65536 / BINS;
  for (let i = 0; i < codes.length; i++) {
    const slot = slots[codes[i]];
    if (slot >= 0 && shown[i]) bins[slot * BINS + Math.floor(xy[2 * i + axis] / width)]++;
  }
  return sizes.map((size, slot) => {
    let [sum, bin] = [0, 0];
    while (bin < BINS && sum + bins[slot * BINS + bin] < size / 2) sum += bins[slot * BINS + bin++];
    const share = (size / 2 - sum) / Math.max(bins[slot * BINS + bin], 1);
    return (bin + share) * width;
  });
}

/* Columns by what they are good for, and how they are called. */

import { make } from "./dom.js";
import { TRUST } from "./state.js";

const MOST_SHAPES = 8;
const FEW_COLORS = 8;
export const TRUST_MEANS = "the share of its nearest neighbors in the layer that are its neighbors on the map";

export const isCategory = (column) => column?.kind === "category";

/* What may color the map: categories that have colors, numbers, and the trust of the map itself. */
export function colorChoices(data) {
  const columns = data.columns.filter((column) => column.kind === "number" || (isCategory(column) && column.colors.length));
  return [["", "Nothing"], ...columns.map(({ key, title }) => [key, title]), [TRUST, "Trust of the map"]];
}

export function shapeChoices(data) {
  const columns = data.columns.filter((column) => isCategory(column) && column.values.length <= MOST_SHAPES && column.values.length > 1);
  return [["", "None"], ...columns.map(({ key, title }) => [key, title])];
}

export function numberChoices(data) {
  const columns = data.columns.filter(({ kind }) => kind === "number");
  return [...columns.map(({ key, title }) => [key, title]), [TRUST, "Trust of the map"]];
}

export const makeOptions = (choices) => choices.map(([value, title]) => make("option", { value }, title));

export const columnTitle = (data, key) => (key === TRUST ? "Trust of the map" : data.column(key)?.title ?? key);

/* The column whose few values split a drawing by color; null where there is none. */
export function splitOf(state) {
  const { color } = state.choice;
  const column = color && color !== TRUST ? state.data.column(color) : null;
  return isCategory(column) && column.colors.length && column.values.length <= FEW_COLORS ? column : null;
}

/* How many samples of the mask have each code. */
export function countCodes(codes, mask, nValues) {
  const counts = new Uint32Array(nValues + 1);
  for (let i = 0; i < codes.length; i++) counts[codes[i]] += mask[i];
  return counts;
}

const totals = new WeakMap();

/* How many samples of the whole data have each code: counted once. */
export function countAll(column) {
  if (!totals.has(column)) {
    const counts = new Uint32Array(column.values.length + 1);
    for (let i = 0; i < column.codes.length; i++) counts[column.codes[i]]++;
    totals.set(column, counts);
  }
  return totals.get(column);
}

/* The codes that occur, that of what is not known last. */
export function codesOf(column) {
  const counts = countAll(column);
  return [...column.values.map((_, value) => value + 1), 0].filter((code) => counts[code]);
}

/* What became of each sample, where checkpoints are compared; null elsewhere. */
export function changeColumn(data) {
  const column = data.answers.length > 1 ? data.column("outcome") : null;
  return isCategory(column) ? column : null;
}

/* The name of a value, and of having none. */
export const nameCode = (column, code) => (code ? column.values[code - 1] || "(empty)" : column.absent ?? "unknown");

/* What a column is, in a sentence for those who point at its name. */
export const explain = ({ title, about }) => (about ? `${title}: ${about[0].toLowerCase()}${about.slice(1)}` : title);

/* Whether a choice that a view depends on is among those that were made. */
export const touches = (keys, ...names) => names.some((name) => keys.has(name));

/* The list of samples that every list view walks through: those selected, or all that are shown, the worst first. */

import { TRUST } from "./state.js";

const LAST = 0xffffffff;
/* The rank of what is not known: at the end, whichever way the list is sorted. */
const MOST_COLLATED = 20000;
/* Beyond, texts are sorted by their letters' numbers: in the reader's alphabet a million of them would take long. */
const KEPT_ORDERS = 3;
const memories = new WeakMap();

export const ROW_ID = "@id";

/* `{ key, descending }`: the reader's choice, or the worst first. */
export function sortOf(state) {
  if (state.choice.sort) return state.choice.sort;
  const key = state.answer?.worst || TRUST;
  return { key, descending: isWorstHigh(state, key) };
}

export const isWorstHigh = (state, key) => key !== TRUST && key !== ROW_ID && state.data.column(key)?.worst === "high";

/* Rows (Uint32Array) in the order in which they are listed. The same array as long as nothing has changed. */
export function listRows(state) {
  if (!memories.has(state)) memories.set(state, { orders: new Map(), order: null, mask: null, rows: null });
  const memory = memories.get(state);
  const order = sortedRows(state, memory.orders);
  const mask = state.selected ?? state.shown();
  if (memory.order !== order || memory.mask !== mask) Object.assign(memory, { order, mask, rows: keepMarked(order, mask) });
  return memory.rows;
}

function keepMarked(order, mask) {
  const rows = new Uint32Array(order.length);
  let count = 0;
  for (let at = 0; at < order.length; at++) {
    rows[count] = order[at];
    count += mask[order[at]];
  }
  return rows.subarray(0, count);
}

/* All rows: sorted once a column, so that a filter costs one walk through them. */
function sortedRows(state, orders) {
  const { key, descending } = sortOf(state);
  const name = `${key === TRUST ? state.choice.frame : ""} ${descending} ${key}`;
  if (!orders.has(name)) {
    if (orders.size >= KEPT_ORDERS) orders.delete(orders.keys().next().value);
    orders.set(name, sortByRanks(rankRows(state, key), descending));
  }
  return orders.get(name);
}

function rankRows(state, key) {
  const { data } = state;
  if (key === ROW_ID) return rankTexts(data.n, (i) => data.idOf(i));
  const column = key === TRUST ? { kind: "number" } : data.column(key);
  if (column.kind === "number") return rankNumbers(state.numbers(key));
  if (column.kind === "text") return rankTexts(data.n, (i) => data.textOf(key, i));
  const byValue = rankTexts(column.values.length, (v) => column.values[v]);
  const ranks = new Uint32Array(data.n);
  for (let i = 0; i < ranks.length; i++) ranks[i] = column.codes[i] ? byValue[column.codes[i] - 1] : LAST;
  return ranks;
}

function countUp(n) {
  const rows = new Uint32Array(n);
  for (let i = 0; i < n; i++) rows[i] = i;
  return rows;
}

/* Bits of a float, so turned that they sort as its values do. */
function rankNumbers(numbers) {
  const floats = new Float32Array(numbers);
  const ranks = new Uint32Array(floats.buffer);
  for (let i = 0; i < ranks.length; i++) {
    if (Number.isNaN(floats[i])) ranks[i] = LAST;
    else if (floats[i] === 0) ranks[i] = 0x80000000;
    else ranks[i] = ranks[i] & 0x80000000 ? ~ranks[i] : ranks[i] | 0x80000000;
  }
  return ranks;
}

function rankTexts(n, textOf) {
  const texts = Array.from({ length: n }, (_, i) => textOf(i));
  const compare = n <= MOST_COLLATED
    ? new Intl.Collator(undefined, { numeric: true }).compare
    : (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const order = countUp(n).sort((a, b) => compare(texts[a], texts[b]));
  const ranks = new Uint32Array(n);
  let rank = 0;
  order.forEach((i, at) => {
    if (at && compare(texts[order[at - 1]], texts[i])) rank = at;
    ranks[i] = texts[i] === "" ? LAST : rank;
  });
  return ranks;
}

/* Two passes of 16 bits; equal ranks stay in the order of the samples. */
function sortByRanks(ranks, descending) {
  const keys = ranks;
  if (descending) for (let i = 0; i < keys.length; i++) if (keys[i] !== LAST) keys[i] = LAST - 1 - keys[i];
  let rows = countUp(keys.length);
  for (const shift of [0, 16]) {
    const ends = new Uint32Array(65537);
    for (let i = 0; i < keys.length; i++) ends[((keys[i] >>> shift) & 65535) + 1]++;
    for (let digit = 0; digit < 65536; digit++) ends[digit + 1] += ends[digit];
    const next = new Uint32Array(rows.length);
    for (let at = 0; at < rows.length; at++) next[ends[(keys[rows[at]] >>> shift) & 65535]++] = rows[at];
    rows = next;
  }
  return rows;
}

/* Samples and selections in words. */

import { sayCount, sayNumber, sayShare } from "./dom.js";
import { ROW_ID, sortOf, isWorstHigh } from "./row_order.js";
import { TRUST } from "./state.js";
import { TRUST_MEANS, explain, nameCode } from "./columns.js";

/* A category's value, a number or a text, as it is read; empty where it is not known. */
export function sayCell(state, key, row) {
  if (key === ROW_ID) return state.data.idOf(row);
  if (key === TRUST) return sayKnown(state.numbers(TRUST)[row], sayShare);
  const column = state.data.column(key);
  if (!column) return "";
  if (column.kind === "category") return column.codes[row] ? nameCode(column, column.codes[row]) : "";
  return column.kind === "number" ? sayKnown(column.numbers[row], sayNumber) : state.data.textOf(key, row);
}

const sayKnown = (value, say) => (Number.isNaN(value) ? "" : say(value));

export const headOf = (state, key) => (key === ROW_ID ? "Sample" : key === TRUST ? "Trust" : (state.data.column(key)?.title ?? key));

/* What a column means, for those who point at its head. */
export function explainHead(state, key) {
  if (key === TRUST) return `Trust: ${TRUST_MEANS}`;
  return key === ROW_ID ? "Sample: its id" : explain(state.data.column(key));
}

export const textColumn = (state) => state.data.columns.find(({ kind }) => kind === "text");

/* What a sample is called: its text where it has one, its id otherwise. */
export function nameRow(state, row) {
  const column = textColumn(state);
  return (column && state.data.textOf(column.key, row)) || state.data.idOf(row);
}

/* The column that says what a sample is: its true class, or what colors the map. Null where there is none. */
export function labelColumn(state) {
  const { data, answer, choice } = state;
  const columns = [answer?.truth, choice.color, data.color].map((key) => key && data.column(key));
  return columns.find((column) => column && column.kind === "category") ?? null;
}

export const colorOf = (column, row) => column.colors?.[column.codes[row] - 1] ?? null;

/* `12 Sad taken for Fearful of 264`. */
export function sayList(state, count) {
  const { choice, data } = state;
  const of = ` of ${sayCount(data.n)}`;
  const found = choice.found && choice.query ? ` with “${choice.query}”` : "";
  const { selection } = choice;
  if (selection?.kind === "cell") return `${sayCount(count)} ${sayConfused(state, selection)}${found}${of}`;
  if (selection?.kind === "lasso") return `${sayCount(count)} inside the outline${found}${of}`;
  if (selection) return `${sayCount(count)} picked${found}${of}`;
  if (count === data.n) return data.n === 1 ? "The only sample" : `All ${sayCount(data.n)} samples`;
  return `${sayCount(count)} shown${found}${of}`;
}

function sayConfused(state, { truth, said }) {
  const [is, taken] = [[state.answer.truth, truth], [state.answer.said, said]].map(([key, code]) =>
    (code ? nameCode(state.data.column(key), code) : "of unknown class"));
  return is === taken ? `${is} rightly taken for ${taken}` : `${is} taken for ${taken}`;
}

/* `worst first: lowest probability of the true class`. */
export function saySort(state) {
  const { key, descending } = sortOf(state);
  const title = headOf(state, key);
  const isNumber = key === TRUST || state.data.column(key)?.kind === "number";
  const isWorst = !state.choice.sort || (key === (state.answer?.worst || TRUST) && descending === isWorstHigh(state, key));
  const words = isNumber
    ? `${descending ? "highest" : "lowest"} ${lowerFirst(title)}${isWorst ? "" : " first"}`
    : `by ${lowerFirst(title)}${descending ? ", backward" : ""}`;
  return isWorst ? `worst first: ${words}` : words;
}

/* True probability -> true probability; MLP stays MLP. */
const lowerFirst = (title) => (/^\p{Lu}\p{Ll}/u.test(title) ? title[0].toLowerCase() + title.slice(1) : title);

/* Whether a key belongs to what has the keyboard already. */
export const isTyping = ({ target, ctrlKey, metaKey, altKey }) =>
  ctrlKey || metaKey || altKey || Boolean(target.closest?.("input, select, textarea, [contenteditable]"));

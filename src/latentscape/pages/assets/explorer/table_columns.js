/* Which columns the table has, how wide they are, and how a cell looks. */

import { make } from "./dom.js";
import { changeColumn } from "./columns.js";
import { ROW_ID } from "./row_order.js";
import { colorOf, sayCell, headOf } from "./sample_words.js";
import { TRUST } from "./state.js";

const LETTER = 7.4;
const PADDING = 26;
const N_PROBED = 200;
const WIDTH_RANGES = { id: [90, 230], category: [70, 190], number: [64, 160], text: [190, 380] };
const SHARED_TEXT = 215;

/* Keys, those first that the reader asks for first: what it is, what it was taken for (before and after, where
   checkpoints are compared), how bad that is. */
export function tableKeys(state) {
  const { data, answer } = state;
  const columns = data.columns.filter(({ kind, isHere }) => kind !== "text" || isHere !== false);
  const texts = (isOwn) => columns.filter((column) => column.kind === "text" && (column.isOwn !== false) === isOwn).map(({ key }) => key);
  const ends = [...new Set([data.answers[0], data.answers.at(-1), answer])].filter(Boolean);
  const each = (name) => ends.map((one) => one[name]);
  const bad = columns.find(({ kind, worst, key }) => kind === "number" && worst && !each("worst").includes(key));
  const first = [
    ...texts(true), ...each("truth"), ...each("said"), changeColumn(data)?.key, ...each("worst"), bad?.key, answer?.correct,
    ...texts(false),
  ].filter((key) => key && data.column(key));
  const hasTrust = data.frames.some(({ trust }) => trust.some((share) => share !== 255));
  return [...new Set([ROW_ID, ...first, ...columns.map(({ key }) => key)]), ...(hasTrust ? [TRUST] : [])];
}

const kindOf = (state, key) => (key === ROW_ID ? "id" : key === TRUST ? "number" : state.data.column(key).kind);

/* Pixels, from the longest of a few values: a width that stays while the table scrolls. */
export function widthOf(state, key) {
  const kind = kindOf(state, key);
  const isShared = kind === "text" && state.data.columns.filter((column) => column.kind === "text").length > 1;
  const [least, most] = isShared ? [WIDTH_RANGES.text[0], SHARED_TEXT] : WIDTH_RANGES[kind];
  const { n } = state.data;
  const step = Math.max(1, Math.floor(n / N_PROBED));
  let longest = headOf(state, key).length + 2;
  for (let row = 0; row < n; row += step) longest = Math.max(longest, sayCell(state, key, row).length + (kind === "category" ? 2 : 0));
  return Math.round(Math.min(most, Math.max(least, LETTER * longest + PADDING)));
}

export function makeCell(state, key, row) {
  const text = sayCell(state, key, row);
  const kind = kindOf(state, key);
  const says = make("span", { class: "lists-cut", title: text.length > 12 ? text : null, dir: "auto" }, text);
  if (kind === "id") return make("th", { scope: "row" }, splitPath(text));
  const { answer } = state;
  const cell = make("td", { class: kind === "number" ? "lists-number" : null }, says);
  if (kind !== "category" || !text) return cell;
  const column = state.data.column(key);
  if (key === answer?.correct) cell.classList.add(column.codes[row] === 1 ? "lists-wrong" : "lists-right");
  else if (isColored(state, key)) cell.prepend(makeDot(colorOf(column, row)));
  return cell;
}

/* Classes, answers and changes have the dot that they have on the map. */
const isColored = ({ data, choice }, key) => key === choice.color || key === changeColumn(data)?.key
  || data.answers.some(({ truth, said }) => key === truth || key === said);

/* Of an id that is a path, its end is what tells samples apart: its folders give way. */
function splitPath(text) {
  const cut = text.lastIndexOf("/") + 1;
  return make("span", { class: "lists-path", title: text, dir: "ltr" },
    make("span", { class: "lists-cut" }, text.slice(0, cut)), make("span", { class: "lists-cut" }, text.slice(cut)));
}

/* The color of a category as the map has it. */
export function makeDot(color) {
  const dot = make("span", { class: "lists-dot", "aria-hidden": "true" });
  if (color) dot.style.background = color;
  return dot;
}

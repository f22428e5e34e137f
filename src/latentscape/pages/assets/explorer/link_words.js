/* The reader's choices as the text behind `#` in an address, and back. Names, not numbers: they outlive a new run.

   `map=tsne_mlp&color=label&f.label=Sad,Fearful&f.probability=0..0.5&sel=cell:Sad,Fearful&i=17&q=quan+10`.
   Of a category, `~` is what is not known, `~~` the empty name, `!` begins a list of all but these. */

import { TRUST } from "./state.js";

const MANY_VALUES_KEPT = 24;
const LONGEST_LINK = 32000;

const ESCAPES = { "~": "%7E", "!": "%21" };
const encodePart = (text) => encodeURIComponent(text.toWellFormed?.() ?? text).replace(/[~!]/g, (sign) => ESCAPES[sign])
  .replaceAll("%20", "+").replaceAll("%2F", "/").replaceAll("%40", "@");
const decodePart = (text) => decodeURIComponent(text.replaceAll("+", " "));
const shortNumber = (value) => String(Number(value.toPrecision(6)));

/* What the page begins with: an address that leaves a choice out means this. */
function firstChoices(data) {
  return {
    frame: 0, color: data.color, shape: data.shape, showTrust: true, showNames: true, density: "auto",
    filters: new Map(), selection: null, focus: -1, view: null, sort: null, distribution: "",
  };
}

const writeCode = (column, code) => (code === 0 ? "~" : encodePart(column.values[code - 1]) || "~~");

function writeFilter(data, key, filter) {
  if (!(filter instanceof Set)) return filter.map((end) => (Number.isFinite(end) ? shortNumber(end) : "")).join("..");
  const column = data.column(key);
  const isShort = filter.size <= MANY_VALUES_KEPT || filter.size <= column.values.length / 2;
  const codes = isShort ? [...filter] : [...column.values, ""].map((_, code) => code).filter((code) => !filter.has(code));
  return (isShort ? "" : "!") + codes.map((code) => writeCode(column, code)).join(",");
}

/* 3,4,5,9 -> 3-5,9 */
function writeRows(rows) {
  const spans = [];
  for (const row of [...rows].sort((a, b) => a - b)) {
    const last = spans.at(-1);
    if (last && row <= last[1] + 1) last[1] = row;
    else spans.push([row, row]);
  }
  return spans.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(",");
}

function writeSelection(state, selection) {
  const { data } = state;
  if (selection.kind === "rows") return `rows:${writeRows(selection.rows)}`;
  if (selection.kind === "cell") {
    const { truth, said } = state.answer;
    return `cell:${writeCode(data.column(truth), selection.truth)},${writeCode(data.column(said), selection.said)}`;
  }
  return `lasso:${encodePart(data.frames[selection.frame].key)}:${selection.polygon.flat().map((place) => Math.round(place)).join(",")}`;
}

/* `{ hash, isWhole }`: a selection too large for an address is left out. */
export function writeLink(state) {
  const { choice, data } = state;
  const first = firstChoices(data);
  const parts = data.frames.length ? [`map=${encodePart(state.frame.key)}`] : [];
  for (const key of ["color", "shape", "density"]) {
    if (choice[key] !== first[key] || key === "color") parts.push(`${key}=${encodePart(choice[key])}`);
  }
  if (!choice.showTrust) parts.push("trust=off");
  if (!choice.showNames) parts.push("names=off");
  for (const [key, filter] of choice.filters) parts.push(`f.${encodePart(key)}=${writeFilter(data, key, filter)}`);
  if (choice.query) parts.push(`q=${encodePart(choice.query)}`);
  if (choice.distribution) parts.push(`bars=${encodePart(choice.distribution)}`);
  if (choice.sort) parts.push(`sort=${choice.sort.descending ? "-" : ""}${encodePart(choice.sort.key)}`);
  if (choice.focus >= 0) parts.push(`i=${choice.focus}`);
  if (choice.view) parts.push(`view=${["x", "y", "zoom"].map((key) => shortNumber(choice.view[key])).join(",")}`);
  const selection = choice.selection ? `sel=${writeSelection(state, choice.selection)}` : "";
  const isWhole = selection.length <= LONGEST_LINK;
  return { hash: [...parts, ...(selection && isWhole ? [selection] : [])].join("&"), isWhole };
}

/* ---- and back: each reader gives a value, or throws what is wrong with it ---- */

function need(value, words) {
  if (value === undefined || value === null || value === -1 || value === false) throw new Error(words);
  return value;
}

const isKey = (data, key) => key === TRUST || Boolean(data.column(key));

function readCode(column, text) {
  if (text === "~") return 0;
  const name = text === "~~" ? "" : decodePart(text);
  return 1 + need(column.values.indexOf(name), `${column.title} has no “${name}”`);
}

function readFilter(data, key, text) {
  const column = key === TRUST ? null : need(data.column(key), `there is no column “${key}”`);
  if (column?.kind === "category") {
    const isAllBut = text.startsWith("!");
    const names = text.slice(isAllBut ? 1 : 0);
    const codes = new Set(names ? names.split(",").map((name) => readCode(column, name)) : []);
    return isAllBut ? new Set([...column.values, ""].map((_, code) => code).filter((code) => !codes.has(code))) : codes;
  }
  need(column === null || column.kind === "number", `“${key}” can't be filtered`);
  const ends = text.split("..");
  const range = [ends[0] ? Number(ends[0]) : -Infinity, ends[1] ? Number(ends[1]) : Infinity];
  need(ends.length === 2 && range[0] <= range[1], `“${text}” is no range`);
  return range;
}

function readRow(data, text) {
  const row = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  need(row >= 0 && row < data.n, `there is no sample ${text.slice(0, 20)}`);
  return row;
}

function readRows(data, text) {
  const rows = new Set();
  for (const span of text.split(",")) {
    const ends = span.split("-").map((end) => readRow(data, end));
    need(ends.length <= 2, `“${span.slice(0, 20)}” is no span of samples`);
    for (let row = ends[0]; row <= ends.at(-1); row++) rows.add(row);
  }
  return [...rows];
}

const readFrameKey = (data, key) => need(data.frames.findIndex((frame) => frame.key === key), `there is no map “${key}”`);

function readNumbers(text, words) {
  const numbers = text.split(",").map((one) => (one.trim() ? Number(one) : NaN));
  need(numbers.every(Number.isFinite), words);
  return numbers;
}

function readSelection(data, frame, text) {
  const [kind, ...rest] = text.split(":");
  if (kind === "rows") return { kind, rows: readRows(data, rest.join(":")) };
  if (kind === "cell") {
    const answer = data.answers[data.frames[frame]?.checkpoint ?? 0];
    const columns = [answer?.truth, answer?.said].map((key) => need(key && data.column(key), "there is no confusion"));
    const names = rest.join(":").split(",");
    need(names.length === 2, "a cell has two classes");
    const [truth, said] = names.map((name, at) => readCode(columns[at], name));
    return { kind, truth, said };
  }
  need(kind === "lasso", `“${kind.slice(0, 20)}” is no selection`);
  const places = readNumbers(rest.at(-1), "the outline is not made of numbers");
  need(places.length >= 6 && places.length % 2 === 0, "an outline has three corners at least");
  const polygon = Array.from({ length: places.length / 2 }, (_, at) => [places[2 * at], places[2 * at + 1]]);
  return { kind, frame: readFrameKey(data, decodePart(rest.slice(0, -1).join(":"))), polygon };
}

function readView(text) {
  const [x, y, zoom, ...more] = readNumbers(text, "the view is not made of numbers");
  need(zoom > 0 && !more.length, "the view has three numbers");
  return { x, y, zoom };
}

function readSort(data, text) {
  const descending = text.startsWith("-") && !isKey(data, text);
  const key = descending ? text.slice(1) : text;
  need(key === "@id" || isKey(data, key), `there is no column “${key}”`);
  return { key, descending };
}

const readSwitch = (text) => need(["on", "off"].includes(text) && text, "a switch is on or off") === "on";
const readColumnKey = (data, key) => need(key === "" || isKey(data, key) ? key : null, `there is no column “${key}”`);

function readNumbersKey(data, key) {
  need(key === TRUST || data.column(key)?.kind === "number", `there are no numbers “${key}”`);
  return key;
}

const READERS = {
  map: (data, text) => ({ frame: readFrameKey(data, decodePart(text)) }),
  color: (data, text) => ({ color: readColumnKey(data, decodePart(text)) }),
  shape: (data, text) => ({ shape: readColumnKey(data, decodePart(text)) }),
  density: (data, text) => ({ density: need(["auto", "on", "off"].includes(text) && text, "density is auto, on or off") }),
  trust: (data, text) => ({ showTrust: readSwitch(text) }),
  names: (data, text) => ({ showNames: readSwitch(text) }),
  bars: (data, text) => ({ distribution: readNumbersKey(data, decodePart(text)) }),
  sort: (data, text) => ({ sort: readSort(data, decodePart(text)) }),
  i: (data, text) => ({ focus: readRow(data, text) }),
  view: (data, text) => ({ view: readView(text) }),
  q: (data, text) => ({ query: decodePart(text) }),
};

const readerOf = (name) => need(Object.hasOwn(READERS, name) && READERS[name], `“${name.slice(0, 20)}” is not known`);

/* `{ choices, remarks }`: what is wrong is left out, and said. Choices hold `query` where one is asked for. */
export function readLink(data, hash) {
  const choices = firstChoices(data);
  const remarks = [];
  const parts = hash.replace(/^#/, "").split("&").filter(Boolean)
    .map((part) => [part.split("=")[0], part.split("=").slice(1).join("=")]);
  const selections = parts.filter(([name]) => name === "sel");
  /* The selection last: a cell is one of the map's checkpoint. */
  for (const [name, text] of [...parts.filter(([one]) => one !== "sel"), ...selections]) {
    try {
      if (name.startsWith("f.")) choices.filters.set(decodePart(name.slice(2)), readFilter(data, decodePart(name.slice(2)), text));
      else if (name === "sel") choices.selection = readSelection(data, choices.frame, text);
      else Object.assign(choices, readerOf(name)(data, text));
    } catch (error) {
      remarks.push(error instanceof URIError ? `“${text.slice(0, 20)}” can't be read` : error.message);
    }
  }
  return { choices, remarks };
}

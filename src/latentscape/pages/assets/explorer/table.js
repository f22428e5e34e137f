/* The table of what is selected, the worst first. Only the rows in sight are elements, so a million is as quick as ten. */

import { writeCsv } from "./csv.js";
import { make, sayCount } from "./dom.js";
import { download } from "./download.js";
import { writeParquetIds } from "./parquet_writer.js";
import { makePlayButton, player, showPlaying } from "./player.js";
import { isWorstHigh, listRows, sortOf } from "./row_order.js";
import { explainHead, headOf, nameRow, sayList, saySort } from "./sample_words.js";
import { TRUST } from "./state.js";
import { makeCell, tableKeys, widthOf } from "./table_columns.js";

const TABLE_ROW = 26;
const TALLEST = 16000000;
/* Pixels: browsers draw nothing beyond. A longer list scrolls by more than a row for a row's height. */
const PLAY_WIDTH = 34;
const REDRAWN_BY = ["frame", "filters", "found", "selection", "sort", "focus", "color", "texts"];

export function mountTable(element, state) {
  const table = new SampleTable(element, state);
  table.layOut();
  table.draw();
  if (state.data.ready) state.data.ready.then(() => table.layOut({ isAnew: true }));
  return table;
}

class SampleTable {
  constructor(element, state) {
    Object.assign(this, { state, top: 0, cursor: -1, rows: null, isWaiting: false, layout: "" });
    this.title = make("h2", { class: "lists-title", role: "status" });
    this.about = make("span", { class: "lists-about" });
    this.clear = quietButton("Clear", "Take the selection away", () => state.select(null));
    this.worst = quietButton("Worst first", "Sort as at the beginning", () => state.set({ sort: null }));
    this.remark = make("span", { class: "lists-about lists-said", role: "status" });
    const csv = quietButton("Save CSV", "Save the samples of this list with all columns", () => this.saveCsv());
    const parquet = quietButton("Parquet", "Save the ids and row numbers of this list", () => this.saveParquet());
    this.exports = [csv, parquet];
    this.grid = make("table", { role: "grid", tabindex: "0", class: "lists-table", "aria-label": "Samples" });
    this.sizer = make("div", { class: "lists-sizer" }, this.grid);
    this.view = make("div", { class: "lists-view" }, this.sizer);
    this.empty = make("p", { class: "lists-empty", hidden: true }, "No sample passes all filters.");
    const bar = make("div", { class: "lists-bar" }, this.title, this.clear, this.about, this.worst, this.remark, csv, parquet);
    element.classList.add("lists-samples");
    element.replaceChildren(bar, this.view, this.empty);
    this.#listen();
  }

  #listen() {
    this.view.addEventListener("scroll", () => this.#wait());
    this.grid.addEventListener("keydown", (event) => this.#press(event));
    this.grid.addEventListener("focus", () => this.#enter());
    new ResizeObserver(() => this.#wait()).observe(this.view);
    player.listen(() => showPlaying(this.grid));
    this.state.listen((keys) => {
      if (!REDRAWN_BY.some((key) => keys.has(key))) return;
      if (["frame", "color"].some((key) => keys.has(key))) this.layOut();
      if (["filters", "found", "selection", "sort"].some((key) => keys.has(key))) Object.assign(this, { cursor: -1, goesUp: true });
      if (keys.has("focus")) this.follows = true;
      this.#wait();
    });
  }

  /* However much changes, the table is drawn once a frame. */
  #wait() {
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => {
      this.isWaiting = false;
      this.draw();
    });
  }

  /* Columns and heads: anew where another checkpoint brings other ones to the front, or ids and texts have come. */
  layOut({ isAnew = false } = {}) {
    const { state } = this;
    this.keys = tableKeys(state);
    const layout = this.keys.join("\n");
    if (layout === this.layout && !isAnew) return;
    this.layout = layout;
    const widths = this.keys.map((key) => widthOf(state, key));
    this.hasSound = state.data.hasMedia === "audio";
    if (this.hasSound) widths.unshift(PLAY_WIDTH);
    const columns = widths.map((width) => {
      const column = make("col");
      column.style.width = `${width}px`;
      return column;
    });
    this.heads = new Map(this.keys.map((key) => [key, this.#makeHead(key)]));
    this.body = make("tbody");
    const heads = [...(this.hasSound ? [make("td", {}, make("span", { class: "lists-unseen" }, "Sound"))] : []), ...this.heads.values()];
    this.grid.style.width = `${widths.reduce((sum, width) => sum + width, 0)}px`;
    this.grid.replaceChildren(make("colgroup", {}, ...columns), make("thead", {}, make("tr", { "aria-rowindex": 1 }, ...heads)), this.body);
    this.grid.setAttribute("aria-colcount", String(widths.length));
    if (isAnew) this.#wait();
  }

  #makeHead(key) {
    const isNumber = key === TRUST || this.state.data.column(key)?.kind === "number";
    const title = `${explainHead(this.state, key)}. Click to sort.`;
    return make("th", { scope: "col", class: isNumber ? "lists-number" : null },
      make("button", { type: "button", tabindex: "-1", title, onclick: () => this.#sort(key) },
        make("span", { class: "lists-cut" }, headOf(this.state, key)), make("span", { class: "lists-arrow", "aria-hidden": "true" })));
  }

  /* The bad end first, and the other one when asked again. */
  #sort(key) {
    const now = sortOf(this.state);
    this.state.set({ sort: { key, descending: now.key === key ? !now.descending : isWorstHigh(this.state, key) } });
  }

  get nVisible() { return Math.max(1, Math.floor((this.view.clientHeight - TABLE_ROW - 1) / TABLE_ROW)); }

  draw() {
    const { state, view } = this;
    const rows = listRows(state);
    if (rows !== this.rows) this.#sayRows(rows);
    this.sizer.style.height = `${Math.min((rows.length + 1) * TABLE_ROW + 1, TALLEST)}px`;
    if (this.goesUp) view.scrollTop = 0;
    this.goesUp = false;
    if (this.follows) this.#followFocus();
    this.follows = false;
    this.#sayHeads();
    const hidden = rows.length - this.nVisible;
    const way = view.scrollHeight - view.clientHeight;
    this.top = hidden > 0 && way > 0 ? Math.min(hidden, Math.round((view.scrollTop / way) * hidden)) : 0;
    const lines = Array.from(rows.subarray(this.top, this.top + this.nVisible), (row, at) => this.#makeLine(row, this.top + at));
    this.body.replaceChildren(...lines);
    this.#markCursor();
    showPlaying(this.grid);
  }

  #sayRows(rows) {
    const { state } = this;
    this.rows = rows;
    const of = state.data.n;
    this.title.textContent = sayList(state, rows.length);
    this.clear.hidden = !state.choice.selection;
    this.empty.hidden = rows.length > 0;
    this.view.hidden = rows.length === 0;
    this.empty.textContent = state.choice.selection ? "Nothing that is shown is in the selection." : "No sample passes all filters.";
    for (const button of this.exports) button.disabled = rows.length === 0;
    this.remark.textContent = "";
    this.grid.setAttribute("aria-rowcount", String(rows.length + 1));
    this.view.parentElement.dataset.count = `${rows.length} of ${of}`;
  }

  #sayHeads() {
    const { key, descending } = sortOf(this.state);
    this.about.textContent = this.rows.length > 1 ? saySort(this.state) : "";
    this.about.title = this.about.textContent;
    this.worst.hidden = !this.state.choice.sort;
    for (const [name, head] of this.heads) {
      if (name === key) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      head.querySelector(".lists-arrow").textContent = name === key ? (descending ? "▼" : "▲") : "";
    }
  }

  #makeLine(row, at) {
    const { state } = this;
    const isFocus = row === state.choice.focus;
    const line = make("tr", {
      id: `lists-row-${at}`, "data-row": row, "aria-rowindex": at + 2, "aria-selected": String(isFocus),
      onclick: () => { this.cursor = at; state.set({ focus: row }); },
    });
    if (this.hasSound) line.append(make("td", {}, ...(state.data.media(row) ? [this.#makeRowButton(row)] : [])));
    line.append(...this.keys.map((key) => makeCell(state, key, row)));
    return line;
  }

  /* Reached by the arrows and the space bar, not by Tab: a table is one stop. */
  #makeRowButton(row) {
    const button = makePlayButton(this.state, row, nameRow(this.state, row));
    button.tabIndex = -1;
    return button;
  }

  /* ---- the keyboard ---- */

  #press(event) {
    const page = this.nVisible;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.ctrlKey || event.metaKey || event.altKey || !this.rows.length) return;
    if (event.key in steps) this.#moveTo(this.cursor + steps[event.key]);
    else if (event.key === "Enter" && this.cursor >= 0) this.state.set({ focus: this.rows[this.cursor] });
    else if (event.key === " " && this.cursor >= 0 && this.hasSound) {
      player.toggle(this.rows[this.cursor], this.state.data.media(this.rows[this.cursor]));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /* Nothing is drawn anew: a click that gives the table the keyboard is still on its way to its row. */
  #enter() {
    if (this.cursor < 0 && this.rows.length) this.cursor = this.top;
    this.#markCursor();
  }

  #moveTo(at) {
    if (!this.rows.length) return;
    /* A key that comes before the focus has been followed goes first. */
    this.follows = false;
    this.cursor = Math.max(0, Math.min(this.rows.length - 1, at));
    this.#bringIntoView(this.cursor);
    this.draw();
  }

  #bringIntoView(at) {
    const hidden = this.rows.length - this.nVisible;
    const top = Math.max(at - this.nVisible + 1, Math.min(this.top, at));
    if (hidden <= 0 || top === this.top) return;
    this.view.scrollTop = (top / hidden) * (this.view.scrollHeight - this.view.clientHeight);
  }

  #followFocus() {
    const at = this.rows.indexOf(this.state.choice.focus);
    if (at < 0) return;
    this.cursor = at;
    this.#bringIntoView(at);
  }

  #markCursor() {
    const id = `lists-row-${this.cursor}`;
    for (const line of this.body.rows) line.classList.toggle("lists-cursor", line.id === id);
    if (this.cursor >= 0) this.grid.setAttribute("aria-activedescendant", id);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  /* ---- files ---- */

  async saveCsv() {
    const { state, rows } = this;
    const { data } = state;
    await data.ready;
    const missing = data.columns.filter(({ key, kind }) => kind === "text" && !rows.some((row) => data.textOf(key, row)));
    const columns = data.columns.filter((column) => !missing.includes(column)).map(({ key, kind }) => ({
      key, read: kind === "number" ? (row) => data.column(key).numbers[row] : (row) => readWord(state, key, row),
    }));
    const { frame } = state;
    const trust = { key: `trust_${frame.key}`, read: (row) => (frame.trust[row] === 255 ? NaN : frame.trust[row] / 254) };
    columns.unshift({ key: "row", read: (row) => row }, { key: "id", read: (row) => data.idOf(row) });
    this.remark.textContent = "writing …";
    download(`${fileStem(rows)}.csv`, await writeCsv([...columns.filter(isFirst), trust], rows), "text/csv");
    const left = missing.length ? ` without ${missing.map(({ title }) => title).join(", ")}, which this page does not hold` : "";
    this.remark.textContent = `saved ${sayCount(rows.length)} rows${left}`;
  }

  async saveParquet() {
    const { rows } = this;
    await this.state.data.ready;
    download(`${fileStem(rows)}.parquet`, writeParquetIds(rows, (row) => this.state.data.idOf(row)), "application/vnd.apache.parquet");
    this.remark.textContent = `saved ${sayCount(rows.length)} ids`;
  }
}

/* As the data have it: an empty value stays empty in a file. */
function readWord({ data }, key, row) {
  const { kind, values, codes } = data.column(key);
  return kind === "category" ? (values[codes[row] - 1] ?? "") : data.textOf(key, row);
}

const isFirst = ({ key }, at, columns) => columns.findIndex((one) => one.key === key) === at;
const fileStem = (rows) => `${rows.length}_samples`;

function quietButton(text, title, onclick) {
  return make("button", { type: "button", class: "lists-button", title, onclick }, text);
}

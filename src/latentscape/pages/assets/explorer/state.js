/* What the reader has chosen, and which samples follow from it. Every view reads from here and writes here only. */

import { rowsInside } from "./geometry.js";

export const TRUST = "@trust";
/* The key of the trust in the frame that is shown: a column of numbers, another one in each frame. */

/* One answer's confusion: how the samples of a cell are asked for. */
const START = {
  frame: 0, color: "", shape: "", showTrust: true, showNames: true, density: "auto", tool: "pan",
  filters: new Map(), query: "", found: null, selection: null, focus: -1, view: null, sort: null,
};

export class State {
  constructor(data) {
    this.data = data;
    this.listeners = [];
    this.choice = { ...START, filters: new Map(), color: data.color, shape: data.shape };
    this.masks = new Map();
  }

  /* ---- reading ---- */

  get frame() { return this.data.frames[this.choice.frame]; }

  get answer() { return this.data.answers[this.frame?.checkpoint ?? 0]; }

  /* The numbers of a column, those of TRUST included (in [0, 1]). */
  numbers(key) {
    if (key !== TRUST) return this.data.column(key).numbers;
    this.trusts ??= new Map();
    const { frame } = this;
    if (!this.trusts.has(frame)) this.trusts.set(frame, unpackTrust(frame.trust));
    return this.trusts.get(frame);
  }

  /* 1 for every sample that passes all filters, but for that of the column `except`: a view leaves its own out. */
  shown(except = null) {
    const key = except ?? "";
    if (!this.masks.has(key)) this.masks.set(key, this.#mask(except));
    return this.masks.get(key);
  }

  get nShown() {
    this.count ??= this.shown().reduce((sum, one) => sum + one, 0);
    return this.count;
  }

  /* 1 for every selected sample that is shown; null where nothing is selected. */
  get selected() {
    if (!this.choice.selection) return null;
    this.chosen ??= this.#select();
    return this.chosen;
  }

  /* The rows that lists are about: those selected, or all that are shown. */
  get rows() {
    this.list ??= this.#list(this.selected ?? this.shown());
    return this.list;
  }

  /* ---- writing ---- */

  /* Take new choices over and tell every listener which ones: `state.set({ focus: 12 })`. */
  set(changes) {
    Object.assign(this.choice, changes);
    const keys = new Set(Object.keys(changes));
    if (["frame", "filters", "found"].some((key) => keys.has(key))) {
      this.masks.clear();
      this.count = null;
    }
    if (["frame", "filters", "found", "selection"].some((key) => keys.has(key))) this.chosen = this.list = null;
    for (const listener of this.listeners) listener(keys);
  }

  listen(listener) { this.listeners.push(listener); }

  /* A filter is a Set of codes that stay, or [low, high] of numbers; null takes it away. */
  setFilter(key, filter) {
    const filters = new Map(this.choice.filters);
    if (filter === null) filters.delete(key);
    else filters.set(key, filter);
    this.set({ filters });
  }

  select(selection) { this.set({ selection }); }

  /* ---- working it out ---- */

  #mask(except) {
    const { n } = this.data;
    const mask = this.choice.found && except !== "@query" ? Uint8Array.from(this.choice.found) : new Uint8Array(n).fill(1);
    for (const [key, filter] of this.choice.filters) {
      if (key === except) continue;
      if (filter instanceof Set) keepCodes(mask, this.data.column(key).codes, filter);
      else keepRange(mask, this.numbers(key), filter);
    }
    return mask;
  }

  #select() {
    const { selection } = this.choice;
    const chosen = new Uint8Array(this.data.n);
    const shown = this.shown();
    if (selection.kind === "rows") for (const i of selection.rows) chosen[i] = shown[i];
    if (selection.kind === "lasso") {
      for (const i of rowsInside(this.data.frames[selection.frame].xy, selection.polygon)) chosen[i] = shown[i];
    }
    if (selection.kind === "cell") {
      const [truth, said] = [this.answer.truth, this.answer.said].map((key) => this.data.column(key).codes);
      for (let i = 0; i < chosen.length; i++) {
        chosen[i] = truth[i] === selection.truth && said[i] === selection.said ? shown[i] : 0;
      }
    }
    return chosen;
  }

  #list(mask) {
    const rows = [];
    for (let i = 0; i < mask.length; i++) if (mask[i]) rows.push(i);
    return rows;
  }
}

function unpackTrust(steps) {
  const shares = new Float32Array(steps.length);
  for (let i = 0; i < steps.length; i++) shares[i] = steps[i] === 255 ? NaN : steps[i] / 254;
  return shares;
}

function keepCodes(mask, codes, kept) {
  const table = new Uint8Array(65536);
  for (const code of kept) table[code] = 1;
  for (let i = 0; i < mask.length; i++) mask[i] &= table[codes[i]];
}

function keepRange(mask, numbers, [low, high]) {
  for (let i = 0; i < mask.length; i++) mask[i] &= numbers[i] >= low && numbers[i] <= high ? 1 : 0;
}

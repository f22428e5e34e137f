/* The values of a category with how many samples each has: a click hides or shows one, a double click shows it alone. */

import { make, sayCount } from "./dom.js";
import { codesOf, countAll, countCodes, nameCode } from "./columns.js";

const MOST_VALUES = 200;
const MANY_VALUES = 30;
const IN_ORDER = 40;

/* A list that is made once and updated in place; `drawSwatch(code)` gives what stands before a name. */
export function makeValueList(state, column, drawSwatch) {
  const all = codesOf(column);
  const listed = all.length > IN_ORDER ? mostFrequent(column, all) : all;
  let before = null;
  const items = new Map(listed.map((code) => [code, makeItem(column, code, drawSwatch)]));
  const list = make("ul", { class: "values" }, ...[...items.values()].map((button) => make("li", {}, button)));
  const codeAt = (event) => Number(event.target.closest("button")?.dataset.code ?? -1);
  list.addEventListener("click", (event) => {
    const code = codeAt(event);
    if (code < 0) return;
    if (event.detail < 2) before = state.choice.filters.get(column.key) ?? null;
    if (event.detail >= 2) keepAlone(state, column.key, { code, before });
    else toggleCode(state, column.key, { code, all });
  });
  list.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.shiftKey || codeAt(event) < 0) return;
    event.preventDefault();
    keepAlone(state, column.key, { code: codeAt(event), before: state.choice.filters.get(column.key) ?? null });
  });
  const left = all.length - listed.length;
  const more = left > 0 ? [make("p", { class: "reason" }, `and ${sayCount(left)} rarer values: search for them`)] : [];
  const element = make("div", {}, ...(listed.length > MANY_VALUES ? [narrowBox(column, items)] : []), list, ...more);
  return { element, update: () => updateItems(state, column, items) };
}

function toggleCode(state, key, { code, all }) {
  const kept = new Set(state.choice.filters.get(key) ?? all);
  if (!kept.delete(code)) kept.add(code);
  state.setFilter(key, all.every((one) => kept.has(one)) ? null : kept);
}

export function keepAlone(state, key, { code, before }) {
  const isAlone = before?.size === 1 && before.has(code);
  state.setFilter(key, isAlone ? null : new Set([code]));
}

function mostFrequent(column, all) {
  const counts = countAll(column);
  return [...all].sort((a, b) => Boolean(b) - Boolean(a) || counts[b] - counts[a]).slice(0, MOST_VALUES);
}

function makeItem(column, code, drawSwatch) {
  const name = nameCode(column, code);
  const title = `${name}: click hides or shows, double-click or Shift-Enter shows it alone`;
  return make("button", { type: "button", "data-code": code, "aria-pressed": "true", title },
    drawSwatch(code), make("span", { class: "label" }, name), make("span", { class: "count" }));
}

/* A box that leaves only the values with these letters in the list. */
function narrowBox(column, items) {
  const says = { placeholder: `Among ${sayCount(items.size)} values`, "aria-label": `Values of ${column.title} with these letters` };
  const box = make("input", { type: "search", ...says });
  box.addEventListener("input", () => {
    const wanted = box.value.toLowerCase();
    for (const button of items.values()) {
      button.parentElement.hidden = !button.querySelector(".label").textContent.toLowerCase().includes(wanted);
    }
  });
  return box;
}

function updateItems(state, column, items) {
  const counts = countCodes(column.codes, state.shown(column.key), column.values.length);
  const filter = state.choice.filters.get(column.key);
  for (const [code, button] of items) {
    button.setAttribute("aria-pressed", String(!filter || filter.has(code)));
    button.lastChild.textContent = sayCount(counts[code]);
  }
}

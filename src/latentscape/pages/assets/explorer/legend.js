/* The left column: which column colors and which shapes the points, what each color and marker means, who is hidden. */

import { make, sayCount, sayNumber } from "./dom.js";
import { TRUST } from "./state.js";
import { markerOf, markerPath, rangeOf } from "./scale.js";
import { changeColumn, colorChoices, explain, isCategory, makeOptions, shapeChoices, touches } from "./columns.js";
import { makeValueList } from "./value_list.js";
import { makeChips, makeOtherFilters } from "./filters.js";

const UNKNOWN_COLOR = "var(--muted)";

export function mountLegend(element, state) {
  const chips = makeChips(state);
  const [color, shape, outcome, others] = ["color", "shape", "outcome", "others"].map((name) => make("section", { id: `legend-${name}` }));
  /* What is filtered stands below: above, it would move the values under the pointer. */
  element.append(make("div", { id: "keys" }, color, shape, outcome, others), chips.element);
  let parts = [];
  const build = () => {
    const taken = legendKeys(state);
    const own = [buildColor(color, state), buildShape(shape, state), buildOutcome(outcome, state)];
    parts = [chips, ...own, makeOtherFilters(others, state, taken)];
  };
  const update = () => parts.forEach((part) => part?.update());
  state.listen((keys) => {
    if (touches(keys, "color", "shape") || (keys.has("frame") && outcome.dataset.key !== (state.answer?.correct ?? ""))) rebuild(build);
    if (touches(keys, "color", "shape", "filters", "found", "frame")) update();
  });
  build();
  update();
}

/* A select that made the change keeps the focus, though it is drawn anew. */
function rebuild(build) {
  const { id } = document.activeElement ?? {};
  build();
  if (id) document.getElementById(id)?.focus();
}

/* Columns that have a place of their own here. */
const legendKeys = (state) => new Set([state.choice.color, state.choice.shape, state.answer?.correct ?? "", changeColumn(state.data)?.key]);

function headSelect(state, name, choices) {
  const select = make("select", { id: `${name}-by` }, ...makeOptions(choices));
  select.value = state.choice[name];
  select.addEventListener("change", () => state.set({ [name]: select.value }));
  const column = state.data.column(state.choice[name]);
  const title = column ? explain(column) : null;
  return make("label", { class: "head", title }, make("span", {}, name === "color" ? "Color" : "Shape"), select);
}

export function drawMarker(index, color, isOutline = false) {
  const paint = isOutline ? { fill: "none", stroke: color, "stroke-width": 1.8 } : { fill: color };
  const outline = make("path", { d: markerPath(index, 14), ...paint });
  return make("svg", { viewBox: "0 0 14 14", "aria-hidden": "true", class: "swatch" }, outline);
}

function buildColor(section, state) {
  const { color, shape } = state.choice;
  section.replaceChildren(headSelect(state, "color", colorChoices(state.data)));
  if (!color) return null;
  const column = color === TRUST ? null : state.data.column(color);
  if (!isCategory(column)) return addRamp(section, state, color);
  const paintOf = (code) => (code ? column.colors[code - 1] : UNKNOWN_COLOR);
  const list = makeValueList(state, column, (code) => drawMarker(color === shape ? markerOf(column, code) : 0, paintOf(code)));
  section.append(list.element);
  return list;
}

function buildShape(section, state) {
  const { color, shape } = state.choice;
  const choices = shapeChoices(state.data);
  section.hidden = choices.length < 2;
  section.replaceChildren(headSelect(state, "shape", choices));
  if (!shape || shape === color) return null;
  const column = state.data.column(shape);
  const list = makeValueList(state, column, (code) => drawMarker(markerOf(column, code), "var(--ink)"));
  section.append(list.element);
  return list;
}

/* Right or wrong, as the checkpoint that is shown has it. */
function buildOutcome(section, state) {
  const key = state.answer?.correct ?? "";
  section.dataset.key = key;
  section.hidden = !key || [state.choice.color, state.choice.shape].includes(key);
  section.replaceChildren();
  if (section.hidden) return null;
  const column = state.data.column(key);
  const list = makeValueList(state, column, (code) => drawMarker(0, "var(--ink)", column.values[code - 1] === "wrong"));
  section.append(make("h2", { title: explain(column) }, column.title), list.element);
  return list;
}

function addRamp(section, state, key) {
  const { ramp } = state.data;
  const words = make("p", { class: "ends" });
  const strip = make("svg", { viewBox: `0 0 ${ramp.length} 1`, preserveAspectRatio: "none", class: "ramp", "aria-hidden": "true" },
    ...ramp.map((fill, x) => make("rect", { x, y: 0, width: 1.05, height: 1, fill })));
  const unknown = make("p", { class: "reason" });
  const showBars = () => state.set({ distribution: key });
  const shown = make("button", { type: "button", class: "quiet", onclick: showBars }, "Show its distribution");
  section.append(strip, words, unknown, shown);
  const update = () => {
    const numbers = state.numbers(key);
    const isKnown = numbers.some((value) => !Number.isNaN(value));
    for (const part of [strip, words, shown]) part.toggleAttribute("hidden", !isKnown);
    const [low, high] = rangeOf(numbers);
    words.replaceChildren(...[low, (low + high) / 2, high].map((value) => make("span", {}, sayNumber(value))));
    const nUnknown = numbers.reduce((sum, value) => sum + (Number.isNaN(value) ? 1 : 0), 0);
    unknown.textContent = nUnknown ? `${sayCount(nUnknown)} unknown: gray` : "";
  };
  return { update };
}

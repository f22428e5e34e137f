/* How a column of numbers is distributed among the samples that are shown; dragging over it keeps a range. */

import { make, sayCount, sayNumber } from "./dom.js";
import { TRUST } from "./state.js";
import { extremesOf, roundSteps } from "./scale.js";
import { TRUST_MEANS, explain, makeOptions, nameCode, numberChoices, splitOf, touches } from "./columns.js";
import { listenToBrush } from "./brush.js";

const N_BARS = 36;
const [HIST_WIDE, HIST_HIGH, HIST_TOP, HIST_FOOT, HIST_SIDE] = [320, 128, 14, 18, 6];
const MOST_COLORED = 9;

export function mountDistribution(section, state) {
  const view = { state, section, key: firstKey(state), worst: state.answer?.worst, range: null };
  const select = make("select", { id: "distribution-of", "aria-label": "Distribution of" }, ...makeOptions(numberChoices(state.data)));
  select.addEventListener("change", () => state.set({ distribution: select.value }));
  view.drawing = make("svg", { viewBox: `0 0 ${HIST_WIDE} ${HIST_HIGH}`, class: "histogram", role: "img" });
  view.says = make("p", { class: "about" });
  view.ends = makeEnds(view);
  section.append(make("h2", {}, make("span", {}, "Distribution"), select), view.drawing, view.ends.element, view.says);
  for (const type of ["pointermove", "pointerleave"]) view.drawing.addEventListener(type, (event) => pointAtBar(view, event));
  section.hidden = !state.data.frames.length && numberChoices(state.data).length < 2;
  listenToBrush(view.drawing, {
    valueAt: (share) => barValue(view, share * HIST_WIDE), isLive: state.data.n <= 200000,
    onRange: (range) => state.setFilter(view.key, range), onDrag: (range) => markRange(view, range),
  });
  const update = () => {
    select.value = view.key;
    select.title = view.key === TRUST ? `Trust: ${TRUST_MEANS}` : explain(state.data.column(view.key));
    updateHistogram(view);
  };
  state.listen((keys) => {
    if (keys.has("distribution")) view.key = firstKey(state);
    else if (keys.has("frame")) followAnswer(view);
    if (touches(keys, "distribution", "frame", "filters", "found", "selection", "color", "theme")) update();
  });
  update();
}

/* What lists are sorted by; else the trust of the map. */
function firstKey({ answer, choice, data }) {
  const isNumber = (key) => key && (key === TRUST || data.column(key)?.kind === "number");
  return [choice.distribution, [...choice.filters.keys()].find(isNumber), answer?.worst].find(isNumber) ?? TRUST;
}

/* What the last checkpoint's list was sorted by gives way to what this one's is. */
function followAnswer(view) {
  const { answer, choice } = view.state;
  if (view.key === view.worst && answer?.worst && !choice.filters.has(view.key)) view.key = answer.worst;
  view.worst = answer?.worst;
}

/* The two ends as numbers, for exact ones and for the keyboard. */
function makeEnds(view) {
  const { state } = view;
  const [low, high] = ["At least", "At most"].map((title) => make("input", { type: "number", step: "any", "aria-label": title }));
  const take = () => {
    const typed = [low, high].map((input, at) => {
      if (input.value === "") return view.range?.[at] ?? 0;
      return Number(input.value === input.dataset.said ? input.dataset.exact : input.value);
    });
    state.setFilter(view.key, low.value === "" && high.value === "" ? null : typed);
  };
  for (const input of [low, high]) input.addEventListener("change", take);
  const clear = make("button", { type: "button", class: "quiet", onclick: () => { low.focus(); state.setFilter(view.key, null); } }, "All");
  const element = make("div", { class: "ends" }, make("span", {}, "Keep"), low, make("span", {}, "to"), high, clear);
  const update = (filter) => {
    [low, high].forEach((input, at) => {
      input.value = filter ? String(Number(filter[at].toPrecision(4))) : "";
      input.placeholder = view.range ? sayNumber(view.range[at]) : "";
      input.dataset.said = input.value;
      input.dataset.exact = filter ? filter[at] : "";
    });
    clear.hidden = !filter;
  };
  return { element, update };
}

/* Bars between the extremes of all samples, so that they stay where they are; one bar a number where these are few and whole. */
function layBars(view) {
  const numbers = view.state.numbers(view.key);
  if (view.counted !== numbers) {
    view.counted = numbers;
    view.range = extremesOf(numbers);
    if (view.range) {
      const [low, high] = view.range;
      const isWhole = high - low < N_BARS && numbers.every((value) => Number.isNaN(value) || Number.isInteger(value));
      const step = isWhole ? 1 : Math.abs(low) / 4;
      /* One value only is a bar in the middle. */
      if (low === high) view.bars = { low: low - 1.5 * step, high: low + 1.5 * step, n: 3, only: low };
      else if (isWhole) view.bars = { low: low - 0.5, high: high + 0.5, n: Math.round(high - low) + 1, isWhole };
      else view.bars = { low, high, n: N_BARS };
    }
  }
  return numbers;
}

const barPlace = ({ bars }, value) => HIST_SIDE + ((value - bars.low) / (bars.high - bars.low)) * (HIST_WIDE - 2 * HIST_SIDE);
const barValue = ({ bars }, x) => {
  const share = Math.max(0, Math.min(1, (x - HIST_SIDE) / (HIST_WIDE - 2 * HIST_SIDE)));
  return bars.low + share * (bars.high - bars.low);
};

/* Samples a bar and group, [shown, selected]; group 0 is all of them where nothing splits them. */
function countBars(view, numbers, split) {
  const { state, bars } = view;
  const [shown, selected] = [state.shown(view.key), state.selected];
  const groups = split ? split.values.length + 1 : 1;
  const counts = [new Uint32Array(groups * bars.n), new Uint32Array(groups * bars.n)];
  const factor = bars.n / (bars.high - bars.low);
  let known = 0;
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i];
    if (!shown[i] || !Number.isFinite(value)) continue;
    const at = (split ? split.codes[i] * bars.n : 0) + Math.min(bars.n - 1, Math.floor((value - bars.low) * factor));
    counts[0][at]++;
    known++;
    if (selected?.[i]) counts[1][at]++;
  }
  return { counts, groups, known };
}

function updateHistogram(view) {
  const { state, drawing, says } = view;
  const numbers = layBars(view);
  const filter = state.choice.filters.get(view.key) ?? null;
  view.ends.update(filter);
  if (!view.range) {
    drawing.replaceChildren();
    drawing.setAttribute("aria-label", "");
    says.textContent = "No sample has this number.";
    return;
  }
  const split = splitOf(state);
  const { counts, groups, known } = countBars(view, numbers, split);
  const highest = Math.max(1, ...sumGroups(counts[0], groups, view.bars.n));
  const isSelected = Boolean(state.selected);
  view.cover = make("g", { class: "cover" });
  drawing.replaceChildren(
    make("g", { class: isSelected ? "behind" : "" }, ...stackBars(view, counts[0], { groups, highest, split })),
    make("g", {}, ...(isSelected ? stackBars(view, counts[1], { groups, highest, split }) : [])),
    ...drawAxis(view), make("text", { x: HIST_SIDE, y: 10, class: "tick" }, `${sayCount(highest)} in the highest bar`), view.cover);
  markRange(view, filter);
  const worst = state.data.column(view.key)?.worst;
  const colored = split ? ` by ${split.title.toLowerCase()}` : "";
  const notes = [isSelected ? ", the selected ones strong" : "", worst ? `; the worst are ${worst}` : ""].join("");
  const many = `${sayCount(known)} ${known === 1 ? "sample" : "samples"}`;
  Object.assign(view, { counts, groups, split, whole: `${many}${colored}${notes}. Drag to keep a range.` });
  says.textContent = view.whole;
  drawing.setAttribute("aria-label", `${sayCount(known)} samples between ${view.range.map(sayNumber).join(" and ")}`);
}

/* What the bar under the pointer holds. */
function pointAtBar(view, { type, offsetX, currentTarget }) {
  if (!view.range || !view.counts) return;
  const { bars, counts, groups, split, says } = view;
  const share = (offsetX / currentTarget.clientWidth) * HIST_WIDE;
  const bar = Math.max(0, Math.min(bars.n - 1, Math.floor(((share - HIST_SIDE) / (HIST_WIDE - 2 * HIST_SIDE)) * bars.n)));
  says.textContent = type === "pointerleave" ? view.whole : sayBar({ bars, counts, groups, split }, bar);
}

const MOST_TOLD = 3;

function sayBar({ bars, counts, groups, split }, bar) {
  const wide = (bars.high - bars.low) / bars.n;
  const [from, to] = [bar, bar + 1].map((edge) => bars.low + edge * wide);
  const middle = bars.only ?? (bars.isWhole ? Math.round((from + to) / 2) : null);
  const where = middle !== null ? sayNumber(middle) : `${sayNumber(from)} to ${sayNumber(to)}`;
  const each = Array.from({ length: groups }, (_, group) => [counts[0][group * bars.n + bar], split ? nameCode(split, group) : ""])
    .filter(([count]) => count).sort((a, b) => b[0] - a[0]);
  const all = each.reduce((sum, [count]) => sum + count, 0);
  const told = split ? each.slice(0, MOST_TOLD).map(([count, name]) => `${sayCount(count)} ${name}`) : [];
  const more = each.length > MOST_TOLD ? " …" : "";
  return `${where}: ${sayCount(all)} ${all === 1 ? "sample" : "samples"}${told.length ? ` (${told.join(", ")}${more})` : ""}.`;
}

function sumGroups(counts, groups, n) {
  return Array.from({ length: n }, (_, bar) => {
    let sum = 0;
    for (let group = 0; group < groups; group++) sum += counts[group * n + bar];
    return sum;
  });
}

/* Bars of one group on those of the group before. */
function stackBars({ bars }, counts, { groups, highest, split }) {
  const wide = (HIST_WIDE - 2 * HIST_SIDE) / bars.n;
  const rects = [];
  for (let bar = 0; bar < bars.n; bar++) {
    let below = HIST_HIGH - HIST_FOOT;
    for (let group = 0; group < Math.min(groups, MOST_COLORED); group++) {
      const count = counts[group * bars.n + bar];
      if (!count) continue;
      const height = Math.max(0.7, (count / highest) * (HIST_HIGH - HIST_FOOT - HIST_TOP));
      below -= height;
      const fill = !split ? "var(--accent)" : group ? split.colors[group - 1] : "var(--muted)";
      const [x, y, width, tall] = [HIST_SIDE + bar * wide, below, 0.92 * wide, height].map((length) => length.toFixed(2));
      rects.push(make("rect", { x, y, width, height: tall, fill }));
    }
  }
  return rects;
}

/* A round number without the zeros at its end. */
function sayTick(value) {
  const exact = Number(value.toPrecision(6));
  const isPlain = exact === 0 || (Math.abs(exact) < 1e6 && Math.abs(exact) >= 1e-3);
  return isPlain ? exact.toLocaleString("en-US", { maximumFractionDigits: 6 }).replace("-", "−") : sayNumber(exact);
}

function drawAxis(view) {
  const { low, high } = view.bars;
  const y = HIST_HIGH - HIST_FOOT;
  const { only, isWhole } = view.bars;
  const ticks = only !== undefined ? [only] : roundSteps(low, high, 5).filter((value) => !isWhole || Number.isInteger(value));
  const anchor = (x) => (x < 24 ? "start" : x > HIST_WIDE - 24 ? "end" : "middle");
  return [make("line", { x1: HIST_SIDE, x2: HIST_WIDE - HIST_SIDE, y1: y, y2: y, class: "axis" }), ...ticks.map((value) => {
    const x = barPlace(view, value);
    return make("text", { x: x.toFixed(1), y: HIST_HIGH - 5, class: "tick", "text-anchor": anchor(x) }, sayTick(value));
  })];
}

/* What a filter leaves out lies under a veil. */
function markRange(view, range) {
  if (!view.cover) return;
  if (!range) return view.cover.replaceChildren();
  const [left, right] = range.map((value) => Math.max(HIST_SIDE, Math.min(HIST_WIDE - HIST_SIDE, barPlace(view, value))));
  const veil = (x, width) => make("rect", { x, y: 0, width: Math.max(0, width), height: HIST_HIGH - HIST_FOOT, class: "veil" });
  const edge = (x) => make("line", { x1: x, x2: x, y1: 2, y2: HIST_HIGH - HIST_FOOT, class: "edge" });
  return view.cover.replaceChildren(veil(0, left), veil(right, HIST_WIDE - right), edge(left), edge(right));
}

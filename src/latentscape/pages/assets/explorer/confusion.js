/* Who is taken for whom, among the samples that are shown; a cell selects its samples. */

import { cssColor, make, sayCount, sayShare } from "./dom.js";
import { blend } from "./scale.js";
import { touches } from "./columns.js";

const MOST_CLASSES = 40;
const MOST_NAMED = 14;
const MOST_WHOLE = 10;
const WIDEST_CELL = 33;
const CELL_STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

export function mountConfusion(section, state) {
  const head = make("h2", {}, make("span", {}, "Confusion"));
  const [about, says] = [make("p", { class: "about" }), make("p", { class: "says" })];
  const place = make("div", { class: "matrix" });
  const view = { state, section, place, about, says, table: null, key: "", isLarge: false };
  const larger = make("button", { type: "button", id: "enlarge", class: "quiet", "aria-expanded": "false" });
  const enlarge = (isLarge) => {
    view.isLarge = isLarge;
    section.classList.toggle("large", isLarge);
    larger.setAttribute("aria-expanded", String(isLarge));
    larger.textContent = isLarge ? "Back (Esc)" : "Enlarge";
    rebuildMatrix(view);
  };
  larger.addEventListener("click", () => enlarge(!view.isLarge));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !view.isLarge || event.target.closest("dialog, input")) return;
    event.stopPropagation();
    enlarge(false);
    larger.focus();
  }, true);
  head.append(larger);
  section.append(head, place, says, about);
  listenToCells(view);
  addEventListener("resize", () => { if (view.isLarge) rebuildMatrix(view); });
  state.listen((keys) => {
    if (keys.has("frame") && view.key !== answerKey(state)) rebuildMatrix(view);
    else if (keys.has("theme") || touches(keys, "frame", "filters", "found", "selection")) updateMatrix(view);
  });
  enlarge(false);
}

const answerKey = ({ answer }) => (answer?.truth && answer.said ? `${answer.truth} ${answer.said}` : "");

/* The classes by name, as the two columns may count them differently; and who is in which cell. */
function countPairs({ data, answer }, mask) {
  const [truth, said] = [answer.truth, answer.said].map((key) => data.column(key));
  const names = [...new Set([...truth.values, ...said.values])];
  const [rowOf, columnOf] = [truth, said].map(({ values }) => Int32Array.from([-1, ...values.map((value) => names.indexOf(value))]));
  const k = names.length;
  const counts = new Uint32Array(k * k);
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue;
    const [row, column] = [rowOf[truth.codes[i]], columnOf[said.codes[i]]];
    if (row >= 0 && column >= 0) counts[row * k + column]++;
  }
  return { names, counts, k, codes: [truth, said].map(({ values }) => names.map((name) => values.indexOf(name) + 1)) };
}

/* All classes, or those in most mistakes, in the order they have. */
function chooseClasses({ counts, k }) {
  const all = Array.from({ length: k }, (_, a) => a);
  if (k <= MOST_CLASSES) return all;
  const mistakes = new Float64Array(k);
  for (let a = 0; a < k; a++) {
    for (let b = 0; b < k; b++) {
      if (a === b) continue;
      mistakes[a] += counts[a * k + b];
      mistakes[b] += counts[a * k + b];
    }
  }
  return [...all].sort((a, b) => mistakes[b] - mistakes[a]).slice(0, MOST_CLASSES).sort((a, b) => a - b);
}

function rebuildMatrix(view) {
  const { state, section, place } = view;
  view.key = answerKey(state);
  section.hidden = !view.key;
  if (!view.key) return;
  const pairs = countPairs(state, new Uint8Array(state.data.n).fill(1));
  view.classes = chooseClasses(pairs);
  const n = view.classes.length;
  section.querySelector("#enlarge").hidden = n <= MOST_WHOLE / 2 && !view.isLarge;
  const size = sizeCells(view, n);
  const isNamed = n <= MOST_NAMED || view.isLarge;
  const cell = (a, b) => make("td", {}, make("button", { type: "button", tabindex: a + b ? -1 : 0, "data-at": `${a} ${b}` }));
  const name = (a) => pairs.names[view.classes[a]] || "(empty)";
  const numbers = view.classes.map((_, a) => a);
  const columnHead = (b) => make("th", { scope: "col", title: name(b) }, make("span", {}, name(b)));
  const rowHead = (a) => make("th", { scope: "row", title: name(a), hidden: !isNamed }, name(a));
  view.table = make("table", { class: isNamed ? "named" : "", "aria-label": "Rows: true class. Columns: what the model said." },
    make("thead", { hidden: !isNamed }, make("tr", {}, make("td", { class: "corner" }, "true ↓ said →"), ...numbers.map(columnHead))),
    make("tbody", {}, ...numbers.map((a) => make("tr", {}, rowHead(a), ...numbers.map((b) => cell(a, b))))));
  view.table.style.setProperty("--cell", `${size}px`);
  view.isCounted = size >= 22;
  view.table.classList.toggle("small", size < 28);
  place.replaceChildren(view.table);
  updateMatrix(view);
}

/* The widest cells for which the matrix fits, at most WIDEST_CELL. */
function sizeCells({ section, isLarge }, n) {
  if (!isLarge) return Math.max(5, Math.min(WIDEST_CELL, Math.floor((n <= MOST_NAMED ? 234 : 318) / n)));
  const { clientWidth, clientHeight } = section;
  return Math.max(9, Math.min(WIDEST_CELL * 2, Math.floor(Math.min(clientWidth - 190, clientHeight - 210) / n)));
}

function updateMatrix(view) {
  const { state, table, classes } = view;
  if (!view.key || !table) return;
  const pairs = countPairs(state, state.shown());
  view.pairs = pairs;
  const [ground, right, wrong] = ["--panel", "--accent", "--wrong"].map(cssColor);
  const { selection } = state.choice;
  for (const button of table.querySelectorAll("button")) {
    const [a, b] = placeOfCell(button).map((at) => classes[at]);
    const { count, share, text } = describeCell(pairs, a, b);
    const { color, ink } = blend(ground, a === b ? right : wrong, count ? 0.06 + 0.94 * share : 0);
    button.style.background = color;
    button.style.color = ink;
    button.textContent = view.isCounted && count ? sayCount(count) : "";
    button.setAttribute("aria-label", text);
    button.title = text;
    const isChosen = selection?.kind === "cell" && selection.truth === pairs.codes[0][a] && selection.said === pairs.codes[1][b];
    button.setAttribute("aria-pressed", String(isChosen));
    if (isChosen) view.chosen = [a, b];
  }
  if (selection?.kind !== "cell") view.chosen = null;
  sayMatrix(view);
}

const placeOfCell = (button) => button.dataset.at.split(" ").map(Number);

function describeCell({ names, counts, k }, a, b) {
  let total = 0;
  for (let c = 0; c < k; c++) total += counts[a * k + c];
  const count = counts[a * k + b];
  const share = total ? count / total : 0;
  const words = a === b ? `${names[a]} said to be ${names[a]}` : `${names[a]} taken for ${names[b]}`;
  return { count, share, text: `${words}: ${sayCount(count)} of ${sayCount(total)}${total ? ` (${sayShare(share)})` : ""}` };
}

/* What is under the pointer, or selected; and the whole in one line. */
function sayMatrix({ pairs, classes, says, about, chosen, pointed }) {
  const { counts, k, names } = pairs;
  const at = pointed ?? chosen;
  let [right, all] = [0, 0];
  for (let a = 0; a < k; a++) {
    right += counts[a * k + a];
    for (let b = 0; b < k; b++) all += counts[a * k + b];
  }
  const whole = `${sayCount(right)} of ${sayCount(all)} right${all ? ` (${sayShare(right / all)})` : ""}`;
  says.textContent = at ? describeCell(pairs, ...at).text : whole;
  const part = classes.length < names.length ? `The ${classes.length} classes most confused of ${sayCount(names.length)}. ` : "";
  about.textContent = `${part}Rows: the true class; color: the share of the row. Click a cell to select its samples.`;
}

function listenToCells(view) {
  const { place, state } = view;
  const point = (event) => {
    const button = event.target.closest?.("button");
    const isOver = button && event.type !== "pointerleave" && event.type !== "focusout";
    view.pointed = isOver ? placeOfCell(button).map((at) => view.classes[at]) : null;
    if (view.pairs) sayMatrix(view);
  };
  for (const type of ["pointerover", "pointerleave", "focusin", "focusout"]) place.addEventListener(type, point);
  place.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    focusCell(view, button);
    if (button.getAttribute("aria-pressed") === "true") return state.select(null);
    const [a, b] = placeOfCell(button).map((at) => view.classes[at]);
    return state.select({ kind: "cell", truth: view.pairs.codes[0][a], said: view.pairs.codes[1][b] });
  });
  place.addEventListener("keydown", (event) => {
    const step = CELL_STEPS[event.key];
    const button = event.target.closest("button");
    if (!step || !button) return;
    event.preventDefault();
    const [a, b] = placeOfCell(button);
    const next = place.querySelector(`button[data-at="${a + step[0]} ${b + step[1]}"]`);
    if (!next) return;
    focusCell(view, next);
    next.focus();
  });
}

/* One cell is in the order of Tab, the others are reached by arrows. */
function focusCell({ place }, button) {
  place.querySelector("button[tabindex='0']")?.setAttribute("tabindex", "-1");
  button.setAttribute("tabindex", "0");
}

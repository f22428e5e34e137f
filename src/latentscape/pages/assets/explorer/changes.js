/* What became of the samples from the first checkpoint to the last: how many are fixed and broken, each a click away. */

import { make, sayCount, sayShare } from "./dom.js";
import { changeColumn, codesOf, countCodes, touches } from "./columns.js";
import { keepAlone } from "./value_list.js";
import { drawMarker } from "./legend.js";

const ORDER = ["fixed", "broken", "still wrong", "still right"];
const MEANS = {
  fixed: "wrong before, right after", broken: "right before, wrong after",
  "still wrong": "wrong before and after", "still right": "right before and after",
};

export function mountChanges(section, state) {
  const { data } = state;
  const column = changeColumn(data);
  section.hidden = !column;
  if (!column) return;
  const { key } = column;
  const place = (code) => ORDER.indexOf(column.values[code - 1]) >>> 0;
  const codes = codesOf(column).filter(Boolean).sort((a, b) => place(a) - place(b));
  const buttons = new Map(codes.map((code) => [code, makeChange(column, code, () =>
    keepAlone(state, key, { code, before: state.choice.filters.get(key) ?? null }))]));
  const paint = make("button", {
    type: "button", class: "quiet", id: "color-changes",
    onclick: () => state.set({ color: state.choice.color === key ? data.color : key }),
  });
  const [first, last] = [data.answers[0], data.answers.at(-1)].map(({ checkpoint }) => checkpoint);
  const about = make("p", { class: "about" }, `From ${first} (before) to ${last} (after). Click to see one group alone.`);
  section.append(make("h2", {}, make("span", {}, "What changed"), paint), make("div", { class: "changes" }, ...buttons.values()), about);
  const update = () => {
    const filter = state.choice.filters.get(key);
    const counts = countCodes(column.codes, state.shown(key), column.values.length);
    const all = codes.reduce((sum, code) => sum + counts[code], 0);
    for (const [code, button] of buttons) {
      const words = `${column.values[code - 1]}: ${sayCount(counts[code])} of ${sayCount(all)} samples`;
      button.title = `${words}${all ? ` (${sayShare(counts[code] / all)})` : ""}, ${MEANS[column.values[code - 1]] ?? ""}`;
      button.lastChild.textContent = sayCount(counts[code]);
      button.setAttribute("aria-pressed", String(filter?.size === 1 && filter.has(code)));
    }
    const usual = data.column(data.color)?.title.toLowerCase() ?? "nothing";
    paint.textContent = `Color by ${state.choice.color === key ? usual : "change"}`;
  };
  state.listen((keys) => { if (touches(keys, "filters", "found", "frame", "color")) update(); });
  update();
}

const makeChange = (column, code, onclick) => make("button", { type: "button", "data-code": code, "aria-pressed": "false", onclick },
  drawMarker(0, column.colors[code - 1]), make("span", { class: "label" }, column.values[code - 1]), make("b", {}));

/* What each layer is worth by each question, with intervals and chance: a table with small drawings in it. */

import { make, sayLayer, sayShare } from "./dom.js";
import { closestFrame } from "./switches.js";

const [INTERVAL_WIDE, INTERVAL_HIGH] = [84, 12];
const QUESTIONS = { class: "Class", dataset: "Data set", speaker: "Speaker" };

export function mountProfile(section, state) {
  const { profile, frames } = state.data;
  if (!profile.length) return sayNoProfile(section, state.data);
  section.hidden = false;
  const layers = [...new Set(profile.map(({ layer }) => layer))];
  const questions = [...new Set(profile.map(({ question }) => question))];
  const least = Math.min(0, ...profile.map(({ value, low }) => low ?? value));
  const most = Math.max(1, ...profile.map(({ value, high }) => high ?? value));
  const point = (layer, question) => profile.find((one) => one.layer === layer && one.question === question);
  const columnHead = (text) => make("th", { scope: "col" }, text);
  const heads = layers.map((layer) => nameLayer(state, layer));
  section.append(
    make("h2", {}, "Layers"),
    make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "What each layer is worth" }, make("table", {},
      make("thead", {}, make("tr", {}, ...["Layer", ...questions.map((question) => QUESTIONS[question] ?? question)].map(columnHead))),
      make("tbody", {}, ...layers.map((layer, at) => make("tr", {}, make("th", { scope: "row" }, heads[at]),
        ...questions.map((question) => drawPoint(point(layer, question), [least, most]))))))),
    make("p", { class: "about" }, "What a linear readout of the layer tells, with the 95% interval; the dashed line is chance."));
  const rows = [...section.querySelectorAll("tbody tr")];
  const update = () => rows.forEach((row, at) => row.classList.toggle("current", layers[at] === state.frame?.layer));
  state.listen((keys) => { if (keys.has("frame")) update(); });
  return update();

  function nameLayer({ data }, layer) {
    if (!data.frames.some((frame) => frame.layer === layer)) return sayLayer(layer);
    const onclick = () => state.set({ frame: closestFrame(frames, state.frame, "layer", layer) });
    return make("button", { type: "button", class: "quiet", title: `Show the map of ${sayLayer(layer)}`, onclick }, sayLayer(layer));
  }
}

/* Of several layers it is said why they are not compared. */
function sayNoProfile(section, { frames }) {
  section.hidden = new Set(frames.map(({ layer }) => layer)).size < 2;
  if (section.hidden) return;
  section.append(make("h2", {}, "Layers"), make("p", { class: "about" },
    "No linear readout of the layers was measured: the run is of an earlier version, or has too few samples of a class."));
}

function drawPoint(point, [least, most]) {
  if (!point) return make("td", {}, "–");
  const { value, low, high, chance } = point;
  const x = (number) => (4 + ((number - least) / (most - least)) * (INTERVAL_WIDE - 8)).toFixed(1);
  const isBounded = (low ?? null) !== null && (high ?? null) !== null;
  const hasChance = (chance ?? null) !== null;
  const interval = isBounded ? ` [${sayShare(low)}, ${sayShare(high)}]` : "";
  const says = `${sayShare(value)}${interval}${hasChance ? `; chance ${sayShare(chance)}` : ""}`;
  const y = INTERVAL_HIGH / 2;
  return make("td", { title: says }, make("span", {}, sayShare(value)),
    make("svg", { viewBox: `0 0 ${INTERVAL_WIDE} ${INTERVAL_HIGH}`, class: "interval", role: "img", "aria-label": says },
      make("line", { x1: x(least), x2: x(most), y1: y, y2: y, class: "axis" }),
      ...(hasChance ? [make("line", { x1: x(chance), x2: x(chance), y1: 0, y2: INTERVAL_HIGH, class: "chance" })] : []),
      ...(isBounded ? [make("line", { x1: x(low), x2: x(high), y1: y, y2: y, class: "between" })] : []),
      make("circle", { cx: x(value), cy: y, r: 2.6, class: "dot" })));
}

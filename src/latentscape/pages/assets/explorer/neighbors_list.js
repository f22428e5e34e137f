/* The nearest samples in the layer's own space: what the model holds for alike, whatever the map makes of it. */

import { make, sayLayer } from "./dom.js";
import { labelColumn, sayCell } from "./sample_words.js";
import { makeSampleLine } from "./sample_line.js";

/* `7 of 10 nearest are Sad, as this one is; 2 are Calm`. */
function sayAgreement(own, labels) {
  const known = labels.filter((label) => label);
  if (!own || !known.length) return "";
  const counts = new Map();
  for (const label of known) counts.set(label, (counts.get(label) ?? 0) + 1);
  const same = counts.get(own) ?? 0;
  counts.delete(own);
  const [rival, most] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ["", 0];
  const are = (count) => (count === 1 ? "is" : "are");
  if (known.length === 1) return same ? `The nearest is ${own}, as this one is.` : `The nearest is ${rival}, this one is ${own}.`;
  const first = `${same || "None"} of ${known.length} nearest ${are(same)} ${own}`;
  return `${first}, as this one is${most ? `; ${most} ${are(most)} ${rival}` : ""}.`;
}

/* As many decimals for all as two digits of the middle one need. */
function sayDistances(distances) {
  const middle = [...distances].sort((a, b) => a - b)[distances.length >> 1];
  const decimals = middle > 0 ? Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(middle)))) : 2;
  return distances.map((distance) => distance.toFixed(decimals));
}

export function makeNeighbors(state, row, neighbors, layer) {
  const label = labelColumn(state);
  const own = label ? sayCell(state, label.key, row) : "";
  const ends = sayDistances(neighbors.list.map(([, distance]) => distance));
  const lines = neighbors.list.map(([other], at) => makeSampleLine(state, other, { end: ends[at], sameAs: own || null }));
  const agreement = label ? sayAgreement(own, neighbors.list.map(([other]) => sayCell(state, label.key, other))) : "";
  return make("section", { class: "lists-neighbors" },
    make("h3", {}, `Nearest in the ${sayLayer(layer)} layer`, make("em", {}, `${neighbors.metric} distance`)),
    ...(agreement ? [make("p", { class: "lists-agreement" }, agreement)] : []),
    make("ol", { class: "lists-lines" }, ...lines));
}

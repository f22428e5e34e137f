/* What a retriever finds for a query, and the documents that were declared hard to tell from the right ones. */

import { make, sayNumber } from "./dom.js";
import { makeSampleLine } from "./sample_line.js";

const MARKS = [
  { sign: "✗", look: "lists-wrong", words: "wrong" },
  { sign: "✓", look: "lists-right", words: "right" },
  { sign: "≈", look: "lists-near", words: "near copy of a right one" },
];

function makeMark(mark, rank) {
  const { sign, look, words } = MARKS[mark];
  return make("span", { class: `lists-mark ${look}`, title: words },
    make("span", { class: "lists-unseen" }, `rank ${rank}, ${words}`), make("span", { "aria-hidden": "true" }, `${rank} ${sign}`));
}

function sayRanked(ranked) {
  const first = ranked.findIndex(([, , mark]) => mark === 1);
  if (first === 0) return "The first document is a right one.";
  return first > 0 ? `The first right document has rank ${first + 1}.` : `No right document among the first ${ranked.length}.`;
}

export function makeRanked(state, ranked) {
  return make("section", { class: "lists-ranked" },
    make("h3", {}, "What it finds", make("em", {}, "similarity")),
    make("p", { class: "lists-agreement" }, sayRanked(ranked)),
    make("ol", { class: "lists-lines" }, ...ranked.map(([row, similarity, mark], at) =>
      makeSampleLine(state, row, { mark: makeMark(mark, at + 1), end: sayNumber(similarity) }))));
}

/* The most similar first: those are the ones that the model falls for. */
export function makeHard(state, hard) {
  const sorted = [...hard].sort((a, b) => b[1] - a[1]);
  const sayTypes = (types) => (Array.isArray(types) ? types.join(", ") : (types ?? ""));
  return make("section", { class: "lists-hard" },
    make("h3", {}, "Hard negatives", make("em", {}, "similarity")),
    make("ol", { class: "lists-lines" }, ...sorted.map(([row, similarity, types]) =>
      makeSampleLine(state, row, { end: sayNumber(similarity), note: sayTypes(types) && `differs in ${sayTypes(types)}` }))));
}

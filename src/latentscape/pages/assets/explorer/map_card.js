/* The few words beside the pointer: what this point is. */

import { make, sayShare } from "./dom.js";
import { TRUST } from "./state.js";
import { headOf, nameRow, sayCell } from "./sample_words.js";

const LONG = 170;

export function fillCard(card, state, i) {
  const { answer, choice, data } = state;
  const name = nameRow(state, i);
  const keys = [answer?.truth, answer?.said, choice.color, choice.shape, answer?.worst].filter((key) => key && key !== TRUST);
  const lines = [...new Set(keys)].map((key) => [headOf(state, key), sayCell(state, key, i)]).filter(([, says]) => says);
  const trust = state.frame.trust[i];
  if (trust !== 255) lines.push(["Neighbors kept on this map", sayShare(trust / 254)]);
  const verdict = isWrong(state, i) ? [make("p", { class: "wrong" }, "wrong")] : [];
  card.replaceChildren(
    make("p", { class: "map-card-name", dir: "auto" }, name.length > LONG ? `${name.slice(0, LONG - 1)}…` : name),
    ...verdict,
    make("dl", {}, ...lines.flatMap(([head, says]) => [make("dt", {}, head), make("dd", { dir: "auto" }, says)])),
    ...(name === data.idOf(i) ? [] : [make("p", { class: "map-card-id" }, data.idOf(i))]),
  );
}

function isWrong(state, i) {
  const column = state.answer?.correct ? state.data.column(state.answer.correct) : null;
  return Boolean(column && column.values[column.codes[i] - 1] === "wrong");
}

/* Beside the pointer, inside the field. */
export function placeCard(card, px, py, { width, height }) {
  const { offsetWidth, offsetHeight } = card;
  card.style.left = `${Math.max(4, Math.min(px + 16, width - offsetWidth - 4))}px`;
  card.style.top = `${py + 18 + offsetHeight > height ? Math.max(4, py - offsetHeight - 12) : py + 18}px`;
}

/* The card beside the pointer: what this point is, as one sees, reads or hears it, and what the model makes of it. */

import { make, sayShare } from "./dom.js";
import { TRUST } from "./state.js";
import { headOf, nameRow, sayCell, textColumn } from "./sample_words.js";
import { markTiny } from "./tiny_picture.js";
import { makeStrip } from "./waveform.js";

const LONG = 200;
const PASSING_MS = 150;
/* A pointer that only passes asks the server for nothing. */

export function fillCard(card, state, i) {
  const { answer, choice, data } = state;
  const name = nameRow(state, i);
  const keys = [answer?.truth, answer?.said, choice.color, choice.shape, answer?.worst].filter((key) => key && key !== TRUST);
  const texts = data.columns.filter(({ kind }) => kind === "text").map(({ key }) => key);
  const lines = [...new Set(keys)].filter((key) => !texts.includes(key)).map((key) => [headOf(state, key), sayCell(state, key, i)]);
  const trust = state.frame.trust[i];
  if (trust !== 255) lines.push(["Neighbors kept on this map", sayShare(trust / 254)]);
  const verdict = isWrong(state, i) ? [make("p", { class: "wrong" }, "wrong")] : [];
  const head = make("p", { class: "map-card-name", dir: "auto" }, cutText(name));
  const known = lines.filter(([, says]) => says);
  card.dataset.row = String(i);
  card.replaceChildren(...makeLook(data, i), make("div", { class: "map-card-words" },
    head, ...verdict,
    make("dl", {}, ...known.flatMap(([title, says]) => [make("dt", {}, title), make("dd", { dir: "auto" }, says)])),
    ...(name === data.idOf(i) ? [] : [make("p", { class: "map-card-id" }, data.idOf(i))])));
  fetchText(card, state, i, head);
}

/* Its picture, or the bars of its sound. */
function makeLook(data, i) {
  const url = data.pictureOf(i);
  if (url) return [makeThumbnail(url)];
  const media = data.hasMedia === "audio" ? data.media(i) : null;
  const strip = media && makeStrip(media);
  return strip ? [strip] : [];
}

function makeThumbnail(src) {
  const picture = make("img", { class: "map-card-picture", src, alt: "" });
  picture.addEventListener("load", () => markTiny(picture));
  picture.addEventListener("error", () => picture.remove());
  return picture;
}

/* Whole letters, those beyond the first plane included. */
function cutText(text) {
  if (text.length <= LONG) return text;
  const letters = [...text];
  return letters.length > LONG ? `${letters.slice(0, LONG - 1).join("").trimEnd()}…` : text;
}

/* Texts that have no room in what a server sends at once come one at a time. */
function fetchText(card, state, i, head) {
  const { data, frame } = state;
  const column = textColumn(state);
  if (!data.isServed || !column || data.textOf(column.key, i)) return;
  setTimeout(() => {
    if (card.hidden || card.dataset.row !== String(i)) return;
    data.details(i, { layer: frame.layer, checkpoint: frame.checkpoint }).then(({ texts }) => {
      const found = texts.find(([title]) => title === column.title);
      if (found && card.dataset.row === String(i)) head.textContent = cutText(found[1]);
    }, () => null);
  }, PASSING_MS);
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

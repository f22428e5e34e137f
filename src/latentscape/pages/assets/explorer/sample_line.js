/* One line about another sample, in the inspector's lists: hear it, read it, walk to it. */

import { make } from "./dom.js";
import { makePlayButton } from "./player.js";
import { colorOf, labelColumn, nameRow, sayCell, textColumn } from "./sample_words.js";
import { makeDot } from "./table_columns.js";

/* `mark` stands before it, `end` behind, `note` below. Ids are short enough for one line, texts have their label below. */
export function makeSampleLine(state, row, { mark = null, end = "", note = "", sameAs = null }) {
  const label = labelColumn(state);
  const says = label ? sayCell(state, label.key, row) : "";
  const name = make("span", { class: "lists-name", dir: "auto" }, shortName(state, row));
  const other = says && sameAs !== null && says !== sameAs ? " lists-other" : "";
  const about = make("span", { class: `lists-label${other}` },
    ...(says ? [makeDot(colorOf(label, row)), says] : []), ...(note ? [make("em", {}, note)] : []));
  const look = `lists-walk${textColumn(state) ? "" : " lists-brief"}`;
  const go = () => state.set({ focus: row });
  const walk = make("button", { type: "button", class: look, title: nameRow(state, row), onclick: go }, name, about);
  fetchName(state, row, name);
  return make("li", { "data-row": row }, ...[mark, makeSign(state, row), walk, make("span", { class: "lists-end" }, end)].filter(Boolean));
}

/* Of an id that is a path, its end is what tells samples apart. */
function shortName(state, row) {
  const name = nameRow(state, row);
  return textColumn(state) ? name : name.split("/").at(-1) || name;
}

function makeSign(state, row) {
  if (!state.data.hasMedia) return null;
  const media = state.data.media(row);
  if (!media) return make("span", { class: state.data.hasMedia === "image" ? "lists-thumb" : "lists-silent" });
  if (media.kind === "image") return make("img", { class: "lists-thumb", src: state.data.pictureOf(row), alt: "", loading: "lazy" });
  return makePlayButton(state, row, nameRow(state, row));
}

/* Texts of a served page come one at a time, when they are looked at. */
function fetchName(state, row, name) {
  const { data } = state;
  const column = textColumn(state);
  if (!data.isServed || !column || data.textOf(column.key, row)) return;
  data.details(row, { layer: state.frame.layer, checkpoint: state.frame.checkpoint }).then(({ texts }) => {
    const found = texts.find(([title, text]) => title === column.title && text) ?? texts.find(([, text]) => text);
    if (found) name.textContent = found[1];
  }, () => null);
}

/* Everything about one sample: how it sounds or reads, what the model makes of it, and what it holds for alike. */

import { make, sayCount, sayShare } from "./dom.js";
import { makeNeighbors } from "./neighbors_list.js";
import { makePlayButton, player, showPlaying } from "./player.js";
import { makeHard, makeRanked } from "./ranked_list.js";
import { listRows } from "./row_order.js";
import { colorOf, explainHead, headOf, isTyping, nameRow, sayCell } from "./sample_words.js";
import { TRUST } from "./state.js";
import { makeDot } from "./table_columns.js";
import { markTiny } from "./tiny_picture.js";
import { makeWaveform } from "./waveform.js";

export function mountInspector(element, state) {
  const inspector = new Inspector(element, state);
  inspector.show();
  return inspector;
}

class Inspector {
  constructor(element, state) {
    Object.assign(this, { element, state, stop: () => null, shown: "" });
    this.place = make("span", { class: "lists-about", role: "status" });
    const button = (text, words, onclick) =>
      make("button", { type: "button", class: "lists-button", "aria-label": words, title: words, onclick }, text);
    this.head = make("div", { class: "lists-bar" },
      button("‹", "Previous of the table (k)", () => this.walk(-1)), button("›", "Next of the table (j)", () => this.walk(1)),
      this.place, make("span", { class: "lists-space" }), button("✕", "Close (Esc)", () => state.set({ focus: -1 })));
    this.body = make("div", { class: "lists-body" });
    element.classList.add("lists-inspector");
    element.replaceChildren(this.head, this.body);
    player.listen(() => showPlaying(element));
    document.addEventListener("keydown", (event) => this.#press(event));
    state.listen((keys) => {
      if (keys.has("focus") || keys.has("frame") || keys.has("color")) this.show();
      else if (["filters", "found", "selection", "sort"].some((key) => keys.has(key))) this.#sayPlace();
    });
  }

  /* j, k, Space and Escape, wherever the keyboard is but in a field. */
  #press(event) {
    if (isTyping(event) || event.defaultPrevented) return;
    const { focus } = this.state.choice;
    if (event.key === "j") this.walk(1);
    else if (event.key === "k") this.walk(-1);
    else if (event.key === "Escape" && focus >= 0 && this.element.contains(event.target)) this.state.set({ focus: -1 });
    else if (event.key === " " && focus >= 0 && this.hasSound && !event.target.closest?.("button, summary, a")) {
      player.toggle(focus, this.state.data.media(focus));
    } else return;
    event.preventDefault();
  }

  /* To the next of the list, or to its first where the sample is not on it. */
  walk(by) {
    const rows = listRows(this.state);
    if (!rows.length) return;
    const at = rows.indexOf(this.state.choice.focus);
    const next = at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by));
    this.state.set({ focus: rows[next] });
  }

  #sayPlace() {
    const { focus } = this.state.choice;
    if (focus < 0) return;
    const rows = listRows(this.state);
    const at = rows.indexOf(focus);
    this.place.textContent = at < 0 ? "not in the table" : `${sayCount(at + 1)} of ${sayCount(rows.length)}`;
  }

  show() {
    const { element, state } = this;
    const { focus } = state.choice;
    element.hidden = focus < 0;
    element.dataset.row = String(focus);
    const shown = focus < 0 ? "" : `${focus} ${state.choice.frame} ${state.choice.color}`;
    if (shown === this.shown) return;
    const isAnother = this.shown.split(" ")[0] !== String(focus);
    this.shown = shown;
    if (isAnother) player.pause();
    this.#sayPlace();
    this.stop();
    this.stop = () => null;
    if (focus < 0) return this.body.replaceChildren();
    this.#fill(focus, shown);
    if (isAnother) element.scrollTop = 0;
  }

  #fill(row, shown) {
    const { state } = this;
    const [texts, probabilities, lists] = ["lists-texts", "lists-shares", "lists-all"].map((name) => make("div", { class: name }));
    const media = state.data.hasMedia ? state.data.media(row) : null;
    this.hasSound = media?.kind === "audio";
    this.body.replaceChildren(
      make("h2", { class: "lists-heading", dir: "auto" }, state.data.idOf(row)),
      ...this.#makeMedia(row, media), ...makeVerdict(state, row), probabilities, texts, lists, makeFacts(state, row));
    showPlaying(this.element);
    this.element.dataset.details = "waiting";
    const { layer, checkpoint } = state.frame;
    state.data.details(row, { layer, checkpoint }).then((details) => {
      if (this.shown !== shown) return;
      /* What it finds has a list of its own. */
      const others = details.ranked?.length ? state.data.columns.filter(({ isOwn }) => isOwn === false).map(({ title }) => title) : [];
      texts.replaceChildren(...details.texts.filter(([title, text]) => text && !others.includes(title)).map(([title, text]) =>
        make("section", {}, make("h3", {}, title), make("p", { dir: "auto" }, text))));
      probabilities.replaceChildren(...makeShares(state, row, details.probabilities));
      lists.replaceChildren(...makeLists(state, row, details));
      showPlaying(this.element);
      this.element.dataset.details = String(row);
    }, () => {
      const words = "What is known of this sample could not be read.";
      if (this.shown === shown) lists.replaceChildren(make("p", { class: "lists-problem", role: "alert" }, words));
    });
  }

  #makeMedia(row, media) {
    const { state } = this;
    const { hasMedia } = state.data;
    const missing = `No ${hasMedia === "audio" ? "sound" : "picture"} of this sample was found.`;
    if (!media) return hasMedia ? [make("p", { class: "lists-about" }, missing)] : [];
    if (media.kind === "image") return [makePicture(state.data, row, media, nameRow(state, row))];
    const wave = makeWaveform(state, row, media);
    this.stop = wave.stop;
    return [make("div", { class: "lists-player" }, makePlayButton(state, row, nameRow(state, row)), wave.element)];
  }
}

/* The picture itself; where its file is gone, the small copy of it. */
function makePicture(data, row, media, alt) {
  const picture = make("img", { class: `lists-picture${media.isSmall ? " lists-small" : ""}`, src: media.url, alt });
  const words = "This picture can't be shown: its file is not where it was when the page was written.";
  picture.addEventListener("load", () => markTiny(picture));
  const small = data.thumbnails?.url(row) ?? "";
  picture.addEventListener("error", () => {
    if (small && !picture.classList.contains("lists-small")) {
      picture.classList.add("lists-small");
      picture.src = small;
    } else picture.replaceWith(make("p", { class: "lists-problem", role: "alert" }, words));
  });
  return picture;
}

/* `Sad, taken for Fearful`. */
function makeVerdict(state, row) {
  const { answer, data } = state;
  const [truth, said] = [answer?.truth, answer?.said].map((key) => key && data.column(key))
    .map((column) => (column?.kind === "category" ? column : null));
  const name = (column) => (column.codes[row]
    ? make("b", {}, makeDot(colorOf(column, row)), sayCell(state, column.key, row)) : make("b", {}, "not known"));
  const others = data.answers.length > 1 ? [makeAnswers(state, row)] : [];
  if (truth && said) {
    const isRight = truth.values[truth.codes[row] - 1] === said.values[said.codes[row] - 1];
    const words = isRight ? [name(truth), " rightly recognized"] : [name(truth), " taken for ", name(said)];
    return [make("p", { class: `lists-verdict ${isRight ? "lists-right" : "lists-wrong"}` }, ...words), ...others];
  }
  const outcome = answer?.correct ? sayCell(state, answer.correct, row) : "";
  const look = `lists-verdict lists-${outcome === "right" ? "right" : "wrong"}`;
  return outcome ? [make("p", { class: look }, make("b", {}, `${headOf(state, answer.correct)}: ${outcome}`)), ...others] : [];
}

/* What every checkpoint makes of it, in their order. */
function makeAnswers(state, row) {
  const { data } = state;
  const lines = data.answers.map(({ checkpoint, said, correct, worst }, at) => {
    const outcome = correct ? sayCell(state, correct, row) : "";
    const isRank = !said && data.column(worst)?.kind === "number";
    const rank = isRank ? `${headOf(state, worst).split(",")[0]} ${sayCell(state, worst, row) || "n/a"}` : "";
    const answer = said ? sayCell(state, said, row) : rank;
    const isShown = at === state.frame.checkpoint;
    return make("li", { class: isShown ? "lists-true" : null, "aria-current": isShown ? "true" : null },
      make("span", { class: "lists-cut", title: checkpoint }, checkpoint),
      make("span", { class: "lists-cut" }, ...(said ? [makeDot(colorOf(data.column(said), row))] : []), answer),
      make("span", { class: `lists-end lists-${outcome}` }, outcome));
  });
  return make("section", {}, make("h3", {}, "Through the checkpoints"), make("ol", { class: "lists-answers" }, ...lines));
}

function makeShares(state, row, shares) {
  if (!shares?.length) return [];
  const { answer } = state;
  const truth = answer?.truth ? sayCell(state, answer.truth, row) : "";
  const said = answer?.said ? state.data.column(answer.said) : null;
  const lines = shares.map(([name, share]) => {
    const bar = make("i", { "aria-hidden": "true" });
    bar.style.width = `${100 * Math.max(0, Math.min(1, share))}%`;
    const color = said?.colors?.[said.values.indexOf(name)];
    if (color) bar.style.background = color;
    return make("li", { class: name === truth ? "lists-true" : null },
      make("span", { class: "lists-cut" }, name, ...(name === truth ? [make("em", {}, "true")] : [])),
      make("span", { class: "lists-track" }, bar), make("span", { class: "lists-end" }, sayShare(share)));
  });
  const words = `${truth}, the true class, is not among the ${shares.length} most probable.`;
  const isMissing = truth && !shares.some(([name]) => name === truth);
  return [make("h3", {}, "Probabilities"), make("ol", { class: "lists-bars" }, ...lines),
    ...(isMissing ? [make("p", { class: "lists-about" }, words)] : [])];
}

function makeLists(state, row, { neighbors, ranked, hard }) {
  return [
    ...(ranked?.length ? [makeRanked(state, ranked)] : []),
    ...(hard?.length ? [makeHard(state, hard)] : []),
    ...(neighbors?.list.length ? [makeNeighbors(state, row, neighbors, state.frame.layer)] : []),
  ];
}

/* Every other column, folded small. */
function makeFacts(state, row) {
  const { answer, data } = state;
  const told = [answer?.truth, answer?.said];
  const keys = data.columns.filter(({ key, kind }) => kind !== "text" && !told.includes(key)).map(({ key }) => key);
  const facts = [...keys, TRUST].map((key) => [key, sayCell(state, key, row)]).filter(([, value]) => value);
  return make("section", { class: "lists-facts" }, make("h3", {}, "More"),
    make("dl", {}, ...facts.map(([key, value]) =>
      make("div", { title: explainHead(state, key) }, make("dt", {}, headOf(state, key)), make("dd", {}, value)))));
}

/* The bar: which layer, method and checkpoint the map shows, and what is drawn on it. */

import { make, sayLayer } from "./dom.js";
import { makeOptions, touches } from "./columns.js";

const MOST_SEGMENTS = 4;
const LONG_NAMES = 34;
const FILM_MS = 1700;
/* A morph, and a moment to look. */
const OWN_ARROWS = "input, select, textarea, canvas, table, dialog, [role=separator], #map, #table, #inspector";

/* The frame that is wanted: the one that agrees in `name`, and in as much else as there is. */
export function closestFrame(frames, current, name, value) {
  const others = ["layer", "checkpoint", "method"].filter((other) => other !== name);
  const likeness = (frame) => others.reduce((sum, other, at) => sum + (frame[other] === current[other] ? 2 - at : 0), 0);
  let best = -1;
  frames.forEach((frame, i) => {
    if (frame[name] === value && (best < 0 || likeness(frame) > likeness(frames[best]))) best = i;
  });
  return best;
}

export function mountSwitches(element, state) {
  const { frames, answers } = state.data;
  const names = {
    layer: sayLayer,
    method: (method) => frames.find((frame) => frame.method === method).methodName,
    checkpoint: (c) => answers[c]?.checkpoint || `Checkpoint ${c + 1}`,
  };
  const groups = Object.entries({ checkpoint: "Checkpoint", layer: "Layer", method: "Map" })
    .map(([name, title]) => ({ name, title, values: valuesOf(state.data, name), say: names[name] }))
    .filter(({ values }) => values.length > 1);
  const go = (name, value) => {
    const frame = closestFrame(frames, state.frame, name, value);
    if (frame >= 0 && frame !== state.choice.frame) state.set({ frame });
  };
  const updates = groups.map((group) => {
    const update = addSwitch(element, state, group, (value) => go(group.name, value));
    if (group.name === "checkpoint") element.append(makeFilm(state, group, (value) => go(group.name, value)));
    return update;
  });
  const update = () => {
    updates.forEach((one) => one());
    document.body.dataset.frame = state.frame?.key ?? "";
  };
  state.listen((keys) => { if (keys.has("frame")) update(); });
  update();
  const main = groups.find(({ name }) => name === "checkpoint") ?? groups.find(({ name }) => name === "layer");
  if (main) document.addEventListener("keydown", (event) => stepByKey(event, state, main, (value) => go(main.name, value)));
}

/* Layers in the model's order, checkpoints in theirs; the page begins with the layer that its finding is about. */
function valuesOf({ frames, layers }, name) {
  const values = [...new Set(frames.map((frame) => frame[name]))];
  if (name === "checkpoint") return values.sort((a, b) => a - b);
  const place = (value) => (layers?.indexOf(value) ?? -1) >>> 0;
  return name === "layer" ? values.sort((a, b) => place(a) - place(b)) : values;
}

/* A button that goes through the checkpoints to the last one: the map moves from each to the next. */
function makeFilm(state, { values }, go) {
  const title = "Play the checkpoints one after the other; ← and → step";
  const sign = make("path", {});
  const button = make("button", { type: "button", id: "play-checkpoints", title, "aria-label": "Play the checkpoints" },
    make("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, sign));
  let timer = 0;
  let shown = -1;
  const sayPlaying = (isPlaying) => {
    sign.setAttribute("d", isPlaying ? "M3 3h10v10H3z" : "M4 2.5v11l9.5-5.5z");
    button.setAttribute("aria-pressed", String(isPlaying));
  };
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    sayPlaying(false);
  };
  const show = (at) => {
    shown = at;
    go(values[at]);
    if (at + 1 < values.length) timer = setTimeout(() => show(at + 1), FILM_MS);
    else stop();
  };
  button.addEventListener("click", () => {
    if (timer) return stop();
    const at = values.indexOf(state.frame.checkpoint);
    sayPlaying(true);
    return show(at + 1 < values.length ? at : 0);
  });
  /* Whoever chooses another checkpoint meanwhile wants to look at it. */
  state.listen((keys) => { if (timer && keys.has("frame") && state.frame.checkpoint !== values[shown]) stop(); });
  stop();
  return button;
}

/* Arrows anywhere but in what has arrows of its own. */
function stepByKey(event, state, { name, values }, go) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target.closest(OWN_ARROWS)) return;
  const value = values[values.indexOf(state.frame[name]) + step];
  if (value !== undefined) go(value);
}

/* Few short names stand side by side, others are in a list. */
function addSwitch(element, state, { name, title, values, say }, go) {
  const words = values.map(say);
  if (values.length > MOST_SEGMENTS || words.join("").length > LONG_NAMES) {
    const select = make("select", { id: `by-${name}` }, ...values.map((value, i) => make("option", { value: i }, words[i])));
    select.addEventListener("change", () => go(values[Number(select.value)]));
    element.append(make("label", {}, make("span", {}, title), select));
    return () => { select.value = String(values.indexOf(state.frame[name])); };
  }
  const inputs = values.map((value) => make("input", { type: "radio", name: `by-${name}`, onchange: () => go(value) }));
  element.append(make("fieldset", { class: "segments", id: `by-${name}` }, make("legend", {}, title),
    ...inputs.map((input, i) => make("label", {}, input, make("span", {}, words[i])))));
  return () => inputs.forEach((input, i) => { input.checked = values[i] === state.frame[name]; });
}

const DENSITIES = [["auto", "Density: auto"], ["on", "Density: on"], ["off", "Density: off"]];

export function mountToggles(element, state) {
  const toggle = (name, text, title) => {
    const onclick = () => state.set({ [name]: !state.choice[name] });
    return make("button", { type: "button", id: `toggle-${name}`, title, onclick }, text);
  };
  const buttons = {
    showNames: toggle("showNames", "Names", "Write the names of the colors on the map"),
    showTrust: toggle("showTrust", "Trust", "Pale: points whose neighbors on the map are not their neighbors in the layer"),
  };
  const title = "Color the ground by how many points are where; auto does so in crowds";
  const density = make("select", { id: "density", title, "aria-label": "Density" }, ...makeOptions(DENSITIES));
  density.addEventListener("change", () => state.set({ density: density.value }));
  element.append(...Object.values(buttons), density);
  const update = () => {
    for (const [name, button] of Object.entries(buttons)) button.setAttribute("aria-pressed", String(state.choice[name]));
    density.value = state.choice.density;
  };
  state.listen((keys) => { if (touches(keys, "showNames", "showTrust", "density")) update(); });
  update();
}

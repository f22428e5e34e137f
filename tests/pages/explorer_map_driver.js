/* Drives the explorer's map in tests. */

export async function scatter([n, density, isSoft]) {
  const { ScatterMap } = await import("./scatter_map.js");
  let state = 7;
  const draw = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296;
  const bell = () => draw() + draw() + draw() - 1.5;
  const [xy, kinds] = [new Uint16Array(2 * n), new Uint8Array(n)];
  for (let i = 0; i < n; i++) {
    const kind = (kinds[i] = Math.floor((i * 4) / n));
    xy[2 * i] = 12000 + 14000 * kind + 7000 * bell();
    xy[2 * i + 1] = 20000 + 6000 * (kind % 2) + 8000 * bell();
  }
  const palette = ["#0000ff", "#ff0000", "#00aa00", "#aa00aa"];
  const seen = { hovers: [], picks: [], outlines: [], views: [] };
  const map = new ScatterMap(document.getElementById("map"), {
    n, isSoft, onHover: (i) => seen.hovers.push(i), onPick: (i, how) => seen.picks.push([i, how.isAdded]),
    onOutline: (polygon, how) => seen.outlines.push([polygon, how.isAdded]), onView: (view) => seen.views.push(view),
  });
  map.setColors(kinds, palette);
  map.setDensity(density);
  map.setFrame({ xy, size: [65535, 45000] });
  Object.assign(window, { map, xy, kinds, seen, n });
}

/* A page's `data` of 300 samples in two tied frames and one of another method. */
export async function startPage() {
  const { State } = await import("./state.js");
  const { mountMap } = await import("./map_view.js");
  const n = 300;
  const codes = Uint8Array.from({ length: n }, (_, i) => 1 + (i % 3));
  const place = (turn) => Uint16Array.from({ length: 2 * n }, (_, k) => {
    const i = k >> 1;
    const angle = 2.1 * (i % 3) + turn + i * 0.0021;
    const far = 15000 + 37 * i;
    return 32767 + far * (k % 2 ? Math.sin(angle) : Math.cos(angle));
  });
  const trust = Uint8Array.from({ length: n }, (_, i) => (i < 40 ? 10 : i === 299 ? 255 : 200));
  const frame = (key, turn, together, more = {}) => ({ key, layer: "mlp", method: "tsne", methodName: "t-SNE", checkpoint: 0,
    xy: place(turn), size: [65535, 65535], trust, together, score: "neighbor recall 0.62 [0.60, 0.64]", warning: "", ...more });
  const columns = [
    { key: "label", title: "Label", kind: "category", codes, values: ["Sad", "Happy", "<b>Odd</b>"], colors: ["#0072b2", "#d55e00", "#009e73"] },
    { key: "set", title: "Set", kind: "category", codes: Uint8Array.from(codes, (c) => 1 + (c % 2)), values: ["a", "b"], colors: ["#000000", "#ffffff"] },
    { key: "correct", title: "Right", kind: "category", codes: Uint8Array.from(codes, (_, i) => (i % 300 < 60 ? 1 : 2)), values: ["wrong", "right"], colors: ["#b3261e", "#23733a"] },
    { key: "score", title: "Score", kind: "number", numbers: Float32Array.from(codes, (_, i) => (i ? i / n : NaN)), worst: "low" },
  ];
  const data = {
    n, study: "latents", columns, color: "label", shape: "set", isServed: false, hasMedia: "", ramp: Array(32).fill("#336699"),
    frames: [frame("tsne_mlp_a", 0, "all"), frame("tsne_mlp_b", 1, "all"), frame("umap_mlp", 2, "", { method: "umap", methodName: "UMAP", warning: "Low trust." })],
    answers: [{ checkpoint: "", truth: "label", said: "", correct: "correct", worst: "score" }],
    column: (key) => columns.find((column) => column.key === key), idOf: (i) => `clip ${i}`, textOf: () => "", media: () => null, pictureOf: () => "",
    details: async (i) => ({ texts: [], probabilities: [], ranked: null, hard: null, neighbors: { metric: "cosine", list: [[i + 1, 0.1], [i + 2, 0.2]] } }),
  };
  const state = new State(data);
  const view = mountMap(document.getElementById("map"), state);
  Object.assign(window, { state, view, map: view.map, n });
}

export async function fairness() {
  const { stratify } = await import("./gl_order.js");
  const n = 40000;
  const xy = Uint16Array.from({length: 2 * n}, (_, k) => ((k >> 1) < 30000 ? 500 : 60000) + (k % 2 ? k % 97 : 0));
  const order = stratify(xy);
  const shares = [100, 1000, 10000].map((k) => order.slice(0, k).filter((i) => i < 30000).length / k);
  return [shares, [new Set(order).size, order.length]];
}

export async function countWrongPicks() {
  const { PickGrid } = await import("./pick_grid.js");
  let wrong = 0;
  for (const n of [1, 7, 3000]) {
    const xy = Uint16Array.from({length: 2 * n}, (_, k) => (k * 7919 + k * k * 31) % 65536);
    const shown = Uint8Array.from({length: n}, (_, i) => +(i % 3 !== 1));
    const grid = new PickGrid(xy);
    for (let t = 0; t < 400; t++) {
      const [x, y, reach] = [(t * 5003) % 70000 - 2000, (t * 911) % 65536, 200 + (t * 37) % 4000];
      let [best, least] = [-1, reach * reach];
      for (let i = 0; i < n; i++) {
        const far = (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;
        if (shown[i] && far < least) [best, least] = [i, far];
      }
      const found = grid.nearest(x, y, reach, shown);
      const far = found < 0 ? reach * reach : (xy[2 * found] - x) ** 2 + (xy[2 * found + 1] - y) ** 2;
      wrong += far !== least ? 1 : 0;
    }
  }
  return wrong;
}

export async function placeMany() {
  const { placeLabels } = await import("./labels.js");
  const labels = Array.from({length: 60}, (_, i) => ({text: "class ".repeat(1 + i % 9) + i, px: 300 + 41 * (i % 7), py: 200 + 13 * (i % 11)}));
  const blocked = [{left: 0, top: 0, width: 400, height: 170}];
  return placeLabels([...labels, {text: "outside", px: -5, py: 50}], {width: 800, height: 500, widthOf: (t) => 7 * t.length, blocked});
}

export async function askWeak() {
  const { weakOf } = await import("./map_marks.js");
  const ask = (weak, known) => weakOf({choice: {showTrust: true}, frame: {trust: Uint8Array.from({length: known + 5}, (_, i) => (i < weak ? 50 : i < known ? 51 : 255))}});
  return [ask(6, 10), ask(7, 10), ask(0, 10)].map((one) => [one.isMarked, one.many, one.known]);
}

/* Some points of any kind: `places` [[x, y]], `more` {kinds, palette, shapes, flags, isSoft}. */
export async function few([places, more]) {
  const { ScatterMap } = await import("./scatter_map.js");
  const element = document.getElementById("map");
  window.map?.destroy?.();
  document.body.dataset.moving = "true";
  const n = places.length;
  const map = new ScatterMap(element, { n, isSoft: more.isSoft });
  map.setColors(Uint16Array.from(more.kinds ?? places, (kind) => (Array.isArray(kind) ? 0 : kind)), more.palette ?? ["#0000ff"]);
  if (more.shapes) map.setShapes(Uint8Array.from(more.shapes));
  map.setFlags(Object.fromEntries(Object.entries(more.flags ?? {}).map(([name, marks]) => [name, Uint8Array.from(marks)])));
  map.setDensity(more.density ?? "off");
  map.setLabels(more.labels ?? []);
  map.setFrame({ xy: Uint16Array.from(places.flat()), size: more.size ?? [65535, 65535] });
  Object.assign(window, { map, n });
}

/* The worst contrast of any pale color on the two grounds. */
export async function worstContrast(colors) {
  const { contrastOf, paleOf, rgbOf } = await import("./gl_looks.js");
  return ["#f6f7f9", "#1c2026"].map((ground) => Math.min(...colors.map((color) => contrastOf(paleOf(rgbOf(color), rgbOf(ground)), rgbOf(ground)))));
}

/* Stands in for source.js in tests: the `data` of an explorer page, made up, by the numbers in the address. */

function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

const EMOTIONS = ["Angry", "Calm", "Disgust", "Fearful", "Happy", "Sad"];
const COLORS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const HOSTILE = "<img src=x onerror=alert(1)>";

function makeColumns({ n, classes, draw }) {
  const names = Array.from({ length: classes }, (_, c) => EMOTIONS[c] ?? (c === 7 ? HOSTILE : `class number ${c + 1}`));
  const colors = names.map((_, c) => COLORS[c % COLORS.length]);
  const Codes = classes > 250 ? Uint16Array : Uint8Array;
  const label = Codes.from({ length: n }, (_, i) => 1 + (i % classes));
  const chance = Float32Array.from({ length: n }, () => 0.2 + 0.8 * draw());
  const prediction = label.map((code) => (draw() < 0.72 ? code : draw() < 0.5 ? 1 + (code % classes) : 1 + Math.floor(draw() * classes)));
  const category = (key, title, codes, values, paint = []) => ({ key, title, kind: "category", codes, values, colors: paint.length ? paint : values.map((_, v) => COLORS[v % COLORS.length]) });
  return [
    category("label", "Label", label, names, colors),
    category("prediction", "Prediction", prediction, names, colors),
    category("correct", "Right or wrong", label.map((code, i) => (code === prediction[i] ? 2 : 1)), ["wrong", "right"], ["#b3261e", "#23733a"]),
    category("dataset", "Data set", Uint8Array.from({ length: n }, (_, i) => (i % 11 === 10 ? 0 : 1 + (i % 2))), ["crema-d", "ravdess"]),
    category("speaker", "Speaker", Uint8Array.from({ length: n }, (_, i) => 1 + (i % 48)), Array.from({ length: 48 }, (_, s) => `speaker ${s + 1}`)),
    { key: "probability", title: "Probability", kind: "number", numbers: chance, worst: null },
    { key: "true_probability", title: "True probability", kind: "number", numbers: chance.map((value, i) => (i % 50 === 49 ? NaN : label[i] === prediction[i] ? value : 0.3 * value)), worst: "low" },
    { key: "rank", title: "Rank", kind: "number", numbers: chance.map((value) => Math.floor(value * 12)), worst: "high" },
    { key: "text", title: "Text", kind: "text" },
  ];
}

function makeFrames({ n, columns, layers, checkpoints, draw }) {
  const frames = [];
  const names = ["cnn", "encoder", "mlp", "logits", "a layer with a long name"].slice(0, layers);
  for (let checkpoint = 0; checkpoint < checkpoints; checkpoint++) {
    for (const method of ["tsne", "umap"]) {
      for (const layer of names) {
        const spread = 1 - 0.25 * names.indexOf(layer);
        const xy = new Uint16Array(2 * n);
        for (let i = 0; i < n; i++) {
          const angle = (columns[0].codes[i] * 2 * Math.PI) / columns[0].values.length + checkpoint;
          const noise = [0, 1].map(() => (draw() + draw() + draw() - 1.5) * 0.3 * spread);
          xy[2 * i] = 65535 * (0.5 + 0.3 * Math.cos(angle) + 0.4 * noise[0]);
          xy[2 * i + 1] = 65535 * (0.5 + 0.3 * Math.sin(angle) + 0.4 * noise[1]);
        }
        frames.push({ key: `${method}_${layer}${checkpoints > 1 ? `_${checkpoint}` : ""}`, layer, method, methodName: method === "tsne" ? "t-SNE" : "UMAP", checkpoint, xy, size: [65535, 65535],
          trust: Uint8Array.from({ length: n }, () => Math.floor(255 * Math.sqrt(draw()))), together: checkpoints > 1 ? layer : "", score: "neighbor recall 0.62 [0.60, 0.64]", warning: "" });
      }
    }
  }
  return frames;
}

function makeProfile(layers) {
  return ["cnn", "encoder", "mlp", "logits"].slice(0, layers).flatMap((layer, at) => [
    { layer, question: "class", value: 0.55 + 0.08 * at, low: 0.5 + 0.08 * at, high: 0.61 + 0.08 * at, chance: 0.17 },
    { layer, question: "dataset", value: 0.9 - 0.1 * at, low: 0.85 - 0.1 * at, high: 0.94 - 0.1 * at, chance: 0.5 },
  ]);
}

export async function openData() {
  const asked = new URLSearchParams(location.search);
  const number = (name, otherwise) => Number(asked.get(name) ?? otherwise);
  const [n, classes, layers, checkpoints] = [number("n", 264), number("classes", 6), number("layers", 3), number("checkpoints", 1)];
  const draw = random(7);
  const columns = makeColumns({ n, classes, draw });
  const isPlain = asked.has("plain");
  const kept = isPlain ? columns.filter(({ key }) => ["label", "dataset", "text"].includes(key)) : columns;
  const answer = isPlain ? { truth: "", said: "", correct: "", worst: "" } : { truth: "label", said: "prediction", correct: "correct", worst: "true_probability" };
  return {
    n, study: "latents", title: "A study", headline: "A headline", facts: [], stamps: [], captions: [], foot: [], isServed: false,
    color: "label", shape: isPlain ? "" : "dataset", columns: kept, frames: makeFrames({ n, columns, layers, checkpoints, draw }),
    answers: Array.from({ length: checkpoints }, (_, c) => ({ ...answer, checkpoint: checkpoints > 1 ? `epoch ${c + 1}` : "", ...(c === 1 ? { worst: "rank" } : {}) })),
    ramp: Array.from({ length: 32 }, (_, i) => `#${[20 + 6 * i, 60 + 5 * i, 160 - 3 * i].map((value) => value.toString(16).padStart(2, "0")).join("")}`),
    profile: isPlain ? [] : makeProfile(layers),
    metrics: isPlain ? [] : [{ name: "accuracy", value: "72.3% [67%, 77%]", detail: "n = 264" }, { name: "calibration error", value: "0.081", detail: "" }],
    hasMedia: "", hasRanks: false, hasNeighbors: false,
    column: (key) => kept.find((column) => column.key === key), idOf: (i) => `clip ${i}`, textOf: (key, i) => `text of ${i}`, media: () => null, pictureOf: () => "",
    details: async () => ({ texts: [], probabilities: [], neighbors: null, ranked: null, hard: null }),
    search: async () => new Uint8Array(n).fill(1),
  };
}

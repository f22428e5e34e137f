/* Draws the figure of this page, keeps it in the reader's light or dark colors, and runs the legend. */
"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const figure = read("figure");
  const options = read("options");
  const plot = document.getElementById("map");
  const buttons = [...document.querySelectorAll("#legend button")];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const off = new Set();

  const isShown = (needs) => needs.every((key) => !off.has(key));
  const cssColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  /* What lines up with the ground or the ink must change with them; the colors of the data stay. */
  function lineColor(trace) {
    return { filled: cssColor("--panel"), landmark: cssColor("--ink") }[trace.meta.part] ?? trace.marker?.color;
  }

  /* Faint points: paler inside than at the rim, or in their full color while the switch is off. */
  const withOpacity = (hex, opacity) =>
    `rgba(${[1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join(",")},${opacity})`;

  function applyTrust({ marker, meta }) {
    meta.strong ??= { color: marker.color, opacity: marker.opacity, width: marker.line.width };
    const { color, opacity, width } = meta.strong;
    const isFaint = !off.has(options.faint);
    const isOpen = meta.part === "open";
    marker.color = isFaint ? withOpacity(color, isOpen ? 0.45 : 0.25) : color;
    marker.opacity = isFaint ? 1 : opacity;
    marker.line.width = isFaint ? 1 : width;
    if (isOpen) marker.line.color = marker.color;
    else if (isFaint) marker.line.color = withOpacity(color, 0.6);
  }

  function applyState() {
    for (const trace of figure.data) {
      trace.visible = isShown(trace.meta.needs);
      if (trace.marker) trace.marker.line.color = lineColor(trace);
      else trace.line.color = cssColor("--muted");
      if (trace.meta.faint) applyTrust(trace);
    }
    figure.layout.font = { family: cssColor("--sans"), size: 13, color: cssColor("--ink") };
    figure.layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: cssColor("--muted"), activecolor: cssColor("--ink") };
    Object.assign(figure.layout.hoverlabel, {
      bgcolor: cssColor("--paper"),
      bordercolor: cssColor("--muted"),
      font: { family: cssColor("--sans"), size: 13, color: cssColor("--ink") },
    });
    (figure.layout.annotations ?? []).forEach((label, i) => {
      label.visible = isShown(options.labels[i]);
      label.bgcolor = cssColor("--paper");
      label.arrowcolor = cssColor("--ink");
    });
  }

  /* Labels: each takes the nearest place around its landmark where it covers no landmark and no other label. */
  const overlap = (a, b) =>
    Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) *
    Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
  const boxAround = (x, y, width, height) => ({
    left: x - width / 2, right: x + width / 2, top: y - height / 2, bottom: y + height / 2,
  });

  /* More labels than these keep close to their landmarks, and those without a free place wait until one zooms in. */
  const MANY_LABELS = 15;

  /* Candidate places, nearest first, and among equals first those away from the middle of all landmarks. */
  function places(outward, isCrowded) {
    const turns = [0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7, -7, 8].map((step) => outward + (step * Math.PI) / 8);
    return [36, 56, 84, 120, 160].slice(0, isCrowded ? 2 : 5).flatMap((radius) =>
      turns.map((turn) => ({ ax: Math.round(1.3 * radius * Math.cos(turn)), ay: Math.round(radius * Math.sin(turn)) })));
  }

  function placeLabels() {
    const { xaxis, yaxis } = plot._fullLayout;
    const labels = (figure.layout.annotations ?? []).filter((_, i) => isShown(options.labels[i]));
    const isCrowded = labels.length > MANY_LABELS;
    const spots = labels.map((label) => [xaxis.l2p(label.x), yaxis.l2p(label.y)]);
    const middle = [0, 1].map((i) => spots.reduce((sum, spot) => sum + spot[i] / spots.length, 0));
    const frame = { left: 0, top: 0, right: xaxis._length, bottom: yaxis._length };
    const taken = spots.map(([x, y]) => boxAround(x, y, 18, 18));
    labels.forEach((label, i) => {
      const [x, y] = spots[i];
      const size = [14 + 7.5 * label.text.length, 27];
      const boxAt = ({ ax, ay }) => boxAround(x + ax, y + ay, ...size);
      const cost = (box) =>
        Math.round(taken.reduce((sum, other) => sum + overlap(box, other), size[0] * size[1] - overlap(box, frame)));
      const ranked = places(Math.atan2(y - middle[1], x - middle[0]), isCrowded).map((place) => [cost(boxAt(place)), place]);
      const best = ranked.reduce((best, next) => (next[0] < best[0] ? next : best));
      const [crowding, place] = best;
      Object.assign(label, place, { visible: !isCrowded || crowding === 0 });
      if (label.visible) taken.push(boxAt(place));
    });
  }

  async function draw() {
    applyState();
    await Plotly.react(plot, figure.data, figure.layout, options.config);
    await arrangeLabels();
  }

  async function arrangeLabels() {
    placeLabels();
    if (figure.layout.annotations?.length) {
      await Plotly.relayout(plot, { annotations: figure.layout.annotations });
    }
  }

  /* A click hides or shows one line of the legend; a double click shows it alone in its group, again: all of them. */
  function toggle(button) {
    const key = button.dataset.key;
    off.has(key) ? off.delete(key) : off.add(key);
    update();
  }

  function isolate(button) {
    const group = buttons.filter((other) => other.dataset.group === button.dataset.group).map((other) => other.dataset.key);
    const others = group.filter((key) => key !== button.dataset.key);
    const wasAlone = others.length > 0 && others.every((key) => off.has(key));
    off.delete(button.dataset.key);
    others.forEach((key) => (wasAlone ? off.delete(key) : off.add(key)));
    update();
  }

  function update() {
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(!off.has(button.dataset.key))));
    draw();
  }

  /* `detail` counts clicks in quick succession: a double click is toggle, toggle back, then isolate. */
  buttons.forEach((button) => {
    button.addEventListener("click", () => toggle(button));
    button.addEventListener("dblclick", () => isolate(button));
  });
  dark.addEventListener("change", draw);

  /* A resized map shows everything again: a range zoomed into would be stretched by the new shape. */
  const ranges = { "xaxis.range": [...figure.layout.xaxis.range], "yaxis.range": [...figure.layout.yaxis.range] };
  async function fit() {
    await Plotly.Plots.resize(plot);
    await Plotly.relayout(plot, ranges);
  }

  draw().then(() => {
    plot.on("plotly_relayout", (change) => {
      if (Object.keys(change).some((key) => key.includes("axis.range"))) arrangeLabels();
    });
    new ResizeObserver(fit).observe(plot);
  });
})();

/* What the reader has chosen, and what follows from it. */
"use strict";
(() => {
  const page = readPage();
  const find = (id) => document.getElementById(id);
  const slider = find("slider");
  const last = page.checkpoints.length - 1;
  const isStill = window.matchMedia("(prefers-reduced-motion: reduce)");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const DWELL_MS = 700;
  const choice = {
    checkpoint: 0, layer: page.main, method: 0, span: "step", list: "movers", selected: new Set(), off: new Set(),
    playing: null, unfolded: new Set(), areCurvesOpen: false, hovered: -1,
  };
  const layer = () => page.layers[choice.layer];
  const map = () => layer().maps[choice.method];
  const step = () => (choice.span === "all" ? page.steps.at(-1) : page.steps[Math.max(choice.checkpoint - 1, 0)]);

  const points = new PointMap(find("map"), page, {
    hover: (i, x, y) => hover(i, x, y),
    pick: (i, isAdded) => i >= 0 && select([i], { isAdded, isToggled: true }),
    box: (rows, isAdded) => select(rows, { isAdded }),
  });

  /* ---- what is seen ---- */

  function flags() {
    const checkpoint = page.checkpoints[choice.checkpoint];
    const [wrong, visible] = [new Uint8Array(page.n), new Uint8Array(page.n)];
    for (let i = 0; i < page.n; i++) {
      wrong[i] = page.judged[i] && !checkpoint.right[i] ? 1 : 0;
      const isHidden = choice.off.has(`kind:${page.kinds[i]}`) ||
        (page.shapeTable.length && choice.off.has(`shape:${page.markers[i]}`)) ||
        (page.judged[i] && choice.off.has(wrong[i] ? "wrong" : "right"));
      visible[i] = isHidden ? 0 : 1;
    }
    return { wrong, visible };
  }

  function lookAgain() {
    points.show({
      ...flags(),
      faint: choice.off.has("faint") ? new Uint8Array(page.n) : map().faint[choice.checkpoint](),
      selected: choice.selected,
      checkpoint: choice.checkpoint,
      trails: choice.selected.size ? map().places.map((places) => places()) : [],
      areNamesShown: !choice.off.has("names"),
      isKindShown: (kind) => !choice.off.has(`kind:${kind}`),
      hovered: choice.hovered,
    });
    updateLegend(page, choice, map());
    tell();
  }

  /* Where the page is, for readers of the screen and for whoever drives it. */
  function tell() {
    Object.assign(document.body.dataset, {
      checkpoint: choice.checkpoint, selected: choice.selected.size, playing: String(Boolean(choice.playing)),
      layer: layer().name, method: map().method, step: `${step().first}-${step().second}`,
    });
    const { name, epoch, nRight, nWrong } = page.checkpoints[choice.checkpoint];
    const own = layer().ownNames[choice.checkpoint];
    const shown = [name, ...(epoch && name.replace("_", " ") !== epoch ? [epoch] : []), ...(own ? [own] : []),
      `${say(nRight)} of ${say(nRight + nWrong)} ${isRetriever(page) ? "queries find a right document first" : "right"}`];
    find("shown").textContent = shown.join(" · ");
    find("map").setAttribute("aria-label", `${layer().name}, ${map().method}: ${shown.join(", ")}`);
    slider.setAttribute("aria-valuetext", name);
    const note = map().notice[choice.checkpoint];
    find("trust").textContent = (note ? `${note} ` : "") + map().trust[choice.checkpoint];
    find("origin").textContent = `${name}: ${map().origin[choice.checkpoint]}`;
    const pill = find("to-table");
    pill.hidden = !choice.selected.size;
    pill.textContent = `${say(choice.selected.size)} selected: table below ↓`;
  }

  /* The places of the chosen checkpoint; true when all points have arrived. */
  function move({ isJump = false } = {}) {
    const now = map();
    return points.moveTo(now.places[choice.checkpoint](), {
      size: now.size, names: now.names[choice.checkpoint], animated: !isJump && !isStill.matches && !document.hidden,
    });
  }

  function showPanels() {
    updateStep(page, choice, step(), { span: (key) => { choice.span = key; keepFocus(showPanels); tell(); } });
    updateCurves(page, choice, layer(), { go });
    updateLists(page, choice, step(), {
      select: (rows) => select(rows),
      open: (list) => { choice.list = list.name; keepFocus(showPanels); },
    });
    showTable();
  }

  const showTable = () => updateTable(page, choice, { clear, go, select: (rows) => select(rows) });

  /* Panels are made anew: the focus goes to what stands where it was. */
  function keepFocus(change) {
    const { id, dataset } = document.activeElement ?? {};
    const key = id ? `#${CSS.escape(id)}` : dataset?.list ? `[data-list="${CSS.escape(dataset.list)}"]`
      : dataset?.row ? `#lists [data-row="${CSS.escape(dataset.row)}"]` : null;
    change();
    if (key && !document.activeElement?.matches(key)) document.querySelector(key)?.focus();
  }

  /* ---- what the reader does ---- */

  function go(checkpoint) {
    choice.checkpoint = Math.min(Math.max(checkpoint, 0), last);
    slider.value = choice.checkpoint;
    showTicks();
    lookAgain();
    keepFocus(showPanels);
    return move();
  }

  function select(rows, { isAdded = false, isToggled = false } = {}) {
    const isAlone = isToggled && !isAdded && choice.selected.size === 1 && choice.selected.has(rows[0]);
    const next = new Set(isAdded ? choice.selected : []);
    for (const i of isAlone ? [] : rows) isToggled && next.has(i) ? next.delete(i) : next.add(i);
    choice.selected = next;
    lookAgain();
    keepFocus(showPanels);
  }

  const clear = () => select([]);

  function search(words) {
    const wanted = words.trim().toLocaleLowerCase();
    if (!wanted) return clear();
    const found = page.strings.map((text) => text.toLocaleLowerCase().includes(wanted));
    const rows = [...page.texts.keys()].filter((i) => found[page.texts[i]] || found[page.ids[i]]);
    return select(rows);
  }

  function hover(i, x, y) {
    const label = find("hover");
    if (i !== choice.hovered) {
      choice.hovered = points.view.hovered = i;
      points.draw();
      const kept = i < 0 ? null : step().motion[choice.layer].kept?.[i] ?? null;
      if (i >= 0) label.replaceChildren(...describePoint(page, choice, i, kept));
    }
    label.hidden = i < 0;
    find("map").classList.toggle("over", i >= 0);
    if (i < 0) return;
    const { offsetWidth: width, offsetHeight: height } = label;
    label.style.left = `${Math.max(4, Math.min(x + 14, points.width - width - 4))}px`;
    label.style.top = `${y + 16 + height > points.height ? Math.max(4, y - height - 12) : y + 16}px`;
  }

  /* From where it is to the end, or once more from the start. */
  async function play() {
    if (choice.playing) return stop();
    const turn = (choice.playing = {});
    showPlaying();
    if (choice.checkpoint === last) {
      await go(0);
      await wait();
    }
    while (choice.playing === turn && choice.checkpoint < last) {
      await go(choice.checkpoint + 1);
      if (choice.playing === turn && choice.checkpoint < last) await wait();
    }
    if (choice.playing === turn) stop();
  }

  const wait = () => new Promise((resolve) => setTimeout(resolve, isStill.matches ? 2 * DWELL_MS : DWELL_MS));

  function stop() {
    choice.playing = null;
    showPlaying();
  }

  function showPlaying() {
    find("play").setAttribute("aria-pressed", String(Boolean(choice.playing)));
    find("play").lastElementChild.textContent = choice.playing ? "Pause" : "Play";
    find("play-sign").setAttribute("d", choice.playing ? "M3.5 2H6.5V14H3.5zM9.5 2H12.5V14H9.5z" : "M4 2L14 8L4 14z");
    tell();
  }

  function toggle(key) {
    choice.off.has(key) ? choice.off.delete(key) : choice.off.add(key);
    lookAgain();
  }

  function isolate(key, group) {
    const others = [...document.querySelectorAll("#legend button")].map(({ dataset }) => dataset)
      .filter((one) => one.group === group && one.key !== key).map((one) => one.key);
    const wasAlone = others.length > 0 && others.every((other) => choice.off.has(other));
    choice.off.delete(key);
    for (const other of others) wasAlone ? choice.off.delete(other) : choice.off.add(other);
    lookAgain();
  }

  function chooseLayer(number) {
    const method = map().method;
    choice.layer = number;
    choice.method = Math.max(0, layer().maps.findIndex((one) => one.method === method));
    listMethods();
    points.camera = { x: 0, y: 0, zoom: 1 };
    lookAgain();
    showPanels();
    move();
  }

  function chooseMethod(number) {
    choice.method = number;
    points.camera = { x: 0, y: 0, zoom: 1 };
    lookAgain();
    move();
  }

  /* ---- the bar ---- */

  function listMethods() {
    find("method").replaceChildren(...layer().maps.map(({ method }, i) => make("option", { value: i }, method)));
    find("method").value = choice.method;
  }

  function buildBar() {
    slider.max = last;
    find("layer").replaceChildren(...page.layers.map(({ name }, i) => make("option", { value: i }, name)));
    find("layer").value = choice.layer;
    listMethods();
    find("ticks").append(...page.checkpoints.map(({ name, epoch }, i) => {
      const tick = make("button", { type: "button", tabindex: "-1", title: epoch ? `${name} (${epoch})` : name, onclick: () => { stop(); go(i); } },
        make("span", {}, i === page.recommended ? `★ ${name}` : name));
      if (i === page.recommended && page.best) tick.title += ` · ${page.best}`;
      tick.style.left = `calc(8px + (100% - 16px) * ${last ? i / last : 0})`;
      return tick;
    }));
  }

  /* Names that would cover another one wait: the chosen one goes first, then the ends, the recommended one, the rest. */
  function showTicks() {
    const ticks = [...find("ticks").children];
    const width = find("ticks").clientWidth;
    const order = [choice.checkpoint, 0, last, page.recommended, ...ticks.keys()];
    const taken = [];
    const done = new Set();
    ticks.forEach((tick, i) => tick.setAttribute("aria-current", String(i === choice.checkpoint)));
    for (const i of order) {
      if (done.has(i)) continue;
      done.add(i);
      const tick = ticks[i];
      const half = tick.offsetWidth / 2;
      const center = 8 + (width - 16) * (last ? i / last : 0);
      const left = Math.max(0, Math.min(center - half, width - 2 * half));
      tick.style.transform = `translateX(${left - center}px)`;
      const isFree = taken.every(([a, b]) => left + 2 * half + 4 <= a || left >= b + 4);
      tick.style.visibility = isFree ? "visible" : "hidden";
      if (isFree) taken.push([left, left + 2 * half]);
    }
  }

  /* ---- keys ---- */

  const KEYS = {
    ArrowLeft: () => { stop(); go(choice.checkpoint - 1); },
    ArrowRight: () => { stop(); go(choice.checkpoint + 1); },
    Home: () => { stop(); go(0); },
    End: () => { stop(); go(last); },
    " ": play,
    Escape: () => { points.box = null; clear(); },
    "+": () => points.zoomBy(1.4),
    "=": () => points.zoomBy(1.4),
    "-": () => points.zoomBy(1 / 1.4),
    0: () => points.resetView(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    const { target } = event;
    const isTyped = target.matches?.("input[type=search], select");
    const isPressed = event.key === " " && target.matches?.("button, summary");
    const isScrolled = event.key !== " " && event.key !== "Escape" && target.closest?.(".wide, #lists ol") && !target.matches("button");
    if ((isTyped && event.key !== "Escape") || isPressed || isScrolled) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  slider.addEventListener("input", () => { stop(); go(Number(slider.value)); });
  find("play").addEventListener("click", play);
  find("layer").addEventListener("change", (event) => chooseLayer(Number(event.target.value)));
  find("method").addEventListener("change", (event) => chooseMethod(Number(event.target.value)));
  find("zoom-in").addEventListener("click", () => points.zoomBy(1.4));
  find("zoom-out").addEventListener("click", () => points.zoomBy(1 / 1.4));
  find("reset").addEventListener("click", () => points.resetView());
  find("box").addEventListener("click", () => {
    points.boxMode = !points.boxMode;
    find("box").setAttribute("aria-pressed", String(points.boxMode));
    find("map").classList.toggle("boxing", points.boxMode);
  });
  find("to-table").addEventListener("click", () => find("selection").scrollIntoView({ behavior: isStill.matches ? "auto" : "smooth" }));
  dark.addEventListener("change", () => points.forgetLooks());
  new ResizeObserver(showTicks).observe(find("ticks"));

  buildBar();
  buildLegend(page, { toggle, isolate, find: search });
  lookAgain();
  showPanels();
  showTicks();
  move({ isJump: true });

  /* Read-only: where a point is drawn, in pixels of the window, and which points are seen. */
  window.comparison = Object.freeze({
    n: page.n,
    placeOf: (i) => {
      const frame = find("map").getBoundingClientRect();
      const [x, y] = points.placeOf(i);
      return [frame.left + x, frame.top + y];
    },
    isShown: (i) => points.view.visible[i] === 1,
    isWrong: (i) => points.view.wrong[i] === 1,
    isFaint: (i) => points.view.faint[i] === 1,
    selected: () => [...choice.selected],
  });
})();

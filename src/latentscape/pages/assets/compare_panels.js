/* Everything beside the map, made anew from the page's data and the reader's choices: `choice` has `checkpoint`,
   `layer`, `method`, `span`, `list`, `selected`, `off`; `act` changes it. */
"use strict";

const MOST_LISTED = 100;
const MOST_ROWS = 200;
const FEW_CURVES = 4;

const nameOf = (page, i) => page.strings[page.texts[i]] || "(empty)";
const isRetriever = (page) => page.study === "embeddings";

/* What one checkpoint says of one judged sample. */
function sayAnswer(page, checkpoint, i) {
  const said = page.strings[checkpoint.said[i]] || "(empty)";
  const sure = sayShare(checkpoint.confidence[i]);
  if (!checkpoint.ranks) return { said, note: sure };
  return { said, note: checkpoint.ranks[i] ? `rank ${say(checkpoint.ranks[i])}` : "no right document", first: sure };
}

function swatch(page, { color = "currentColor", marker = 0, isOpen = false, isFaint = false }) {
  return make("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, make("path", {
    d: page.symbols[marker].path, stroke: color, fill: isOpen ? "none" : color,
    "fill-opacity": isFaint ? 0.25 : 1, "stroke-width": isOpen ? 2 : isFaint ? 1 : 0,
  }));
}

/* ---- the legend ---- */

function buildLegend(page, { toggle, isolate, find }) {
  const line = (key, group, label, count, look, title = label) => make("button", {
    type: "button", "aria-pressed": "true", "data-key": key, "data-group": group, title,
    onclick: () => toggle(key), ondblclick: () => isolate(key, group),
  }, swatch(page, look), make("span", { class: "label" }, label), make("span", { class: "count" }, count));
  const kinds = page.kindTable.map(({ name, color, count, marker }, i) =>
    line(`kind:${i}`, "kind", name, say(count), { color, marker }));
  const shapes = page.shapeTable.map(({ name, count }, i) =>
    line(`shape:${i}`, "shape", name, say(count), { marker: i }));
  const retriever = isRetriever(page);
  const answers = [
    line("right", "answer", retriever ? "right document first" : "right", "", {}),
    line("wrong", "answer", retriever ? "not first" : "wrong", "", { isOpen: true }),
  ];
  const more = [
    line("faint", "more", "faint: weak trust", "", { isFaint: true }, page.faint),
    ...(retriever ? [] : [line("names", "more", "class names", "", { isOpen: true })]),
  ];
  const groups = [
    [retriever ? "Kind" : "True class", kinds], ["Data set", shapes], ["At this checkpoint", answers], ["Also show", more],
  ];
  const search = make("input", {
    type: "search", id: "find", placeholder: "Find samples …", "aria-label": "Find samples by text or id; Enter selects",
    onkeydown: (event) => event.key === "Enter" && find(event.target.value),
  });
  document.getElementById("legend").append(search, ...groups.filter(([, lines]) => lines.length).map(([title, lines]) =>
    make("section", {}, make("h2", {}, title), ...lines)));
}

function updateLegend(page, choice, map) {
  const checkpoint = page.checkpoints[choice.checkpoint];
  const counts = { right: checkpoint.nRight, wrong: checkpoint.nWrong, faint: map.nFaint[choice.checkpoint] };
  for (const button of document.querySelectorAll("#legend button")) {
    const { key } = button.dataset;
    button.setAttribute("aria-pressed", String(!choice.off.has(key)));
    if (key in counts) button.querySelector(".count").textContent = say(counts[key]);
  }
}

/* ---- is it a difference? ---- */

function updateStep(page, choice, step, { span }) {
  const [first, second] = [step.first, step.second].map((i) => page.checkpoints[i].name);
  const switches = page.steps.length < 2 ? [] : [make("div", { class: "switch", role: "group", "aria-label": "Which change" },
    ...[["step", "step"], ["all", "overall"]].map(([key, words]) => make("button", {
      type: "button", id: `span-${key}`, "aria-pressed": String(choice.span === key), onclick: () => span(key),
    }, words)))];
  const [lead] = step.changes;
  document.getElementById("step").replaceChildren(
    make("h2", {}, make("span", {}, `${first} → ${second}`), ...switches),
    make("p", { id: "verdict", class: lead ? lead[3] : "untested" }, step.says),
    ...(step.changes.length > 1 ? [listChanges(choice, "changes", step.changes, `All ${say(step.changes.length)} differences`)] : []),
    ...(step.groups.length ? [listChanges(choice, "groups", step.groups, sayGroups(step))] : []),
  );
}

function sayGroups(step) {
  return `Group by group: ${step.nDifferent ? say(step.nDifferent) : "none"} of ${say(step.nGroups)} detectably different`;
}

function listChanges(choice, id, changes, title) {
  const rows = changes.map(([name, delta, p, verdict, words]) => make("tr", { class: verdict },
    make("th", { scope: "row" }, name), make("td", {}, delta, make("br"), `${p}: ${words}`)));
  const remember = (open) => choice.unfolded[open ? "add" : "delete"](id);
  // At once: "toggle" comes a frame later, and a key pressed until then would draw the list folded again.
  const details = make("details", { id, open: choice.unfolded.has(id) ? "" : null },
    make("summary", { id: `${id}-title`, onclick: () => remember(!details.open) }, title),
    make("div", { class: "wide", tabindex: "0" }, make("table", {},
      make("thead", {}, make("tr", {}, ...[id === "groups" ? "Group" : "Score", "Difference [95%], adjusted p"].map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...rows))));
  details.addEventListener("toggle", () => remember(details.open));
  return details;
}

/* ---- scores over the checkpoints ---- */

const DIRECTIONS = { higher: "↑", lower: "↓", neither: "" };
const sayPercent = (value) => `${(100 * value).toFixed((value > 0 && value < 0.01) || (value > 0.99 && value < 1) ? 1 : 0)}%`;
const sayNumber = (value) => minus(Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(3));

function updateCurves(page, choice, layer, { go }) {
  const all = [...page.curves.slice(0, FEW_CURVES - 1), ...layer.curves, ...page.curves.slice(FEW_CURVES - 1)];
  const curves = choice.areCurvesOpen ? all : all.slice(0, FEW_CURVES);
  const more = make("button", { type: "button", id: "more-curves", class: "quiet" },
    choice.areCurvesOpen ? "Fewer scores" : `All ${all.length} scores`);
  more.addEventListener("click", () => {
    choice.areCurvesOpen = !choice.areCurvesOpen;
    updateCurves(page, choice, layer, { go });
    document.getElementById("more-curves").focus();
  });
  document.getElementById("curves").replaceChildren(
    make("div", { class: "charts" }, ...curves.map((curve) => drawCurve(page, curve, choice.checkpoint, go))),
    ...(all.length > FEW_CURVES ? [more] : []),
  );
}

function drawCurve(page, curve, current, go) {
  const { value, low, high } = curve;
  const title = make("figcaption", {}, make("b", {}, curve.name), ` ${DIRECTIONS[curve.better]}`);
  const here = value[current], tell = curve.share ? sayPercent : sayNumber;
  const interval = here !== null && low[current] !== null && high[current] !== null
    ? ` [${tell(low[current])}, ${tell(high[current])}]` : "";
  const says = make("span", { class: "here" }, here === null ? "n/a" : tell(here) + interval);
  const known = [...value, ...low, ...high].filter((one) => one !== null);
  if (!value.some((one) => one !== null)) {
    return make("figure", {}, title, make("p", { class: "reason" }, `n/a: ${curve.reason || "not measured"}`));
  }
  const [width, height, side, top] = [150, 54, 7, 5];
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const span = Math.max(most - least, 0.02 * Math.max(Math.abs(most), Math.abs(least)), 1e-9);
  const middle = (most + least) / 2;
  const x = (i) => (value.length === 1 ? width / 2 : side + (i * (width - 2 * side)) / (value.length - 1));
  const y = (one) => top + (0.5 - (one - middle) / (1.1 * span)) * (height - 2 * top);
  const steps = value.map((_, i) => i);
  const sure = steps.filter((i) => low[i] !== null && high[i] !== null);
  const drawing = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "curve",
    "aria-label": `${curve.name}: ${steps.map((i) => `${page.checkpoints[i].name} ${value[i] === null ? "n/a" : tell(value[i])}`).join(", ")}` },
    make("line", { class: "current", x1: x(current), x2: x(current), y1: 0, y2: height }),
    make("polygon", { class: "band", points: [...sure.map((i) => `${x(i)},${y(high[i])}`), ...sure.reverse().map((i) => `${x(i)},${y(low[i])}`)].join(" ") }),
    ...steps.slice(1).filter((i) => value[i] !== null && value[i - 1] !== null).map((i) =>
      make("line", { class: "line", x1: x(i - 1), y1: y(value[i - 1]), x2: x(i), y2: y(value[i]) })),
    ...sure.map((i) => make("line", { class: "bar", x1: x(i), x2: x(i), y1: y(low[i]), y2: y(high[i]) })),
    ...steps.filter((i) => value[i] !== null).map((i) => make("circle", {
      cx: x(i), cy: y(value[i]), r: i === current ? 4 : 2.4, class: i === page.recommended ? "dot best" : "dot" })),
  );
  drawing.addEventListener("click", (event) => {
    const frame = drawing.getBoundingClientRect();
    const at = ((event.clientX - frame.left) / frame.width) * width;
    go(steps.reduce((best, i) => (Math.abs(x(i) - at) < Math.abs(x(best) - at) ? i : best), 0));
  });
  return make("figure", { title: `n = ${say(curve.n)}` }, title, says, drawing);
}

/* ---- lists of samples ---- */

function listsOf(step, number) {
  const motion = step.motion[number];
  const moved = motion.rows ? [{ ...motion, name: "movers" }] : [];
  return [...moved, ...step.lists, ...step.splits];
}

function updateLists(page, choice, step, { select, open }) {
  const lists = listsOf(step, choice.layer);
  const shown = lists.find(({ name }) => name === choice.list) ?? lists[0];
  const tabs = make("div", { class: "tabs", role: "group", "aria-label": "Lists" }, ...lists.map((list) => make("button", {
    type: "button", "data-list": list.name, "aria-pressed": String(list === shown), onclick: () => open(list),
  }, list.name, make("span", { class: "count" }, say(list.count)))));
  const box = document.getElementById("lists");
  box.replaceChildren(tabs);
  if (!shown) return;
  const rows = [...shown.rows];
  const left = shown.count - Math.min(rows.length, MOST_LISTED);
  box.append(
    make("p", { class: "about" }, aboutList(page, shown), " ", rows.length ? make("button", {
      type: "button", id: "select-all", class: "quiet", onclick: () => select(rows) }, `Select ${rows.length === shown.count ? "all" : "the"} ${say(rows.length)}`) : ""),
    make("ol", {}, ...rows.slice(0, MOST_LISTED).map((i, at) => make("li", {}, make("button", {
      type: "button", "data-row": i, class: choice.selected.has(i) ? "chosen" : null, title: nameOf(page, i), onclick: () => select([i]),
    }, swatch(page, { color: page.kindTable[page.kinds[i]].color, marker: page.markers[i] }),
      make("span", { class: "label" }, nameOf(page, i)), make("span", { class: "count" }, noteInList(page, shown, step, i, at)))))),
    ...(left > 0 ? [make("p", { class: "about" }, `and ${say(left)} more`)] : []),
  );
}

function aboutList(page, list) {
  if (!list.count) return { movers: `None left its neighbors far behind. ${list.says ?? ""}` }[list.name] ?? "None.";
  if (list.name === "movers") return `Left their neighbors far behind; 1.00 is as far as can be. ${list.says}`;
  return list.note ?? { fixed: "Wrong before, right after.", broken: "Right before, wrong after." }[list.name] ?? "Wrong before and after.";
}

function noteInList(page, list, step, i, at) {
  if (list.moves) return sayShare(list.moves[at]);
  if (!page.judged[i]) return "";
  const [before, after] = [step.first, step.second].map((c) => page.checkpoints[c]);
  if (before.ranks) return `${say(before.ranks[i])} → ${say(after.ranks[i])}`;
  const [was, is] = [before, after].map((checkpoint) => page.strings[checkpoint.said[i]]);
  return was === is ? is : `${was} → ${is}`;
}

/* ---- one sample, and several ---- */

const groupValue = (page, group, i) => (i < group.values.length ? page.strings[group.values[i]] : "");

function describePoint(page, choice, i, kept) {
  const id = page.strings[page.ids[i]];
  const lines = [...showPicture(page, i), make("b", { dir: "auto" }, nameOf(page, i))];
  const kind = page.kindTable[page.kinds[i]].name;
  const others = page.groups.filter(({ name }) => name !== "class").map((group) => [group.name, groupValue(page, group, i)]);
  const facts = [isRetriever(page) ? kind : `true ${kind}`, ...others.filter(([, value]) => value).map(([name, value]) => `${name} ${value}`)];
  if (id !== page.strings[page.texts[i]]) facts.unshift(id);
  lines.push(make("span", { class: "facts-line" }, facts.join(" · ")));
  if (i < page.checkpoints[0].said.length) {
    const near = page.checkpoints.map((_, c) => c).filter((c, _, all) => all.length <= 8 || c === 0 || c === all.length - 1 || Math.abs(c - choice.checkpoint) < 3);
    lines.push(make("span", { class: "answers" }, ...near.map((c) => {
      const checkpoint = page.checkpoints[c];
      const { said, note } = sayAnswer(page, checkpoint, i);
      const verdict = !page.judged[i] ? "unknown" : checkpoint.right[i] ? "right" : "wrong";
      return make("span", { class: `answer ${verdict}${c === choice.checkpoint ? " current" : ""}` },
        make("i", {}, checkpoint.name), make("span", {}, mark(verdict), said), make("em", {}, note));
    })));
  }
  if (kept !== null) lines.push(make("span", { class: "facts-line" }, `kept ${kept}% of its neighbors in this step`));
  return lines;
}

/* Few pixels are shown in squares. */
const TINY = 32;

function showPicture(page, i) {
  const letters = page.pictures[i];
  if (!letters) return [];
  const picture = make("img", { class: "picture", src: `data:image/webp;base64,${letters}`, alt: "" });
  picture.addEventListener("load", () => picture.classList.toggle("tiny", Math.max(picture.naturalWidth, picture.naturalHeight) <= TINY));
  return [picture];
}

const mark = (verdict) => ({ right: "✓ ", wrong: "✗ ", unknown: "" })[verdict];

function updateTable(page, choice, { clear, select, go }) {
  const section = document.getElementById("selection");
  const chosen = [...choice.selected];
  section.hidden = !chosen.length;
  if (!chosen.length) return section.replaceChildren();
  const groups = page.groups.slice(0, 6);
  const kind = isRetriever(page) || !groups.some(({ name }) => name === "class") ? [isRetriever(page) ? "kind" : "class"] : [];
  const head = make("tr", {},
    ...[isRetriever(page) ? "Text" : "Sample", ...kind, ...groups.map(({ name }) => name)].map((text) => make("th", { scope: "col" }, text)),
    ...page.checkpoints.map((checkpoint, c) => make("th", { scope: "col", class: c === choice.checkpoint ? "current" : null },
      make("button", { type: "button", class: "quiet", onclick: () => go(c) }, checkpoint.name))));
  const body = chosen.slice(0, MOST_ROWS).map((i) => {
    const { name, color, marker } = page.kindTable[page.kinds[i]];
    return make("tr", { "data-row": i },
      make("th", { scope: "row" }, make("div", {}, swatch(page, { color, marker: isRetriever(page) ? marker : page.markers[i] }),
        make("button", { type: "button", class: "quiet", title: "Select it alone", onclick: () => select([i]) }, nameOf(page, i)))),
      ...kind.map(() => make("td", {}, name)),
      ...groups.map((group) => make("td", {}, groupValue(page, group, i))),
      ...page.checkpoints.map((checkpoint, c) => tellAnswer(page, checkpoint, { i, isCurrent: c === choice.checkpoint })));
  });
  const cut = chosen.length > MOST_ROWS ? [make("p", { class: "about" }, `and ${say(chosen.length - MOST_ROWS)} more`)] : [];
  return section.replaceChildren(
    make("h2", {}, `${say(chosen.length)} selected: what each checkpoint ${isRetriever(page) ? "finds first" : "said"} `,
      make("button", { type: "button", id: "clear", onclick: clear }, "Clear (Esc)")),
    make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Selected samples" },
      make("table", {}, make("thead", {}, head), make("tbody", {}, ...body))), ...cut);
}

function tellAnswer(page, checkpoint, { i, isCurrent }) {
  if (i >= checkpoint.said.length) return make("td", { class: isCurrent ? "current" : null }, "–");
  const { said, note } = sayAnswer(page, checkpoint, i);
  const verdict = !page.judged[i] ? "unknown" : checkpoint.right[i] ? "right" : "wrong";
  const isLong = said.length > 24;
  return make("td", { class: `${verdict}${isCurrent ? " current" : ""}${isLong ? " long" : ""}`, title: isLong ? said : null },
    make("span", { class: "said" }, mark(verdict), said), " ", make("em", {}, note));
}

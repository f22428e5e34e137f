/* What is filtered, said and taken back in one place; and the values of every column that the legend does not show. */

import { find, make, sayCount, sayNumber } from "./dom.js";
import { codesOf, columnTitle, explain, isCategory, nameCode } from "./columns.js";
import { makeValueList } from "./value_list.js";

const MOST_COLUMNS = 60;

export function makeChips(state) {
  const says = make("span", { role: "status" });
  const showAll = () => state.set({ filters: new Map(), query: "", found: null });
  const clear = make("button", { type: "button", id: "show-all", class: "quiet", onclick: showAll }, "Show all");
  const chips = make("div", {});
  const element = make("div", { id: "filters" }, make("p", { id: "n-shown" }, says, clear), chips);
  return { element, update: () => updateChips({ element, says, clear, chips }, state) };
}

function updateChips({ element, says, clear, chips }, state) {
  const { filters, found, query } = state.choice;
  const hadFocus = element.contains(document.activeElement);
  const say = (key, filter) => `${columnTitle(state.data, key)}: ${sayFilter(state.data, key, filter)}`;
  const made = [...filters].map(([key, filter]) => makeChip(say(key, filter), () => state.setFilter(key, null)));
  if (found) made.push(makeChip(`Found: ${query}`, () => state.set({ query: "", found: null })));
  says.textContent = `${sayCount(state.nShown)} of ${sayCount(state.data.n)} shown`;
  clear.hidden = !made.length;
  chips.replaceChildren(...made);
  /* The chip that was pressed is gone: the next one, or the column itself, has the focus. */
  const lost = !element.contains(document.activeElement) || (clear.hidden && document.activeElement === clear);
  if (hadFocus && lost) (chips.querySelector("button") ?? find("color-by"))?.focus();
}

const makeChip = (text, onclick) => make("button", { type: "button", class: "chip", title: `${text}: take this filter away`, onclick },
  make("span", { class: "label" }, text), make("span", { "aria-hidden": "true" }, "×"));

function sayFilter(data, key, filter) {
  if (!(filter instanceof Set)) return filter.map(sayNumber).join(" to ");
  const column = data.column(key);
  if (!filter.size) return "none";
  const all = codesOf(column);
  const kept = all.filter((code) => filter.has(code));
  if (kept.length > 3) return `${sayCount(kept.length)} of ${sayCount(all.length)}`;
  return [...filter].map((code) => nameCode(column, code)).join(", ");
}

/* Categories without a place in the legend, folded; a list is made when it is first opened. */
export function makeOtherFilters(section, state, taken) {
  const columns = state.data.columns.filter((column) => isCategory(column) && !taken.has(column.key));
  section.hidden = !columns.length;
  const folds = columns.slice(0, MOST_COLUMNS).map((column) => makeFold(state, column));
  section.replaceChildren(make("h2", {}, "Filter by"), ...folds.map(({ element }) => element));
  const left = columns.length - folds.length;
  if (left > 0) section.append(make("p", { class: "reason" }, `and ${sayCount(left)} more: color by them to filter them`));
  return { update: () => folds.forEach((fold) => fold.update()) };
}

function makeFold(state, column) {
  let list = null;
  const count = make("span", { class: "count" });
  const element = make("details", { class: "fold", "data-key": column.key },
    make("summary", { title: explain(column) }, make("span", { class: "label" }, column.title), count));
  const all = codesOf(column);
  const update = () => {
    const filter = state.choice.filters.get(column.key);
    const many = sayCount(all.length);
    count.textContent = filter ? `${sayCount(all.filter((code) => filter.has(code)).length)} of ${many}` : many;
    count.title = `${many} values`;
    element.classList.toggle("active", Boolean(filter));
    if (element.open) list?.update();
  };
  element.addEventListener("toggle", () => {
    if (!element.open) return;
    if (!list) {
      list = makeValueList(state, column, () => "");
      element.append(list.element);
    }
    list.update();
  });
  return { element, update };
}

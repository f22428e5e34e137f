/* The box that finds samples by their ids, texts and values. What is found filters every view. */

import { make, sayCount } from "./dom.js";
import { listRows } from "./row_order.js";
import { isTyping } from "./sample_words.js";

const WAIT_MS = 150;
let lastSearch = 0;

/* Search, then let every view know; an answer that a later search has overtaken is dropped. */
export async function applyQuery(state, text) {
  const search = ++lastSearch;
  const query = text.trim();
  const found = query ? await state.data.search(query) : null;
  if (search === lastSearch) state.set({ query, found });
}

export function mountFind(element, state) {
  const input = make("input", {
    type: "search", class: "lists-find", placeholder: "Find samples …", "aria-label": "Find samples by text, id or value",
    autocomplete: "off", spellcheck: "false",
    title: "Every word must occur, accents do not matter. Enter shows the first, Esc clears. Key: /",
  });
  const count = make("span", { class: "lists-found", role: "status" });
  let waiting = 0;
  const searchNow = () => {
    clearTimeout(waiting);
    applyQuery(state, input.value).catch(() => { count.textContent = "search failed"; });
  };
  const show = () => {
    const { found, query } = state.choice;
    if (document.activeElement !== input) input.value = query;
    const n = found ? found.reduce((sum, one) => sum + one, 0) : 0;
    count.textContent = found ? `${sayCount(n)} found` : "";
    element.dataset.found = found ? String(n) : "";
  };
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(searchNow, WAIT_MS);
  });
  input.addEventListener("keydown", async (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      input.value = "";
      searchNow();
    } else if (event.key === "Enter") {
      clearTimeout(waiting);
      await applyQuery(state, input.value);
      const rows = listRows(state);
      if (state.choice.query && rows.length) state.set({ focus: rows[0] });
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || isTyping(event)) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
  state.listen((keys) => (keys.has("found") || keys.has("query")) && show());
  element.replaceChildren(input, count);
  show();
}

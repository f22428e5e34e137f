/* A served page asks now and then whether its run is still what lies in the folder, and says so where it isn't. */

import { make } from "./dom.js";

const SECONDS = 5;

const SAID = {
  ready: "This run was made again since: what you see is the one before.",
  writing: "This run is being made again: what you see is the one before.",
  unfinished: "This run was begun again and is not finished: what you see is the one before.",
  failed: "Another run has taken the place of this one, and it can't be shown.",
};

export function watchRun(state) {
  if (!state.data.isServed) return;
  const words = make("span", {});
  const again = make("button", { type: "button", onclick: () => location.reload() }, "Load again");
  const banner = make("p", { id: "run-changed", class: "notice", role: "status", hidden: true }, words, " ", again);
  document.body.prepend(banner);
  setInterval(() => { if (!document.hidden) look(banner, words); }, 1000 * SECONDS);
}

async function look(banner, words) {
  let said = "The server has ended: what is on the page can still be looked at.";
  let isCurrent = false;
  try {
    const answer = await fetch("status", { cache: "no-store" });
    const found = await answer.json();
    isCurrent = found.isCurrent;
    said = SAID[found.state] ?? "";
  } catch { /* nobody answers */ }
  banner.hidden = isCurrent;
  if (words.textContent !== said) words.textContent = said;
}

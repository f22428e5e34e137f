/* Opens the data and builds the page: the map first, then what stands around it. */

import { openData } from "./source.js";
import { State } from "./state.js";
import { find, make } from "./dom.js";
import { mountTheme } from "./theme.js";
import { mountDeepLink } from "./deep_link.js";
import { mountMap } from "./map_view.js";
import { mountSwitches, mountToggles } from "./switches.js";
import { mountLegend } from "./legend.js";
import { mountFind } from "./find.js";
import { mountTable } from "./table.js";
import { mountInspector } from "./inspector.js";
import { mountChanges } from "./changes.js";
import { mountHint } from "./hint.js";
import { mountConfusion } from "./confusion.js";
import { mountDistribution } from "./distribution.js";
import { mountProfile } from "./profile.js";
import { mountMetrics } from "./metrics.js";
import { mountDivider } from "./divider.js";
import { watchRun } from "./run_watch.js";

const FIRST_VIEWS = [
  ["link", mountDeepLink], ["switches", mountSwitches], ["toggles", mountToggles], ["theme", mountTheme], ["map", mountMap],
];
const OTHER_VIEWS = [
  ["legend", mountLegend], ["find", mountFind], ["table", mountTable], ["inspector", mountInspector],
  ["changes", mountChanges], ["confusion", mountConfusion], ["distribution", mountDistribution],
  ["profile", mountProfile], ["metrics", mountMetrics],
  ["hint", mountHint],
];

/* One view that fails leaves the others standing. */
function buildView([id, mount], state) {
  try {
    mount(find(id), state);
  } catch (error) {
    find(id).append(make("p", { class: "reason" }, `This part could not be drawn: ${error.message}`));
    console.error(error);
  }
}

/* A hidden page has no frames: it must not wait for one. */
const letPaint = () => new Promise((resolve) => {
  if (document.hidden) resolve();
  else requestAnimationFrame(() => setTimeout(resolve, 0));
});

/* Esc takes back one thing at a time: the sample in focus, then the selection. */
function clearByKey(event, state) {
  if (event.key !== "Escape" || event.defaultPrevented || event.target.closest("dialog, input, select")) return;
  if (state.choice.focus >= 0) state.set({ focus: -1 });
  else if (state.choice.selection) state.select(null);
}

function mountAbout() {
  const dialog = find("about");
  find("about-open").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

async function startPage() {
  mountAbout();
  find("waiting")?.remove();
  const data = await openData();
  const state = new State(data);
  globalThis.latentscape = { state };
  for (const view of FIRST_VIEWS) buildView(view, state);
  await letPaint();
  for (const view of OTHER_VIEWS) buildView(view, state);
  mountDivider(find("divider"), find("table"));
  watchRun(state);
  document.addEventListener("keydown", (event) => clearByKey(event, state));
  /* Of very many samples the names and texts come last. */
  data.ready?.then(() => state.set({ texts: true }));
  document.body.dataset.ready = "true";
}

startPage().catch((error) => {
  const help = "Copy the file again, or make it anew from its run folder: `latentscape open RUN` shows the run itself.";
  find("map").append(make("p", { class: "failure", role: "alert" }, make("strong", {}, error.message), ` ${help}`));
  console.error(error);
});

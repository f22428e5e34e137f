/* The buttons on the map: what dragging does, and how close it is seen. */

import { make } from "./dom.js";

const ZOOM = 1.5;
const SIGNS = {
  pan: "M8 1.5V14.5M1.5 8H14.5M6 3.5L8 1.5L10 3.5M6 12.5L8 14.5L10 12.5M3.5 6L1.5 8L3.5 10M12.5 6L14.5 8L12.5 10",
  box: "M2 2H5M7 2H9M11 2H14V5M14 7V9M14 11V14H11M9 14H7M5 14H2V11M2 9V7M2 5V2",
  lasso: "M6 12C2.5 11 1.5 8 2.5 5.5C4 2 10 1 13 4C15.5 7 13.5 11 9.5 12C8 12.4 5 12.5 4.5 13.5C4.2 14.5 6 15 6.5 14",
  near: "M8 3V13M3 8H13",
  far: "M3 8H13",
  whole: "M2 6V2H6M10 2H14V6M14 10V14H10M6 14H2V10",
  chosen: "M2 5V2H5M11 2H14V5M14 11V14H11M5 14H2V11M8 6.2A1.8 1.8 0 1 1 8 9.8A1.8 1.8 0 1 1 8 6.2z",
};

function makeButton(id, says, onclick) {
  return make("button", { type: "button", id: `map-${id}`, title: says, "aria-label": says, onclick },
    make("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, make("path", { d: SIGNS[id] })));
}

export function makeTools(state, map) {
  const tools = {
    pan: makeButton("pan", "Drag to move", () => state.set({ tool: "pan" })),
    box: makeButton("box", "Drag a box to select; Shift-drag at any time; Ctrl adds", () => state.set({ tool: "box" })),
    lasso: makeButton("lasso", "Drag around points to select them; Ctrl adds", () => state.set({ tool: "lasso" })),
  };
  const chosen = makeButton("chosen", "Zoom to what is selected", () => map.fit(state.rows));
  const element = make("div", { class: "map-tools", role: "toolbar", "aria-label": "Map tools", "aria-orientation": "vertical" },
    ...Object.values(tools),
    makeButton("near", "Zoom in (+)", () => map.zoomBy(ZOOM)), makeButton("far", "Zoom out (−)", () => map.zoomBy(1 / ZOOM)),
    makeButton("whole", "Show the whole map (0)", () => map.fit()), chosen);
  return {
    element,
    update: () => {
      for (const [name, button] of Object.entries(tools)) button.setAttribute("aria-pressed", String(state.choice.tool === name));
      chosen.hidden = !state.choice.selection || !state.rows.length;
    },
  };
}

/* One line about what hands can do next, where there is nothing else to say. */

import { touches } from "./columns.js";

const MANY_CLICKS = 12;

/* `element` says it until the reader has shown often enough that it is known. */
export function mountHint(element, state) {
  const { data } = state;
  const hasSound = data.hasMedia === "audio";
  const isConfused = data.answers.some(({ truth, said }) => truth && said);
  let clicks = 0;
  const say = () => {
    const { focus, selection } = state.choice;
    if (focus >= 0) return `${hasSound ? "Space plays it, " : ""}j and k go on, Esc closes.`;
    if (selection) return "Click a row of the table to see a sample; Esc takes the selection away.";
    const cells = isConfused ? "; a cell of the confusion selects its samples" : "";
    return `Click a point or a row to see ${hasSound ? "and hear " : ""}it${cells}.`;
  };
  const update = () => {
    element.textContent = clicks > MANY_CLICKS ? "" : say();
    element.hidden = !element.textContent;
  };
  state.listen((keys) => {
    if (!touches(keys, "focus", "selection")) return;
    clicks++;
    update();
  });
  update();
}

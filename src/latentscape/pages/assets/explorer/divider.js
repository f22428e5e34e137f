/* The line between the map and the table: dragged, or moved with the arrow keys. */

const [LEAST_TABLE, TABLE_STEP] = [34, 40];

export function mountDivider(divider, table) {
  const stage = divider.parentElement;
  const most = () => Math.max(LEAST_TABLE, stage.clientHeight - 160);
  const set = (height) => {
    const size = Math.round(Math.max(LEAST_TABLE, Math.min(most(), height)));
    table.style.height = `${size}px`;
    divider.setAttribute("aria-valuenow", size);
    divider.setAttribute("aria-valuemin", LEAST_TABLE);
    divider.setAttribute("aria-valuemax", most());
  };
  divider.addEventListener("pointerdown", (event) => {
    divider.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  divider.addEventListener("pointermove", (event) => {
    if (divider.hasPointerCapture(event.pointerId)) set(stage.getBoundingClientRect().bottom - event.clientY);
  });
  divider.addEventListener("dblclick", () => { table.style.height = ""; });
  divider.addEventListener("keydown", (event) => {
    const step = { ArrowUp: TABLE_STEP, ArrowDown: -TABLE_STEP }[event.key];
    if (!step) return;
    event.preventDefault();
    set(table.clientHeight + step);
  });
  divider.setAttribute("aria-valuenow", table.clientHeight);
  divider.setAttribute("aria-valuemin", LEAST_TABLE);
  divider.setAttribute("aria-valuemax", most());
}

/* Dragging over a drawing keeps what lies between; a click takes that back. */

const SHORTEST_DRAG = 4;

/* `valueAt` turns a share of the width into a value; `onDrag` is told of what would be kept, `onRange` of what is. */
export function listenToBrush(drawing, { valueAt, onRange, onDrag, isLive }) {
  let start = null;
  let waiting = false;
  let range = null;
  const shareOf = (event) => {
    const { left, width } = drawing.getBoundingClientRect();
    return (event.clientX - left) / width;
  };
  const keep = () => {
    waiting = false;
    if (start !== null) onRange(range);
  };
  drawing.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    start = { share: shareOf(event), x: event.clientX };
    range = null;
    drawing.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  drawing.addEventListener("pointermove", (event) => {
    if (!start || Math.abs(event.clientX - start.x) < SHORTEST_DRAG) return;
    range = [start.share, shareOf(event)].sort((a, b) => a - b).map(valueAt);
    onDrag(range);
    if (!isLive || waiting) return;
    waiting = true;
    requestAnimationFrame(keep);
  });
  drawing.addEventListener("pointerup", () => {
    if (!start) return;
    start = null;
    onRange(range);
  });
  drawing.addEventListener("pointercancel", () => { start = null; });
}

/* Where the names of classes go: near the middle of their points, never over one another. Names that find no room wait. */

const [HEIGHT, GAP, MOST_LETTERS] = [19, 3, 28];
export const LABEL_PAD = 6;
/* Farther than this from its place a name gets a line to it. It goes so far, and once more, to hide one point fewer. */
const [FAR, PER_POINT, MOST_CROWD] = [16, 2, 20];
const ROUND = [...Array(8).keys()].map((k) => [Math.cos((k * Math.PI) / 4), Math.sin((k * Math.PI) / 4)]);
const TRIES = [[0, 0], ...[22, 40, 62].flatMap((far) => ROUND.map(([x, y]) => [x * far * 1.5, y * far]))];

export const shorten = (text) => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text);

/* `labels` are {text, color, px, py} on the screen, the most important first; `widthOf` measures a text. Returns those that
   found room: {text, color, px, py, left, top, width, height, hasLine}. `crowd` says how many points a box would hide: where
   there is a place nearby that hides none, or far fewer, the name goes there. */
export function placeLabels(labels, { width, height, widthOf, blocked = [], crowd = () => 0 }) {
  const placed = [];
  const isFree = (box) => box.left >= 2 && box.top >= 2 && box.left + box.width <= width - 2 && box.top + box.height <= height - 2 &&
    [...blocked, ...placed].every((other) => box.left + box.width + GAP <= other.left || other.left + other.width + GAP <= box.left ||
      box.top + box.height + GAP <= other.top || other.top + other.height + GAP <= box.top);
  for (const label of labels) {
    const { px, py } = label;
    if (px < 0 || py < 0 || px > width || py > height) continue;
    const text = shorten(label.text);
    const own = widthOf(text) + 2 * LABEL_PAD;
    let [best, least] = [null, Infinity];
    for (const [right, down] of TRIES) {
      const box = { left: px + right - own / 2, top: py + down - HEIGHT / 2, width: own, height: HEIGHT };
      if (!isFree(box)) continue;
      // Farther is worse, too; who can stay in the middle of thousands stays.
      const cost = Math.hypot(right, down) / FAR + Math.min(PER_POINT * crowd(box), MOST_CROWD);
      if (cost < least) [best, least] = [{ ...box, hasLine: Math.hypot(right, down) > FAR }, cost];
    }
    if (best) placed.push({ ...label, text, ...best });
  }
  return placed;
}

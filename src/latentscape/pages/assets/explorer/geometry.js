/* Which points lie inside an outline. Places are in the units of a frame: 0 to 65,535 across its longer side. */

export function rowsInside(xy, polygon) {
  if (polygon.length < 3) return [];
  const [xs, ys] = [0, 1].map((axis) => polygon.map((corner) => corner[axis]));
  const [left, right, bottom, top] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const rows = [];
  for (let i = 0; 2 * i < xy.length; i++) {
    const [x, y] = [xy[2 * i], xy[2 * i + 1]];
    if (x >= left && x <= right && y >= bottom && y <= top && isInside(x, y, xs, ys)) rows.push(i);
  }
  return rows;
}

/* Even-odd rule. */
function isInside(x, y, xs, ys) {
  let inside = false;
  for (let a = 0, b = xs.length - 1; a < xs.length; b = a++) {
    if (ys[a] > y !== ys[b] > y && x < ((xs[b] - xs[a]) * (y - ys[a])) / (ys[b] - ys[a]) + xs[a]) inside = !inside;
  }
  return inside;
}

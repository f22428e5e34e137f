/* Which point is under the pointer: a grid over the frame, made when somebody first asks. */

export class PickGrid {
  constructor(xy) {
    const n = xy.length / 2;
    this.xy = xy;
    this.bits = 16 - Math.min(9, Math.max(2, Math.ceil(Math.log2(Math.sqrt(n / 4) + 1))));
    this.side = 1 << (16 - this.bits);
    this.starts = new Uint32Array(this.side * this.side + 1);
    for (let i = 0; i < n; i++) this.starts[this.#cell(i) + 1]++;
    for (let cell = 0; cell < this.side * this.side; cell++) this.starts[cell + 1] += this.starts[cell];
    this.rows = new Uint32Array(n);
    const next = this.starts.slice();
    for (let i = 0; i < n; i++) this.rows[next[this.#cell(i)]++] = i;
  }

  #cell(i) {
    return (this.xy[2 * i] >> this.bits) + this.side * (this.xy[2 * i + 1] >> this.bits);
  }

  /* The cells of a rectangle: first and last column, first and last row. */
  #cells([left, bottom, right, top]) {
    return [left, right, bottom, top].map((at) => Math.min(Math.floor(Math.min(Math.max(at, 0), 65535)) >> this.bits, this.side - 1));
  }

  /* How many points lie in the rectangle or not far outside. */
  countIn(box) {
    const [left, right, bottom, top] = this.#cells(box);
    let count = 0;
    for (let row = bottom; row <= top; row++) count += this.starts[row * this.side + right + 1] - this.starts[row * this.side + left];
    return count;
  }

  /* How many points that are shown lie in the rectangle. */
  countExactly(box, shown) {
    const { xy } = this;
    const [left, bottom, right, top] = box;
    let count = 0;
    this.visit(box, (i) => {
      const [x, y] = [xy[2 * i], xy[2 * i + 1]];
      if (x >= left && x <= right && y >= bottom && y <= top && (!shown || shown[i])) count++;
    });
    return count;
  }

  /* Calls with each of them. */
  visit(box, call) {
    const { rows, starts, side } = this;
    const [left, right, bottom, top] = this.#cells(box);
    for (let row = bottom; row <= top; row++) {
      for (let k = starts[row * side + left]; k < starts[row * side + right + 1]; k++) call(rows[k]);
    }
  }

  rowsIn(box) {
    const found = [];
    this.visit(box, (i) => found.push(i));
    return found;
  }

  /* The nearest point that is shown and not farther than `reach` units, or -1. */
  nearest(x, y, reach, shown) {
    const { xy } = this;
    let [best, least] = [-1, reach * reach];
    this.visit([x - reach, y - reach, x + reach, y + reach], (i) => {
      const far = (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;
      if (far <= least && (!shown || shown[i])) [best, least] = [i, far];
    });
    return best;
  }
}

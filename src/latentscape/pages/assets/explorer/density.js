/* How many points lie where, at half the screen's resolution, colored by what lies there: where points would only cover
   one another, their number is seen instead. Every point in view is counted, in every picture. */

const CELL = 2;
/* From so many layers of points on the density is seen through them, and at so many it takes their place. */
const [SEEN, DEEP] = [2.5, 5];
/* "auto" switches it on where so large a share of at least so many points lies deep. */
const [CROWDED_SHARE, FEWEST] = [0.4, 5000];
/* How far the deepest place is from its color; where no place is many times as deep as another the shades stay close. */
const [MOST_SHADE, LEAST_RANGE] = [0.5, 1.5];

export class DensityField {
  /* Counts those of `list` up to `end`: numbers of points in `places` (normalized, x and y in turn) and `looks` (r, g, b, bits). */
  count({ places, looks, list, end, camera, radius }) {
    const width = (this.width = Math.max(1, Math.ceil(camera.width / CELL)));
    const height = (this.height = Math.max(1, Math.ceil(camera.height / CELL)));
    const [counts, red, green, blue] = [0, 1, 2, 3].map(() => new Float32Array(width * height));
    const [step, [left, top]] = [camera.scale / CELL, camera.toScreen(0, 0)];
    const [x0, y0] = [left / CELL, top / CELL];
    this.map = { step, x0, y0 };
    this.nInView = 0;
    for (let k = 0; k < end; k++) {
      const at = list[k];
      const x = x0 + places[2 * at] * step;
      const y = y0 - places[2 * at + 1] * step;
      if (!(x >= 0 && y >= 0 && x < width && y < height)) continue;
      const cell = (y | 0) * width + (x | 0);
      const look = looks[at];
      counts[cell]++;
      red[cell] += look & 255;
      green[cell] += (look >>> 8) & 255;
      blue[cell] += (look >>> 16) & 255;
      this.nInView++;
    }
    this.layers = (Math.PI * Math.max(radius, 0.6) ** 2) / CELL ** 2;
    Object.assign(this, { counts, smooth: blur(counts, width, height), colors: [red, green, blue] });
  }

  /* The share of the points in view that lie deeper than can be seen. */
  get crowding() {
    let deep = 0;
    for (let cell = 0; cell < this.counts.length; cell++) if (this.smooth[cell] * this.layers >= DEEP) deep += this.counts[cell];
    return this.nInView ? deep / this.nInView : 0;
  }

  get isCrowded() {
    return this.nInView >= FEWEST && this.crowding >= CROWDED_SHARE;
  }

  /* The picture, its colors multiplied by their strength, the lowest row first as the card has it. It begins with the color of
     points that hide the ground and goes away from it: darker on a light ground, lighter on a dark one. */
  paint(ground) {
    const isLight = ground[0] + ground[1] + ground[2] > 1.5;
    const { width, height, smooth, counts, layers } = this;
    const mixed = this.colors.map((color) => blur(color, width, height));
    const pixels = new Uint8Array(4 * width * height);
    let most = 1e-9;
    for (let cell = 0; cell < smooth.length; cell++) most = Math.max(most, smooth[cell]);
    const [start, full] = [Math.log1p(SEEN), Math.log1p(most * layers)];
    this.covered = new Uint8Array(counts.length);
    for (let cell = 0; cell < smooth.length; cell++) {
      const deep = smooth[cell] * layers;
      if (deep <= SEEN) continue;
      const rise = Math.min((deep - SEEN) / (DEEP - SEEN), 1);
      this.covered[cell] = rise === 1 ? 1 : 0;
      const strength = rise * 0.94;
      const depth = full > start ? Math.max(Math.log1p(deep) - start, 0) / Math.max(full - start, LEAST_RANGE) : 0;
      const [times, plus] = isLight ? [1 - MOST_SHADE * depth, 0] : [1 - MOST_SHADE * depth, 255 * MOST_SHADE * depth];
      const row = height - 1 - Math.floor(cell / width);
      const to = 4 * (row * width + (cell % width));
      for (let k = 0; k < 3; k++) pixels[to + k] = ((mixed[k][cell] / smooth[cell]) * times + plus) * strength;
      pixels[to + 3] = 255 * strength;
    }
    return { pixels, width, height };
  }

  /* Those of the list that must be drawn as points still: the others, up to `end`, lie where the density took their place. */
  leave({ places, list, ends, end }) {
    const { width, height, covered, map: { step, x0, y0 } } = this;
    const left = new Uint32Array(ends[2]);
    const leftEnds = [];
    let n = 0;
    for (let k = 0; k < ends[2]; k++) {
      while (k >= ends[leftEnds.length]) leftEnds.push(n);
      const at = list[k];
      const x = x0 + places[2 * at] * step;
      const y = y0 - places[2 * at + 1] * step;
      const isInside = x >= 0 && y >= 0 && x < width && y < height;
      if (k >= end || !isInside || !covered[(y | 0) * width + (x | 0)]) left[n++] = at;
    }
    while (leftEnds.length < 3) leftEnds.push(n);
    return { list: left.subarray(0, n), ends: leftEnds };
  }
}

/* Each cell and its eight neighbors, the near ones more. */
function blur(values, width, height) {
  const [across, out] = [new Float32Array(values.length), new Float32Array(values.length)];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const cell = y * width + x;
      across[cell] = (values[cell - (x > 0 ? 1 : 0)] + 2 * values[cell] + values[cell + (x < width - 1 ? 1 : 0)]) / 4;
    }
  }
  for (let y = 0; y < height; y++) {
    const [above, below] = [y > 0 ? width : 0, y < height - 1 ? width : 0];
    for (let x = 0; x < width; x++) {
      const cell = y * width + x;
      out[cell] = (across[cell - above] + 2 * across[cell] + across[cell + below]) / 4;
    }
  }
  return out;
}

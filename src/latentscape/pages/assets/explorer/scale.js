/* Numbers to places, colors and markers: the legend and the map read the same ones. */

const N_MARKERS = 8;
const MOST_READ = 20000;

/* The marker of a code of a column: 0 is unknown and has the last one, which few columns need for a value. */
export const markerOf = (column, code) => (code ? (column.shapes?.[code - 1] ?? (code - 1) % N_MARKERS) : N_MARKERS - 1);

/* Where the ramp begins and ends: the extremes, or the 2nd and 98th of a hundred where single ones lie far out. */
export function rangeOf(numbers) {
  const step = Math.max(1, Math.ceil(numbers.length / MOST_READ));
  const read = [];
  for (let i = 0; i < numbers.length; i += step) if (Number.isFinite(numbers[i])) read.push(numbers[i]);
  if (!read.length) return [0, 1];
  const sorted = Float64Array.from(read).sort();
  const [low, high] = [0, 1].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  const [inner, outer] = [0.02, 0.98].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  if (outer > inner && high - low > 3 * (outer - inner)) return [inner, outer];
  return high > low ? [low, high] : [low, low + 1];
}

/* Least and greatest of the numbers that are known; null where none is. */
export function extremesOf(numbers) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i];
    if (value < low && value > -Infinity) low = value;
    if (value > high && value < Infinity) high = value;
  }
  return low <= high ? [low, high] : null;
}

/* Which of `n` colors of a ramp a number has. */
export const rampStep = (value, low, high, n) => Math.max(0, Math.min(n - 1, Math.floor(((value - low) / (high - low)) * n)));

/* About `n` round numbers from low to high. */
export function roundSteps(low, high, n) {
  const rough = (high - low) / n;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * [1, 2, 5, 10].find((factor) => factor * size >= rough * 0.8);
  const steps = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) steps.push(i * step);
  return steps;
}

/* The outline of a marker in a square of this size, as an SVG path. */
export function markerPath(index, size) {
  const [c, r] = [size / 2, size * 0.4];
  const at = (x, y) => `${(c + x * r).toFixed(2)} ${(c + y * r).toFixed(2)}`;
  const outline = (corners) => `M${corners.map(([x, y]) => at(x, y)).join("L")}Z`;
  const arm = [[-0.34, -1], [0.34, -1], [0.34, -0.34]];
  const plus = [0, 1, 2, 3].flatMap((turns) => arm.map(([x, y]) => [[x, y], [-y, x], [-x, -y], [y, -x]][turns]));
  const star = Array.from({ length: 10 }, (_, i) => {
    const [angle, far] = [(i * Math.PI) / 5, i % 2 ? 0.45 : 1.1];
    return [far * Math.sin(angle), -far * Math.cos(angle)];
  });
  switch (index) {
    case 1: return outline([[0, -1], [1, 0.8], [-1, 0.8]]);
    case 2: return outline([[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]]);
    case 3: return outline([[0, -1.1], [1.1, 0], [0, 1.1], [-1.1, 0]]);
    case 4: return outline(plus);
    case 5: return outline(plus.map(([x, y]) => [(x - y) * 0.75, (x + y) * 0.75]));
    case 6: return outline(star);
    case 7: return outline([[0, 1], [1, -0.8], [-1, -0.8]]);
    default: return `M${at(-1, 0)}A${r} ${r} 0 1 0 ${at(1, 0)}A${r} ${r} 0 1 0 ${at(-1, 0)}Z`;
  }
}

/* A color between two `#rrggbb`, and black or white, whichever is read better on it (at least 4.5 to 1). */
export function blend(from, to, share) {
  const [a, b] = [from, to].map((color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));
  const mixed = a.map((value, i) => Math.round(value + (b[i] - value) * share));
  const light = mixed.map((value) => (value <= 10 ? value / 3295 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  const isLight = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] > 0.179;
  return { color: `rgb(${mixed.join(" ")})`, ink: isLight ? "#000000" : "#ffffff" };
}

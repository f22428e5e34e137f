/* How each point looks, in four bytes: red, green, blue, and its shape with what else is to be seen of it. */

import { CHOSEN, WRONG } from "./gl_shaders.js";

/* How much of its color a pale point keeps, and how well it must be seen on the ground whatever its color is. */
const [PALE, LEAST_CONTRAST, MIX_STEPS] = [0.38, 1.65, 12];

export const rgbOf = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) || 0);

const pack = (parts) => parts.reduce((sum, part, k) => sum | (Math.round(part) << (8 * k)), 0);
const mix = (from, to, share) => from.map((part, k) => part + (to[k] - part) * share);

/* How bright a color is to the eye, and how well one is seen on another (as in WCAG 2). */
const brightness = (parts) => parts.reduce((sum, part, k) => {
  const share = part / 255;
  return sum + [0.2126, 0.7152, 0.0722][k] * (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4);
}, 0);

export function contrastOf(one, other) {
  const [low, high] = [brightness(one), brightness(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/* Nearer to the ground, but not so near that it is lost there: a color that is pale itself goes away from the ground. */
export function paleOf(color, ground) {
  const away = brightness(ground) > 0.2 ? [0, 0, 0] : [255, 255, 255];
  const ways = [[ground, color, (step) => PALE + (1 - PALE) * step], [color, away, (step) => step]];
  for (const [from, to, shareAt] of ways) {
    for (let step = 0; step <= MIX_STEPS; step++) {
      const tried = mix(from, to, shareAt(step / MIX_STEPS));
      if (contrastOf(tried, ground) >= LEAST_CONTRAST) return tried;
    }
  }
  return away;
}

/* In the order of drawing; `ground` (parts of 1) is what pale points are pale on. */
export function packLooks(order, { indices, palette, unknown, shapes }, { wrong, faint, selected }, ground) {
  const colors = [...palette, unknown].map(rgbOf);
  const below = ground.map((part) => 255 * part);
  const [table, pale] = [colors.map(pack), faint ? colors.map((color) => pack(paleOf(color, below))) : []];
  const [looks, last] = [new Uint32Array(order.length), palette.length];
  for (let at = 0; at < order.length; at++) {
    const i = order[at];
    const index = indices[i] < last ? indices[i] : last;
    let bits = shapes ? shapes[i] : 0;
    if (wrong && wrong[i]) bits |= WRONG;
    if (selected && selected[i]) bits |= CHOSEN;
    looks[at] = (faint && faint[i] ? pale[index] : table[index]) | (bits << 24);
  }
  return looks;
}

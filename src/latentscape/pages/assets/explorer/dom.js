/* Elements, and how numbers are written. */

const DRAWN = new Set(["svg", "path", "line", "circle", "rect", "polyline", "polygon", "text", "g", "title", "tspan"]);

/* An element with its attributes and children; text is only ever text. `onclick` and the like are functions. */
export function make(tag, attributes = {}, ...children) {
  const isDrawing = DRAWN.has(tag) && tag !== "title";
  const element = isDrawing ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/* A layer that the studies name themselves, in words; paths of modules stay as they are. */
export const sayLayer = (layer) => (layer === "last_hidden" ? "last hidden" : layer);

export const find = (id) => document.getElementById(id);
export const cssColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const minus = (text) => text.replace("-", "−");
const WHOLE_NUMBERS = new Intl.NumberFormat("en-US");  // made once: it is slow to make
export const sayCount = (n) => WHOLE_NUMBERS.format(n);
export const sayShare = (share) => {
  const percent = 100 * share;
  return `${percent.toFixed((percent > 0 && percent < 1) || (percent > 99 && percent < 100) ? 1 : 0)}%`;
};

export function sayNumber(value) {
  if (!Number.isFinite(value)) return "n/a";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return minus(sayCount(value));
  return minus(size >= 1e6 || size < 1e-3 ? value.toExponential(1) : size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(3));
}

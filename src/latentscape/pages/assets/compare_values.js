/* The data of the page, unpacked when it is first needed, and two words every part uses. */
"use strict";

const ARRAYS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i2: Int16Array };

function bytesOf(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/* Numbers, or 0 and 1 for flags. Browsers run on machines that keep the low byte first, as the page does. */
function unpack(packed) {
  const bytes = bytesOf(packed.data);
  if (packed.type !== "bits") return new ARRAYS[packed.type](bytes.buffer);
  const flags = new Uint8Array(packed.n);
  for (let i = 0; i < flags.length; i++) flags[i] = (bytes[i >> 3] >> (i & 7)) & 1;
  return flags;
}

/* An array that is unpacked once, when it is asked for. */
function lazily(packed) {
  let found = null;
  return () => (found ??= unpack(packed));
}

function readPage() {
  const page = JSON.parse(document.getElementById("data").textContent);
  for (const name of ["ids", "texts", "judged", "kinds", "markers"]) page[name] = unpack(page[name]);
  for (const group of page.groups) group.values = unpack(group.values);
  for (const checkpoint of page.checkpoints) {
    for (const name of ["right", "said", "confidence"]) checkpoint[name] = unpack(checkpoint[name]);
    if (checkpoint.ranks) checkpoint.ranks = unpack(checkpoint.ranks);
  }
  for (const layer of page.layers) {
    for (const map of layer.maps) for (const name of ["places", "faint"]) map[name] = map[name].map(lazily);
  }
  for (const step of page.steps) {
    for (const list of [...step.lists, ...step.splits]) list.rows = unpack(list.rows);
    for (const motion of step.motion.filter((one) => one.rows)) {
      for (const name of ["rows", "moves", "kept"]) motion[name] = unpack(motion[name]);
    }
  }
  return page;
}

const UNKNOWN = -32768;
const cssColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const say = (n) => n.toLocaleString("en-US");
const minus = (text) => text.replace("-", "−");
const sayShare = (thousandths) => (thousandths === UNKNOWN ? "n/a" : minus((thousandths / 1000).toFixed(2)));

/* An element with its attributes and children; text is only ever text. */
function make(tag, attributes = {}, ...children) {
  const isDrawing = ["svg", "path", "line", "circle", "polyline", "polygon", "text", "g"].includes(tag);
  const element = isDrawing ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/* The programs that draw points, their density and a finished picture, in GLSL ES 3.00. */

/* What a point says of itself beside its color, in one byte: its shape (three bits) and these. That it is faint its color says. */
export const WRONG = 8;
export const CHOSEN = 16;

/* No corner of a shape is farther from its middle than this many radii. */
const REACH = 1.32;

export const POINT_VERTEX = `#version 300 es
precision highp float;
layout(location = 0) in vec2 place;
layout(location = 1) in vec2 old;
layout(location = 2) in vec4 look;
uniform vec4 now;
uniform vec4 was;
uniform float progress;
uniform float radius;
uniform float reach;
uniform float dim;
flat out vec4 tint;
flat out int bits;
void main() {
  bits = int(look.a * 255.0 + 0.5);
  float strength = (bits & ${CHOSEN}) == 0 ? dim : 1.0;
  tint = vec4(look.rgb, strength);
  gl_Position = vec4(mix(old * was.xy + was.zw, place * now.xy + now.zw, progress), 0.0, 1.0);
  gl_PointSize = 2.0 * reach * radius + 1.5;
}`;

/* Points that are all circles and none an outline: most maps, and every large one that nobody asked about. */
export const PLAIN_FRAGMENT = `#version 300 es
precision mediump float;
flat in vec4 tint;
uniform float size;
uniform float inner;
out vec4 color;
void main() {
  float far = length(gl_PointCoord - 0.5) * size;
  float alpha = clamp(inner + 0.5 - far, 0.0, 1.0) * tint.a * 0.9;
  color = vec4(tint.rgb * alpha, alpha);
}`;

/* How far a place is from the rim of each shape, in radii: below zero inside. */
const RIMS = `
float arms(vec2 p) {
  p = abs(p);
  if (p.x < p.y) p = p.yx;
  vec2 q = p - vec2(1.12, 0.36);
  float k = max(q.x, q.y);
  vec2 w = k > 0.0 ? q : vec2(0.36 - p.x, -k);
  return sign(k) * length(max(w, 0.0));
}
float triangle(vec2 p) {
  return max(abs(p.x) * 0.866 + p.y * 0.5, -p.y) - 0.64;
}
float star(vec2 p) {
  const vec2 k1 = vec2(0.809016994, -0.587785252);
  const vec2 k2 = vec2(-0.809016994, -0.587785252);
  p.x = abs(p.x);
  p -= 2.0 * max(dot(k1, p), 0.0) * k1;
  p -= 2.0 * max(dot(k2, p), 0.0) * k2;
  p.x = abs(p.x);
  p.y -= 1.3;
  vec2 ba = 0.48 * vec2(-k1.y, k1.x) - vec2(0.0, 1.0);
  float h = clamp(dot(p, ba) / dot(ba, ba), 0.0, 1.3);
  return length(p - ba * h) * sign(p.y * ba.x - p.x * ba.y);
}
float rim(vec2 p, int shape) {
  if (shape == 0) return length(p) - 1.0;
  if (shape == 1) return triangle(p + vec2(0.0, 0.12));
  if (shape == 2) return max(abs(p.x), abs(p.y)) - 0.86;
  if (shape == 3) return (abs(p.x) + abs(p.y) - 1.22) * 0.7071;
  if (shape == 4) return arms(p);
  if (shape == 5) return arms(vec2(p.x + p.y, p.y - p.x) * 0.7071);
  if (shape == 6) return star(p);
  return triangle(vec2(p.x, 0.12 - p.y));
}`;

/* Shapes; wrong ones are outlines filled with a little of the ground. */
export const SHAPE_FRAGMENT = `#version 300 es
precision mediump float;
flat in vec4 tint;
flat in highp int bits;
uniform float size;
uniform float inner;
uniform float pixel;
uniform vec3 ground;
out vec4 color;
${RIMS}
vec4 over(vec4 top, vec4 below) { return top + below * (1.0 - top.a); }
void main() {
  vec2 p = (gl_PointCoord - 0.5) * size / inner;
  p.y = -p.y;
  float far = rim(p, bits & 7) * inner;
  bool isWrong = (bits & ${WRONG}) != 0;
  float inside = clamp(0.5 - far, 0.0, 1.0);
  float width = isWrong ? max(1.3 * pixel, inner * 0.36) : pixel;
  float line = clamp(0.5 + width * 0.5 - abs(far), 0.0, 1.0);
  float small = smoothstep(1.5 * pixel, 3.0 * pixel, inner);
  vec4 fill = isWrong ? vec4(ground, 1.0) * 0.55 : vec4(tint.rgb, 1.0) * 0.92;
  fill *= inside;
  vec4 edge = isWrong ? vec4(tint.rgb, 1.0) : vec4(ground, 1.0) * 0.8 * small * step(0.0, far);
  color = over(edge * line, fill) * tint.a;
}`;

/* A picture laid over a rectangle; the density is one, and so is what was drawn at rest. */
export const PICTURE_VERTEX = `#version 300 es
precision highp float;
uniform vec4 corners;
out vec2 at;
void main() {
  at = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
  gl_Position = vec4(mix(corners.xy, corners.zw, at), 0.0, 1.0);
}`;

export const PICTURE_FRAGMENT = `#version 300 es
precision mediump float;
in highp vec2 at;
uniform sampler2D picture;
uniform float strength;
out vec4 color;
void main() { color = texture(picture, at) * strength; }`;

/* How many radii the quad of a point must reach. */
export const reachOf = (isShaped) => (isShaped ? REACH : 1);

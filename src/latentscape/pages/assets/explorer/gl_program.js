/* What every WebGL2 drawing needs: a context, programs, buffers. */

export function openGl(canvas, more = {}) {
  return canvas.getContext("webgl2", {
    ...more,
    alpha: true, antialias: false, depth: false, stencil: false, premultipliedAlpha: true, powerPreference: "high-performance",
    // Printers and pictures of the page find what was drawn last.
    preserveDrawingBuffer: true,
  });
}

/* Programs that do what a graphics card would do, by the names they give themselves. */
const IMITATIONS = /swiftshader|llvmpipe|softpipe|software|basic render/i;
let isThere = null;

/* Whether this browser has WebGL2, and a graphics card behind it: one that is only imitated is slower than none. */
export function hasCard() {
  if (isThere === null) {
    const gl = openGl(document.createElement("canvas"), { failIfMajorPerformanceCaveat: true });
    const names = gl?.getExtension("WEBGL_debug_renderer_info");
    isThere = Boolean(gl) && !IMITATIONS.test(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }
  return isThere;
}

/* A program, and where each of its uniforms is. */
export function buildProgram(gl, vertexText, fragmentText) {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertexText], [gl.FRAGMENT_SHADER, fragmentText]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`The map's drawing program was refused: ${gl.getProgramInfoLog(program)}`);
  }
  const uniforms = {};
  for (let k = 0; k < (gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS) ?? 0); k++) {
    const { name } = gl.getActiveUniform(program, k);
    uniforms[name] = gl.getUniformLocation(program, name);
  }
  return { program, uniforms };
}

/* Use a program with numbers and short lists of them. */
export function setUniforms(gl, { program, uniforms }, values) {
  gl.useProgram(program);
  for (const [name, value] of Object.entries(values)) {
    if (!(name in uniforms)) continue;
    if (typeof value === "number") gl.uniform1f(uniforms[name], value);
    else gl[`uniform${value.length}fv`](uniforms[name], value);
  }
}

/* A texture that is stretched smoothly and never repeats. */
export function buildTexture(gl) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  for (const [name, value] of [
    [gl.TEXTURE_MIN_FILTER, gl.LINEAR], [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
    [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
  ]) gl.texParameteri(gl.TEXTURE_2D, name, value);
  return texture;
}

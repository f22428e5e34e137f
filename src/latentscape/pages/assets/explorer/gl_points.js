/* The points on the graphics card: their places, looks and lists, and how they are drawn from them. */

import { buildProgram, buildTexture, openGl, setUniforms } from "./gl_program.js";
import { PICTURE_FRAGMENT, PICTURE_VERTEX, PLAIN_FRAGMENT, POINT_VERTEX, SHAPE_FRAGMENT, reachOf } from "./gl_shaders.js";

export const WHOLE_SCREEN = [-1, -1, 1, 1];

export class GlPoints {
  constructor(canvas) {
    this.canvas = canvas;
    this.isSoft = false;
    this.gl = openGl(canvas);
    this.begin();
  }

  /* Everything that lives on the card; made again after it was lost. */
  begin() {
    const { gl } = this;
    this.plain = buildProgram(gl, POINT_VERTEX, PLAIN_FRAGMENT);
    this.shaped = buildProgram(gl, POINT_VERTEX, SHAPE_FRAGMENT);
    this.painter = buildProgram(gl, PICTURE_VERTEX, PICTURE_FRAGMENT);
    this.buffers = Object.fromEntries(["place", "old", "look", "list", "near", "sparse", "marks"].map((name) => [name, gl.createBuffer()]));
    this.density = buildTexture(gl);
    // One is finished and can be shown while the other is being drawn.
    this.pictures = [0, 1].map(() => ({ texture: buildTexture(gl), frame: gl.createFramebuffer(), size: [0, 0] }));
    this.bare = gl.createVertexArray();
    this.points = gl.createVertexArray();
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.clearColor(0, 0, 0, 0);
  }

  /* ---- what is drawn ---- */

  /* New places; those before stay as `old`, for the way from them to these. */
  setPlaces(places) {
    const { gl, buffers } = this;
    [buffers.place, buffers.old] = [buffers.old, buffers.place];
    this.oldKind = gl.UNSIGNED_SHORT;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers.place);
    gl.bufferData(gl.ARRAY_BUFFER, places, gl.STATIC_DRAW);
    gl.bindVertexArray(this.points);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.UNSIGNED_SHORT, true, 0, 0);
  }

  /* Where points are on a way that was broken off, in the units of places but between them. */
  setOld(old) {
    const { gl, buffers } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers.old);
    gl.bufferData(gl.ARRAY_BUFFER, old.map((at) => at / 65535), gl.STATIC_DRAW);
    this.oldKind = gl.FLOAT;
  }

  setLooks(looks) {
    const { gl, buffers } = this;
    gl.bindVertexArray(this.points);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers.look);
    gl.bufferData(gl.ARRAY_BUFFER, looks, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(2);
    gl.vertexAttribPointer(2, 4, gl.UNSIGNED_BYTE, true, 0, 0);
  }

  /* Which points are drawn, in which order: `name` is "list", "near", "sparse" or "marks". */
  setList(name, rows) {
    const { gl } = this;
    gl.bindVertexArray(this.points);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers[name]);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, rows, name === "list" ? gl.STATIC_DRAW : gl.DYNAMIC_DRAW);
  }

  /* On the way from one map to the next both places of each point are read. */
  setMoving(isMoving) {
    const { gl } = this;
    gl.bindVertexArray(this.points);
    if (!isMoving) {
      gl.disableVertexAttribArray(1);
      gl.vertexAttrib4f(1, 0, 0, 0, 1);
      return;
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.old);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 2, this.oldKind, this.oldKind !== gl.FLOAT, 0, 0);
  }

  setDensity({ pixels, width, height }) {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.density);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  }

  /* ---- drawing ---- */

  /* Draw onto the canvas, or onto the picture that is not shown yet. */
  aim(isKept) {
    const { gl } = this;
    const { width, height } = this.canvas;
    const [, picture] = this.pictures;
    if (isKept && (picture.size[0] !== width || picture.size[1] !== height)) {
      gl.bindTexture(gl.TEXTURE_2D, picture.texture);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
      gl.bindFramebuffer(gl.FRAMEBUFFER, picture.frame);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, picture.texture, 0);
      picture.size = [width, height];
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, isKept ? picture.frame : null);
    gl.viewport(0, 0, width, height);
  }

  /* The picture that was being drawn is finished. */
  turnOver() { this.pictures.reverse(); }

  /* Wipe everything, or a rectangle of pixels (left, bottom, width, height). */
  wipe(box = null) {
    const { gl } = this;
    if (box) {
      gl.enable(gl.SCISSOR_TEST);
      gl.scissor(...box);
    }
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (box) gl.disable(gl.SCISSOR_TEST);
  }

  /* `count` points of a list. `scene` says where the map is and how points look. */
  drawPoints(name, first, count, scene, { isShaped }) {
    if (count <= 0) return;
    const { gl } = this;
    const reach = reachOf(isShaped);
    gl.bindVertexArray(this.points);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers[name]);
    setUniforms(gl, isShaped ? this.shaped : this.plain, {
      ...scene, reach, inner: scene.radius, size: 2 * reach * scene.radius + 1.5,
    });
    gl.drawElements(gl.POINTS, count, gl.UNSIGNED_INT, 4 * first);
  }

  drawDensity(strength) {
    this.#drawTexture(this.density, WHOLE_SCREEN, strength);
  }

  /* The picture that was kept, moved and stretched: its corners are left, bottom, right, top of the screen, each in [-1, 1]. */
  drawPicture(corners = WHOLE_SCREEN) {
    this.#drawTexture(this.pictures[0].texture, corners, 1);
  }

  #drawTexture(texture, corners, strength) {
    const { gl } = this;
    gl.bindVertexArray(this.bare);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    setUniforms(gl, this.painter, { corners, strength });
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  /* The browser does it by itself. */
  show() {}

  /* A mark behind everything the card was asked for, and whether it has come so far. */
  mark() {
    const fence = this.gl.fenceSync(this.gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    this.gl.flush();
    return fence;
  }

  hasReached(fence) {
    const { gl } = this;
    if (fence && !gl.isContextLost() && gl.clientWaitSync(fence, 0, 0) === gl.TIMEOUT_EXPIRED) return false;
    gl.deleteSync(fence);
    return true;
  }

  async settle() {
    const fence = this.mark();
    while (!this.hasReached(fence)) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  end() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

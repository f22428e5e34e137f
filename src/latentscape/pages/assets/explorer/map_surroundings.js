/* What happens around a map: its element changes size, the ground its color, the graphics card goes and comes back.
   `map` has canvas, element, resize, forgetLooks, drawNow, lose, regain. */

export function watchSurroundings(map) {
  const ending = new AbortController();
  const { signal } = ending;
  const sizes = new ResizeObserver(() => map.resize());
  sizes.observe(map.element);
  const themes = new MutationObserver(() => map.forgetLooks());
  themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map.forgetLooks(), { signal });
  // Paper has colors of its own, and does not wait for the next frame.
  window.matchMedia("print").addEventListener("change", () => {
    map.forgetLooks();
    map.drawNow();
  }, { signal });
  map.canvas.addEventListener("webglcontextlost", (event) => {
    // Without this the browser never gives it back.
    event.preventDefault();
    map.lose();
  }, { signal });
  map.canvas.addEventListener("webglcontextrestored", () => map.regain(), { signal });
  return () => {
    ending.abort();
    sizes.disconnect();
    themes.disconnect();
  };
}

"""The explorer's page against plotly's scattergl and Embedding Atlas: file size, first picture, and how maps move.

The same points (clusters of a Gaussian each, a category and a number), the same headless Chromium without a graphics
card, a new browser for each measurement, contestants in turn; medians. Prints a Markdown table.

    python benchmarks/explorer.py                       # 10,000, 100,000 and 1,000,000 points: about ten minutes
    python benchmarks/explorer.py --points 10000 --runs 1

* file: what one would send; of Embedding Atlas its exported application as .zip. Ours holds category, number and trust,
  plotly's only the category.
* Embedding Atlas draws by WebGPU with 16-bit floats only, which Chromium has with a graphics card: else its file is
  all there is to measure.
* first picture: from opening the file to the first screenshot with points in the middle of the page.
* dragging: from a movement of the mouse to the finished picture. After each drawing a pixel is read back, which waits
  for everything that was asked of WebGL. Without a graphics card ours is drawn by the processor onto a 2D canvas.
* all points: drawing them all once, at rest (density off). Ours: from asking for it to the finished picture, with all
  that is calculated and the wait for the browser's next frame. Plotly's: from the first command to the finished
  picture; it draws them all in each step and twice at its end, of which half is counted.
* plain WebGL: one drawArrays of as many points of one pixel and one color, on a canvas as large as our map.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from playwright.sync_api import Error, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
WIDE, HIGH = 1280, 720
MIDDLE = {"x": 420, "y": 170, "width": 320, "height": 240}
"""Where every contestant has points; no legend, histogram or table of any of them reaches into it."""
FIRST_LIMIT, QUIET = 60.0, 0.8
STEPS = 24
CLASSES = 10
TIMES = ("first", "drag", "whole")
LISTEN = """
(() => {
  const log = (window.benchmark = { tasks: [], inputs: [] });
  let task = null;
  const finish = () => {
    for (const gl of task.cards) {
      const isNew = "PIXEL_PACK_BUFFER_BINDING" in gl;
      const drawn = gl.getParameter(gl.FRAMEBUFFER_BINDING);
      const read = isNew && gl.getParameter(gl.READ_FRAMEBUFFER_BINDING);
      const pack = isNew && gl.getParameter(gl.PIXEL_PACK_BUFFER_BINDING);
      if (pack) gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
      gl.bindFramebuffer(gl.FRAMEBUFFER, drawn);
      if (isNew) gl.bindFramebuffer(gl.READ_FRAMEBUFFER, read);
      if (pack) gl.bindBuffer(gl.PIXEL_PACK_BUFFER, pack);
    }
    log.tasks.push({ start: task.start, end: performance.now(), points: task.points });
    task = null;
  };
  for (const kind of [WebGLRenderingContext, WebGL2RenderingContext]) {
    for (const name of ["drawArrays", "drawElements", "drawArraysInstanced", "drawElementsInstanced"]) {
      const draw = kind.prototype[name];
      if (!draw) continue;
      kind.prototype[name] = function (mode, ...rest) {
        if (!task) {
          task = { start: performance.now(), points: 0, cards: new Set() };
          queueMicrotask(finish);
        }
        task.cards.add(this);
        if (mode === 0) task.points += name.startsWith("drawArrays") ? rest[1] : rest[0];
        return draw.call(this, mode, ...rest);
      };
    }
  }
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (...what) {
    put.apply(this, what);
    this.getImageData(0, 0, 1, 1);
    log.tasks.push({ start: performance.now(), end: performance.now(), points: 0 });
  };
  addEventListener("mousemove", () => log.inputs.push(performance.now()), true);
})();
"""


class Cloud(NamedTuple):
    """The points."""

    xy: np.ndarray
    labels: np.ndarray
    numbers: np.ndarray
    trust: np.ndarray


class Contestant(NamedTuple):
    """How a page is made and opened."""

    make: Callable[[Cloud, Path], Path]
    """Writes into a folder what one would send."""
    open: Callable[[Path], Any]
    """A context manager that gives the page's address."""
    prepare: Callable[[Page], None] = lambda page: None
    """What the reader chooses before maps are moved."""


def make_cloud(n: int) -> Cloud:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, n)
    angles = 2.399963 * np.arange(CLASSES)  # the golden angle: no two centers close
    centers = np.sqrt(np.arange(CLASSES) + 1.0)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    xy = centers[labels] + 0.6 * rng.normal(size=(n, 2))
    return Cloud(xy, labels, rng.gamma(2.0, 3.0, n), rng.binomial(15, 0.6, n) / 15)


def write_ours(cloud: Cloud, folder: Path) -> Path:
    from latentscape.exploration import Category, Exploration, Frame, Numbers
    from latentscape.figures.style import Style
    from latentscape.pages.explorer_page import render_explorer

    values = tuple(f"class {number}" for number in range(CLASSES))
    exploration = Exploration(
        study="map", title="benchmark", headline="Points", n=len(cloud.xy), ids=None, color="label",
        columns=(Category(key="label", title="label", codes=cloud.labels, values=values),
                 Numbers(key="price", title="price", values=cloud.numbers)),
        frames=(Frame(layer="features", method="tsne", xy=cloud.xy, trust=cloud.trust),),
    )  # fmt: skip
    path = folder / "explorer.html"
    path.write_text(render_explorer(exploration, style=Style()), encoding="utf-8")
    return path


def write_plotly(cloud: Cloud, folder: Path) -> Path:
    from plotly import graph_objects

    marker = {"color": cloud.labels.astype(np.uint8), "colorscale": "Rainbow", "size": 4}
    x, y = cloud.xy.astype(np.float32).T.copy()
    figure = graph_objects.Figure(graph_objects.Scattergl(x=x, y=y, mode="markers", marker=marker))
    figure.update_layout(dragmode="pan", margin={"t": 20, "b": 20, "l": 20, "r": 20})
    path = folder / "plotly.html"
    figure.write_html(path, include_plotlyjs=True)
    return path


def write_atlas(cloud: Cloud, folder: Path) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    labels = pa.array([f"class {number}" for number in range(CLASSES)]).take(pa.array(cloud.labels))
    x, y = cloud.xy.astype(np.float32).T
    table = pa.table({"x": x.copy(), "y": y.copy(), "label": labels, "price": cloud.numbers.astype(np.float32)})
    parquet.write_table(table, folder / "points.parquet")
    path = folder / "atlas.zip"
    words = [ATLAS, folder / "points.parquet", "--x", "x", "--y", "y",
             "--disable-projection", "--no-mcp", "--export-application", path]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True, timeout=600)
    return path


@contextmanager
def open_file(path: Path) -> Iterator[str]:
    yield path.as_uri()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve_zip(path: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            server.server_close()


REDRAW = """
async () => {
  const { map } = latentscapeMap;
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const rest = async () => { do await frame(); while (map.isMoving || !map.isWhole || map.waiting !== null); };
  await rest();
  const times = [];
  for (let k = 0; k < 5; k++) {
    map.painter.forget();
    map.isWhole = false;
    const start = performance.now();
    map.request();
    await rest();
    times.push(performance.now() - start);
  }
  return times;
}
"""
PLAIN = """
([n, width, height]) => {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const gl = canvas.getContext("webgl2", { antialias: false, depth: false });
  const program = gl.createProgram();
  const texts = [
    [gl.VERTEX_SHADER, "in vec2 at; void main() { gl_Position = vec4(at * 2.0 - 1.0, 0.0, 1.0); gl_PointSize = 1.0; }"],
    [gl.FRAGMENT_SHADER, "precision mediump float; out vec4 color; void main() { color = vec4(0.2, 0.4, 0.8, 1.0); }"],
  ];
  for (const [kind, text] of texts) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, `#version 300 es\n${text}`);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, Uint16Array.from({ length: 2 * n }, () => 65536 * Math.random()), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.UNSIGNED_SHORT, true, 0, 0);
  gl.viewport(0, 0, width, height);
  const pixel = new Uint8Array(4);
  const times = [];
  for (let k = 0; k < 6; k++) {
    const start = performance.now();
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.drawArrays(gl.POINTS, 0, n);
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    times.push(performance.now() - start);
  }
  return times.slice(1);
}
"""
MAP_SIZE = [720, 380]


def measure_plain(n: int) -> float:
    """What drawing the points costs at least, where WebGL does it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            times = browser.new_page().evaluate(PLAIN, [n, *MAP_SIZE])
            return statistics.median(times) / 1000
        finally:
            browser.close()


def draw_all_points(page: Page) -> None:
    """Density would draw fewer."""
    page.locator("select", has_text="Density: off").select_option(label="Density: off")


ATLAS = Path(sys.executable).with_name("embedding-atlas")
"""Where it is installed: by hand, for it needs other versions than ours."""
CONTESTANTS = {
    "latentscape": Contestant(write_ours, open_file, draw_all_points),
    "plotly scattergl": Contestant(write_plotly, open_file),
    "Embedding Atlas": Contestant(write_atlas, serve_zip),
}


def measure(address: str, prepare: Callable[[Page], None], n: int) -> dict[str, float]:
    """Seconds to the first picture, of a step of the mouse, and of all points at rest; nothing where none came."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            page = browser.new_page(viewport={"width": WIDE, "height": HIGH})
            page.add_init_script(LISTEN)
            begun = time.perf_counter()
            page.goto(address, wait_until="commit", timeout=1000 * FIRST_LIMIT)
            if not wait_for_points(page, until=begun + FIRST_LIMIT):
                return {}
            first = time.perf_counter() - begun
            wait_for_quiet(page)
            prepare(page)
            wait_for_quiet(page)
            found = {"first": first, **drag(page, n)}
            if page.evaluate("'latentscapeMap' in window"):
                found["whole"] = statistics.median(page.evaluate(REDRAW)) / 1000
            return found
        finally:
            browser.close()


def wait_for_points(page: Page, *, until: float) -> bool:
    while time.perf_counter() < until:
        try:
            picture = page.screenshot(clip=MIDDLE, timeout=1000 * FIRST_LIMIT)
        except Error:  # a page that is all busy gives none
            page.wait_for_timeout(50)
            continue
        pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
        colored = pixels.max(axis=2) - pixels.min(axis=2) > 60
        if colored.mean() > 0.02:
            return True
    return False


def wait_for_quiet(page: Page) -> None:
    """Until nothing was drawn for a while."""
    seen, since = -1, time.perf_counter()
    while time.perf_counter() - since < QUIET:
        n_tasks = page.evaluate("benchmark.tasks.length")
        if n_tasks != seen:
            seen, since = n_tasks, time.perf_counter()
        page.wait_for_timeout(50)


def drag(page: Page, n: int) -> dict[str, float]:
    x, y = MIDDLE["x"] + 200, MIDDLE["y"] + 130
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 6, y)  # the first movement only says that it is no click
    wait_for_quiet(page)
    page.evaluate("benchmark.tasks.length = benchmark.inputs.length = 0")
    for step in range(1, STEPS + 1):
        page.mouse.move(x + 6 + 5 * step, y + 2 * step)
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    let_go = page.evaluate("performance.now()")
    page.mouse.up()
    wait_for_quiet(page)
    log = page.evaluate("benchmark")
    inputs = [at for at in log["inputs"] if at < let_go]
    steps = []
    for start, end in zip(inputs, [*inputs[1:], let_go], strict=True):
        ends = [task["end"] for task in log["tasks"] if start <= task["start"] < end]
        steps += [min(ends) - start] if ends else []
    found = {"drag": statistics.median(steps) / 1000} if steps else {}
    wholes = find_wholes(log["tasks"], let_go, n)
    return {**found, "whole": statistics.median(wholes) / 1000} if wholes else found


def find_wholes(tasks: list[dict[str, float]], let_go: float, n: int) -> list[float]:
    """Milliseconds of each drawing of all points, at once, or piece by piece after the end of a movement."""
    at_once = [(task["end"] - task["start"]) * n / task["points"] for task in tasks if task["points"] >= n]
    resting = [task for task in tasks if task["start"] >= let_go]
    n_points = sum(task["points"] for task in resting)
    if at_once or n_points < n:
        return at_once
    return [(resting[-1]["end"] - resting[0]["start"]) * n / n_points]


def tabulate(n: int, sizes: dict[str, int], found: dict[str, list[dict[str, float]]]) -> Iterator[str]:
    medians = {
        name: {
            key: statistics.median(run[key] for run in runs)
            for key in TIMES
            if runs and all(key in run for run in runs)
        }
        for name, runs in found.items()
    }
    other = medians.get("plotly scattergl", {})
    for name, size in sizes.items():
        times = medians[name]
        cells = [show(times.get(key), other.get(key) if name == "latentscape" else None) for key in TIMES]
        less = f" ({sizes['plotly scattergl'] / size:.1f}x)" if name == "latentscape" and len(sizes) > 1 else ""
        yield f"| {n:,} | {name} | {size / 1e6:.2f}{less} | {' | '.join(cells)} |"


def show(seconds: float | None, other: float | None) -> str:
    if seconds is None:
        return "–"
    text = f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
    return f"{text} ({other / seconds:.1f}x)" if other else text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=3, help="rounds; each opens everything once")
    here = [name for name in CONTESTANTS if name != "Embedding Atlas" or ATLAS.exists()]
    parser.add_argument("--only", nargs="+", default=here, choices=list(CONTESTANTS))
    asked = parser.parse_args()
    print("| points | page | file, MB | first picture | dragging, a step | all points |")
    print("| ---: | --- | ---: | ---: | ---: | ---: |")
    for n in asked.points:
        with tempfile.TemporaryDirectory() as folder:
            paths = {name: CONTESTANTS[name].make(make_cloud(n), Path(folder)) for name in asked.only}
            found: dict[str, list[dict[str, float]]] = {name: [] for name in paths}
            plain = []
            for _ in range(asked.runs):
                plain.append(measure_plain(n))
                for name, path in paths.items():
                    if {} in found[name]:
                        continue  # what draws nothing once draws nothing twice
                    with CONTESTANTS[name].open(path) as address:
                        found[name].append(measure(address, CONTESTANTS[name].prepare, n))
            sizes = {name: path.stat().st_size for name, path in paths.items()}
            for line in tabulate(n, sizes, found):
                print(line, flush=True)
            print(f"| {n:,} | plain WebGL | – | – | – | {show(statistics.median(plain), None)} |", flush=True)
    load = f"load of the machine at the end {os.getloadavg()[0]:.1f}"
    print(f"\nmedian of {asked.runs}; {load}; –: no picture, or none by WebGL")


if __name__ == "__main__":
    main()

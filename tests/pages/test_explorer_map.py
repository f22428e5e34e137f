"""The explorer's map in a headless Chromium: what is drawn where, what hands do to it, what many points cost."""

import io
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from tests.browser import NO_WEBGL, watch

pytestmark = pytest.mark.slow

ASSETS = files("latentscape.pages").joinpath("assets")
DRIVER = Path(__file__).with_name("explorer_map_driver.js")
ORIGIN = "http://map.test/"
BOTH = pytest.mark.parametrize("is_soft", [False, True], ids=["card", "no card"])
STILL = "document.body.dataset.moving === 'false'"
SHELL = """<!DOCTYPE html><html><head><meta charset="utf-8"><style>{style}
html, body {{ height: 100%; margin: 0 }} #map {{ width: 100%; height: 100% }}</style></head>
<body><div id="map"></div></body></html>"""


@pytest.fixture
def visit(browser):
    """A page with the map's modules beside it; in the end nothing may have gone wrong on it."""

    @contextmanager
    def opened(*, script="", reduced=False, dark=False, width=900, height=560):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if reduced else "no-preference",
        )
        context.add_init_script(script or "0")
        context.route(f"{ORIGIN}**", answer)
        page = context.new_page()
        one = watch(page, may_ask=lambda asked: asked.startswith(ORIGIN))
        page.goto(ORIGIN)
        yield one
        assert one.problems == []
        context.close()

    return opened


def answer(route):
    name = route.request.url.removeprefix(ORIGIN)
    if name:
        file = DRIVER if name == "driver.js" else ASSETS.joinpath("explorer", name)
        route.fulfill(body=file.read_text("utf-8"), content_type="text/javascript")
        return
    styles = ("theme.css", "explorer.css", "explorer_map.css")
    style = "".join(ASSETS.joinpath(one).read_text("utf-8") for one in styles)
    route.fulfill(body=SHELL.format(style=style), content_type="text/html")


def drive(one, name, told=None):
    """What a function of `explorer_map_driver.js` returns."""
    return one.page.evaluate(
        "([name, told]) => import('/driver.js').then((driver) => driver[name](told))", [name, told]
    )


def scatter(one, n, *, density="off", is_soft=False):
    """`is_soft`: without a graphics card."""
    drive(one, "scatter", [n, density, is_soft])
    one.wait(STILL)


def place_of(one, i):
    return one.page.evaluate("(i) => map.placeOf(i)", i)


def pixels(one):
    """What is on the window: height x width x 3."""
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(one.page.screenshot())).convert("RGB")).astype(int)


def lonely(one, kind):
    """A point of a kind with nobody within 30 pixels."""
    return one.page.evaluate(
        """(kind) => {
          const all = Array.from({length: n}, (_, i) => map.placeOf(i));
          const far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
          return all.findIndex((a, i) => kinds[i] === kind && all.every((b, j) => i === j || far(a, b) > 30));
        }""",
        kind,
    )


@BOTH
def test_points_are_drawn_where_they_are_said_to_be(visit, is_soft):
    with visit() as one:
        scatter(one, 120, is_soft=is_soft)
        ground = pixels(one)[3, 3]
        for kind, color in enumerate([(0, 0, 255), (255, 0, 0), (0, 170, 0), (170, 0, 170)]):
            x, y = place_of(one, lonely(one, kind))
            assert np.abs(pixels(one)[round(y), round(x)] - color).max() < 40
        # One scale for both axes, y upwards.
        first, second = place_of(one, 0), place_of(one, 100)
        moved = one.page.evaluate("[xy[200] - xy[0], xy[201] - xy[1]]")
        scale = (second[0] - first[0]) / moved[0]
        assert second[1] - first[1] == pytest.approx(-scale * moved[1], abs=1e-6)
        i = lonely(one, 1)
        x, y = (round(at) for at in place_of(one, i))
        one.page.evaluate("(i) => map.setFlags({wrong: Uint8Array.from(kinds, (_, k) => +(k === i))})", i)
        one.page.wait_for_timeout(100)
        outline = pixels(one)[y - 12 : y + 13, x - 12 : x + 13]
        assert np.abs(outline[12, 12] - ground).max() < 60  # hollow
        assert (np.abs(outline - (255, 0, 0)).max(axis=2) < 60).sum() > 10  # with a rim of its color
        one.page.evaluate("(i) => map.setFlags({wrong: null, shown: Uint8Array.from(kinds, (_, k) => +(k !== i))})", i)
        one.page.wait_for_timeout(100)
        assert np.abs(pixels(one)[y - 12 : y + 13, x - 12 : x + 13] - ground).max() == 0
        assert one.page.evaluate("(i) => map.rowAt(...map.placeOf(i))", i) != i


def test_hands(visit):
    with visit() as one:
        scatter(one, 300)
        i = lonely(one, 0)
        x, y = place_of(one, i)
        one.page.mouse.move(x + 2, y - 2)
        assert one.page.evaluate("seen.hovers.at(-1)") == i
        one.page.mouse.click(x + 2, y - 2)
        one.page.keyboard.down("Control")
        one.page.mouse.click(x, y)
        one.page.keyboard.up("Control")
        assert one.page.evaluate("seen.picks") == [[i, False], [i, True]]
        drag(one, (150, 120), (420, 400), keys=["Shift"])
        (polygon, is_added), inside = one.page.evaluate("seen.outlines.at(-1)"), points_in(one, 150, 120, 420, 400)
        assert not is_added
        rows = one.page.evaluate("(p) => import('/geometry.js').then(({rowsInside}) => rowsInside(xy, p))", polygon)
        assert rows == inside
        assert len(rows) > 20
        one.page.evaluate("map.setTool('lasso')")
        one.page.mouse.move(300, 100)
        one.page.mouse.down()
        for to in ((600, 120), (620, 480), (320, 460)):
            one.page.mouse.move(*to, steps=4)
        one.page.mouse.up()
        assert len(one.page.evaluate("seen.outlines.at(-1)[0]")) == 13
        one.page.evaluate("map.setTool('pan')")
        before = place_of(one, i)
        drag(one, (400, 300), (460, 330))
        assert np.subtract(place_of(one, i), before) == pytest.approx([60, 30], abs=1e-6)
        one.wait(STILL)
        under = one.page.evaluate("map.camera.toFrame(200, 200)")
        one.page.mouse.move(200, 200)
        one.page.mouse.wheel(0, -200)
        one.wait("map.view.zoom > 1.2")
        # What is under the pointer stays there.
        assert one.page.evaluate("map.camera.toFrame(200, 200)") == pytest.approx(under)
        one.wait(STILL)
        assert one.page.evaluate("seen.views.at(-1).zoom") == one.page.evaluate("map.view.zoom")
        assert one.page.evaluate("document.activeElement === map.canvas")
        one.page.keyboard.press("+")
        one.page.keyboard.press("ArrowLeft")
        moved = one.page.evaluate("map.view")
        one.page.keyboard.press("0")
        assert one.page.evaluate("[map.camera.isWhole, map.view.zoom]") == [True, 1]
        assert moved["zoom"] > 1.5
        one.page.evaluate("map.fit([3, 4, 5])")
        for row in (3, 4, 5):
            px, py = place_of(one, row)
            assert 0 < px < 900 and 0 < py < 560


def drag(one, start, end, *, keys=()):
    for key in keys:
        one.page.keyboard.down(key)
    one.page.mouse.move(*start)
    one.page.mouse.down()
    one.page.mouse.move(*end, steps=5)
    one.page.mouse.up()
    for key in keys:
        one.page.keyboard.up(key)


def points_in(one, left, top, right, bottom):
    return one.page.evaluate(
        """(box) => Array.from({length: n}, (_, i) => i).filter((i) => {
          const [x, y] = map.placeOf(i);
          return x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3];
        })""",
        [left, top, right, bottom],
    )


@BOTH
def test_many_points(visit, is_soft):
    with visit() as one:
        scatter(one, 200_000, is_soft=is_soft)
        one.page.evaluate("map.painter.budget = 50000")
        assert one.page.evaluate("map.stats().isWhole")
        assert one.state("drawn") == "200000"
        whole = pixels(one)
        one.page.evaluate("map.painter.forget(); map.isMoving = true; map.request()")
        one.page.wait_for_timeout(300)
        assert one.state("drawn") in {"50000", "50001"}  # while it moves, a sample
        sample = pixels(one)
        one.page.evaluate("map.isMoving = false; map.request()")
        one.wait("map.stats().isWhole")
        one.page.wait_for_timeout(100)
        assert np.abs(pixels(one) - whole).max() == 0
        empty = (whole == whole[3, 3]).all(axis=2)
        assert (sample[empty] == sample[3, 3]).all()  # nothing where nothing is
        assert 0.3 < (sample != sample[3, 3]).any(axis=2).sum() / (~empty).sum() < 0.95
        one.page.mouse.move(450, 300)
        one.page.mouse.down()
        one.page.mouse.move(530, 340)
        one.page.wait_for_timeout(60)
        moved = pixels(one)
        one.page.mouse.up()
        inner = np.abs(moved[60:-20, 100:-20] - whole[20:-60, 20:-100]).max(axis=2)
        assert (inner > 30).mean() < 0.02  # the finished picture goes with the hand
        # Close up everything in view is drawn, though most points are not.
        one.page.evaluate("map.view = {x: xy[0], y: xy[1], zoom: 40}")
        one.wait(STILL)
        drawn = int(one.state("drawn"))
        assert 0 < len(points_in(one, 0, 0, 900, 560)) <= drawn < 50_000
        one.page.evaluate("map.fit(); map.setDensity('auto')")
        one.wait("map.stats().isWhole && document.body.dataset.moving === 'false'")
        assert one.state("dense") == "true"
        assert (np.abs(pixels(one) - whole).max(axis=2) > 20).mean() > 0.01


def test_a_prefix_of_the_order_is_a_fair_sample(visit):
    with visit() as one:
        shares, counts = drive(one, "fairness")
        assert counts == [40000, 40000]
        assert shares == pytest.approx([0.75] * 3, abs=0.02)  # a quarter of the first hundred, too, from the small heap


def test_the_nearest_point_is_found(visit):
    with visit() as one:
        assert drive(one, "countWrongPicks") == 0


def test_names_never_cover_one_another(visit):
    with visit() as one:
        placed = drive(one, "placeMany")
        boxes = [(p["left"], p["top"], p["left"] + p["width"], p["top"] + p["height"]) for p in placed]
        boxes.append((0, 0, 400, 170))
        for k, a in enumerate(boxes):
            assert all(a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1] for b in boxes[:k])
        assert 5 < len(placed) < 60
        assert all(box[0] >= 0 and box[2] <= 800 and box[1] >= 0 and box[3] <= 500 for box in boxes)
        assert placed[0]["text"] == "class 0" and not placed[0]["hasLine"]
        assert any(p["hasLine"] for p in placed)
        assert max(len(p["text"]) for p in placed) <= 28


def test_a_graphics_card_that_goes_comes_back(visit):
    with visit() as one:
        scatter(one, 3000)
        before = pixels(one)
        one.page.evaluate("window.taken = map.painter.card.gl.getExtension('WEBGL_lose_context'); taken.loseContext()")
        one.wait("map.isLost")
        assert one.page.locator(".map-note").is_visible()
        one.page.evaluate("taken.restoreContext()")
        one.wait("!map.isLost")
        one.page.wait_for_timeout(200)
        assert not one.page.locator(".map-note").is_visible()
        assert np.abs(pixels(one) - before).max() == 0


def test_the_page_drives_the_map(visit):
    with visit() as one:
        drive(one, "startPage")
        one.wait(STILL)
        assert one.state("frame") == "tsne_mlp_a"
        assert {p["text"] for p in one.page.evaluate("map.overlay.placed")} == {"Sad", "Happy", "<b>Odd</b>"}
        words = one.page.locator(".map-words").inner_text()
        assert "neighbor recall 0.62" in words and "Pale: 40 points" in words
        x, y = place_of(one, 60)
        one.page.mouse.move(x, y)
        card = one.page.locator(".map-card").inner_text()
        assert card.startswith("clip 60") and "Sad" in card and "79%" in card
        one.page.mouse.click(x, y)
        assert one.page.evaluate("[state.choice.focus, map.marks]") == [60, {"focus": 60, "neighbors": [61, 62]}]
        # Tied frames: points travel. Others: they jump.
        one.page.evaluate(
            "window.ways = []; state.listen((keys) => keys.has('frame') && ways.push(map.morph !== null))"
        )
        one.page.evaluate("state.set({frame: 1})")
        assert one.state("frame") == "tsne_mlp_b"
        one.wait("map.morph === null && " + STILL)
        one.page.evaluate("state.set({frame: 2})")
        assert one.page.evaluate("ways") == [True, False]
        assert "Low trust." in one.page.locator(".map-words").inner_text()
        one.page.evaluate("state.set({frame: 0}); state.setFilter('label', new Set([2, 3]))")
        one.page.wait_for_timeout(100)
        assert one.state("drawn") == "200"
        assert "200 of 300 points" in one.page.locator(".map-shown").inner_text()
        assert {p["text"] for p in one.page.evaluate("map.overlay.placed")} == {"Happy", "<b>Odd</b>"}
        one.page.locator("#map-box").click()
        drag(one, (60, 60), (450, 280))
        assert one.page.evaluate("state.choice.selection.kind") == "lasso"
        chosen = one.page.evaluate("state.rows")
        assert chosen == [i for i in points_in(one, 60, 60, 450, 280) if i % 3]
        one.page.keyboard.down("Control")
        one.page.mouse.move(60, 270)
        one.page.mouse.down()
        one.page.mouse.move(450, 520, steps=3)
        one.page.mouse.up()
        one.page.keyboard.up("Control")
        assert set(one.page.evaluate("state.rows")) > set(chosen)
        one.page.keyboard.press("Escape")
        assert one.page.evaluate("state.choice.tool") == "pan"
        for color in ("score", "@trust", ""):
            one.page.evaluate("(color) => state.set({color})", color)
        one.page.locator("#map-near").click()
        one.wait("state.choice.view !== null")
        assert one.page.evaluate("state.choice.view.zoom") == 1.5
        one.page.evaluate("state.set({view: {x: 1000, y: 2000, zoom: 5}})")
        assert one.page.evaluate("map.view") == {"x": 1000, "y": 2000, "zoom": 5}
        one.page.evaluate("state.set({focus: 200})")  # somewhere else: the map goes there
        px, py = place_of(one, 200)
        assert 0 < px < 900 and 0 < py < 560


def test_whoever_wants_no_motion_gets_none(visit):
    with visit(reduced=True) as one:
        drive(one, "startPage")
        one.page.evaluate("state.set({frame: 1})")
        assert one.page.evaluate("map.morph === null")


def test_too_many_weak_points_are_said_and_not_marked(visit):
    with visit() as one:
        marked = drive(one, "askWeak")
        assert marked == [[True, 6, 10], [False, 7, 10], [False, 0, 10]]


def test_without_webgl_the_map_does_all_it_does(visit):
    with visit(script=NO_WEBGL, dark=True) as one:
        drive(one, "startPage")
        one.wait("document.body.dataset.drawn === '300'")
        assert one.page.evaluate("map.painter.card.isSoft")
        x, y = place_of(one, 250)
        around = pixels(one)[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4]
        assert np.abs(around - (213, 94, 0)).max(axis=2).min() < 45
        one.page.mouse.click(x, y)
        assert one.page.evaluate("state.choice.focus") == 250
        one.page.evaluate("state.set({focus: -1}); state.setFilter('label', new Set([1]))")
        one.wait("document.body.dataset.drawn === '100'")
        one.page.wait_for_timeout(100)
        around = pixels(one)[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4]
        assert np.abs(around - (213, 94, 0)).max(axis=2).min() > 60
        one.page.mouse.wheel(0, -300)
        one.wait("map.view.zoom > 1.5")


def test_with_and_without_a_card_points_look_the_same(visit):
    """Eight shapes, right, wrong, pale and chosen, in two sizes."""
    kinds = [k % 4 for k in range(64)]
    more = {
        "kinds": kinds, "palette": ["#0072b2", "#d55e00", "#f0e442", "#cc79a7"], "shapes": [k % 8 for k in range(64)],
        "flags": {"wrong": [k // 8 % 2 for k in range(64)], "faint": [k // 16 % 2 for k in range(64)],
                  "selected": [k // 32 for k in range(64)]},
    }  # fmt: skip
    places = [[6000 + 7600 * (k % 8), 6000 + 7600 * (k // 8)] for k in range(64)]
    with visit(width=420, height=420) as one:
        for zoom in (1, 2.5):
            shots = []
            for is_soft in (False, True):
                drive(one, "few", [places, {**more, "isSoft": is_soft}])
                one.page.evaluate("(zoom) => { map.view = {...map.view, zoom}; }", zoom)
                one.wait("document.body.dataset.moving === 'false'")
                one.page.wait_for_timeout(200)
                shots.append(pixels(one))
            gap = np.abs(shots[0] - shots[1]).max(axis=2)
            assert (shots[0] != shots[0][2, 2]).any(axis=2).mean() > 0.02
            assert (gap > 60).mean() < 0.004  # rims lie up to a quarter of a pixel apart


@BOTH
def test_a_way_that_is_broken_off_goes_on_from_where_the_points_are(visit, is_soft):
    with visit() as one:
        scatter(one, 120, is_soft=is_soft)
        i = lonely(one, 0)
        one.page.evaluate(
            "void map.setFrame({xy: xy.map((at) => 65535 - at), size: [65535, 45000]}, {isAnimated: true})"
        )
        one.wait("map.morph?.scene?.progress > 0.2")
        before, after = one.page.evaluate(
            """(i) => {
              const at = () => {
                const { now, was, progress } = map.morph.scene;
                const [k, { places, old }] = [map.position[i], map.painter];
                return [0, 1].map((axis) => {
                  const at = (all, view) => all[2 * k + axis] / 65535 * view[axis] + view[axis + 2];
                  const [from, to] = [at(old, was), at(places, now)];
                  return from + (to - from) * progress;
                });
              };
              const before = at();
              map.setFrame({xy, size: [65535, 45000]}, {isAnimated: true});
              map.morph.scene = {now: map.camera.transform, was: map.morph.was, progress: 0};
              return [before, at()];
            }""",
            i,
        )
        assert after == pytest.approx(before, abs=1e-3)
        one.wait("map.morph === null && " + STILL)
        x, y = place_of(one, i)
        assert np.abs(pixels(one)[round(y), round(x)] - (0, 0, 255)).max() < 40


def test_two_fingers_zoom_and_move(visit):
    with visit() as one:
        scatter(one, 300, is_soft=True)
        fingers = one.page.context.new_cdp_session(one.page)

        def touch(kind, *places):
            points = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(places)]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        under = one.page.evaluate("map.camera.toFrame(450, 280)")
        touch("touchStart", (400, 280))
        touch("touchStart", (400, 280), (500, 280))
        for step in range(1, 6):
            touch("touchMove", (400 - 10 * step, 280), (500 + 10 * step, 280))
        touch("touchEnd")
        one.wait(STILL)
        assert one.page.evaluate("map.view.zoom") == pytest.approx(2, rel=0.05)
        assert one.page.evaluate("map.camera.toFrame(450, 280)") == pytest.approx(under, abs=400)
        assert one.page.evaluate("[seen.picks.length, seen.outlines.length]") == [0, 0]


@BOTH
def test_few_and_strange_points(visit, is_soft):
    with visit(width=500, height=400) as one:
        for places in (
            [[100, 200]], [[0, 0], [65535, 65535]], [[0, 0], [65535, 0], [300, 40000]], [[7, 7]] * 50,
            [[65535, 65535]] * 3,
        ):  # fmt: skip
            for size in ([65535, 65535], [0, 0], [1, 1]):
                drive(one, "few", [places, {"isSoft": is_soft, "size": size, "density": "auto"}])
                one.wait(STILL)
                one.page.evaluate("map.fit([0]); map.zoomBy(3); map.fit()")
                one.wait(STILL)
                found = one.page.evaluate("[map.stats().drawn, map.view.zoom, map.rowAt(...map.placeOf(0)) >= 0]")
                assert found == [len(places), 1, True]
        drive(
            one,
            "few",
            [
                [[0, 0], [65535, 65535]],
                {
                    "isSoft": is_soft,
                    "labels": [
                        {"text": "Lower left", "x": 0, "y": 0, "color": "#aa0000"},
                        {"text": "Upper right", "x": 65535, "y": 65535, "color": "#00aa00"},
                    ],
                },
            ],
        )
        one.wait(STILL)
        # At the edge of a frame points and names have room, and a name does not lie on a point where it need not.
        assert len(one.page.evaluate("map.overlay.placed")) == 2
        for i in (0, 1):
            x, y = place_of(one, i)
            assert 10 < x < 490 and 10 < y < 390
            assert not any(
                label["left"] <= x <= label["left"] + label["width"]
                and label["top"] <= y <= label["top"] + label["height"]
                for label in one.page.evaluate("map.overlay.placed")
            )


@BOTH
@pytest.mark.parametrize("n_kinds", [256, 1000])
def test_many_kinds(visit, is_soft, n_kinds):
    palette = [f"#{(k * 7919 + 12345) % 0xFFFFFF:06x}" for k in range(n_kinds)]
    places = [[2000 * (k % 32), 2000 * (k // 32)] for k in range(n_kinds)]
    with visit(width=700, height=700) as one:
        drive(one, "few", [places, {"isSoft": is_soft, "kinds": [*range(n_kinds)], "palette": palette}])
        one.wait(STILL)
        one.page.wait_for_timeout(100)
        shot = pixels(one)
        for k in (0, 255, n_kinds - 1):
            x, y = place_of(one, k)
            color = np.array([int(palette[k][at : at + 2], 16) for at in (1, 3, 5)])
            assert np.abs(shot[int(y), int(x)] - color).max() < 45


def test_mistakes_lie_above_and_pale_ones_below(visit):
    """All in one place: the picture is that of the highest."""
    with visit(width=300, height=300) as one:
        for is_soft in (False, True):
            for flags, color in (
                ({"wrong": [1, 0, 0, 0], "faint": [1, 0, 0, 0]}, None),  # a wrong one, though pale, is seen
                ({"faint": [0, 1, 1, 1]}, (255, 0, 0)),
                ({"wrong": [0, 1, 1, 1], "selected": [1, 0, 0, 0]}, (255, 0, 0)),
            ):
                more = {"kinds": [0, 1, 1, 1], "palette": ["#ff0000", "#0000ff"], "flags": flags, "isSoft": is_soft}
                drive(one, "few", [[[30000, 30000]] * 4, more])
                one.wait(STILL)
                one.page.wait_for_timeout(100)
                x, y = place_of(one, 0)
                middle = pixels(one)[round(y), round(x)]
                if color:
                    assert np.abs(middle - color).max() < 60
                else:
                    assert middle[0] > 80  # the outline's light filling over the blue


def test_pale_points_are_seen_on_both_grounds(visit):
    with visit() as one:
        colors = [
            "#f0e442",
            "#ffffff",
            "#000000",
            "#56b4e9",
            "#1c2026",
            "#f6f7f9",
            "#8a8f98",
            "#ffff00",
            "#0000ff",
            "#d55e00",
        ]
        assert min(drive(one, "worstContrast", colors)) >= 1.5


def test_a_window_that_is_made_small_and_large_again(visit):
    with visit() as one:
        scatter(one, 3000, is_soft=True)
        before = pixels(one)
        one.page.set_viewport_size({"width": 320, "height": 560})
        one.wait("map.camera.width === 320 && " + STILL)
        one.page.wait_for_timeout(100)
        assert len(points_in(one, 0, 0, 320, 560)) == 3000
        one.page.set_viewport_size({"width": 900, "height": 560})
        one.wait("map.camera.width === 900 && " + STILL)
        one.page.wait_for_timeout(100)
        assert np.abs(pixels(one) - before).max() == 0

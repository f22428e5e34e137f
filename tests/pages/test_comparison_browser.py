"""The page of a comparison driven in a headless Chromium."""

from contextlib import contextmanager

import pytest

from latentscape.figures.style import Style
from latentscape.pages.comparison_page import render_comparison_page
from tests.browser import open_page
from tests.comparison_values import build_comparison

from .test_comparison_page import hostile_comparison

pytestmark = pytest.mark.slow
STILL = "document.body.dataset.moving !== 'true'"


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Files of both studies, written once."""
    folder = tmp_path_factory.mktemp("pages")
    made = {
        "speech": build_comparison(n=240),
        "rental": build_comparison(study="embeddings", n=240, n_checkpoints=2),
        "long": build_comparison(n=240, n_checkpoints=8, detected=False),
        "hostile": hostile_comparison(),
        "hostile_rental": hostile_comparison("embeddings"),
    }
    for name, findings in made.items():
        (folder / f"{name}.html").write_text(render_comparison_page(findings, style=Style()), encoding="utf-8")
    return folder, made


@pytest.fixture
def visit(browser, pages):
    """Opens one of `pages`; in the end nothing may have gone wrong on it."""
    folder, made = pages

    @contextmanager
    def opened(name="speech", **window):
        with open_page(browser, folder / f"{name}.html", **window) as one:
            one.wait(STILL)
            yield one, made[name]
            assert one.problems == []
            assert one.violations() == []

    return opened


def places(opened, n=240):
    return opened.page.evaluate(f"Array.from({{length: {n}}}, (_, i) => comparison.placeOf(i))")


def drawn(opened):
    """The map's pixels."""
    return opened.page.evaluate("document.getElementById('map').toDataURL()")


def lonely(opened):
    """A point that is seen and has no other one within 25 pixels, and where it is."""
    return opened.page.evaluate(
        """() => {
          const all = Array.from({length: comparison.n}, (_, i) => comparison.placeOf(i));
          const far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
          const i = all.findIndex((a, i) => comparison.isShown(i) && all.every((b, j) => i === j || far(a, b) > 25));
          return [i, ...all[i]];
        }"""
    )


def test_the_slider_moves_the_points(visit):
    with visit(reduced=True) as (opened, findings):
        before, pixels = places(opened), drawn(opened)
        assert opened.state("checkpoint") == "0"
        opened.page.locator("#slider").fill("2")
        assert opened.state("checkpoint") == "2"
        after = places(opened)
        assert sum(a != b for a, b in zip(before, after, strict=True)) > 230
        opened.page.wait_for_timeout(50)
        assert drawn(opened) != pixels
        xy = findings.main.maps["tsne"][2].latent_map.xy
        scale = (after[1][0] - after[0][0]) / (xy[1, 0] - xy[0, 0])
        for i in range(240):  # one scale for both axes, y upwards
            assert after[i][0] - after[0][0] == pytest.approx(scale * (xy[i, 0] - xy[0, 0]), abs=0.2)
            assert after[i][1] - after[0][1] == pytest.approx(-scale * (xy[i, 1] - xy[0, 1]), abs=0.2)
        assert opened.page.locator("#shown").inner_text().startswith("best_model · epoch 12")
        wrong = opened.page.evaluate("Array.from({length: 240}, (_, i) => comparison.isWrong(i))")
        assert wrong == [not right for right in findings.answers[2].right]


def test_points_go_smoothly_from_place_to_place(visit):
    with visit() as (opened, _):
        start = places(opened)
        opened.page.keyboard.press("ArrowRight")
        assert opened.state("moving") == "true"
        opened.page.wait_for_timeout(350)
        between = places(opened)
        opened.wait(STILL)
        end = places(opened)
        gone = [
            (b[0] - a[0]) / (c[0] - a[0]) for a, b, c in zip(start, between, end, strict=True) if abs(c[0] - a[0]) > 20
        ]
        assert len(gone) > 20
        assert max(gone) - min(gone) < 0.02
        assert 0.005 < gone[0] < 0.995


@pytest.mark.parametrize("reduced", [False, True])
def test_play_goes_through_all_and_stops(visit, reduced):
    with visit(reduced=reduced) as (opened, _):
        seen = opened.page.evaluate(
            """() => { window.seen = [];
              new MutationObserver(() => {
                const now = document.body.dataset.checkpoint;
                if (window.seen.at(-1) !== now) window.seen.push(now);
              }).observe(document.body, {attributes: true}); return []; }"""
        )
        assert seen == []
        opened.page.locator("#play").click()
        assert opened.state("playing") == "true"
        opened.wait("document.body.dataset.playing === 'false'")
        assert opened.page.evaluate("window.seen") == ["1", "2"]
        opened.page.keyboard.press("Escape")
        opened.page.evaluate("document.activeElement.blur()")
        opened.page.keyboard.press(" ")  # from the end: once more from the start
        assert opened.state("playing") == "true"
        assert opened.state("checkpoint") == "0"
        opened.page.keyboard.press(" ")
        assert opened.state("playing") == "false"


def test_clicks_select_and_escape_clears(visit):
    with visit(reduced=True) as (opened, findings):
        opened.page.locator("#slider").fill("2")
        i, x, y = lonely(opened)
        opened.page.mouse.click(x, y)
        assert opened.state("selected") == "1"
        row = opened.page.locator("#selection tbody tr")
        assert row.count() == 1
        told = row.inner_text()
        assert findings.subject.ids[i] in told
        assert all(answers.said[i] in told for answers in findings.answers)
        marks = [("✓" if answers.right[i] else "✗") for answers in findings.answers]
        assert [mark for mark in told if mark in "✓✗"] == marks
        opened.page.mouse.click(x, y)
        assert opened.state("selected") == "0"
        opened.page.mouse.click(x, y)
        opened.page.keyboard.press("Escape")
        assert opened.state("selected") == "0"
        assert opened.page.locator("#selection").is_hidden()


@pytest.mark.parametrize("by_button", [False, True])
def test_a_box_selects_what_is_in_it(visit, by_button):
    with visit(reduced=True) as (opened, _):
        frame = opened.page.locator("#map").bounding_box()
        middle = [frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2]
        corner = [frame["x"] + 5, frame["y"] + 60]
        inside = {
            i for i, (x, y) in enumerate(places(opened)) if corner[0] <= x <= middle[0] and corner[1] <= y <= middle[1]
        }
        if by_button:
            opened.page.locator("#box").click()
        else:
            opened.page.keyboard.down("Shift")
        opened.page.mouse.move(*corner)
        opened.page.mouse.down()
        opened.page.mouse.move(*middle, steps=4)
        opened.page.mouse.up()
        if not by_button:
            opened.page.keyboard.up("Shift")
        assert len(inside) > 10
        assert set(opened.page.evaluate("comparison.selected()")) == inside
        assert opened.state("selected") == str(len(inside))


def test_drag_moves_and_wheel_zooms_the_map(visit):
    with visit(reduced=True) as (opened, _):
        before = places(opened)
        opened.page.mouse.move(600, 600)
        opened.page.mouse.down()
        opened.page.mouse.move(640, 570, steps=3)
        opened.page.mouse.up()
        after = places(opened)
        assert after[5] == pytest.approx([before[5][0] + 40, before[5][1] - 30], abs=0.01)
        assert opened.state("selected") == "0"
        opened.page.mouse.wheel(0, -200)
        opened.page.wait_for_timeout(100)
        zoomed = places(opened)
        wide = [max(x for x, _ in one) - min(x for x, _ in one) for one in (after, zoomed)]
        assert wide[1] / wide[0] == pytest.approx(2.718**0.5, rel=0.01)
        # What is under the pointer stays there.
        assert [zoomed[5][0] - 640, zoomed[5][1] - 570] == pytest.approx(
            [wide[1] / wide[0] * (after[5][0] - 640), wide[1] / wide[0] * (after[5][1] - 570)], abs=0.5
        )
        opened.page.locator("#reset").click()
        assert places(opened)[5] == pytest.approx(before[5], abs=0.01)


def test_the_legend_hides_and_isolates(visit):
    with visit(reduced=True) as (opened, findings):
        shown = "Array.from({length: 240}, (_, i) => comparison.isShown(i))"
        opened.page.locator("[data-key='kind:1']").click()
        assert opened.page.evaluate(shown) == [kind != 1 for kind in findings.subject.kinds]
        opened.page.locator("[data-key='kind:1']").click()
        opened.page.locator("[data-key='kind:2']").dblclick()
        assert opened.page.evaluate(shown) == [kind == 2 for kind in findings.subject.kinds]
        opened.page.locator("[data-key='kind:2']").dblclick()
        assert all(opened.page.evaluate(shown))
        opened.page.locator("[data-key='shape:0']").click()
        assert opened.page.evaluate(shown) == [shape != 0 for shape in findings.subject.shapes]
        opened.page.locator("[data-key='shape:0']").click()
        opened.page.locator("[data-key='right']").click()
        for checkpoint in (0, 1):  # what is wrong now, not what was when the switch was turned
            opened.page.locator("#slider").fill(str(checkpoint))
            assert opened.page.evaluate(shown) == [not right for right in findings.answers[checkpoint].right]
        counts = opened.page.locator("[data-key='right'] .count").inner_text()
        assert counts == str(int(findings.answers[1].right.sum()))


def test_faint_points_follow_their_switch(visit):
    with visit(reduced=True) as (opened, findings):
        faint = "Array.from({length: 240}, (_, i) => comparison.isFaint(i))"
        assert opened.page.evaluate(faint) == findings.main.maps["tsne"][0].trust.weak.tolist()
        opened.page.locator("[data-key='faint']").click()
        assert not any(opened.page.evaluate(faint))


def test_layers_and_methods_are_chosen(visit):
    with visit(reduced=True) as (opened, findings):
        assert opened.state("layer") == findings.main_layer
        before = places(opened)
        opened.page.locator("#layer").select_option(label="encoder")
        assert opened.state("layer") == "encoder"
        other = places(opened)
        assert other != before
        opened.page.locator("#method").select_option(label="UMAP")
        assert opened.state("method") == "UMAP"
        assert places(opened) != other
        opened.page.locator("#layer").select_option(label="mlp")
        assert opened.state("method") == "UMAP"
        assert "Class read from mlp" in opened.page.locator("#curves").inner_text()
        assert "UMAP · n neighbors 15" in opened.page.locator("#origin").inner_text()


def test_lists_select_and_trails_are_drawn(visit):
    with visit(reduced=True) as (opened, findings):
        opened.page.locator("#slider").fill("1")
        pixels = drawn(opened)
        opened.page.locator("#select-all").click()
        assert opened.page.evaluate("comparison.selected()") == [3, 7, 11]
        opened.page.wait_for_timeout(50)
        assert drawn(opened) != pixels
        opened.page.locator("[data-list='fixed']").click()
        opened.page.locator("#select-all").click()
        first, second = findings.answers[0].right, findings.answers[1].right
        assert sorted(opened.page.evaluate("comparison.selected()")) == [i for i in range(240) if second[i] > first[i]]
        opened.page.locator("#slider").fill("2")
        assert opened.page.locator("[data-list^='Happy']").inner_text() == "Happy: split40"
        opened.page.locator("#span-all").click()
        assert opened.state("step") == "0-2"
        opened.page.locator("[data-list='broken']").click()
        opened.page.locator("#lists li button").first.click()
        (i,) = opened.page.evaluate("comparison.selected()")
        assert findings.answers[0].right[i] > findings.answers[2].right[i]


def test_the_step_says_whether_it_is_detectable(visit):
    with visit(reduced=True) as (opened, _):
        assert "Accuracy is detectably better" in opened.page.locator("#verdict").inner_text()
    with visit("long", reduced=True) as (opened, _):
        assert "No detectable difference in accuracy" in opened.page.locator("#verdict").inner_text()
        assert "none of 8 detectably different" in opened.page.locator("#groups summary").inner_text()
        opened.page.locator("#changes summary").click()
        assert opened.page.locator("#changes tbody tr").count() == 7
        opened.page.keyboard.press("End")
        assert opened.state("step") == "6-7"
        assert opened.page.locator("#changes").get_attribute("open") is not None
        opened.page.locator(".curve").first.click(position={"x": 5, "y": 5})
        assert opened.state("checkpoint") == "0"


def test_all_of_it_works_by_keyboard(visit):
    with visit(reduced=True) as (opened, _):
        press = opened.page.keyboard.press
        for key, wanted in (("ArrowRight", "1"), ("ArrowRight", "2"), ("ArrowRight", "2"), ("Home", "0"), ("End", "2")):
            press(key)
            assert opened.state("checkpoint") == wanted
        opened.page.locator("#slider").focus()
        press("ArrowLeft")
        assert opened.state("checkpoint") == "1"
        assert opened.page.locator("#slider").get_attribute("aria-valuetext") == "epoch_5"
        opened.page.locator("[data-key='kind:0']").focus()
        press(" ")  # a button under the focus is pressed: nothing plays
        assert opened.state("playing") == "false"
        assert opened.page.locator("[data-key='kind:0']").get_attribute("aria-pressed") == "false"
        opened.page.locator("[data-list='broken']").focus()
        press("Enter")
        assert opened.page.evaluate("document.activeElement.dataset.list") == "broken"
        opened.page.locator("#find").fill("clip_0007")
        press("Enter")
        assert opened.page.evaluate("comparison.selected()") == [7]
        press("Tab")
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert opened.page.evaluate(outline) != "none"


def test_hover_tells_what_each_checkpoint_said(visit):
    with visit(reduced=True) as (opened, findings):
        opened.page.locator("#slider").fill("2")
        i, x, y = lonely(opened)
        opened.page.mouse.move(x, y)
        told = opened.page.locator("#hover").inner_text()
        assert findings.subject.ids[i] in told
        assert [name for name in ("epoch_1", "epoch_5", "best_model") if name in told] == [
            "epoch_1",
            "epoch_5",
            "best_model",
        ]
        opened.page.mouse.move(20, 20)
        assert opened.page.locator("#hover").is_hidden()


@pytest.mark.parametrize("window", [(1280, 720), (900, 800), (400, 800)])
@pytest.mark.parametrize("name", ["speech", "rental", "long", "hostile"])
def test_nothing_is_wider_than_the_window(visit, name, window):
    with visit(name, width=window[0], height=window[1], reduced=True) as (opened, _):
        opened.page.locator("#select-all").click() if opened.page.locator("#select-all").count() else None
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= window[0]
        if window == (1280, 720):  # map, slider and panels without scrolling
            assert opened.page.evaluate("document.querySelector('main').getBoundingClientRect().bottom") <= 720


def test_dark_is_dark(visit):
    with visit(dark=True, reduced=True) as (opened, _):
        assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 22, 26)"
        dark = drawn(opened)
        opened.page.emulate_media(color_scheme="light")
        opened.page.wait_for_timeout(100)
        assert drawn(opened) != dark


@pytest.mark.parametrize("name", ["hostile", "hostile_rental"])
def test_hostile_texts_are_only_texts(visit, name):
    with visit(name, reduced=True) as (opened, _):
        opened.page.keyboard.press("ArrowRight")
        for tab in range(opened.page.locator("[data-list]").count()):
            opened.page.locator("[data-list]").nth(tab).click()
            if opened.page.locator("#select-all").count():
                opened.page.locator("#select-all").click()
        opened.page.locator("#layer").select_option(index=0)
        x, y = opened.page.evaluate("comparison.placeOf(1)")
        opened.page.mouse.move(x, y)
        opened.page.wait_for_timeout(50)
        assert opened.page.locator("#hover").is_visible()
        assert not opened.page.locator("#hover img, #selection img, #lists img, #legend img, a, iframe").count()
        assert "<b>bold</b>" in opened.page.locator("body").inner_text()

"""What the page's modules read from a payload, in a headless Chromium: from a file and from a server."""

import io
import json
import wave
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from latentscape.figures.style import Style
from latentscape.pages import explorer_page
from latentscape.pages.explorer_assets import join_modules, read_modules
from latentscape.pages.explorer_payload import pack
from tests.browser import open_page
from tests.exploration_values import build_exploration, build_large, with_sound

from .test_explorer_page import hostile

pytestmark = pytest.mark.slow
PROBE = """
import { openData } from "./source.js";
import { foldText } from "./source_search.js";
const data = await openData();
Object.assign(window, { data, foldText, idAtFirst: data.idOf(7) });
await data.ready;
document.body.dataset.ready = "true";
"""
WITHOUT_BASE64 = "delete Uint8Array.fromBase64;"
FOUND = "(text) => data.search(text).then((mask) => Array.from(mask.keys()).filter((i) => mask[i]))"


@pytest.fixture(scope="module", autouse=True)
def probe():
    """A page whose script only opens the data."""
    patch = pytest.MonkeyPatch()
    script = join_modules({**read_modules(), "probe.js": PROBE}, main="probe.js")
    patch.setattr(explorer_page, "explorer_script", lambda: script)
    yield
    patch.undo()


@pytest.fixture
def visit(browser, tmp_path):
    """Writes a page and opens it; in the end nothing may have gone wrong on it."""
    opened = []

    def open_one(exploration):
        path = tmp_path / "explorer.html"
        path.write_text(explorer_page.render_explorer(exploration, style=Style()), encoding="utf-8")
        context = open_page(browser, path)
        one = context.__enter__()
        opened.append((context, one))
        one.wait("document.body.dataset.ready")
        return one

    yield open_one
    for context, one in opened:
        problems, violations = one.problems, one.violations()
        context.__exit__(None, None, None)
        assert problems == []
        assert violations == []


def make_clip(seconds=0.1):
    raw = io.BytesIO()
    with wave.open(raw, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((np.sin(np.arange(int(8000 * seconds)) / 5) * 9000).astype("<i2").tobytes())
    return raw.getvalue()


def test_speech_is_read_as_it_was_written(visit):
    exploration = with_sound(build_exploration(n=80), [make_clip(), make_clip(0.2)])
    page = visit(exploration).page
    label = exploration.find_column("label")
    assert page.evaluate("Array.from(data.column('label').codes)") == (label.codes + 1).tolist()
    assert page.evaluate("data.column('label').colors.length") == len(label.values)
    numbers = exploration.find_column("probability").values.astype(np.float32)
    assert page.evaluate("Array.from(data.column('probability').numbers)") == pytest.approx(numbers.tolist())
    assert page.evaluate("[data.n, data.idOf(7), data.frames.length, data.hasMedia]") == [
        80, exploration.ids[7], 6, "audio",
    ]  # fmt: skip
    assert page.evaluate("data.frames.every((frame) => frame.xy.length === 160 && frame.trust.length === 80)")
    details = page.evaluate("data.details(5, { layer: 'encoder', checkpoint: 0 })")
    given = exploration.neighbors[1]
    assert [row for row, _ in details["neighbors"]["list"]] == given.rows[5].tolist()
    assert [far for _, far in details["neighbors"]["list"]] == pytest.approx(given.distances[5].tolist(), abs=1e-3)
    assert [name for name, _ in details["probabilities"]] == [
        label.values[code] for code in exploration.probabilities[0].codes[5]
    ]
    assert page.evaluate("data.details(5, { layer: 'none' })")["neighbors"] is None


def test_clips_inside_the_page_can_be_played_and_others_are_links(visit):
    page = visit(with_sound(build_exploration(n=30), [make_clip(), make_clip(0.25)])).page
    inside, beside = page.evaluate("[data.media(1), data.media(9)].map((one) => ({ ...one, bars: one.peaks.length }))")
    assert inside["url"].startswith("blob:")
    assert (inside["isInside"], inside["kind"], inside["bars"]) == (True, "audio", 96)
    assert (beside["isInside"], beside["url"]) == (False, "../clips/9.wav")
    seconds = page.evaluate(
        """(url) => new Promise((resolve, reject) => {
          const sound = new Audio();
          sound.onloadedmetadata = () => resolve(sound.duration);
          sound.onerror = () => reject(new Error("cannot be played"));
          sound.src = url;
        })""",
        inside["url"],
    )
    assert seconds == pytest.approx(0.25)


def test_search_knows_no_capitals_and_no_diacritics(visit):
    exploration = build_exploration("embeddings", n=120)
    page = visit(exploration).page
    texts = exploration.find_column("text").values
    both = [i for i, text in enumerate(texts) if "Quận" in text and "10" in text + exploration.ids[i]]
    found = page.evaluate(FOUND, "quan 10")
    assert {i for i, text in enumerate(texts) if "Quận 10" in text} <= set(found)
    assert set(found) == set(both)
    assert page.evaluate(FOUND, "  QUẬN   10 ") == found
    assert page.evaluate(FOUND, "thu duc") == [i for i, text in enumerate(texts) if "Thủ Đức" in text]
    assert page.evaluate(FOUND, "hard negative") == np.flatnonzero(
        exploration.find_column("kind").codes == 2
    ).tolist()  # fmt: skip
    assert page.evaluate(FOUND, "nowhere") == []
    assert len(page.evaluate(FOUND, "")) == 120
    assert page.evaluate("foldText('Đường số 3 ở Gò Vấp')") == "duong so 3 o go vap"


def test_rows_without_names_are_found_by_their_number(visit):
    page = visit(build_exploration("map", n=40)).page
    assert page.evaluate("data.idOf(12)") == "12"
    assert 12 in page.evaluate(FOUND, "12")
    assert page.evaluate(FOUND, "39") == [39]


def test_a_query_has_its_ranked_documents_and_hard_negatives(visit):
    exploration = build_exploration("embeddings", n=60)
    page, ranked = visit(exploration).page, exploration.ranked
    details = page.evaluate("data.details(4, { layer: 'embedding' })")
    assert [row for row, _, _ in details["ranked"]] == ranked.rows[4].tolist()
    assert [mark for _, _, mark in details["ranked"]] == ranked.marks[4].tolist()
    assert [far for _, far, _ in details["ranked"]] == pytest.approx(ranked.similarities[4].tolist(), abs=2e-5)
    assert [[row, types] for row, _, types in details["hard"]] == [
        [int(ranked.hard_rows[i]), ranked.hard_types[i]] for i in (8, 9)
    ]
    assert details["texts"] == [["text", exploration.find_column("text").values[4]]]
    document = page.evaluate("data.details(50, { layer: 'embedding' })")
    assert (document["ranked"], document["hard"]) == (None, None)


def test_of_many_points_the_places_come_first_and_the_names_later(visit):
    exploration = build_large(30_000)
    named = type(exploration)(**{**vars(exploration), "ids": tuple(f"point {i}" for i in range(30_000))})
    page = visit(named).page
    assert page.evaluate("[idAtFirst, data.idOf(7)]") == ["7", "point 7"]
    xy = page.evaluate("Array.from(data.frames[0].xy.slice(0, 200))")
    given = exploration.frames[0].xy
    low, span = given.min(axis=0), np.ptp(given, axis=0).max()
    assert np.abs((given[:100] - low) * (65_535 / span) - np.reshape(xy, (100, 2))).max() <= 0.5


def test_browsers_without_base64_of_their_own_read_the_same(browser, tmp_path):
    path = tmp_path / "explorer.html"
    exploration = build_exploration(n=400)
    path.write_text(explorer_page.render_explorer(exploration, style=Style()), encoding="utf-8")
    sums = "[...data.frames.map((one) => one.xy.reduce((a, b) => a + b, 0)), data.ids.join().length]"
    found = []
    for script in ("", WITHOUT_BASE64):
        context = browser.new_context(offline=True)
        context.add_init_script(script or ";")
        page = context.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready]", state="attached")
        found.append(page.evaluate(sums))
        context.close()
    assert found[0] == found[1]


def test_hostile_texts_arrive_as_text(visit):
    exploration = hostile(n=28)
    page = visit(exploration).page
    assert page.evaluate("data.idOf(0)") == "</script><script>alert(1)</script> 0"
    assert page.evaluate(FOUND, "</script><script>alert(1)")


def test_a_served_page_asks_for_what_it_needs(browser):
    exploration = with_sound(build_exploration("embeddings", n=50), [])
    page_text, payload = explorer_page.render_served(exploration), pack(exploration, style=Style(), is_served=True)
    asked, problems = [], []

    def answer(route):
        url = urlsplit(route.request.url)
        asked.append(url.path)
        if url.path == "/":
            return route.fulfill(body=page_text, content_type="text/html; charset=utf-8")
        if url.path == "/payload":
            return route.fulfill(body=payload, content_type="application/octet-stream")
        if url.path == "/search":
            mask = np.packbits([parse_qs(url.query)["q"] == ["a & b"], *[False] * 48, True], bitorder="little")
            return route.fulfill(body=mask.tobytes(), content_type="application/octet-stream")
        return route.fulfill(body=json.dumps({"asked": [url.path, url.query]}), content_type="application/json")

    context = browser.new_context()
    page = context.new_page()
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.route("**/*", answer)
    page.goto("http://127.0.0.1:1/")
    page.wait_for_selector("body[data-ready]", state="attached")
    assert page.evaluate("data.idOf(30)") == exploration.ids[30]
    assert page.evaluate("data.media(3).url") == "media/3"
    assert page.evaluate("data.details(3, { layer: 'a b', checkpoint: 1 })") == {
        "asked": ["/details/3", "layer=a+b&checkpoint=1"]
    }
    assert page.evaluate(FOUND, "a & b") == [0, 49]
    assert asked == ["/", "/payload", "/details/3", "/search"]
    assert problems == []
    context.close()


def test_a_damaged_page_says_so(browser, tmp_path):
    path = tmp_path / "explorer.html"
    text = explorer_page.render_explorer(build_exploration(n=20), style=Style())
    path.write_text(text.replace('id="payload">', 'id="payload">AAAA'), encoding="utf-8")
    context = browser.new_context(offline=True)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    assert ["damaged" in error for error in errors] == [True]
    context.close()

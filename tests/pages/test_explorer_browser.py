"""The explorer of whole runs, used as a reader would in a headless Chromium: from a disk, and served."""

import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser import NO_WEBGL, Opened, open_page

from .explorer_runs import FEARFUL, LAYERS, SAD, Run, study_rental, study_speech

pytestmark = pytest.mark.slow  # whole studies, and a browser
STATE = "latentscape.state"
SETTLED = "new Promise((go) => requestAnimationFrame(() => setTimeout(go, 30)))"
STILL = "document.body.dataset.moving === 'false'"
KEEP_SOUNDS = """
window.sounds = [];
window.Audio = class extends Audio { constructor(...given) { super(...given); window.sounds.push(this); } };
"""
"""So that a test sees what plays."""
HURRY = """
const wait = window.setInterval;
window.setInterval = (act, time) => wait(act, time === 5000 ? 100 : time);
"""
"""A served page looks for changes more often."""
PLACES = """() => {
  const { left, top } = document.querySelector("#map canvas").getBoundingClientRect();
  return Array.from({ length: latentscape.state.data.n }, (_, i) => {
    const [x, y] = latentscapeMap.placeOf(i);
    return [left + x, top + y];
  });
}"""
CHOSEN = """(() => { const { choice, nShown, rows } = latentscape.state;
  const filters = [...choice.filters].map(([key, kept]) => [key, [...kept].map(String).sort()]);
  return JSON.stringify([choice.frame, choice.color, choice.shape, choice.showTrust, choice.density, choice.focus,
    choice.sort, choice.selection, filters, nShown, rows, choice.query]); })()"""
FOCUSED = (
    "(() => { const at = document.activeElement; return at.closest('#legend, #map, #table, #inspector')?.id ?? ''; })()"
)


@pytest.fixture(scope="module")
def speech(finished_speech, tmp_path_factory) -> Run:
    return study_speech(finished_speech, tmp_path_factory.mktemp("explored"))


@pytest.fixture(scope="module")
def rental(finished_rental, tmp_path_factory) -> Run:
    return study_rental(finished_rental, tmp_path_factory.mktemp("explored"))


@contextmanager
def visit(browser: Any, place: Path | str, **how: Any) -> Iterator[Opened]:
    """An explorer that is ready; in the end nothing may have gone wrong on it."""
    with open_page(browser, place, **{"script": KEEP_SOUNDS, **how}) as opened:
        opened.wait("document.body.dataset.ready === 'true'")
        opened.wait(STILL)
        yield opened
        assert opened.problems == []
        assert opened.violations() == []


@pytest.fixture(scope="module")
def opened(browser, speech) -> Iterator[Opened]:
    """One page for many tests."""
    with visit(browser, speech.page, reduced=True) as one:
        yield one


@pytest.fixture
def page(opened):
    """The page as it opens: an empty link takes every choice back."""
    opened.page.evaluate("history.replaceState(null, '', '#'); dispatchEvent(new Event('hashchange'))")
    opened.page.evaluate(f"{STATE}.set({{ tool: 'pan' }}); document.activeElement.blur()")
    settle(opened)
    yield opened.page
    assert opened.problems == []


def settle(opened: Opened) -> None:
    opened.page.evaluate(SETTLED)
    opened.wait(STILL)


def text(page: Any, selector: str) -> str:
    return page.locator(selector).first.inner_text()


def listed(page: Any) -> list[int]:
    """The samples of the table that are in sight, in its order."""
    return page.locator(".lists-table tbody tr").evaluate_all("(rows) => rows.map((row) => Number(row.dataset.row))")


def choose_cell(page: Any, truth: str, said: str) -> None:
    page.locator(f"#confusion td button[aria-label^='{truth} taken for {said}']").click()


def sound(opened: Opened) -> tuple[str, float]:
    """What plays, and how far it has come; fails where nothing does."""
    opened.wait("window.sounds.some((one) => !one.paused && one.currentTime > 0.05)")
    before = opened.page.evaluate("window.sounds[0].currentTime")
    opened.wait(f"window.sounds[0].currentTime > {before} || window.sounds[0].ended")
    assert opened.page.evaluate("window.sounds.length") == 1
    return tuple(opened.page.evaluate("[window.sounds[0].src, window.sounds[0].duration]"))


def inside(point: list[float], polygon: list[tuple[float, float]]) -> bool:
    (x, y), is_in = point, False
    for (ax, ay), (bx, by) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            is_in = not is_in
    return is_in


def drag(page: Any, path: list[tuple[float, float]]) -> None:
    page.mouse.move(*path[0])
    page.mouse.down()
    for place in path[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def test_which_sad_clips_does_it_take_for_fearful_and_how_do_they_sound(opened, page, speech):
    """The newcomer's question, in two clicks; a third shows everything about one of them."""
    expected = speech.confused(SAD, FEARFUL)
    assert expected, "the run has nothing to ask for"
    choose_cell(page, SAD, FEARFUL)  # 1
    settle(opened)
    assert text(page, ".lists-title") == f"{len(expected)} {SAD} taken for {FEARFUL} of {len(speech.samples)}"
    worst_first = sorted(expected, key=lambda i: speech.samples[i]["true_probability"])
    assert listed(page) == worst_first
    assert page.evaluate(f"[...{STATE}.selected].flatMap((one, i) => (one ? [i] : []))") == expected
    assert text(page, ".map-shown").endswith(f"{len(speech.samples)} points · {len(expected)} selected")
    assert page.locator(".lists-table tbody").inner_text().count(FEARFUL) >= len(expected)
    page.locator(".lists-table tbody .lists-play").first.click()  # 2
    _, seconds = sound(opened)
    assert seconds > 0.5
    page.locator(".lists-table tbody tr").first.locator("td").nth(2).click()  # 3
    settle(opened)
    assert text(page, ".lists-verdict").replace("\n", "") == f"{SAD} taken for {FEARFUL}"
    assert text(page, ".lists-heading") == speech.samples[worst_first[0]]["id"]
    assert text(page, "#inspector .lists-about") == f"1 of {len(expected)}"


def test_hover_shows_the_card(opened, page, speech):
    places = page.evaluate(PLACES)
    far = lambda a, b: abs(a[0] - b[0]) + abs(a[1] - b[1])  # noqa: E731
    lonely = max(range(len(places)), key=lambda i: min(far(places[i], one) for k, one in enumerate(places) if k != i))
    assert page.locator(".map-card").is_hidden()
    page.mouse.move(*places[lonely])
    settle(opened)
    said, row = text(page, ".map-card"), speech.samples[lonely]
    assert all(word in said for word in (row["id"], row["label"], row["prediction"]))
    assert ("wrong" in said) == (row["label"] != row["prediction"])
    page.mouse.move(5, 5)
    settle(opened)
    assert page.locator(".map-card").is_hidden()
    page.mouse.click(*places[lonely])
    settle(opened)
    assert text(page, ".lists-heading") == row["id"]


@pytest.mark.parametrize("tool", ["lasso", "box", "shift"])
def test_what_is_drawn_around_is_selected(opened, page, tool):
    places, n = page.evaluate(PLACES), page.evaluate(f"{STATE}.data.n")
    left, right = min(x for x, _ in places), max(x for x, _ in places)
    top, bottom = min(y for _, y in places), max(y for _, y in places)
    middle = (left + right) / 2 + 0.37
    around = [(left - 7, top - 7), (middle, top - 7), (middle, bottom + 7), (left - 7, bottom + 7)]
    if tool == "shift":
        page.keyboard.down("Shift")
    else:
        page.locator(f"#map-{tool}").click()
    if tool == "lasso":
        around[1] = (around[1][0] - 90.3, around[1][1])
        drag(page, [*around, around[0]])
    else:
        drag(page, [around[0], around[2]])
    page.keyboard.up("Shift")
    settle(opened)
    expected = [i for i, place in enumerate(places) if inside(place, around)]
    assert 0 < len(expected) < n
    assert page.evaluate(f"Array.from({STATE}.rows)") == expected
    assert text(page, ".lists-title") == f"{len(expected)} inside the outline of {n}"


@pytest.mark.parametrize("kind", ["inside the page", "beside the page"])
def test_clips_play(opened, page, speech, kind):
    is_inside = kind == "inside the page"
    found = f"(i) => {STATE}.data.media(i)?.isInside === {str(is_inside).lower()}"
    row = page.evaluate(f"[...{STATE}.rows].find({found})")
    assert row is not None, f"no clip is {kind}"
    page.evaluate(f"{STATE}.set({{ focus: {row} }})")
    settle(opened)
    page.locator(".lists-player .lists-play").click()
    address, seconds = sound(opened)
    clip = speech.clips / speech.samples[row]["id"]
    if is_inside:
        assert address.startswith("blob:")
    else:
        assert address == clip.as_uri()
        asked = {problem for problem in opened.problems if problem == f"asks {address}"}
        assert len(asked) == 1
        opened.problems[:] = [
            problem for problem in opened.problems if problem not in asked
        ]  # the only file it may ask
    import soundfile

    assert seconds == pytest.approx(soundfile.info(clip).duration, abs=0.1)
    page.keyboard.press("Escape")
    opened.wait("window.sounds[0].paused")


def test_layers_and_methods(opened, page, speech):
    frames, before = {}, page.evaluate(PLACES)
    assert page.evaluate("document.body.dataset.frame") == f"tsne_{LAYERS[-1]}"
    counts = page.locator("#legend-color .count").all_inner_texts()
    page.evaluate(f"{STATE}.set({{ focus: 3 }})")
    for method, layer in (("t-SNE", LAYERS[0]), ("UMAP", LAYERS[0]), ("UMAP", LAYERS[1])):
        page.locator("#by-layer").get_by_text(layer, exact=True).click()
        page.locator("#by-method").get_by_text(method, exact=True).click()
        settle(opened)
        places = page.evaluate(PLACES)
        frames[page.evaluate("document.body.dataset.frame")] = places
        assert all(places != other for other in (before, *list(frames.values())[:-1]))
        assert text(page, ".map-shown") == f"{layer} · {method} · {len(speech.samples)} points"
        assert int(page.evaluate("document.body.dataset.drawn")) == len(speech.samples)
        assert page.locator("#legend-color .count").all_inner_texts() == counts
        opened.wait(f"document.querySelector('.lists-neighbors h3')?.innerText.includes('{layer}')")
    assert set(frames) == {"tsne_encoder", "umap_encoder", "umap_mlp"}


def test_a_link_brings_a_stranger_to_the_same_view(browser, opened, page, speech):
    page.locator("#by-layer").get_by_text(LAYERS[0], exact=True).click()
    page.locator("#legend-shape .values button").first.click()
    choose_cell(page, SAD, FEARFUL)
    page.locator(".lists-table tbody tr").first.locator("td").nth(2).click()
    settle(opened)
    opened.wait("location.hash.includes('sel=cell') && location.hash.includes('&i=')")
    told, link = page.evaluate(CHOSEN), page.evaluate("location.href")
    assert link.startswith(speech.page.as_uri())
    with visit(browser, link) as other:
        assert other.page.evaluate(CHOSEN) == told
        assert text(other.page, ".lists-title") == text(page, ".lists-title")
        assert text(other.page, ".lists-heading") == text(page, ".lists-heading")


def test_everything_is_reached_by_keys(opened, page, speech):
    reached = []
    choose_cell(page, SAD, FEARFUL)
    page.evaluate(f"{STATE}.set({{ focus: {STATE}.rows[0] }}); document.activeElement.blur()")
    page.locator("h1").click()
    for _ in range(60):
        page.keyboard.press("Tab")
        if (place := page.evaluate(FOCUSED)) not in reached:
            reached.append(place)
    assert {"legend", "map", "table", "inspector"} <= set(reached)
    page.locator("#legend-color .values button").first.focus()
    page.keyboard.press("Enter")
    first = page.evaluate(f"{STATE}.data.column('label').codes.filter((code) => code === 1).length")
    assert page.evaluate(f"{STATE}.nShown") == len(speech.samples) - first > 0
    page.keyboard.press("Enter")
    page.locator("#map canvas").first.focus()
    before = page.evaluate(PLACES)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    settle(opened)
    assert page.evaluate(PLACES) != before
    page.keyboard.press("0")
    page.locator(".lists-table").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    settle(opened)
    assert page.evaluate(f"{STATE}.choice.focus") == listed(page)[-1]
    for gone in ("focus < 0", "selection === null"):
        page.keyboard.press("Escape")
        assert page.evaluate(f"{STATE}.choice.{gone}")


def test_dark_by_the_system_and_by_the_button(browser, page, speech):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.click("#theme")
    dark = page.evaluate(ground)
    page.click("#theme")
    assert page.evaluate(ground) == light == "rgb(255, 255, 255)"
    with visit(browser, speech.page, dark=True, reduced=True) as other:
        assert other.page.evaluate(ground) == dark != light
        other.page.click("#theme")
        assert other.page.evaluate(ground) == light
        assert not other.page.evaluate("navigator.onLine")


def fold(words: str) -> str:
    letters = unicodedata.normalize("NFD", words).lower().replace("đ", "d")
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def test_quan_10_is_found_and_its_answers_shown(browser, rental):
    with visit(browser, rental.page) as opened:
        page, rows = opened.page, rental.samples
        page.fill("#find input", "quan 10")
        opened.wait("document.querySelector('#find').dataset.found !== ''")
        settle(opened)
        found = page.evaluate(f"Array.from({STATE}.rows)")
        words = [fold(" ".join(str(value) for value in row.values() if isinstance(value, str))) for row in rows]
        named = [i for i, row in enumerate(rows) if re.search(r"Quận 10\b", row["text"])]
        assert named
        assert set(named) <= set(found)
        assert found == [i for i, text in enumerate(words) if "quan" in text and "10" in text]
        assert text(page, ".lists-found") == f"{len(found)} found"
        page.locator("#find input").press("Enter")
        opened.wait(f"{STATE}.choice.focus >= 0")
        page.evaluate(f"{STATE}.set({{ query: '', found: null, focus: 0 }})")
        opened.wait("document.querySelector('#inspector').dataset.details === '0'")
        assert rows[0]["text"] in text(page, "#inspector")
        marks = page.locator(".lists-ranked .lists-mark .lists-unseen").all_text_contents()
        rank = rows[0]["rank"]
        assert [at + 1 for at, mark in enumerate(marks) if mark.endswith(", right")][:1] == (
            [rank] if rank <= 10 else []
        )
        assert page.locator(".lists-hard li").count() == len(rows[0]["hard_negatives"]) > 0


def test_without_webgl_or_script(browser, speech):
    with visit(browser, speech.page, script=NO_WEBGL) as opened:
        page = opened.page
        colors = "new Set(new Uint32Array(document.querySelector('#map canvas').getContext('2d')"
        assert page.evaluate(f"{colors}.getImageData(0, 0, 900, 300).data.buffer)).size") > 20
        before = page.evaluate(PLACES)
        drag(page, [(600, 300), (640, 320)])
        settle(opened)
        assert page.evaluate(PLACES)[0] == pytest.approx([before[0][0] + 40, before[0][1] + 20], abs=0.5)
        choose_cell(page, SAD, FEARFUL)
        settle(opened)
        assert text(page, ".lists-title").startswith(f"{len(speech.confused(SAD, FEARFUL))} {SAD} taken")
        page.locator(".lists-table tbody tr").first.locator("td").nth(2).click()
        settle(opened)
        assert page.locator("#inspector").is_visible()
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(speech.page.as_uri())
    assert page.locator("noscript p").is_visible()
    assert "drawn by the script in this file" in text(page, "noscript p")
    context.close()


@contextmanager
def served(run: Run, folder: Path) -> Iterator[str]:
    """`latentscape open`, and the address that it prints."""
    command = [sys.executable, "-m", "latentscape", "open", run.folder, "--no-browser", "--audio-root", run.clips]
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def test_the_served_page_does_the_same_and_says_when_its_run_has_changed(browser, speech, tmp_path):
    run = Run(tmp_path / "run", speech.clips)
    shutil.copytree(speech.folder, run.folder, ignore=shutil.ignore_patterns("*.html", "*.png"))
    with served(run, tmp_path) as address, visit(browser, address, script=f"{KEEP_SOUNDS}{HURRY}") as opened:
        page = opened.page
        assert "token" not in page.url
        choose_cell(page, SAD, FEARFUL)
        settle(opened)
        expected = speech.confused(SAD, FEARFUL)
        assert sorted(listed(page)) == expected
        page.locator(".lists-table tbody .lists-play").first.click()
        played, _ = sound(opened)
        assert re.fullmatch(rf"{re.escape(page.url.partition('#')[0])}media/\d+", played)
        page.locator(".lists-table tbody tr").first.locator("td").nth(2).click()
        opened.wait(f"document.querySelector('#inspector').dataset.details === String({STATE}.choice.focus)")
        assert page.locator(".lists-neighbors li").count() == 10
        page.fill("#find input", "sad actor")
        opened.wait("document.querySelector('#find').dataset.found !== ''")
        assert 0 < int(page.get_attribute("#find", "data-found")) < len(speech.samples)
        link = page.evaluate(f"(async () => {{ await {SETTLED}; return location.hash; }})()")
        assert link.startswith("#map=tsne_mlp") or link == ""
        assert page.locator("#run-changed").is_hidden()
        manifest = run.folder / "manifest.json"
        (tmp_path / "again.json").write_bytes(manifest.read_bytes())
        (tmp_path / "again.json").replace(manifest)
        opened.wait("!document.getElementById('run-changed').hidden")
        assert "made again since: what you see is the one before" in text(page, "#run-changed")
        page.locator("#run-changed button").click()
        opened.wait("document.body.dataset.ready === 'true'")
        assert page.locator("#run-changed").is_hidden()

"""The explorer's table, inspector, find box and links, each used in a browser as a reader would."""

import base64
import csv
import io
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentscape.exploration import N_PEAKS, Category, Exploration, Media, Numbers, Texts
from latentscape.figures.style import Style
from latentscape.pages.escape import guard_cell
from latentscape.pages.explorer_page import render_explorer
from tests.browser import Opened, open_page
from tests.exploration_values import build_exploration, build_large
from tests.pages.conftest import HOSTILE

pytestmark = pytest.mark.slow
FORMULAS = (
    '=HYPERLINK("http://x.test")',
    "+1",
    "-1+2",
    "@SUM(A1)",
    " =1",
    "a; =2",
    "＝1+1",
    "tab\t=3",
    'say "hi", you',
)
SAD, ANGRY = 3, 4
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture of one point."""
N = 240
N_CLIPS = 60
SILENT = 100
"""A sample whose sound should lie beside the page and does not."""


def tone(*, seconds: float, hertz: float) -> bytes:
    """A sound as a WAV file."""
    time = np.arange(int(8000 * seconds)) / 8000
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((9000 * np.sin(2 * np.pi * hertz * time)).astype("<i2").tobytes())
    return target.getvalue()


def speech() -> Exploration:
    peaks = np.zeros((N, N_PEAKS), np.uint8)
    peaks[:N_CLIPS] = np.linspace(10, 255, N_PEAKS).astype(np.uint8)
    files = {i: tone(seconds=3.0, hertz=200 + 5 * i) for i in range(N_CLIPS)}
    links = tuple("clips/gone.wav" if i == SILENT else None for i in range(N))
    media = Media(kind="audio", links=links, files=files, mime="audio/wav", seconds=np.full(N, 3.0), peaks=peaks)
    return build_exploration("latents", n=N, media=media)


def hostile() -> Exploration:
    texts = [*HOSTILE, *FORMULAS]
    exploration = build_exploration("map", n=60)
    ids = tuple(f"{texts[i % len(texts)]} {i}" for i in range(60))
    notes = Texts(key="=note", title="<i>note</i>", values=tuple(texts[i % len(texts)] for i in range(60)))
    return replace(exploration, ids=ids, columns=(*exploration.columns, notes))


@pytest.fixture(scope="module")
def chromium(browser: Any) -> Any:
    return browser


def write_page(exploration: Exploration, path: Path) -> Path:
    path.write_text(render_explorer(exploration, style=Style()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def speech_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(speech(), tmp_path_factory.mktemp("speech") / "explorer.html")


@pytest.fixture(scope="module")
def speech_page(chromium: Any, speech_path: Path) -> Iterator[Opened]:
    with open_page(chromium, speech_path) as page:
        yield ready(page)


@pytest.fixture
def opened(speech_page: Opened) -> Iterator[Opened]:
    """The page as it opens: an empty link takes every choice back."""
    speech_page.page.evaluate("history.replaceState(null, '', '#'); dispatchEvent(new Event('hashchange'))")
    speech_page.page.evaluate("document.querySelector('.lists-view').scrollTop = 0; document.activeElement.blur()")
    speech_page.wait("latentscape.state.choice.found === null")
    settle(speech_page)
    yield speech_page
    assert speech_page.problems == []
    assert speech_page.violations() == []


def ready(opened: Opened) -> Opened:
    opened.wait("document.body.dataset.ready === 'true'")
    return opened


def choose(opened: Opened, changes: str) -> None:
    """Make a choice as another view would, and wait until the table has been drawn again."""
    opened.page.evaluate(f"latentscape.state.set({changes})")
    settle(opened)


def settle(opened: Opened) -> None:
    opened.page.evaluate("new Promise((go) => requestAnimationFrame(() => setTimeout(go, 30)))")


def inspect(opened: Opened, row: int) -> None:
    choose(opened, f"{{ focus: {row} }}")
    opened.wait(f"document.querySelector('#inspector').dataset.details === '{row}'")


def rows_of(opened: Opened, selector: str) -> list[int]:
    """The samples of a list, as it shows them."""
    return opened.page.evaluate(
        "(selector) => [...document.querySelectorAll(selector)].map((line) => Number(line.dataset.row))", selector
    )


def rows_in_table(opened: Opened) -> list[int]:
    return rows_of(opened, ".lists-table tbody tr")


def text(opened: Opened, selector: str) -> str:
    return opened.page.inner_text(selector)


def worst_first(exploration: Exploration, mask: np.ndarray | None = None) -> list[int]:
    numbers = exploration.find_column("true_probability")
    order = np.argsort(np.asarray(numbers.values, np.float32), kind="stable")  # type: ignore[union-attr]
    return [int(i) for i in order if mask is None or mask[i]]


def cell_of(exploration: Exploration) -> np.ndarray:
    truth, said = (exploration.find_column(key).codes for key in ("label", "prediction"))  # type: ignore[union-attr]
    return (truth == SAD) & (said == ANGRY)


def test_table_says_what_is_selected_worst_first(opened: Opened) -> None:
    exploration = speech()
    assert text(opened, ".lists-title") == "All 240 samples"
    shown = rows_in_table(opened)
    assert shown == worst_first(exploration)[: len(shown)]
    assert 3 <= len(shown) <= 40
    choose(opened, f"{{ selection: {{ kind: 'cell', truth: {SAD + 1}, said: {ANGRY + 1} }} }}")
    cell = cell_of(exploration)
    assert text(opened, ".lists-title") == f"{cell.sum()} Sad taken for Angry of 240"
    shown = rows_in_table(opened)
    assert shown == worst_first(exploration, cell)[: len(shown)]
    opened.page.click("text=Clear >> visible=true")
    settle(opened)
    assert text(opened, ".lists-title") == "All 240 samples"


def test_heads_sort_both_ways_and_back(opened: Opened) -> None:
    exploration = speech()
    label = exploration.find_column("label")
    head = ".lists-table thead th:has-text('true class')"
    opened.page.click(f"{head} >> nth=0")
    settle(opened)
    names = [label.values[label.codes[i]] for i in rows_in_table(opened)]  # type: ignore[union-attr]
    assert set(names) == {"Angry"}  # by the alphabet
    assert opened.page.get_attribute(f"{head} >> nth=0", "aria-sort") == "ascending"
    opened.page.click(f"{head} >> nth=0")
    settle(opened)
    assert {label.values[label.codes[i]] for i in rows_in_table(opened)} == {"Surprised"}  # type: ignore[union-attr]
    assert "by true class, backward" in text(opened, "#table .lists-about")
    opened.page.click("text=Worst first")
    settle(opened)
    assert rows_in_table(opened)[0] == worst_first(exploration)[0]


def test_keyboard_walks_the_table_and_the_samples(opened: Opened) -> None:
    order = worst_first(speech())
    opened.page.focus(".lists-table")
    opened.page.keyboard.press("ArrowDown")
    opened.page.keyboard.press("ArrowDown")
    opened.page.keyboard.press("Enter")
    assert opened.page.evaluate("latentscape.state.choice.focus") == order[2]
    settle(opened)
    assert text(opened, "#inspector .lists-about") == "3 of 240"
    for key, at in (("j", 3), ("j", 4), ("k", 3)):
        opened.page.keyboard.press(key)
        assert opened.page.evaluate("latentscape.state.choice.focus") == order[at]
    opened.page.keyboard.press("End")
    settle(opened)
    assert rows_in_table(opened)[-1] == order[-1]
    active = opened.page.get_attribute(".lists-table", "aria-activedescendant")
    assert opened.page.get_attribute(f"#{active}", "data-row") == str(order[-1])
    opened.page.keyboard.press("Escape")
    settle(opened)
    assert opened.page.is_hidden("#inspector")


def test_a_click_on_a_row_shows_its_sample(opened: Opened) -> None:
    opened.page.click(".lists-table tbody tr >> nth=2")
    assert opened.page.evaluate("latentscape.state.choice.focus") == worst_first(speech())[2]
    settle(opened)
    assert opened.page.get_attribute(".lists-table tbody tr >> nth=2", "aria-selected") == "true"


def test_inspector_tells_what_the_model_makes_of_a_sample(opened: Opened) -> None:
    exploration = speech()
    row = int(np.flatnonzero(cell_of(exploration))[0])
    inspect(opened, row)
    assert text(opened, ".lists-heading") == exploration.ids[row]  # type: ignore[index]
    assert text(opened, ".lists-verdict").replace("\n", "") == "Sad taken for Angry"
    shares = opened.page.locator(".lists-bars li").all_inner_texts()
    assert [share.split()[0] for share in shares] == ["Angry", "Fearful", "Disgust"]
    assert "Sad, the true class, is not among the 3 most probable." in text(opened, ".lists-shares")
    lines = rows_of(opened, ".lists-neighbors li")
    nearest = exploration.neighbors[0].rows[row]
    assert lines == nearest.tolist()
    label = exploration.find_column("label")
    same = int((label.codes[nearest] == SAD).sum())  # type: ignore[union-attr]
    assert text(opened, ".lists-neighbors .lists-agreement").startswith(f"{same} of 10 nearest ")
    opened.page.click(".lists-neighbors li >> nth=0 >> .lists-walk")
    assert opened.page.evaluate("latentscape.state.choice.focus") == nearest[0]


def test_neighbors_are_those_of_the_layer_that_is_shown(opened: Opened) -> None:
    exploration = speech()
    inspect(opened, 7)
    choose(opened, "{ frame: 4 }")
    opened.wait("document.querySelector('.lists-neighbors h3').innerText.includes('cnn')")
    lines = rows_of(opened, ".lists-neighbors li")
    assert lines == exploration.neighbors[2].rows[7].tolist()


def test_one_sound_plays_at_a_time(opened: Opened) -> None:
    inspect(opened, 5)
    big, slider = ".lists-player .lists-play", ".lists-wave"
    opened.page.click(big)
    opened.wait("document.querySelector('.lists-wave').getAttribute('aria-valuenow') > 0")
    assert opened.page.get_attribute(big, "aria-pressed") == "true"
    wide = opened.page.locator(slider).bounding_box()
    opened.page.mouse.click(wide["x"] + 0.8 * wide["width"], wide["y"] + 10)
    opened.wait("document.querySelector('.lists-wave').getAttribute('aria-valuenow') > 2.2")
    opened.page.evaluate("document.activeElement.blur()")
    opened.page.keyboard.press(" ")
    opened.wait("document.querySelector('.lists-player .lists-play').getAttribute('aria-pressed') === 'false'")
    opened.page.keyboard.press(" ")
    other = opened.page.locator(".lists-table tbody .lists-play").first
    other.click()
    opened.wait("document.querySelector('.lists-table .lists-play[aria-pressed=true]')")
    assert opened.page.get_attribute(big, "aria-pressed") == "false"
    assert opened.page.locator("[aria-pressed=true][data-plays]").count() == 1


def test_waveform_keys_seek(opened: Opened) -> None:
    inspect(opened, 6)
    opened.page.focus(".lists-wave")
    for _ in range(3):
        opened.page.keyboard.press("ArrowRight")
        settle(opened)
    opened.wait("document.querySelector('.lists-wave').getAttribute('aria-valuenow') > 0.4")
    assert opened.page.get_attribute(".lists-wave", "aria-valuemax") == "3.0"


def test_a_sound_that_is_gone_says_so(chromium: Any, speech_path: Path) -> None:
    with open_page(chromium, speech_path) as opened:
        inspect(ready(opened), SILENT)
        opened.page.click(".lists-player .lists-play")
        opened.wait("!document.querySelector('.lists-problem').hidden")
        assert "its file is not where it was" in text(opened, ".lists-problem")
        asked = [problem for problem in opened.problems if problem.startswith("asks")]
        assert all(problem.endswith("clips/gone.wav") for problem in asked)


def test_find_counts_and_clears(opened: Opened) -> None:
    opened.page.keyboard.press("/")
    opened.page.keyboard.insert_text("actor_03 SAD")
    opened.wait("document.querySelector('#find').dataset.found !== ''")
    settle(opened)
    found = int(opened.page.get_attribute("#find", "data-found"))
    assert found > 0
    assert text(opened, ".lists-found") == f"{found} found"
    assert text(opened, ".lists-title") == f"{found} shown with “actor_03 SAD” of 240"
    opened.page.keyboard.press("Enter")
    opened.wait("latentscape.state.choice.focus >= 0")
    assert "Actor_03" in text(opened, ".lists-heading")
    opened.page.keyboard.press("Escape")
    opened.wait("document.querySelector('#find').dataset.found === ''")
    assert opened.page.evaluate("latentscape.state.choice.found") is None


CHOICES = """{
  frame: 3, shape: "", showTrust: false, density: "on", focus: 17, view: { x: 0.25, y: -0.5, zoom: 3 },
  sort: { key: "speaker", descending: true },
  filters: new Map([["label", new Set([4, 5, 0])], ["true_probability", [0.1, 0.6]], ["@trust", [-Infinity, 0.9]]]),
  selection: { kind: "lasso", frame: 0, polygon: [[0, 0], [65535, 0], [65535, 65535], [0, 65535]] },
}"""
TOLD = """(() => { const { choice, nShown } = latentscape.state;
  const filters = [...choice.filters].map(([key, kept]) => [key, [...kept].map(String).sort()]);
  return JSON.stringify([choice.frame, choice.shape, choice.showTrust, choice.density, choice.focus, choice.sort,
    choice.selection, filters, nShown, choice.query]); })()"""


def test_a_link_brings_back_what_was_shown(opened: Opened) -> None:
    choose(opened, CHOICES)
    opened.page.fill(".lists-find", "actor")
    opened.wait("location.hash.includes('q=actor')")
    before = opened.page.evaluate(TOLD)
    written = opened.page.evaluate("location.hash")
    for part in (
        "map=umap_encoder",
        "f.label=Sad,Angry,~",
        "f.true_probability=0.1..0.6",
        "f.@trust=..0.9",
        "sort=-speaker",
        "i=17",
    ):
        assert part in written
    opened.page.reload()
    ready(opened)
    opened.wait("latentscape.state.choice.found !== null")
    assert opened.page.evaluate(TOLD) == before
    assert opened.page.input_value(".lists-find") == "actor"
    opened.page.evaluate("location.hash = 'map=tsne_cnn&sel=cell:Sad,Angry'")
    opened.wait("latentscape.state.choice.selection?.kind === 'cell'")
    opened.wait("latentscape.state.choice.found === null")
    settle(opened)
    assert text(opened, ".lists-title") == f"{cell_of(speech()).sum()} Sad taken for Angry of 240"
    assert opened.page.evaluate("[latentscape.state.choice.focus, latentscape.state.choice.filters.size]") == [-1, 0]
    opened.page.evaluate("location.hash = 'sel=rows:3,17,20-22'")
    opened.wait("latentscape.state.choice.selection?.kind === 'rows'")
    settle(opened)
    assert text(opened, ".lists-title") == "5 picked of 240"
    opened.page.evaluate("location.hash = 'bars=probability'")
    opened.wait("document.querySelector('#distribution-of').value === 'probability'")
    opened.page.evaluate("location.hash = 'map=tsne_mlp'")
    opened.wait("document.querySelector('#distribution-of').value === 'true_probability'")


BAD_LINKS = (
    "map=nowhere", "f.label=Sad,Nobody", "f.none=1", "f.true_probability=a..b", "sel=cell:Sad", "sel=rows:3,999999",
    "sel=rows:-1", "sel=lasso:tsne_mlp:1,2,x", "sel=lasso:tsne_mlp:1,2", "i=1e9", "i=__proto__", "view=1,2,0",
    "view=1,2", "q=%E0%A4%A", "constructor=1", "__proto__=1", "trust=constructor", "density=toString", "color=nothing",
    "sort=%00",
)  # fmt: skip


def test_a_bad_link_is_left_out_and_said(opened: Opened) -> None:
    clean = opened.page.evaluate(TOLD)
    for bad in BAD_LINKS:
        opened.page.evaluate("(hash) => { location.hash = hash; }", bad)
        opened.wait("!document.querySelector('.lists-remark').hidden")
        assert text(opened, ".lists-remark").startswith("Of this link was left out: "), bad
        assert opened.page.evaluate(TOLD) == clean, bad
        opened.page.evaluate("document.querySelector('.lists-remark').hidden = true")


def test_copy_link_in_a_file(opened: Opened, speech_path: Path) -> None:
    choose(opened, "{ focus: 4 }")
    opened.page.evaluate(
        "document.execCommand = (name) => { window.copied = document.activeElement.value; return true; }"
    )
    opened.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    opened.page.click("text=Copy link")
    opened.wait("!document.querySelector('.lists-remark').hidden")
    assert text(opened, ".lists-remark") == "Link copied."
    assert opened.page.evaluate("window.copied") == f"{speech_path.as_uri()}#map=tsne_mlp&color=label&i=4"


def test_files_hold_the_selection(opened: Opened, tmp_path: Path) -> None:
    duckdb, parquet = pytest.importorskip("duckdb"), pytest.importorskip("pyarrow.parquet")
    exploration = speech()
    choose(opened, f"{{ selection: {{ kind: 'cell', truth: {SAD + 1}, said: {ANGRY + 1} }} }}")
    order = worst_first(exploration, cell_of(exploration))
    ids = [exploration.ids[row] for row in order]  # type: ignore[index]
    path = save(opened, "Parquet", tmp_path)
    table = parquet.read_table(path)
    assert table.column_names == ["id", "row"]
    assert table["row"].to_pylist() == order
    assert table["id"].to_pylist() == ids
    assert duckdb.sql(f"select id, row from '{path}'").fetchall() == list(zip(ids, order, strict=True))
    lines = read_csv(save(opened, "Save CSV", tmp_path))
    assert [line["id"] for line in lines] == ids
    assert {line["label"] for line in lines} == {"Sad"}
    assert [float(line["true_probability"]) for line in lines] == sorted(
        float(line["true_probability"]) for line in lines
    )


def save(opened: Opened, button: str, folder: Path) -> Path:
    with opened.page.expect_download() as download:
        opened.page.click(f"text={button}")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def test_hostile_texts_are_only_text(chromium: Any, tmp_path: Path) -> None:
    exploration = hostile()
    with open_page(chromium, write_page(exploration, tmp_path / "explorer.html")) as opened:
        ready(opened)
        inspect(opened, 0)
        assert (
            opened.page.locator(
                "#table b, #table script, #table img, #inspector b, #inspector script, #inspector img"
            ).count()
            == 0
        )
        assert "</script><script>alert(1)</script>" in text(opened, "#inspector")
        lines = read_csv(save(opened, "Save CSV", tmp_path))
        shown = opened.page.evaluate("[...Array(60).keys()].map((row) => latentscape.state.data.textOf('=note', row))")
        notes = {int(line["row"]): line["'=note"] for line in lines}
        assert notes == {row: guard_cell(note) for row, note in enumerate(shown)}
        assert any(note.startswith("'=") for note in notes.values())
        path = save(opened, "Parquet", tmp_path)
        held = pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()
        names = opened.page.evaluate("[...Array(60).keys()].map((row) => latentscape.state.data.idOf(row))")
        assert {each["row"]: each["id"] for each in held} == dict(enumerate(names))
        assert opened.problems == []
        assert opened.violations() == []


def test_retrieval_shows_what_is_found(chromium: Any, tmp_path: Path) -> None:
    exploration = build_exploration("embeddings", n=N)
    ranked = exploration.ranked
    assert ranked is not None
    with open_page(chromium, write_page(exploration, tmp_path / "explorer.html"), dark=True) as opened:
        inspect(ready(opened), 3)
        marks = opened.page.locator(".lists-ranked .lists-mark .lists-unseen").all_text_contents()
        marks = [mark.partition(", ")[2] for mark in marks]
        assert marks == [("wrong", "right", "near copy of a right one")[mark] for mark in ranked.marks[3]]
        rows = rows_of(opened, ".lists-ranked li")
        assert rows == ranked.rows[3].tolist()
        start, end = ranked.hard_ends[2], ranked.hard_ends[3]
        order = start + np.argsort(-ranked.hard_similarities[start:end], kind="stable")
        hard = rows_of(opened, ".lists-hard li")
        assert hard == ranked.hard_rows[order].tolist()
        types = [ranked.hard_types[i] for i in order if ranked.hard_types[i]]
        assert [f"differs in {each}" for each in types] == opened.page.locator(".lists-hard em").all_inner_texts()[1:]
        opened.page.fill(".lists-find", "quan 10")
        opened.wait("document.querySelector('#find').dataset.found !== ''")
        texts = exploration.find_column("text").values  # type: ignore[union-attr]
        expected = [i for i, each in enumerate(texts) if "Quận" in each and "10" in f"{each} {exploration.ids[i]}"]  # type: ignore[index]
        assert opened.page.evaluate("[...latentscape.state.rows]") == expected
        assert opened.problems == []


def test_a_long_table_keeps_few_rows(chromium: Any, tmp_path: Path) -> None:
    n = 100_000
    with open_page(chromium, write_page(build_large(n), tmp_path / "explorer.html")) as opened:
        ready(opened)
        opened.page.wait_for_timeout(500)
        opened.page.focus(".lists-table")
        for key, last in (("End", n), ("ArrowUp", n), ("Home", None)):
            opened.page.keyboard.press(key)
            settle(opened)
            lines = opened.page.locator(".lists-table tbody tr")
            assert 3 <= lines.count() <= 40
            assert (lines.last if last else lines.first).get_attribute("aria-rowindex") == str(n + 1 if last else 2)
        choose(opened, '{ sort: { key: "price", descending: true } }')
        prices = opened.page.evaluate("[...latentscape.state.numbers('price')]")
        shown = [prices[row] for row in rows_in_table(opened)]
        assert shown == sorted(prices, reverse=True)[: len(shown)]
        assert opened.problems == []


def break_page(text: str, way: str) -> str:
    """The page with its payload cut, of another version, unreadable or gone."""
    start = text.index('id="payload">') + len('id="payload">')
    end = text.index("</script>", start)
    data = bytearray(base64.b64decode(text[start:end]))
    if way == "cut short":
        data = data[: len(data) // 3 * 2]
    elif way == "version 7":
        data[8] = 7
    elif way == "cannot be unpacked":
        data[30:60] = bytes(30)
    payload = {"no letters": "no letters!", "holds no data": ""}.get(way, base64.b64encode(data).decode())
    return text[:start] + payload + text[end:]


def test_a_damaged_page_says_what_to_do(chromium: Any, tmp_path: Path) -> None:
    path = tmp_path / "explorer.html"
    text = render_explorer(build_exploration(n=200), style=Style())
    page = chromium.new_context(offline=True).new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for way in ("cut short", "version 7", "cannot be unpacked", "no letters", "holds no data"):
        path.write_text(break_page(text, way), encoding="utf-8")
        page.goto(path.as_uri())
        told = page.locator("#map [role=alert]").inner_text()
        assert way.replace("no letters", "cannot be unpacked") in told and "latentscape open" in told, way
    path.write_text(text[: text.index("</script>")], encoding="utf-8")
    page.goto(path.as_uri())
    page.locator("#waiting").wait_for(state="visible")
    assert "incomplete" in page.locator("#waiting").inner_text()
    assert errors == []
    page.context.close()


def test_pictures_are_seen_beside_the_page(chromium: Any, tmp_path: Path) -> None:
    exploration = build_exploration("map", n=30)
    for i in range(30):
        (tmp_path / f"pic {i}.png").write_bytes(PIXEL)
    links = tuple(None if i == 4 else "gone.png" if i == 5 else f"pic%20{i}.png" for i in range(30))
    ids = tuple(f"pic {i}.png" for i in range(30))
    page = replace(exploration, ids=ids, media=Media(kind="image", links=links))
    with open_page(chromium, write_page(page, tmp_path / "explorer.html")) as opened:
        inspect(ready(opened), 0)
        opened.wait("document.querySelector('.lists-picture').naturalWidth > 0")
        assert opened.page.get_attribute(".lists-picture", "alt") == "pic 0.png"
        rows = rows_of(opened, ".lists-neighbors li")
        assert opened.page.locator(".lists-neighbors img").count() == len([row for row in rows if links[row]])
        inspect(opened, 4)
        assert "No picture of this sample was found." in text(opened, "#inspector")
        inspect(opened, 5)
        assert "This picture can't be shown" in opened.page.locator("#inspector [role=alert]").inner_text()
        assert [each for each in opened.problems if not each.startswith("asks file:") and "NOT_FOUND" not in each] == []


def test_a_comparison_says_what_changed(chromium: Any, tmp_path: Path) -> None:
    exploration = build_exploration("comparison", n=N)
    codes = np.arange(N) % 4
    values = ("broken", "fixed", "still wrong", "still right")
    colors = ("#d55e00", "#009e73", "#8a8f98", "#0072b2")
    change = Category(key="outcome", title="Change", codes=codes, values=values, colors=colors, about="From a to b")
    exploration = replace(exploration, columns=(*exploration.columns, change))
    with open_page(chromium, write_page(exploration, tmp_path / "explorer.html")) as opened:
        ready(opened)
        page, buttons = opened.page, opened.page.locator(".changes button")
        assert [each.split() for each in buttons.all_inner_texts()] == [
            ["fixed", "60"], ["broken", "60"], ["still", "wrong", "60"], ["still", "right", "60"]
        ]  # fmt: skip
        buttons.first.click()
        assert set(rows_in_table(opened)) <= set(np.flatnonzero(codes == 1).tolist())
        assert page.evaluate("latentscape.state.nShown") == 60
        page.click("#color-changes")
        assert page.evaluate("latentscape.state.choice.color") == "outcome"
        buttons.first.click()
        assert page.evaluate("latentscape.state.nShown") == N
        heads = page.locator(".lists-table thead th").all_inner_texts()
        assert heads[1:5] == ["true class", "answer of epoch_1", "answer of best_model", "Change"]
        assert "From a to b" not in heads[4] and "from a to b" in str(
            page.locator("th button").nth(4).get_attribute("title")
        )
        page.click("#play-checkpoints")
        opened.wait("latentscape.state.frame.checkpoint === 2")
        opened.wait("document.querySelector('#play-checkpoints').getAttribute('aria-pressed') === 'false'")
        inspect(opened, 0)
        assert page.locator(".lists-answers li").count() == 3
        assert opened.problems == []


def test_values_that_never_occur_are_not_listed(chromium: Any, tmp_path: Path) -> None:
    exploration = build_exploration("map", n=30)
    kind = Category(
        key="kind", title="kind", codes=np.arange(30) % 2 - 1, values=("hard negative", "other"), absent="none"
    )
    same = Numbers(key="same", title="same", values=np.full(30, 3.25))
    none = Numbers(key="none", title="none", values=np.full(30, np.nan))
    page = replace(exploration, columns=(kind, same, none), color="kind")
    with open_page(chromium, write_page(page, tmp_path / "explorer.html")) as opened:
        ready(opened)
        assert opened.page.locator("#legend-color .label").all_inner_texts() == ["hard negative", "none"]
        opened.page.select_option("#distribution-of", "same")
        places = opened.page.locator(".histogram rect").evaluate_all(
            "(bars) => bars.map((bar) => bar.getAttribute('x'))"
        )
        assert len(set(places)) == 1
        box = opened.page.locator(".histogram").bounding_box()
        assert box
        opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert text(opened, "#distribution .about") == "3.250: 30 samples (15 none, 15 hard negative)."
        opened.page.select_option("#distribution-of", "none")
        assert text(opened, "#distribution .about") == "No sample has this number."
        choose(opened, '{ color: "none" }')
        assert opened.page.locator(".ramp").is_hidden()
        assert text(opened, "#legend-color .reason") == "30 unknown: gray"
        assert opened.problems == []

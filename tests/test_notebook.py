"""Runs that show themselves in a notebook, and the frame they do it in."""

import dataclasses
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import latentscape
from latentscape.compare import ComparisonStudy
from latentscape.embeddings_study import EmbeddingsStudy
from latentscape.errors import DataError
from latentscape.feature_maps import FeatureMaps
from latentscape.figures.style import Style
from latentscape.latents_study import LatentsStudy
from latentscape.notebook import LARGEST_PAGE, POLICY, Explorable, Explorer, frame_page, open_run
from latentscape.pages.explorer_page import render_explorer
from tests.browser import open_page
from tests.exploration_values import build_exploration
from tests.run_folders import edit_manifest, replace_file, write_classifier_run


@dataclasses.dataclass(frozen=True)
class Made(Explorable):
    """What a study returns, without its findings."""

    folder: Path


PNG = b"\x89PNG\r\n\x1a\n a picture"
PAGE = """<!DOCTYPE html><title>"q" & 'a' &amp; </iframe></title><script>"</script>"""


class Frames(HTMLParser):
    """The attributes of every frame, and the text around them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.frames, self.tags, self.words = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.frames += [dict(attrs)] if tag == "iframe" else []

    def handle_data(self, data):
        self.words += data


@pytest.fixture
def folder(tmp_path) -> Path:
    """A finished run with a page, a picture, and files of other kinds."""
    run = write_classifier_run(tmp_path / "run <b>")
    replace_file(run, "explorer.html", PAGE.encode())
    replace_file(run, "confusion_matrix.png", PNG)
    return edit_manifest(run, files=["confusion_matrix.png", "explorer.html", "report.md", "samples.parquet", 7])


def test_a_run_gives_scores_samples_and_pictures(folder):
    run = latentscape.open_run(str(folder))
    assert (run.study, run.path, run.scores["accuracy"]) == ("latents", folder, 0.5)
    assert run.samples.column("id").to_pylist() == ["a", "b", "c", "d"]
    assert list(run.figures) == ["confusion_matrix"]
    assert "explorer" not in run.figures
    for name in ("confusion_matrix", "confusion_matrix.png"):
        assert run.figures[name] == PNG
        assert run.figures[name]._repr_png_() == PNG
    with pytest.raises(KeyError, match="there are: confusion_matrix"):
        run.figures["calibration"]
    assert repr(run) == f"latents run: {folder}"
    assert dataclasses.is_dataclass(run)


def test_it_shows_its_page_whole_in_a_frame_that_belongs_to_nobody(folder):
    run = open_run(folder)
    assert run.explore().path == folder / "explorer.html"
    shown = Frames(run.explore(height=500)._repr_html_())
    (frame,) = shown.frames
    assert (shown.tags, shown.words) == (["iframe"], "")
    assert frame["srcdoc"].endswith(f'{POLICY}">{PAGE}')
    assert frame["height"] == "500"
    assert set(frame["sandbox"].split()) == {"allow-scripts", "allow-downloads"}
    assert "src" not in frame
    assert Frames(run._repr_html_()).frames[0]["height"] == "720"


def test_a_page_too_large_for_a_cell_is_named_instead(folder):
    replace_file(folder, "explorer.html", b"x" * (LARGEST_PAGE + 1))
    shown = Frames(open_run(folder)._repr_html_())
    assert not shown.frames
    assert "20 MB" in shown.words
    assert str(folder / "explorer.html") in shown.words
    assert f"latentscape open {folder}" in shown.words
    assert shown.tags == ["p", "code", "code"]
    assert "Save it" in Explorer(page="x" * (LARGEST_PAGE + 1))._repr_html_()


def test_what_was_changed_is_not_shown(folder):
    (folder / "explorer.html").write_text("<script>steal()</script>")
    (folder / "confusion_matrix.png").write_bytes(b"other")
    run = open_run(folder)
    with pytest.raises(DataError, match="was changed"):
        run.explore()
    with pytest.raises(DataError, match="was changed"):
        run.figures["confusion_matrix"]
    shown = Frames(run._repr_html_())
    assert (shown.tags, "was changed" in shown.words) == (["p"], True)
    assert "run <b>" in shown.words


def test_no_picture_lies_elsewhere(folder):
    (folder.parent / "secret.png").write_bytes(PNG)
    replace_file(folder, "../secret.png", PNG)
    edit_manifest(folder, files=["../secret.png"])
    with pytest.raises(DataError, match="does not lie inside"):
        open_run(folder).figures["../secret"]


def test_a_run_without_maps_says_what_to_do(tmp_path):
    run = write_classifier_run(tmp_path / "run", columns={"tsne_mlp_x": None})
    shown = Frames(open_run(run)._repr_html_())
    assert (shown.tags, "no maps" in shown.words) == (["p"], True)
    assert not open_run(run).figures


def test_every_study_shows_itself_as_its_run_does(folder):
    for study in (LatentsStudy, EmbeddingsStudy, ComparisonStudy, FeatureMaps):
        assert issubclass(study, Explorable)
    made = Made(folder=folder)
    assert made._repr_html_() == open_run(folder)._repr_html_()
    assert made.explore(300).height == 300
    assert made.figures["confusion_matrix"] == PNG


def test_maps_that_were_not_written_show_themselves_too():
    features = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    made = latentscape.map(features, labels=["<b>a</b>", "b"] * 20, method="pca")
    (frame,) = Frames(made._repr_html_()).frames
    assert "<title>" in frame["srcdoc"]
    assert made.explore().path is None
    assert made.figures["maps"].startswith(b"\x89PNG")
    with pytest.raises(DataError, match="not written"):
        made.run  # noqa: B018


@pytest.mark.slow
def test_the_page_draws_plays_and_saves_in_a_cell(browser, tmp_path):
    page = render_explorer(build_exploration(n=60), style=Style())
    cell = tmp_path / "cell.html"
    cell.write_text(f"<!doctype html><title>notebook</title><p>a cell</p>{frame_page(page, height=700)}", "utf-8")
    with open_page(browser, cell) as opened:
        frame = opened.page.frames[1]
        frame.wait_for_selector("body[data-ready=true]")
        frame.wait_for_selector("body[data-drawn='60']")
        box = frame.locator("#map canvas").first.bounding_box()
        assert box["width"] > 300
        assert box["height"] > 150
        assert _count_colors(opened.page.screenshot(clip=box)) > 5  # points, not only ground
        frame.locator("#find input").fill("zzzz nothing")
        frame.wait_for_selector("body[data-hash*='q=zzzz']", state="attached")  # a cell has no address of its own
        assert (frame.url, opened.page.url) == ("about:srcdoc", cell.as_uri())
        frame.locator("#find input").fill("")
        with opened.page.expect_download() as saved:
            frame.get_by_role("button", name="Save CSV").click()
        assert len(saved.value.path().read_text("utf-8").splitlines()) == 61
        assert frame.evaluate("try { parent.document.title } catch (error) { error.name }") == "SecurityError"
        assert opened.problems == []


@pytest.mark.slow
def test_a_strangers_page_reaches_no_network(browser, tmp_path):
    page = """<!doctype html><body><img src="https://example.com/a.png"><link rel=stylesheet href="https://example.com/b.css">
<script>fetch("https://example.com/c").catch(() => { document.body.dataset.fetched = "no"; });</script>"""
    cell = tmp_path / "cell.html"
    cell.write_text(f"<!doctype html>{frame_page(page)}", "utf-8")
    with open_page(browser, cell) as opened:
        frame = opened.page.frames[1]
        frame.wait_for_selector("body[data-fetched=no]")
        refused = [each for each in opened.problems if "Content Security Policy" in each]
        for address in ("https://example.com/a.png", "https://example.com/b.css", "https://example.com/c"):
            assert any(address in each for each in refused)


def _count_colors(png: bytes) -> int:
    from io import BytesIO

    from PIL import Image

    pixels = np.asarray(Image.open(BytesIO(png)).convert("RGB"))
    return len(np.unique(pixels.reshape(-1, 3), axis=0))

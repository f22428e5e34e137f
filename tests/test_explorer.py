"""The page that every study writes last. What it holds is tested with the rooms that make it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from latentscape import explorer
from latentscape.errors import UsageError
from latentscape.explorer import sort_worst, write_explorer
from latentscape.figures.style import Style
from latentscape.run_reader import open_run
from latentscape.store import RunFolder

from .exploration_values import build_exploration

MANIFEST = {
    "study": "latents", "classes": ["Sad", "Calm"], "datasets": ["set"], "files": ["explorer.html"],
    "model": {"name": "a model", "checkpoint": "best.pt", "sha256": "ab"}, "settings": {},
}  # fmt: skip


def save_samples(folder):
    rng = np.random.default_rng(0)
    folder.save_json("scores.json", {})
    folder.save_table(
        "samples.parquet",
        {
            "id": ["set/1.wav", "set/2.wav", "set/3.wav"], "label": ["Sad", "Calm", "Sad"], "prediction": ["Sad"] * 3,
            "correct": [True, False, True], "probability": [0.9, 0.8, 0.7], "true_probability": [0.9, 0.2, 0.7],
            "dataset": ["set"] * 3, "speaker": ["a", "a", "b"], "suspect": [None] * 3,
            **{f"tsne_mlp_{end}": rng.random(3) for end in ("x", "y", "trust")},
        },
    )  # fmt: skip


def test_the_page_is_written_from_what_is_saved_and_named_in_the_manifest(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(explorer, "render_explorer", lambda found, style: seen.append(found) or "<p>page</p>")
    (tmp_path / "data").mkdir()
    soundfile.write(tmp_path / "data" / "2.wav", np.sin(np.arange(8000) / 9), 16_000)
    with RunFolder(tmp_path / "run") as folder:
        save_samples(folder)
        write_explorer(folder, MANIFEST, style=Style(), roots={"set": tmp_path / "data"})
        folder.finish(MANIFEST)
    assert (tmp_path / "run" / "explorer.html").read_text() == "<p>page</p>"
    assert open_run(tmp_path / "run").has("explorer.html")
    (found,) = seen
    assert found.n == 3 and found.media.links == (None, "../data/2.wav", None) and 1 in found.media.files


def test_a_folder_with_a_page_of_the_users_own_is_refused_before_any_work(tmp_path):
    (tmp_path / "explorer.html").write_text("mine")
    with pytest.raises(UsageError, match=r"explorer\.html"), RunFolder(tmp_path):
        pass
    assert (tmp_path / "explorer.html").read_text() == "mine"


def test_the_page_of_a_run_is_whole(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        save_samples(folder)
        write_explorer(folder, MANIFEST, style=Style())
        folder.finish(MANIFEST)
    page = (tmp_path / "run" / "explorer.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and "a model" in page and json.dumps(str(tmp_path)) not in page


def test_the_worst_samples_come_first():
    found = build_exploration("latents", n=5)
    numbers = found.find_column(found.answers[-1].worst)
    columns = (*(each for each in found.columns if each.key != numbers.key),)
    values = np.array([0.5, np.nan, 0.1, 0.5, 0.9])
    low = replace(found, columns=(*columns, replace(numbers, values=values, worst="low")))
    assert sort_worst(low).tolist() == [2, 0, 3, 4, 1]
    high = replace(found, columns=(*columns, replace(numbers, values=values, worst="high")))
    assert sort_worst(high).tolist() == [4, 0, 3, 2, 1]
    assert sort_worst(replace(found, columns=columns)).tolist() == [0, 1, 2, 3, 4]

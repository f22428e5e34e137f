"""The page that every study writes last. What it holds is tested with the rooms that make it."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from latentscape import explorer
from latentscape.errors import UsageError
from latentscape.exploration import N_PEAKS, Media
from latentscape.explorer import MAP_PAGE_IMAGES, name_map_page, show_one_map, sort_worst, write_pages
from latentscape.figures.style import Style
from latentscape.pages.explorer_page import render_explorer
from latentscape.run_reader import open_run
from latentscape.store import RunFolder

from .exploration_values import build_exploration
from .payload_reader import read_page

MANIFEST = {
    "study": "latents", "classes": ["Sad", "Calm"], "datasets": ["set"], "files": ["explorer.html"],
    "model": {"name": "a model", "checkpoint": "best.pt", "sha256": "ab"}, "settings": {},
}  # fmt: skip


WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 "


def save_samples(folder, *layers):
    rng = np.random.default_rng(0)
    folder.save_json("scores.json", {})
    folder.save_table(
        "samples.parquet",
        {
            "id": ["set/1.wav", "set/2.wav", "set/3.wav"], "label": ["Sad", "Calm", "Sad"], "prediction": ["Sad"] * 3,
            "correct": [True, False, True], "probability": [0.9, 0.8, 0.7], "true_probability": [0.9, 0.2, 0.7],
            "dataset": ["set"] * 3, "speaker": ["a", "a", "b"], "suspect": [None] * 3,
            **{f"{name}_{end}": rng.random(3) for name in ("tsne_mlp", *layers) for end in ("x", "y", "trust")},
        },
    )  # fmt: skip


def test_the_page_is_written_from_what_is_saved_and_named_in_the_manifest(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(explorer, "render_explorer", lambda found, style: seen.append(found) or "<p>page</p>")
    (tmp_path / "data").mkdir()
    soundfile.write(tmp_path / "data" / "2.wav", np.sin(np.arange(8000) / 9), 16_000)
    with RunFolder(tmp_path / "run") as folder:
        save_samples(folder)
        write_pages(folder, MANIFEST, style=Style(), roots={"set": tmp_path / "data"})
        folder.finish(MANIFEST)
    assert (tmp_path / "run" / "explorer.html").read_text() == "<p>page</p>"
    assert open_run(tmp_path / "run").has("explorer.html")
    (found,) = seen
    assert found.n == 3 and found.media.links == (None, "../data/2.wav", None) and 1 in found.media.files


def test_each_listed_map_has_a_page_of_its_own(tmp_path):
    files = ["explorer.html", "tsne_mlp_interactive.html", name_map_page("umap", "my layer"), "other_interactive.html"]
    with RunFolder(tmp_path / "run") as folder:
        save_samples(folder, "umap_my layer", "tsne_cnn")
        write_pages(folder, {**MANIFEST, "files": files}, style=Style())
    assert {path.name for path in (tmp_path / "run").glob("*.html")} == set(files[:3])
    pages = {name: (tmp_path / "run" / name).read_text(encoding="utf-8") for name in files[:3]}
    drawn = {name: [one["key"] for one in read_page(page).header["frames"]] for name, page in pages.items()}
    assert drawn[files[1]] == ["tsne_mlp"] and drawn[files[2]] == ["umap_my layer"]
    assert len(drawn["explorer.html"]) == 3
    assert "<h1>The my layer layer, drawn by UMAP</h1>" in pages[files[2]]
    assert "<title>mlp · t-SNE · a model · 3 samples</title>" in pages[files[1]]


def test_a_map_without_layers_is_named_by_its_method():
    assert (name_map_page("tsne"), name_map_page("umap", "a/b")) == (
        "tsne_interactive.html",
        f"umap_{explorer.safe_name('a/b')}_interactive.html",
    )
    found = build_exploration("map", n=20, title="prices.csv · 20 samples")
    one = show_one_map(found, found.frames[0])
    assert one.headline == "20 samples of prices.csv, drawn by t-SNE" and one.title.startswith("t-SNE · prices.csv")


def test_the_page_of_one_map_has_its_layers_neighbors_and_the_warning():
    found = build_exploration("latents", n=30)
    for frame in found.frames:
        one = show_one_map(found, frame)
        assert [near.layer for near in one.neighbors] == [frame.layer] and one.frames == (frame,)
        assert one.layers == (frame.layer,) and one.columns == found.columns
        assert frame.warning in one.headline
    assert any(frame.warning for frame in found.frames)


def with_sound(n):
    rng = np.random.default_rng(0)
    found = build_exploration("latents", n=n)
    assert found.ids
    media = Media(
        kind="audio", links=tuple(f"../data/{name}" for name in found.ids), files={0: b"ID3" + bytes(500_000)},
        seconds=rng.random(n), peaks=rng.integers(1, 256, (n, N_PEAKS), dtype=np.uint8),
    )  # fmt: skip
    return replace(found, media=media)


def with_pictures(n):
    rng = np.random.default_rng(0)
    return replace(build_exploration("latents", n=n), thumbnails={row: WEBP + rng.bytes(900) for row in range(n)})


def write_one_map(found):
    one = explorer._fit(show_one_map(found, found.frames[0]), sort_worst(found), MAP_PAGE_IMAGES)
    page = render_explorer(one, style=Style())
    assert len(page.encode()) <= 500_000
    return read_page(page).header


def test_the_page_of_one_map_is_small_and_links_what_is_large():
    media = write_one_map(with_sound(1_480))["media"]
    assert "clips" not in media and media["links"] and media["bars"] == 48
    assert 30 < write_one_map(with_pictures(1_480))["thumbnails"]["clipRows"]["n"] < 100
    write_one_map(build_exploration("embeddings", n=1_480))
    write_one_map(build_exploration("map", n=1_480))


@pytest.mark.parametrize(("megabytes", "expected"), [(4.0, 3), (0, 0), (0.0015, 1), ("much", 3)])
def test_thumbnails_travel_in_the_page_the_worst_samples_first(tmp_path, megabytes, expected):
    images = [WEBP + bytes([row]) * 800 for row in range(3)]
    with RunFolder(tmp_path / "run") as folder:
        save_samples(folder)
        folder.save_table("thumbnails.parquet", {"row": pa.array([0, 1, 2]), "image": pa.array(images)})
        write_pages(folder, {**MANIFEST, "settings": {"embed_images": megabytes}}, style=Style())
    read = read_page((tmp_path / "run" / "explorer.html").read_text(encoding="utf-8"))
    found = read.header["thumbnails"]
    if not expected:
        assert found is None
        return
    assert read.array(found["clipRows"]).tolist() == [1, 2, 0][:expected]  # the lowest probability first
    assert read.body[found["clips"] :][: read.array(found["clipEnds"])[0]] == images[1]


def test_a_folder_with_a_page_of_the_users_own_is_refused_before_any_work(tmp_path):
    (tmp_path / "explorer.html").write_text("mine")
    with pytest.raises(UsageError, match=r"explorer\.html"), RunFolder(tmp_path):
        pass
    assert (tmp_path / "explorer.html").read_text() == "mine"


def test_the_page_of_a_run_is_whole(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        save_samples(folder)
        write_pages(folder, MANIFEST, style=Style())
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

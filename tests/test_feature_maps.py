"""`latentscape map` and its Python call, from whatever holds features to the run folder."""

import hashlib
import json
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

import latentscape
from latentscape import feature_maps, layer_maps
from latentscape.errors import DataError, UsageError
from latentscape.exploring import explore_run
from latentscape.feature_maps import list_neighbors, study_features, tabulate
from latentscape.figures.style import Style
from latentscape.maps import MapOptions
from latentscape.neighbors import find_neighbors
from latentscape.pages.terminal import summarize_map
from latentscape.run_reader import open_run
from latentscape.settings import MapSettings

RNG = np.random.default_rng(0)
CLASSES = np.arange(60) % 3
FEATURES = (RNG.normal(size=(3, 8))[CLASSES] * 3 + RNG.normal(size=(60, 8))).astype(np.float32)
KINDS = np.array(["đỏ", "lam", "lục"])[CLASSES]
MAP_COLUMNS = "x", "y", "trust", "trustworthiness", "continuity"
FILES = [
    "maps.png", "tsne_interactive.html", "umap_interactive.html", "scores.json", "samples.parquet", "explorer.html",
]  # fmt: skip


def digests(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def features_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "features.parquet"
    table = pa.table({"id": [f"s{n}" for n in range(60)], "vector": FEATURES.tolist(), "kind": KINDS, "size": CLASSES})
    pq.write_table(table, path)
    return path


@pytest.fixture(scope="module")
def made(features_file, tmp_path_factory):
    """One run that several tests look at."""
    settings = MapSettings(labels="kind", shapes="size", ids="id", output=tmp_path_factory.mktemp("run"))
    return study_features(features_file, settings)


# -- the run folder -------------------------------------------------------------------------------------------------


def test_every_promised_file_is_there_and_in_the_manifest(made):
    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert manifest["study"] == "map"
    assert manifest["files"] == sorted(FILES)
    assert manifest["accounting"] == {"n_in": 60, "n_ok": 60, "skipped": [], "failed": []}
    assert manifest["settings"]["labels"] == "kind"
    assert set(FILES) < set(manifest["checksums"])
    for name in FILES:
        assert (made.folder / name).stat().st_size > 100, name


def test_the_samples_are_the_users_rows_with_their_places_and_trust(made):
    rows = pq.read_table(made.folder / "samples.parquet")
    of_maps = [f"{method}_{what}" for method in ("tsne", "umap") for what in MAP_COLUMNS]
    assert rows.column_names == ["id", "row", "kind", "size", *of_maps, "neighbors"]
    assert rows.column("id").to_pylist() == [f"s{n}" for n in range(60)]
    assert rows.column("row").to_pylist() == list(range(60))
    assert rows.column("kind").to_pylist() == KINDS.tolist()
    assert rows.column("size").to_pylist() == [str(number) for number in CLASSES]
    for method, drawn in made.maps.items():
        xy = np.column_stack([rows.column(f"{method}_{axis}").to_numpy() for axis in "xy"])
        assert np.array_equal(xy, drawn.latent_map.xy)
        assert np.isfinite(xy).all()
        recall = made.scores[f"neighbor_recall_{method}"].value
        assert rows.column(f"{method}_trust").to_numpy().mean() == pytest.approx(recall)
    assert not rows.schema.metadata


def test_neighbors_are_what_embedding_atlas_takes(made):
    column = pq.read_table(made.folder / "samples.parquet").column("neighbors")
    assert [column.type.field(n).name for n in range(2)] == ["ids", "distances"]
    unit = FEATURES / np.linalg.norm(FEATURES, axis=1, keepdims=True)
    distances = 1 - unit.astype(np.float64) @ unit.T
    for row, near in enumerate(column.to_pylist()):
        assert len(near["ids"]) == 15
        assert row not in near["ids"]
        assert near["distances"] == pytest.approx(np.sort(np.delete(distances[row], row))[:15], abs=1e-5)
        assert near["distances"] == pytest.approx(distances[row, near["ids"]], abs=1e-5)


def test_the_scores_are_those_of_every_map(made):
    scores = json.loads((made.folder / "scores.json").read_text())
    names = "neighbor_recall", "trustworthiness", "continuity", "shepard_spearman", "triplet_accuracy"
    for name in names:
        for method in ("tsne", "umap"):
            assert scores[f"{name}_{method}_n"] == 60
            assert scores[f"{name}_{method}_low"] <= scores[f"{name}_{method}"] <= scores[f"{name}_{method}_high"]


def test_the_same_again_computes_nothing_and_changes_no_byte(made, features_file, monkeypatch):
    before = digests(made.folder)
    monkeypatch.setattr(layer_maps, "find_neighbors", lambda *_, **__: pytest.fail("searched again"))
    monkeypatch.setattr(layer_maps, "make_map", lambda *_, **__: pytest.fail("drawn again"))
    study_features(features_file, MapSettings(labels="kind", shapes="size", ids="id", output=made.folder))
    assert digests(made.folder) == before


def test_the_same_elsewhere_gives_the_same_bytes(made, features_file, tmp_path):
    study_features(features_file, MapSettings(labels="kind", shapes="size", ids="id", output=tmp_path / "fresh"))
    first, second = digests(made.folder), digests(tmp_path / "fresh")
    assert first.keys() == second.keys()
    assert {name for name in first if first[name] != second[name]} == {"manifest.json"}  # it names its own folder


@pytest.mark.slow
def test_another_choice_redraws_only_what_it_concerns(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_maps, "_write", lambda _folder, made, _progress: made)  # pictures take a second
    drawn, real = [], layer_maps.make_map
    monkeypatch.setattr(layer_maps, "make_map", lambda *of, **how: drawn.append(how["method"]) or real(*of, **how))
    asked = {}
    for change, expected in (
        ({}, ["tsne", "umap"]),
        ({"labels": KINDS[:30], "dark": True}, []),
        ({"min_dist": 0.4}, ["umap"]),
        ({"perplexity": 5}, ["tsne"]),
        ({"seed": 1}, ["tsne", "umap"]),
        ({"metric": "euclidean"}, ["tsne", "umap"]),
        ({"method": ["pca", "umap"]}, ["pca"]),
    ):
        asked |= change
        drawn.clear()
        latentscape.map(FEATURES[:30], output=tmp_path, **asked)
        twice = [method for method in expected for _ in range(1 if method == "pca" else 2)]  # once more for stability
        assert drawn == twice, change


def test_stability_is_measured_where_it_is_cheap_or_asked_for(monkeypatch):
    assert {"stability_tsne", "stability_umap"} <= latentscape.map(FEATURES).scores.keys()
    monkeypatch.setattr(feature_maps, "MapPlan", partial(feature_maps.MapPlan, redraw_up_to=len(FEATURES) - 1))
    assert "stability_tsne" not in latentscape.map(FEATURES, method="tsne").scores
    asked = latentscape.map(FEATURES, method=("tsne", "pca"), stability=True).scores
    assert 0.3 < asked["stability_tsne"].value <= 1
    assert "stability_pca" not in asked


def test_trust_marks_can_be_hidden(monkeypatch):
    made = latentscape.map(FEATURES, method="tsne", hide_trust=True)
    assert not feature_maps._choose_style(made.settings).show_trust
    assert feature_maps._choose_style({**made.settings, "hide_trust": False}).show_trust


# -- the Python call ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def called():
    return latentscape.map(FEATURES, labels=KINDS, method="pca")


def test_values_without_files(called, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = latentscape.map(FEATURES.tolist(), method="pca")
    assert (made.folder, made.files) == (None, ())
    assert not list(tmp_path.iterdir())
    assert np.array_equal(made.maps["pca"].latent_map.xy, called.maps["pca"].latent_map.xy)
    assert made.findings.source == "array"
    assert called.findings.label_names == ("lam", "lục", "đỏ")


@pytest.mark.parametrize(
    "values",
    [torch.from_numpy(FEATURES).requires_grad_(), pa.table({"v": FEATURES.tolist()}), list(FEATURES)],
    ids=["tensor", "table", "rows"],
)
def test_whatever_holds_the_features_gives_the_same_map(called, values):
    made = latentscape.map(values, labels=SimpleNamespace(name="color", to_numpy=lambda: KINDS), method=("pca",))
    assert np.array_equal(made.maps["pca"].latent_map.xy, called.maps["pca"].latent_map.xy)
    assert made.findings.label_column == "color"


def test_a_saved_map_is_the_run_folder_that_output_writes(called, tmp_path):
    saved = called.save(tmp_path / "saved")
    written = latentscape.map(FEATURES, labels=KINDS, method="pca", output=tmp_path / "written")
    first, second = digests(tmp_path / "saved"), digests(tmp_path / "written")
    assert {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)} == {"manifest.json"}
    assert saved.folder == tmp_path / "saved"
    files = {"maps.png", "pca_interactive.html", "scores.json", "samples.parquet", "explorer.html"}
    assert set(saved.files) == set(written.files) == files


def test_a_notebook_shows_the_picture(called):
    assert called._repr_png_().startswith(b"\x89PNG")
    assert called.figure().get_size_inches().min() > 2


def test_options_and_choices_are_the_same():
    by_name = latentscape.map(FEATURES, method="umap", n_neighbors=5, min_dist=0.5)
    by_options = latentscape.map(FEATURES, method="umap", options=MapOptions(n_neighbors=5, min_dist=0.5))
    default = latentscape.map(FEATURES, method="umap")
    assert np.array_equal(by_name.maps["umap"].latent_map.xy, by_options.maps["umap"].latent_map.xy)
    assert not np.array_equal(by_name.maps["umap"].latent_map.xy, default.maps["umap"].latent_map.xy)


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"perplexty": 3}, "did you mean `perplexity`"),
        ({"labels_": 3}, "unknown choice"),
        ({"method": "tsn"}, "did you mean `tsne`"),
        ({"method": ()}, "no method"),
        ({"metric": "manhattan"}, "cosine or euclidean"),
        ({"perplexity": 0.5}, "1 or more"),
        ({"perplexity": float("nan")}, "1 or more"),
        ({"n_neighbors": 1}, "2 or more"),
        ({"min_dist": 2}, "0 to 1"),
        ({"time_budget": 0}, "more than 0"),
        ({"seed": -1}, "--seed"),
        ({"max_samples": -1}, "--max-samples"),
        ({"layout_samples": 0}, "--layout-samples"),
        ({"quality": "beste"}, "fast or best"),
        ({"start": "random"}, "pca or spectral"),
    ],
    ids=str,
)
def test_bad_choices_are_refused_before_anything_is_read(choices, told):
    with pytest.raises(UsageError, match=told):
        latentscape.map(None, **choices)


@pytest.mark.parametrize("n", range(6))
@pytest.mark.parametrize("kind", ["random", "equal", "twins"])
def test_few_samples(n, kind):
    features = {"random": FEATURES[:n], "equal": np.ones((n, 3)), "twins": FEATURES[[0, 0, 1, 1, 2, 2][:n]]}[kind]
    if not n:
        with pytest.raises(DataError, match="no rows"):
            latentscape.map(features)
        return
    made = latentscape.map(features, method=("tsne", "umap", "pca"))
    columns = tabulate(made.findings, made.neighbors)
    assert np.isfinite([columns[f"{method}_{axis}"] for method in made.maps for axis in "xy"]).all()
    assert [len(near["ids"]) for near in columns["neighbors"].to_pylist()] == [n - 1] * n
    assert made.findings.n_kinds == len(np.unique(features, axis=0))


def test_names_of_ours_stay_ours(tmp_path):
    table = pa.table({"v": FEATURES.tolist(), "row": KINDS, "tsne_x": CLASSES})
    latentscape.map(table, labels="row", shapes="tsne_x", method="tsne", output=tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["settings"]["labels"] == "row"
    names = pq.read_table(tmp_path / "samples.parquet").column_names
    assert names[:3] == ["row", "row_2", "tsne_x_2"]
    latentscape.map(table, labels="row", shapes="row", method="pca", output=tmp_path)
    assert pq.read_table(tmp_path / "samples.parquet").column_names[:3] == ["row", "row_2", "pca_x"]


def test_rows_left_out_stay_known_by_their_number(tmp_path):
    features = FEATURES.copy()
    features[[3, 7]] = np.nan
    made = latentscape.map(features, method="pca", max_samples=50, output=tmp_path)
    rows = pq.read_table(tmp_path / "samples.parquet").column("row").to_pylist()
    assert len(rows) == 50
    assert not {3, 7} & set(rows)
    assert (made.findings.accounting.n_skipped, made.findings.accounting.n_failed) == (8, 2)


def test_the_column_of_neighbors_needs_no_lists():
    graph = find_neighbors(FEATURES, k=3)
    column = list_neighbors(graph)
    assert column.to_pylist()[7]["ids"] == graph.indices[7].tolist()
    assert str(column.type.field("ids").type) == "list<item: int32>"


# -- the command ----------------------------------------------------------------------------------------------------


def test_the_command_says_what_each_map_is_worth_and_where_to_look(features_file, tmp_path, run_command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run_command("map", features_file, "--labels", "kind", "--method", "pca,tsne")
    assert code == 0, err
    folder = tmp_path / "maps" / "features"
    assert {path.name for path in folder.iterdir()} > {"maps.png", "pca_interactive.html", "samples.parquet"}
    assert "features.parquet: 60 samples x 8 features, cosine distance" in out
    assert "PCA: " in out
    assert "trustworthiness " in out
    assert "60 in = 60 studied + 0 skipped + 0 failed" in out
    assert "open maps/features/explorer.html" in out
    assert "--x pca_x --y pca_y --neighbors neighbors" in out
    assert "column `vector` taken as the features" in err


def test_json_is_all_there_is_on_stdout_and_quiet_leaves_stderr_empty(features_file, tmp_path, run_command):
    words = ["map", features_file, "--method", "pca", "--output", tmp_path / "run", "--json"]
    code, out, _ = run_command(*words)
    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "run" / "scores.json").read_text())
    assert run_command(*words, "--quiet") == (0, out, "")


@pytest.mark.parametrize("kind", ["npy", "npz", "safetensors", "parquet", "csv", "tsv"])
def test_every_kind_of_file_gives_the_same_maps(kind, tmp_path):
    path = tmp_path / f"f.{kind}"
    rounded = np.char.mod("%.3f", FEATURES).astype(np.float64)
    delimiter = "\t" if kind == "tsv" else ","
    write = {
        "npy": lambda: np.save(path, rounded),
        "npz": lambda: np.savez(path, f=rounded),
        "safetensors": lambda: save_file({"f": torch.from_numpy(rounded)}, path),
        "parquet": lambda: pq.write_table(pa.table({"f": rounded.tolist()}), path),
        "csv": lambda: np.savetxt(path, rounded, delimiter=delimiter, fmt="%.3f"),
    }
    write[kind if kind != "tsv" else "csv"]()
    read, given = (latentscape.map(values, method="pca") for values in (path, rounded))
    assert np.array_equal(read.maps["pca"].latent_map.xy, given.maps["pca"].latent_map.xy)
    assert (read.findings.source, given.findings.source) == (path.name, "array")


@pytest.mark.slow
def test_nothing_heavy_is_imported(features_file, tmp_path):
    # not pandas: pyarrow imports it wherever it is installed
    heavy = "torch", "transformers", "sklearn", "polars", "umap", "openTSNE", "scranpy", "soundfile"
    code = (
        "import sys\n"
        "from latentscape.cli import main\n"
        "try:\n"
        f"    main(['map', {str(features_file)!r}, '--method', 'tsne,umap,pca', '--output', {str(tmp_path)!r}])\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"print('LOADED', sorted(set({heavy!r}) & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "LOADED []" in ended.stdout, ended.stderr


# -- more samples than are laid out ---------------------------------------------------------------------------------


def test_a_map_with_placed_samples_says_so_everywhere(tmp_path):
    made = latentscape.map(FEATURES, layout_samples=30, method="umap", output=tmp_path)
    said = "30 of 60 samples were placed beside the 30 that were laid out."
    assert made.maps["umap"].latent_map.notice == said
    table = pq.read_table(tmp_path / "samples.parquet")
    assert sum(table.column("umap_placed").to_pylist()) == 30
    assert said in summarize_map(made.findings)
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert (scores["placed_recall_umap_n"], scores["laid_out_recall_umap_n"]) == (30, 30)
    shown = explore_run(open_run(tmp_path), style=Style())
    assert said in shown.frames[0].warning
    assert (shown.color, shown.shape) == ("", "")
    assert [column.key for column in shown.columns] == ["umap_placed"]


def test_without_placed_samples_nothing_of_it_is_written(made):
    assert not [name for name in pq.read_schema(made.folder / "samples.parquet").names if "placed" in name]
    assert "placed" not in (made.folder / "scores.json").read_text()

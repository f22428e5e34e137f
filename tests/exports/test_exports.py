"""Finished runs as files of other programs: what is in them, read by those programs or by another library."""

import csv
import json
import shlex
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from latentscape import cli
from latentscape.errors import DataError, UsageError
from latentscape.exports import FORMATS, Exported, Format, export_run
from latentscape.exports.contents import list_maps
from latentscape.plain_text import safe_name
from latentscape.run_reader import open_run
from latentscape.store import RunFolder
from tests.run_folders import (
    edit_manifest,
    make_features,
    replace_file,
    write_classifier_run,
    write_retriever_run,
)

N = 4
NASTY = ["=1+1", "a\tb\nc", "Quận 10 \u2028\u202ex", ""]


def place(name: str, n: int = N, *, seed: int = 0) -> dict:
    """The columns of a map."""
    xy = np.random.default_rng(seed).normal(size=(n, 2))
    nan = np.full(n, np.nan)
    return {f"{name}_x": xy[:, 0], f"{name}_y": xy[:, 1], f"{name}_trust": np.linspace(0, 1, n),
            f"{name}_trustworthiness": nan, f"{name}_continuity": nan}  # fmt: skip


def keep_neighbors(folder: Path, layer: str, *, n: int = N, k: int = 3) -> np.ndarray:
    """Each sample's neighbors are those that follow it."""
    indices = (np.arange(n)[:, None] + np.arange(1, k + 1)) % n
    path = folder.parent / "neighbors.npz"
    np.savez(path, indices=indices.astype(np.int32), distances=np.tile(np.arange(1.0, k + 1), (n, 1)), recall=1.0)
    replace_file(folder, f"neighbors/{layer}.npz", path.read_bytes())
    return indices


@pytest.fixture
def classifier(tmp_path) -> Path:
    """Three layers, the logits read first; maps of two of them."""
    columns = {**place("umap_logits"), **place("tsne_logits", seed=1), **place("umap_mlp", seed=2),
               **place("tsne_mlp", seed=3),
               "probability": [0.5, 0.25, np.nan, 1.0], "correct": [True, False, None, True]}  # fmt: skip
    return write_classifier_run(tmp_path / "run", ids=[*NASTY[:3], "d"], columns=columns)


@pytest.fixture
def retriever(tmp_path) -> Path:
    return write_retriever_run(tmp_path / "run", columns=place("tsne_embedding", 8))


def write_map_run(folder: Path) -> Path:
    """A run of `latentscape map`: places and neighbors, and no features."""
    neighbors = pa.array([{"ids": [1, 2], "distances": [0.5, float("inf")]}] * 3)
    with RunFolder(folder) as run:
        theirs = {"x": ["left", "right", None], "tsne_mine_x": [1.0, 2.0, 3.0], "tsne_mine_y": [1.0, 2.0, 3.0]}
        run.save_table("samples.parquet", {"row": [0, 1, 2], **theirs, **place("umap", 3), **place("tsne", 3, seed=1),
                                           "neighbors": neighbors})  # fmt: skip
        run.save_json("scores.json", {})
        run.finish({"study": "map"})
    return folder


def list_files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# TensorBoard


@pytest.fixture
def ask():
    """What TensorBoard's own projector answers about a folder."""
    plugin_module = pytest.importorskip("tensorboard.plugins.projector.projector_plugin")
    from tensorboard.plugins.base_plugin import TBContext
    from werkzeug.test import Client

    def open_folder(folder: Path):
        plugin = plugin_module.ProjectorPlugin(TBContext(logdir=str(folder), data_provider=None))
        clients = {route: Client(app) for route, app in plugin.get_plugin_apps().items()}

        def answer(route: str, **query: str) -> bytes:
            got = clients[route].get("/", query_string={"run": ".", **query})
            assert got.status_code == 200, got.data
            return got.data

        return answer

    return open_folder


def read_tensor(answer, name: str, width: int) -> np.ndarray:
    return np.frombuffer(answer("/tensor", name=name), dtype=np.float32).reshape(-1, width)


def read_metadata(answer, name: str) -> list[list[str]]:
    return [line.split("\t") for line in answer("/metadata", name=name).decode().removesuffix("\n").split("\n")]


def test_tensorboard_reads_a_tensor_a_layer_and_what_is_known_of_each_sample(classifier, tmp_path, ask):
    done = export_run(classifier, to="tensorboard", output=tmp_path / "out")
    answer = ask(tmp_path / "out")
    config = json.loads(answer("/info"))["embeddings"]
    assert [(each["tensorName"], each["tensorShape"]) for each in config] == [
        ("mlp", [4, 5]), ("cnn", [4, 4]), ("logits", [4, 3])]  # fmt: skip
    for layer, width in (("mlp", 5), ("cnn", 4), ("logits", 3)):
        np.testing.assert_array_equal(read_tensor(answer, layer, width), np.load(classifier / f"features/{layer}.npy"))
    header, *rows = read_metadata(answer, "mlp")
    assert header == ["id", "label", "prediction", "dataset", "speaker", "probability", "correct"]
    assert [row[0] for row in rows] == ["=1+1", "a b c", "Quận 10 x", "d"]
    assert [row[-2:] for row in rows] == [["0.5", "yes"], ["0.25", "no"], ["-", "-"], ["1.0", "yes"]]
    assert shlex.split(done.command) == ["tensorboard", "--logdir", str(tmp_path / "out")]
    assert (tmp_path / "out" / "mlp.bytes").stat().st_size == 4 * 5 * 4
    assert set(done.files) == set((tmp_path / "out").iterdir())


def test_texts_that_share_a_row_of_features_each_get_it(tmp_path, ask):
    rows = np.array([2, 2, 0, 1, 1, 0, 2, 1])
    run = write_retriever_run(tmp_path / "run", columns={"feature_row": rows})
    export_run(run, to="tensorboard", output=tmp_path / "out")
    answer = ask(tmp_path / "out")
    assert [each["tensorName"] for each in json.loads(answer("/info"))["embeddings"]] == ["embedding", "encoder"]
    np.testing.assert_array_equal(read_tensor(answer, "embedding", 4), np.load(run / "features/embedding.npy")[rows])
    assert "feature_row" not in read_metadata(answer, "embedding")[0]


LINE_ENDS = float(np.frombuffer(b"\n\n\n\n", np.float32)[0])


@pytest.mark.parametrize("values", [[0.0] * 3, [2.0] * 3, [LINE_ENDS, 1 / 3, 1 / 3]])
def test_numbers_whose_bytes_could_be_text_are_written_as_text(values, tmp_path, ask):
    features = np.tile(np.array(values, dtype=np.float32), (4, 1))
    run = write_classifier_run(tmp_path / "run", layers={"mlp": features})
    export_run(run, to="tensorboard", output=tmp_path / "out", layer="mlp")
    assert sorted(path.name for path in (tmp_path / "out").iterdir())[1:] == ["mlp.tsv", "projector_config.pbtxt"]
    np.testing.assert_array_equal(read_tensor(ask(tmp_path / "out"), "mlp", 3), features)


def test_layers_of_any_name_become_files_and_strings_that_the_config_can_hold(tmp_path, ask):
    name = 'tầng "2" \\ của'
    with RunFolder(tmp_path / "run") as run:
        run.stage("features", {}, lambda: {name: make_features(N, 2)})
        run.save_table("samples.parquet", {"id": list("abcd")})
        run.save_json("scores.json", {})
        run.finish({"study": "latents"})
    export_run(tmp_path / "run", to="tensorboard", output=tmp_path / "out")
    answer = ask(tmp_path / "out")
    assert json.loads(answer("/info"))["embeddings"][0]["tensorName"] == name
    assert read_tensor(answer, name, 2).shape == (4, 2)
    assert read_metadata(answer, name) == [["id", "sample"], *([letter, str(row)] for row, letter in enumerate("abcd"))]


def test_a_run_without_features_shows_its_maps(tmp_path, ask):
    export_run(write_map_run(tmp_path / "run"), to="tensorboard", output=tmp_path / "out")
    answer, table = ask(tmp_path / "out"), pq.read_table(tmp_path / "run/samples.parquet")
    assert [each["tensorName"] for each in json.loads(answer("/info"))["embeddings"]] == ["tsne", "umap"]
    shown = read_tensor(answer, "tsne", 3)
    np.testing.assert_array_equal(shown[:, 0], table["tsne_x"].to_numpy().astype(np.float32))
    assert not shown[:, 2].any()


# Embedding Atlas


def test_the_atlas_gets_places_neighbors_and_columns(classifier, tmp_path):
    indices = keep_neighbors(classifier, "mlp")
    done = export_run(classifier, to="embedding-atlas", output=tmp_path / "new" / "out.parquet")
    table, samples = pq.read_table(done.path), pq.read_table(classifier / "samples.parquet")
    assert table.column_names == [
        "x", "y", "neighbors", "id", "label", "prediction", "dataset", "speaker", "probability", "correct"]  # fmt: skip
    np.testing.assert_array_equal(table["x"], samples["tsne_mlp_x"].to_numpy().astype(np.float32))
    assert [each["ids"] for each in table["neighbors"].to_pylist()] == indices.tolist()
    assert table["neighbors"][0].as_py()["distances"] == [1, 2, 3]
    assert shlex.split(done.command)[2:] == ["--x", "x", "--y", "y", "--neighbors", "neighbors", "--text", "id"]


def test_the_atlas_shows_the_layer_asked_for(classifier, tmp_path):
    done = export_run(classifier, to="embedding-atlas", output=tmp_path / "out.parquet", layer="logits")
    table, samples = pq.read_table(done.path), pq.read_table(classifier / "samples.parquet")
    np.testing.assert_array_equal(table["y"], samples["tsne_logits_y"].to_numpy().astype(np.float32))
    assert "neighbors" not in table.column_names


def test_columns_of_the_user_keep_apart_from_those_of_the_atlas(tmp_path):
    table = pq.read_table(
        export_run(write_map_run(tmp_path / "run"), to="embedding-atlas", output=tmp_path / "out.parquet").path
    )
    assert table.column_names == ["x", "y", "neighbors", "row", "x_2", "tsne_mine_x", "tsne_mine_y"]
    assert table["x_2"].to_pylist() == ["left", "right", None]
    assert table["neighbors"][2].as_py() == {"ids": [1, 2], "distances": [0.5, float("inf")]}


def test_a_comparison_shows_the_checkpoint_to_take(tmp_path):
    columns = {f"correct_{name}": [True] * N for name in ("a", "b_a")}
    for layer in ("cnn", "mlp", "logits"):
        for checkpoint in ("a", "b_a"):
            columns |= place(f"tsne_{layer}_{checkpoint}")
    run = write_classifier_run(tmp_path / "run", columns={"tsne_mlp_x": None, **columns})
    edit_manifest(run, study="comparison", compared="latents", recommended="b/a",
                  checkpoints=[{"name": "A"}, {"name": "b/a"}])  # fmt: skip
    maps = list_maps(open_run(run), list(columns))
    assert [(each.layer, each.checkpoint) for each in maps] == [
        ("mlp", "b_a"), ("mlp", "a"), ("cnn", "b_a"), ("cnn", "a"), ("logits", "b_a"), ("logits", "a")]  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_embedding_atlas_opens_what_it_gets(classifier, tmp_path, monkeypatch):
    atlas = pytest.importorskip("embedding_atlas.cli", reason="embedding-atlas is not installed")
    import zipfile
    from io import BytesIO

    from click.testing import CliRunner

    keep_neighbors(classifier, "mlp")
    monkeypatch.chdir(tmp_path)
    done = export_run(classifier, to="embedding-atlas", output=tmp_path / "out.parquet")
    words = [*shlex.split(done.command)[1:], "--degree", "--export-application", "site.zip"]
    ended = CliRunner().invoke(atlas.main, words, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    with zipfile.ZipFile("site.zip") as site:
        props = json.loads(site.read("data/metadata.json"))["props"]
        shown = pq.read_table(BytesIO(site.read("data/dataset.parquet")))
    assert props["data"]["projection"] == {"x": "x", "y": "y"}
    assert (props["data"]["neighbors"], props["data"]["text"]) == ("neighbors", "id")
    assert shown["id"].to_pylist() == [*NASTY[:3], "d"]
    assert shown["in_degree"].to_pylist() == [3] * N  # it followed the neighbors


# Tables


def test_parquet_has_one_value_in_each_cell(retriever, tmp_path):
    done = export_run(retriever, to="parquet", output=tmp_path / "out.parquet")
    table, samples = pq.read_table(done.path), pq.read_table(retriever / "samples.parquet")
    assert table.column_names == samples.column_names
    assert not any(pa.types.is_nested(field.type) for field in table.schema)
    assert table["right"].to_pylist() == ["[0]", "[1, 2]", "[3]", *[None] * 5]
    assert json.loads(table["hard_types"][2].as_py()) == [["price", "location"]]
    flat = [name for name in table.column_names if not pa.types.is_nested(samples.schema.field(name).type)]
    assert table.select(flat).to_pydict()["tsne_embedding_x"] == samples["tsne_embedding_x"].to_pylist()
    assert table["text"].to_pylist() == samples["text"].to_pylist()


def test_infinite_distances_are_null_in_json(tmp_path):
    done = export_run(write_map_run(tmp_path / "run"), to="parquet", output=tmp_path / "out.parquet")
    assert json.loads(pq.read_table(done.path)["neighbors"][0].as_py()) == {"ids": [1, 2], "distances": [0.5, None]}


def test_no_cell_of_a_csv_is_a_formula_and_what_is_unknown_is_empty(classifier, tmp_path):
    done = export_run(classifier, to="csv", output=tmp_path / "out.csv", layer="mlp")
    with done.path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["'=1+1", "a\tb\nc", "Quận 10 \u2028\u202ex", "d"]
    assert [(row["probability"], row["correct"]) for row in rows[1:3]] == [("0.25", "false"), ("", "")]
    assert [name for name in rows[0] if name.endswith("_x")] == ["tsne_mlp_x", "umap_mlp_x"]
    assert float(rows[3]["tsne_mlp_x"]) == pq.read_table(classifier / "samples.parquet")["tsne_mlp_x"][3].as_py()


# Refusals


@pytest.mark.parametrize("to", FORMATS)
def test_nothing_that_is_there_is_written_over(to, classifier, tmp_path):
    taken = tmp_path / "taken.parquet"
    taken.write_text("mine")
    (tmp_path / "full.parquet").mkdir()
    (tmp_path / "full.parquet" / "mine").touch()
    (tmp_path / "link.parquet").symlink_to(tmp_path / "nowhere")
    before = list_files(tmp_path)
    for name in ("taken.parquet", "full.parquet", "link.parquet", "run/new.parquet", "run"):
        with pytest.raises(UsageError) as refused:
            export_run(classifier, to=to, output=tmp_path / name)
        assert refused.value.fault == "output-foreign"
        assert refused.value.hint
    assert list_files(tmp_path) == before


def test_an_empty_folder_is_free_for_a_folder_only(classifier, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="there already"):
        export_run(classifier, to="csv", output=tmp_path / "empty")
    export_run(classifier, to="tensorboard", output=tmp_path / "empty")
    assert (tmp_path / "empty" / "projector_config.pbtxt").exists()


@pytest.mark.parametrize(
    ("choices", "fault", "words"),
    [
        ({"to": "tensorbord"}, "option-value", "did you mean `tensorboard`"),
        ({"to": "csv", "layer": "mpl"}, "layer-unknown", "did you mean `mlp`"),
        ({"to": "embedding-atlas"}, "option-value", "`.parquet`"),
        ({"to": "csv", "output": Path("a\0b")}, "output-unusable", "choose another"),
    ],
)
def test_wrong_choices_are_refused_with_the_next_step(choices, fault, words, classifier, tmp_path):
    with pytest.raises(UsageError) as refused:
        export_run(classifier, **{"output": tmp_path / "out", **choices})
    assert refused.value.fault == fault
    assert words in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_a_run_without_maps_has_nothing_for_the_atlas(tmp_path):
    run = write_classifier_run(tmp_path / "run", columns={"tsne_mlp_x": None})
    with pytest.raises(DataError) as refused:
        export_run(run, to="embedding-atlas", output=tmp_path / "out.parquet")
    assert refused.value.fault == "run-mapless"
    edit_manifest(run, checksums={name: value for name, value in open_run(run).manifest["checksums"].items()
                                  if name == "samples.parquet"})  # fmt: skip
    with pytest.raises(DataError, match="neither features nor maps"):
        export_run(run, to="tensorboard", output=tmp_path / "out")
    assert list(tmp_path.iterdir()) == [run]


def test_what_was_changed_or_does_not_fit_is_refused_and_nothing_is_left(classifier, tmp_path):
    replace_file(classifier, "features/mlp.npy", (classifier / "features/cnn.npy").read_bytes())
    short = tmp_path / "short.npy"
    np.save(short, make_features(3, 5))
    replace_file(classifier, "features/cnn.npy", short.read_bytes())
    with pytest.raises(DataError, match=r"3 rows for 4 samples"):
        export_run(classifier, to="tensorboard", output=tmp_path / "out")
    (classifier / "features/cnn.npy").write_bytes(b"changed")
    with pytest.raises(DataError, match="was changed"):
        export_run(classifier, to="tensorboard", output=tmp_path / "out2")
    for folder in (tmp_path / "out", tmp_path / "out2"):
        assert not (folder / "projector_config.pbtxt").exists()  # TensorBoard sees nothing


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4, 5, 6, 8], [0, 1, 2, 3, 4, 5, 6, -1], [0, 1, 2, 3, 4, 5, 6, None]])
def test_rows_that_are_not_there_are_refused(rows, tmp_path):
    run = write_retriever_run(tmp_path / "run", columns={"feature_row": rows})
    with pytest.raises(DataError, match="is not of its samples"):
        export_run(run, to="tensorboard", output=tmp_path / "out")


@pytest.mark.parametrize(
    "arrays",
    [
        {"indices": np.zeros((5, 2), int), "distances": np.zeros((5, 2))},
        {"indices": np.zeros(N, int), "distances": np.zeros(N)},
        {"indices": np.full((N, 2), N), "distances": np.zeros((N, 2))},
        {"indices": np.zeros((N, 2), int), "distances": np.full((N, 2), "x")},
        {"indices": np.zeros((N, 2), int)},
    ],
    ids=["other n", "no lists", "no samples", "no numbers", "no distances"],
)
def test_neighbors_that_do_not_fit_are_refused(arrays, classifier, tmp_path):
    np.savez(tmp_path / "odd.npz", **arrays)
    replace_file(classifier, "neighbors/mlp.npz", (tmp_path / "odd.npz").read_bytes())
    with pytest.raises(DataError, match="not the neighbors of its samples"):
        export_run(classifier, to="embedding-atlas", output=tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_neighbors_of_a_layer_are_found_by_the_name_of_its_file(tmp_path):
    name = "Encoder/Layer 3"
    run = write_classifier_run(tmp_path / "run", columns=place(f"tsne_{name}"))
    indices = keep_neighbors(run, safe_name(name))
    table = pq.read_table(export_run(run, to="embedding-atlas", output=tmp_path / "out.parquet").path)
    assert [each["ids"] for each in table.column("neighbors").to_pylist()] == indices.tolist()


@pytest.mark.parametrize("places", [["a", "b", "c", "d"], [0.0, 1.0, np.nan, 2.0], [0.0, 1.0, np.inf, 2.0]])
@pytest.mark.parametrize("to", ["embedding-atlas", "tensorboard"])
def test_places_that_are_none_are_refused(places, to, tmp_path):
    run = write_classifier_run(tmp_path / "run", columns={**place("tsne_mlp"), "tsne_mlp_x": places})
    edit_manifest(
        run,
        checksums={"samples.parquet": json.loads((run / "manifest.json").read_text())["checksums"]["samples.parquet"]},
    )
    with pytest.raises(DataError, match="no map"):
        export_run(run, to=to, output=tmp_path / "out.parquet")


def test_no_file_that_lies_elsewhere_is_read(classifier, tmp_path):
    record = json.loads((classifier / "stages/features.json").read_text())
    record["arrays"][0]["file"] = "../secret.npy"
    replace_file(classifier, "stages/features.json", json.dumps(record).encode())
    with pytest.raises(DataError, match="does not list the features"):
        export_run(classifier, to="tensorboard", output=tmp_path / "out")


# The command


def test_the_command_says_what_it_wrote_and_how_to_open_it(classifier, tmp_path, run_command):
    output = tmp_path / "with blank.parquet"
    code, out, err = run_command("export", classifier, "--to", "embedding-atlas", "--output", output)
    assert (code, out) == (0, f"4 samples: {output}\n")
    assert f"embedding-atlas '{output}'" in err
    code, out, err = run_command("export", classifier, "--to", "csv", "--output", output, "--quiet")
    assert (code, out) == (2, "")
    assert "nothing is written over" in err


def test_the_command_and_the_room_know_the_same_formats():
    assert get_args(cli.ExportFormat) == get_args(Format)
    assert isinstance(Exported(path=Path("a"), files=(), n_samples=0), Exported)

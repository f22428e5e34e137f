"""Bad input through the whole command: the promised exit code, a message that names the place and the next step, no
traceback, and not one byte outside the run folder. What only needs a verdict is a case in chaos/gauntlet."""

import fcntl
import json
import os
import shutil
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from PIL import Image

from latentscape.paths import is_file

pytestmark = pytest.mark.slow  # whole studies

MAPLESS = ("--skip-tsne", "--skip-umap")


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str
    run: Path

    def refused(self, code, *told):
        """The command said what is wrong, gave a next step, and finished no run."""
        assert self.code == code, self.err
        assert self.out == ""
        assert "Traceback" not in self.err
        for word in told:
            assert str(word) in self.err
        assert "hint: " in self.err
        assert not is_file(self.run / "manifest.json")

    def succeeded(self, n_ok, *told):
        """Every promised file is there, every place on every map is finite, every picture shows something."""
        assert self.code == 0, self.err
        assert "Traceback" not in self.err
        assert self.accounting["n_ok"] == n_ok
        report = (self.run / "report.md").read_text(encoding="utf-8")
        for word in told:
            assert str(word) in report
        rows = pq.read_table(self.run / "samples.parquet").to_pydict()
        places = [rows[name] for name in rows if name.endswith(("_x", "_y"))]
        assert places
        assert np.isfinite(places).all()
        pictures = list(self.run.glob("*.png"))
        assert pictures
        assert all(len(Image.open(picture).convert("L").getcolors()) > 2 for picture in pictures)
        assert "<script>alert" not in (self.run / "report.html").read_text(encoding="utf-8")
        return json.loads((self.run / "scores.json").read_text())

    @property
    def accounting(self):
        return json.loads((self.run / "manifest.json").read_text())["accounting"]


@pytest.fixture
def run(tmp_path, run_command, monkeypatch):
    """A function that runs a command into `tmp_path/run` and sees to it that nothing appears anywhere else."""
    monkeypatch.chdir(tmp_path)

    def run_into(command, *words, output=tmp_path / "run"):
        before = set(tmp_path.rglob("*"))
        ended = Ended(*run_command(command, *words, "--output", output), Path(output))
        new = set(tmp_path.rglob("*")) - before
        assert not [path for path in new if not path.is_relative_to(tmp_path / "run")]
        return ended

    return run_into


@pytest.fixture
def embeddings(run, finished_rental):
    def run_embeddings(*words, checkpoint=finished_rental.checkpoint, data=finished_rental.pairs, **options):
        return run("embeddings", "--checkpoint", checkpoint, "--data", data, *words, **options)

    return run_embeddings


@pytest.fixture
def latents(run, finished_speech, tmp_path):
    """Runs `latents` on data sets given as (kind, place); seed 0 takes the second of two speakers for validation."""

    def run_latents(datasets, *words, checkpoint=finished_speech.checkpoint, val_split=0.5, extra="", **options):
        entries = [{"class_path": kind, "data_dir": str(place)} for kind, place in datasets]
        training = {"val_split": val_split, "batch_size": 16, "seed": 0}
        known = {"data": {"datasets": entries}, "model": {"encoder_name": "hubert"}, "training": training}
        config = tmp_path / "config.yml"
        config.write_text(json.dumps(known, ensure_ascii=False)[:-1] + extra + "}", encoding="utf-8")
        return run("latents", "--config", config, "--checkpoint", checkpoint, *words, **options)

    return run_latents


@pytest.fixture
def clips(finished_speech):
    return sorted((finished_speech.folder / "speech" / "ravdess").rglob("*.wav"))


def write_table(path, rows):
    """A CSV of (path, label, speaker)."""
    cells = (",".join('"' + str(cell).replace('"', '""') + '"' for cell in row) for row in rows)
    path.write_text("path,label,speaker\n" + "\n".join(cells) + "\n", encoding="utf-8")
    return path


# -- files that are not there, and places that can't be written -----------------------------------------------------


def test_missing_files_are_named(run, embeddings, latents, finished_speech, tmp_path):
    run("latents", "--config", tmp_path / "none.yml").refused(2, "none.yml", "--config")
    embeddings(data=tmp_path / "none.json").refused(3, "none.json")
    embeddings(data=tmp_path).refused(3, tmp_path, "a folder")
    embeddings(checkpoint=tmp_path / "none.pt").refused(4, "none.pt", "--checkpoint")
    embeddings(checkpoint=tmp_path).refused(4, "config.json")
    embeddings("--base-model", "~nobody-here/x").refused(4, "~nobody-here/x", "--base-model")
    embeddings("--weights", "none.json").refused(3, "none.json")
    latents([("ravdess", tmp_path / "none")]).refused(3, tmp_path / "none", "data_dir")
    latents([("csv", tmp_path / "none.csv")]).refused(3, "none.csv")
    speech = finished_speech.folder / "speech" / "ravdess"
    latents([("ravdess", speech)], checkpoint=tmp_path / "none.pt").refused(4, "none.pt")
    latents([("ravdess", "~nobody-here/x")]).refused(3, "~nobody-here/x")


def test_names_no_disk_can_hold(run, embeddings, latents):
    for name in ("x" * 300, "/".join(["y" * 100] * 60)):
        run("latents", "--config", name).refused(2, name)
        latents([("folder", name)]).refused(3, name)
        latents([("csv", name)]).refused(3, name)
        embeddings(data=name).refused(3, name)
        embeddings(checkpoint=name).refused(4, name)
        embeddings(output=name).refused(2, name, "--output")


def test_places_that_are_no_run_folder(embeddings, tmp_path, finished_rental):
    file = tmp_path / "file"
    file.write_text("mine")
    embeddings(output=file).refused(2, file, "--output")
    assert file.read_text() == "mine"
    embeddings(output="/").refused(2, "root", "--output")
    embeddings(output="/dev/null/x").refused(2, "--output")
    embeddings(output=finished_rental.pairs).refused(2, finished_rental.pairs)


def test_a_place_that_may_not_be_written(embeddings, tmp_path, monkeypatch):
    def forbid(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", forbid)
    embeddings().refused(6, tmp_path / "run", "Permission denied", "--output")


def test_somebody_elses_manifest_is_left_alone(embeddings, tmp_path):
    mine = tmp_path / "run" / "manifest.json"
    mine.parent.mkdir()
    mine.write_text('{"name": "a browser extension"}')
    ended = embeddings()
    assert ended.code == 2
    assert f"`{mine}` is not the manifest of a run folder" in ended.err
    assert mine.read_text() == '{"name": "a browser extension"}'
    assert {path.name for path in mine.parent.iterdir()} == {"manifest.json"}


def test_a_busy_run_folder(embeddings, tmp_path):
    (tmp_path / "run").mkdir()
    with (tmp_path / "run" / ".latentscape.lock").open("w") as lock:
        lock.write('{"pid": 4711}')
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        embeddings().refused(7, tmp_path / "run", "4711", "wait")


# -- features -------------------------------------------------------------------------------------------------------


@pytest.fixture
def features(run, tmp_path):
    """Runs `map` on an array saved in a file, or on a file with this content."""

    def run_map(content, *words, name="f.npy", **options):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            np.save(path, content, allow_pickle=True)
        return run("map", path, "--method", "pca", *words, **options)

    return run_map


ROWS = np.random.default_rng(0).normal(size=(8, 3))


def test_features_that_are_not_there(run, tmp_path):
    run("map", tmp_path / "none.npy").refused(3, "none.npy", "path")
    run("map", tmp_path).refused(3, tmp_path, "a folder")
    run("map", "~nobody-here/x").refused(3, "~nobody-here/x")
    run("map", "x" * 300).refused(3, "xxx")
    os.mkfifo(tmp_path / "pipe")
    run("map", tmp_path / "pipe").refused(3, "FIFO")


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_features_of_any_scale(features, scale, metric):
    assert features(ROWS * scale, "--metric", metric).code == 0


def test_names_of_classes_that_look_like_paths_markup_and_terminals(features, tmp_path):
    (tmp_path / "l.txt").write_text("\n".join(HOSTILE), encoding="utf-8")
    ended = features(ROWS, "--labels", "l.txt", "--shapes", "l.txt", "--ids", "l.txt")
    assert ended.code == 0, ended.err
    assert "\x1b" not in ended.out + ended.err
    assert "<script>alert" not in (ended.run / "pca_interactive.html").read_text(encoding="utf-8")
    assert len(set(pq.read_table(ended.run / "samples.parquet").column("l").to_pylist())) == 8


def test_a_name_that_can_not_be_a_folder_gets_one_that_can(run_command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "đặc trưng \x1b.npy", ROWS)
    code, out, _ = run_command("map", tmp_path / "đặc trưng \x1b.npy", "--method", "pca", "--quiet")
    assert code == 0
    assert "\x1b" not in out
    (folder,) = (tmp_path / "maps").iterdir()
    assert folder.name.isascii()


# -- checkpoints ----------------------------------------------------------------------------------------------------


class Canary:
    """Pickles to a call that leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def both(embeddings, latents, finished_speech):
    """Runs both commands on one checkpoint."""
    speech = [("ravdess", finished_speech.folder / "speech" / "ravdess")]
    return lambda checkpoint: [embeddings(checkpoint=checkpoint), latents(speech, checkpoint=checkpoint)]


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_checkpoint_does_not_run(both, tmp_path, legacy):
    saved = {"model_state": {"a": torch.zeros(1)}, "optimizer": Canary(tmp_path / "canary")}
    torch.save(saved, tmp_path / "c.pt", _use_new_zipfile_serialization=not legacy)
    for ended in both(tmp_path / "c.pt"):
        ended.refused(5, "c.pt", "system", "safetensors")
    assert not (tmp_path / "canary").exists()


def change_retriever(finished_rental, folder, change):
    """A checkpoint beside its base model, changed."""
    shutil.copytree(finished_rental.folder / "base_model", folder / "base_model")
    saved: Any = torch.load(finished_rental.checkpoint, weights_only=True)
    change(saved, folder / "base_model")
    torch.save(saved, folder / "c.pt")
    return folder / "c.pt"


def test_a_head_without_its_base_encoder(embeddings, tmp_path, monkeypatch):
    from safetensors.torch import save_file

    def unreachable(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    head = tmp_path / "head"
    head.mkdir()
    settings = {"model_type": "bgem3_projection", "base_model": "BAAI/bge-m3", "d_in": 1024, "d_out": 8}
    (head / "config.json").write_text(json.dumps({**settings, "auto_map": {"AutoModel": "evil.Model"}}))
    (head / "evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    save_file({"head.linear.weight": torch.zeros(8, 1024)}, head / "model.safetensors")
    embeddings(checkpoint=head).refused(4, "BAAI/bge-m3", "--base-model")
    assert not (tmp_path / "canary").exists()


# -- pair files -----------------------------------------------------------------------------------------------------

PAIRS = [{"query": f"query {n}", "pos": f"document {n}", "hard_neg": [f"wrong {n}"]} for n in range(4)]


def lines_of(rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def test_bad_rows_are_skipped_counted_and_listed(embeddings, tmp_path):
    faults = [
        ('{"query": "a", "pos": ""}', "line 5", "`pos` is empty"),
        ('{"query": "a", "pos": NaN}', "line 6", "`pos` is a number"),
        ('{"query": "a\\ud800", "pos": "b"}', "line 7", "lone surrogate"),
        ('{"query": "a\\u0000", "pos": "b"}', "line 8", "NUL"),
        ('{"query": "a", "query": "b", "pos": "c"}', "line 9", "a key twice"),
        ("[]", "line 10", "a list, not an object"),
        (json.dumps({"query": "x" * 2_000_000, "pos": "b"}), "line 11", "2,000,000 characters"),
        ('{"query": "a", "po', "line 12", "ends in the middle of a row"),
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join([lines_of(PAIRS), *(line for line, _, _ in faults)]))
    ended = embeddings(*MAPLESS, data=tmp_path / "pairs.jsonl")
    ended.succeeded(4, *(reason.replace("`", r"\`") for _, _, reason in faults))
    skipped = {skip["id"]: skip["reason"] for skip in ended.accounting["skipped"]}
    assert list(skipped) == [place for _, place, _ in faults]
    assert all(reason in skipped[place] for _, place, reason in faults)
    assert ended.accounting["n_in"] == 12


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_pairs(embeddings, tmp_path, n):
    (tmp_path / "pairs.json").write_text(lines_of({"query": f"q {i}", "pos": f"d {i}"} for i in range(n)))
    ended = embeddings(data=tmp_path / "pairs.json")
    scores = ended.succeeded(n)
    assert scores["neighbor_recall_tsne_embedding"] is None
    assert (scores["margin"] is None) == (n == 1)
    assert n > 1 or "every document is right for every query" in ended.out


def test_texts_that_look_like_markup_and_terminals(embeddings, tmp_path):
    odd = [
        "<script>alert(1)</script>",
        "$x_$",
        "$$",
        "{{7*7}}",
        "`a` | b",
        "中文 😀",
        "\u202eعربي\u2067",
        "=1+1",
        "\x1b[31m",
    ]
    rows = [{"query": f"{text} q", "pos": text, "hard_neg": [f"<!--<script> {text}"]} for text in odd]
    (tmp_path / "pairs.json").write_text(json.dumps(rows))
    ended = embeddings(data=tmp_path / "pairs.json")
    ended.succeeded(len(odd))
    assert "\x1b" not in ended.out + ended.err
    texts = pq.read_table(ended.run / "samples.parquet").column("text").to_pylist()
    assert set(odd) <= set(texts)


def test_a_model_that_says_the_same_to_everything(embeddings, finished_rental, tmp_path):
    def flatten(saved, _):
        state = saved["model_state_dict"]
        state["encoder.encoder.layer.0.output.LayerNorm.weight"].zero_()
        state["encoder.encoder.layer.0.output.LayerNorm.bias"].fill_(1.0)

    checkpoint = change_retriever(finished_rental, tmp_path, flatten)
    ended = embeddings("--max-samples", "6", checkpoint=checkpoint)
    scores = ended.succeeded(6, "all samples lie on one point")
    assert (scores["separation"], scores["hit_at_1"], scores["neighbor_recall_umap_embedding"]) == (None, 0.0, None)
    assert scores["margin"] == pytest.approx(0, abs=1e-6)


def test_a_text_without_direction_costs_its_query_only(embeddings, monkeypatch):
    from latentscape import pair_vectors

    extract = pair_vectors.read_features

    def empty_one(model, texts, reading, **options):
        made = extract(model, texts, reading, **options)
        made.features["embedding"][0] = 0
        return made

    monkeypatch.setattr(pair_vectors, "read_features", empty_one)
    ended = embeddings(*MAPLESS, "--max-samples", "6")
    ended.succeeded(5)
    assert "vector of zeros" in ended.accounting["failed"][0]["reason"]


# -- speech ---------------------------------------------------------------------------------------------------------


def test_data_sets_without_data(latents, tmp_path, finished_speech):
    (tmp_path / "empty").mkdir()
    speech = finished_speech.folder / "speech"
    latents([("ravdess", tmp_path / "empty")]).refused(3, "no usable audio", tmp_path / "empty")
    latents([("folder", tmp_path / "empty")]).refused(3, "no usable audio")
    latents([("crema-d", speech / "ravdess")]).refused(3, "1001_DFA_ANG_XX", "class_path")
    latents([("ravdess", speech / "ravdess"), ("ravdess", speech / "ravdess")]).refused(2, "listed twice")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "`path`"),
        (b"a;b\n1;2\n", "`path`"),
        (b"path,label\n", "nothing below it"),
        (b'path,label\n"x', "line 2"),
        (b"path,label\n\xff,x\n", "line 2 is not UTF-8"),
        (b"path,label\nnone.wav,Happy\n", "none.wav"),
    ],
)
def test_tables_nothing_can_be_read_from(latents, tmp_path, content, told):
    (tmp_path / "t.csv").write_bytes(content)
    latents([("csv", tmp_path / "t.csv")]).refused(3, "t.csv", told)


def test_unknown_emotion_codes_are_skipped_by_name(latents, clips, tmp_path):
    for actor, code in ((1, "03"), (2, "04"), (2, "09")):
        folder = tmp_path / "ravdess" / f"Actor_0{actor}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(clips[0], folder / f"03-01-{code}-01-01-01-0{actor}.wav")
    ended = latents([("ravdess", tmp_path / "ravdess")], *MAPLESS, "--layers", "mlp")
    ended.succeeded(1, "unknown emotion code 09")


def test_labels_that_do_not_fit(latents, clips, tmp_path):
    for n, label in enumerate("abc"):
        (tmp_path / "folders" / label).mkdir(parents=True)
        shutil.copy(clips[n], tmp_path / "folders" / label / "x.wav")
    latents([("folder", tmp_path / "folders")]).refused(4, "8 outputs", "`a`, `b`, `c`", "class_names")
    assert not (tmp_path / "run").exists(), "it was known before any work was done"
    table = write_table(tmp_path / "t.csv", [(clips[0], "Happy", "a"), (clips[1], "weird", "b")])
    latents([("csv", table)]).refused(3, "`weird`", "`Happy`", "class_names")


def test_one_speaker_is_not_enough(latents, clips, tmp_path):
    table = write_table(tmp_path / "t.csv", [(clip, "Happy", "me") for clip in clips[:3]])
    latents([("csv", table)]).refused(3, "only one speaker", "t/me", "speaker")


def test_one_class(latents, clips, tmp_path):
    table = write_table(tmp_path / "t.csv", [(clip, "Happy", f"s{n % 2}") for n, clip in enumerate(clips[:8])])
    scores = latents([("csv", table)], *MAPLESS).succeeded(4, "a single class")
    assert scores["chance_accuracy"] == 1
    assert scores["recall_sad"] is None
    assert scores["confusion_distance_spearman_mlp"] is None


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_clips(latents, clips, tmp_path, n):
    rows = [(clip, ("Happy", "Sad", "Calm")[i], "val") for i, clip in enumerate(clips[:n])]
    table = write_table(tmp_path / "t.csv", [*rows, (clips[9], "Sad", "train")])
    scores = latents([("csv", table)], "--layers", "mlp").succeeded(n, "too few for a layout")
    assert (scores["accuracy_n"], scores["neighbor_recall_tsne_mlp"]) == (n, None)


def test_fewer_clips_than_the_perplexity(latents, clips, tmp_path):
    rows = [(clip, ("Happy", "Sad")[n % 2], ("train", "val")[n < 20]) for n, clip in enumerate(clips[:21])]
    table = write_table(tmp_path / "t.csv", rows)
    assert latents([("csv", table)], "--layers", "mlp").succeeded(20)["neighbor_recall_tsne_mlp"] > 0


def write_bad_clips(folder, good):
    """File name -> what its reason must say."""
    content = good.read_bytes()
    contents = {
        "empty.wav": b"",
        "header.wav": content[:44],
        "cut.wav": content[:3000],
        "page.wav": b"<html>",
        "rate.wav": content[:24] + bytes(4) + content[28:],
        "channels.wav": content[:22] + bytes(2) + content[24:],
    }
    for name, written in contents.items():
        (folder / name).write_bytes(written)
    soundfile.write(folder / "one.wav", np.zeros(1, dtype=np.float32), 16000)
    soundfile.write(folder / "nan.wav", np.full(8000, np.nan, dtype=np.float32), 16000, subtype="FLOAT")
    return [*contents, "one.wav", "nan.wav"]


def test_unreadable_clips_are_counted_and_listed(latents, clips, tmp_path):
    bad = write_bad_clips(tmp_path, clips[0])
    os.mkfifo(tmp_path / "pipe.wav")
    soundfile.write(tmp_path / "silent.wav", np.zeros(16000, dtype=np.float32), 16000)
    rows = [(clips[0], "Happy", "train"), (clips[1], "Sad", "val"), ("silent.wav", "Calm", "val")]
    rows += [(name, "Sad", "val") for name in [*bad, "pipe.wav", "/dev/zero"]]
    table = write_table(tmp_path / "t.csv", rows)
    ended = latents([("csv", table)], *MAPLESS, "--layers", "mlp")
    ended.succeeded(2, "cut short", "NaN or infinity", "not a regular file")
    failed = {skip["id"]: skip["reason"] for skip in ended.accounting["failed"]}
    assert set(failed) == {f"t/{name}" for name in bad}
    assert all(failed.values())
    assert {skip["id"].rpartition("/")[2] for skip in ended.accounting["skipped"]} == {"pipe.wav", "zero"}
    assert "failed t/cut.wav" in ended.out


def test_a_clip_that_is_gone_when_it_is_read(latents, clips, tmp_path, monkeypatch):
    from latentscape import speech_input as conductor

    (tmp_path / "gone.wav").write_bytes(clips[0].read_bytes())
    rows = [(clips[0], "Happy", "train"), (clips[1], "Sad", "val"), ("gone.wav", "Sad", "val")]
    find = conductor.read_validation_set

    def find_and_lose(*words, **options):
        found = find(*words, **options)
        (tmp_path / "gone.wav").unlink()
        return found

    monkeypatch.setattr(conductor, "read_validation_set", find_and_lose)
    ended = latents([("csv", write_table(tmp_path / "t.csv", rows))], *MAPLESS, "--layers", "mlp")
    ended.succeeded(1, "No such file")
    assert [skip["id"] for skip in ended.accounting["failed"]] == ["t/gone.wav"]


def test_no_readable_clip(latents, clips, tmp_path):
    bad = write_bad_clips(tmp_path, clips[0])
    table = write_table(tmp_path / "t.csv", [(clips[0], "Happy", "train"), *((name, "Sad", "val") for name in bad)])
    latents([("csv", table)]).refused(3, "none of the 8 samples", "empty.wav")


HOSTILE = ["../../x", "<script>alert(1)</script>", "$x_$", "$$", "\x1b[31mred", "中文😀", "\u202eعربي", "x" * 300]


def test_labels_that_look_like_paths_markup_and_terminals(latents, clips, tmp_path):
    labels = [*HOSTILE, *HOSTILE]
    rows = [(clip, label, ("train", "val")[n < 8]) for n, (clip, label) in enumerate(zip(clips, labels, strict=False))]
    ended = latents([("csv", write_table(tmp_path / "t.csv", rows))], "--layers", "mlp")
    ended.succeeded(8)
    assert "\x1b" not in ended.out + ended.err
    assert max(map(len, ended.out.splitlines())) < 200
    labels = pq.read_table(ended.run / "samples.parquet").column("label").to_pylist()
    assert set(labels) == {unicodedata.normalize("NFC", label) for label in HOSTILE}


def test_names_that_want_the_name_of_another_score(latents, clips, tmp_path):
    labels = ["a", "a n", "a low", "a_high", "a reason", "a b", "a-b", "A_B"]
    rows = [
        f"{clip},{label},{dataset},s{speaker}"
        for speaker in range(2)
        for dataset in ("n", "low")
        for clip, label in zip(clips[16 * speaker + 8 * (dataset == "n") :], labels, strict=False)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["path,label,dataset,speaker", *rows]))
    scores = latents([("csv", tmp_path / "t.csv")], *MAPLESS, "--layers", "mlp").succeeded(16)
    assert (scores["accuracy_n"], scores["accuracy_n_2_n"], scores["recall_a_n"], scores["recall_a_n_2_n"]) == (
        16,
        8,
        2,
        2,
    )
    assert {"recall_a_b", "recall_a_b_2", "recall_a_b_3", "recall_a_reason_2"} <= scores.keys()


def test_folders_whose_names_differ_in_spelling_only(latents, clips, tmp_path):
    names = [unicodedata.normalize("NFC", "buồn"), unicodedata.normalize("NFD", "buồn"), *"bcdefgh"]
    for n, name in enumerate([*names, *names]):
        (tmp_path / "folders" / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(clips[n], tmp_path / "folders" / name / f"{n}{'y' * 240}.wav")
    ended = latents([("folder", tmp_path / "folders")], *MAPLESS, "--layers", "mlp", val_split=0.9)
    assert ended.succeeded(17)["recall_buồn_n"] in (3, 4)
    assert len(set(pq.read_table(ended.run / "samples.parquet").column("id").to_pylist())) == 17

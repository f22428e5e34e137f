"""Comparisons from checkpoints or run folders to report, on tiny models."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from latentscape.compare import PAGE, _name_folders, study_comparison
from latentscape.errors import DataError, UsageError
from latentscape.latents_study import study_latents
from latentscape.settings import CompareSettings, LatentsSettings

pytestmark = pytest.mark.slow  # whole studies

FILES = {
    "comparison_maps.png", "comparison_scores.png", "comparison_changes.png", "comparison_drift.png", PAGE,
    "changes.csv", "samples.parquet", "scores.json", "report.md", "report.html",
    "explorer.html",
}  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """Checkpoints of one model that differ, a copy of the first, and the settings to look at them."""

    first: Path
    other: Path
    copy: Path
    settings: CompareSettings


def write_noisy(source: Path, target: Path, *, key: str, noise: float) -> Path:
    """The checkpoint with noise on its weights, three epochs on."""
    import torch

    torch.manual_seed(1)
    saved = torch.load(source, weights_only=True)
    saved[key] = {
        name: value + noise * torch.randn_like(value) if value.is_floating_point() else value
        for name, value in saved[key].items()
    }
    torch.save({**saved, "epoch": saved["epoch"] + 3}, target)
    return target


@pytest.fixture(scope="module")
def speech(finished_speech, tmp_path_factory) -> Trained:
    folder = tmp_path_factory.mktemp("checkpoints")
    copy = folder / "again.pt"
    copy.write_bytes(finished_speech.checkpoint.read_bytes())
    other = write_noisy(finished_speech.checkpoint, folder / "later.pt", key="model_state", noise=0.02)
    settings = CompareSettings(config=finished_speech.config, output=folder / "comparison")
    return Trained(finished_speech.checkpoint, other, copy, settings)


@pytest.fixture(scope="module")
def rental(finished_rental, tmp_path_factory) -> Trained:
    folder = tmp_path_factory.mktemp("retrievers")
    base = finished_rental.folder / "base_model"
    copy = folder / "again.pt"
    copy.write_bytes(finished_rental.checkpoint.read_bytes())
    other = write_noisy(finished_rental.checkpoint, folder / "later.pt", key="model_state_dict", noise=0.05)
    settings = CompareSettings(data=str(finished_rental.pairs), base_model=str(base), output=folder / "comparison")
    return Trained(finished_rental.checkpoint, other, copy, settings)


@pytest.fixture(scope="module")
def compared_speech(speech):
    return study_comparison(checkpoints=[speech.first, speech.other, speech.copy], settings=speech.settings)


@pytest.fixture(scope="module")
def compared_rental(rental):
    return study_comparison(checkpoints=[rental.first, rental.other, rental.copy], settings=rental.settings)


@pytest.mark.parametrize("which", ["compared_speech", "compared_rental"])
def test_every_file_is_written_and_listed(which, request):
    study = request.getfixturevalue(which)
    manifest = json.loads((study.folder / "manifest.json").read_text())
    assert set(study.files) == FILES
    assert manifest["study"] == "comparison"
    assert set(manifest["checksums"]) >= FILES
    assert [each["name"] for each in manifest["checkpoints"]] == [each.name for each in study.findings.checkpoints]


@pytest.mark.parametrize("which", ["compared_speech", "compared_rental"])
def test_the_same_weights_at_both_ends_change_nothing(which, request):
    study = request.getfixturevalue(which)
    overall = study.findings.overall
    assert study.findings.same_models == ((0, 2),)
    assert all(change.score.value == 0 and not change.is_detected for change in overall.changes.values())
    assert not any(len(motion.movers) for motion in overall.motion.values())
    assert all(motion.overlap.value == 1 for motion in overall.motion.values())
    assert study.scores["fixed"].value == study.scores["broken"].value == 0
    first, last = (study.findings.main.maps["umap"][number].latent_map.xy for number in (0, 2))
    assert np.array_equal(first, last)


def test_the_differences_are_those_of_the_runs_own_scores(compared_speech):
    study = compared_speech
    runs = sorted((study.folder / "runs").iterdir())
    own = {run.name: json.loads((run / "scores.json").read_text()) for run in runs}
    for name in ("accuracy", "balanced_accuracy"):
        step = study.findings.steps[0]
        expected = own["later"][name] - own["checkpoint"][name]
        assert step.changes[name].score.value == pytest.approx(expected, abs=1e-9)


def test_ranks_and_margins_are_those_of_the_runs_own_scores(compared_rental):
    study = compared_rental
    own = {run.name: json.loads((run / "scores.json").read_text()) for run in (study.folder / "runs").iterdir()}
    for name in ("mrr", "hit_at_1", "recall_at_5", "margin", "margin_hard"):
        expected = own["later"][name] - own["best_model"][name]
        assert study.findings.steps[0].changes[name].score.value == pytest.approx(expected, abs=1e-6), name


def test_the_table_has_a_place_for_each_sample_and_checkpoint(compared_speech):
    table = pq.read_table(compared_speech.folder / "samples.parquet")
    findings = compared_speech.findings
    assert table.column("id").to_pylist() == list(findings.subject.ids)
    assert {"umap_mlp_later_x", "tsne_logits_again_y", "correct_later", "answer_again"} <= set(table.column_names)


def test_finished_runs_compare_as_their_checkpoints_do_without_torch(compared_speech, tmp_path):
    runs = [str(compared_speech.folder / "runs" / name) for name in ("checkpoint", "later", "again")]
    code = (
        "import sys\nfrom latentscape.cli import main\n"
        "try:\n    main(sys.argv[1:])\nfinally:\n    assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    words = ["compare", *runs, "--output", str(tmp_path / "again"), "--quiet"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scores = [(folder / "scores.json").read_bytes() for folder in (tmp_path / "again", compared_speech.folder)]
    assert scores[0] == scores[1]


def test_a_full_study_is_a_run_like_any_other(speech, finished_speech, compared_speech, tmp_path):
    full = study_latents(
        LatentsSettings(config=finished_speech.config, checkpoint=speech.other, output=tmp_path / "full")
    )
    light = compared_speech.folder / "runs" / "later"
    settings = CompareSettings(output=tmp_path / "comparison", skip_tsne=True)
    study = study_comparison([full.folder, light], settings=settings)
    assert study.findings.same_models == ((0, 1),)
    assert all(change.score.value == 0 for change in study.findings.overall.changes.values())


def test_another_width_is_another_model_in_the_same_frame(speech, finished_speech, compared_speech, tmp_path):
    import torch

    from latentscape.models.emotion import EmotionArchitecture, build_emotion_classifier

    encoder = {"hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 48,
               "conv_dim": [24, 24], "conv_kernel": [400, 3], "conv_stride": [160, 2], "feat_extract_norm": "layer",
               "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}  # fmt: skip
    torch.manual_seed(5)
    wide = build_emotion_classifier(
        EmotionArchitecture(encoder_config=encoder, hidden_dim=40, num_domains=2), pretrained=False
    )
    saved = {"model_state": wide.state_dict(), "epoch": 1, "architecture": wide.architecture.to_dict()}
    torch.save(saved, tmp_path / "wide.pt")
    settings = CompareSettings(config=finished_speech.config, output=tmp_path / "two", skip_tsne=True)
    study = study_comparison(checkpoints=[speech.first, tmp_path / "wide.pt"], settings=settings)
    widths = {layer.name: layer.drift.similarity[0, 1].value for layer in study.findings.layers}
    assert set(widths) == {"cnn", "encoder", "mlp", "logits"}
    assert all(value is not None for value in widths.values())


def test_a_gate_on_the_differences_ends_with_1(speech, compared_speech, run_command, tmp_path):
    runs = [compared_speech.folder / "runs" / name for name in ("checkpoint", "again")]
    words = ["compare", *runs, "--output", tmp_path / "gate", "--skip-tsne"]
    code, _, err = run_command(*words, "--fail-if", "accuracy_delta>-0.01")
    assert code == 1
    assert "accuracy_delta" in err
    code, out, _ = run_command(*words, "--fail-if", "accuracy_delta<-0.01", "--json")
    assert code == 0
    assert json.loads(out)["accuracy_delta"] == 0
    code, _, err = run_command(*words, "--fail-if", "acuracy_delta<-0.01")
    assert code == 2
    assert "accuracy_delta" in err


def test_the_epochs_give_the_order(compared_speech, tmp_path):
    runs = [compared_speech.folder / "runs" / name for name in ("later", "checkpoint")]
    settings = CompareSettings(output=tmp_path / "ordered", order="epoch", skip_tsne=True)
    study = study_comparison(runs, settings=settings)
    assert [each.name for each in study.findings.checkpoints] == ["checkpoint", "later"]


def test_runs_of_two_studies_make_no_comparison(compared_speech, compared_rental, tmp_path):
    runs = [compared_speech.folder / "runs" / "later", compared_rental.folder / "runs" / "later"]
    with pytest.raises(UsageError, match="a classifier and a retriever"):
        study_comparison(runs, settings=CompareSettings(output=tmp_path / "none"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["compare"], 2, "two or more"),
        (["compare", "one"], 2, "two or more"),
        (["compare", "--checkpoint", "a.pt", "b.pt"], 2, "--config"),
        (["compare", "one", "two", "--checkpoint", "a.pt", "b.pt"], 2, "one or the other"),
        (["compare", "no_such_folder", "neither"], 3, "no_such_folder"),
        (["compare", "a", "b", "--fail-if", "accuracy_delta"], 2, "condition"),
    ],
)
def test_words_that_make_no_comparison_are_refused(run_command, words, code, said):
    got, _, err = run_command(*words)
    assert (got, "Traceback" in err) == (code, False)
    assert said in err


def test_an_unfinished_run_is_refused(compared_speech, tmp_path):
    half = tmp_path / "half"
    half.mkdir()
    (half / "scores.json").write_text("{}")
    runs = [half, compared_speech.folder / "runs" / "later"]
    with pytest.raises(DataError, match="unfinished"):
        study_comparison(runs, settings=CompareSettings(output=tmp_path / "out"))


def test_choices_of_checkpoints_are_refused_beside_run_folders(run_command):
    code, _, err = run_command("compare", "one", "two", "--layers", "mlp", "--data", "pairs.json")
    assert code == 2
    assert "`--data`, `--layers`" in err


def test_two_checkpoints_never_share_a_folder():
    names = ["model-2.pt", "a/model.pt", "b/model.pt", "../..", "model-2.bin"]
    folders = _name_folders([Path(name) for name in names])
    assert len(set(folders)) == len(names)
    assert folders[:3] == ["model-2", "model", "model-3"]

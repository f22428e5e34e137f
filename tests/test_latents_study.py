"""The latents study from config to report, on a tiny model."""

import csv
import hashlib
import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from latentscape.errors import DataError, ModelError
from latentscape.latents_study import study_latents
from latentscape.settings import LatentsSettings

pytestmark = pytest.mark.slow  # whole studies

ORIGINALS = ["latent_spaces_static.png", "confusion_vs_distance.png", "tsne_cnn_interactive.html"]
NEW_FIGURES = [
    f"{name}.png" for name in ("layer_profile", "confusion_matrix", "calibration", "generalization", "layer_similarity")
]
SIBLINGS = [
    f"{method}_{layer}_interactive.html" for method in ("tsne", "umap") for layer in ("cnn", "encoder", "mlp", "logits")
]
TORCHAUDIO = {
    "encoder.encoder.pos_conv_embed": "encoder.encoder.transformer.pos_conv_embed",
    "encoder.encoder.layer_norm": "encoder.encoder.transformer.layer_norm",
    "encoder.encoder.layers": "encoder.encoder.transformer.layers",
    "encoder.feature_projection": "encoder.encoder.feature_projection",
}


@pytest.fixture(scope="module")
def studied(finished_speech, tmp_path_factory):
    """One study that several tests look at."""
    output = tmp_path_factory.mktemp("study")
    return study_latents(LatentsSettings(config=finished_speech.config, output=output))


def digests(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def to_torchaudio(name):
    new = next((name.replace(old, new, 1) for old, new in TORCHAUDIO.items() if name.startswith(old)), name)
    return new.replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v"
    )


def rewrite(checkpoint, change):
    saved = torch.load(checkpoint, weights_only=True)
    saved["model_state"] = change(saved["model_state"])
    torch.save(saved, checkpoint)


def test_every_file_of_the_original_is_written(studied):
    for name in [*ORIGINALS, *SIBLINGS, "scores.json", "samples.parquet", "report.md", "report.html", "manifest.json"]:
        assert (studied.folder / name).stat().st_size > 100, name


def test_what_the_study_adds_is_written(studied):
    for name in (*NEW_FIGURES, "suspects.csv"):
        assert (studied.folder / name).stat().st_size > 50, name
    scores = json.loads((studied.folder / "scores.json").read_text())
    for name in ("linear_class_mlp", "effective_rank_cnn", "cka_cnn_vs_mlp", "calibration_error", "precision_happy"):
        assert {name, f"{name}_n", f"{name}_low"} <= scores.keys()


def test_copies_in_the_whole_data_set_are_named_with_their_side_of_the_split(speech_run):
    clips = sorted((speech_run.folder / "speech" / "crema-d").glob("*.wav"))
    happy, sad = (next(clip for clip in clips if f"_{label}_" in clip.name) for label in ("HAP", "SAD"))
    sad.write_bytes(happy.read_bytes())
    study = study_latents(LatentsSettings(config=speech_run.config, layers=("mlp",), skip_umap=True, skip_tsne=True))
    with (study.folder / "suspects.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "conflicting_copies"]
    assert {row["id"] for row in rows} == {f"crema-d/{happy.name}", f"crema-d/{sad.name}"}
    assert {row["label"] for row in rows} == {"Happy", "Sad"}
    assert {row["split"] for row in rows} <= {"train", "validation"}
    assert study.findings.improvements.found[0].kind == "conflicting_copies"
    assert "filed under two labels" in (study.folder / "report.md").read_text()


def test_the_published_conflict_of_crema_d_is_found(shared_data, speech_run):
    speech_run.config.write_text(
        speech_run.config.read_text()
        .replace(str(speech_run.folder / "speech" / "ravdess"), str(shared_data / "speech" / "ravdess"))
        .replace(str(speech_run.folder / "speech" / "crema-d"), str(shared_data / "speech" / "crema-d"))
    )
    study = study_latents(
        LatentsSettings(config=speech_run.config, max_samples=30, layers=("mlp",), skip_umap=True, skip_tsne=True)
    )
    conflicts = [each for each in study.findings.suspects if each.kind == "conflicting_copies"]
    assert [set(each.ids) for each in conflicts] == [{"crema-d/1006_TIE_HAP_XX.wav", "crema-d/1006_TIE_NEU_XX.wav"}]
    assert "1006_TIE_HAP_XX.wav" in (study.folder / "suspects.csv").read_text()


def test_layers_in_one_frame(speech_run):
    settings = LatentsSettings(config=speech_run.config, layers=("encoder,mlp",), skip_umap=True, align=True)
    study = study_latents(settings)
    assert json.loads((study.folder / "stages/maps/tsne_mlp.json").read_text())["inputs"]["aligned"] == [
        "encoder",
        "mlp",
    ]
    assert json.loads((study.folder / "manifest.json").read_text())["settings"]["align"] is True


def test_the_numbers_follow_from_the_samples(studied):
    rows = pq.read_table(studied.folder / "samples.parquet").to_pydict()
    scores = json.loads((studied.folder / "scores.json").read_text())
    right = [label == prediction for label, prediction in zip(rows["label"], rows["prediction"], strict=True)]
    assert scores["accuracy"] == pytest.approx(np.mean(right))
    assert scores["accuracy_n"] == len(right) == len(set(rows["id"]))
    assert scores["accuracy_low"] <= scores["accuracy"] <= scores["accuracy_high"]
    happy = [r for r, label in zip(right, rows["label"], strict=True) if label == "Happy"]
    assert scores["recall_happy"] == pytest.approx(np.mean(happy))
    assert {"tsne_mlp_x", "tsne_mlp_y", "umap_logits_x", "umap_cnn_trust"} <= rows.keys()


def test_the_logits_are_those_of_the_model_on_each_clip_alone(studied, finished_speech):
    from latentscape.checkpoint import load_checkpoint
    from latentscape.datasets.audio import load_audio
    from latentscape.models.emotion import load_emotion_classifier

    model, _ = load_emotion_classifier(load_checkpoint(finished_speech.checkpoint), None)
    kept = np.load(studied.folder / "features" / "logits.npy")
    for row in (0, 5, len(kept) - 1):
        clip = torch.from_numpy(load_audio(finished_speech.folder / "speech" / studied.findings.ids[row]))
        with torch.inference_mode():
            alone = model(clip[None], torch.tensor([len(clip)]))[0].numpy()
        np.testing.assert_allclose(kept[row], alone, atol=1e-5)


def test_only_whole_held_out_speakers_are_looked_at(studied):
    assert len(set(studied.findings.speakers)) == 2
    assert {speaker.partition("/")[0] for speaker in studied.findings.speakers} == {"ravdess", "crema-d"}


def test_the_report_tells_what_was_measured(studied):
    text = (studied.folder / "report.md").read_text()
    for heading in ("Model info", "Key metrics", "Visual analysis", "Conclusion"):
        assert f"## {heading}" in text
    assert f"{studied.findings.scores['accuracy'].n}" in text


def test_the_same_command_again_computes_nothing_and_changes_no_byte(studied, finished_speech, monkeypatch):
    before = digests(studied.folder)
    monkeypatch.setattr("latentscape.latents_study.read_features", lambda *_, **__: pytest.fail("computed again"))
    monkeypatch.setattr("latentscape.layer_maps.make_map", lambda *_, **__: pytest.fail("drawn again"))
    study_latents(LatentsSettings(config=finished_speech.config, output=studied.folder))
    assert digests(studied.folder) == before


def test_a_fresh_run_elsewhere_gives_the_same_bytes(studied, finished_speech, tmp_path_factory):
    fresh = tmp_path_factory.mktemp("fresh")  # as far from the clips: the page's links to them are relative
    study_latents(LatentsSettings(config=finished_speech.config, output=fresh))
    first, second = digests(studied.folder), digests(fresh)
    assert {name for name in first if first[name] != second[name]} == {"manifest.json"}  # it names its own folder


def test_another_seed_redraws_the_maps_from_the_same_features(studied, finished_speech, tmp_path, monkeypatch):
    shutil.copytree(studied.folder, tmp_path / "again")
    monkeypatch.setattr("latentscape.latents_study.read_features", lambda *_, **__: pytest.fail("computed again"))
    other = study_latents(LatentsSettings(config=finished_speech.config, output=tmp_path / "again", seed=7))
    first, second = (s.findings.layers[0].maps["umap"].latent_map for s in (studied, other))
    assert (first.parameters["seed"], second.parameters["seed"]) == (42, 7)
    assert not np.array_equal(first.xy, second.xy)
    assert other.findings.scores["accuracy"].value == studied.findings.scores["accuracy"].value


def test_torchaudio_naming_gives_the_same_bytes(studied, speech_run):
    rewrite(speech_run.checkpoint, lambda state: {to_torchaudio(name): tensor for name, tensor in state.items()})
    other = study_latents(LatentsSettings(config=speech_run.config, skip_tsne=True, skip_umap=True))
    for layer in ("cnn", "encoder", "mlp", "logits"):
        file = f"features/{layer}.npy"
        assert (other.folder / file).read_bytes() == (studied.folder / file).read_bytes()


def test_a_renamed_tensor_is_refused_by_name(speech_run, run_command):
    rewrite(speech_run.checkpoint, lambda state: {n.replace("attn.bias", "attn.bais"): t for n, t in state.items()})
    code, _, err = run_command("latents", "--config", speech_run.config)
    assert code == 4
    assert "classifier.attn.bais" in err
    assert "Traceback" not in err


def test_missing_weights_can_be_allowed_but_never_hidden(speech_run):
    rewrite(speech_run.checkpoint, lambda state: {n: t for n, t in state.items() if n != "classifier.attn.bias"})
    settings = LatentsSettings(config=speech_run.config, layers=("mlp",), skip_umap=True, skip_tsne=True)
    with pytest.raises(ModelError, match=r"classifier\.attn\.bias"):
        study_latents(settings)
    allowed = LatentsSettings(
        config=speech_run.config, layers=("mlp",), skip_umap=True, skip_tsne=True, allow_missing=("classifier.attn.*",)
    )
    study = study_latents(allowed)
    assert "classifier.attn.bias" in study.findings.model.stamps[0]
    for name in ("report.md", "report.html", "pca_mlp_interactive.html"):
        assert "NOT FULLY LOADED" in (study.folder / name).read_text()


def test_unreadable_clips_are_counted_and_named(speech_run, studied):
    victim = speech_run.folder / "speech" / studied.findings.ids[0]
    victim.write_bytes(victim.read_bytes()[:200])
    study = study_latents(LatentsSettings(config=speech_run.config, layers=("mlp",), skip_umap=True, skip_tsne=True))
    found = study.findings.accounting
    assert [skip.id for skip in found.failed] == [studied.findings.ids[0]]
    assert "cut short" in found.failed[0].reason
    assert found.n_in == found.n_ok + 1
    assert studied.findings.ids[0] in (study.folder / "report.md").read_text()


def test_a_sample_keeps_every_class_of_every_data_set(speech_run):
    study = study_latents(
        LatentsSettings(config=speech_run.config, max_samples=20, layers=("encoder",), skip_umap=True, skip_tsne=True)
    )
    found = study.findings
    assert len(found.ids) == 20
    assert len(set(zip(found.labels.tolist(), found.dataset_ids.tolist(), strict=True))) == 14
    assert all(skip.reason == "not drawn: --max-samples" for skip in found.accounting.skipped)
    assert (study.folder / "pca_encoder_interactive.html").exists()


def test_layers_by_glob(speech_run):
    settings = LatentsSettings(
        config=speech_run.config, layers=("encoder.encoder.layers.*,mlp",), skip_umap=True, skip_tsne=True
    )
    names = [layer.layer for layer in study_latents(settings).findings.layers]
    assert "encoder.encoder.layers.0" in names
    assert "mlp" in names
    assert "logits" not in names


def test_the_folder_keeps_what_the_user_had_in_it(speech_run):
    study_latents(LatentsSettings(config=speech_run.config, layers=("mlp",), skip_umap=True, skip_tsne=True))
    assert torch.load(speech_run.checkpoint, weights_only=True)["epoch"] == 7


def test_no_clip_left_is_a_data_error(speech_run):
    for path in (speech_run.folder / "speech").rglob("*.wav"):
        path.write_bytes(b"")
    with pytest.raises(DataError):
        study_latents(LatentsSettings(config=speech_run.config))

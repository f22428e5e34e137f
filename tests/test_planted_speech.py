"""Demo speech in which everything is known: what was planted into the recordings is found in the trained model."""

import csv
import json
import shutil
from importlib.resources import files
from string import Template

import numpy as np
import pytest

from latentscape.demo.speech_data import write_demo_speech
from latentscape.demo.train_emotion import train_emotion
from latentscape.latents_study import study_latents
from latentscape.settings import EmotionConfig, LatentsSettings, load_config
from latentscape.speech_input import read_validation_set

N_MISLABELED = 4


def write_config(folder):
    text = files("latentscape.demo").joinpath("emotion.yml").read_text(encoding="utf-8")
    (folder / "emotion.yml").write_text(Template(text).substitute(folder=folder.as_posix(), seed=42))
    return folder / "emotion.yml"


def plant(folder, config):
    """After training: wrong labels on held-out clips, a recording under two labels, one on both sides of the split."""
    found = read_validation_set(config, max_samples=0, seed=0)
    held_out = set(found.samples.speakers)
    clips = sorted((folder / "speech" / "crema-d").glob("*.wav"))
    mine = [clip for clip in clips if f"crema-d/{clip.name[:4]}" in held_out]
    trained = [clip for clip in clips if clip not in mine]
    wrong = [clip.rename(clip.with_name(clip.name.replace("ANG", "SAD").replace("_XX", "_MD"))) for clip in
             [clip for clip in mine if "_ANG_" in clip.name][:: max(1, len(mine) // 40)][:N_MISLABELED]]  # fmt: skip
    source = next(clip for clip in trained if "_HAP_" in clip.name)
    twin = source.with_name(source.name.replace("HAP", "DIS").replace("_XX", "_HI"))
    shutil.copy(source, twin)
    heard = next(clip for clip in mine if "_FEA_" in clip.name)
    leak = trained[0].with_name(f"{trained[0].name[:4]}_ZZZ_FEA_XX.wav")
    shutil.copy(heard, leak)
    names = {"wrong": wrong, "conflict": (source, twin), "leak": (heard, leak)}
    return {kind: {f"crema-d/{clip.name}" for clip in clips} for kind, clips in names.items()}


@pytest.mark.slow
@pytest.mark.chaos  # a training of minutes; tests/test_diagnosis.py plants the same without sound
def test_what_was_planted_is_named(tmp_path):
    write_demo_speech(tmp_path / "speech", seed=42, n_speakers=20, takes=1)
    path = write_config(tmp_path)
    config = load_config(path, EmotionConfig)
    train_emotion(config)
    planted = plant(tmp_path, config)
    study = study_latents(LatentsSettings(config=path, skip_umap=True))
    found = study.findings
    with (study.folder / "suspects.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    named = {kind: {row["id"] for row in rows if row["kind"] == kind} for kind in {row["kind"] for row in rows}}
    assert named["conflicting_copies"] == planted["conflict"]
    assert named["leaking_copies"] == planted["leak"]
    claims = found.improvements.found
    assert [claim.kind for claim in claims][:2] == ["leaking_copies", "conflicting_copies"]
    doubted = next(set(claim.samples) for claim in claims if claim.kind == "label")
    assert len(planted["wrong"] & doubted) >= N_MISLABELED - 1
    assert len(doubted - planted["wrong"]) <= 2
    assert {"Neutral", "Calm"} in [set(claim.subject[:2]) for claim in claims if claim.kind == "confused_pair"]
    assert "readable_dataset" in [claim.kind for claim in claims]
    read = [layer.readouts["dataset", "linear"] for layer in found.layers]
    assert read[0].grouped and read[0].p_value <= 0.01 and read[0].score.low > read[0].chance
    classes = [layer.readouts["class", "linear"].score for layer in found.layers]
    assert classes[1].low > classes[0].high
    assert json.loads((study.folder / "manifest.json").read_text())["accounting"]["n_ok"] == len(found.ids)
    assert np.all(found.calibration.counts.sum() == len(found.ids))

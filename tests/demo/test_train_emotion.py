"""The emotion trainer: what it writes, what it refuses, and that it learns."""

from importlib.resources import files
from string import Template

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from latentscape.checkpoint import load_checkpoint
from latentscape.datasets.speech import read_speech
from latentscape.datasets.splits import split_by_speaker
from latentscape.demo.speech_data import write_demo_speech
from latentscape.demo.train_emotion import train_emotion
from latentscape.errors import UsageError
from latentscape.models.emotion import load_emotion_classifier
from latentscape.progress import Progress
from latentscape.settings import EmotionConfig, load_config

TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": [32, 8],
    "conv_kernel": [400, 3],
    "conv_stride": [320, 4],
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "do_stable_layer_norm": True,
}


class Listener(Progress):
    def __init__(self):
        self.said, self.labels = [], []

    def track(self, items, *, label, total):
        self.labels.append(label)
        yield from items

    def say(self, message):
        self.said.append(message)


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    return write_demo_speech(tmp_path_factory.mktemp("speech"), seed=1, n_speakers=2, takes=1)


def configure(speech, folder, *, data=None, model=None, training=None, **sections):
    datasets = [
        {"class_path": "ravdess", "data_dir": str(speech[0])},
        {"class_path": "crema-d", "data_dir": str(speech[1])},
    ]
    plan = {"epochs": 1, "batch_size": 32, "lr": 2e-3, "filterbank_init": True, "val_split": 0.5, "seed": 3}
    return EmotionConfig.model_validate(
        {
            "data": {"datasets": datasets, "max_duration": 0.8, **(data or {})},
            "model": {
                "encoder_name": "hubert",
                "encoder_config": TINY,
                "hidden_dim": 8,
                "num_domains": 2,
                **(model or {}),
            },
            "training": {**plan, **(training or {})},
            "logging": {"log_dir": str(folder), "run_label": "tiny"},
            **sections,
        }
    )


def test_one_epoch_writes_a_checkpoint_that_loads(speech, tmp_path):
    listener = Listener()
    path = train_emotion(configure(speech, tmp_path), device="cpu", progress=listener)
    assert path == tmp_path / "tiny" / "checkpoint.pt"
    raw = torch.load(path, weights_only=True)
    assert (raw["epoch"], raw["n_train"], raw["n_validation"]) == (1, 66, 66)
    assert 0 <= raw["best_accuracy"] <= 1
    assert raw["dataset_names"] == ["ravdess", "crema-d"]
    model, receipt = load_emotion_classifier(load_checkpoint(path), None)[:2]
    assert receipt.missing == receipt.unexpected == ()
    assert receipt.n_tensors == len(raw["model_state"])
    assert torch.equal(model.classifier.mlp[0].weight, raw["model_state"]["classifier.mlp.0.weight"])
    assert listener.labels.count("training") == 1
    assert any("held-out speakers" in sentence for sentence in listener.said)


def test_the_speakers_it_is_judged_on_are_those_of_the_study(speech, tmp_path):
    raw = torch.load(train_emotion(configure(speech, tmp_path), device="cpu"), weights_only=True)
    samples = read_speech([("ravdess", speech[0]), ("crema-d", speech[1])])
    _, rows = split_by_speaker(samples.speakers, samples.dataset_ids, val_split=0.5, seed=3)
    assert raw["validation_speakers"] == sorted({samples.speakers[row] for row in rows})


def test_the_accuracy_beside_the_weights_is_that_of_the_weights(speech, tmp_path):
    from latentscape.datasets.audio import load_audio

    path = train_emotion(configure(speech, tmp_path, training={"epochs": 2}), device="cpu")
    checkpoint = load_checkpoint(path)
    model = load_emotion_classifier(checkpoint, None)[0].eval()
    samples = read_speech([("ravdess", speech[0]), ("crema-d", speech[1])])
    _, rows = split_by_speaker(samples.speakers, samples.dataset_ids, val_split=0.5, seed=3)
    right = 0
    for row in rows:
        waveform = torch.from_numpy(load_audio(samples.paths[row]))[None]
        with torch.inference_mode():
            right += int(model(waveform, torch.tensor([waveform.shape[1]])).argmax()) == samples.labels[row]
    assert checkpoint.metadata["best_accuracy"] == pytest.approx(right / len(rows), abs=1.5 / len(rows))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(speech, tmp_path):
    paths = [
        train_emotion(configure(speech, tmp_path / name, training={"seed": seed}), device="cpu")
        for name, seed in (("one", 3), ("two", 3), ("three", 4))
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()


def test_epochs_asked_for_are_kept_and_patience_stops(speech, tmp_path, monkeypatch):
    monkeypatch.setattr("latentscape.demo.train_emotion.measure_validation", lambda *_, **__: 0.25)
    training = {"epochs": 9, "patience": 2, "save_epochs": [2]}
    path = train_emotion(configure(speech, tmp_path, training=training), device="cpu")
    assert torch.load(path, weights_only=True)["epoch"] == 1  # never better than after the first
    assert sorted(found.name for found in path.parent.iterdir()) == ["checkpoint.pt", "checkpoint_epoch_2.pt"]


def test_time_runs_out_after_the_first_epoch(speech, tmp_path):
    path = train_emotion(configure(speech, tmp_path, training={"epochs": 50, "max_seconds": 1e-6}), device="cpu")
    assert torch.load(path, weights_only=True)["epoch"] == 1


def test_noise_weights_and_a_frozen_encoder_are_honored(speech, tmp_path):
    noise = tmp_path / "noise"
    noise.mkdir()
    soundfile.write(noise / "hiss.wav", np.random.default_rng(0).normal(0, 0.1, 4000), 16000)
    config = configure(
        speech,
        tmp_path,
        data={"noise_dir": str(noise)},
        model={"freeze_encoder": True},
        training={"class_weights": True, "filterbank_init": False, "scheduler": "cosine_warm_restarts"},
    )
    after = torch.load(train_emotion(config, device="cpu"), weights_only=True)["model_state"]
    one_more = configure(
        speech, tmp_path / "more", model={"freeze_encoder": True}, training={"filterbank_init": False, "epochs": 2}
    )
    later = torch.load(train_emotion(one_more, device="cpu"), weights_only=True)["model_state"]
    frozen = [name for name in after if name.startswith("encoder.")]
    assert all(torch.equal(after[name], later[name]) for name in frozen)
    assert not torch.equal(after["classifier.mlp.0.weight"], later["classifier.mlp.0.weight"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pretrained_weights": {"use_pretrained": True}}, "pretrained_weights"),
        ({"training": {"resume_training": True}}, "starts anew"),
        ({"model": {"num_domains": 2, "num_classes": 6}}, "num_classes"),
    ],
)
def test_what_it_does_not_honor_is_refused(speech, tmp_path, changes, words):
    with pytest.raises(UsageError, match=words):
        train_emotion(configure(speech, tmp_path, **changes), device="cpu")


def test_too_few_domains_for_the_data_sets_are_refused(speech, tmp_path):
    two = [{"class_path": "ravdess", "data_dir": str(speech[0])}, {"class_path": "crema-d", "data_dir": str(speech[1])}]
    config = configure(speech, tmp_path, data={"datasets": [*two, {"class_path": "folder", "data_dir": str(tmp_path)}]})
    with pytest.raises(UsageError, match="num_domains"):
        train_emotion(config, device="cpu")


def test_the_domain_head_unlearns(speech, tmp_path):
    """With a reversal of strength 0 there is no head and no second loss."""
    config = configure(speech, tmp_path, model={"grl_lambda": 0.0})
    state = torch.load(train_emotion(config, device="cpu"), weights_only=True)["model_state"]
    assert not any(name.startswith("domain_classifier") for name in state)


@pytest.mark.slow
@pytest.mark.chaos
def test_the_demo_beats_chance_by_far(tmp_path):
    """The demo's own config, fewer epochs; the largest class is 14 % of the held-out clips."""
    write_demo_speech(tmp_path / "speech", seed=42)
    text = files("latentscape.demo").joinpath("emotion.yml").read_text(encoding="utf-8")
    (tmp_path / "emotion.yml").write_text(Template(text).substitute(folder=tmp_path.as_posix(), seed=42))
    config = load_config(tmp_path / "emotion.yml", EmotionConfig)
    short = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 6})})
    path = train_emotion(short, device="cpu")
    assert torch.load(path, weights_only=True)["best_accuracy"] > 0.45
    model = load_emotion_classifier(load_checkpoint(path), None)[0]
    assert isinstance(model, nn.Module)

from pathlib import Path

import pytest
from pydantic import ValidationError

from latentscape.errors import UsageError
from latentscape.settings import (
    EmotionConfig,
    RunLabel,
    describe_architecture,
    known_speech_checkpoint,
    load_config,
    read_run_label,
    run_folder,
)

REAL = """\
data:
  datasets: #several may be given
    - class_path: data.ravdess_dataset.RAVDESSDataset
      data_dir: 'data/ravdess/data'
    - class_path: data.cremad_dataset.CREMADataset
      data_dir: 'data/CREMA-D/data'
  sample_rate: 16_000
  noise_dir: 'data/musan'
model:
  encoder_name: "hubert" #wav2vec2
  dropout: 0.3
  hidden_dim: 256
  num_classes: 8
  freeze_encoder: true
  unfreeze_last_n_layers: null
  num_domains: 2
  grl_lambda: 1
training:
  batch_size: 8
  epochs: 50
  lr: 0.0001
  max_lr: 0.003
  min_lr: 0.00001
  scheduler: "cosine_warm_restarts"
  resume_training: false
  val_split: 0.2
  num_workers: 4
pretrained_weights:
  enabled: false
  checkpoint_path: "runs/v18/hubert_2MLP_3Enc/checkpoint.pt"
logging:
  log_dir: "runs/emotion_classifier_exp2/"
  run_label: "hubert_2MLP_0Enc_wnoisedata_cosinewrmst_D0p3"
  track_run: true
  runs_config_path: "configs/model_runs.yml"
  misclassified_dir: "misclassified/"
  checkpoint_dir: "checkpoints/"
  save_misclassified: true
notes: "Several
 lines."
"""


def config(**sections):
    data = {"datasets": [{"class_path": "ravdess", "data_dir": "x"}]}
    return EmotionConfig.model_validate({"data": data, "model": {"encoder_name": "hubert"}} | sections)


def test_a_config_as_the_original_tool_writes_it(tmp_path):
    (tmp_path / "config.yml").write_text(REAL)
    loaded = load_config(tmp_path / "config.yml", EmotionConfig)
    assert loaded.data.datasets[1].class_path == "data.cremad_dataset.CREMADataset"
    assert loaded.data.sample_rate == 16000
    assert loaded.training.lr == 1e-4
    assert known_speech_checkpoint(loaded) == Path(
        "runs/emotion_classifier_exp2/hubert_2MLP_0Enc_wnoisedata_cosinewrmst_D0p3/checkpoint.pt"
    )
    assert run_folder(loaded) == known_speech_checkpoint(loaded).parent
    assert describe_architecture(loaded) == {
        "encoder_name": "hubert",
        "encoder_config": None,
        "extra_layers": 0,
        "mlp_layers": 2,
        "hidden_dim": 256,
        "num_classes": 8,
        "dropout": 0.3,
        "freeze_encoder": True,
        "unfreeze_last_n_layers": 0,
        "num_domains": 2,
        "grl_lambda": 1.0,
    }


def test_only_data_and_encoder_are_required():
    small = config()
    assert (small.training.batch_size, small.training.val_split, small.training.seed) == (8, 0.2, 42)
    assert run_folder(small) == Path("runs")


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("hubert_2MLP_0Enc_wnoisedata_cosinewrmst_D0p3", (2, 0, 0.3)),
        ("hubert_H256_2MLP_3Enc_noisedata_cosinewrmst_D0p3", (2, 3, 0.3)),
        ("hubert_2MLP_512HD_2Enc_wnoise_rand_clip_2s_0.5Drop", (2, 2, None)),
        ("wavlm-1MLP-1Enc-D0p25", (1, 1, 0.25)),
        ("Wav2Vec2-Freez+Dropout0.3", (None, None, None)),
        ("12MLP_10Enc_D0p", (None, None, None)),
        ("x2MLP_2MLPs_0Encoder", (None, None, None)),
        ("", (None, None, None)),
    ],
)
def test_words_of_a_run_label(label, expected):
    assert read_run_label(label) == RunLabel(mlp_layers=expected[0], extra_layers=expected[1], dropout=expected[2])


def test_the_model_section_wins_over_the_label_and_the_label_over_defaults():
    label = {"run_label": "wavlm_1MLP_3Enc_D0p1"}
    told = describe_architecture(config(logging=label))
    assert (told["mlp_layers"], told["extra_layers"], told["dropout"]) == (1, 3, 0.1)
    model = {"encoder_name": "wavlm", "mlp_layers": 2, "extra_layers": 0, "dropout": 0.3}
    told = describe_architecture(config(logging=label, model=model))
    assert (told["mlp_layers"], told["extra_layers"], told["dropout"]) == (2, 0, 0.3)
    silent = describe_architecture(config())
    assert (silent["mlp_layers"], silent["extra_layers"], silent["dropout"]) == (2, 0, 0.3)


@pytest.mark.parametrize("encoder", ["hubert", "wav2vec2", "wavlm", "facebook/hubert-base-ls960"])
def test_encoders_by_name(encoder):
    assert config(model={"encoder_name": encoder}).model.encoder_name == encoder


def test_an_encoder_may_be_a_folder(tmp_path):
    assert config(model={"encoder_name": str(tmp_path)})


@pytest.mark.parametrize(
    "sections",
    [
        {"model": {"encoder_name": "huber"}},
        {"model": {"encoder_name": "hubert", "extra_layers": 4}},
        {"model": {"encoder_name": "hubert", "mlp_layers": 0}},
        {"model": {"encoder_name": "hubert", "dropout": 1.0}},
        {"model": {"encoder_name": "hubert", "num_classes": 1}},
        {"model": {"encoder_name": "hubert", "unfreeze_last_n_layers": -1}},
        {"training": {"val_split": 0}},
        {"training": {"val_split": 1}},
        {"training": {"lr": float("nan")}},
        {"training": {"epoch": 1}},
        {"training": {"Batch_Size": 1}},
        {"training": {"run_label": "x"}},
        {"data": {"datasets": [{"class_path": "ravdess", "data_dir": "x"}], "unknown": 1}},
        {"logging": {"unknown": 1}},
        {"training": {"save_epochs": [0]}},
        {"style": {"class_names": ["a"] * 8}},
        {"style": {"class_names": ["a", "b"]}},
        {"style": {"class_colors": {"a": "#12345"}}},
        {"style": {"class_colors": {"a": "url(javascript:1)"}}},
        {"style": {"dataset_markers": {"a": "oo"}}},
        {"style": {"class_names": list("abcdefgh"), "class_colors": {"z": "red"}}},
    ],
)
def test_values_that_are_refused(sections):
    with pytest.raises(ValidationError):
        config(**sections)


def test_style_and_training_extras():
    styled = config(
        style={
            "class_names": ["Bu\u1ed3n", *"bcdefgh"],
            "class_colors": {"Buo\u0302\u0300n": "tab:blue", "b": "#1f77b4"},
            "dataset_markers": {"ravdess": "o"},
            "dark": True,
        },
        training={"early_stopping_patience": 3, "save_epochs": [1, 5], "class_weights": True, "max_seconds": 60},
    )
    assert styled.style.class_colors["Buồn"] == "tab:blue"
    assert styled.training.patience == 3
    assert styled.training.save_epochs == (1, 5)


def test_training_keys_of_other_code_are_passed_over(tmp_path):
    theirs = "  optimizer: adamw\n  warmup_steps: 500\n  amp: {level: O1, modules: [a, b]}\n"
    (tmp_path / "config.yml").write_text(
        REAL.replace("training:\n", "training:\n" + theirs + "  save_epochs: [1, 5]\n")
    )
    loaded = load_config(tmp_path / "config.yml", EmotionConfig)
    assert (loaded.training.val_split, loaded.training.save_epochs) == (0.2, (1, 5))
    assert not {"optimizer", "warmup_steps", "amp"} & loaded.training.model_dump().keys()


def test_a_slip_of_the_pen_in_training_is_named_with_its_line(tmp_path):
    (tmp_path / "config.yml").write_text(REAL.replace("val_split", "val_spilt").replace("scheduler:", "optimizer:"))
    with pytest.raises(
        UsageError, match=r"1 problem in [^:]*\n.*:26: unknown key `training.val_spilt`; .* `val_split`"
    ):
        load_config(tmp_path / "config.yml", EmotionConfig)


def test_home_and_unknown_homes_in_log_dir():
    assert run_folder(config(logging={"log_dir": "~/runs", "run_label": "a"})) == Path.home() / "runs" / "a"
    assert run_folder(config(logging={"log_dir": "~nobody-here/runs"})) == Path("~nobody-here/runs")


def test_a_config_can_not_be_changed():
    with pytest.raises(ValidationError):
        config().training.seed = 1

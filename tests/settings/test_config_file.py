import json
import subprocess
import sys

import pytest

from latentscape.errors import UsageError
from latentscape.settings import EmotionConfig, RetrieverConfig, load_config

GOOD = """\
data:
  datasets:
    - class_path: ravdess
      data_dir: data/ravdess
model:
  encoder_name: hubert
"""


@pytest.fixture
def load(tmp_path):
    def load_written(text, model_class=EmotionConfig):
        (tmp_path / "c.yml").write_text(text)
        return load_config(tmp_path / "c.yml", model_class)

    return load_written


def problems_of(load, text, model_class=EmotionConfig):
    with pytest.raises(UsageError) as caught:
        load(text, model_class)
    assert caught.value.exit_code == 2
    return [line.partition("c.yml:")[2] for line in caught.value.what.splitlines()[1:]]


def test_every_problem_at_once_with_line_key_path_and_nearest_name(load):
    text = """\
data:
  datasets:
    - class_path: ravdess
      data_dri: data/ravdess
    - data_dir: 3
  sample_rate: 16000
  sample_rate: 8000
modle: {}
model:
  encoder_name: hubrt
  dropout: "0.3"
  num_classes: 8.5
  perplexety: 3
training:
  lr: 0
  scheduler: cosin
  seed: true
  log_dir: x
"""
    assert problems_of(load, text) == [
        "3: `data.datasets[0].data_dir` is missing",
        "4: unknown key `data.datasets[0].data_dri`; did you mean `data_dir`?",
        "5: `data.datasets[1].class_path` is missing",
        "5: `data.datasets[1].data_dir`: got 3, expected text: put it in quotes",
        "7: the key `sample_rate` is given twice, first on line 6",
        "8: unknown key `modle`; did you mean `model`?",
        "10: `model.encoder_name`: 'hubrt' is none of hubert, wav2vec2, wavlm, no folder, and no hub name "
        "(`owner/name`)",
        '11: `model.dropout`: got "0.3", expected a number',
        "12: `model.num_classes`: got 8.5, expected a whole number",
        "13: unknown key `model.perplexety`; known names: dropout, encoder_config, encoder_name, extra_layers, "
        "freeze_encoder, grl_lambda, hidden_dim, mlp_layers, num_classes, num_domains, unfreeze_last_n_layers",
        "15: `training.lr`: got 0, expected greater than 0",
        '16: `training.scheduler`: got "cosin", expected one of cosine_warm_restarts, onecycle, cosine, linear, '
        "constant, none; did you mean `cosine`?",
        "17: `training.seed`: got true, expected a whole number",
        "18: unknown key `training.log_dir`; did you mean `logging.log_dir`?",
    ]


def test_one_problem_and_many_are_counted(load):
    with pytest.raises(UsageError, match=r"^1 problem in .*c\.yml"):
        load(GOOD + "x: 1\n")
    with pytest.raises(UsageError, match=r"^2 problems in .*c\.yml"):
        load(GOOD + "x: 1\ny: 2\n")


def test_nothing_is_converted(load):
    for text in ("batch_size: '8'", "batch_size: 8.0", "batch_size: true", "batch_size: [8]", "lr: '1e-4'", "lr: yes"):
        assert len(problems_of(load, GOOD + f"training: {{{text}}}\n")) == 1, text
    config = load(GOOD + "training: {lr: 1, val_split: 1e-1}\n")
    assert (config.training.lr, config.training.val_split) == (1.0, 0.1)


def test_text_that_looks_like_a_number_asks_for_quotes(load):
    assert problems_of(load, GOOD + "logging: {run_label: 2024}\n") == [
        "7: `logging.run_label`: got 2024, expected text: put it in quotes"
    ]
    assert load(GOOD + "logging: {run_label: no}\n").logging.run_label == "no"


def test_a_section_with_all_entries_commented_out_is_empty(load):
    assert load(GOOD + "training:\n  # lr: 1\nstyle:\nnotes:\n") == load(GOOD)


def test_missing_sections_and_wrong_kinds(load):
    assert problems_of(load, "notes: x\n") == ["1: `data` is missing", "1: `model` is missing"]
    assert problems_of(load, "data: 3\nmodel: [a]\n") == [
        "1: `data`: got 3, expected a mapping",
        '2: `model`: got ["a"], expected a mapping',
    ]
    assert problems_of(load, "data: {datasets: []}\nmodel: {encoder_name: ''}\n") == [
        "1: `data.datasets`: the list is empty: name at least one data set",
        '2: `model.encoder_name`: got "", expected at least 1 character',
    ]


def test_settings_that_do_not_fit_each_other_name_the_line(load):
    text = GOOD + "style:\n  dark: true\n  class_names: [a, b]\n"
    assert problems_of(load, text) == ["9: `style.class_names`: 2 names for the 8 classes of the model"]


def test_long_values_are_cut(load):
    (problem,) = problems_of(load, GOOD + f"training: {{lr: {'x' * 500}}}\n")
    assert len(problem) < 150


def test_configs_of_the_repository_load(root):
    for path in sorted((root / "configs").glob("emotion*.yml")):
        assert load_config(path, EmotionConfig).data.datasets
    for path in sorted((root / "configs").glob("ret*.yml")):
        assert load_config(path, RetrieverConfig).data.pairs


def test_reading_a_config_imports_nothing_heavy(root):
    code = (
        "import sys, json, time; from latentscape.settings import EmotionConfig, load_config;"
        "load_config('configs/emotion.yml', EmotionConfig);"
        "heavy = {'torch', 'numpy', 'transformers', 'matplotlib', 'plotly', 'soundfile', 'pyarrow'};"
        "print(json.dumps([sorted(heavy & set(sys.modules)), time.process_time()]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    heavy, seconds = json.loads(result.stdout)
    assert heavy == []
    assert seconds < 1

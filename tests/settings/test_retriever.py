from pathlib import Path

import pytest
from pydantic import ValidationError

from latentscape.errors import UsageError
from latentscape.settings import RetrieverConfig, load_config


def config(**sections):
    return RetrieverConfig.model_validate(
        {"data": {"pairs": "p.json"}, "model": {"base_model": "BAAI/bge-m3"}} | sections
    )


def test_defaults():
    small = config()
    assert small.output == Path("checkpoints")
    assert (small.training.save_epochs, small.training.seed) == ((1, 5), 42)
    assert small.style.query is None


def test_a_full_file(tmp_path):
    (tmp_path / "c.yml").write_text(
        "data: {pairs: a.json, weights: w.json, val_split: 0.2}\n"
        "model: {encoder_config: {hidden_size: 64}, vocab_size: 4000, d_out: 256, use_layernorm: true}\n"
        "training: {batch_size: 16, lr: 2e-4, temperature: 0.05, hard_negatives: 0, save_epochs: [1, 5, 10]}\n"
        "output: checkpoints/real\n"
        "style: {query: '#1f77b4', positive: green, hard_negative: C3, dark: true}\n"
    )
    loaded = load_config(tmp_path / "c.yml", RetrieverConfig)
    assert loaded.model.encoder_config == {"hidden_size": 64}
    assert loaded.training.save_epochs == (1, 5, 10)
    assert loaded.style.hard_negative == "C3"


@pytest.mark.parametrize("model", [{}, {"base_model": "a", "encoder_config": {}}])
def test_exactly_one_encoder(tmp_path, model):
    with pytest.raises(ValidationError):
        config(model=model)
    (tmp_path / "c.yml").write_text("data: {pairs: a}\nmodel:\n  d_out: 8\n")
    with pytest.raises(UsageError, match=r"c\.yml:2: `model`: neither is given: name either `base_model`"):
        load_config(tmp_path / "c.yml", RetrieverConfig)


@pytest.mark.parametrize(
    "sections",
    [
        {"training": {"temperature": 0}},
        {"training": {"hard_negatives": -1}},
        {"data": {"pairs": "p", "val_split": 1}},
        {"style": {"query": "not a color!"}},
        {"model": {"base_model": ""}},
        {"extra": 1},
    ],
)
def test_values_that_are_refused(sections):
    with pytest.raises(ValidationError):
        config(**sections)

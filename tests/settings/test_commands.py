"""The choices of the two commands."""

import json
from pathlib import Path

import pytest

from latentscape.errors import UsageError
from latentscape.settings import EmbeddingsSettings, LatentsSettings, record_settings


def embeddings(**changes):
    return EmbeddingsSettings(checkpoint=Path("best.pt"), data=Path("pairs.json"), **changes)


def test_the_original_defaults_hold():
    settings = embeddings()
    assert (settings.output, settings.max_samples, settings.batch_size) == (Path("visualizations/"), 500, 32)
    assert (settings.device, settings.skip_umap, settings.skip_tsne) == ("auto", False, False)


@pytest.mark.parametrize(
    "change", [{"max_samples": -1}, {"batch_size": 0}, {"seed": -1}, {"seed": 2**32}, {"layers": (",",)}]
)
def test_numbers_out_of_range_are_refused_by_their_option(change):
    option = "--" + next(iter(change)).replace("_", "-")
    with pytest.raises(UsageError, match=option) as refused:
        embeddings(**change)
    assert refused.value.exit_code == 2
    with pytest.raises(UsageError, match=option):
        LatentsSettings(config=Path("c.yml"), **change)


def test_layers_may_be_separated_by_commas_or_repeated():
    assert embeddings(layers=("cnn, mlp", "logits")).layer_patterns == ("cnn", "mlp", "logits")
    assert embeddings().layer_patterns is None


def test_the_record_is_json():
    record = json.loads(json.dumps(record_settings(LatentsSettings(config=Path("a/b.yml"), layers=("mlp",)))))
    assert record["config"] == "a/b.yml"
    assert record["layers"] == ["mlp"]
    assert record["checkpoint"] is None

"""The choices of the two commands."""

import json
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest

from latentscape.errors import UsageError
from latentscape.maps import MapOptions
from latentscape.settings import EmbeddingsSettings, LatentsSettings, MapSettings, record_settings
from latentscape.settings.choices import check_workers


def embeddings(**changes):
    return EmbeddingsSettings(checkpoint=Path("best.pt"), data="pairs.json", **changes)


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


@pytest.mark.parametrize(
    "change",
    [
        {"engine": "Ray"},
        {"engine": None},
        {"workers": -1},
        {"workers": "two"},
        {"workers": 2.0},
        {"workers": True},
        {"gpus_per_worker": 0},
        {"gpus_per_worker": 0.00001},
        {"gpus_per_worker": 2.5},
        {"gpus_per_worker": float("nan")},
        {"gpus_per_worker": "half"},
    ],
)
def test_who_does_the_work_is_one_of_two_and_counted_in_what_ray_takes(change):
    option = "--" + next(iter(change)).replace("_", "-")
    with pytest.raises(UsageError, match=option) as refused:
        check_workers(SimpleNamespace(**{"engine": "ray", "workers": 0, "gpus_per_worker": 1.0, **change}))
    assert refused.value.fault == "option-value"


def test_every_command_that_takes_workers_checks_them():
    for settings in (embeddings, MapSettings, LatentsSettings):
        with pytest.raises(UsageError, match="--workers"):
            settings(workers=-1)


def test_whole_gpus_and_shares_of_one_are_taken():
    assert [embeddings(gpus_per_worker=each).gpus_per_worker for each in (1, 2.0, 0.0001, 0.5)] == [1, 2.0, 0.0001, 0.5]


def test_layers_may_be_separated_by_commas_or_repeated():
    assert embeddings(layers=("cnn, mlp", "logits")).layer_patterns == ("cnn", "mlp", "logits")
    assert embeddings().layer_patterns is None


def test_the_maps_of_the_command_are_those_of_the_contract():
    settings = MapSettings()
    assert (settings.methods, settings.metric, settings.seed, settings.max_samples) == (
        ("tsne", "umap"),
        "cosine",
        42,
        0,
    )
    defaults = MapOptions()
    assert all(getattr(settings, field.name) == getattr(defaults, field.name) for field in fields(MapOptions))
    assert MapSettings(method=("pca, tsne", "pca")).methods == ("pca", "tsne")


@pytest.mark.parametrize(
    "change",
    [
        {"max_samples": -1},
        {"seed": 2**32},
        {"method": ("tsne,none",)},
        {"method": ()},
        {"perplexity": float("nan")},
        {"n_neighbors": 1},
        {"min_dist": -0.1},
        {"time_budget": 0.0},
    ],
)
def test_choices_of_a_map_out_of_range_are_refused_by_their_option(change):
    with pytest.raises(UsageError, match="--" + next(iter(change)).replace("_", "-")):
        MapSettings(**change)


def test_the_record_is_json():
    record = json.loads(json.dumps(record_settings(LatentsSettings(config=Path("a/b.yml"), layers=("mlp",)))))
    assert record["config"] == "a/b.yml"
    assert record["layers"] == ["mlp"]
    assert record["checkpoint"] is None

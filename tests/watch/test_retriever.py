"""Plain `study.log(model, step)` of retrievers."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from latentscape.errors import DataError, UsageError
from latentscape.watch import RetrieverWatch

from .toys import Bag, make_model, make_pairs, same_state


def watch(tmp_path, **choices):
    usual = {"pairs": make_pairs(), "embed": lambda model, texts: model(texts), "output": tmp_path, "strict": True}
    return RetrieverWatch(**{**usual, **choices})


def test_scores_are_those_of_the_vectors(tmp_path):
    model = make_model(Bag)
    scores = watch(tmp_path).log(model, 3, epoch=1)
    rows = make_pairs()
    texts = [row["pos"] for row in rows] + [row["hard_neg"][0]["text"] for row in rows]
    with torch.no_grad():
        model.eval()
        queries, documents = (
            torch.nn.functional.normalize(model(each), dim=1) for each in ([row["query"] for row in rows], texts)
        )
    cosines = queries @ documents.T
    right = cosines[range(len(rows)), range(len(rows))]
    ranks = (cosines >= right[:, None]).sum(dim=1)  # a tie is lost
    assert scores["mrr"].value == pytest.approx(float((1 / ranks).mean()), abs=1e-6)
    assert scores["hit_at_1"].value == pytest.approx(float((ranks == 1).float().mean()))


def test_a_run_folder_like_any_other(tmp_path):
    watch(tmp_path).log(make_model(Bag), 3, epoch=1)
    manifest = json.loads((tmp_path / "step_000003" / "manifest.json").read_text())
    assert manifest["study"] == "embeddings"
    assert manifest["layers"] == ["embedding"]
    assert manifest["model"]["trained"] == {"step": 3, "epoch": 1.0}
    table = pq.read_table(tmp_path / "step_000003" / "samples.parquet").to_pydict()
    n_queries = table["kind"].count("query")
    assert n_queries == 24
    assert table["hard_types"][0] == [["topic"]]
    assert np.load(tmp_path / "step_000003" / "features" / "embedding.npy").shape[1] == 8


def test_a_file_and_its_rows_give_the_same_scores(tmp_path):
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps(make_pairs()), encoding="utf-8")
    by_file = watch(tmp_path / "file", pairs=path).log(make_model(Bag), 1)
    assert by_file == watch(tmp_path / "rows").log(make_model(Bag), 1)


def test_vectors_of_every_kind(tmp_path):
    expected = watch(tmp_path / "tensor").log(make_model(Bag), 1)["mrr"]
    kinds = {
        "array": lambda model, texts: model(texts).detach().numpy(),
        "lists": lambda model, texts: model(texts).tolist(),
        "rows": lambda model, texts: list(model(texts)),
        "half": lambda model, texts: model(texts).double(),
    }
    for name, embed in kinds.items():
        assert watch(tmp_path / name, embed=embed).log(make_model(Bag), 1)["mrr"] == expected


def test_something_that_is_no_module_but_encodes(tmp_path):
    class Encoder:
        def encode(self, texts, **_):
            return np.array([[len(text), text.count("e"), 1.0] for text in texts])

    with pytest.raises(UsageError, match="no weights"):
        watch(tmp_path, embed=None).log(Encoder(), 1)


def test_the_model_is_as_before(tmp_path):
    model, other = make_model(Bag).train(), make_model(Bag)
    seed = torch.get_rng_state()
    watch(tmp_path).log(model, 1)
    assert same_state(model, other)
    assert model.training
    assert model.drop.training
    assert torch.equal(seed, torch.get_rng_state())


def test_a_choice_of_queries_is_accounted_for(tmp_path):
    watch(tmp_path, max_samples=10, pairs=[*make_pairs(), make_pairs()[0]]).log(make_model(Bag), 1)
    accounting = json.loads((tmp_path / "step_000001" / "manifest.json").read_text())["accounting"]
    reasons = {skip["reason"]: skip["count"] for skip in accounting["skipped"]}
    assert (accounting["n_in"], accounting["n_ok"]) == (25, 10)
    assert reasons["not drawn: max_samples"] == 14


def test_what_can_not_be_watched(tmp_path):
    with pytest.raises(DataError):
        watch(tmp_path, pairs=tmp_path / "none.json")
    with pytest.raises(UsageError, match="no pairs"):
        watch(tmp_path, pairs=[{"query": object()}])
    with pytest.raises(UsageError, match="has no `encode`"):
        watch(tmp_path, embed=None).log(make_model(Bag), 1)
    study = watch(tmp_path, embed=lambda *_: torch.full((1, 2), float("nan")), strict=False)
    with pytest.warns(RuntimeWarning, match="the training goes on"):
        assert study.log(make_model(Bag), 1) == {}

"""A retriever whose knowledge is planted: what the whole study must find in it, and what it must not."""

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from latentscape.embeddings_study import study_embeddings
from latentscape.errors import DataError, UsageError
from latentscape.settings import EmbeddingsSettings

pytestmark = pytest.mark.slow
N, N_DISTRICTS, WIDTH = 240, 8, 48
TYPES = ("location", "price", "amenity")
AMENITY = "amenity"
"""The detail that the planted retriever does not see."""


def plant(path, *, seed=0, shuffled=False, keep=N):
    """Listings with a district, a price and an amenity. Vectors know the first two; each has three hard negatives."""
    random = np.random.default_rng(seed)
    places = random.normal(size=(N_DISTRICTS, WIDTH)) * 0.5
    slope, own = random.normal(size=(2, WIDTH)) * 0.5, random.normal(size=(N, WIDTH))
    district, price, amenity = random.integers(0, N_DISTRICTS, N), random.uniform(2, 6, N), random.integers(0, 2, N)

    def embed(district, price, own):
        angle = price * 0.7
        return places[district] + np.cos(angle)[:, None] * slope[0] + np.sin(angle)[:, None] * slope[1] + 0.6 * own

    def blur(vectors):
        return (vectors + 0.12 * random.normal(size=vectors.shape)).astype(np.float32)

    wrong = {
        "location": ((district + 1 + random.integers(0, N_DISTRICTS - 1, N)) % N_DISTRICTS, price, amenity),
        "price": (district, price + random.choice([-1, 1], N) * random.uniform(0.4, 2.5, N), amenity),
        AMENITY: (district, price, 1 - amenity),
    }
    documents = [(district, price, amenity), *wrong.values()]
    vectors = np.concatenate([blur(embed(place, cost, own)) for place, cost, _ in documents])
    place, cost, extra = (np.concatenate(column) for column in zip(*documents, strict=True))
    query = blur(embed(district, price, own))
    relevant = random.permutation(N) if shuffled else np.arange(N)
    hard = [(row, N * kind + row, TYPES[kind - 1]) for row in range(keep) for kind in (1, 2, 3) if not shuffled]
    np.savez(
        path, queries=query[:keep], documents=vectors, relevant=relevant[:keep],
        hard=np.array([pair[:2] for pair in hard]), hard_types=np.array([pair[2] for pair in hard], dtype=str),
        query_district=np.array([f"D{each}" for each in district])[:keep], query_price=price[:keep],
        document_district=np.array([f"D{each}" for each in place]), document_price=cost,
        document_amenity=np.where(extra, "yes", "no"),
    )  # fmt: skip
    return path


def study(vectors, output, **changes):
    options = {"max_samples": 0, "skip_umap": True, "skip_tsne": True} | changes
    return study_embeddings(EmbeddingsSettings(vectors=vectors, output=output, **options))


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    return study(plant(folder / "vectors.npz"), folder / "run")


def claims(studied):
    return {(each.kind, *each.subject) for each in studied.findings.improvements.found}


def test_the_ignored_detail_is_named_and_no_other(planted):
    named = [claim for claim in claims(planted) if claim[0] in ("ignored_type", "violated_types")]
    assert named
    assert {name for claim in named for name in claim[1:]} & set(TYPES) == {AMENITY}
    effects = {effect.type: effect for effect in planted.findings.importance.effects}
    assert effects[AMENITY].effect.low < 0.02
    assert abs(effects[AMENITY].difference.value) < 0.02
    assert effects[AMENITY].violations.value == pytest.approx(0.5, abs=0.12)
    for name in ("location", "price"):
        assert effects[name].effect.low > 0.05
        assert effects[name].violations.value < 0.1


def test_places_and_prices_are_found_where_they_were_planted(planted):
    places = {each.attribute: each for each in planted.findings.places}
    assert places["district"].p_value <= 0.001
    assert places["district"].purity.low > places["district"].chance + 0.2
    assert places["amenity"].purity.value < places["amenity"].chance + 0.05
    (price,) = planted.findings.responses
    assert price.attribute == "price"
    assert price.monotonicity.high < -0.2
    assert (np.diff(price.similarity[:4]) < 0).all()
    assert not price.breaks


def test_the_numbers_are_those_of_the_whole_matrix(planted):
    """The slow and obvious way, in double precision."""
    held = np.load(planted.folder.parent / "vectors.npz")
    sides = [held[name].astype(np.float64) for name in ("queries", "documents")]
    queries, documents = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
    cosines, own = queries @ documents.T, np.arange(N)
    wrong = ~np.eye(N, len(documents), dtype=bool)
    right, negatives = cosines[own, own], cosines[wrong]
    hard = np.stack([cosines[own, N * (kind + 1) + own] for kind in range(3)])
    hardest = np.where(wrong, cosines, -2).max(axis=1)
    rank = 1 + (wrong & (cosines >= right[:, None])).sum(axis=1)
    alone = 1 + (wrong & (cosines >= right[:, None]))[:, :N].sum(axis=1)
    scores = json.loads((planted.folder / "scores.json").read_text())
    expected = {
        "positive_mean": right.mean(), "negative_mean": negatives.mean(), "negative_sd": negatives.std(),
        "margin": right.mean() - negatives.mean(), "margin_hard": right.mean() - hard.mean(),
        "negative_sd_hard": hard.std(), "margin_mined": right.mean() - hardest.mean(),
        "separation": (right.mean() - negatives.mean()) / np.hypot(right.std(), negatives.std()),
        "auc_hard": (right[:, None] > hard.ravel()).mean(), "auc": (right[:, None] > negatives).mean(),
        "mrr": (1 / rank).mean(), "hit_at_1": (rank == 1).mean(), "recall_at_10": (rank <= 10).mean(),
        "ndcg_at_10": np.where(rank <= 10, 1 / np.log2(1 + rank), 0).mean(), "map": (1 / rank).mean(),
        "mrr_without_hard": (1 / alone).mean(), "hit_at_1_without_hard": (alone == 1).mean(),
    }  # fmt: skip
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value, abs=1e-6), name


def test_what_is_known_of_each_query_and_document_is_in_the_tables(planted):
    table = pq.read_table(planted.folder / "samples.parquet").to_pydict()
    assert table["attribute_district"][0].startswith("D")
    assert table["attribute_amenity"][:N] == [None] * N
    assert set(table["attribute_amenity"][N:]) == {"yes", "no"}
    with (planted.folder / "queries.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == N
    ranks = [int(row["best_rank"]) for row in rows]
    assert ranks == sorted(ranks, reverse=True)
    names = {path.name for path in planted.folder.glob("*.png")}
    assert {"retrieval_ranks.png", "feature_importance.png", "attribute_clusters.png",
            "attribute_response.png"} <= names  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_right_documents_lead_to_no_claim_about_the_model(tmp_path, seed):
    studied = study(plant(tmp_path / "v.npz", seed=seed, shuffled=True), tmp_path / "run")
    allowed = {"worst_queries"}
    assert {claim[0] for claim in claims(studied)} <= allowed
    assert studied.findings.improvements.withheld
    assert studied.scores["hit_at_1"].value < 0.05


def test_documents_that_belong_to_no_query_stay_in_the_corpus(tmp_path):
    studied = study(plant(tmp_path / "v.npz", keep=60), tmp_path / "run")
    assert len(studied.findings.queries) == 60
    assert len(studied.findings.documents) == 4 * N
    assert (studied.findings.document_kinds == 3).sum() == 3 * (N - 60) + (N - 60)
    again = study(plant(tmp_path / "v.npz", keep=60), tmp_path / "few", max_samples=20)
    assert len(again.findings.queries) == 20
    assert again.findings.accounting.n_in == 60


def test_vectors_and_a_model_are_not_mixed(tmp_path, run_command):
    path = plant(tmp_path / "v.npz")
    code, _, err = run_command("embeddings", "--vectors", path, "--data", "pairs.json")
    assert code == 2
    assert "`--data`" in err
    code, _, err = run_command("embeddings", "--vectors", path, "--list-layers")
    assert code == 2
    assert "no layers" in err
    with pytest.raises(UsageError, match="--vectors"):
        study_embeddings(EmbeddingsSettings())
    np.savez(tmp_path / "bad.npz", queries=np.zeros((3, 4)), documents=np.ones((2, 4)))
    with pytest.raises(DataError):
        study(tmp_path / "bad.npz", tmp_path / "run")
    assert not (tmp_path / "run").exists()

"""A retriever is judged by workers that share nothing, or by a Ray cluster, as by one process: to the last bit."""

import numpy as np
import pytest

from latentscape.datasets.attributes import Attribute
from latentscape.datasets.pair_samples import HardNegative, PairSamples, RawPairs
from latentscape.executor import IN_PROCESS
from latentscape.findings import Accounting, ModelCard
from latentscape.measures import gram_sums, scan_shards, scan_tiles, second_look, unit_rows
from latentscape.progress import SILENT
from latentscape.retrieval_diagnosis import Background, diagnose_retrieval
from tests.ray_clusters import open_cluster
from tests.scattered import Scattered, same

N, M, WIDTH, N_DISTRICTS = 120, 700, 24, 6


def plant(seed=0):
    """Queries near their documents; districts in the space, a price that nothing sees, copies, hard negatives."""
    random = np.random.default_rng(seed)
    district, price = random.integers(0, N_DISTRICTS, M), random.integers(1, 40, M) / 2
    documents = random.normal(size=(N_DISTRICTS, WIDTH))[district] + random.normal(size=(M, WIDTH))
    documents[-M // 10 :] = documents[: M // 10]  # near copies as far as the model goes
    right = random.permutation(M)[:N]
    queries = documents[right] + 0.8 * random.normal(size=(N, WIDTH))
    rest = np.setdiff1d(np.arange(M), right)
    hard, ignored = random.choice(rest, size=(2, N))
    relevant = tuple((int(each),) for each in right)
    ignored = tuple((int(each),) if each != wrong else () for each, wrong in zip(ignored, hard, strict=True))
    raw = RawPairs(
        names=tuple(f"row {row}" for row in range(N)),
        query=np.arange(N),
        places=tuple(f"document {document}" for document in range(M)),
        document=np.arange(M),
        relevant=relevant,
        hard=tuple((int(each),) for each in hard),
        is_corpus=True,
    )
    pairs = PairSamples(
        queries=tuple(f"query {query}" for query in range(N)),
        documents=tuple(f"text {document}" for document in range(M)),
        relevant=relevant,
        hard_negatives=tuple(
            (HardNegative(document=int(each), types=("place" if each % 2 else "price",), weight=None),) for each in hard
        ),
        ignored=ignored,
        skipped=(),
        n_rows=N,
        raw=raw,
    )
    names = tuple(f"D{each}" for each in range(N_DISTRICTS))
    known = {"queries": district[right].astype(float), "documents": district.astype(float)}
    attributes = (
        Attribute(name="district", kind="category", values=names, **known),
        Attribute(name="half", kind="category", values=("a", "b"), queries=right % 2.0, documents=np.arange(M) % 2.0),
        Attribute(name="price", kind="number", queries=price[right], documents=price),
    )
    return pairs, np.concatenate([queries, documents]).astype(np.float32), Background(attributes=attributes)


def diagnose(executor):
    pairs, vectors, background = plant()
    card = ModelCard(
        name="planted", checkpoint="none", sha256="0" * 64, n_parameters=1, n_tensors_matched=1, n_tensors_total=1
    )
    counted = Accounting(n_in=N, n_ok=N)
    return diagnose_retrieval(
        pairs, vectors, {}, background=background, model=card, accounting=counted, seed=1, executor=executor
    )


def assert_same_findings(one, other):
    assert one.scores
    assert one.raw_scores
    for name in vars(one):
        assert same(getattr(one, name), getattr(other, name)), name


def test_workers_that_share_nothing_find_the_same(monkeypatch):
    monkeypatch.setattr(scan_tiles, "TILE_COLUMNS", 64)
    monkeypatch.setattr(scan_shards, "TILE_COLUMNS", 64)
    monkeypatch.setattr(scan_shards, "LEAST_TILES", 1)
    monkeypatch.setattr(unit_rows, "BLOCK_NUMBERS", 40 * WIDTH)
    monkeypatch.setattr(gram_sums, "MOST_BLOCKS", 3)
    monkeypatch.setattr(second_look, "DOCUMENTS_AT_ONCE", 64)
    monkeypatch.setattr(second_look, "PART_PAIRS", 1)
    assert_same_findings(diagnose(IN_PROCESS), diagnose(Scattered()))


@pytest.mark.slow
def test_a_ray_cluster_finds_the_same(monkeypatch):
    monkeypatch.setattr(scan_shards, "LEAST_TILES", 1)  # the driver cuts the parts; tiles stay as they are
    monkeypatch.setattr(gram_sums, "MOST_BLOCKS", 1)
    monkeypatch.setattr(second_look, "PART_PAIRS", 1)
    with open_cluster(SILENT) as executor:
        assert_same_findings(diagnose(IN_PROCESS), diagnose(executor))

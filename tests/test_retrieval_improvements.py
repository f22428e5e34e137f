"""What is planted in a retriever is claimed, and of nothing nothing is claimed."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from latentscape.datasets.attributes import Attribute
from latentscape.datasets.pair_defects import Defect
from latentscape.findings import Accounting, EmbeddingsFindings, ModelCard
from latentscape.measures.group_ranks import GroupRanks, measure_group_ranks
from latentscape.measures.judgments import Judgments
from latentscape.measures.minimal_pairs import measure_type_importance
from latentscape.measures.ranking import rank_documents
from latentscape.measures.response import ResponseCurve
from latentscape.measures.scan import scan_pairs
from latentscape.measures.score import Score
from latentscape.measures.similarity import Histogram, PairSimilarities
from latentscape.retrieval_improvements import find_retrieval_improvements

TYPES = ("location", "price", "amenity")
WIDTH, N_VALUES = 16, 5
CARD = ModelCard(
    name="planted", checkpoint="best.pt", sha256="0" * 64, n_parameters=1, n_tensors_matched=1, n_tensors_total=1
)


NO_SIMILARITIES = PairSimilarities(
    positives=np.zeros(0), hard=np.zeros(0), mined=np.zeros(0), boxes={}, scores={},
    in_batch=Histogram(counts=np.zeros(4, dtype=int), edges=np.linspace(-1, 1, 5), n=0, mean=None, sd=None),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Plant:
    """What is put in: how much each attribute moves a text, and which district's queries are noise."""

    n: int = 150
    seen: dict[str, float] = field(default_factory=lambda: dict.fromkeys(TYPES, 1.0))
    lost_district: int | None = None
    scramble: bool = False
    """Whether the right documents are dealt to queries at random."""
    weights: dict[str, float] = field(default_factory=dict)


def plant(recipe: Plant, *, seed: int = 0) -> EmbeddingsFindings:
    """Queries and right documents agree in three attributes and a topic; a hard negative has one attribute wrong."""
    rng = np.random.default_rng(seed)
    n = recipe.n
    codes = {name: rng.normal(size=(N_VALUES, WIDTH)) * recipe.seen[name] for name in TYPES}
    values = {name: rng.integers(0, N_VALUES, n) for name in TYPES}
    topics = rng.normal(size=(n, WIDTH))
    meant = topics + sum(codes[name][values[name]] for name in TYPES)
    queries = meant + 0.25 * rng.normal(size=meant.shape)
    if recipe.lost_district is not None:
        lost = values["location"] == recipe.lost_district
        queries[lost] = rng.normal(size=(lost.sum(), WIDTH))
    right = meant + 0.25 * rng.normal(size=meant.shape)
    wrong = []
    for name in TYPES:
        other = (values[name] + rng.integers(1, N_VALUES, n)) % N_VALUES
        moved = codes[name][other] - codes[name][values[name]]
        wrong.append(meant + moved + 0.25 * rng.normal(size=meant.shape))
    documents = np.concatenate([right, *wrong]).astype(np.float32)
    owners = rng.permutation(n) if recipe.scramble else np.arange(n)
    relevant = tuple(np.array([int(owner)]) for owner in owners)
    hard = tuple(np.array([n * (1 + place) + int(owner) for place in range(3)]) for owner in owners)
    location = Attribute(
        name="location", kind="category", values=tuple(f"Quận {i + 1}" for i in range(N_VALUES)),
        queries=values["location"].astype(float), documents=np.tile(values["location"], 4).astype(float),
    )  # fmt: skip
    return measure(queries.astype(np.float32), documents, relevant=relevant, hard=hard, attribute=location,
                   weights=recipe.weights)  # fmt: skip


def measure(queries, documents, *, relevant, hard, attribute, weights) -> EmbeddingsFindings:
    n = len(queries)
    judgments = Judgments(
        relevant=relevant, hard=hard, ignored=(np.empty(0, dtype=np.int64),) * n, n_documents=len(documents)
    )
    types = (tuple((name,) for name in TYPES),) * n
    scan = scan_pairs(queries, documents, judgments, k=10, seed=0)
    ranking = rank_documents(scan, judgments, seed=0)
    groups = measure_group_ranks(ranking, attribute, seed=0)
    return EmbeddingsFindings(
        model=CARD,
        accounting=Accounting(n_in=n, n_ok=n),
        queries=tuple(f"tìm {row}" for row in range(n)),
        documents=tuple(f"phòng {row}" for row in range(len(documents))),
        relevant=relevant,
        hard_negatives=hard,
        hard_types=types,
        weights=weights,
        document_kinds=np.where(np.arange(len(documents)) < n, 1, 2),
        similarities=NO_SIMILARITIES,
        ranking=ranking,
        heatmap_queries=np.arange(0),
        heatmap=np.zeros((0, 0)),
        maps={},
        scores=ranking.scores,
        importance=measure_type_importance(
            queries, documents, relevant, hard=hard, types=types, weights=weights, seed=0
        ),
        attributes=(attribute,),
        groups=(groups,) if isinstance(groups, GroupRanks) else (),
    )


def claims(findings, seed=0):
    return find_retrieval_improvements(findings, seed=seed)


def kinds_of(findings):
    return {claim.kind for claim in claims(findings).found}


def find(findings, kind):
    return [claim for claim in claims(findings).found if claim.kind == kind]


@pytest.fixture(scope="module")
def healthy():
    return plant(Plant())


@pytest.fixture(scope="module")
def blind():
    return plant(Plant(seen={"location": 1.0, "price": 1.0, "amenity": 0.0}))


def test_an_ignored_attribute_is_named_and_no_other(blind):
    ignored = find(blind, "ignored_type")
    assert [claim.subject for claim in ignored] == [("amenity",)]
    assert ignored[0].p_value < 0.001
    assert 0.35 < ignored[0].scores["violations"].value < 0.65
    assert ignored[0].stake == pytest.approx(ignored[0].scores["violations"].value, abs=0.02)
    assert not find(blind, "violated_types")


def test_a_retriever_that_sees_everything_is_not_blamed(healthy):
    assert not kinds_of(healthy) & {"ignored_type", "violated_types", "weak_group", "hub", "overrated_type"}


def test_a_weakly_seen_attribute_is_overlooked_not_ignored():
    weak = plant(Plant(seen={"location": 1.0, "price": 1.0, "amenity": 0.12}))
    assert [claim.subject for claim in find(weak, "violated_types")] == [("amenity",)]
    assert not find(weak, "ignored_type")


def test_the_worst_violation_comes_first(blind):
    gaps = {
        int(query): float(gap)
        for query, document, gap in zip(
            blind.importance.pair_query, blind.importance.pair_document, blind.importance.pair_difference, strict=True
        )
        if document >= 3 * len(blind.queries)
    }
    worst = min(gaps, key=gaps.__getitem__)
    assert find(blind, "ignored_type")[0].samples[0] == f"query {worst}"


def test_copies_of_one_listing_are_one_witness():
    few = plant(Plant(n=150, seen={"location": 1.0, "price": 1.0, "amenity": 0.0}))
    same = tuple(few.relevant[0] if row < 148 else few.relevant[row] for row in range(150))
    claim = find(replace(few, relevant=same), "ignored_type")
    assert not claim  # three right documents can't show that more than one in ten mistakes is overlooked


@pytest.mark.parametrize(("declared", "kind"), [(8.0, "overrated_type"), (0.1, "underrated_type")])
def test_declared_weights_are_held_against_what_types_act_like(declared, kind):
    findings = plant(Plant(weights={"location": 1.0, "price": declared, "amenity": 1.0}))
    assert ("price",) in [claim.subject for claim in find(findings, kind)]


def test_honest_weights_are_not_disputed():
    findings = plant(Plant(weights=dict.fromkeys(TYPES, 1.0)))
    assert not kinds_of(findings) & {"overrated_type", "underrated_type"}


def test_a_type_that_acts_like_nothing_is_named_beside_its_weight():
    findings = plant(Plant(seen={"location": 1.0, "price": 1.0, "amenity": 0.0}, weights=dict.fromkeys(TYPES, 1.0)))
    (claim,) = [claim for claim in find(findings, "overrated_type") if claim.subject == ("amenity",)]
    assert claim.scores["declared"].value == 1.0
    assert abs(claim.scores["acts_like"].value) < 0.1


def test_a_lost_district_is_named_with_its_queries():
    findings = plant(Plant(lost_district=2))
    (claim,) = find(findings, "weak_group")
    assert claim.subject == ("location", "Quận 3")
    assert claim.scores["hit_at_1"].value < 0.2 < claim.scores["others"].value
    lost = {f"query {row}" for row in np.flatnonzero(findings.attributes[0].queries == 2)}
    assert set(claim.samples) <= lost and len(claim.samples) > 0.8 * len(lost)


def test_of_100_studies_of_nothing_almost_none_makes_a_claim(blind):
    # The evidence of an ignored type stays in; only the ranks are drawn at random.
    n, n_documents, said = len(blind.queries), len(blind.documents), 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        top = rng.integers(0, n_documents, (n, 10))
        relevant = tuple(np.array([document]) for document in rng.permutation(n_documents)[:n])
        ranking = replace(blind.ranking, top=top, best_rank=rng.integers(2, n_documents, n))
        said += bool(kinds_of(replace(blind, ranking=ranking, relevant=relevant)) - {"worst_queries"})
    assert said <= 4


def test_of_20_retrievers_that_see_everything_almost_none_is_blamed():
    blamed = [kinds_of(plant(Plant(n=80), seed=seed)) - {"worst_queries"} for seed in range(20)]
    assert sum(map(bool, blamed)) <= 3


def test_what_is_not_said_has_its_reason(healthy):
    scrambled = claims(plant(Plant(n=60, scramble=True), seed=1))
    assert [each.kind for each in scrambled.withheld] == ["ranking"]
    assert "no better than ones dealt at random" in scrambled.withheld[0].reason
    few = claims(plant(Plant(n=12)))
    assert few.withheld[0].reason == "12 queries with a right document are fewer than 30"
    without = claims(replace(healthy, importance=None, groups=(), unmeasured={"response to price": "2 have a price"}))
    reasons = {each.kind: each.reason for each in without.withheld}
    assert reasons["type"] == "no hard negative has a type"
    assert reasons["response"] == "2 have a price"
    assert {"group", "weights", "gap"} <= reasons.keys()


def test_an_untrained_head_is_not_judged_but_its_data_are(blind):
    defects = (Defect(kind="negative_is_other_positive", where="row 3, hard_neg 1", text="x"),)
    findings = replace(blind, is_trained=False, defects=defects, defect_counts={"negative_is_other_positive": 1})
    told = claims(findings)
    assert [claim.kind for claim in told.found] == ["false_negatives", "doubtful_pairs"]
    assert [each.kind for each in told.withheld] == ["ranking"]


def test_a_document_that_comes_first_for_many_is_a_hub(healthy):
    top = healthy.ranking.top.copy()
    ranks = healthy.ranking.best_rank.copy()
    top[:20, 0], ranks[:20] = 77, 4
    (claim,) = find(replace(healthy, ranking=replace(healthy.ranking, top=top, best_rank=ranks)), "hub")
    assert claim.subject == ("document 77",)
    assert set(claim.samples) >= {f"query {row}" for row in range(20) if row != 77}
    assert claim.p_value < 1e-6
    spread = np.arange(20) + 300
    top[:20, 0] = spread
    assert not find(replace(healthy, ranking=replace(healthy.ranking, top=top, best_rank=ranks)), "hub")


def test_facts_come_first_and_count_what_is_there(blind):
    defects = tuple(
        Defect(kind=kind, where=f"row {row}", text="x", other="requirement" if kind == "undeclared_type" else "")
        for kind, n in {"trained_query": 5, "near_copy_of_positive": 3, "undeclared_type": 2}.items()
        for row in range(n)
    )
    counts = {"trained_query": 5, "near_copy_of_positive": 3, "undeclared_type": 2, "zero_weight": 450}
    found = claims(replace(blind, defects=defects, defect_counts=counts)).found
    assert [claim.kind for claim in found[:4]] == ["trained_queries", "near_copies", "idle_weights", "undeclared_types"]
    assert found[0].samples == tuple(f"row {row}" for row in range(5))
    assert found[0].stake == pytest.approx(5 / 150)
    assert found[3].subject == ("requirement",)
    assert found[4].kind == "ignored_type"
    assert found[-1].kind == "worst_queries"
    some = claims(replace(blind, defect_counts={"zero_weight": 100})).found
    assert "idle_weights" not in {claim.kind for claim in some}


def test_shared_documents_are_told_with_the_raw_number(healthy):
    shared = tuple(np.array([row // 2]) for row in range(len(healthy.queries)))
    raw = {"hit_at_1": Score(name="hit_at_1", value=0.4, n=150)}
    (claim,) = find(replace(healthy, relevant=shared, raw_scores=raw), "shared_positives")
    assert claim.stake == 1.0 and claim.scores["shared"].n == 75
    assert claim.scores["raw"].value == 0.4
    assert not find(healthy, "shared_positives")


def curve(tau, *, half=0.03, breaks=(), name="price"):
    flat = np.array([0.8, 0.7, 0.75])
    return ResponseCurve(
        attribute=name, unit="triệu", difference=np.array([0.0, 1.0, 2.0]), edges=np.arange(4.0), similarity=flat,
        low=flat, high=flat, n=np.array([9, 9, 9]), n_documents=9, breaks=breaks,
        monotonicity=Score(name="monotonicity", value=tau, n=27, low=tau - half, high=tau + half, bounds=(-1.0, 1.0)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        (curve(-0.5), set()),
        (curve(0.0), {"flat_response"}),
        (curve(0.4), {"flat_response"}),
        (curve(0.0, half=0.3), set()),  # too rough to say that there is no answer
        (curve(-0.5, breaks=(2,)), {"broken_response"}),
        (curve(0.0, breaks=(2,)), {"flat_response"}),
    ],
)
def test_numbers_without_an_answer(healthy, given, kinds):
    found = kinds_of(replace(healthy, responses=(given,)))
    assert found & {"flat_response", "broken_response"} == kinds


def space(gap, alignment, readable):
    values = {"query_document_gap": gap, "alignment": alignment, "gap_readable": readable}
    return {name: Score(name=name, value=v, n=150, low=v - 0.05, high=v + 0.05) for name, v in values.items()}


def test_a_gap_is_claimed_where_most_of_the_way_is_one_shift(healthy):
    (claim,) = find(replace(healthy, geometry=space(0.6, 0.5, 0.95)), "query_document_gap")
    assert claim.scores["share"].value == pytest.approx(0.72)
    assert not find(replace(healthy, geometry=space(0.3, 0.5, 0.95)), "query_document_gap")
    assert not find(replace(healthy, geometry=space(0.6, 0.5, 0.51)), "query_document_gap")


@pytest.mark.parametrize(("value", "claimed"), [(0.2, True), (0.48, False), (0.9, False)])
def test_a_threshold_is_called_unusable_where_most_right_pairs_miss_it(healthy, value, claimed):
    score = Score(name="tpr_at_fpr_5_mined", value=value, n=150, low=value - 0.05, high=value + 0.05)
    found = find(replace(healthy, scores={**healthy.scores, score.name: score}), "unusable_threshold")
    assert bool(found) == claimed


def test_the_same_seed_tells_the_same(blind):
    assert claims(blind, seed=3) == claims(blind, seed=3)

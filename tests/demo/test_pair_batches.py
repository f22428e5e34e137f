"""What may be compared with what: right documents are never held against a query, and sides share no documents."""

import json
import math

import numpy as np
import pytest

from latentscape.datasets.pairs import HardNegative, read_pairs
from latentscape.demo.pair_batches import make_weigher, plan_pair_batches, split_pairs
from latentscape.errors import DataError

WEIGHTS = {"location": 2.5, "price": 2.0, "_metadata": {"increment_ratio": 0.3, "cap": 4.0}}
BY_TYPE = make_weigher(WEIGHTS, use_weights=True)


def write(tmp_path, rows):
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps([{"query": query, "pos": pos, "hard_neg": hard} for query, pos, hard in rows]))
    return read_pairs(path)


@pytest.fixture
def pairs(tmp_path):
    """a and b share A; b and c share B: one group. d and e stand alone."""
    hard = [{"text": "X", "type": ["location"], "weight": 7}, {"text": "Z", "type": ["price", "location"], "weight": 0}]
    return write(
        tmp_path,
        [("a", "A", hard), ("b", "A", []), ("b", "B", []), ("c", "B", ["Y"]), ("d", "D", ["Z"]), ("e", "E", ["W"])],
    )


def test_queries_that_share_documents_stay_together(pairs):
    for seed in range(20):
        train, validation = split_pairs(pairs, val_split=0.2, seed=seed)
        assert sorted([*train, *validation]) == list(range(5))
        sides = [{query in validation for query in group} for group in ([0, 1, 2], [3], [4])]
        assert all(len(side) == 1 for side in sides)
        assert len(train) and len(validation)


def test_the_share_is_about_what_was_asked_for(tmp_path):
    many = write(tmp_path, [(f"q{n}", f"d{n // 2}", []) for n in range(200)])
    train, validation = split_pairs(many, val_split=0.1, seed=0)
    assert (len(train), len(validation)) == (180, 20)
    again = split_pairs(many, val_split=0.1, seed=0)[1]
    assert np.array_equal(validation, again)
    assert not np.array_equal(validation, split_pairs(many, val_split=0.1, seed=1)[1])


def test_one_group_cannot_be_split(tmp_path):
    with pytest.raises(DataError, match="can't be split"):
        split_pairs(write(tmp_path, [("a", "A", []), ("b", "A", [])]), val_split=0.5, seed=0)


def test_no_hard_negative_is_right_on_the_other_side(tmp_path):
    """What is right for any query of the file is nobody's hard negative, so that no side learns against the other."""
    pairs = write(tmp_path, [("a", "A", ["X", "D"]), ("d", "D", []), ("e", "E", ["A"])])
    declared = {pairs.documents[negative.document] for wrong in pairs.hard_negatives for negative in wrong}
    assert declared == {"X"}


def test_weights_come_from_types_then_from_the_file_then_are_one():
    negative = HardNegative(document=0, types=("location", "price"), weight=7.0)
    assert make_weigher(WEIGHTS, use_weights=True)(negative) == pytest.approx(3.1)
    assert make_weigher(WEIGHTS, use_weights=False)(negative) == 1.0
    by_file = make_weigher(None, use_weights=True)
    assert by_file(negative) == 7.0
    assert by_file(HardNegative(document=0, types=(), weight=0.0)) == 1.0
    assert by_file(HardNegative(document=0, types=(), weight=None)) == 1.0


def test_a_batch_by_hand(pairs):
    (batch,) = plan_pair_batches(pairs, batch_size=8, hard_negatives=4, weigh=BY_TYPE, rng=np.random.default_rng(0))
    names = [pairs.documents[document] for document in batch.documents]
    assert set(names) - {"B"} == {"A", "X", "Z", "D", "Y", "E", "W"}
    line = {pairs.queries[row]: place for place, row in enumerate(batch.queries)}
    column = {name: place for place, name in enumerate(names)}
    offsets = batch.offsets.numpy()
    assert offsets[line["a"], column["X"]] == pytest.approx(math.log(2.5))
    assert offsets[line["a"], column["Z"]] == pytest.approx(math.log(3.1))
    assert offsets[line["d"], column["D"]] == 0
    for query, right in (("a", "A"), ("d", "D"), ("e", "E")):
        assert names[int(batch.targets[line[query]])] == right
    other = {"A": "B", "B": "A"}[names[int(batch.targets[line["b"]])]]
    assert other not in column or offsets[line["b"], column[other]] == -math.inf
    assert np.isfinite(offsets[np.arange(5), batch.targets.numpy()]).all()


def test_all_right_documents_but_the_target_are_masked(tmp_path):
    rows = [("q", f"D{n}", []) for n in range(4)] + [(f"p{n}", f"D{n}", []) for n in range(4)]
    pairs = write(tmp_path, rows)
    (batch,) = plan_pair_batches(pairs, batch_size=9, hard_negatives=0, weigh=BY_TYPE, rng=np.random.default_rng(1))
    line = batch.queries.tolist().index(pairs.queries.index("q"))
    masked = np.isneginf(batch.offsets[line].numpy())
    assert masked.sum() == 3
    assert not masked[int(batch.targets[line])]
    assert np.isneginf(batch.offsets.numpy()).sum() == 3


def test_no_more_hard_negatives_than_asked_for_and_every_query_once(tmp_path):
    hard = [{"text": f"H{n}", "type": ["price"], "weight": 1} for n in range(6)]
    pairs = write(tmp_path, [(f"q{n}", f"D{n}", hard) for n in range(7)])
    for most in (0, 2, 9):
        batches = plan_pair_batches(
            pairs, batch_size=3, hard_negatives=most, weigh=BY_TYPE, rng=np.random.default_rng(2)
        )
        assert sorted(np.concatenate([batch.queries for batch in batches])) == list(range(7))
        for batch in batches:
            assert ((batch.offsets.numpy() > 0).sum(axis=1) == min(most, 6)).all()

"""The batch plan."""

import numpy as np
import pytest

from latentscape.features.collate import collate_waveforms
from latentscape.features.plan import EQUAL_LENGTHS, PADDED, find_most_padded, plan_batches


@pytest.mark.parametrize("padding", [PADDED, EQUAL_LENGTHS])
@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_every_row_once_longest_first_ties_by_row(padding, batch_size):
    lengths = np.random.default_rng(0).integers(1, 6, size=40).tolist()
    batches = plan_batches(range(40), lengths, batch_size=batch_size, padding=padding)
    flat = [row for batch in batches for row in batch]
    assert flat == sorted(range(40), key=lambda row: (-lengths[row], row))
    assert max(map(len, batches)) <= batch_size
    if padding == EQUAL_LENGTHS:
        assert all(len({lengths[row] for row in batch}) == 1 for batch in batches)


def test_the_order_of_rows_given_does_not_matter():
    lengths = [3, 1, 2, 2, 9]
    one, two = ([*range(5)], [4, 2, 0, 3, 1])
    assert plan_batches(one, lengths, batch_size=2, padding=PADDED) == plan_batches(
        two, lengths, batch_size=2, padding=PADDED
    )


def test_the_most_padded_batch():
    assert find_most_padded([[0, 1], [2, 3], [4]], [100, 90, 10, 5, 1]) == [2, 3]
    assert find_most_padded([[0, 1], [2]], [7, 7, 3]) == []
    assert find_most_padded([], []) == []
    assert find_most_padded([[0, 1]], [0, 0]) == []


def test_waveforms_are_padded_with_zeros_and_keep_their_lengths():
    batch = collate_waveforms([np.ones(2, dtype=np.float32), np.full(4, 0.5, dtype=np.float32)])
    assert batch["waveforms"].tolist() == [[1, 1, 0, 0], [0.5, 0.5, 0.5, 0.5]]
    assert batch["lengths"].tolist() == [2, 4]

import numpy as np
import pytest

from latentscape.executor import IN_PROCESS
from latentscape.measures import unit_rows
from latentscape.measures.gram_sums import SomeRows, name_rows, sum_squares_about
from tests.scattered import Scattered


@pytest.mark.parametrize("width", [1, 5, 33])
@pytest.mark.parametrize("n", [0, 1, 40, 1_003])
def test_workers_add_up_to_the_same_bytes(n, width, monkeypatch):
    monkeypatch.setattr(unit_rows, "BLOCK_NUMBERS", 7 * width)
    random = np.random.default_rng(n)
    vectors, center = random.normal(size=(n, width)).astype(np.float32), random.normal(size=width)
    here = sum_squares_about(vectors, center, executor=IN_PROCESS)
    for seed in range(3):
        assert here.tobytes() == sum_squares_about(vectors, center, executor=Scattered(seed=seed)).tobytes()
    rest = vectors / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True) - center
    assert here == pytest.approx(rest.T @ rest, abs=1e-9)


def test_a_task_is_named_by_its_rows():
    task = SomeRows(place=1, start=2_000, rows=np.ones((500, 2)), blocks=(slice(0, 500),))
    assert name_rows(task) == "products of documents 2,000 to 2,499"
    with pytest.raises(AssertionError, match="no task"):
        name_rows("rows")

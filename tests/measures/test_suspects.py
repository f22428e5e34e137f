import numpy as np
import pytest

from latentscape.measures.suspects import Filing, Suspect, tabulate_suspects


def test_the_table_has_a_row_for_each_sample():
    copies = Suspect(
        kind="copies", ids=("a", "b"), splits=("train", "validation"), labels=(1, -1), strength=2.0, reason="same"
    )
    label = Suspect(kind="label", ids=("c",), splits=("validation",), labels=(0,), suggested=1, strength=0.5)
    assert tabulate_suspects([copies, label], ["Calm", "Angry"]) == {
        "suspect": [1, 1, 2],
        "kind": ["copies", "copies", "label"],
        "id": ["a", "b", "c"],
        "split": ["train", "validation", "validation"],
        "label": ["Angry", "", "Calm"],
        "suggested": ["", "", "Angry"],
        "strength": [2.0, 2.0, 0.5],
        "reason": ["same", "same", ""],
    }


def test_no_suspects_are_a_table_with_columns_and_no_rows():
    table = tabulate_suspects([], ["Calm"])
    assert list(table)[:3] == ["suspect", "kind", "id"]
    assert all(column == [] for column in table.values())


@pytest.mark.parametrize(("splits", "wanted"), [(None, "validation"), (["train"] * 3, "train")])
def test_a_finding_names_its_samples_in_order(splits, wanted):
    filing = Filing(ids=["a", "b", "c"], labels=np.array([2, -1, 0]), splits=splits)
    suspect = filing.suspect([2, 1], kind="near_copies", strength=3, reason="why")
    assert suspect == Suspect(
        kind="near_copies", ids=("b", "c"), splits=(wanted, wanted), labels=(-1, 0), strength=3.0, reason="why"
    )

"""changes.csv has a row for each judged sample, the worst first; tables name the first of them."""

from dataclasses import replace

import numpy as np

from latentscape.pages.comparison_lists import OUTCOMES, tabulate_changes, tell_movers
from latentscape.pages.report import Paragraph, Table
from tests.comparison_values import build_comparison


def by_hand():
    """Four samples and two checkpoints whose every value is known."""
    findings = build_comparison(n=5, n_checkpoints=2, detected=False)
    kinds = np.array([0, 1, 2, 3, -1])
    right = ([True, False, False, True, False], [False, False, True, True, False])
    sure = (np.array([0.5, 0.6, 0.7, 0.8, 0.1]), np.array([0.4, 0.9, 0.3, np.nan, 0.2]))
    answers = tuple(
        replace(each, right=np.array(r), confidence=c, said=("Calm", "Sad", "Happy", "Sad", "Fear"))
        for each, r, c in zip(findings.answers, right, sure, strict=True)
    )
    return replace(findings, answers=answers, subject=replace(findings.subject, kinds=kinds))


def test_broken_come_first_then_wrong_fixed_right_and_unknown_ones():
    columns = tabulate_changes(by_hand())
    ids = by_hand().subject.ids
    assert columns["id"] == [ids[0], ids[1], ids[2], ids[3], ids[4]]
    assert columns["outcome"] == ["broken", "still wrong", "fixed", "still right", None]
    assert columns["epoch_1_right"] == [1, 0, 0, 1, 0]
    assert columns["epoch_5_said"] == ["Calm", "Sad", "Happy", "Sad", "Fear"]
    assert columns["epoch_5_confidence"] == [0.4, 0.9, 0.3, None, 0.2]
    assert columns["class"][0] == "Neutral"
    assert list(columns)[:3] == ["id", "text", "outcome"]
    assert len({len(column) for column in columns.values()}) == 1


def test_every_judged_query_is_in_it_once_with_its_ranks_and_steps_moved_in():
    findings = build_comparison(study="embeddings")
    columns = tabulate_changes(findings)
    assert sorted(columns["id"]) == sorted(findings.subject.ids[: findings.subject.n_judged])
    places = [OUTCOMES.index(each) for each in columns["outcome"]]
    assert places == sorted(places)
    broken = [
        rank for rank, each in zip(columns["best_model_rank"], columns["outcome"], strict=True) if each == "broken"
    ]
    assert broken == sorted(broken, reverse=True)
    row = columns["id"].index("query 7")
    assert columns["moved_in"][row] == "epoch_1 → epoch_5; epoch_5 → best_model"
    assert columns["kept"][row] == findings.overall.motion["embedding"].kept[7]


def test_groupings_called_like_a_column_keep_both():
    findings = build_comparison(n=12)
    subject = replace(findings.subject, groups={"outcome": ("x",) * 12, "text": ("",) * 12})
    columns = tabulate_changes(replace(findings, subject=subject))
    assert columns["group_outcome"] == ["x"] * 12
    assert columns["group_text"] == [None] * 12
    assert set(columns["outcome"]) <= set(OUTCOMES)


def test_movers_are_listed_by_step_or_said_to_be_none():
    blocks = list(tell_movers(build_comparison()))
    assert [block.title for block in blocks if isinstance(block, Table)] == [
        "epoch_1 → epoch_5: 3", "epoch_5 → best_model: 3",
    ]  # fmt: skip
    assert blocks[0].text.startswith("In mlp 3 samples left their neighbors while the others kept theirs.")
    (quiet,) = tell_movers(build_comparison(detected=False))
    assert isinstance(quiet, Paragraph) and quiet.text.startswith("In mlp no sample left its neighbors")
    documents = [block for block in tell_movers(build_comparison(study="embeddings", n=12)) if isinstance(block, Table)]
    assert [row[-1] for row in documents[0].rows][1:] == ["a document", "a document"]

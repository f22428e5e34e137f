"""What the settings of an embeddings study name -> pairs, and an account of all that was left out."""

import json
from pathlib import Path

import pytest

from latentscape.errors import DataError, UsageError
from latentscape.pair_input import read_pair_input
from latentscape.settings import EmbeddingsSettings


@pytest.fixture
def folder(tmp_path):
    """A small BEIR folder with two splits."""
    (tmp_path / "toy" / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"d{number}", "text": f"document {'abcdefgh'[number]}"} for number in range(8)]
    queries = [{"_id": f"q{number}", "text": f"query {'abcdefgh'[number]}"} for number in range(8)]
    for name, records in (("corpus", corpus), ("queries", queries)):
        (tmp_path / "toy" / f"{name}.jsonl").write_text("\n".join(map(json.dumps, records)))
    for split, numbers in (("train", range(4)), ("test", range(4, 8))):
        lines = [f"q{number}\td{number}\t1" for number in numbers]
        (tmp_path / "toy" / "qrels" / f"{split}.tsv").write_text("\n".join([*lines, "q9\td0\t1"]) + "\n")
    return tmp_path / "toy"


def settings(**given):
    return EmbeddingsSettings(checkpoint=Path("model"), **given)


def test_a_corpus_stays_whole_when_queries_are_drawn(folder):
    found = read_pair_input(settings(data=str(folder), max_samples=2))
    assert (len(found.pairs), len(found.pairs.documents)) == (2, 8)
    assert sum(skip.count for skip in found.skipped) + len(found.pairs) == 5
    assert found.skipped[0].id == "query q9"
    assert {skip.reason for skip in found.skipped[1:]} == {"not drawn: --max-samples"}


def test_split_and_judgments_of_the_settings(folder):
    found = read_pair_input(settings(data=str(folder), split="train"))
    assert found.pairs.rows == ("query q0", "query q1", "query q2", "query q3")
    (folder.parent / "mine.txt").write_text("q7 0 d1 1\n")
    found = read_pair_input(settings(data=str(folder), qrels=folder.parent / "mine.txt"))
    assert (found.pairs.rows, found.pairs.relevant) == (("query q7",), ((1,),))


def test_data_that_is_not_there_and_options_that_do_not_fit(folder):
    with pytest.raises(DataError, match="can't open"):
        read_pair_input(settings(data=str(folder / "none.json")))
    with pytest.raises(UsageError, match="no meaning for a pair file"):
        read_pair_input(settings(data=str(folder / "queries.jsonl"), split="test"))

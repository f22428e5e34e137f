"""Corpus, queries and judgments in a folder: BEIR's layout and TREC's, whole and damaged."""

import json

import numpy as np
import pytest
import pytrec_eval

from latentscape.datasets.beir import find_judgments
from latentscape.datasets.pair_defects import Defect
from latentscape.datasets.pairs import HardNegative, leave_out_trained, read_pairs
from latentscape.errors import DataError, UsageError
from latentscape.measures.ranking import rank_documents
from latentscape.measures.scan import scan_pairs
from latentscape.retrieval_diagnosis import judge

CORPUS = {
    "d1": ("Phở", "A soup of rice noodles."),
    "d2": ("", "A sandwich of the south."),
    "d3": ("Cơm tấm", ""),
    "d4": ("Chè", "A sweet soup."),
    "d5": ("", "Iced coffee with milk."),
}
QUERIES = {"q1": "which soup", "q2": "what to drink", "q3": "of another split"}
TEST = [("q1", "d1", 2), ("q1", "d4", 1), ("q1", "d2", 0), ("q2", "d5", 1)]


def lines(records):
    return "\n".join(json.dumps(record, ensure_ascii=False) for record in records) + "\n"


def write(folder, *, corpus=CORPUS, queries=QUERIES, **qrels):
    """A folder in BEIR's layout; `qrels` are splits."""
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": key, "title": title, "text": text} for key, (title, text) in corpus.items()]
    (folder / "corpus.jsonl").write_text(lines(documents))
    (folder / "queries.jsonl").write_text(lines({"_id": key, "text": text} for key, text in queries.items()))
    for split, rows in (qrels or {"test": TEST}).items():
        body = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in rows)]
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join(body) + "\n")
    return folder


def right(pairs, query):
    return [pairs.documents[number] for number in pairs.relevant[query]]


def test_the_whole_corpus_the_queries_of_the_split_and_what_was_judged(tmp_path):
    pairs = read_pairs(write(tmp_path / "toy", test=TEST, train=[("q3", "d2", 1)]))
    assert pairs.queries == ("which soup", "what to drink")
    assert pairs.documents == (
        "Phở\n\nA soup of rice noodles.",
        "A sandwich of the south.",
        "Cơm tấm",
        "Chè\n\nA sweet soup.",
        "Iced coffee with milk.",
    )
    assert pairs.relevant == ((0, 3), (4,))
    assert pairs.hard_negatives == ((HardNegative(document=1, types=("judged",), weight=None),), ())
    assert (pairs.n_rows, pairs.skipped) == (2, ())
    assert pairs.rows == ("query q1", "query q2")
    assert pairs.defect_counts == {}
    assert pairs.document_columns == pairs.query_columns == {}


def test_the_corpus_stays_whole_when_fewer_queries_are_taken(tmp_path):
    taken = read_pairs(write(tmp_path / "toy")).take([1])
    assert taken.queries == ("what to drink",)
    assert len(taken.documents) == len(CORPUS)
    assert right(taken, 0) == ["Iced coffee with milk."]
    assert len(taken.raw.document) == len(CORPUS)
    again = taken.take([0])
    assert again == taken


def test_documents_can_be_dropped_one_by_one(tmp_path):
    pairs = read_pairs(write(tmp_path / "toy"))
    fewer = pairs.without_documents({1, 2})
    assert fewer.documents == tuple(pairs.documents[number] for number in (0, 3, 4))
    assert fewer.relevant == ((0, 1), (2,))
    assert fewer.hard_negatives == ((), ())
    assert fewer.raw.relevant == ((0, 1), (2,))
    assert fewer.raw.hard == ((), ())
    assert fewer.raw.places == ("document d1", "document d4", "document d5")
    assert pairs.without_documents(()) is pairs
    with pytest.raises(ValueError, match="without a right document"):
        pairs.without_documents({4})


@pytest.mark.parametrize(
    ("splits", "wished", "found"),
    [
        (["test", "train"], None, "test"),
        (["train"], None, "train"),
        (["dev", "train"], None, "dev"),
        (["test", "train"], "train", "train"),
    ],
)
def test_the_split(tmp_path, splits, wished, found):
    rows = {split: [(f"q{number}", "d1", 1)] for number, split in enumerate(splits, 1)}
    pairs = read_pairs(write(tmp_path / "toy", **rows), split=wished)
    assert pairs.queries == (QUERIES[rows[found][0][0]],)


def test_a_split_that_is_not_there_or_can_not_be_chosen(tmp_path):
    folder = write(tmp_path / "toy", test=TEST, train=TEST)
    with pytest.raises(UsageError, match="has no split `tset`") as caught:
        read_pairs(folder, split="tset")
    assert "did you mean `test`?" in str(caught.value)
    folder = write(tmp_path / "other", a=TEST, b=TEST)
    with pytest.raises(UsageError, match="--split"):
        read_pairs(folder)


def test_a_corpus_without_judgments(tmp_path):
    folder = write(tmp_path / "toy")
    (folder / "qrels" / "test.tsv").unlink()
    with pytest.raises(DataError, match="nothing says which documents are right") as caught:
        read_pairs(folder)
    assert (caught.value.fault, caught.value.exit_code) == ("qrels-missing", 3)
    assert "--qrels FILE" in caught.value.hint
    other = tmp_path / "other.txt"
    other.write_text("q1 0 d1 1\nq2 0 d5 1\n")
    pairs = read_pairs(folder, qrels=other)
    assert pairs.relevant == ((0,), (4,))


def test_a_corpus_without_queries(tmp_path):
    folder = write(tmp_path / "toy")
    (folder / "queries.jsonl").unlink()
    with pytest.raises(DataError, match="holds no queries"):
        read_pairs(folder)


def test_ids_that_are_not_there_are_counted_and_what_leans_on_them_is_skipped(tmp_path):
    rows = [("q1", "d1", 1), ("q1", "d99", 1), ("q2", "d98", 1), ("q9", "d1", 1), ("q3", "d2", 0)]
    pairs = read_pairs(write(tmp_path / "toy", test=rows))
    assert pairs.queries == ("which soup",)
    assert pairs.relevant == ((0,),)
    assert pairs.skipped == (
        ("query q2", "none of its right documents is in the corpus"),
        ("query q3", "no document is judged right for it"),
        ("query q9", "it is judged, but not among the queries"),
    )
    assert pairs.n_rows == 4
    assert [(each.where, each.text) for each in pairs.defects if each.kind == "unknown_document"] == [
        ("query q1", "d99"),
        ("query q2", "d98"),
    ]


def test_queries_that_nobody_judged_are_skipped_where_no_other_split_can_have_judged_them(tmp_path):
    pairs = read_pairs(write(tmp_path / "toy"))
    assert pairs.skipped == (("query q3", "no judgment names it"),)
    assert pairs.n_rows == 3


def test_ids_of_another_data_set(tmp_path):
    with pytest.raises(DataError, match=r"the judgments name query `PLAIN-1`, the queries hold `q1`") as caught:
        read_pairs(write(tmp_path / "a", test=[("PLAIN-1", "d1", 1)]))
    assert caught.value.fault == "data-empty"
    with pytest.raises(DataError, match=r"the judgments name document `MED-1`, the corpus holds `d1`"):
        read_pairs(write(tmp_path / "b", test=[("q1", "MED-1", 1)]))
    with pytest.raises(DataError, match="no document is judged right"):
        read_pairs(write(tmp_path / "c", test=[("q1", "d1", 0)]))


def test_empty_texts_repeated_ids_and_broken_lines(tmp_path):
    folder = write(tmp_path / "toy", queries={**QUERIES, "q2": " "})
    with (folder / "corpus.jsonl").open("a") as file:
        file.write(
            '{"_id": "d1", "text": "again"}\n{"_id": "d6", "title": "", "text": ""}\n{oops}\n{"text": "no id"}\n'
        )
    pairs = read_pairs(folder)
    assert pairs.queries == ("which soup",)
    assert pairs.skipped[0] == ("query q2", "its text is empty")
    assert len(pairs.documents) == len(CORPUS)
    assert pairs.defects[:4] == (
        Defect(kind="unreadable_line", where="corpus.jsonl, line 8", text="", other=pairs.defects[0].other),
        Defect(kind="unreadable_line", where="corpus.jsonl, line 9", text="", other="it has no id"),
        Defect(kind="repeated_id", where="document d1", text="again"),
        Defect(kind="empty_document", where="document d6", text="d6", other="its text is empty"),
    )
    assert pairs.defects[0].other.startswith("broken JSON")


def test_equal_texts_under_two_ids_are_one_document_and_the_raw_reading_keeps_both(tmp_path):
    corpus = {"a": ("", "one text"), "b": ("", "one  text"), "c": ("", "another")}
    pairs = read_pairs(write(tmp_path / "toy", corpus=corpus, test=[("q1", "b", 1), ("q1", "c", 0)]))
    assert pairs.documents == ("one text", "another")
    assert pairs.relevant == ((0,),)
    assert pairs.raw.document.tolist() == [0, 0, 1]
    assert pairs.raw.relevant == ((1,),)
    assert pairs.defects == (
        Defect(kind="repeated_document", where="document b", text="one  text", other="document a"),
    )
    assert pairs.without_documents({1}).raw.document.tolist() == [0, 0]


def test_trec_layouts(tmp_path):
    (tmp_path / "corpus.tsv").write_text('1\tPho "soup\r\n2\tBanh mi\r\n')
    (tmp_path / "queries.tsv").write_text("qid\ttext\n7\tsoup\n8\tbread\n")
    (tmp_path / "qrels.txt").write_text("7 0 1 1\n8 0 2 3\n8 0 1 -1\n")
    pairs = read_pairs(tmp_path)
    assert pairs.documents == ('Pho "soup', "Banh mi")
    assert pairs.queries == ("soup", "bread")
    assert pairs.relevant == ((0,), (1,))
    # right for another query: a document like any other
    assert pairs.defect_counts == {"judged_right_elsewhere": 1}
    (tmp_path / "corpus.tsv").write_text("a\tb\tc\n")
    with pytest.raises(DataError, match="can't tell which column"):
        read_pairs(tmp_path)
    (tmp_path / "corpus.tsv").write_text("id\ttitle\ttext\n1\tPho\tSoup\n2\tBroken\n3\tBread\tBaked\n")
    (tmp_path / "qrels.txt").write_text("7 0 1 1\n8 0 3 3\n")
    pairs = read_pairs(tmp_path)
    assert pairs.documents == ("Pho\n\nSoup", "Bread\n\nBaked")
    assert pairs.defects[0].where == "corpus.tsv, line 3"


def test_names_of_files_of_judgments(tmp_path):
    (tmp_path / "qrels").mkdir()
    for name in ("qrels/dev.tsv", "qrels/readme.md", "qrels.train.txt", "dev2.qrels", "qrels.tsv", "other.tsv"):
        (tmp_path / name).touch()
    assert {split: path.name for split, path in find_judgments(tmp_path).items()} == {
        "dev": "dev.tsv",
        "train": "qrels.train.txt",
        "test": "qrels.tsv",
        "dev2": "dev2.qrels",
    }


def test_split_and_qrels_mean_nothing_to_a_pair_file(tmp_path):
    (tmp_path / "pairs.json").write_text('[{"query": "q", "pos": "p"}]')
    for option in ({"split": "test"}, {"qrels": tmp_path / "pairs.json"}):
        with pytest.raises(UsageError, match="has no meaning for a pair file"):
            read_pairs(tmp_path / "pairs.json", **option)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
@pytest.mark.parametrize(("content", "said"), [(b"", "the file is empty"), (b"\xff\xfe", "line 1 is not UTF-8")])
def test_a_part_that_can_not_be_read_is_called_no_pair_file(tmp_path, name, content, said):
    (write(tmp_path / "toy") / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as error:
        read_pairs(tmp_path / "toy")
    assert "pair" not in str(error.value)


def test_the_folder_of_a_model_is_no_data(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(DataError, match="without queries and documents"):
        read_pairs(tmp_path)


def test_a_folder_without_pairs(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match="a folder without queries and documents") as caught:
        read_pairs(tmp_path)
    assert "notes.txt" in caught.value.got


def test_queries_that_were_trained_on_are_left_out_and_the_corpus_stays(tmp_path):
    pairs = read_pairs(write(tmp_path / "toy"))
    (tmp_path / "train.jsonl").write_text('{"query": "Which soup?", "pos": "x"}\n')
    held_out = leave_out_trained(pairs, read_pairs(tmp_path / "train.jsonl"))
    assert held_out.queries == ("what to drink",)
    assert len(held_out.documents) == len(CORPUS)


def test_ranks_equal_those_of_pytrec_eval(tmp_path):
    rng = np.random.default_rng(0)
    n_queries, n_documents, width = 40, 300, 8
    corpus = {f"d{number}": ("", f"document {'abcdefghij'[number % 10]} {number}") for number in range(n_documents)}
    queries = {f"q{number}": f"query number {number}" for number in range(n_queries)}
    grades = rng.integers(0, 3, (n_queries, 12))
    judged = [
        (f"q{query}", f"d{document}", int(grade))
        for query in range(n_queries)
        for document, grade in zip(rng.permutation(n_documents)[:12], [1, *grades[query, 1:]], strict=True)
    ]
    pairs = read_pairs(write(tmp_path / "toy", corpus=corpus, queries=queries, test=judged))
    vectors = rng.standard_normal((n_queries + n_documents, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked, held = vectors[:n_queries], vectors[n_queries:]
    ranking = rank_documents(scan_pairs(asked, held, judge(pairs), k=50, seed=0), judge(pairs), seed=0)

    cosines = asked.astype(np.float64) @ held.astype(np.float64).T
    run = {
        f"q{row}": {f"d{column}": float(value) for column, value in enumerate(cosines[row])} for row in range(n_queries)
    }
    qrels: dict[str, dict[str, int]] = {}
    for query, document, grade in judged:
        qrels.setdefault(query, {})[document] = min(grade, 1)
    wanted = {"ndcg_cut.10", "map", "recip_rank", "recall.10"}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, wanted).evaluate(run)
    for name, measure in (
        ("ndcg_at_10", "ndcg_cut_10"),
        ("map", "map"),
        ("mrr", "recip_rank"),
        ("recall_at_10", "recall_10"),
    ):
        mean = np.mean([theirs[query][measure] for query in queries])
        assert ranking.scores[name].value == pytest.approx(mean, abs=1e-9), name

import pytest

from latentscape.datasets.pair_corpus import Judgment
from latentscape.datasets.trec import find_columns, read_grade, read_judgments
from latentscape.errors import DataError


def read(tmp_path, text):
    path = tmp_path / "qrels.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_judgments(path)


@pytest.mark.parametrize(
    "text",
    [
        "query-id\tcorpus-id\tscore\nq 1\td1\t2\nq2\td2\t0\n",
        "q 1\td1\t2\nq2\td2\t0\n",
        "q 1\t0\td1\t2\r\nq2\t0\td2\t0\r\n",
        "\ufeffscore\tqid\tdocid\n2\tq 1\td1\n0.0\tq2\td2\n\n",
    ],
)
def test_three_and_four_columns_with_and_without_heading(tmp_path, text):
    assert read(tmp_path, text).judgments == (
        Judgment(query="q 1", document="d1", grade=2.0),
        Judgment(query="q2", document="d2", grade=0.0),
    )


def test_columns_may_be_divided_by_blanks(tmp_path):
    assert read(tmp_path, "301 0  FBIS3-10082 1\n301 Q0 FBIS3-10169 -2\n").judgments == (
        Judgment(query="301", document="FBIS3-10082", grade=1.0),
        Judgment(query="301", document="FBIS3-10169", grade=-2.0),
    )


def test_a_heading_without_grades_says_all_are_right(tmp_path):
    assert read(tmp_path, "query_id\tdoc_id\nq\td\n").judgments == (Judgment(query="q", document="d", grade=1.0),)


def test_lines_that_are_no_judgment_are_noted(tmp_path):
    found = read(tmp_path, "q1\td1\t1\nq2\td2\nq3\td3\tyes\n\td4\t1\nq5\td5\tnan\n")
    assert found.judgments == (Judgment(query="q1", document="d1", grade=1.0),)
    assert [(each.where, each.other) for each in found.defects] == [
        ("qrels.tsv, line 2", "2 columns, not 3"),
        ("qrels.tsv, line 3", "its grade is no number"),
        ("qrels.tsv, line 4", "an empty id"),
        ("qrels.tsv, line 5", "its grade is no number"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("a whole sentence of words\n", "holds no judgments"),
        ("query-id\tcorpus-id\tscore\n", "a heading and nothing below it"),
        ("query-id\tcorpus-id\tscore\nq\td\tx\n", "holds no judgments"),
        (b"q\t\xff\t1\n", "line 1 is not UTF-8"),
    ],
)
def test_files_without_judgments(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, text)
    assert caught.value.fault == "pairs-format"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_judgments(tmp_path / "none")


def test_columns_and_grades():
    assert find_columns(["Corpus-ID ", "query-id"]) == {"query": "query-id", "document": "Corpus-ID "}
    assert find_columns(["query-id", "score"]) == {}
    assert [read_grade(value) for value in (1, "2.5", " 3 ", None, "x", float("inf"), "nan")] == [
        1,
        2.5,
        3,
        *[None] * 4,
    ]

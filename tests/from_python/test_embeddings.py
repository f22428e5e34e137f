"""`latentscape.embeddings`: the study of whatever makes vectors."""

import numpy as np
import pytest
from scipy import sparse

import latentscape
from latentscape.errors import DataError, ModelError, UsageError
from latentscape.from_python import embeddings as door

WORDS = [f"w{number}" for number in range(40)]
DOCUMENTS = {f"d{row}": f"{WORDS[row]} {WORDS[(row + 1) % 40]} nhà cho thuê" for row in range(40)}
QUERIES = {f"q{row}": f"{WORDS[row]} {WORDS[(row + 1) % 40]}" for row in range(30)}
RELEVANT = {f"q{row}": [f"d{row}"] for row in range(30)}


def encode(texts):
    """Counts of words: a retriever that finds what has the same words."""
    return np.array([[text.split().count(word) for word in WORDS] for text in texts], dtype=np.float32) + 0.01


class Encoder:
    def __init__(self):
        self.asked = []

    def encode(self, texts):
        self.asked += texts
        return encode(texts)


@pytest.mark.slow
def test_it_is_a_whole_study(tmp_path):
    made = latentscape.embeddings(encode, QUERIES, DOCUMENTS, RELEVANT, output=tmp_path / "run", skip_umap=True)
    assert made.scores["hit_at_1"].value == 1
    assert made.scores["hit_at_1"].n == 30
    assert made.findings.model.name == "encode"
    assert (tmp_path / "run" / "explorer.html").is_file()
    kinds = latentscape.open_run(made.folder).samples.column("kind").to_pylist()
    assert (kinds.count("query"), len(kinds)) == (30, 70)


@pytest.mark.slow
def test_ready_vectors_give_the_same_numbers():
    texts = latentscape.embeddings(encode, list(QUERIES.values()), list(DOCUMENTS.values()), list(range(30)))
    asked, told = encode(QUERIES.values()), encode(DOCUMENTS.values())
    vectors = latentscape.embeddings(None, asked, told, list(range(30)))
    assert vectors.scores["mrr"].value == texts.scores["mrr"].value
    assert vectors.scores["margin"].value == pytest.approx(texts.scores["margin"].value)


@pytest.mark.slow
def test_a_study_is_shown_in_a_line(tmp_path):
    vectors = encode(DOCUMENTS.values())
    made = latentscape.embeddings(None, vectors, vectors, skip_umap=True, skip_tsne=True, output=tmp_path / "run")
    assert len(repr(made)) < 1000
    assert str(tmp_path / "run") in repr(made)


class StoppedError(Exception):
    """In place of the study: what it would have been given."""


@pytest.fixture
def give(monkeypatch):
    """The pairs and vectors that the study is given for these arguments."""

    def stop(given, settings, **_):
        raise StoppedError(given)

    def ask(*arguments, **keywords):
        monkeypatch.setattr(door, "study_pairs", stop)
        with pytest.raises(StoppedError) as stopped:
            latentscape.embeddings(*arguments, **keywords)
        return stopped.value.args[0]

    return ask


def test_an_object_with_encode_is_asked_for_each_text_once(give):
    encoder = Encoder()
    given = give(encoder, QUERIES, DOCUMENTS, RELEVANT)
    assert sorted(encoder.asked) == sorted([*QUERIES.values(), *DOCUMENTS.values()])
    assert len(given.pairs.documents) == 40
    assert given.vectors.layers["embedding"].shape == (70, 40)


def test_texts_without_a_usable_vector_are_left_out(give):
    def broken(texts):
        vectors = encode(texts)
        vectors[[text == QUERIES["q3"] for text in texts]] = np.nan
        return vectors

    given = give(broken, QUERIES, DOCUMENTS, RELEVANT)
    assert len(given.pairs) == 29
    assert any("not finite" in skip.reason or "NaN" in skip.reason for skip in given.skipped)


def test_sparse_vectors_are_taken_with_their_zeros(give):
    vectors = sparse.csr_matrix(encode(DOCUMENTS.values()))
    assert give(None, vectors, vectors).vectors.layers["embedding"].shape == (80, 40)


@pytest.mark.parametrize(
    ("arguments", "keywords", "kind", "said"),
    [
        ((3, QUERIES, DOCUMENTS, RELEVANT), {}, UsageError, "`encode` can't be called"),
        ((lambda texts: np.ones(len(texts)), QUERIES, DOCUMENTS, RELEVANT), {}, ModelError, "one vector a text"),
        (
            (encode, QUERIES, DOCUMENTS, RELEVANT),
            {"encode_queries": lambda texts: np.ones((len(texts), 3))},
            ModelError,
            "don't lie in one space",
        ),
        ((encode, QUERIES, DOCUMENTS, {"q1": ["nowhere"]}), {}, DataError, "can be used"),
        ((encode, QUERIES, DOCUMENTS, RELEVANT), {"skip_tnse": True}, UsageError, "skip_tnse"),
        (("all-MiniLM-L6-v2", QUERIES, DOCUMENTS, RELEVANT), {}, UsageError, "`encode` is a text"),
        ((lambda texts: [[1.0] * len(text) for text in texts], QUERIES, DOCUMENTS, RELEVANT), {}, ModelError, "object"),
        ((encode, QUERIES, DOCUMENTS, RELEVANT), {"model": "bert"}, UsageError, "`model` has no meaning"),
        ((encode, QUERIES, DOCUMENTS, RELEVANT), {"attributes": "nowhere.yml"}, UsageError, "nowhere.yml"),
    ],
)
def test_what_can_not_be_studied_is_said(arguments, keywords, kind, said, tmp_path):
    with pytest.raises(kind, match=said):
        latentscape.embeddings(*arguments, output=tmp_path / "run", **keywords)
    assert not (tmp_path / "run").exists()

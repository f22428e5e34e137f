"""From pairs and a model to a vector for each query and document, whichever side a text stands on."""

import numpy as np
import pytest
import torch
from torch import nn

from latentscape.checkpoint import WeightReceipt
from latentscape.datasets.pair_values import link_values
from latentscape.errors import DataError, ModelError, UsageError
from latentscape.models.loaded import DOCUMENT, QUERY, LoadedRetriever, SidedText, Sides
from latentscape.models.text_models import load_text_model
from latentscape.pair_vectors import OpenRetriever, embed_pairs, open_retriever
from latentscape.settings import EmbeddingsSettings
from latentscape.store import RunFolder
from latentscape.study import make_model_card
from tests.models.conftest import make_text_folder as make_text_folder  # a fixture

QUERIES = ["phòng trọ", "quận 10", "giá 5 triệu"]
DOCUMENTS = ["phòng trọ", "cho thuê quận 10", "giá 5 , 25m2", "quận 11"]
SETTINGS = EmbeddingsSettings(device="cpu", batch_size=2)
RECEIPT = WeightReceipt(
    n_tensors=0,
    n_parameters=0,
    matched=(),
    missing=(),
    unexpected=(),
    reshaped=(),
    allowed=(),
    side_branch=(),
    n_parameters_matched=0,
)


class Letters(nn.Module):
    """Counts the letters of a text; one that shouts is a text it can't read."""

    def __init__(self):
        super().__init__()
        self.embedding, self.layers = nn.Identity(), {"embedding": "embedding"}

    def forward(self, texts):
        counts = [[1.0 + text.count(letter) for letter in "aeghinopqrtu15?"] for text in texts]
        vectors = nn.functional.normalize(torch.tensor(counts), dim=-1)
        return self.embedding(vectors * torch.tensor([[float("zero" not in text)] for text in texts]))


def tokenize(texts):
    if any("!" in text for text in texts):
        raise DataError("a text that shouts")
    return {"texts": texts}


def open_letters(*, sided=False):
    def write(texts):
        return [text + "?" * 9 * (side == QUERY) for side, text in texts]

    sides = Sides(
        collate=lambda texts: tokenize(write(texts)), lengths=lambda texts: [len(text) for text in write(texts)]
    )
    loaded = LoadedRetriever(
        model=Letters(),
        tokenize=tokenize,
        token_lengths=lambda texts: [len(text) for text in texts],
        max_length=0,
        receipt=RECEIPT,
        sha256="0",
        fingerprint=f"letters, sided {sided}",
        name="letters",
        metadata={},
        sides=sides if sided else None,
    )
    card = make_model_card(RECEIPT, name="letters", checkpoint="none", sha256="0", metadata={})
    return OpenRetriever(loaded=loaded, card=card, layers={"embedding": "embedding"}, shown=("embedding",))


def embed(path, pairs, opened):
    with RunFolder(path) as folder:
        found = embed_pairs(folder, pairs, opened, settings=SETTINGS)
    kept = np.load(path / "features" / "embedding.npy")
    np.testing.assert_array_equal(kept[found.feature_rows], found.layers["embedding"])
    assert len(found.feature_rows) == len(found.pairs.queries) + len(found.pairs.documents)
    return found, kept


def expect(texts):
    return Letters()(texts).numpy()


def test_a_text_that_is_query_and_document_is_read_once(tmp_path):
    pairs = link_values(QUERIES, DOCUMENTS, [0, 1, 2])
    found, kept = embed(tmp_path / "run", pairs, open_letters())
    np.testing.assert_allclose(found.layers["embedding"], expect([*QUERIES, *DOCUMENTS]), rtol=1e-6)
    assert len(kept) == 6
    assert found.feature_rows[0] == found.feature_rows[3]


def test_where_sides_differ_it_is_read_once_a_side(tmp_path):
    pairs = link_values(QUERIES, DOCUMENTS, [0, 1, 2])
    found, kept = embed(tmp_path / "run", pairs, open_letters(sided=True))
    np.testing.assert_allclose(
        found.layers["embedding"], expect([*(text + "?" * 9 for text in QUERIES), *DOCUMENTS]), rtol=1e-6
    )
    assert len(kept) == 7
    again, _ = embed(tmp_path / "other", pairs, open_letters())
    assert again.inputs["texts"] != found.inputs["texts"]


def test_of_a_corpus_only_what_was_lost_is_left_out(tmp_path):
    pairs = link_values(["phòng", "quận", "giá"], ["phòng!", "quận 10", "zero", "giá 5", "giá!"], [[0, 1], 1, [3, 4]])
    assert pairs.raw.is_corpus
    found, _ = embed(tmp_path / "run", pairs, open_letters())
    assert found.pairs.queries == ("phòng", "quận", "giá")
    assert found.pairs.documents == ("quận 10", "giá 5")
    assert found.pairs.relevant == ((0,), (0,), (1,))
    assert [skip.id for skip in found.failed] == ["document 1", "document 3", "document 5"]
    assert "shouts" in found.failed[0].reason
    assert "no direction" in found.failed[1].reason
    np.testing.assert_allclose(found.layers["embedding"][3:], expect(["quận 10", "giá 5"]), rtol=1e-6)


def test_a_query_that_was_lost_or_has_no_right_document_left_goes(tmp_path):
    pairs = link_values(["phòng", "quận!", "giá"], ["phòng!", "quận 10", "giá 5"], [0, 1, 2])
    found, _ = embed(tmp_path / "run", pairs, open_letters(sided=True))
    assert found.pairs.queries == ("giá",)
    assert [skip.id for skip in found.failed] == ["query 1", "query 2", "document 1"]
    with pytest.raises(ModelError, match="no query could be embedded") as caught:
        embed(tmp_path / "other", link_values(["a!", "b!"], ["c", "d"], [0, 1]), open_letters())
    assert caught.value.fault == "answers-values"


@pytest.fixture(scope="module")
def folder(make_text_folder):
    return make_text_folder()


def test_a_model_by_its_folder_with_all_its_options(folder, tmp_path):
    settings = EmbeddingsSettings(
        model=str(folder), pooling="cls", dimension=8, query_prompt="cho thuê ", device="cpu", batch_size=2
    )
    opened = open_retriever(settings)
    assert (opened.card.checkpoint, opened.shown) == (folder.name, ("embedding",))
    pairs = link_values(QUERIES, DOCUMENTS, [0, 1, 2])
    with RunFolder(tmp_path / "run") as run:
        found = embed_pairs(run, pairs, opened, settings=settings)
    plain = load_text_model(str(folder), pooling="cls", dimension=8)
    with torch.inference_mode():
        texts = [*("cho thuê " + text for text in QUERIES), *DOCUMENTS]
        expected = plain.model(**plain.tokenize(texts)).numpy()
    np.testing.assert_allclose(found.layers["embedding"], expected, atol=1e-6)
    assert found.before_head.shape == (7, 32)
    assert opened.card.trained["query_prompt"] == "cho thuê "


def test_two_models(folder, make_text_folder, tmp_path):
    other = make_text_folder(seed=5)
    settings = EmbeddingsSettings(model=str(folder), document_model=str(other), device="cpu", batch_size=3)
    opened = open_retriever(settings)
    assert opened.card.checkpoint == f"{folder.name} + {other.name}"
    pairs = link_values(QUERIES, DOCUMENTS, [0, 1, 2])
    with RunFolder(tmp_path / "run") as run:
        found = embed_pairs(run, pairs, opened, settings=settings)
    for name, texts, rows in ((folder, QUERIES, slice(0, 3)), (other, DOCUMENTS, slice(3, 7))):
        alone = load_text_model(str(name))
        with torch.inference_mode():
            expected = alone.model(**alone.tokenize(list(texts))).numpy()
        np.testing.assert_allclose(found.layers["embedding"][rows], expected, atol=1e-6)
    assert found.before_head is None
    with pytest.raises(UsageError, match="queries or documents only") as caught:
        open_retriever(
            EmbeddingsSettings(model=str(folder), document_model=str(other), layers=("query.encoder",), device="cpu")
        )
    assert caught.value.fault == "layer-unknown"


def test_the_keywords_of_two_models_hold_either_side_alone(folder):
    loaded = load_text_model(str(folder), document_model=str(folder))
    for side, other in ((QUERY, DOCUMENT), (DOCUMENT, QUERY)):
        batch = loaded.collate([SidedText(side, "phòng")])
        assert not [name for name in batch if name.startswith(other)]


def test_code_of_the_users_own(tmp_path, monkeypatch):
    (tmp_path / "retriever_of_mine.py").write_text(
        "import torch\n"
        "class Mine(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.scale = torch.nn.Parameter(torch.ones(2))\n"
        "    def forward(self, texts):\n"
        "        return self.scale * torch.tensor([[len(text), text.count('5') + 1.0] for text in texts])\n"
    )
    monkeypatch.chdir(tmp_path)
    settings = EmbeddingsSettings(model="retriever_of_mine:Mine", device="cpu")
    opened = open_retriever(settings)
    with RunFolder(tmp_path / "run") as run:
        found = embed_pairs(run, link_values(["a5"], ["a", "abc55"], [1]), opened, settings=settings)
    np.testing.assert_allclose(found.layers["embedding"][0], np.array([2, 2]) / np.sqrt(8), rtol=1e-6)
    with pytest.raises(UsageError, match=r"--pooling") as caught:
        open_retriever(EmbeddingsSettings(model="retriever_of_mine:Mine", pooling="cls", device="cpu"))
    assert caught.value.fault == "option-conflict"

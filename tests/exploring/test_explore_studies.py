import numpy as np
import pyarrow as pa
import pytest

from latentscape.errors import DataError
from latentscape.exploration import Category, Numbers, Texts
from latentscape.exploring import explore_run
from latentscape.figures.style import KIND_COLORS, Style
from latentscape.run_reader import open_run
from tests.run_folders import make_features, write_retriever_run

from .explored import CARD, comparison, draw, embeddings, feature_map, latents, numbers


def test_a_retriever_is_explored():
    found = embeddings(headline="found")
    kind = found.find_column("kind")
    assert kind.values == ("query", "positive", "hard negative", "other") and kind.colors[:3] == KIND_COLORS
    assert kind.codes.tolist() == [0, 0, 1, 1, 2]
    assert isinstance(found.find_column("text"), Texts) and found.find_column("text").values[0] == "Quận 10"
    assert isinstance(found.find_column("attribute_price"), Numbers)
    district = found.find_column("attribute_district")
    assert isinstance(district, Category) and district.values == ("Quận 3", "Quận 10") and district.title == "district"
    np.testing.assert_array_equal(found.find_column("rank").values, [1, np.nan, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(found.find_column("margin").values[:2], [0.4, np.nan])
    assert found.answers[0].worst == "margin" and found.answers[0].correct == "correct" and not found.answers[0].said
    assert (found.color, found.headline, found.frames[0].method) == ("kind", "found", "tsne")


def test_ranked_lists_are_those_of_the_table():
    ranked = embeddings().ranked
    assert ranked.rows.tolist() == [[2, 4, 3], [4, 3, -1]]
    assert ranked.marks.tolist() == [[1, 0, 0], [0, 0, 0]]
    np.testing.assert_array_equal(ranked.similarities[1], [0.8, 0.3, np.nan])
    assert ranked.hard_ends.tolist() == [2, 3] and ranked.hard_rows.tolist() == [3, 4, 4]
    assert ranked.hard_types == ("price, area", "", "area") and ranked.hard_similarities.tolist() == [0.1, 0.5, 0.8]


def test_a_near_copy_counts_neither_way():
    ranked = embeddings({"top_documents": numbers([[0, 2, 1], [0, 1], None, None, None])}).ranked
    assert ranked.marks.tolist()[1][:2] == [2, 0]


def test_a_run_of_an_earlier_version_is_ranked_from_its_vectors(tmp_path):
    """The columns of the table, and the slow way from the vectors, agree."""
    n_queries, vectors = 3, make_features(8, 4)[::-1].astype(np.float64)  # `feature_row` counts backwards
    folder = write_retriever_run(
        tmp_path / "run",
        columns={
            **draw("tsne_embedding", n=8), "rank": [1] * 8, "correct": [True] * 8, "top_similarity": [0.5] * 8,
        },
    )  # fmt: skip
    found = explore_run(open_run(folder), style=Style())
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit[:n_queries] @ unit[n_queries:].T
    ignored = cosines.copy()
    ignored[1, 0] = -np.inf
    order = np.argsort(-ignored, axis=1)
    assert found.ranked.rows[0].tolist() == (order[0] + n_queries).tolist()
    assert found.ranked.rows[1].tolist() == [*(order[1][:4] + n_queries).tolist(), -1]
    right = [{0}, {1, 2}, {3}]
    assert found.ranked.marks[0].tolist() == [int(document in right[0]) for document in order[0].tolist()]
    assert found.ranked.hard_rows.tolist() == [4, 7, 7] and found.ranked.hard_types == ("price", "", "price, location")
    np.testing.assert_allclose(found.ranked.hard_similarities, [cosines[0, 1], cosines[0, 4], cosines[2, 4]], atol=1e-9)
    best = found.find_column("right_similarity").values
    np.testing.assert_allclose(best[:3], [cosines[0, 0], cosines[1, 1:3].max(), cosines[2, 3]], atol=1e-9)
    wrong = [np.delete(ignored[query], list(right[query])).max() for query in range(n_queries)]
    np.testing.assert_allclose(found.find_column("hardest_similarity").values[:3], wrong, atol=1e-9)
    assert np.isnan(best[3:]).all()


def test_a_run_that_keeps_neither_lists_nor_vectors_has_none(tmp_path):
    table = {"top_documents": None, "right_similarity": None}
    found = embeddings(table)
    assert found.ranked is None and found.answers[0].worst == "rank" and found.find_column("margin") is None


@pytest.mark.parametrize(
    "columns",
    [
        {"kind": ["positive", "query", "query", "positive", "other"]},
        {"kind": ["query"] * 5},
        {"right": numbers([[3], [], None, None, None])},
        {"right": numbers([[1, 0], [], None, None, None])},
        {"right": numbers([[-1], [], None, None, None])},
        {"right": numbers([[1, 1], [], None, None, None])},
        {"right": ["0", "", None, None, None]},
        {"right": pa.array([["0"], [], None, None, None])},
        {"top_documents": numbers([[0, 9], [2, 1], None, None, None])},
        {"top_documents": numbers([[0], [2], None, None, None])},
        {"hard_similarities": pa.array([[0.1], [0.8], None, None, None], pa.list_(pa.float64()))},
        {"hard_types": pa.array([[["price"]], [], None, None, None])},
        {"hard_types": [1, 2, 3, 4, 5]},
        {"text": [1, 2, 3, 4, 5]},
        {"rank": None},
    ],
)  # fmt: skip
def test_lists_that_no_run_has_are_refused(columns):
    with pytest.raises(DataError) as caught:
        embeddings(columns)
    assert caught.value.fault == "run-damaged"


def test_a_map_has_the_users_own_columns():
    found = feature_map(
        {"price": [1.0, None, 3.0], "old": [True, None, False]},
        labels={"column": "site", "values": ["south", "north"]}, shapes={"column": "", "values": []},
        graph={"n_kinds": 2}, scores={"neighbor_recall_tsne": 0.5, "neighbor_recall_tsne_n": 3},
    )  # fmt: skip
    assert (found.ids, found.color, found.shape, found.headline) == (
        None, "site", "species", "3 samples of shells.npy, drawn by UMAP and t-SNE",
    )  # fmt: skip
    assert found.find_column("site").values == ("south", "north")
    assert found.find_column("species").values == ("class 2", "class 10")
    assert found.find_column("species").codes.tolist() == [1, 0, -1]
    assert found.find_column("old").codes.tolist() == [0 if value is False else value for value in (1, -1, 0)]
    assert found.find_column("price").values[0] == 1.0 and found.find_column("row") is None
    assert [frame.method for frame in found.frames] == ["tsne", "umap"] and found.frames[0].layer == "features"
    near = found.neighbors[0]
    assert (near.metric, near.rows.tolist(), near.distances[1].tolist()) == (
        "euclidean", [[1, 2], [0, 2], [1, 0]], [0.5, 0.75],
    )  # fmt: skip
    assert found.facts["distinct rows"] == "2" and found.metrics[0].name == "Neighbor recall, t-SNE"


def test_a_column_named_like_one_of_ours_is_found():
    found = feature_map({"row_2": ["x", "y", "x"]}, labels={"column": "row", "values": ["y", "x"]})
    assert found.color == "row_2" and found.find_column("row_2").codes.tolist() == [1, 0, 1]


@pytest.mark.parametrize("near", [[1, 2, 3], [{"ids": [1], "distances": [0.1]}, {"ids": [], "distances": []}, None]])
def test_neighbors_that_are_none_are_refused(near):
    with pytest.raises(DataError, match="neighbors"):
        feature_map({"neighbors": near})


def test_a_comparison_ties_each_layer_through_its_checkpoints():
    found = comparison()
    assert [(frame.layer, frame.checkpoint, frame.together) for frame in found.frames] == [
        ("my_layer", 0, "tsne my_layer"), ("my_layer", 1, "tsne my_layer"),
        ("logits", 0, "tsne logits"), ("logits", 1, "tsne logits"),
    ]  # fmt: skip
    outcome = found.find_column("outcome")
    assert outcome.values == ("broken", "fixed", "still wrong", "still right")
    assert outcome.codes.tolist() == [0, 1, 2, -1]
    first, last = found.answers
    assert (first.checkpoint, first.truth, first.said, first.correct) == (
        "epoch_1", "kind", "answer_epoch_1", "correct_epoch_1",
    )  # fmt: skip
    np.testing.assert_array_equal(found.find_column(last.worst).values, [-0.6, 0.9, -0.8, np.nan])
    assert found.find_column("kind").values == found.find_column("answer_best").values == ("Sad", "Calm")
    assert found.find_column("correct_best").codes.tolist() == [0, 1, 0, -1]


def test_the_scores_of_a_comparison_are_told():
    scores = {"accuracy_epoch_1": 0.25, "accuracy_epoch_1_n": 4, "accuracy_best": 0.5, "accuracy_best_n": 4, "fixed": 1,
              "fixed_n": 4, "linear_class_my_layer_best": 0.4, "linear_class_my_layer_best_n": 4}  # fmt: skip
    found = comparison(scores=scores)
    assert found.headline == "Accuracy is 25% at epoch_1 and 50% at best"
    assert [(each.name, each.value) for each in found.metrics] == [
        ("Accuracy, epoch_1", "25%"), ("Accuracy, best", "50%"), ("Fixed", "1"),
    ]  # fmt: skip
    assert [(each.layer, each.question) for each in found.profile] == [("my_layer", "class, best")]
    assert comparison().headline == "What changed from epoch_1 to best"


def test_names_of_checkpoints_and_layers_that_look_like_each_other():
    columns = draw("tsne_a_1", "tsne_a_b_1", "tsne_a_b", n=4)
    columns |= {f"{what}_{name}": values for name in ("1", "b_1") for what, values in {
        "correct": [True] * 4, "answer": ["Sad"] * 4, "confidence": [0.5] * 4}.items()}  # fmt: skip
    found = comparison(columns, checkpoints=[{"name": "1", "model": CARD}, {"name": "b 1", "model": CARD}])
    assert [(frame.layer, frame.checkpoint) for frame in found.frames] == [("a", 0), ("a", 1)]


def test_a_comparison_of_retrievers():
    columns = dict.fromkeys(("answer_epoch_1", "answer_best"))
    base = {"kind": ["query", "query", "positive", "hard_negative"], "rank_epoch_1": [3, 1, None, None],
            "rank_best": [1, 0, None, None], "correct_epoch_1": [False, True, None, None],
            "correct_best": [True, False, None, None], **columns,
            "answer_epoch_1": ["c", "d", None, None], "answer_best": ["c", "d", None, None]}  # fmt: skip
    found = comparison(base, compared="embeddings", classes=[])
    assert found.find_column("outcome").codes.tolist() == [1, 0, -1, -1]
    assert found.answers[0].worst == "rank_epoch_1" and not found.answers[0].truth
    assert isinstance(found.find_column("answer_best"), Texts)
    assert found.find_column("rank_best").worst == "high"


@pytest.mark.parametrize(
    "manifest",
    [
        {"compared": "map"}, {"checkpoints": []}, {"checkpoints": [1, 2]}, {"checkpoints": [{"name": "other"}]},
        {"checkpoints": [{"name": "other", "model": CARD}]},
    ],
)  # fmt: skip
def test_a_comparison_that_names_no_checkpoints_of_its_own_is_refused(manifest):
    with pytest.raises(DataError) as caught:
        comparison(**manifest)
    assert caught.value.fault == "run-damaged"


def test_texts_of_other_samples_are_told_apart():
    found = embeddings()
    first, answer = found.find_column("first_document"), found.find_column("correct")
    assert isinstance(first, Texts) and isinstance(answer, Category)
    assert first.values == ("d0", "d2", None, None, None) and not first.is_own
    assert answer.absent == "no query"
    changed = comparison().find_column("outcome")
    assert isinstance(changed, Category) and (changed.title, changed.absent) == ("Change", "unknown")


@pytest.mark.parametrize("explore", [latents, embeddings, comparison])
def test_titles_fit_the_head_of_a_table(explore):
    found = explore(scores={"accuracy": 0.5, "accuracy_n": 4, "mrr": 0.5, "mrr_n": 2})
    assert max(len(column.title) for column in found.columns) <= 24
    assert all(column.about for column in found.columns if isinstance(column, Numbers) and column.worst)
    assert all(metric.about for metric in found.metrics)


def test_layers_are_in_the_order_of_the_model():
    found = latents()
    assert (found.layers, found.frames[0].layer) == (("cnn", "mlp", "logits"), "mlp")


def test_letters_that_the_pictures_lack_are_spelled_at_the_foot_of_a_map():
    found = feature_map(spelled=["1 piece of text has letters that no installed font can draw.", "x is y"])
    assert found.foot[-2:] == ("1 piece of text has letters that no installed font can draw.", "x is y")

"""Small runs of every study as tables and manifests, for the rooms that explore them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from latentscape.exploration import Exploration
from latentscape.exploring import explore_table
from latentscape.figures.style import Style

Columns = Mapping[str, Any] | None
CARD = {"name": "a model", "checkpoint": "best.pt", "sha256": "ab", "n_parameters": 9, "n_tensors_matched": 2,
        "n_tensors_total": 2, "stamps": [], "receipt": {}}  # fmt: skip


def draw(*names: str, n: int) -> dict[str, np.ndarray]:
    """The columns of maps of these names."""
    rng = np.random.default_rng(0)
    return {f"{name}_{end}": rng.random(n) for name in names for end in ("x", "y", "trust")}


def explore(table: Mapping[str, Any], manifest: Mapping[str, Any], scores: Columns = None) -> Exploration:
    """The exploration of columns that were never written; those that are None are left out."""
    columns = {name: values for name, values in table.items() if values is not None}
    return explore_table(pa.table(columns), manifest=manifest, scores=scores or {}, style=Style())


def latents(columns: Columns = None, *, scores: Columns = None, **manifest: Any) -> Exploration:
    """Four samples of two classes, one of them of unknown class."""
    table = {
        "id": ["a/1.wav", "a/2.wav", "b/1.wav", "b/2.wav"],
        "label": ["Sad", "Calm", None, "Sad"],
        "prediction": ["Sad", "Sad", "Calm", "Calm"],
        "correct": [True, False, False, False],
        "probability": [0.9, 0.6, 0.5, 0.8],
        "true_probability": [0.9, 0.4, None, 0.2],
        "dataset": ["a", "a", "b", "b"],
        "speaker": ["s1", "s1", "s2", "s10"],
        "suspect": [None, None, None, "label,copies"],
        **draw("tsne_cnn", "tsne_mlp", "umap_mlp", "tsne_logits", n=4),
        **(columns or {}),
    }
    facts = {"study": "latents", "classes": ["Sad", "Calm"], "datasets": ["b", "a"], "model": CARD, **manifest}
    return explore(table, facts, scores)


def numbers(lists: list[list[int] | None]) -> pa.Array:
    """Lists of document numbers."""
    return pa.array(lists, pa.list_(pa.int64()))


def embeddings(columns: Columns = None, *, scores: Columns = None, **manifest: Any) -> Exploration:
    """Two queries and three documents: the first query finds its right document, the second one a wrong one."""
    none = [None] * 3
    floats = pa.list_(pa.float64())
    table = {
        "id": ["query 0", "query 1", "document 0", "document 1", "document 2"],
        "kind": ["query", "query", "positive", "positive", "hard_negative"],
        "text": ["Quận 10", "q1", "d0", "d1", "d2"],
        "rank": [1, 0, *none],
        "top_similarity": [0.9, 0.8, *none],
        "correct": [True, False, *none],
        "right_similarity": [0.9, None, *none],
        "hardest_similarity": [0.5, 0.8, *none],
        "feature_row": [0, 1, 2, 3, 4],
        "right": numbers([[0], [], *none]),
        "hard_negatives": numbers([[1, 2], [2], *none]),
        "hard_types": pa.array([[["price", "area"], []], [["area"]], *none], pa.list_(pa.list_(pa.string()))),
        "hard_similarities": pa.array([[0.1, 0.5], [0.8], *none], floats),
        "ignored": numbers([[], [0], *none]),
        "top_documents": numbers([[0, 2, 1], [2, 1], *none]),
        "top_similarities": pa.array([[0.9, 0.5, 0.1], [0.8, 0.3], *none], floats),
        "attribute_price": [1.5, None, 2.0, 3.0, 4.0],
        "attribute_district": ["Quận 10", "Quận 3", None, None, None],
        **draw("umap_embedding", "tsne_embedding", n=5),
        **(columns or {}),
    }  # fmt: skip
    return explore(table, {"study": "embeddings", "layers": ["embedding"], "model": CARD, **manifest}, scores)


def comparison(columns: Columns = None, *, scores: Columns = None, **manifest: Any) -> Exploration:
    """Four samples through two checkpoints: broken, fixed, still wrong, of unknown class."""
    table = {
        "id": ["a", "b", "c", "d"],
        "text": ["a", "b", "c", "d"],
        "kind": ["Sad", "Calm", "Sad", None],
        "correct_epoch_1": [True, False, False, False],
        "answer_epoch_1": ["Sad", "Sad", "Calm", "Sad"],
        "confidence_epoch_1": [0.9, 0.6, 0.7, 0.5],
        "correct_best": [False, True, False, False],
        "answer_best": ["Calm", "Calm", "Calm", "Sad"],
        "confidence_best": [0.6, 0.9, 0.8, 0.5],
        **draw("tsne_my_layer_epoch_1", "tsne_my_layer_best", "tsne_logits_epoch_1", "tsne_logits_best", n=4),
        **(columns or {}),
    }
    facts = {
        "study": "comparison",
        "compared": "latents",
        "classes": ["Sad", "Calm"],
        "checkpoints": [{"name": "epoch_1", "model": CARD}, {"name": "best", "model": CARD}],
        **manifest,
    }
    return explore(table, facts, scores)


def feature_map(columns: Columns = None, *, scores: Columns = None, **manifest: Any) -> Exploration:
    """Three samples with classes and markers."""
    near = {"ids": [[1, 2], [0, 2], [1, 0]], "distances": [[0.5, 1.0], [0.5, 0.75], [0.75, 1.0]]}
    lists = [pa.array(near["ids"], pa.list_(pa.int32())), pa.array(near["distances"], pa.list_(pa.float32()))]
    table = {
        "row": [0, 2, 5],
        "species": ["class 10", "class 2", None],
        "site": ["north", "south", "north"],
        **draw("umap", "tsne", n=3),
        "neighbors": pa.StructArray.from_arrays(lists, names=["ids", "distances"]),
        **(columns or {}),
    }
    facts = {"study": "map", "source": "shells.npy", "settings": {"metric": "euclidean"}, **manifest}
    return explore(table, facts, scores)

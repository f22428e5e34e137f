"""Small finished run folders of both studies, written as the studies write them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from latentscape.store import RunFolder

CLASSES = ("Neutral", "Happy", "Sad")


def make_card(folder: Path, **changes: Any) -> dict[str, Any]:
    """A model card as a manifest has it."""
    return {
        "name": "a model",
        "checkpoint": f"{folder.name}.pt",
        "sha256": hashlib.sha256(str(folder).encode()).hexdigest(),
        "n_parameters": 12,
        "n_tensors_matched": 3,
        "n_tensors_total": 3,
        "trained": {"epoch": 5, "loss": 0.5, "how": "long"},
        "unlearns_dataset": False,
        "stamps": [],
        **changes,
    }


def make_features(n: int, width: int, *, seed: int = 0) -> np.ndarray:
    """Random features in single precision."""
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def write_classifier_run(
    folder: Path,
    *,
    ids: Sequence[str] = ("a", "b", "c", "d"),
    labels: Sequence[str | None] | None = None,
    layers: Mapping[str, np.ndarray] | None = None,
    columns: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
    **card: Any,
) -> Path:
    """A run of the latents study; `columns` and `manifest` replace what is written, None leaves it out."""
    n = len(ids)
    classes = (manifest or {}).get("classes") or CLASSES
    layers = {"logits": make_features(n, len(classes)), "cnn": make_features(n, 4), "mlp": make_features(n, 5),
              **(layers or {})}  # fmt: skip
    table = {
        "id": list(ids),
        "label": list(labels) if labels is not None else [CLASSES[row % 3] for row in range(n)],
        "prediction": ["Sad"] * n,
        "dataset": [("ravdess", "crema-d")[row % 2] for row in range(n)],
        "speaker": [f"s{row // 2}" for row in range(n)],
        "tsne_mlp_x": np.zeros(n),
        **(columns or {}),
    }
    facts = {"classes": list(CLASSES), "datasets": ["ravdess", "crema-d"], **(manifest or {})}
    return _write(folder, "latents", layers=layers, table=table, facts=facts, card=card)


def write_retriever_run(
    folder: Path,
    *,
    queries: Sequence[str] = ("q0", "q1", "q2"),
    documents: Sequence[str] = ("d0", "d1", "d2", "d3", "d4"),
    right: Sequence[Sequence[int]] = ((0,), (1, 2), (3,)),
    hard: Sequence[Sequence[int]] = ((1, 4), (), (4,)),
    types: Sequence[Sequence[Sequence[str]]] = ((("price",), ()), (), (("price", "location"),)),
    ignored: Sequence[Sequence[int]] = ((), (0,), ()),
    columns: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
    layers: Mapping[str, np.ndarray] | None = None,
    **card: Any,
) -> Path:
    """A run of the embeddings study."""
    n_queries, n = len(queries), len(queries) + len(documents)
    none = [None] * len(documents)
    table = {
        "id": [*(f"query {row}" for row in range(n_queries)), *(f"document {row}" for row in range(len(documents)))],
        "kind": ["query"] * n_queries + ["positive"] * len(documents),
        "text": [*queries, *documents],
        "feature_row": np.arange(n)[::-1].copy(),
        "right": pa.array([*map(list, right), *none], type=pa.list_(pa.int64())),
        "hard_negatives": pa.array([*map(list, hard), *none], type=pa.list_(pa.int64())),
        "hard_types": pa.array(
            [*([list(names) for names in row] for row in types), *none], type=pa.list_(pa.list_(pa.string()))
        ),
        "ignored": pa.array([*map(list, ignored), *none], type=pa.list_(pa.int64())),
        **(columns or {}),
    }
    layers = {"encoder": make_features(n, 6), "embedding": make_features(n, 4), **(layers or {})}
    facts = {"layers": ["embedding"], **(manifest or {})}
    return _write(folder, "embeddings", layers=layers, table=table, facts=facts, card=card)


def _write(
    folder: Path, study: str, *, layers: Mapping[str, Any], table: Mapping[str, Any], facts: Mapping[str, Any],
    card: Mapping[str, Any],
) -> Path:  # fmt: skip
    with RunFolder(folder) as run:
        kept = {name: values for name, values in layers.items() if values is not None}
        beside = {"_rows": np.arange(3), "_facts": np.array("{}")}
        run.stage("features", {"model": str(folder)}, lambda: {**kept, **beside})
        run.save_table("samples.parquet", {name: values for name, values in table.items() if values is not None})
        run.save_json("scores.json", {"accuracy": 0.5, "accuracy_n": 4})
        whole = {"study": study, "model": make_card(folder, **card), **facts}
        run.finish({key: value for key, value in whole.items() if value is not None})
    return folder


def edit_manifest(folder: Path, **changes: Any) -> Path:
    """Change what a manifest says; None takes a key out."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps({key: value for key, value in manifest.items() if value is not None}), encoding="utf-8")
    return folder


def replace_file(folder: Path, name: str, data: bytes) -> Path:
    """Another file under the name of one of the run, as somebody would who can write the manifest too."""
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    (folder / name).write_bytes(data)
    checksums = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["checksums"]
    return edit_manifest(folder, checksums={**checksums, name: hashlib.sha256(data).hexdigest()})

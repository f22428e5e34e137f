"""A folder in which every command and every Python block of the documents works: tiny data, untrained models."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chaos.gauntlet.place import write_rental, write_speech

NETS = """
import numpy as np
import torch
from torch import nn


def make():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    net.class_names = ["daisy", "rose"]
    return net, lambda picture: torch.as_tensor(np.asarray(picture.convert("L"))[None] / 255)
"""
SPECIES = ("a", "b", "c")
SHOWN_CLIPS = re.compile(r"^03-01-0[345]|_(HAP|SAD|ANG)_")
"""Happy, sad and angry ones: a third of the clips takes a third of the time."""


def write_place(folder: Path) -> None:
    """Everything that the documents name by a path."""
    _write_arrays(folder)
    _write_flowers(folder)
    _write_own_code(folder)
    _write_texts(folder)
    _write_speech(folder)
    _write_runs(folder)


def draw_features(n: int = 60) -> tuple[np.ndarray, list[str]]:
    """Three groups of rows, and the name of each row's."""
    draw, groups = np.random.default_rng(0), np.arange(n) % 3
    features = draw.standard_normal((n, 8)) + 4 * np.eye(8)[groups]
    return features.astype(np.float32), [SPECIES[group] for group in groups]


def make_names() -> dict[str, Any]:
    """What the Python blocks use without having made it."""
    import torch
    from torch import nn

    features, species = draw_features()
    vectors = np.random.default_rng(1).standard_normal((40, 8)).astype(np.float32)
    pictures, classes = torch.rand(24, 3, 8, 8), torch.arange(24) % 2
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(pictures, classes), batch_size=8)
    return {
        "features": features,
        "species": species,
        "features_at_epoch_1": features,
        "features_at_epoch_5": features * 2,
        "new_features": features[:4] + 0.1,
        "model": model,
        "loader": loader,
        "pictures": pictures,
        "classes": classes,
        "gardens": [f"garden {number // 2 % 4}" for number in range(24)],
        "queries": [f"a room for {number}" for number in range(20)],
        "documents": [f"room number {number}" for number in range(20)],
        "encode": lambda texts: np.array(
            [[len(text), sum(map(ord, text)), ord(text[-1])] for text in texts], np.float32
        ),
        "districts": ["Gò Vấp", "Tân Bình"] * 10,
        "query_vectors": vectors[:20],
        "document_vectors": vectors[:20] + 0.1 * vectors[20:],
    }


def _write_arrays(folder: Path) -> None:
    features, species = draw_features()
    np.save(folder / "features.npy", features)
    (folder / "labels.txt").write_text("\n".join(species))
    draw = np.random.default_rng(2)
    queries = draw.standard_normal((30, 8)).astype(np.float32)
    documents = queries + 0.5 * draw.standard_normal((30, 8)).astype(np.float32)
    np.savez(folder / "vectors.npz", queries=queries, documents=documents)
    (folder / "policy.yml").write_text('hit_at_1: 0.1\nmargin_hard: "> -2"\n')


def _write_flowers(folder: Path) -> None:
    import torch
    from PIL import Image
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

    draw, rows = np.random.default_rng(3), ["path,flower,garden"]
    for number in range(24):
        name = ("daisy", "rose")[number % 2]
        path = folder / "photos" / name / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
        rows.append(f"{path.relative_to(folder / 'photos')},{name},garden {number // 2 % 4}")
    (folder / "photos" / "flowers.csv").write_text("\n".join(rows))
    (folder / "nets.py").write_text(NETS)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    names = {0: "daisy", 1: "rose"}
    config = ViTConfig(**sizes, image_size=16, patch_size=8, id2label=names, label2id={"daisy": 0, "rose": 1})
    ViTForImageClassification(config).save_pretrained(folder / "models" / "flowers")
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder / "models" / "flowers")


def _write_own_code(folder: Path) -> None:
    """The module of docs/own-code.md as it stands there, its weights, and pictures of its classes."""
    import runpy

    import torch
    from PIL import Image

    page = (Path(__file__).parents[1] / "docs" / "own-code.md").read_text(encoding="utf-8")
    (folder / "my_models.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    torch.save(runpy.run_path(str(folder / "my_models.py"))["make"]().state_dict(), folder / "net.pt")
    for name in ("red", "green", "blue"):
        (folder / "pictures" / name).mkdir(parents=True)
        for number in range(8):
            Image.new("RGB", (12 + number, 12), name).save(folder / "pictures" / name / f"{number}.png")


def _write_texts(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    write_rental(folder)
    for name in ("held-out.json", "held_out.json", "data/gen-data-set.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "pairs.json", folder / name)
    (folder / "checkpoints").mkdir()
    shutil.copytree(folder / "base_model", folder / "checkpoints" / "base_model")
    for name in ("checkpoints/best_model.pt", "epoch_1.pt", "epoch_5.pt"):
        shutil.copy(folder / "best_model.pt", folder / name)
    shutil.copytree(folder / "base_model", folder / "models" / "encoder")
    encoder = Transformer(str(folder / "base_model"))
    SentenceTransformer(modules=[encoder, Pooling(32)], device="cpu").save(str(folder / "models" / "sentences"))
    rows = json.loads((folder / "pairs.json").read_text(encoding="utf-8"))
    (folder / "beir" / "qrels").mkdir(parents=True)
    _write_lines(
        folder / "beir" / "queries.jsonl", [{"_id": f"q{i}", "text": row["query"]} for i, row in enumerate(rows)]
    )
    _write_lines(folder / "beir" / "corpus.jsonl", [{"_id": f"d{i}", "text": row["pos"]} for i, row in enumerate(rows)])
    judged = "".join(f"q{i}\td{i}\t1\n" for i in range(len(rows)))
    (folder / "beir" / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")


def _write_lines(path: Path, rows: list[Mapping[str, str]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def _write_speech(folder: Path) -> None:
    speech = write_speech(folder / "speech-run")
    for clip in (folder / "speech-run" / "speech").rglob("*.wav"):
        if not SHOWN_CLIPS.search(clip.name):
            clip.unlink()
    (folder / "configs").mkdir()
    shutil.copy(speech.config, folder / "configs" / "emotion.yml")
    (folder / "path" / "to").mkdir(parents=True)
    names = ("checkpoint.pt", "checkpoint_epoch_1.pt", "checkpoint_epoch_5.pt", "path/to/checkpoint.pt")
    for name in names:
        shutil.copy(speech.checkpoint, folder / name)


def _write_runs(folder: Path) -> None:
    """A classifier's run and a retriever's, under every name that the documents call one by."""
    import latentscape

    names = make_names()
    made = folder / "runs" / "emotion"
    latentscape.latents(names["model"], (names["pictures"], names["classes"]), layers=["0"], output=made)
    for name in ("runs/epoch_1", "runs/epoch_5", "runs/best_model", "baseline", "candidate", "path/to/run"):
        shutil.copytree(made, folder / name)
    retriever = latentscape.EmbeddingsSettings(
        vectors=folder / "vectors.npz", output=folder / "visualizations", skip_umap=True
    )
    latentscape.study_embeddings(retriever)

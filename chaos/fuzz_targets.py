"""The good files that are broken, small enough to be read a thousand times, and the readers they go through."""

import hashlib
import io
import json
import random
import shutil
import wave
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save

from chaos.fuzz import Target
from chaos.mutate import mutate, mutate_archive, mutate_safetensors
from latentscape.checkpoint import load_checkpoint
from latentscape.datasets.audio import load_audio, measure_audio
from latentscape.datasets.feature_files import read_features
from latentscape.datasets.pairs import read_pairs
from latentscape.models.folder_scan import scan_model_folder
from latentscape.models.loading import read_config_values
from latentscape.run_reader import FORMAT, FORMAT_VERSION, open_run
from latentscape.settings import EmotionConfig, load_config

Recipe = tuple[str, bytes, Callable[[bytes, random.Random], bytes], Callable[[Path], object]]
"""How the name ends, the good bytes, how they are broken, what reads them."""


def make_targets(folder: Path) -> Mapping[str, Target]:
    """Every kind of file that users bring."""
    torch.manual_seed(0)
    tensors = {"encoder.weight": torch.randn(4, 6), "encoder.bias": torch.zeros(4), "steps": torch.tensor(3)}
    matrix = np.arange(48, dtype=np.float32).reshape(8, 6)
    pairs = [{"query": f"phòng {n}", "pos": f"đúng {n}", "hard_neg": [f"sai {n}"]} for n in range(6)]
    text = partial(mutate, text=True)
    array, arrays = io.BytesIO(), io.BytesIO()
    np.save(array, matrix)
    np.savez(arrays, features=matrix, labels=np.array(list("abababab")))
    recipes: dict[str, Recipe] = {
        "safetensors": (".safetensors", save(tensors), mutate_safetensors, load_checkpoint),
        "safetensors of features": (
            ".safetensors",
            save({"x": tensors["encoder.weight"]}),
            mutate_safetensors,
            read_features,
        ),
        "torch.save files": (".pt", _save(tensors, zipped=True), mutate_archive, load_checkpoint),
        "old torch.save files": (".pt", _save(tensors, zipped=False), mutate, load_checkpoint),
        "npy": (".npy", array.getvalue(), mutate, _read_matrix),
        "npz": (".npz", arrays.getvalue(), mutate_archive, _read_matrix),
        "Parquet of features": (".parquet", _tabulate({f"f{n}": matrix[:, n] for n in range(3)}), mutate, _read_matrix),
        "Parquet of pairs": (
            ".parquet",
            _tabulate({key: [row[key] for row in pairs] for key in pairs[0]}),
            mutate,
            read_pairs,
        ),
        "CSV": (".csv", b"a,b,label\n" + b"1.5,-2e3,x\n" * 8, text, _read_matrix),
        "JSON of pairs": (".json", json.dumps(pairs, ensure_ascii=False).encode(), text, read_pairs),
        "WAV": (".wav", _record(), mutate, _listen),
        "configs": (".yml", _CONFIG, text, _read_config),
        "manifests": (".json", *_make_run(folder)),
        "model folders": (".json", *_make_model(folder)),
    }
    return {
        name: Target(suffix=suffix, content=content, change=change, read=read)
        for name, (suffix, content, change, read) in recipes.items()
    }


def _save(tensors: Mapping[str, torch.Tensor], *, zipped: bool) -> bytes:
    buffer = io.BytesIO()
    saved = {"model_state": dict(tensors), "epoch": 3, "config": {"lr": 0.1}}
    torch.save(saved, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def _tabulate(columns: Mapping[str, object]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), buffer)
    return buffer.getvalue()


def _record() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes(np.arange(1600, dtype="<i2").tobytes())
    return buffer.getvalue()


def _read_matrix(path: Path) -> None:
    read_features(path)


def _listen(path: Path) -> None:
    measure_audio(path)
    load_audio(path)


def _read_config(path: Path) -> None:
    load_config(path, EmotionConfig)


_CONFIG = b"""# a study
data:
  datasets:
    - {class_path: CREMADataset, data_dir: /data/crema}
model: {encoder_name: hubert, hidden_dim: 16}
training:
  val_split: 0.3
  batch_size: 16
  seed: 1
logging: {log_dir: runs, run_label: tiny}
"""


def _make_run(folder: Path) -> tuple[bytes, Callable[[bytes, random.Random], bytes], Callable[[Path], object]]:
    """A run folder whose manifest is broken, or a file of it with a checksum that fits."""
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    array = io.BytesIO()
    np.save(array, np.eye(3, dtype=np.float32))
    files = {
        "scores.json": json.dumps({"n": 3, "accuracy": 0.5, "layers": {"mlp": {"silhouette": None}}}).encode(),
        "samples.parquet": _tabulate({"id": ["a", "b"], "x": [0.5, 1.0]}),
        "features.npy": array.getvalue(),
    }
    for name, content in files.items():
        (run / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    facts = {"format": FORMAT, "format_version": FORMAT_VERSION, "study": "map", "checksums": sums, "n": [1, 2]}

    def change(content: bytes, rng: random.Random) -> bytes:
        for name, whole in files.items():
            (run / name).write_bytes(whole)
        if rng.random() < 0.5:
            return mutate(content, rng, text=True)
        name = rng.choice(list(files))
        broken = mutate(files[name], rng, text=name.endswith(".json"))
        (run / name).write_bytes(broken)
        known = {**sums, name: hashlib.sha256(broken).hexdigest()}
        return json.dumps({**facts, "checksums": known}).encode()

    def read(path: Path) -> None:
        (run / "manifest.json").write_bytes(path.read_bytes())
        found = open_run(run)
        found.read_scores()
        found.read_table("samples.parquet")
        found.read_array("features.npy")

    return json.dumps(facts, indent=1).encode(), change, read


def _make_model(folder: Path) -> tuple[bytes, Callable[[bytes, random.Random], bytes], Callable[[Path], object]]:
    """A model folder whose config.json or modules.json is broken."""
    model = folder / "model"
    shutil.rmtree(model, ignore_errors=True)
    (model / "1_Pooling").mkdir(parents=True)
    chain = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    config = {"model_type": "bert", "hidden_size": 32, "auto_map": {"AutoModel": "a.B"}, "nested": [{"a": {"b": 1}}]}
    parts = {"config.json": json.dumps(config).encode(), "modules.json": json.dumps(chain).encode()}

    def change(_: bytes, rng: random.Random) -> bytes:
        name = rng.choice(list(parts))
        for other, whole in parts.items():
            (model / other).write_bytes(whole)
        broken = mutate(parts[name], rng, text=True)
        (model / name).write_bytes(broken)
        return broken

    def read(_: Path) -> None:
        scan_model_folder(model)
        read_config_values(model)

    return b"", change, read

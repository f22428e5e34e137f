"""Small retriever findings, computed by the real measures from vectors made here, and what tests ask of any picture."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations
from typing import Any
from unittest import mock

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from latentscape.figures.headline import measuring_renderer
from latentscape.findings import Accounting, DrawnMap, EmbeddingsFindings, ModelCard
from latentscape.maps.latent_map import LatentMap
from latentscape.measures.faithfulness import MapTrust
from latentscape.measures.heatmap import measure_heatmap
from latentscape.measures.judgments import Judgments
from latentscape.measures.ranking import rank_documents
from latentscape.measures.scan import scan_pairs
from latentscape.measures.score import Score
from latentscape.measures.similarity import measure_similarities

from .pair_values import STREETS, full_values

NASTY = ("giá $5_tr$ {rẻ} \\frac{1}{2}", "x" * 10_000, "phòng " * 1_700, "", "\x1b[31mđỏ\u202e ngược", "𓀀🏠 nhà")
"""Texts that break pictures: mathematics, one endless word, endless words, nothing, control characters, no glyphs."""


def build_pairs(
    *, n: int = 40, n_hard: int = 3, noise: float = 0.9, shift: float = 0.0, dimensions: int = 16,
    methods: Sequence[str] = ("tsne", "umap"), queries: Sequence[str] = (), documents: Sequence[str] = (),
    n_shown: int = 200, stamps: Sequence[str] = (), notice: str = "", seed: int = 0, full: bool = False,
) -> EmbeddingsFindings:  # fmt: skip
    """`n` queries, each with a right document and `n_hard` close to it; a negative `shift` pulls all cosines down.

    `full` fills every other field, with values made by hand.
    """
    vectors, judgments, measured = _measure(n, n_hard, noise, shift, dimensions, seed, n_shown, full)
    queries = tuple(queries) or tuple(f"tìm phòng đường {STREETS[i % 7]} giá {i + 2} triệu" for i in range(n))
    documents = tuple(documents) or tuple(_describe(i) for i in range(judgments.n_documents))
    more = full_values(measured["ranking"], judgments.relevant, judgments.hard, documents=documents) if full else {}
    return EmbeddingsFindings(
        model=ModelCard(name="bge-m3", checkpoint="best_model.pt", sha256="0" * 64, n_parameters=10,
                        n_tensors_matched=4, n_tensors_total=4, stamps=tuple(stamps)),
        accounting=Accounting(n_in=n, n_ok=n),
        queries=queries,
        documents=documents,
        relevant=judgments.relevant,
        hard_negatives=judgments.hard,
        document_kinds=np.array([1] * n + [2] * (n * n_hard)),
        maps={method: _draw_map(vectors[:, 1:3].astype(float), method, notice) for method in methods},
        **measured,
        **more,
    )  # fmt: skip


@cache
def _measure(
    n: int, n_hard: int, noise: float, shift: float, dimensions: int, seed: int, n_shown: int, full: bool
) -> tuple[np.ndarray, Judgments, dict[str, Any]]:
    """Vectors of queries and documents, what is known of their pairs, and what the real measures find."""
    queries, documents = _make_vectors(n, n_hard, noise, shift, dimensions, seed)
    judgments = Judgments(
        relevant=tuple(np.array([i]) for i in range(n)),
        hard=tuple(n + np.arange(i * n_hard, (i + 1) * n_hard) for i in range(n)),
        ignored=(np.empty(0, dtype=np.int64),) * n,
        n_documents=len(documents),
    )
    scan = scan_pairs(queries, documents, judgments, k=10, seed=0)
    similarities = measure_similarities(queries, documents, judgments, scan, seed=0)
    ranking = rank_documents(scan, judgments, seed=0)
    heatmap = measure_heatmap(queries, documents, judgments.relevant, groups=np.arange(n) % 7 if full else None,
                              names=STREETS, n_shown=n_shown, seed=0)  # fmt: skip
    diagonal = {"heatmap_diagonal": heatmap.diagonal}
    measured = {
        "similarities": similarities,
        "ranking": ranking,
        "heatmap_queries": heatmap.queries,
        "heatmap": heatmap.values,
        "heatmap_groups": heatmap.groups if full else (),
        "heatmap_attribute": "cluster" if heatmap.by_cluster else "street",
        "scores": {**similarities.scores, **ranking.scores, **diagonal} if full else diagonal,
    }
    return np.concatenate([queries, documents]), judgments, measured


def _make_vectors(
    n: int, n_hard: int, noise: float, shift: float, dimensions: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    topics = _unit(rng.normal(size=(n, dimensions)))
    # Scale the noise to the dimension, so that `noise` is about the tangent of the angle.
    spread = noise / dimensions**0.5
    queries = _unit(topics + spread * rng.normal(size=topics.shape))
    positives = topics + 0.5 * spread * rng.normal(size=topics.shape)
    hard = np.repeat(topics, n_hard, axis=0) + spread * rng.normal(size=(n * n_hard, dimensions))
    documents = np.concatenate([positives, hard])
    documents[:, 0] += shift
    queries[:, 0] += abs(shift)
    return _unit(queries), _unit(documents)


def texts_of(figure: Figure) -> Iterator[tuple[str, Bbox]]:
    """Every text that is really drawn, with the pixels it covers; ticks out of sight stay in matplotlib's lists."""
    drawn, draw = [], Text.draw
    with mock.patch.object(Text, "draw", lambda text, renderer: (drawn.append(text), draw(text, renderer))):
        figure.draw(measuring_renderer())
    for text in drawn:
        if text.get_visible() and text.get_text().strip():
            yield text.get_text(), text.get_window_extent(measuring_renderer())


def assert_readable(figure: Figure) -> None:
    """No text leaves the figure, no two texts touch."""
    texts = list(texts_of(figure))
    for text, box in texts:
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, f"beyond the sides: {text!r}"
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, f"beyond top or bottom: {text!r}"
    for (text, box), (other, other_box) in combinations(texts, 2):
        # Boxes hold the room above and below the letters, so that a pixel or two may meet.
        assert not box.padded(-1.5).overlaps(other_box.padded(-1.5)), f"{text!r} lies on {other!r}"


def all_words(figure: Figure) -> str:
    return "\n".join(text for text, _ in texts_of(figure))


def contrast(one: Any, other: Any) -> float:
    """Ratio of the luminances of two colors as WCAG 2 defines it, from 1 (equal) to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Any) -> float:
    channels = np.array(to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _draw_map(points: np.ndarray, method: str, notice: str) -> DrawnMap:
    n = len(points)
    recall = Score(name="neighbor_recall", value=0.5, n=n, low=0.48, high=0.52)
    others = {name: Score(name=name, value=0.9, n=n) for name in ("trustworthiness", "continuity")}
    here = np.full(n, 0.5)
    trust = MapTrust(
        k=15, scores={"neighbor_recall": recall, **others}, per_point=here, per_point_trustworthiness=here,
        per_point_continuity=here, weak=np.zeros(n, dtype=bool),
    )  # fmt: skip
    parameters = {"seed": 0, "perplexity": 30.0}
    return DrawnMap(latent_map=LatentMap(xy=points, method=method, parameters=parameters, notice=notice), trust=trust)


def _describe(i: int) -> str:
    return (
        f"Cho thuê phòng {12 + i % 23} m² đường {STREETS[i % 7]}, số {i}, giá {2 + i % 9} triệu, có gác lửng, giờ tự do"
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

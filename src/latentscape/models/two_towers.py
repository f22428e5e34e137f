"""Two encoders side by side: one reads the queries, the other the documents, and their vectors share one space."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentscape.checkpoint import WeightReceipt
from latentscape.errors import ModelError
from latentscape.models.loaded import DOCUMENT, QUERY, LoadedRetriever, SidedText, Sides
from latentscape.models.text_encoders import digest_values

IS_QUERY = "is_query"
"""The keyword that says which rows of a batch are queries."""


class TwoTowers(nn.Module):
    """Texts of both sides in, one vector each, in the order of the batch."""

    def __init__(self, query: nn.Module, document: nn.Module) -> None:
        super().__init__()
        self.query, self.document, self.embedding = query, document, nn.Identity()

    @property
    def layers(self) -> dict[str, str]:
        """Only the last value has a row of either side."""
        return {"embedding": "embedding"}

    def forward(self, is_query: Tensor, **tokens: Any) -> Float[Tensor, "batch d_out"]:
        """`is_query` [batch]; the keywords of either model carry the name of its side: `query.input_ids`, ..."""
        rows, parts = [], []
        for side, wanted in ((QUERY, is_query), (DOCUMENT, ~is_query)):
            if wanted.any():
                stem = f"{side}."
                own = {name.removeprefix(stem): part for name, part in tokens.items() if name.startswith(stem)}
                rows.append(wanted.nonzero()[:, 0])
                parts.append(getattr(self, side)(**own))
        return self.embedding(torch.cat(parts)[torch.cat(rows).argsort()])


def join_towers(queries: LoadedRetriever, documents: LoadedRetriever) -> LoadedRetriever:
    """One retriever that reads queries with the first model and documents with the second.

    Raises ModelError where their vectors are not equally wide.
    """
    _check_widths(queries, documents)
    towers: Mapping[str, LoadedRetriever] = {QUERY: queries, DOCUMENT: documents}

    def collate(texts: Sequence[SidedText]) -> dict[str, Any]:
        batch: dict[str, Any] = {IS_QUERY: torch.tensor([side == QUERY for side, _ in texts])}
        for side, tower in towers.items():
            own = [text for text in texts if text.side == side]
            batch |= {f"{side}.{name}": part for name, part in (tower.collate(own) if own else {}).items()}
        return batch

    def count(texts: Sequence[SidedText]) -> list[int]:
        own = {side: [text for text in texts if text.side == side] for side in towers}
        counts = {side: iter(towers[side].count(part) if part else ()) for side, part in own.items()}
        return [next(counts[side]) for side, _ in texts]

    return LoadedRetriever(
        model=TwoTowers(queries.model, documents.model).eval(),
        tokenize=lambda texts: collate([SidedText(QUERY, text) for text in texts]),
        token_lengths=lambda texts: count([SidedText(QUERY, text) for text in texts]),
        max_length=max(queries.max_length, documents.max_length),
        receipt=_join_receipts(queries.receipt, documents.receipt),
        sha256=digest_values({side: tower.sha256 for side, tower in towers.items()}),
        fingerprint=digest_values({side: tower.fingerprint for side, tower in towers.items()}),
        name=f"{queries.name} (queries), {documents.name} (documents)",
        metadata=_join_metadata(queries, documents),
        sides=Sides(collate=collate, lengths=count),
    )


def _join_metadata(queries: LoadedRetriever, documents: LoadedRetriever) -> dict[str, Any]:
    """What both models say alike, and of the rest what each says of its own side."""
    alike = {name: value for name, value in queries.metadata.items() if documents.metadata.get(name) == value}
    prompts = ((queries, "query_prompt"), (documents, "document_prompt"))
    return {
        **alike,
        "query_model": queries.name,
        "document_model": documents.name,
        **{name: tower.metadata[name] for tower, name in prompts if name in tower.metadata},
    }


def _check_widths(queries: LoadedRetriever, documents: LoadedRetriever) -> None:
    widths = [measure_width(tower, side) for tower, side in ((queries, QUERY), (documents, DOCUMENT))]
    if widths[0] != widths[1]:
        raise ModelError(
            "queries and documents would lie in different spaces",
            got=f"{widths[0]} numbers a vector ({queries.name}) and {widths[1]} ({documents.name})",
            expected="two models that were trained together, with vectors of one width",
            hint="check `--model` and `--document-model`",
            fault="model-towers",
        )


def measure_width(loaded: LoadedRetriever, side: str = QUERY) -> int:
    """How many numbers a vector of this retriever has, seen from two short texts, so that it surely reads texts.

    Raises ModelError where it doesn't.
    """
    try:
        with torch.inference_mode():
            vectors = loaded.model(**loaded.collate([SidedText(side, "1"), SidedText(side, "2 3")]))
    except Exception as error:  # whatever the parts of somebody's model say of each other
        raise ModelError(
            f"{loaded.name} does not read texts",
            got=f"{type(error).__name__}: {error}".splitlines()[0][:300],
            expected="a model that makes one vector of a text",
            hint="give another model, or get its folder again",
            fault="model-texts",
        ) from error
    return int(vectors.shape[1])


def _join_receipts(queries: WeightReceipt, documents: WeightReceipt) -> WeightReceipt:
    """One receipt of both, each name behind that of its side."""
    both = ((QUERY, queries), (DOCUMENT, documents))

    def name(field: str) -> tuple[str, ...]:
        return tuple(f"{side}.{tensor}" for side, receipt in both for tensor in getattr(receipt, field))

    bases = [dict(receipt.base) for _, receipt in both if receipt.base]
    return WeightReceipt(
        n_tensors=queries.n_tensors + documents.n_tensors,
        n_parameters=queries.n_parameters + documents.n_parameters,
        matched=name("matched"),
        missing=name("missing"),
        unexpected=name("unexpected"),
        reshaped=name("reshaped"),
        allowed=name("allowed"),
        side_branch=name("side_branch"),
        n_parameters_matched=queries.n_parameters_matched + documents.n_parameters_matched,
        tied=name("tied"),
        set_aside=name("set_aside"),
        base=_join_bases(bases) if bases else None,
    )


def _join_bases(bases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "name": " and ".join(dict.fromkeys(str(base["name"]) for base in bases)),
        "files": {f"{base['name']}/{file}": digest for base in bases for file, digest in base["files"].items()},
        "n_tensors": sum(base["n_tensors"] for base in bases),
    }

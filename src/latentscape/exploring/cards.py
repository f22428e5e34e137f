"""What a manifest says of its model and its inputs, as the few words a page shows; a folder may come from anywhere."""

from collections.abc import Iterable, Mapping

from latentscape.exploring.source import Source, is_number
from latentscape.figures.receipt_words import LARGEST_COUNT, list_receipt, tidy_receipt
from latentscape.findings import ModelCard
from latentscape.plain_text import clean_text
from latentscape.run_reader import MANIFEST


def read_card(source: Source, card: object) -> ModelCard:
    """The card of a model; what it does not say, or says in no form of ours, is empty."""
    if not isinstance(card, Mapping):
        raise source.damaged(f"{MANIFEST} does not say which model it is of")
    return ModelCard(
        name=_text(card.get("name")),
        checkpoint=_text(card.get("checkpoint")),
        sha256=_text(card.get("sha256")),
        n_parameters=_count(card.get("n_parameters")),
        n_tensors_matched=_count(card.get("n_tensors_matched")),
        n_tensors_total=_count(card.get("n_tensors_total")),
        stamps=tuple(_texts(card.get("stamps"))),
        receipt=tidy_receipt(card.get("receipt")),
        in_memory=card.get("in_memory") is True,
    )


def tell_weights(cards: Iterable[ModelCard]) -> tuple[str, ...]:
    """The weight receipt of each model, for the foot of the page."""
    return tuple(dict.fromkeys(sentence for card in cards for sentence in list_receipt(card)))


def tell_left_out(source: Source, noun: tuple[str, str]) -> str:
    """How many of the inputs are not on the page; empty where all are."""
    accounting = source.manifest.get("accounting")
    if not isinstance(accounting, Mapping):
        return ""
    n, n_ok = _count(accounting.get("n_in")), _count(accounting.get("n_ok"))
    out = n - n_ok
    if out <= 0:
        return ""
    return f"{out:,} of {n:,} {noun[n > 1]} left out: {MANIFEST} says why."


def _text(value: object) -> str:
    return clean_text(value) if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return []
    return [clean_text(each) for each in value]


def _count(value: object) -> int:
    return int(value) if is_number(value) and 0 <= value < LARGEST_COUNT else 0

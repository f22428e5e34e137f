"""What stands before a query or a document when a model reads it: found in its settings, or given by the user."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from latentscape.errors import ModelError, UsageError, nearest
from latentscape.models.loaded import DOCUMENT, QUERY, LoadedRetriever, SidedText, Sides
from latentscape.models.text_encoders import digest_values

PROMPT_LENGTHS = "prompt_lengths"
"""The keyword that says how many tokens of each text are its prompt's, where these have no part in its vector."""
_NAMES: Mapping[str, tuple[str, ...]] = {QUERY: ("query",), DOCUMENT: ("document", "passage", "corpus")}
"""Under which names sentence-transformers keeps the prompt of either side, the first that says something first."""
_ONE_WORD = re.compile(r"[\w-]+")


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """What stands before either; an empty text for nothing."""

    query: str = ""
    document: str = ""

    def before(self, side: str) -> str:
        """The one of that side."""
        return self.query if side == QUERY else self.document


def choose_prompts(values: Mapping[str, Any], *, query: str | None, document: str | None, source: str) -> Prompts:
    """The prompts of both sides: what the user said (a name or the text itself), else what the model's settings say.

    Settings name them by side; where they name neither side, their default prompt is that of both. Raises UsageError
    for a name that is not there, ModelError for settings that are none.
    """
    named = values.get("prompts") or {}
    if not isinstance(named, Mapping) or not all(isinstance(text, str | None) for text in named.values()):
        raise ModelError(
            f"the prompts of {source} are no texts",
            got=repr(named)[:100],
            hint="copy or download the whole folder again",
            fault="model-folder",
        )
    known = {str(name): text or "" for name, text in named.items()}
    default = known.get(str(values.get("default_prompt_name")), "")
    return Prompts(
        query=_choose(QUERY, query, known, default=default, source=source),
        document=_choose(DOCUMENT, document, known, default=default, source=source),
    )


def _choose(side: str, given: str | None, known: Mapping[str, str], *, default: str, source: str) -> str:
    if given is None:
        own = [known[name] for name in _NAMES[side] if name in known]
        return next(filter(None, own), own[0] if own else default)
    if given in known:
        return known[given]
    if _ONE_WORD.fullmatch(given):
        raise UsageError(
            f"{source} has no prompt of the name `{given}`",
            expected="the name of one of its prompts, or the text itself",
            hint=nearest(given, known)
            if known
            else f'it names no prompts: give the text itself, e.g. `--{side}-prompt "{given}: "`',
            fault="option-value",
        )
    return given


def put_prompts(
    loaded: LoadedRetriever, prompts: Prompts, *, left_out: Mapping[str, int] | None = None
) -> LoadedRetriever:
    """The same retriever, reading each text behind the prompt of its side.

    `left_out` says, by side, how many tokens from the prompt have no part in the vector.
    """
    if prompts == Prompts():
        return loaded

    def write(texts: Sequence[SidedText]) -> list[str]:
        return [prompts.before(side) + text for side, text in texts]

    def collate(texts: Sequence[SidedText]) -> dict[str, Any]:
        batch: dict[str, Any] = loaded.tokenize(write(texts))
        if left_out is not None:
            batch[PROMPT_LENGTHS] = torch.tensor([left_out[side] for side, _ in texts])
        return batch

    def count(texts: Sequence[SidedText]) -> list[int]:
        return loaded.token_lengths(write(texts))

    said = {f"{side}_prompt": prompts.before(side) for side in (QUERY, DOCUMENT)}
    return dataclasses.replace(
        loaded,
        tokenize=lambda texts: collate([SidedText(QUERY, text) for text in texts]),
        token_lengths=lambda texts: count([SidedText(QUERY, text) for text in texts]),
        sides=None if prompts.query == prompts.document else Sides(collate=collate, lengths=count),
        fingerprint=digest_values({"model": loaded.fingerprint, "left_out": left_out, **said}),
        metadata={**loaded.metadata, **{name: text for name, text in said.items() if text}},
    )

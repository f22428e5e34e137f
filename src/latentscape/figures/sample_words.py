"""What the samples of a study are called, and how one looks at them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from latentscape.findings import LatentsFindings


@dataclass(frozen=True, kw_only=True)
class SampleWords:
    """The words for samples of one kind."""

    one: str
    many: str
    group: str
    """Who or what several samples come from."""
    look: str
    """The verb of `look the missed ones`."""
    oddities: str
    """A question about samples that are like no other."""


WORDS: Mapping[str | None, SampleWords] = MappingProxyType(
    {
        None: SampleWords(
            one="sample",
            many="samples",
            group="group",
            look="Look at",
            oddities="Look: missing values, another unit?",
        ),
        "audio": SampleWords(
            one="recording",
            many="recordings",
            group="speaker",
            look="Listen to",
            oddities="Listen: silence, clipping, another language, a broken file?",
        ),
        "image": SampleWords(
            one="picture",
            many="pictures",
            group="group",
            look="Look at",
            oddities="Look: blank, turned, cut off, of something else, a broken file?",
        ),
        "text": SampleWords(
            one="text",
            many="texts",
            group="group",
            look="Read",
            oddities="Read: cut off, another language, markup, of something else?",
        ),
    }
)
"""By kind; None where nothing of a sample can be shown."""


def words_of(findings: LatentsFindings) -> SampleWords:
    """The words for the samples of a study."""
    return WORDS[findings.kind]


def name_groups(sentence: str, group: str) -> str:
    """A remark of a measure, which speaks of speakers, about groups of another name.

    >>> name_groups("there is a single speaker: other speakers may be read worse", "group")
    'there is a single group: other groups may be read worse'
    """
    return re.sub(r"\b(?:speaker|voice)(?=s?\b)", group, sentence) if group != "speaker" else sentence

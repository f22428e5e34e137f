"""Which layers are looked at where nobody asks for others: input side, middle, last hidden, head."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from latentscape.features.answers import CHOICE
from latentscape.features.hooks import ENTERED
from latentscape.features.trace import Traced
from latentscape.models.shells import ANSWER, AnswerOf

INPUT, MIDDLE, LAST_HIDDEN, HEAD = "input", "middle", "last_hidden", "head"
SPEECH, TEXT, IMAGE = {INPUT: "feature_extractor"}, {INPUT: "embeddings"}, {INPUT: "embeddings"}
FAMILIES: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat", "sew", "sew-d"), SPEECH),
    **dict.fromkeys(("data2vec-audio", "wav2vec2-conformer"), SPEECH),
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "distilbert", "albert", "electra", "deberta"), TEXT),
    **dict.fromkeys(("deberta-v2", "modernbert", "camembert", "mpnet", "xlm-roberta-xl"), TEXT),
    **dict.fromkeys(("vit", "deit", "beit", "swin", "swinv2", "convnext", "convnextv2", "dinov2"), IMAGE),
    "audio-spectrogram-transformer": IMAGE,
    "resnet": {INPUT: "embedder"},
    "whisper": {INPUT: "encoder.conv2"},
    "bart": {INPUT: "encoder.layernorm_embedding"},
    "mbart": {INPUT: "encoder.layernorm_embedding"},
}
"""By `model_type` of Hugging Face: layer -> how its path ends. What stands in no table is found by the general rule."""
CHAINS = ("Sequential", "ModuleList", "ModuleDict")
"""Types of modules that are no more than their parts, one after the other."""
TRIVIAL = ("Dropout", "Identity", "Flatten", "DropPath")
"""How types begin or end whose answer is what they were given."""
FEWEST_STEPS = 2
TOLERANCE = 1e-4
"""Vectors that differ by less, relative to their largest number, are the same."""


def add_default_layers(shell: AnswerOf, traced: Sequence[Traced]) -> dict[str, str]:
    """Let a model that names no layers look at those that are found in a pass of one sample. Gives them."""
    config = getattr(shell.model, "config", None)
    family = config.get("model_type") if isinstance(config, Mapping) else getattr(config, "model_type", "")
    shell.name_layers(find_default_layers(traced, family=str(family or "")))
    return shell.layers


def find_default_layers(traced: Sequence[Traced], *, family: str = "") -> dict[str, str]:
    """Layer -> path for the input side, the middle, the last hidden layer and the head, as far as there are any.

    Head: what enters the last layer with weights, where that is another vector than the (mean of the) last hidden
    layer. The others: the blocks of the model (siblings of one type, called one after the other, that hold more of
    the work than any others), the norm that follows them and what came before them; without blocks, the steps
    between one layer with weights and the next. Only answers that can be read, no place of the model twice.
    """
    called = _list_called(traced)
    head = _find_head(called, next((each for each in traced if each.path == ANSWER), None))
    before = [each for each in called if head is None or each.finished < head.started]
    blocks = _find_blocks(before)
    found = _from_blocks(before, blocks) if blocks else _from_steps(before, head)
    for name, end in FAMILIES.get(family, {}).items():
        by_family = next((each for each in before if f".{each.path}".endswith(f".{end}") and each.reads), None)
        if by_family is not None:
            found[name] = by_family
    found = _drop_same({name: found[name] for name in (INPUT, MIDDLE, LAST_HIDDEN) if name in found})
    paths = {name: each.reads or "" for name, each in found.items()}
    if head is not None and head.entered and not _is_same(head.entered.vectors, _vectors_of(found.get(LAST_HIDDEN))):
        paths[HEAD] = _name_entered(head, before, taken=paths.values())
    return {name: path for name, path in paths.items() if path}


def _list_called(traced: Iterable[Traced]) -> list[Traced]:
    """Modules that were called once, each by its first path, in the order in which they began; not the logits."""
    by_call = {each.started: each for each in reversed(list(traced)) if each.n_calls == 1 and each.path != ANSWER}
    return [by_call[started] for started in sorted(by_call)]


def _find_head(called: Sequence[Traced], logits: Traced | None) -> Traced | None:
    """The last layer with weights, where it makes as many numbers as there are logits."""
    last = max((each for each in called if each.has_weights), key=lambda each: each.finished, default=None)
    if last is None or logits is None or last.shape is None or logits.shape is None:
        return last
    n_classes = logits.shape[-1]
    sizes = {last.shape[1], last.shape[-1]}
    return last if n_classes in sizes or (n_classes == 2 and 1 in sizes) else None


def _find_blocks(called: Sequence[Traced]) -> list[Traced]:
    """Siblings of one type with parts of their own, none inside another, that hold the most called leaves."""
    groups: dict[tuple[str, str], list[Traced]] = defaultdict(list)
    for each in called:
        if not each.is_leaf and each.reads:
            groups[_parent(each.path), each.kind].append(each)
    leaves = [each for each in called if each.is_leaf]
    several = [group for group in groups.values() if len(group) >= FEWEST_STEPS]
    return max(several, key=lambda group: sum(_count_inside(block, leaves) for block in group), default=[])


def _from_blocks(called: Sequence[Traced], blocks: Sequence[Traced]) -> dict[str, Traced]:
    first, last = blocks[0], blocks[-1]
    before = [each for each in called if each.finished < first.started and each.reads]
    outermost = min((_depth(each) for each in before), default=0)
    entry = [each for each in before if _depth(each) == outermost]
    entry = [each for each in entry if not each.heard[0].choice] or entry  # not the tables of positions beside it
    after = next((each for each in called if each.started > last.finished and not _is_trivial(each)), None)
    has_norm = after is not None and "norm" in after.kind.lower() and after.shape == last.shape
    found = {MIDDLE: blocks[(len(blocks) - 1) // 2], LAST_HIDDEN: after if after is not None and has_norm else last}
    return {INPUT: entry[-1], **found} if entry else found


def _from_steps(called: Sequence[Traced], head: Traced | None) -> dict[str, Traced]:
    """Each step ends with the last answer before the next layer with weights begins."""
    steps = _open_chains(called, head)
    starts = [at for at, each in enumerate(steps) if _has_weights(each, called)]
    segments = [steps[at:end] for at, end in pairwise([*starts, len(steps)])]
    ends = [_last_telling(segment) for segment in segments]
    readable = [end for end in ends if end is not None]
    if not readable:
        return {}
    last = len(readable) - 1
    return {INPUT: readable[0], MIDDLE: readable[last // 2], LAST_HIDDEN: readable[last]}


def _open_chains(called: Sequence[Traced], head: Traced | None) -> list[Traced]:
    """The outermost modules, those that hold the head or are mere chains opened; the largest too while too few are."""
    closed = [each for each in called if head is None or each.finished < head.started]
    opened = {each.path for each in closed if each.kind in CHAINS}
    while True:
        steps = _outermost([each for each in closed if each.path not in opened])
        largest = max(
            (each for each in steps if not each.is_leaf), key=lambda e: _count_inside(e, closed), default=None
        )
        if largest is None or sum(_has_weights(each, closed) for each in steps) >= FEWEST_STEPS:
            return steps
        opened.add(largest.path)


def _outermost(called: Sequence[Traced]) -> list[Traced]:
    """Those that no other one called; `called` is in the order in which they began."""
    found: list[Traced] = []
    for each in called:
        if not found or each.started > found[-1].finished:
            found.append(each)
    return found


def _last_telling(segment: Sequence[Traced]) -> Traced | None:
    """The last readable answer that is not merely what was given."""
    readable = [each for each in segment if each.reads]
    return next((each for each in reversed(readable) if not _is_trivial(each)), None)


def _name_entered(head: Traced, called: Sequence[Traced], *, taken: Iterable[str]) -> str:
    """The path of the outermost module that made what enters the head; else what enters it, by the head's own path."""
    makers = [each for each in called if each.reads and each.reads not in taken and not _is_trivial(each)]
    entered = head.entered.vectors if head.entered else ()
    same = [each for each in makers if _is_same(entered, each.vectors)]
    outermost = min(same, key=_depth, default=None)
    return (outermost.reads if outermost else None) or CHOICE.join([head.path, ENTERED])


def _drop_same(found: Mapping[str, Traced]) -> dict[str, Traced]:
    """Without names for what has one: the last hidden layer goes first, then the input side."""
    order = [name for name in (LAST_HIDDEN, INPUT, MIDDLE) if name in found]
    kept = {found[name].started: name for name in reversed(order)}
    return {name: each for name, each in found.items() if kept[each.started] == name}


def _is_same(some: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> bool:
    """Whether one of these is one of those; zeros alone say nothing."""
    return any(
        one.any() and one.shape == other.shape and np.abs(one - other).max() <= TOLERANCE * np.abs(one).max()
        for one in some
        for other in others
    )


def _vectors_of(each: Traced | None) -> Sequence[np.ndarray]:
    return each.vectors if each is not None else ()


def _has_weights(each: Traced, called: Sequence[Traced]) -> bool:
    return any(part.has_weights for part in called if each.started <= part.started and part.finished <= each.finished)


def _count_inside(each: Traced, called: Sequence[Traced]) -> int:
    return sum(each.started < part.started and part.finished < each.finished for part in called)


def _is_trivial(each: Traced) -> bool:
    return each.kind.startswith(TRIVIAL) or each.kind.endswith(TRIVIAL)


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _depth(each: Traced) -> int:
    return each.path.count(".")

"""Which of the tensors in a checkpoint are the model: a closed list of rewrites of its names, and never a guess."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from latentscape.checkpoint import PREFIXES, Checkpoint, WeightReceipt, refuse_ambiguous
from latentscape.errors import ModelError

_INNER = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""What torch.compile, FSDP and activation checkpoints of a child put in the middle of names."""
_SPREAD = re.compile(r"^([^.]+\.)module\.")
"""A child in DataParallel: `encoder.module.layers...`."""
_LONGEST = 4


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """One reading of a file: the tensors under the model's names, and what was done to their names."""

    wrapper: str
    prefix: str
    tensors: Mapping[str, Tensor]
    inner: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    """The file's other tensors, outside the prefix and of no part of the model."""

    def describe(self) -> str:
        """A few words that tell this reading from the others."""
        return f"`{self.wrapper}`" + (f" behind `{self.prefix}`" if self.prefix else "")

    def stamp(self, receipt: WeightReceipt) -> WeightReceipt:
        """The receipt with the mapping in it."""
        found = {key: getattr(self, key) for key in ("wrapper", "prefix", "inner", "set_aside")}
        return dataclasses.replace(receipt, **found)


def choose_weights(checkpoint: Checkpoint, *, roots: Sequence[str], anchors: Sequence[str]) -> Chosen | None:
    """The one reading of a file in which names start with `roots`, as the model's do; None where there is none.

    Two readings of about one size, or of any size that both have the model's `anchors`, are too many unless they are
    equal: the error says which. A reading is no proof: `load_weights` then asks for every tensor.
    """
    found = [reading for state in checkpoint.states for reading in _readings(checkpoint, state, roots)]
    if not found:
        return None
    most = max(_count_named(reading, roots) for reading in found)
    likely = [r for r in found if 2 * _count_named(r, roots) >= most or any(name in r.tensors for name in anchors)]
    # Two readings may come to the same: `_orig_mod.` at the start of every name is a prefix, first of all.
    first, *others = sorted(likely, key=lambda reading: len(reading.inner))
    rivals = [reading for reading in others if not _equal(first.tensors, reading.tensors)]
    unknown = [name for r in likely for name in r.set_aside if name.endswith(tuple(f".{a}" for a in anchors))]
    if rivals or unknown:
        names = [*dict.fromkeys(r.describe() for r in (first, *rivals)), *(f"`{name}`" for name in unknown[:3])]
        raise refuse_ambiguous(checkpoint.path, names)
    return first


def _readings(checkpoint: Checkpoint, state: str, roots: Sequence[str]) -> Iterator[Chosen]:
    """Each way to take prefixes of the list off one set of tensors, where names of the model remain."""
    tensors = checkpoint.states[state]
    for prefix in _chains(list(tensors)):
        inside = {name.removeprefix(prefix): name for name in tensors if name.startswith(prefix)}
        if any(_clean(name).startswith(tuple(roots)) for name in inside):
            # What lies outside but is named like a part of the model is one too many, not something else.
            beside = [name for name in tensors if not name.startswith(prefix)]
            parts = [name for name in beside if prefix == "" or _is_part(name, prefix, roots)]
            names, inner = _take_out({**inside, **{name: name for name in parts}}, checkpoint)
            yield Chosen(
                wrapper=state,
                prefix=prefix,
                tensors={name: tensors[old] for name, old in names.items()},
                inner=inner,
                set_aside=tuple(name for name in beside if name not in parts),
            )


def _chains(names: list[str]) -> list[str]:
    """Every row of known prefixes that some name starts with, the empty one first."""
    chains = [""]
    for chain in chains:
        longer = [chain + prefix for prefix in PREFIXES if chain.count(".") < _LONGEST]
        chains += [new for new in longer if new not in chains and any(name.startswith(new) for name in names)]
    return chains


def _is_part(name: str, prefix: str, roots: Sequence[str]) -> bool:
    """Whether a name outside `prefix` is the model's own behind fewer prefixes, e.g. `head.ln.bias` beside `model.`."""
    steps = prefix.split(".")[:-1]
    starts = [".".join([*steps[:count], ""]) if count else "" for count in range(len(steps))]
    return any(name.removeprefix(start).startswith(tuple(roots)) for start in starts if name.startswith(start))


def _take_out(names: Mapping[str, str], checkpoint: Checkpoint) -> tuple[dict[str, str], tuple[str, ...]]:
    """New name -> old name without what stands in the middle of names, and what that was."""
    taken = [word for word in _INNER if any(word in name for name in names)]
    taken += sorted({match[0] for name in names if (match := _SPREAD.match(_clean(name)))})
    found: dict[str, str] = {}
    for name, old in names.items():
        new = _SPREAD.sub(r"\1", _clean(name))
        if new in found:
            raise ModelError(
                f"{checkpoint.path} names one tensor twice",
                got=f"`{found[new]}` and `{old}`, both for `{new}`",
                hint="save the model's own `state_dict()` again",
                fault="checkpoint-ambiguous",
            )
        found[new] = old
    return found, tuple(taken)


def _clean(name: str) -> str:
    for word in _INNER:
        name = name.replace(word, "")
    return name


def _count_named(reading: Chosen, roots: Sequence[str]) -> int:
    return sum(name.startswith(tuple(roots)) for name in reading.tensors)


def _equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        tensor is other[name] or (tensor.dtype == other[name].dtype and torch.equal(tensor, other[name]))
        for name, tensor in one.items()
    )

"""The weights of a library's classifier: under the module's names, whole, and from a checkpoint where one is given."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from latentscape.checkpoint import Checkpoint, WeightReceipt, load_weights
from latentscape.errors import ModelError
from latentscape.models.choosing import Chosen, choose_weights
from latentscape.models.kinds import wrong_model

_OFF_PATH = ("masked_spec_embed", "embeddings.mask_token", "pooler.")
"""Below the encoder: what masked training needs, and the pooling of another task."""
_OTHER_HEADS = ("lm_head.", "cls.", "quantizer.", "project_q.", "project_hid.", "qa_outputs.")


def name_tensors(model: Any, tensors: Mapping[str, Tensor], *, source: str) -> dict[str, Tensor]:
    """A file's tensors under the names of the module that this version of the library builds.

    The library renames parts of its modules now and then, and keeps a table of how: that is what is applied here.
    Names that the module has stay as they are. Raises ModelError where a file has one tensor under two names.
    """
    # What the library itself calls when it loads: costs nothing beside torch.
    from transformers.conversion_mapping import get_model_conversion_mapping  # noqa: PLC0415
    from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key  # noqa: PLC0415

    live = model.state_dict()
    changes = get_model_conversion_mapping(model)
    renamings = [change for change in changes if isinstance(change, WeightRenaming)]
    converters = [change for change in changes if isinstance(change, WeightConverter)]
    prefix = model.base_model_prefix or None
    named: dict[str, Tensor] = {}
    groups: dict[str, Any] = {}
    for old, tensor in tensors.items():
        new, pattern = (old, None) if old in live else rename_source_key(old, renamings, converters, prefix, live)
        if pattern is None:
            _put(named, {new: tensor}, source)
            continue
        converter = next(each for each in converters if pattern in each.source_patterns)
        groups.setdefault(new, copy.deepcopy(converter)).add_tensor(new, old, pattern, tensor)
    for first, group in groups.items():
        made = group.convert(first, model=model, config=model.config)
        _put(named, {new: part[0] if isinstance(part, list) else part for new, part in made.items()}, source)
    return named


def _put(named: dict[str, Tensor], new: Mapping[str, Tensor], source: str) -> None:
    name = next((name for name in new if name in named), None)
    if name is not None:
        raise ModelError(
            f"{source} names one tensor twice, in an old and in a new naming",
            got=f"`{name}`",
            hint="save the model's own `state_dict()` again",
            fault="checkpoint-ambiguous",
        )
    named.update(new)


def choose_classifier(checkpoint: Checkpoint, model: Any) -> Chosen:
    """The tensors of a user's checkpoint that are this classifier. Raises ModelError where none are, or several."""
    live = list(model.state_dict())
    names = [*live, *_old_names(model)]
    roots = dict.fromkeys(".".join(name.split(".")[:2]) + ("." if name.count(".") > 1 else "") for name in names)
    chosen = choose_weights(checkpoint, roots=list(roots), anchors=find_heads(model))
    # Heads are called alike in all families, encoders are not.
    body = tuple(root for root in roots if root.startswith(f"{model.base_model_prefix}.")) or tuple(roots)
    if chosen is None or not any(name.startswith(body) for name in chosen.tensors):
        found = next(iter(checkpoint.states.values()))
        expected = f"{type(model).__name__} (`{live[0]}`, `{live[-1]}`, ...)"
        raise wrong_model(str(checkpoint.path), found, expected=expected)
    return chosen


def _old_names(model: Any) -> list[str]:
    """The names under which the library would save this module."""
    from transformers.core_model_loading import revert_weight_conversion  # noqa: PLC0415  as above

    # Names are all that is asked for: one number each, in the shape of a matrix as some rules look at it.
    stand_ins = {name: torch.zeros([1] * tensor.ndim) for name, tensor in model.state_dict().items()}
    try:
        return list(revert_weight_conversion(model, stand_ins))
    except (RuntimeError, ValueError, IndexError):  # a rule that cuts a tensor needs its real size
        return []


def find_heads(model: Any) -> list[str]:
    """Names of the tensors that are not the encoder's."""
    prefix = f"{model.base_model_prefix}."
    names = list(model.state_dict())
    return [name for name in names if not name.startswith(prefix)] or names[-2:]


def count_outputs(model: Any, tensors: Mapping[str, Tensor]) -> int | None:
    """How many classes the head in a file has, by its last matrix; None where the file has no such head."""
    matrices = [name for name in find_heads(model) if name in tensors and tensors[name].ndim == 2]
    return int(tensors[matrices[-1]].shape[0]) if matrices else None


def load_classifier_weights(
    model: Any, tensors: Mapping[str, Tensor], *, source: str, chosen: Chosen | None, allow_missing: Sequence[str]
) -> WeightReceipt:
    """Every tensor into the module, head included, and the proof that it is there. Raises ModelError for a misfit."""
    receipt = load_weights(
        model, tensors, source=source, side_branches=_side_branches(model), allow_missing=allow_missing
    )
    return chosen.stamp(receipt) if chosen else receipt


def _side_branches(model: Any) -> list[str]:
    """Name prefixes of what no logit can feel: masks of a pretraining, heads of other tasks that the module lacks."""
    own = list(nn.Module.state_dict(model))
    parts = [f"{model.base_model_prefix}.{part}" for part in _OFF_PATH]
    # A pooling layer that the module has is on the path of a classifier.
    parts = [part for part in parts if not part.endswith(".") or not any(name.startswith(part) for name in own)]
    return [*parts, *(head for head in _OTHER_HEADS if not any(name.startswith(head) for name in own))]

"""`latentscape.latents(model, data)`: the latents study of a module that is in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np

from latentscape.classifier_input import prepare_layers
from latentscape.datasets.labeled import LabeledSamples
from latentscape.datasets.splits import stratified_sample
from latentscape.errors import DataError
from latentscape.features import choose_layers
from latentscape.features.items import Chosen, Collate, look_at, number_labels
from latentscape.findings import LOGITS, Skip
from latentscape.from_python.folders import choose_folder
from latentscape.from_python.gathering import Gathered, gather
from latentscape.from_python.pictures import list_pictures
from latentscape.latents_study import LatentsStudy, study_subject
from latentscape.models.shells import Answer
from latentscape.progress import SILENT, Progress
from latentscape.ray_cluster import open_executor
from latentscape.settings import Engine, LatentsSettings
from latentscape.shapes import Rows
from latentscape.study import digest
from latentscape.subject import Census, Subject, ValidationSet
from latentscape.watch.still import StillAnswer
from latentscape.watch.undisturbed import find_bare_model, find_device, undisturbed
from latentscape.watch.weights import digest_weights, make_card

DATASET = "samples"


class Samples(TypedDict, total=False):
    """What is known of the samples besides; one value a sample each, in the order of the data."""

    ids: Sequence[str]
    """Names, each another; without them their numbers."""
    texts: Sequence[str]
    """What each sample is, to be read on every page."""
    images: Any
    """What each sample looks like: paths, PIL images, bytes, or arrays [sample, height, width(, channel)]."""
    datasets: Sequence[str]
    """The data set each sample is from: a marker on the maps, and asked for in the layers."""
    groups: Sequence[str]
    """Who or what each sample is from (speaker, patient): samples of one are no independent witnesses."""


def latents(  # noqa: PLR0913  names a user types, all with defaults
    model: Any,
    data: Any,
    *,
    layers: Sequence[str] | Mapping[str, str] | None = None,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    collate: Collate | None = None,
    answer: Answer | None = None,
    batch_size: int = 32,
    output: str | Path | None = None,
    max_samples: int = 0,
    seed: int = 42,
    align: bool = False,
    engine: Engine = "local",
    workers: int = 0,
    progress: Progress = SILENT,
    **known: Unpack[Samples],
) -> LatentsStudy:
    """What did this classifier learn? Its layers on held-out samples, from the input side to the logits.

    `model` is any torch module that answers with logits [sample, class] (or a record with `.logits`; `answer` picks
    them from anything else). It is read where it lies and left as it was: weights, modes, buffers, hooks, random
    streams. `data` is a `DataLoader`, a pair of arrays or tensors (inputs, classes), a `datasets.Dataset`, a data frame
    of numbers (`labels` names its column of classes), or a list of items as the model's own data set has them;
    `collate` turns a list of items into what `forward` takes. `labels` are class numbers or names, -1 or None where
    unknown, where the items don't say. `layers` are names or globs of module paths, or a mapping of names of your own
    to paths; without them input side, middle, last hidden layer, head and logits. `ids`, `texts`, `images`, `datasets`
    and `groups` say more of each sample. With `engine="ray"` up to `workers` workers (0 = one a core) read the samples.

    The run folder is `output`; without it a temporary one that goes with the study (`study.save(folder)` keeps it).
    Raises UsageError for data that can't be read by number, DataError for samples that can't be used, ModelError for a
    model whose answers can't be read or that has other classes than the data.
    """
    bare = find_bare_model(model)
    folder, lease = choose_folder(output)
    settings = LatentsSettings(
        output=folder,
        batch_size=batch_size,
        max_samples=max_samples,
        seed=seed,
        align=align,
        layers=_plain(layers),
        engine=engine,
        workers=workers,
    )
    with undisturbed(bare):
        found = gather(data, bare, labels=labels, collate=collate)
        named = dict(layers) if isinstance(layers, Mapping) else {}
        said = _Known(class_names=class_names, answer=answer, layers=named, samples=known)
        subject = _open(bare, found, output=folder, settings=settings, known=said)
        with open_executor(settings, progress=progress) as executor:
            study = study_subject(subject, settings, executor=executor)
    return study if lease is None else study.hold(lease)


@dataclass(frozen=True, kw_only=True)
class _Known:
    class_names: Sequence[str] | None
    answer: Answer | None
    layers: Mapping[str, str]
    """Names of the user's own for module paths."""
    samples: Samples


def _plain(layers: Sequence[str] | Mapping[str, str] | None) -> tuple[str, ...] | None:
    if layers is None or isinstance(layers, Mapping):
        return None
    return (layers,) if isinstance(layers, str) else tuple(layers)


def _open(model: Any, found: Gathered, *, output: Path, settings: LatentsSettings, known: _Known) -> Subject:
    n = len(found.items)
    _require_lengths(n, {"labels": found.labels, **known.samples})
    groups = [0] * n if found.labels is None else [str(label) for label in found.labels]
    rows = stratified_sample(groups, n=settings.max_samples, seed=settings.seed)
    items = Chosen(found.items, rows)
    looked = look_at(items)
    labels, names = number_labels(
        looked.labels if found.labels is None else [found.labels[row] for row in rows], known.class_names
    )
    own = getattr(model, "layers", None)
    named = known.layers or (own if isinstance(own, Mapping) else {})
    shell = StillAnswer(model, pick=known.answer, layers=named)
    n_classes = prepare_layers(shell, found.collate([items[0]]))
    names = names or tuple(map(str, range(n_classes)))
    samples = _describe_samples(known.samples, rows, labels=labels, names=names)
    sha256 = digest_weights(model)
    subject = Subject(
        model=shell,
        card=make_card(model, name="in memory", sha256=sha256, trained={}),
        found=_hold_out(samples, n_in=n),
        layers=choose_layers(shell, settings.layer_patterns),
        logits=shell.layers[LOGITS],
        inputs=items,
        lengths=lambda: looked.lengths,
        collate=found.collate,
        batch_size=settings.batch_size or 32,
        device=str(find_device(model)),
        fingerprint={
            "model": sha256,
            "n_samples": len(samples),
            "samples": digest([looked.digest, list(samples.ids), labels.tolist()]),
            "classes": list(names),
        },
        output=output,
        names_hint="give `class_names` in the order of the model's outputs",
    )
    subject.refuse_other_classes(n_classes)
    return subject


def _hold_out(samples: LabeledSamples, *, n_in: int) -> ValidationSet:
    left_out = n_in - len(samples)
    skipped = (Skip(id="samples", reason="not drawn: max_samples", count=left_out),) if left_out else ()
    census = Census(samples=samples, validation=np.arange(len(samples)))
    return ValidationSet(samples=samples, skipped=skipped, census=census)


def _describe_samples(known: Samples, rows: Rows, *, labels: Any, names: tuple[str, ...]) -> LabeledSamples:
    ids = known.get("ids")
    ids = tuple(f"sample {row}" if ids is None else str(ids[row]) for row in rows)
    if len(set(ids)) < len(ids):
        raise DataError(
            "two samples have the same id", expected="another each", hint="make them differ, or leave `ids` out"
        )
    given = known.get("datasets")
    sets = [DATASET] * len(rows) if given is None else [str(given[row]) for row in rows]
    set_names = tuple(dict.fromkeys(sets))
    groups, texts, images = known.get("groups"), known.get("texts"), known.get("images")
    contents = None if images is None else list_pictures([images[row] for row in rows])
    if contents is None:
        contents = tuple("" if texts is None else str(texts[row]) for row in rows)
    return LabeledSamples(
        kind="image" if images is not None else "text" if texts is not None else None,
        contents=contents,
        ids=ids,
        labels=labels,
        class_names=names,
        dataset_ids=np.array([set_names.index(name) for name in sets], dtype=np.int64),
        dataset_names=set_names,
        speakers=ids if groups is None else tuple(str(groups[row]) for row in rows),
        skipped=(),
    )


def _require_lengths(n: int, given: dict[str, Any]) -> None:
    for name, values in given.items():
        if values is not None and len(values) != n:
            raise DataError(
                f"`{name}` has another length than the data",
                got=f"{len(values):,}",
                expected=f"{n:,}",
                hint=f"give one for each sample, or leave `{name}` out",
                fault="data-columns",
            )

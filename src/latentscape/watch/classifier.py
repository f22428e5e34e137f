"""A classifier watched while it is being trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax
from torch import nn

from latentscape.diagnosis import Judged
from latentscape.errors import ModelError, UsageError
from latentscape.features import Extraction, Reading, Shards, read_features
from latentscape.features.items import (
    Chosen,
    Collate,
    choose_rows,
    collate_items,
    look_at,
    number_labels,
    require_items,
    to_keywords,
)
from latentscape.findings import LOGITS, Accounting, ModelCard, Skip, choose_main
from latentscape.kept_features import describe_extraction, keep_extraction
from latentscape.layer_maps import versions
from latentscape.light_runs import keep_classifier_run
from latentscape.measures.score import Score
from latentscape.models.shells import ANSWER, Answer
from latentscape.shapes import Rows
from latentscape.store import RunFolder
from latentscape.study import MODEL_VERSIONED, digest
from latentscape.watch.entry import Shown
from latentscape.watch.layers import name_layers
from latentscape.watch.still import StillAnswer
from latentscape.watch.study import Watch, describe
from latentscape.watch.undisturbed import find_device, undisturbed

DATASET = "samples"
"""What the one data set is called where the user names none."""


@dataclass(kw_only=True, eq=False)
class ClassifierWatch(Watch):
    """Watches any `nn.Module` that answers with logits.

    >>> study = ClassifierWatch(inputs=held_out, labels=labels, class_names=("cat", "dog"))  # doctest: +SKIP
    >>> study.log(model, step=100)["accuracy"].value  # doctest: +SKIP
    0.71
    """

    inputs: Any
    """The held-out items: a list, or a data set with `__len__` and `__getitem__`. An item is a mapping of tensors, a
    pair of input and class, or an input."""
    collate: Collate | None = None
    """A list of items -> the keywords of `model.forward`; what is no mapping goes in by place. Without it torch's own,
    the classes left out."""
    labels: Any = None
    """A class number or name an item, -1 or None where it is unknown; without it what the items say."""
    class_names: Sequence[str] | None = None
    """In the order of the logits; without it the labels' names in alphabetical order, else numbers."""
    layers: Sequence[str] | None = None
    """Layers to keep, by name, module path or glob; without it the model's own `layers`, else the base model of a
    Hugging Face model, else the logits alone."""
    ids: Sequence[str] | None = None
    """What the samples are called, each differently; without it `sample 0`, `sample 1` and so on."""
    dataset_ids: Any = None
    dataset_names: Sequence[str] | None = None
    speakers: Sequence[str] | None = None
    """Who or what each sample comes from: samples of one are drawn together in intervals. Empty where unknown."""
    answer: Answer | None = None
    """The model's output -> its logits, where they are neither the output itself nor its `.logits`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        items, n = require_items(self.inputs), len(self.inputs)
        for name in ("labels", "ids", "dataset_ids", "speakers"):
            given = getattr(self, name)
            if given is not None and len(given) != n:
                raise UsageError(
                    f"`{name}` has another length than `inputs`",
                    got=f"{len(given)}",
                    expected=f"{n}",
                    hint=f"give one for each input, or leave `{name}` out",
                )
        if self.ids is not None and len(set(self.ids)) < n:
            raise UsageError(
                "two samples have the same id",
                expected="a different one each",
                hint="make them differ, or leave `ids` out",
            )
        given = None if self.labels is None else list(self.labels)
        self._rows: Rows = choose_rows(given, n, most=self.max_samples, seed=self.seed)
        self._chosen = Chosen(items, self._rows)
        with undisturbed(nn.Module()):  # items may be drawn anew from a random stream of the training
            looked = look_at(self._chosen)
        labels = looked.labels if given is None else [given[row] for row in self._rows]
        self._labels, self._names = number_labels(labels, self.class_names)
        self._lengths, self._digest = looked.lengths, looked.digest
        self._logits_only = False

    def _write(self, folder: RunFolder, model: Any, card: ModelCard) -> tuple[Mapping[str, Score], Shown]:
        extraction, inputs = self._read_layers(folder, model, card)
        judged = self._judge(extraction)
        scores = keep_classifier_run(
            folder,
            judged,
            model=card,
            accounting=self._account(extraction),
            settings={"watch": True, "batch_size": self.batch_size, "seed": self.seed, **card.trained},
            inputs=inputs,
            extraction=describe_extraction(extraction),
            seed=self.seed,
        )
        return scores, _show(judged, extraction)

    def _read_layers(self, folder: RunFolder, model: Any, card: ModelCard) -> tuple[Extraction, Mapping[str, Any]]:
        """Layers that nobody asked for by name don't stand in the way of the logits."""
        layers = {LOGITS: ANSWER} if self._logits_only else name_layers(model, self.layers)
        try:
            return self._read(folder, model, card, layers=layers)
        except ModelError as error:
            if self.layers or len(layers) == 1:
                raise
            found = self._read(folder, model, card, layers={LOGITS: ANSWER})
            self._logits_only = True
            self.remark(f"nothing but the logits is watched: {describe(error)}")
            return found

    def _read(
        self, folder: RunFolder, model: Any, card: ModelCard, *, layers: Mapping[str, str]
    ) -> tuple[Extraction, Mapping[str, Any]]:
        shell = StillAnswer(model, pick=self.answer)
        inputs = {
            "checkpoint": card.sha256,
            "model": card.name,
            "n_samples": len(self._rows),
            "samples": digest([self._digest, list(self._ids), self._labels.tolist()]),
            "layers": dict(layers),
            "batch_size": self.batch_size,
            "device": str(find_device(model)),
            "versions": versions(MODEL_VERSIONED),
        }

        def compute(shards: Shards) -> Extraction:
            reading = Reading(
                layers=layers,
                collate=to_keywords(self.collate or collate_items),
                lengths=self._lengths,
                batch_size=self.batch_size,
                device=inputs["device"],
            )
            return read_features(shell, self._chosen, reading, shards=shards)

        return keep_extraction(folder, inputs, compute), inputs

    @property
    def _ids(self) -> tuple[str, ...]:
        return tuple(f"sample {row}" if self.ids is None else str(self.ids[row]) for row in self._rows)

    def _judge(self, extraction: Extraction) -> Judged:
        logits, kept = extraction.features[LOGITS], extraction.kept
        n_classes = logits.shape[1]
        names = self._names or tuple(map(str, range(n_classes)))
        if len(names) != n_classes or self._labels.max() >= n_classes:
            raise ModelError(
                "the model and the labels do not have the same classes",
                got=f"{n_classes} outputs of the model",
                expected=f"{len(names)}, one for each class",
                hint="give `class_names` in the order of the model's outputs",
            )
        rows = self._rows[kept]
        sets = None if self.dataset_ids is None else np.asarray(self.dataset_ids, dtype=np.int64)[rows]
        return Judged(
            ids=tuple(self._ids[row] for row in kept),
            labels=self._labels[kept],
            probabilities=softmax(logits.astype(np.float64), axis=1),
            dataset_ids=np.zeros(len(kept), dtype=np.int64) if sets is None else sets,
            speakers=tuple("" if self.speakers is None else str(self.speakers[row]) for row in rows),
            class_names=names,
            dataset_names=self._name_datasets(),
        )

    def _name_datasets(self) -> tuple[str, ...]:
        if self.dataset_names is not None:
            return tuple(map(str, self.dataset_names))
        n_sets = 1 if self.dataset_ids is None else int(np.max(np.asarray(self.dataset_ids))) + 1
        return (DATASET,) if n_sets == 1 else tuple(f"data set {number + 1}" for number in range(n_sets))

    def _account(self, extraction: Extraction) -> Accounting:
        ids, n_in = self._ids, len(self.inputs)
        left_out = n_in - len(ids)
        skipped = (Skip(id="samples", reason="not drawn: max_samples", count=left_out),) if left_out else ()
        failed = tuple(Skip(id=ids[row], reason=reason) for row, reason in extraction.failed)
        return Accounting(n_in=n_in, n_ok=len(extraction.kept), skipped=skipped, failed=failed)


def _show(judged: Judged, extraction: Extraction) -> Shown:
    layer = choose_main(list(extraction.features))
    names = judged.class_names
    colors = tuple(names[label] if label >= 0 else None for label in judged.labels)
    columns = {
        "id": judged.ids,
        "class": [color or "unknown" for color in colors],
        "prediction": [names[number] for number in judged.predictions],
        "right": ["yes" if right else "no" for right in judged.predictions == judged.labels],
    }
    return Shown(
        layer=layer,
        features=extraction.features[layer],
        ids=judged.ids,
        color_name="class",
        colors=colors,
        columns=columns,
    )

"""What a model folder's config says of its task: a classifier of what, by which class, and into which classes."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from latentscape.errors import ModelError, UsageError
from latentscape.shapes import Kind

_UNNAMED = re.compile(r"LABEL_\d+")
_ARTICLES: Mapping[Kind, str] = {"audio": "sound", "image": "pictures", "text": "texts"}
_OTHER_TASKS = {
    "multi_label_classification": "it gives each sample several labels at once",
    "regression": "it predicts numbers, not classes",
}
_ONE_CLASS = "a classifier that gives each sample one of two or more classes"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the library builds for a folder."""

    kind: Kind
    class_name: str
    """In the transformers library."""


def find_task(config: Mapping[str, Any], *, source: str, kind: Kind | None, has_checkpoint: bool) -> Task:
    """The classifier that a config is of: the class it was saved as, else the only one of its model type and `kind`.

    With a checkpoint of one's own the folder may be that of the encoder the classifier was made from. Raises
    ModelError for a folder of something else, UsageError for a `kind` that it is not.
    """
    known = {task.class_name: task for tasks in _read_tables().values() for task in tasks}
    saved_as = [str(name) for name in config.get("architectures") or ()]
    found = next((known[name] for name in saved_as if name in known), None)
    if found is None and (not saved_as or has_checkpoint):
        found = _find_by_type(str(config.get("model_type")), source=source, kind=kind)
    if found is None:
        raise _no_classifier(source, saved_as[0] if saved_as else f"model type {config.get('model_type')!r}")
    if kind is not None and found.kind != kind:
        raise UsageError(
            f"{source} is a classifier of {_ARTICLES[found.kind]}",
            got=f"`--kind {kind}`",
            expected=f"`{found.kind}`",
            hint="leave `--kind` out, or give another model",
            fault="option-conflict",
        )
    return found


def _find_by_type(model_type: str, *, source: str, kind: Kind | None) -> Task | None:
    tasks = [task for task in _read_tables().get(model_type, ()) if kind in (None, task.kind)]
    if len({task.kind for task in tasks}) > 1:
        kinds = ", ".join(f"`{task.kind}`" for task in tasks)
        raise UsageError(
            f"{source} may be a classifier of several kinds of samples",
            got=f"model type {model_type!r}",
            expected=kinds,
            hint="say which with `--kind`",
            fault="option-missing",
        )
    return tasks[0] if tasks else None


def _read_tables() -> dict[str, list[Task]]:
    """Model type -> the library's classifiers of that type."""
    from transformers.models.auto import modeling_auto as auto  # noqa: PLC0415  costs seconds

    tables: Any = (
        ("audio", auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES),
        ("image", auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES),
        ("text", auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES),
    )
    found: dict[str, list[Task]] = {}
    for kind, table in tables:
        for model_type, names in table.items():
            tasks = [Task(kind=kind, class_name=name) for name in _flatten(names)]
            found.setdefault(model_type, []).extend(tasks)
    return found


def _flatten(names: Any) -> Iterator[str]:
    yield from (names,) if isinstance(names, str) else names


def _no_classifier(source: str, got: str) -> ModelError:
    return ModelError(
        f"{source} is not a classifier that we can open",
        got=got,
        expected="a model saved by the library's AutoModelForAudioClassification, -ImageClassification or "
        "-SequenceClassification",
        hint="give the folder of the fine-tuned classifier, or its weights with `--checkpoint`; for an encoder of "
        "texts use `latentscape embeddings`; for a model of your own `--model package.module:factory`",
        fault="model-task",
    )


def check_single_label(config: Any, *, source: str) -> None:
    """Raise ModelError where a config says that the model is no classifier of one class a sample."""
    problem, n_classes = getattr(config, "problem_type", None), int(config.num_labels)
    reason = _OTHER_TASKS.get(str(problem), "")
    if not reason and n_classes < 2:
        reason = f"its answer is {n_classes} number a sample"
    if reason:
        raise ModelError(
            f"{source} is no classifier of one class a sample",
            got=f"{reason} (problem_type {problem!r}, {n_classes} labels)",
            expected=_ONE_CLASS,
            hint="give another model; `latentscape map` draws features of any model that you bring as arrays",
            fault="model-task",
        )


def name_classes(config: Mapping[str, Any], *, source: str) -> tuple[str, ...] | None:
    """The classes in the order of the logits; None where the config names none, or says only LABEL_0, LABEL_1 ...

    Two classes of one name are told apart by their numbers. Raises ModelError where the config contradicts itself.
    """
    numbered = config.get("id2label")
    if not numbered:
        return None
    names = _order_names(numbered, source)
    _check_reverse(config.get("label2id"), names, source)
    if all(_UNNAMED.fullmatch(name) for name in names):
        return None
    shared = {name for name, count in Counter(names).items() if count > 1}
    return tuple(f"{name} ({number})" if name in shared else name for number, name in enumerate(names))


def _order_names(numbered: Any, source: str) -> tuple[str, ...]:
    try:
        names = {int(number): str(name).strip() for number, name in dict(numbered).items()}
    except (TypeError, ValueError):
        names = {}
    if sorted(names) != list(range(len(names))) or not names or not all(names.values()):
        raise _contradiction(
            source,
            "id2label",
            got=str(numbered)[:200],
            expected="a name for each class: 0, 1, 2 ... without gaps",
        )
    return tuple(names[number] for number in range(len(names)))


def _check_reverse(reverse: Any, names: tuple[str, ...], source: str) -> None:
    """Many configs keep a `label2id` of other names, which nobody reads; the same names in another order are wrong."""
    numbers = {str(name).strip(): number for name, number in reverse.items()} if isinstance(reverse, Mapping) else {}
    if len(set(names)) < len(names) or set(numbers) != set(names):
        return
    wrong = [name for place, name in enumerate(names) if numbers[name] != place]
    if wrong:
        got = ", ".join(f"{name!r} is {names.index(name)} and {numbers[name]}" for name in wrong[:5])
        raise _contradiction(
            source, "id2label and label2id", got=got, expected="the same number for each class in both"
        )


def _contradiction(source: str, key: str, *, got: str, expected: str) -> ModelError:
    return ModelError(
        f"the config of {source} contradicts itself about its classes: {key}",
        got=got,
        expected=expected,
        hint="correct `id2label` in its config.json, in the order of the model's outputs",
        fault="model-classes",
    )

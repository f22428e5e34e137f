"""A config file -> a checked, frozen settings value; or one error that lists every problem with its line."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from latentscape.errors import UsageError, nearest
from latentscape.settings.yaml_file import Node, Problem, read_yaml

_PYDANTIC_OPENING = re.compile(r"^\w+ should (be|have) (a valid )?")

Config = TypeVar("Config", bound=BaseModel)
Location = Sequence[str | int]

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
    "string_type": "text",
    "path_type": "a path",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def load_config(path: Path, model_class: type[Config]) -> Config:
    """Read a YAML 1.2 file and check it against a settings class; nothing is converted from one type to another.

    Raises UsageError that names every problem of the file: line, key path, and the nearest known key or value.
    """
    path = Path(path)
    top, problems = read_yaml(path)
    config = None
    try:
        config = model_class.model_validate_json(json.dumps(_fill_sections(top.plain(), model_class)), strict=True)
    except ValidationError as error:
        problems += [_explain(dict(fault), top, model_class) for fault in error.errors(include_url=False)]
    if problems or config is None:
        raise _list_problems(path, sorted(set(problems)))
    return config


def _fill_sections(values: dict[str, Any], model_class: type[BaseModel]) -> dict[str, Any]:
    """A section whose entries are all commented out is an empty section, not a null."""
    empty = [key for key, value in values.items() if value is None and _section_of(model_class, key)]
    return values | {key: {} for key in empty}


def _list_problems(path: Path, problems: Sequence[Problem]) -> UsageError:
    count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    lines = [f"  {path}:{problem.line}: {problem.sentence}" for problem in problems]
    hint = "change these lines and run the command again"
    return UsageError("\n".join([f"{count} in {path}", *lines]), hint=hint, fault="config-values")


def _explain(fault: Mapping[str, Any], top: Node, model_class: type[BaseModel]) -> Problem:
    location: Location = fault["loc"]
    context = fault.get("ctx", {})
    if "at" in context:
        location = tuple(str(context["at"]).split("."))
    shown = f"`{_spell(location)}`"
    line = _find_line(top, location)
    if fault["type"] == "extra_forbidden":
        return Problem(line, f"unknown key {shown}; {_suggest_key(location, model_class)}")
    if fault["type"] == "missing":
        return Problem(line, f"{shown} is missing")
    return Problem(line, f"{shown}: {_explain_value(fault, context)}")


def _explain_value(fault: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    kind, value = fault["type"], fault["input"]
    if "at" in context or kind == "value_error":
        return str(context.get("error", fault["msg"]))
    got = f"got {_shorten(value)}, expected "
    if kind == "literal_error":
        known = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
        return got + f"one of {', '.join(known)}; {nearest(str(value), known)}"
    if kind == "string_type" and isinstance(value, int | float | bool):
        return got + "text: put it in quotes"
    return got + _EXPECTED.get(kind, _reword(str(fault["msg"])))


def _reword(sentence: str) -> str:
    """Pydantic's `Input should be greater than or equal to 1` as `at least 1`."""
    for long, short in (("greater than or equal to", "at least"), ("less than or equal to", "at most")):
        sentence = sentence.replace(long, short)
    return _PYDANTIC_OPENING.sub("", sentence)


def _shorten(value: object) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _spell(location: Location) -> str:
    """A key path as people write it: `data.datasets[0].data_dir`."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return path.removeprefix(".")


def _find_line(top: Node, location: Location) -> int:
    node = top
    for step in location:
        inner = node.value
        if isinstance(inner, dict) and step in inner:
            node = inner[str(step)]
        elif isinstance(inner, list) and isinstance(step, int) and step < len(inner):
            node = inner[step]
        else:
            break
    return node.line


def _suggest_key(location: Location, model_class: type[BaseModel]) -> str:
    """The section in which this very key belongs; failing that the nearest key of its own section."""
    key = str(location[-1])
    section = _walk(model_class, location[:-1])
    known = list(section.model_fields) if section else []
    homes = [path for path in _key_paths(model_class) if path.rpartition(".")[2] == key]
    return f"did you mean `{homes[0]}`?" if homes else nearest(key, known)


def _walk(model_class: type[BaseModel], location: Location) -> type[BaseModel] | None:
    section: type[BaseModel] | None = model_class
    for step in location:
        if isinstance(step, str) and section is not None:
            section = _section_of(section, step)
    return section


def _section_of(model_class: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The settings class of one field, looked for inside tuples and optionals as well."""
    known = model_class.model_fields.get(key)
    return next(_models_in(known.annotation), None) if known else None


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _key_paths(model_class: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name in model_class.model_fields:
        yield prefix + name
        section = _section_of(model_class, name)
        if section:
            yield from _key_paths(section, f"{prefix}{name}.")

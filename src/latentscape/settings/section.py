"""What every settings class shares, and the kinds of value several of them hold."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A frozen group of settings; a key it does not know is an error."""

    # building the checks of a class takes milliseconds, so it waits until the class is used
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=(), defer_build=True
    )


def complain(at: str, sentence: str) -> PydanticCustomError:
    """The error for a setting that does not fit another one; `at` is the key path to blame."""
    return PydanticCustomError("unfit", "{error}", {"at": at, "error": sentence})


_COLOR = re.compile(r"#([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})|(tab:|xkcd:)?[A-Za-z][A-Za-z ]*|C\d")
MARKERS = frozenset("o^sDvP*Xd<>phH+x8.1234|_")
"""The marker signs of matplotlib that can be told apart in a scatter plot."""


def _check_color(value: str) -> str:
    if not _COLOR.fullmatch(value):
        raise ValueError(f"{value!r} is no color; write `#1f77b4`, `tab:blue` or `steelblue`")
    return value


def _check_marker(value: str) -> str:
    if value not in MARKERS:
        raise ValueError(f"{value!r} is no marker; known: {' '.join(sorted(MARKERS))}")
    return value


Color = Annotated[str, AfterValidator(_check_color)]
Marker = Annotated[str, AfterValidator(_check_marker)]
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1, lt=2**32)]
CountOrNone = Annotated[int, Field(ge=0, lt=2**32)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Split = Annotated[float, Field(gt=0, lt=1)]
FreeMapping = dict[str, Any]
"""Free key-value pairs that are passed on as they are."""

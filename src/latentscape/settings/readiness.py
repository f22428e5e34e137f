"""The thresholds of the readiness checklist, as a file of the user's own may give them."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from latentscape.errors import UsageError
from latentscape.measures.gate import DIRECTIONS, set_condition
from latentscape.settings.section import Section


def _check_known(value: Any) -> float | str | None:
    """A line of the checklist; one that is left empty is not checked."""
    return None if value is None else _check_line(value)


def _check_line(value: Any) -> float | str:
    """A number, or a relation and a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        set_condition("x", str(value) if isinstance(value, str) else "")
    except UsageError:
        raise ValueError('expected a number or a text such as "> 0.3"') from None
    return str(value)


def _check_other(value: Any) -> str:
    """For any other score the way it is asked has to be said."""
    checked = _check_line(value)
    if not isinstance(checked, str):
        raise ValueError(
            f'only {", ".join(DIRECTIONS)} know which way is meant; expected "> {checked:g}" or "< {checked:g}"'
        )
    return checked


Line = Annotated[Any, AfterValidator(_check_known)]
OtherLine = Annotated[Any, AfterValidator(_check_other)]


class ReadinessConfig(Section):
    """One threshold for each line of the checklist, named like the score it judges; a line left out is not checked.

    A number asks the way the published checklist does. A text such as `"> 0.3"` says it itself, and may be given for
    any score of a run.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OtherLine] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    figures: Line = None
    positive_mean: Line = None
    negative_mean: Line = None
    margin: Line = None
    separation: Line = None
    hit_at_1: Line = None
    neighbor_recall: Line = None
    heatmap_diagonal: Line = None

    def thresholds(self) -> dict[str, float | str]:
        """Those that are given."""
        return {name: value for name, value in self.model_dump().items() if value is not None}

"""A file of attributes: what else the texts say, and by which words."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from latentscape.datasets.attribute_patterns import (
    FLAGS,
    AttributeRule,
    NumberPattern,
    compile_expression,
    compile_pattern,
)
from latentscape.settings.section import Section, Text, complain


def _check_pattern(pattern: str) -> str:
    compile_pattern(pattern)
    return pattern


def _check_number(expression: str) -> str:
    if not 1 <= compile_expression(expression).groups <= 2:
        raise ValueError("it needs one group for the number, or a second one for the digits behind its point")
    return expression


Pattern = Annotated[Text, AfterValidator(_check_pattern)]
"""Words, or a regular expression between slashes."""
Patterns = tuple[Pattern, ...]
Expression = Annotated[Text, AfterValidator(_check_number)]


class NumberSettings(Section):
    """One way to write a number."""

    match: Expression
    """A regular expression; group 1 is the number, group 2, where there is one, the digits behind its point."""
    scale: float = 1.0
    plus: float = 0.0
    thousands: bool = False
    """`.` and `,` only part thousands, as in `5.500.000`."""


class AttributeSettings(Section):
    """One attribute."""

    name: Text
    kind: Literal["category", "number", "flag"]
    unit: str = ""
    column: Text | None = None
    """A column of the data that holds it; the text is read where a cell is empty."""
    types: tuple[Text, ...] = ()
    """Types of hard negatives that are wrong in it."""
    names: Patterns = ()
    """Values that are found by their own name."""
    values: dict[str, Patterns] = Field(default_factory=dict)
    """Value -> patterns that mean it; a flag's are `yes` and `no`."""
    numbers: tuple[NumberSettings, ...] = ()
    skip: Patterns = ()
    """What these match says nothing of the attribute."""
    negations: Patterns = ()
    """Words right before a flag's pattern that turn it around; the file's own `negations` where absent."""


class AttributesConfig(Section):
    """Everything an attribute file holds."""

    attributes: tuple[AttributeSettings, ...]
    negations: Patterns = ()
    """For all flags."""
    notes: Any = None
    """Yours; accepted and unused."""

    @model_validator(mode="after")
    def _check_attributes(self) -> "AttributesConfig":
        names = [attribute.name for attribute in self.attributes]
        for number, attribute in enumerate(self.attributes):
            if attribute.name in names[:number]:
                raise complain("attributes", f"two of them are called `{attribute.name}`")
            if problem := _explain_unfit(attribute):
                raise complain("attributes", f"`{attribute.name}` {problem}")
        return self

    def rules(self) -> tuple[AttributeRule, ...]:
        """The attributes as what the texts are read by."""
        return tuple(self._make_rule(attribute) for attribute in self.attributes)

    def _make_rule(self, attribute: AttributeSettings) -> AttributeRule:
        return AttributeRule(
            name=attribute.name,
            kind=attribute.kind,
            unit=attribute.unit,
            column=attribute.column or "",
            types=attribute.types,
            values={name: (name,) for name in attribute.names} | attribute.values,
            numbers=tuple(NumberPattern(**number.model_dump()) for number in attribute.numbers),
            skip=attribute.skip,
            negations=(attribute.negations or self.negations) if attribute.kind == "flag" else (),
        )


def _explain_unfit(attribute: AttributeSettings) -> str:
    """Why the parts of an attribute don't fit together; empty where they do."""
    words, numbers = bool(attribute.names or attribute.values), bool(attribute.numbers)
    if not (words or numbers or attribute.column):
        return "says neither a column nor a pattern to find it by"
    if attribute.kind == "number" and words:
        return "is a number: give `numbers` instead of `names` and `values`"
    if attribute.kind != "number" and numbers:
        return f"is a {attribute.kind}: only a number has `numbers`"
    if attribute.kind == "flag" and (attribute.names or not set(attribute.values) <= set(FLAGS)):
        return "is a flag: its `values` are `yes` and `no`"
    if attribute.kind != "flag" and attribute.negations:
        return f"is a {attribute.kind}: only a flag can be negated"
    twice = set(attribute.names) & set(attribute.values)
    return f"has `{min(twice)}` both in `names` and in `values`" if twice else _explain_groups(attribute)


def _explain_groups(attribute: AttributeSettings) -> str:
    """Which value asks for a group that one of its patterns does not have."""
    for value, patterns in attribute.values.items():
        asked = max((int(digit) for digit in re.findall(r"\\([1-9])", value)), default=0)
        for pattern in patterns:
            if asked > compile_pattern(pattern).groups:
                return f"has the value `{value}`, but `{pattern[:60]}` has no group {asked}"
    return ""

"""Fields of request bodies that take what they name, and nothing like it.

The framework's own read `"5"` as a number, `5` as a text and `"on"` as true, and
let `"nan"` through. A mistake in a program is found sooner when it is refused.
"""

from collections.abc import Mapping
from typing import Any

from rapidfuzz import process
from rest_framework import serializers


class WholeNumber(serializers.IntegerField):
    default_error_messages = {"invalid": "Give a whole number."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        if data != int(data):
            self.fail("invalid")
        return int(data)


class Number(serializers.FloatField):
    default_error_messages = {"invalid": "Give a number."}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return float(data)


class Text(serializers.CharField):
    default_error_messages = {"invalid": "Give a text."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class TrueFalse(serializers.BooleanField):
    default_error_messages = {"invalid": "Give true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class OneOf(serializers.ChoiceField):
    default_error_messages = {"invalid_choice": "Give one of {choices}."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.choices:
            choices = ", ".join(str(choice) for choice in self.choices if choice)
            self.fail("invalid_choice", choices=choices)
        return data


class StrictSerializer(serializers.Serializer[Any]):
    """A body of which every name is known; a misspelt one is refused with a hint."""

    def to_internal_value(self, data: Any) -> Any:
        known = {name for name, field in self.fields.items() if not field.read_only}
        unknown: list[str] = []
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in known]
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not unknown:
                raise
            detail = error.detail if isinstance(error.detail, dict) else {}
            raise serializers.ValidationError(
                {**detail, **_unknown_names(unknown, known)}
            ) from None
        if unknown:
            raise serializers.ValidationError(_unknown_names(unknown, known))
        return values


def _unknown_names(unknown: list[str], known: set[str]) -> dict[str, list[str]]:
    errors = {}
    for name in unknown[:20]:
        near = process.extractOne(name[:100], sorted(known), score_cutoff=70)
        hint = f" Did you mean {near[0]}?" if near else ""
        errors[name] = [f"There is no such field.{hint}"]
    return errors

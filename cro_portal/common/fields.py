"""Fields of request bodies that take what they name, and nothing like it.

The framework's own read `"5"` as a number, `5` as a text and `"on"` as true, and
let `"nan"` through. A mistake in a program is found sooner when it is refused.
Each refusal says what to send instead.
"""

import math
from collections.abc import Mapping
from typing import Any

from rapidfuzz import process
from rest_framework import serializers

MISSING = {
    "required": "This is missing; give it.",
    "null": "null is no value here; give one, or leave the field out.",
}
IN_BOUNDS = {
    "min_value": "Give a number of at least {min_value}.",
    "max_value": "Give a number of at most {max_value}.",
}


class WholeNumber(serializers.IntegerField):
    default_error_messages = {
        **MISSING,
        **IN_BOUNDS,
        "invalid": "Give a whole number.",
    }

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        if isinstance(data, float) and not data.is_integer():  # nor is infinity
            self.fail("invalid")
        return int(data)


class Number(serializers.FloatField):
    default_error_messages = {**MISSING, **IN_BOUNDS, "invalid": "Give a number."}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        try:
            number = float(data)
        except OverflowError:  # a whole number of hundreds of digits
            self.fail("invalid")
        if not math.isfinite(number):  # 1e400 is read as infinity
            self.fail("invalid")
        return number


class Text(serializers.CharField):
    default_error_messages = {
        **MISSING,
        "invalid": "Give a text.",
        "blank": "Give at least one letter; spaces alone say nothing.",
        "max_length": "Give at most {max_length} characters.",
    }

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class TrueFalse(serializers.BooleanField):
    default_error_messages = {**MISSING, "invalid": "Give true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class OneOf(serializers.ChoiceField):
    default_error_messages = {**MISSING, "invalid_choice": "Give one of {choices}."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.choices:
            choices = ", ".join(str(choice) for choice in self.choices if choice)
            self.fail("invalid_choice", choices=choices)
        return data


class Day(serializers.DateField):
    default_error_messages = {
        **MISSING,
        "invalid": "Give a day as year-month-day (YYYY-MM-DD), such as 2027-03-15.",
        "datetime": "Give a day without a time, such as 2027-03-15.",
    }


class Uuid(serializers.UUIDField):
    default_error_messages = {
        **MISSING,
        "invalid": "Give a UUID, as the portal writes it in its answers.",
    }


class ListOf(serializers.ListField):
    default_error_messages = {
        **MISSING,
        "not_a_list": "Give a list, in square brackets.",
        "max_length": "Give at most {max_length} items.",
    }


class StrictSerializer(serializers.Serializer[Any]):
    """A body of which every name is known; a misspelt one is refused with a hint."""

    default_error_messages = {
        **MISSING,
        "invalid": "Give an object, in braces: names and their values.",
    }

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

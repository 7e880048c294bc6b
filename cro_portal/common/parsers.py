"""The one way a body enters the API: strict JSON that the database can hold."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from cro_portal.common.problems import Malformed, TooLarge, pointer_to

MAX_DEPTH = 64
"""A register's record is about ten levels deep."""

MAX_INTEGER = 2**63 - 1


class StrictJSONParser(BaseParser):
    """Read UTF-8 JSON (RFC 8259), refusing what can only be a mistake.

    Refused with a sentence and, where it is known, a pointer: a body over
    `DATA_UPLOAD_MAX_MEMORY_SIZE`, bytes that are not UTF-8, NaN and Infinity, numbers
    beyond 64 bits, a name twice in one object, more than `MAX_DEPTH` levels, NUL
    characters and halves of surrogate pairs.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge(f"A body may have at most {limit:,} bytes.")
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed(
                f"The body is not UTF-8: byte {error.start + 1} cannot be read."
            ) from None
        return parse(text)


def parse(text: str) -> Any:
    """Parse and check one JSON text; raise `Malformed`."""
    try:
        data = json.loads(
            text, object_pairs_hook=_object_without_duplicates, parse_constant=_refuse
        )
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise Malformed(
            f"The body is not JSON: {error.msg} in line {error.lineno},"
            f" column {error.colno}."
        ) from None
    except ValueError as error:  # an integer of thousands of digits
        raise Malformed("The body holds a number that is out of range.") from error
    _check(data)
    return data


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed(f"The name {twice[:80]!a} stands twice in one object.")
    return result


def _refuse(constant: str) -> None:
    raise Malformed(f"{constant} is not JSON. Leave out what is not known.")


def _too_deep() -> Malformed:
    return Malformed(f"The body is nested more than {MAX_DEPTH} levels deep.")


def _check(data: Any) -> None:
    """Look at every value, without recursion."""
    todo: list[tuple[Any, tuple[str | int, ...]]] = [(data, ())]
    while todo:
        value, at = todo.pop()
        if isinstance(value, dict):
            for name, item in value.items():
                _check_text(name, at)
                todo.append((item, (*at, name)))
        elif isinstance(value, list):
            todo.extend((item, (*at, index)) for index, item in enumerate(value))
        elif isinstance(value, str):
            _check_text(value, at)
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise Malformed("This number is out of range.", pointer_to(*at))
        elif isinstance(value, int) and abs(value) > MAX_INTEGER:
            raise Malformed("This number is out of range.", pointer_to(*at))
        if len(at) > MAX_DEPTH:
            raise _too_deep()


def _check_text(text: str, at: tuple[str | int, ...]) -> None:
    if "\x00" in text:
        raise Malformed("A text may not hold the NUL character.", pointer_to(*at))
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise Malformed("A text holds half of a surrogate pair.", pointer_to(*at))

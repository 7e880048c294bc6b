"""CROs without their names, in a study that is weighed before anybody may know who wins.

A code stands for one CRO in one study. It follows from the study and the CRO alone,
so it stays when ranks change, tells nothing about them and needs no storage; only
the secret key turns it back into the CRO.
"""

import hashlib
import hmac
import uuid
from collections.abc import Iterable

from django.conf import settings

from catalog.models import CRO
from matching.models import RankingEntry
from sponsors.models import Study

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no code is a word."""

ROUNDS = 4
PREFIX = "CRO "


def code_of(study_id: uuid.UUID, cro_id: int) -> str:
    """Return a CRO's letters in a study: four, six from 160,000 CROs on."""
    digits = 2
    while cro_id >= len(LETTERS) ** (2 * digits):
        digits += 1
    base = len(LETTERS) ** digits
    left, right = divmod(cro_id, base)
    for turn in range(ROUNDS):
        left, right = right, (left + _mixed(study_id, turn, digits, right)) % base
    return _letters(left, digits) + _letters(right, digits)


def cro_of(study_id: uuid.UUID, code: str) -> int | None:
    """Return the id a code stands for; None where it cannot be one."""
    digits, rest = divmod(len(code), 2)
    if rest or not 2 <= digits <= 7 or set(code) - set(LETTERS):
        return None
    base = len(LETTERS) ** digits
    left, right = _number(code[:digits]), _number(code[digits:])
    for turn in reversed(range(ROUNDS)):
        left, right = (right - _mixed(study_id, turn, digits, left)) % base, left
    found = left * base + right
    return found if code_of(study_id, found) == code else None


def masked(study: Study, cro: CRO) -> CRO:
    """Return what is shown in place of a CRO; nothing of it is the CRO's but the id."""
    code = code_of(study.pk, cro.pk)
    return CRO(pk=cro.pk, name=f"{PREFIX}{code}", slug=f"cro-{code.lower()}")


def id_of(study: Study, slug: str) -> int | None:
    """Return the id of the CRO that a slug made by `masked` stands for, if any."""
    return cro_of(study.pk, slug.removeprefix("cro-").upper())


def cros_of(study: Study, ids: Iterable[int]) -> dict[int, CRO]:
    """Return CROs by id as the study's readers may see them. One query."""
    cros = CRO.objects.in_bulk(ids)
    if not study.hides_names:
        return cros
    return {pk: masked(study, cro) for pk, cro in cros.items()}


def shown(study: Study, entries: Iterable[RankingEntry]) -> list[RankingEntry]:
    """Return loaded entries as the study's readers may see them; nothing is saved.

    Every page and answer that shows places of a study takes them through here.
    Where names are hidden the name goes, and with it the claims and trials behind a
    reason: a register's record names who ran the trial. The numbers and sentences
    stay.
    """
    found = list(entries)
    if not study.hides_names:
        return found
    for entry in found:
        entry.cro = masked(study, entry.cro)
        deferred = entry.get_deferred_fields()
        if "gates" not in deferred:
            entry.gates = [
                {**gate, "fact": _without_sources(gate["fact"])} for gate in entry.gates
            ]
        if "reasons" not in deferred:
            entry.reasons = [
                {
                    **reason,
                    "facts": [_without_sources(fact) for fact in reason["facts"]],
                }
                for reason in entry.reasons
            ]
    return found


def _without_sources(fact: dict[str, object]) -> dict[str, object]:
    return {**fact, "claims": [], "trials": []}


def _mixed(study_id: uuid.UUID, turn: int, digits: int, half: int) -> int:
    message = f"{study_id}:{turn}:{digits}:{half}".encode()
    key = settings.SECRET_KEY.encode()
    return int.from_bytes(hmac.new(key, message, hashlib.sha256).digest()[:8], "big")


def _letters(number: int, digits: int) -> str:
    found = ""
    for _ in range(digits):
        number, at = divmod(number, len(LETTERS))
        found = LETTERS[at] + found
    return found


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * len(LETTERS) + LETTERS.index(letter)
    return number

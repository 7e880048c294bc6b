"""Which CROs a list of slugs names, and what to say where it names none."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.text import get_text_list

from catalog.choices import CROStatus
from catalog.models import CRO
from catalog.models.tray import TRAY_SIZE

MOST_READ = 50
"""Slugs of one address that are looked up; what follows is only counted."""
MOST_MERGERS = 8
"""Steps a chain of mergers is followed; a circle would have no end."""


@dataclass(frozen=True)
class Chosen:
    """The CROs named, in the order named, and what became of the other slugs.

    `followed` pairs a CRO that merged with the one it is part of now, `closed`
    operate no more, `left_out` came after the sixth, `unknown` are no CRO's.
    """

    cros: tuple[CRO, ...] = ()
    followed: tuple[tuple[CRO, CRO], ...] = ()
    closed: tuple[CRO, ...] = ()
    left_out: tuple[CRO, ...] = ()
    unknown: tuple[str, ...] = ()
    n_unread: int = 0

    @property
    def notes(self) -> list[str]:
        """Sentences on every slug that did not simply become a column."""
        said = [
            f"{former.name} became part of {now.name}, which is shown instead."
            for former, now in self.followed
        ]
        said += [
            f"{cro.name} no longer operates and is not compared." for cro in self.closed
        ]
        if self.unknown:
            names = get_text_list([f"“{slug[:100]}”" for slug in self.unknown], "or")
            said.append(
                f"The catalogue has no CRO {names}. Find it by name below, or in the list."
            )
        if self.left_out or self.n_unread:
            names = get_text_list([cro.name for cro in self.left_out], "and")
            n = len(self.left_out) + self.n_unread
            said.append(
                f"The first {TRAY_SIZE} are compared; {n} more "
                f"{'was' if n == 1 else 'were'} left out{': ' if names else ''}{names}."
            )
        return said


def choose(slugs: Iterable[str]) -> Chosen:
    """Look up CROs by slug; the same one named twice counts once.

    One query, and one more for each step of a chain of mergers.
    """
    given = list(dict.fromkeys(slugs))
    read = given[:MOST_READ]
    found = {
        cro.slug: cro
        for cro in CRO.objects.published().filter(
            slug__in=[slug for slug in read if _may_be_slug(slug)]
        )
    }
    now_by_pk = _successors(found.values())
    cros: list[CRO] = []
    followed: list[tuple[CRO, CRO]] = []
    closed: list[CRO] = []
    left_out: list[CRO] = []
    for slug in read:
        cro = found.get(slug)
        if cro is None:
            continue
        now = now_by_pk[cro.pk]
        if now.status != CROStatus.LISTED:
            closed.append(now)
            continue
        if now in left_out or (now not in cros and len(cros) == TRAY_SIZE):
            left_out += [now] if now not in left_out else []
            continue
        if now != cro:
            followed.append((cro, now))
        if now not in cros:
            cros.append(now)
    return Chosen(
        cros=tuple(cros),
        followed=tuple(followed),
        closed=tuple(dict.fromkeys(closed)),
        left_out=tuple(left_out),
        unknown=tuple(slug for slug in read if slug not in found),
        n_unread=len(given) - len(read),
    )


def _successors(cros: Iterable[CRO]) -> dict[int, CRO]:
    """Follow mergers to their end: each CRO's key to the CRO it is now."""
    now = {cro.pk: cro for cro in cros}
    for _ in range(MOST_MERGERS):
        pending = {
            cro.successor_id
            for cro in now.values()
            if cro.status == CROStatus.MERGED and cro.successor_id
        }
        if not pending:
            break
        next_ones = CRO.objects.published().in_bulk(pending)
        now |= {
            pk: next_ones[cro.successor_id]
            for pk, cro in now.items()
            if cro.status == CROStatus.MERGED and cro.successor_id in next_ones
        }
    return now


def _may_be_slug(slug: str) -> bool:
    return 0 < len(slug) <= 100 and slug.isprintable()

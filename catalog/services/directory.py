"""The directory of real organizations, and the resolver over it."""

import threading
from collections import defaultdict
from dataclasses import dataclass

from catalog.choices import Aspect
from catalog.identity import Name, OrganizationEntry, Resolver
from catalog.models import CRO, Alias, Claim, OrganizationMatch
from catalog.snapshot import State, read_state


@dataclass(frozen=True, eq=False)
class _Held:
    state: State
    resolver: Resolver


_lock = threading.Lock()
_held: _Held | None = None


def current_resolver() -> Resolver:
    """Return the resolver over the published, real organizations of the database.

    It is never out of date: each call asks for the catalogue's version (one
    query). A transaction that has written something gets one of its own.
    """
    global _held
    state = read_state()
    if state.has_own_writes:
        return _load()
    held = _held
    if held is not None and held.state == state:
        return held.resolver
    with _lock:
        if _held is None or _held.state != state:
            _held = _Held(state, _load())
        return _held.resolver


def _load() -> Resolver:
    """Read the organizations with their names and home countries: four queries."""
    cros = list(
        CRO.objects.published()
        .filter(is_fictional=False)
        .select_related("successor")
        .order_by("slug")
    )
    names: defaultdict[int, list[Name]] = defaultdict(list)
    for alias in Alias.objects.filter(cro__is_fictional=False).order_by("pk"):
        names[alias.cro_id].append(
            Name(alias.name, alias.kind, alias.valid_from, alias.valid_to)
        )
    homes = dict(
        Claim.objects.accepted()
        .filter(
            cro__is_fictional=False,
            answer=True,
            aspect=Aspect.HEADQUARTERS,
            term__scheme="country",
        )
        .order_by("observed_on", "pk")
        .values_list("cro", "term__code")
    )
    entries = (
        OrganizationEntry(
            slug=cro.slug,
            name=cro.name,
            names=tuple(names[cro.pk]),
            country=homes.get(cro.pk, ""),
            successor=cro.successor.slug if cro.successor else "",
            succeeded_on=cro.succeeded_on,
        )
        for cro in cros
    )
    strangers = OrganizationMatch.objects.strangers().exclude(name_as_written="")
    return Resolver.build(
        entries, strangers=strangers.values_list("name_as_written", flat=True)
    )

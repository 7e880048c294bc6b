"""The tray: the few CROs a visitor means to compare, while they browse.

It is kept in the account of who is signed in and in the session of who is not.
An address with `tray=` parameters shows those instead, so it can be passed on;
the next change keeps them. What was chosen before signing in joins the account
with the next change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import urlencode

from catalog.choices import CROStatus
from catalog.choosing import choose
from catalog.models import CRO, TrayItem
from catalog.models.tray import TRAY_SIZE
from catalog.services.tray import change_tray

SESSION_KEY = "compare_tray"
PARAMETER = "tray"


@dataclass(frozen=True)
class Tray:
    """The CROs in the order they were chosen: listed ones, at most six."""

    cros: tuple[CRO, ...] = ()

    @cached_property
    def slugs(self) -> frozenset[str]:
        return frozenset(cro.slug for cro in self.cros)

    @property
    def compare_url(self) -> str:
        return compare_url(self.cros)

    @property
    def size(self) -> int:
        return TRAY_SIZE


def compare_url(cros: Iterable[CRO], **more: str) -> str:
    """Give the address that compares these CROs."""
    query = urlencode({"cro": [cro.slug for cro in cros], **more}, doseq=True)
    address = reverse("matching:cro-compare")
    return f"{address}?{query}" if query else address


def tray_of(request: HttpRequest) -> Tray:
    """Return what the visitor's tray holds; read once a request.

    No query for a visitor who has chosen nothing, else one or two.
    """
    held: Tray | None = getattr(request, "compare_tray", None)
    if held is None:
        held = kept_or(request, request.GET.getlist(PARAMETER))
        remember_tray(request, held.cros)
    return held


def kept_or(request: HttpRequest, named: Sequence[str]) -> Tray:
    """Return the tray an address names, else the one that is kept."""
    return Tray(_listed(named) if named else _kept(request))


def remember_tray(request: HttpRequest, cros: Iterable[CRO]) -> None:
    """Let this request's page show these."""
    request.compare_tray = Tray(tuple(cros))  # type: ignore[attr-defined]


def _kept(request: HttpRequest) -> tuple[CRO, ...]:
    in_session = request.session.get(SESSION_KEY, [])
    if not request.user.is_authenticated:
        return _listed(in_session)
    items = TrayItem.objects.visible_to(request.user).select_related("cro")
    cros = tuple(item.cro for item in items)
    if not in_session and all(cro.status == CROStatus.LISTED for cro in cros):
        return cros
    return _listed([*(cro.slug for cro in cros), *in_session])


def _listed(slugs: Sequence[str]) -> tuple[CRO, ...]:
    return choose(slugs).cros if slugs else ()


@dataclass(frozen=True)
class Change:
    """What a visitor asked of the tray; a CRO already in or out is no error."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    keep: tuple[str, ...] | None = None  # all that is to be in it

    def of(self, before: Sequence[CRO]) -> list[CRO]:
        """Return the new tray.

        Raises
        ------
        ValidationError
            If a CRO does not exist or is the seventh; the message says what to do.
        """
        if self.keep is not None:
            return list(choose(self.keep).cros)
        after = [cro for cro in before if cro.slug not in self.remove]
        chosen = choose(self.add)
        if chosen.unknown or chosen.closed:
            raise ValidationError(" ".join(chosen.notes))
        for cro in chosen.cros:
            if cro in after:
                continue
            if len(after) == TRAY_SIZE:
                raise ValidationError(
                    f"{TRAY_SIZE} CROs can stand side by side. Take one out of the "
                    f"comparison, then add {cro.name}."
                )
            after.append(cro)
        return after


def apply(request: HttpRequest, change: Change, shown: Sequence[str]) -> Tray:
    """Change the visitor's tray and keep it.

    `shown` are the slugs of a tray that came with the address; it then stands
    for what was kept. Raises ValidationError as `Change.of` does.
    """
    session = request.session.get(SESSION_KEY, [])
    if request.user.is_authenticated:
        after = change_tray(
            user=request.user,
            change=lambda kept: change.of(
                _listed(shown or [cro.slug for cro in kept] + session)
            ),
        )
        request.session.pop(SESSION_KEY, None)
    else:
        after = change.of(_listed(shown or session))
        request.session[SESSION_KEY] = [cro.slug for cro in after]
    remember_tray(request, after)
    return Tray(tuple(after))

"""Who would win under whose weights: each member's own, beside the study's."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

import numpy as np
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from catalog.models import CRO
from cro_portal.accounts.models import User
from matching import blind, services
from sponsors import selectors
from sponsors.criteria import CRITERIA, Criterion
from sponsors.models import PersonalWeights, Study
from sponsors.needs import need_of_study

TOP = 3


@dataclass(frozen=True)
class Voice:
    """What one person's weights come to; `person` None is the study itself.

    `shares` are of the criteria the study asks about and sum to 1. `top` holds the
    first CROs in the running, best first; `problem` says why there is none.
    """

    person: User | None
    method: str
    shares: Mapping[str, float]
    top: Sequence[CRO]
    points: float | None  # the first one's score, 0 to 1
    problem: str


@dataclass(frozen=True)
class Spread:
    """How far people are apart on a criterion; shares in [0, 1]."""

    criterion: Criterion
    low: float
    high: float
    lowest: Sequence[User]
    highest: Sequence[User]

    @property
    def apart(self) -> float:
        return self.high - self.low

    @property
    def is_shared(self) -> bool:
        """Whether all give it the same, but for rounding."""
        return self.apart < 0.005


@dataclass(frozen=True)
class Panel:
    """A study's people and where they agree."""

    study_voice: Voice
    voices: Sequence[Voice]  # by when they first answered
    winners: Sequence[tuple[CRO, Sequence[User]]]  # most people first
    in_every_top: Sequence[CRO]  # in the order of the study's own weights, then name
    spreads: Sequence[Spread]  # widest first


def panel(study: Study) -> Panel:
    """Rank under the weights of each member who gave some; nothing is stored.

    One pass of the engine for each, over one catalogue and one moment's need; four
    queries beside those of the catalogue, however many people.

    Raises
    ------
    ValidationError
        If what the study asks cannot be ranked at all.
    """
    given = list(
        PersonalWeights.objects.filter(study=study).of_members().select_related("user")
    )
    asked = [c for c in CRITERIA if c.code in selectors.asked_codes(study)]
    spec = need_of_study(study.pk).spec
    held = selectors.held_weights(study)
    everyone = [(None, held.get_method_display(), held.values)] + [
        (one.user, one.get_method_display(), one.values) for one in given
    ]
    firsts = services.first_places(
        spec, [values for _, _, values in everyone], limit=TOP
    )
    cros = blind.cros_of(study, {pk for first in firsts for pk in first.cro_ids})
    study_voice, *voices = [
        Voice(
            person=person,
            method=method,
            shares=_shares(values, asked),
            top=[cros[pk] for pk in first.cro_ids if pk in cros],
            points=first.score,
            problem=first.problem,
        )
        for (person, method, values), first in zip(everyone, firsts, strict=True)
    ]
    return Panel(
        study_voice=study_voice,
        voices=voices,
        winners=_winners(voices),
        in_every_top=_in_every_top(study_voice, voices),
        spreads=_spreads(voices, asked),
    )


@login_required
@require_GET
def page(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Show the panel of a study to the members of its sponsor."""
    study = get_object_or_404(
        Study.objects.visible_to(request.user).select_related("sponsor"), pk=study_id
    )
    context = {
        "study": study,
        "hides_names": study.hides_names,
        "own": selectors.own_weights(study, cast(User, request.user)),
        "top": TOP,
    }
    try:
        context["panel"] = panel(study)
    except ValidationError as error:
        context["problem"] = error.messages[0]
    return render(request, "matching/panel.html", context)


def _shares(
    values: Mapping[str, float], asked: Sequence[Criterion]
) -> dict[str, float]:
    given = np.array([values[c.code] for c in asked], np.float64)
    total = given.sum()
    shares = given / total if total > 0 else given
    return dict(zip([c.code for c in asked], shares.tolist(), strict=True))


def _winners(voices: Sequence[Voice]) -> list[tuple[CRO, list[User]]]:
    people: dict[int, list[User]] = {}
    first: dict[int, CRO] = {}
    for voice in voices:
        if voice.top and voice.person:
            cro = voice.top[0]
            first[cro.pk] = cro
            people.setdefault(cro.pk, []).append(voice.person)
    order = sorted(people, key=lambda pk: (-len(people[pk]), first[pk].name, pk))
    return [(first[pk], people[pk]) for pk in order]


def _in_every_top(study_voice: Voice, voices: Sequence[Voice]) -> list[CRO]:
    heard = [voice for voice in voices if voice.top]
    count = Counter(cro.pk for voice in heard for cro in voice.top)
    by_pk = {cro.pk: cro for voice in heard for cro in voice.top}
    place = {cro.pk: at for at, cro in enumerate(study_voice.top)}
    shared = [cro for pk, cro in by_pk.items() if count[pk] == len(heard)]
    return sorted(shared, key=lambda cro: (place.get(cro.pk, TOP), cro.name, cro.pk))


def _spreads(voices: Sequence[Voice], asked: Sequence[Criterion]) -> list[Spread]:
    heard = [voice for voice in voices if voice.person]
    if len(heard) < 2:
        return []
    found = []
    for criterion in asked:
        shares = [voice.shares[criterion.code] for voice in heard]
        low, high = min(shares), max(shares)
        found.append(
            Spread(
                criterion,
                low,
                high,
                _who(heard, shares, low),
                _who(heard, shares, high),
            )
        )
    return sorted(found, key=lambda one: -one.apart)


def _who(voices: Sequence[Voice], shares: Sequence[float], share: float) -> list[User]:
    return [
        voice.person
        for voice, own in zip(voices, shares, strict=True)
        if voice.person and own == share
    ]

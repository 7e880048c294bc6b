"""Further ways to cut a track record: places, sizes, and who the sponsors were."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from catalog.choices import RoleKind, SizeClass, SponsorClass
from catalog.models import CRO, Term, Trial, TrialRole
from catalog.profile.record import TrackRecord, Trials

NOT_SAID = "not-said"
SHOWN = 8
"""Values of a cut that stand there at once; the others are folded away."""
PARTICIPANTS = (
    (100, "under-100", "Under 100"),
    (500, "100-499", "100 to 499"),
    (2000, "500-1999", "500 to 1,999"),
)
MOST_PARTICIPANTS = ("2000-up", "2,000 and more")


@dataclass(frozen=True)
class Cut:
    """One way to part trials: by code, words and trials, the most trials first."""

    name: str
    heading: str
    note: str
    labels: Mapping[str, str]
    trials: Mapping[str, Trials]


@dataclass(frozen=True)
class CutLine:
    label: str
    number: int
    url: str
    is_chosen: bool


@dataclass(frozen=True)
class CutList:
    """A cut as the page shows it; numbers are within the other choices."""

    name: str
    heading: str
    note: str
    lines: Sequence[CutLine]
    more: Sequence[CutLine]


def cuts(record: TrackRecord, cros: Sequence[CRO]) -> list[Cut]:
    """Part the trials of a record: two queries.

    A trial in several countries counts in each; in every other cut each trial counts
    once. A CRO's own trials, which it leads, say nothing of sponsors coming back.
    """
    leads = TrialRole.objects.filter(
        trial=OuterRef("pk"), cro__in=cros, kind=RoleKind.LEAD
    )
    sizes: dict[str, set[int]] = defaultdict(set)
    classes: dict[str, set[int]] = defaultdict(set)
    sponsor_sizes: dict[str, set[int]] = defaultdict(set)
    sponsors: dict[str, set[int]] = defaultdict(set)
    names: dict[str, str] = {}
    for pk, participants, kind, size, key, name, is_own in (
        Trial.objects.filter(pk__in=list(record.trials))
        .annotate(is_own=Exists(leads))
        .order_by("start_date", "pk")
        .values_list(
            "pk", "participants", "sponsor_class", "sponsor_size", "sponsor_key",
            "lead_sponsor", "is_own",
        )
    ):  # fmt: skip
        sizes[_band(participants)].add(pk)
        classes[kind.lower() or NOT_SAID].add(pk)
        sponsor_sizes[size or NOT_SAID].add(pk)
        if key and not is_own:
            sponsors[key].add(pk)
            names[key] = name  # as its newest trial writes it
    labels = {NOT_SAID: "Not said"}
    places = {
        term.code: (term.label, record.by_country[term.pk])
        for term in Term.objects.filter(pk__in=list(record.by_country))
    }
    placed = Trials().union(*record.by_country.values())
    country_trials = {code: trials for code, (_, trials) in places.items()}
    if rest := record.trials - placed:
        country_trials[NOT_SAID] = rest
    again = {key: trials for key, trials in sponsors.items() if len(trials) > 1}
    return [
        Cut(
            "country",
            "Country",
            "A trial counts in each of its countries.",
            labels | {code: label for code, (label, _) in places.items()},
            _by_number(country_trials),
        ),
        Cut(
            "size",
            "Participants",
            "",
            labels
            | {code: label for _, code, label in PARTICIPANTS}
            | {MOST_PARTICIPANTS[0]: MOST_PARTICIPANTS[1]},
            _in_order(sizes, [code for _, code, _ in PARTICIPANTS]),
        ),
        Cut(
            "class",
            "Kind of sponsor",
            "",
            labels | {one.value.lower(): str(one.label) for one in SponsorClass if one},
            _by_number(classes),
        ),
        Cut(
            "sponsor-size",
            "Size of sponsor",
            "By the trials it leads in these copies of the registers.",
            labels | {one.value: str(one.label) for one in SizeClass if one},
            _in_order(sponsor_sizes, [one.value for one in SizeClass if one]),
        ),
        Cut(
            "sponsor",
            "Sponsors who came back",
            f"{len(again)} of {len(sponsors)} sponsor{'' if len(sponsors) == 1 else 's'}"
            " with two trials or more." if sponsors else "",
            names,
            _by_number(again),
        ),
    ]  # fmt: skip


def lines(
    cut: Cut, chosen: str, within: Trials, url: Callable[[str], str]
) -> CutList | None:
    """Count a cut within the other choices; None where it has nothing to show."""
    found = [
        CutLine(cut.labels[code], len(trials & within), url(code), code == chosen)
        for code, trials in cut.trials.items()
        if trials & within or code == chosen
    ]
    if not found:
        return None
    return CutList(cut.name, cut.heading, cut.note, found[:SHOWN], found[SHOWN:])


def _band(participants: int | None) -> str:
    if participants is None:
        return NOT_SAID
    for end, code, _ in PARTICIPANTS:
        if participants < end:
            return code
    return MOST_PARTICIPANTS[0]


def _by_number(found: Mapping[str, set[int] | Trials]) -> dict[str, Trials]:
    """Put the most trials first, what is not said last."""
    order = sorted(found, key=lambda code: (code == NOT_SAID, -len(found[code]), code))
    return {code: frozenset(found[code]) for code in order}


def _in_order(found: Mapping[str, set[int]], codes: Sequence[str]) -> dict[str, Trials]:
    order = [*codes, *(code for code in (MOST_PARTICIPANTS[0], NOT_SAID))]
    return {code: frozenset(found[code]) for code in order if code in found}

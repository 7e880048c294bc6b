"""What the pages about studies show, gathered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from catalog.models import Scheme, Term
from sponsors.bounds import hints, written
from sponsors.choices import Importance, WeightMethod
from sponsors.criteria import (
    CRITERIA,
    DEFAULT_WEIGHTS,
    Criterion,
    asked_criteria,
)
from sponsors.models import (
    STUDY_FIELDS,
    PersonalWeights,
    Requirement,
    Study,
    StudyChange,
    Weights,
    WeightsFreeze,
)
from sponsors.shares import in_words, note, percent
from sponsors.wanted import SCHEMES, Wanted
from sponsors.weighing import likely_template, whole_shares

if TYPE_CHECKING:
    from cro_portal.accounts.models import User

NOT_FACTS = {"title", "notes", "conditions_not_coded"}


@dataclass(frozen=True)
class Fact:
    """One field of a study as a page shows it; `value` None is not known."""

    label: str
    value: str | None
    is_from_register: bool
    hint: str


@dataclass(frozen=True)
class RequirementLine:
    """A requirement as a page shows it; `share` is empty unless it is a country."""

    row: Requirement
    share: str


@dataclass(frozen=True)
class RequirementGroup:
    scheme: Scheme
    lines: list[RequirementLine]
    note: str


@dataclass(frozen=True)
class WeightShare:
    criterion: Criterion
    percent: float


@dataclass(frozen=True)
class StudyPage:
    facts: list[Fact]
    groups: list[RequirementGroup]
    weights: list[WeightShare]
    has_own_weights: bool
    last_change: StudyChange | None


def study_page(study: Study) -> StudyPage:
    """Gather what a study asks for. Three queries."""
    groups = requirement_groups(study)
    n_countries = next((len(g.lines) for g in groups if g.scheme.code == "country"), 0)
    odd = {hint.field: hint.sentence for hint in hints(vars(study))}
    weights = current_weights(study)
    total = sum(weights.values())
    return StudyPage(
        facts=[
            _fact(study, name, n_countries, odd.get(name, ""))
            for name in STUDY_FIELDS
            if name not in NOT_FACTS
        ],
        groups=groups,
        weights=[
            WeightShare(criterion, round(100 * weights[criterion.code] / total, 1))
            for criterion in CRITERIA
        ],
        has_own_weights=study.weights.exists(),
        last_change=study.changes.select_related("changed_by").first(),
    )


def current_weights(study: Study) -> dict[str, float]:
    """Give the weights that hold at the study's version: criterion to weight."""
    return dict(held_weights(study).values)


def held_weights(study: Study) -> Weights:
    """Give the weights that hold at the study's version; the method's are not stored."""
    row = study.weights.at(study.version).first()
    return row or Weights(
        study=study,
        since_version=0,
        values=dict(DEFAULT_WEIGHTS),
        method=WeightMethod.DEFAULT,
    )


def asked_codes(study: Study) -> set[str]:
    """Give the criteria the study asks about; only their weights count. One query."""
    schemes = study.requirements.current().values_list("term__scheme_id", flat=True)
    return {c.code for c in asked_criteria(set(schemes), study.sponsor_size)}


def asked_labels(study: Study) -> dict[str, list[str]]:
    """Give the labels of what the study asks for, by list. One query."""
    found: dict[str, list[str]] = {}
    rows = study.requirements.current().values_list("term__scheme_id", "term__label")
    for scheme, label in rows:
        found.setdefault(scheme, []).append(label)
    return found


def likely_template_of(study: Study) -> str:
    """Name the template of weights that suits a study. One query."""
    rows = study.requirements.current().values_list("term__scheme_id", "term__code")
    return likely_template(
        set(rows),
        study_type=study.study_type,
        participants=study.participants,
        is_rare=study.is_rare_disease,
    )


@dataclass(frozen=True)
class WeightsVersion:
    """One row of the history of a study's weights, with whole shares in percent."""

    weights: Weights
    shares: list[tuple[Criterion, int]]
    is_frozen: bool


@dataclass(frozen=True)
class WeightsHistory:
    """All weights a study had, the newest first, and when they were settled.

    Before the oldest row, or without any, the method's default weights held.
    """

    versions: list[WeightsVersion]
    freeze: WeightsFreeze | None


def weights_history(study: Study) -> WeightsHistory:
    """Gather a study's weights of all versions. Two queries."""
    freeze = (
        WeightsFreeze.objects.filter(study=study).select_related("frozen_by").first()
    )
    versions = []
    for row in study.weights.select_related("created_by").order_by("-since_version"):
        shares = whole_shares(row.values)
        versions.append(
            WeightsVersion(
                row,
                [(criterion, shares[criterion.code]) for criterion in CRITERIA],
                freeze is not None and freeze.weights_id == row.pk,
            )
        )
    return WeightsHistory(versions, freeze)


def own_weights(study: Study, user: "User") -> PersonalWeights | None:
    """Give what a person thinks of a study's weights, where it was said."""
    return PersonalWeights.objects.filter(study=study, user=user).first()


def requirement_groups(study: Study) -> list[RequirementGroup]:
    """Give what a study asks for now, by list, in the lists' order. One query."""
    rows: dict[str, list[Requirement]] = {}
    for row in study.requirements.current().select_related("term__scheme"):
        rows.setdefault(row.term.scheme_id, []).append(row)
    return [_group(rows[code]) for code in SCHEMES if code in rows]


def _group(rows: list[Requirement]) -> RequirementGroup:
    scheme = rows[0].term.scheme
    given = [row.share for row in rows]
    has_shares = scheme.code == "country"
    shares = in_words(given) if has_shares else [""] * len(rows)
    return RequirementGroup(
        scheme,
        [RequirementLine(*pair) for pair in zip(rows, shares, strict=True)],
        note(given) if has_shares else "",
    )


def has_no_disease(study: Study) -> bool:
    """Say whether a study of a register's record asks for no disease at all."""
    disease = study.requirements.current().filter(
        term__scheme__in=("condition", "therapeutic_area")
    )
    return bool(study.from_register) and not disease.exists()


def wanted_at(study: Study, version: int) -> list[Wanted]:
    """Give what a study asked for at one of its versions, as the forms take it."""
    return [
        Wanted(
            row.term.scheme_id,
            row.term.code,
            row.importance,
            row.share,
            row.is_from_register,
        )
        for row in study.requirements.at(version).select_related("term")
    ]


def staff_by_rule(n_sites: int | None, n_countries: int) -> Decimal | None:
    """Give the staff a study needs by the method, in full-time equivalents.

    None while the number of sites is not known.
    """
    if n_sites is None:
        return None
    staff = 2 + Decimal(n_sites) / 7 + Decimal(n_countries) / 2
    return staff.quantize(Decimal("0.1"))


@dataclass(frozen=True)
class Difference:
    """One thing that others changed; `yours` None: you left it alone.

    `stands` is what the form holds now: yours where you typed something.
    """

    label: str
    before: str
    theirs: str
    yours: str | None

    @property
    def stands(self) -> str:
        return self.theirs if self.yours is None else self.yours

    @property
    def is_clash(self) -> bool:
        return self.yours is not None and self.yours != self.theirs


@dataclass(frozen=True)
class Merge:
    """A save that came second, beside what was saved first.

    `taken_over` names the fields to show as the others saved them; `wanted` is
    what both together ask for.
    """

    study: Study
    changes: Sequence[StudyChange]
    differences: list[Difference]
    taken_over: list[str]
    wanted: list[Wanted]


def merge(
    *,
    study: Study,
    changes: Sequence[StudyChange],
    read_version: int,
    values: dict[str, Any],
    wanted: list[Wanted],
) -> Merge:
    """Tell what others changed since `read_version`, and join it with this save.

    `study` is as the others left it, `changes` what they saved, oldest first.
    What only one side changed stands; where both changed the same, this save's
    value stands and both are told.
    """
    before: dict[str, Any] = {}
    for change in changes:
        for name, (old, _) in change.fields.items():
            before.setdefault(name, old)
    differences, taken_over = [], []
    for name, old in before.items():
        now, mine = getattr(study, name), values[name]
        is_mine = as_text(mine) != as_text(old)
        if not is_mine:
            taken_over.append(name)
        differences.append(
            Difference(
                _label(name),
                field_text(name, old),
                field_text(name, now),
                field_text(name, mine) if is_mine else None,
            )
        )

    base = _by_key(wanted_at(study, read_version))
    theirs = _by_key(wanted_at(study, study.version))
    mine_wanted = _by_key(wanted)
    keys = list(dict.fromkeys([*theirs, *mine_wanted, *base]))
    names = _names_of(keys)
    joined: dict[tuple[str, str], Wanted] = {}
    for key in keys:
        ours, now, old = mine_wanted.get(key), theirs.get(key), base.get(key)
        is_mine = _ask(ours) != _ask(old)
        if stands := ours if is_mine else now:
            joined[key] = stands
        if _ask(now) != _ask(old):
            differences.append(
                Difference(
                    names[key], _ask(old), _ask(now), _ask(ours) if is_mine else None
                )
            )
    return Merge(study, changes, differences, taken_over, [*joined.values()])


def as_text(value: Any) -> str:
    """Write a field's value, stored or as JSON keeps it, in one and the same way."""
    if value is None or value == "" or value == []:
        return "not known"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list):
        return "; ".join(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value).replace("\r\n", "\n")


def field_text(name: str, value: Any) -> str:
    """Write the value of a study's field, stored or as JSON keeps it, for a person."""
    field = Study._meta.get_field(name)
    if value in (None, "", []):
        return as_text(value)
    if choices := dict(getattr(field, "flatchoices", ())):
        return str(choices.get(value, value))
    if name in ("start_date", "end_date"):
        return written(
            value if isinstance(value, date) else date.fromisoformat(str(value))
        )
    return f"{value:,}" if type(value) is int else as_text(value)


def _by_key(wanted: list[Wanted]) -> dict[tuple[str, str], Wanted]:
    return {(want.scheme, want.code): want for want in wanted}


def _names_of(keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Name terms with their lists: "Service: Monitoring". One query."""
    terms = Term.objects.filter(
        scheme__in={scheme for scheme, _ in keys}, code__in={code for _, code in keys}
    ).select_related("scheme")
    found = {(t.scheme_id, t.code): f"{t.scheme.label}: {t.label}" for t in terms}
    return {key: found.get(key, key[1]) for key in keys}


def _ask(want: Wanted | None) -> str:
    if want is None:
        return "Not asked"
    label = str(Importance(want.importance).label)
    return f"{label}, {percent(want.share)} % of the sites" if want.share else label


def _label(name: str) -> str:
    label = str(getattr(Study._meta.get_field(name), "verbose_name", name))
    return label[:1].upper() + label[1:]


def staff_in_words(n_sites: int | None, n_countries: int, further_studies: int) -> str:
    """Say what the method takes as the staff needed where the study does not say.

    Empty while the number of sites is not known.
    """
    rule = staff_by_rule(n_sites, n_countries)
    if rule is None:
        return ""
    text = f"{_tenths(rule)} full-time, by the method’s rule"
    if further_studies:
        whole = rule * (1 + Decimal(further_studies) / 2)
        text += f"; {_tenths(whole)} with the further studies"
    return text


def _tenths(number: Decimal) -> str:
    """Write a number with one decimal, whole ones without."""
    return f"{number:.1f}".removesuffix(".0")


def _fact(study: Study, name: str, n_countries: int, hint: str) -> Fact:
    value = getattr(study, name)
    text = None if value in (None, "") else field_text(name, value)
    if text is None and name == "staff_needed_fte":
        text = staff_in_words(study.n_sites, n_countries, study.further_studies) or None
    return Fact(_label(name), text, name in study.from_register, hint)

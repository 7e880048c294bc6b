"""What the pages about studies show, gathered."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from catalog.models import Scheme
from sponsors.bounds import hints
from sponsors.criteria import CRITERIA, DEFAULT_WEIGHTS, Criterion
from sponsors.models import STUDY_FIELDS, Requirement, Study, StudyChange
from sponsors.wanted import SCHEMES, Wanted

NOT_FACTS = {"title", "notes", "conditions_not_coded"}


@dataclass(frozen=True)
class Fact:
    """One field of a study as a page shows it; `value` None is not known."""

    label: str
    value: str | None
    is_from_register: bool
    hint: str


@dataclass(frozen=True)
class RequirementGroup:
    scheme: Scheme
    rows: list[Requirement]


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
    n_countries = next((len(g.rows) for g in groups if g.scheme.code == "country"), 0)
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
    row = study.weights.at(study.version).first()
    return dict(row.values) if row else dict(DEFAULT_WEIGHTS)


def requirement_groups(study: Study) -> list[RequirementGroup]:
    """Give what a study asks for now, by list, in the lists' order. One query."""
    rows: dict[str, list[Requirement]] = {}
    for row in study.requirements.current().select_related("term__scheme"):
        rows.setdefault(row.term.scheme_id, []).append(row)
    return [
        RequirementGroup(rows[code][0].term.scheme, rows[code])
        for code in SCHEMES
        if code in rows
    ]


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
    """One thing that two people saved apart; `yours` None: you left it alone."""

    label: str
    before: str
    theirs: str
    yours: str | None


@dataclass(frozen=True)
class Merge:
    """A save that came second, beside what was saved first.

    `taken_over` names the fields to show as the others saved them; `wanted` is
    what both together ask for.
    """

    study: Study
    people: str
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
                as_text(old),
                as_text(now),
                as_text(mine) if is_mine else None,
            )
        )

    base = _by_key(wanted_at(study, read_version))
    theirs = _by_key(wanted_at(study, study.version))
    mine_wanted = _by_key(wanted)
    joined: dict[tuple[str, str], Wanted] = {}
    for key in dict.fromkeys([*theirs, *mine_wanted, *base]):
        ours, now, old = mine_wanted.get(key), theirs.get(key), base.get(key)
        is_mine = _ask(ours) != _ask(old)
        if stands := ours if is_mine else now:
            joined[key] = stands
        if _ask(now) != _ask(old):
            differences.append(
                Difference(
                    f"{key[0].replace('_', ' ').capitalize()} {key[1]}",
                    _ask(old),
                    _ask(now),
                    _ask(ours) if is_mine else None,
                )
            )
    people = dict.fromkeys(str(c.changed_by or "Somebody") for c in changes)
    return Merge(
        study, " and ".join(people), differences, taken_over, [*joined.values()]
    )


def as_text(value: Any) -> str:
    """Write a field's value, stored or as JSON keeps it, in one and the same way."""
    if value is None or value == "" or value == []:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value).replace("\r\n", "\n")


def _by_key(wanted: list[Wanted]) -> dict[tuple[str, str], Wanted]:
    return {(want.scheme, want.code): want for want in wanted}


def _ask(want: Wanted | None) -> str:
    if want is None:
        return "not asked"
    return (
        f"{want.importance}, {want.share:.2%}" if want.share else str(want.importance)
    )


def _label(name: str) -> str:
    label = str(getattr(Study._meta.get_field(name), "verbose_name", name))
    return label[:1].upper() + label[1:]


def _staff_by_rule(study: Study, n_countries: int) -> str | None:
    rule = staff_by_rule(study.n_sites, n_countries)
    if rule is None:
        return None
    text = f"{rule} full-time, by the method's rule"
    if study.further_studies:
        whole = rule * (1 + Decimal(study.further_studies) / 2)
        text += f"; {whole:.1f} with the further studies"
    return text


def _fact(study: Study, name: str, n_countries: int, hint: str) -> Fact:
    value = getattr(study, name)
    display = getattr(study, f"get_{name}_display", None)
    if value in (None, ""):
        text = None
        if name == "staff_needed_fte":
            text = _staff_by_rule(study, n_countries)
    elif display:
        text = str(display())
    elif name == "participants" or name == "n_sites":
        text = f"{value:,}"
    else:
        text = as_text(value)
    return Fact(_label(name), text, name in study.from_register, hint)

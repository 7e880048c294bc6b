"""Everything that changes a study. Each is one transaction and announces itself."""

import datetime as dt
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from catalog import inn
from catalog.importers.records import CodedTerm, TrialRecord
from catalog.models import Term
from catalog.text import lookup_key
from catalog.vocabulary import TermResolver
from sponsors import bounds
from sponsors.choices import WeightMethod
from sponsors.criteria import CRITERIA, DEFAULT_WEIGHTS, asked_criteria
from sponsors.models import (
    STUDY_FIELDS,
    PersonalWeights,
    Requirement,
    Sponsor,
    Study,
    StudyChange,
    StudyCreation,
    Weights,
    WeightsFreeze,
)
from sponsors.selectors import current_weights
from sponsors.signals import study_changed
from sponsors.wanted import Wanted, find_terms
from sponsors.weighing import Weighing

if TYPE_CHECKING:
    from cro_portal.accounts.models import User

ADULT_AT, ELDERLY_FROM = 18, 65
NOBODY_IS_OLDER = 110
"""A register's way to say "no limit": 120 or 130 years."""

FROZEN = "The weights are frozen. Say why they change: the reason is kept with them."
ARCHIVED = "This study is archived. Take it out of the archive to change or rank it."


class StudyChanged(Exception):
    """Somebody saved the study after it was read; nothing of this save was kept.

    `study` is the study as it is now, `changes` what happened since, oldest first.
    """

    def __init__(self, study: Study, changes: Sequence[StudyChange]) -> None:
        super().__init__("The study was changed meanwhile.")
        self.study = study
        self.changes = changes


class DuplicateStudy(Exception):
    """The sponsor has a study with this registry number already."""

    def __init__(self, existing: Study) -> None:
        super().__init__(f"{existing.registry_id} is there already.")
        self.existing = existing


class KeyReused(Exception):
    """The key of a repeated request came with another body before."""


@transaction.atomic
def create_once(
    *, by: "User", key: str, digest: str, make: Callable[[], Study]
) -> tuple[Study, bool]:
    """Make a study unless `by` made it with this key before; the second value: it is new.

    Repeating at once is safe too: the second request waits for the first.

    Raises
    ------
    KeyReused
        When the key came with another `digest` before.
    """
    type(by).objects.select_for_update(no_key=True).get(pk=by.pk)
    before = StudyCreation.objects.select_related("study").filter(user=by, key=key)
    if known := before.first():
        if known.digest != digest:
            raise KeyReused
        return known.study, False
    study = make()
    StudyCreation.objects.create(user=by, key=key, digest=digest, study=study)
    return study, True


@transaction.atomic
def create_study(
    *,
    sponsor: Sponsor,
    by: "User",
    values: Mapping[str, Any],
    requirements: Sequence[Wanted] = (),
    from_register: Iterable[str] = (),
) -> Study:
    """Begin a study at version 1.

    Parameters
    ----------
    values : fields of `STUDY_FIELDS`; what is left out stays empty
    from_register : names of fields whose values a register's record gave

    Raises
    ------
    ValidationError
        By field, or under `requirements`.
    """
    study = Study(
        sponsor=sponsor,
        created_by=by,
        from_register=sorted(from_register),
        **{"sponsor_size": sponsor.size, **_known_fields(values)},
    )
    study.full_clean(exclude=["sponsor", "created_by"])
    terms = terms_or_errors(requirements)
    study.save()
    _begin(study, zip(requirements, terms, strict=True))
    study_changed.send(sender=Study, study_id=study.pk)
    return study


@transaction.atomic
def create_study_from_record(
    *, sponsor: Sponsor, by: "User", record: TrialRecord, accept_duplicate: bool = False
) -> Study:
    """Begin a study with what a register's record says, marked as such.

    What the record says and no field or term can hold stands in the study's
    notes and in `conditions_not_coded`.

    Raises
    ------
    DuplicateStudy
        When the sponsor has a study of this number, unless that is accepted.
        Two at the same time count too: the second waits for the first.
    """
    Sponsor.objects.select_for_update(no_key=True).get(pk=sponsor.pk)
    same = Study.objects.filter(sponsor=sponsor, registry_id=record.registry_id)
    if not accept_duplicate and (existing := same.first()):
        raise DuplicateStudy(existing)
    prefill = read_record(record)
    return create_study(
        sponsor=sponsor,
        by=by,
        values=prefill.values,
        requirements=prefill.requirements,
        from_register=[
            name
            for name, value in prefill.values.items()
            if value not in (None, "", []) and name != "notes"
        ],
    )


@transaction.atomic
def update_study(
    *,
    study: Study,
    expected_version: int,
    by: "User",
    values: Mapping[str, Any] | None = None,
    requirements: Sequence[Wanted] | None = None,
    weights_follow: bool = False,
) -> Study:
    """Change fields, requirements or both; the version rises by one.

    Saving what is there already changes nothing, not even the version.

    Parameters
    ----------
    expected_version : the version that `by` read
    values : fields of `STUDY_FIELDS`; those left out stay
    requirements : everything the study asks for from now on; None leaves them
    weights_follow : `set_weights` comes next in the same transaction, so the
        weights that hold now need not fit what is asked from now on

    Raises
    ------
    StudyChanged
        When the study is past `expected_version`.
    ValidationError
        By field, or under `requirements`; there too when none of what the study
        then asks about has a weight.
    """
    study = _lock(study, expected_version)
    before = {name: getattr(study, name) for name in STUDY_FIELDS}
    for name, value in _known_fields(values or {}).items():
        setattr(study, name, value)
    study.full_clean(exclude=["sponsor", "created_by"])
    after = {name: getattr(study, name) for name in STUDY_FIELDS}
    changed = [name for name in STUDY_FIELDS if before[name] != after[name]]
    ended, begun = ([], []) if requirements is None else _compare(study, requirements)
    if not (changed or ended or begun):
        return study
    study.from_register = [n for n in study.from_register if n not in changed]
    _next_version(
        study,
        by,
        {name: [_plain(before[name]), _plain(after[name])] for name in changed},
    )
    Requirement.objects.filter(pk__in=[row.pk for row in ended]).update(
        until_version=study.version
    )
    _begin(study, begun)
    if not weights_follow and (problem := unrankable(study, current_weights(study))):
        raise ValidationError({"requirements": [problem]})
    study_changed.send(sender=Study, study_id=study.pk)
    return study


@transaction.atomic
def set_weights(
    *,
    study: Study,
    expected_version: int,
    by: "User",
    values: Mapping[str, float],
    method: str = WeightMethod.POINTS,
    raw: Mapping[str, Any] | None = None,
    reason: str = "",
) -> Study:
    """Say what matters how much in this study; the next ranking uses it.

    Parameters
    ----------
    values : every criterion's weight, at any scale
    raw : the answers as given, when they are more than the weights
    reason : why they change; needed once the weights are frozen

    Raises
    ------
    StudyChanged
        When the study is past `expected_version`.
    ValidationError
        Under `weights`, when `check_weights` refuses them or the study asks
        about none of the criteria that have one; under `reason`, when the weights
        are frozen and none is given.
    """
    weights = check_weights(values)
    study = _lock(study, expected_version)
    if problem := unrankable(study, weights):
        raise ValidationError({"weights": [problem]})
    if _shares(weights) == _shares(current_weights(study)):
        return study
    freeze = WeightsFreeze.objects.filter(study=study).first()
    reason = reason.strip()
    if freeze and not reason:
        raise ValidationError({"reason": [FROZEN]})
    _next_version(study, by, {})
    Weights.objects.create(
        study=study,
        since_version=study.version,
        values=weights,
        method=method,
        raw=dict(values if raw is None else raw),
        after_freeze=freeze,
        reason=reason,
        created_by=by,
    )
    study_changed.send(sender=Study, study_id=study.pk)
    return study


@transaction.atomic
def set_personal_weights(
    *, study: Study, by: "User", weighing: Weighing
) -> PersonalWeights:
    """Keep what one person thinks, in place of what that person thought before.

    The study and its ranking stay as they are.

    Raises
    ------
    ValidationError
        When the study is archived, or under `weights` as `set_weights`.
    """
    weights = check_weights(weighing.values)
    study = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    if study.archived_at is not None:
        raise ValidationError(ARCHIVED)
    if problem := unrankable(study, weights):
        raise ValidationError({"weights": [problem]})
    own, _ = PersonalWeights.objects.update_or_create(
        study=study,
        user=by,
        defaults={
            "values": weights,
            "method": weighing.method,
            "raw": weighing.raw,
        },
    )
    return own


@transaction.atomic
def withdraw_personal_weights(*, study: Study, by: "User") -> None:
    """Take a person's own weights back; without any, nothing happens."""
    PersonalWeights.objects.filter(study=study, user=by).delete()


@transaction.atomic
def freeze_weights(*, study: Study, expected_version: int, by: "User") -> Study:
    """Settle the weights that hold now: from here on a change needs a reason.

    A study without weights of its own gets the method's, so that a later default
    does not move them. The names of the CROs of a blind study show from here on.

    Raises
    ------
    ValidationError
        When somebody froze them before, with who and when.
    StudyChanged
        When the study is past `expected_version`.
    """
    # Locked before it is asked who was first: the second of two waits here.
    now = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    freeze = WeightsFreeze.objects.filter(study=now).select_related("frozen_by").first()
    if freeze:
        raise ValidationError(frozen_before(freeze))
    study = _lock(now, expected_version)
    held = study.weights.at(study.version).first()
    _next_version(study, by, {})
    if held is None:
        held = Weights.objects.create(
            study=study,
            since_version=study.version,
            values=dict(DEFAULT_WEIGHTS),
            method=WeightMethod.DEFAULT,
            raw=dict(DEFAULT_WEIGHTS),
            created_by=by,
        )
    WeightsFreeze.objects.create(study=study, weights=held, frozen_by=by)
    study_changed.send(sender=Study, study_id=study.pk)
    return study


@transaction.atomic
def hide_names(*, study: Study, by: "User") -> Study:
    """Show CROs without their names until the weights are frozen.

    There is no way back but the freeze, or hiding would be worth nothing.
    Hiding what is hidden changes nothing.

    Raises
    ------
    ValidationError
        When the weights are frozen already.
    """
    study = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    if study.archived_at is not None:
        raise ValidationError(ARCHIVED)
    if study.is_blind:
        return study
    freeze = WeightsFreeze.objects.filter(study=study).select_related("frozen_by")
    if frozen := freeze.first():
        raise ValidationError(
            f"{frozen_before(frozen)} Names can be hidden only before that."
        )
    study.is_blind = True
    _next_version(study, by, {})
    return study


def frozen_before(freeze: WeightsFreeze) -> str:
    return (
        f"{freeze.frozen_by or 'A former member'} froze the weights on "
        f"{date_format(timezone.localtime(freeze.frozen_at), 'DATETIME_FORMAT')} UTC."
    )


@transaction.atomic
def archive_study(*, study: Study) -> Study:
    """Put a study away: it can be read, not changed, and is not ranked anew.

    Archiving what is archived changes nothing.
    """
    study = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    if study.archived_at is None:
        study.archived_at = timezone.now()
        study.save(update_fields=["archived_at", "updated_at"])
    return study


@transaction.atomic
def unarchive_study(*, study: Study) -> Study:
    """Take a study out of the archive; it is ranked anew."""
    study = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    if study.archived_at is not None:
        study.archived_at = None
        study.save(update_fields=["archived_at", "updated_at"])
        study_changed.send(sender=Study, study_id=study.pk)
    return study


def check_weights(values: Mapping[str, float]) -> dict[str, float]:
    """Give the weights in the order of the criteria.

    Raises
    ------
    ValidationError
        Unless there is one finite number of at least 0 for every criterion and
        for nothing else, and one of them is above 0.
    """
    problems = []
    for code in values.keys() - DEFAULT_WEIGHTS.keys():
        problems.append(f"“{code}” is no criterion; they are {_criteria_codes()}.")
    for criterion in CRITERIA:
        value = values.get(criterion.code)
        if value is None:
            problems.append(f"Say a weight for {criterion.label}; 0 leaves it out.")
        elif isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            problems.append(f"The weight of {criterion.label} must be a number.")
        elif not math.isfinite(value):
            problems.append(f"The weight of {criterion.label} must be a finite number.")
        elif value < 0:
            problems.append(f"The weight of {criterion.label} must not be negative.")
    if not problems and not any(values.values()):
        problems.append("At least one criterion needs a weight above 0.")
    if problems:
        raise ValidationError({"weights": problems})
    return {criterion.code: float(values[criterion.code]) for criterion in CRITERIA}


def unrankable(study: Study, weights: Mapping[str, float]) -> str:
    """Say why no ranking is possible with these weights; empty when one is."""
    schemes = study.requirements.current().values_list("term__scheme_id", flat=True)
    asked = asked_criteria(set(schemes), study.sponsor_size)
    if any(weights[criterion.code] > 0 for criterion in asked):
        return ""
    return (
        "No ranking is possible like this: every criterion with a weight is one the "
        "study asks nothing about. It asks about "
        f"{', '.join(criterion.label for criterion in asked)}. Give one of these a "
        "weight, or ask for something in a criterion that has one."
    )


@dataclass(frozen=True)
class Prefill:
    """What a record gives a study: values of fields, and requirements."""

    values: dict[str, Any]
    requirements: list[Wanted]


def read_record(record: TrialRecord) -> Prefill:
    """Put a register's record in the words of a study; nothing is stored.

    One query, for the terms. Countries get the share of sites they have among
    the sites whose country is known to the portal; no share where of any of them
    the number is not known, for that leaves the whole unknown.
    """
    resolver = TermResolver.load(("condition", "country", "modality", "phase"))
    notes = list(record.notes)
    stray = [mesh for mesh in record.mesh_conditions if _is_stray(mesh, record)]
    notes += [
        f"The register’s MeSH term “{mesh.label}” has no word in common with what "
        "the record says itself; it was left out."
        for mesh in stray
    ]
    conditions, not_coded = _conditions(record, resolver, stray)
    max_age = record.max_age_years
    if max_age is not None and max_age >= NOBODY_IS_OLDER:
        notes.append(
            f"The record’s maximum age ({max_age:.0f} years) leaves nobody out; it "
            "was left empty."
        )
        max_age = None
    countries, unknown = _countries(record, resolver)
    if unknown:
        notes.append(
            f"Countries the portal does not know were left out: {', '.join(unknown)}."
        )
    if len(countries) > 1 and countries[0][1] is None:
        notes.append(
            "The record does not say how many sites each country has; the shares of "
            "countries were left empty."
        )
    phase = resolver.resolve_phase(record.phases)
    if record.phases and phase is None:
        notes.append(
            f"No phase of the portal is {' + '.join(record.phases)}; it was left out."
        )
    found = [phase, *_modalities(record, resolver)]
    dates: dict[str, dt.date | None] = {"start_date": None, "end_date": None}
    for field, date in (("start_date", record.start), ("end_date", record.completion)):
        if date is None:
            continue
        if bounds.date_problem(field, date.first_day):
            notes.append(
                f"The record’s {bounds.DATE_NAMES[field]} ({date}) is not one the "
                "portal takes; it was left empty."
            )
            continue
        dates[field] = date.first_day
        if date.precision != "day":
            notes.append(
                f"The register knows the {date.precision} of the "
                f"{bounds.DATE_NAMES[field]} only ({date}); its first day was taken."
            )
    return Prefill(
        values={
            "title": record.title,
            "registry_id": record.registry_id,
            "study_type": record.study_type,
            "design": record.design,
            "participants": record.participants,
            "n_sites": record.n_sites,
            **dates,
            "sex": record.sex,
            "min_age_years": record.min_age_years,
            "max_age_years": max_age,
            "conditions_not_coded": not_coded,
            "notes": "\n".join(notes),
        },
        requirements=[
            *_asked(term for term in [*conditions, *found] if term),
            *_asked(_populations(record)),
            *(
                Wanted("country", term.code, share=share, is_from_register=True)
                for term, share in countries
            ),
        ],
    )


def _asked(terms: Iterable[Term]) -> list[Wanted]:
    codes = dict.fromkeys((term.scheme_id, term.code) for term in terms)
    return [Wanted(scheme, code, is_from_register=True) for scheme, code in codes]


def _is_stray(mesh: CodedTerm, record: TrialRecord) -> bool:
    """Say whether a register's MeSH term is a slip of its automatic coding.

    Those are supplementary concepts (no descriptor, so without an id here) that
    share no telling word with the record: "Advanced Solid Tumors" has been coded
    as a Parkinson disease.
    """
    if mesh.id:
        return False
    said = lookup_key(" ".join([*record.conditions, *record.keywords, record.title]))
    telling = {word for word in lookup_key(mesh.label).split() if len(word) > 3}
    telling -= {"disease", "diseases", "disorder", "syndrome", "type"}
    return bool(telling) and not telling & set(said.split())


def _conditions(
    record: TrialRecord, resolver: TermResolver, stray: Collection[CodedTerm]
) -> tuple[list[Term], list[str]]:
    """Give the terms of the record's conditions, and the words without a term.

    The register does not say which MeSH term stands for which of its words, so
    a word is taken as coded when it is a term's name or holds all words of one
    of the record's MeSH names ("Persistent Allergic Asthma" holds "Asthma"); what
    else such a word names is taken too ("Rhinosinusitis With Nasal Polyps").
    MeSH terms in `stray` are passed over.
    Where these name no disease, the first of these that does stands in: a name
    inside the written conditions, the record's deepest MeSH ancestor, its
    keywords, its title. What describes a disease without naming one
    (Recurrence, Neoplasm Metastasis) is never taken for it.
    """
    terms: dict[int, Term] = {}
    not_coded: list[str] = []
    coded_words: list[set[str]] = []
    for mesh in record.mesh_conditions:
        if mesh in stray:
            continue
        term = resolver.resolve_condition(mesh.label, mesh.id)
        if term is None:
            not_coded.append(mesh.label)
        elif _names_disease(term):
            terms[term.pk] = term
            coded_words.append(set(lookup_key(mesh.label).split()))
    written: list[str] = []
    for words in record.conditions:
        term = resolver.resolve_condition(words)
        if term and _names_disease(term):
            terms[term.pk] = term
        elif any(names <= set(lookup_key(words).split()) for names in coded_words):
            for other in _diseases_inside([words], resolver).values():
                if not any(_is_wider(other, than=term) for term in terms.values()):
                    terms[other.pk] = other
        else:
            written.append(words)
    if not terms:
        for words in list(written):
            if inside := _diseases_inside([words], resolver):
                terms |= inside
                written.remove(words)
    if not terms:
        ancestors = [
            term
            for mesh in record.mesh_ancestors
            if (term := resolver.resolve_condition(mesh.label, mesh.id))
            and _names_disease(term)
        ]
        if deepest := max(ancestors, key=_depth, default=None):
            terms[deepest.pk] = deepest
    if not terms:
        terms = _diseases_inside(record.keywords, resolver)
    if not terms:
        terms = _diseases_inside([record.title], resolver)
    return list(terms.values()), list(
        dict.fromkeys(filter(None, [*not_coded, *written]))
    )


def _names_disease(term: Term) -> bool:
    """Say whether a condition is more than an attribute or process of diseases."""
    numbers = term.tree_numbers
    return not numbers or not all(
        number in {"C23", "C23.888"}
        or f"{number}.".startswith(("C23.550.", "C04.697."))
        for number in numbers
    )


def _is_wider(term: Term, *, than: Term) -> bool:
    """Say whether a condition is `than` or stands above it in MeSH's trees."""
    return term.pk == than.pk or any(
        f"{below}.".startswith(f"{above}.")
        for below in than.tree_numbers
        for above in term.tree_numbers
    )


def _diseases_inside(texts: Iterable[str], resolver: TermResolver) -> dict[int, Term]:
    return {
        term.pk: term
        for text in texts
        for term in resolver.find_inside("condition", text)
        if _names_disease(term)
    }


def _modalities(record: TrialRecord, resolver: TermResolver) -> list[Term]:
    """Give what is tried: a kind of biologic that is named, else the broad type.

    It is named by its own words ("CAR-T") or by a medicine's ("tezepelumab").
    """
    broad = [
        term
        for kind in record.intervention_types
        if (term := resolver.resolve_modality(kind))
    ]
    if not broad:
        return []
    texts = (record.title, *record.intervention_names)
    named = {
        term.pk: term
        for text in texts
        for term in resolver.find_inside("modality", text)
        if any(above.code == "biologic" for above in resolver.ancestors(term))
    } | {
        term.pk: term
        for text in texts
        for code in inn.modality_codes(text)
        if (term := resolver.find("modality", code))
    }
    wider = {above.pk for term in named.values() for above in resolver.ancestors(term)}
    return [term for term in (*broad, *named.values()) if term.pk not in wider]


def _depth(term: Term) -> int:
    return max((number.count(".") for number in term.tree_numbers), default=-1)


def _countries(
    record: TrialRecord, resolver: TermResolver
) -> tuple[list[tuple[Term, float | None]], list[str]]:
    n_sites: dict[int, int | None] = {}
    terms: dict[int, Term] = {}
    unknown: list[str] = []
    for country in record.countries:
        if term := resolver.resolve_country(country.name):
            terms[term.pk] = term
            before, more = n_sites.get(term.pk, 0), country.n_sites
            n_sites[term.pk] = None if before is None or more is None else before + more
        else:
            unknown.append(country.name)
    known = {pk: n for pk, n in n_sites.items() if n is not None}
    if len(known) < len(n_sites):
        return [(term, None) for term in terms.values()], unknown
    total = sum(known.values())
    return [(terms[pk], n / total) for pk, n in known.items()], unknown


def _populations(record: TrialRecord) -> list[Term]:
    codes = set()
    youngest, oldest = record.min_age_years, record.max_age_years
    if (youngest is not None and youngest < ADULT_AT) or (
        oldest is not None and oldest < ADULT_AT
    ):
        codes.add("paediatric")
    if youngest is not None and youngest >= ELDERLY_FROM:
        codes.add("elderly")
    if record.healthy_volunteers:
        codes.add("healthy-volunteers")
    return list(Term.objects.of("population").current().filter(code__in=codes))


def _known_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := values.keys() - set(STUDY_FIELDS):
        raise TypeError(f"not fields of a study: {sorted(unknown)}")
    return dict(values)


def _lock(study: Study, expected_version: int) -> Study:
    """Give the study as it is now, locked until the transaction ends.

    The lock leaves its key free: a worker that publishes a ranking of the study
    holds what we may want next, and its foreign key must not wait for us.
    """
    now = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    if now.archived_at is not None:
        raise ValidationError(ARCHIVED)
    if now.version != expected_version:
        changes = now.changes.filter(version__gt=expected_version)
        raise StudyChanged(
            now, list(changes.select_related("changed_by").order_by("version"))
        )
    return now


def _next_version(study: Study, by: "User", fields: dict[str, Any]) -> None:
    study.version += 1
    study.save()
    StudyChange.objects.create(
        study=study, version=study.version, fields=fields, changed_by=by
    )


def terms_or_errors(
    requirements: Sequence[Wanted], kept: Iterable[int] = ()
) -> list[Term]:
    """Give the terms of requirements, in order.

    Raises
    ------
    ValidationError
        Under `requirements`: terms that will not do, or shares beyond the whole.
    """
    try:
        terms = find_terms(requirements, kept=kept)
    except ValidationError as error:
        raise ValidationError({"requirements": error.messages}) from None
    shares = math.fsum(wanted.share or 0 for wanted in requirements)
    if shares > 1 + 1e-6:
        raise ValidationError(
            {
                "requirements": [
                    f"The countries' shares sum to {shares:.0%}; together they can be "
                    "100 % at most."
                ]
            }
        )
    return terms


def _compare(
    study: Study, requirements: Sequence[Wanted]
) -> tuple[list[Requirement], list[tuple[Wanted, Term]]]:
    """Tell which current rows end and what begins instead."""
    current = {row.term_id: row for row in study.requirements.current()}
    terms = terms_or_errors(requirements, kept=current)
    begun = []
    same: set[int] = set()
    for wanted, term in zip(requirements, terms, strict=True):
        row = current.get(term.pk)
        if row and (row.importance, row.share) == (wanted.importance, wanted.share):
            same.add(row.pk)
            continue
        is_from_register = (
            wanted.is_from_register
            if row is None
            else row.is_from_register and row.share == wanted.share
        )
        begun.append(
            (
                Wanted(
                    wanted.scheme,
                    wanted.code,
                    wanted.importance,
                    wanted.share,
                    is_from_register,
                ),
                term,
            )
        )
    return [row for row in current.values() if row.pk not in same], begun


def _begin(study: Study, pairs: Iterable[tuple[Wanted, Term]]) -> None:
    Requirement.objects.bulk_create(
        Requirement(
            study=study,
            term=term,
            importance=wanted.importance,
            share=wanted.share,
            is_from_register=wanted.is_from_register,
            since_version=study.version,
        )
        for wanted, term in pairs
    )


def _plain(value: Any) -> Any:
    """Give a field's value as JSON holds it."""
    if isinstance(value, dt.date):
        return value.isoformat()
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    """Scale weights to a sum of 1: only that decides."""
    total = math.fsum(weights.values())
    return {code: round(weight / total, 9) for code, weight in weights.items()}


def _criteria_codes() -> str:
    return ", ".join(DEFAULT_WEIGHTS)

import datetime as dt

import pytest

from catalog.choices import Aspect, ClaimStatus, CROStatus, RoleKind
from catalog.choosing import choose
from catalog.comparison import compare
from catalog.models import CompleteList
from tests.factories import (
    ClaimFactory,
    CROFactory,
    TermFactory,
    TrialFactory,
    TrialRoleFactory,
)

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 9, 1)


def metric(code="free-capacity-fte", direction="up", unit="full-time equivalents"):
    return TermFactory.create(
        scheme__code="metric",
        code=code,
        attributes={"direction": direction, "unit": unit},
    )


def row(cros, code):
    comparison = compare(cros, on=TODAY)
    rows = [row for group in comparison.groups for row in group.rows]
    return next(row for row in rows if row.code == code)


def texts(cros, code):
    return [cell.text for cell in row(cros, code).cells]


def marks(cros, code):
    return [cell.mark for cell in row(cros, code).cells]


def with_values(term, *values, **more):
    return [
        ClaimFactory.create(term=term, value=value, **more).cro
        if value is not None
        else CROFactory.create()
        for value in values
    ]


# Words


def test_a_cell_says_who_delivers():
    edc = TermFactory.create(code="edc", scheme__code="technology")
    own = ClaimFactory.create(
        term=edc, qualifiers={"product": "Tea EDC", "is_validated": True}
    )
    partner = ClaimFactory.create(term=edc, delivery="partner")
    no = ClaimFactory.create(term=edc, answer=False)
    cros = [own.cro, partner.cro, no.cro, CROFactory.create()]

    assert texts(cros, "technology:edc") == [
        "yes, own, Tea EDC, validated",
        "yes, through a named partner",
        "no",
        "not known",
    ]


def test_a_complete_list_makes_silence_a_no():
    service = TermFactory.create(code="monitoring")
    told = ClaimFactory.create(term=service)
    silent = CROFactory.create()
    CompleteList.objects.create(cro=silent, scheme=service.scheme, declared_on=TODAY)

    found = row([told.cro, silent], "service:monitoring").cells

    assert [cell.state for cell in found] == ["yes", "no"]


def test_the_best_tier_answers_and_the_newest_within_it():
    service = TermFactory.create(code="monitoring")
    cro = CROFactory.create()
    ClaimFactory.create(cro=cro, term=service, tier=5, answer=False)
    for day, delivery in ((3, "own"), (9, "affiliate"), (5, "partner")):
        ClaimFactory.create(
            cro=cro,
            term=service,
            delivery=delivery,
            observed_on=dt.date(2026, 6, day),
        )

    assert texts([cro], "service:monitoring") == ["yes, through an affiliate"]


def test_sources_of_one_tier_that_disagree_are_in_dispute():
    service = TermFactory.create(code="monitoring")
    yes = ClaimFactory.create(term=service)
    ClaimFactory.create(cro=yes.cro, term=service, answer=False)

    cell = row([yes.cro], "service:monitoring").cells[0]

    assert cell.is_disputed
    assert cell.text == "yes and no: sources of the same tier disagree"


def test_a_claim_in_dispute_alone_is_marked():
    claim = ClaimFactory.create(status=ClaimStatus.DISPUTED, term__code="monitoring")

    assert row([claim.cro], "service:monitoring").cells[0].is_disputed


@pytest.mark.parametrize(
    ("fields", "doubt"),
    [
        ({}, ""),
        ({"expires_on": dt.date(2026, 8, 31)}, "expired August 2026"),
        ({"observed_on": dt.date(2022, 9, 1)}, "4 years old"),
    ],
)
def test_a_stale_fact_says_why(fields, doubt):
    claim = ClaimFactory.create(term__code="monitoring", **fields)

    assert row([claim.cro], "service:monitoring").cells[0].doubt == doubt


def test_a_valid_claim_stands_before_a_better_one_that_expired():
    old = ClaimFactory.create(
        term__code="monitoring", tier=4, expires_on=dt.date(2026, 8, 1), answer=False
    )
    ClaimFactory.create(cro=old.cro, term=old.term, tier=5)

    assert texts([old.cro], "service:monitoring") == ["yes, own"]


def test_a_claim_for_some_place_says_where():
    spain = TermFactory.create(scheme__code="country", code="es", label="Spain")
    claim = ClaimFactory.create(term__code="monitoring", country=spain)

    assert texts([claim.cro], "service:monitoring") == ["yes, own in Spain"]


def test_a_country_tells_presence_and_trials_apart():
    poland = TermFactory.create(scheme__code="country", code="pl", label="Poland")
    here = ClaimFactory.create(term=poland, aspect=Aspect.LEGAL_ENTITY).cro
    ran = TrialRoleFactory.create().cro
    trial = ran.trial_roles.get().trial
    trial.countries.add(poland)
    TrialRoleFactory.create(cro=here, trial=trial)

    assert texts([here, ran], "country:pl") == [
        "legal entity; 1 registered trial",
        "1 registered trial",
    ]
    assert texts([here, ran], "own-countries") == ["1", "not known"]
    assert texts([here, ran], "trial-countries") == ["1", "1"]


def test_trials_are_counted_once_by_area_and_a_site_is_no_experience():
    area = TermFactory.create(scheme__code="therapeutic_area", code="c04")
    condition = TermFactory.create(
        scheme__code="condition", tree_numbers=["C04.588", "C04.700", "C17.800"]
    )
    trial = TrialFactory.create(participants=120)
    trial.conditions.add(condition)
    role = TrialRoleFactory.create(trial=trial)
    TrialRoleFactory.create(cro=role.cro, trial=trial, kind=RoleKind.OFFICIAL)
    site = TrialRoleFactory.create(trial=trial, kind=RoleKind.FACILITY).cro

    found = row([role.cro, site], f"therapeutic_area:{area.code}")

    assert [cell.text for cell in found.cells] == ["1 registered trial", "not known"]
    assert texts([role.cro, site], "trials") == ["1", "not known"]
    assert texts([role.cro, site], "most-participants") == ["120", "not known"]


# Best


def test_the_largest_is_best_where_more_is_better():
    assert marks(with_values(metric(), 5, 9, None), "metric:free-capacity-fte") == [
        "",
        "best",
        "",
    ]


def test_the_smallest_is_best_where_less_is_better():
    term = metric("staff-turnover", "down", "share")
    cros = with_values(term, "0.1", "0.3", "0.1")

    assert marks(cros, "metric:staff-turnover") == ["tied", "", "tied"]


@pytest.mark.parametrize(
    ("direction", "values"),
    [("none", (5, 9)), ("up", (5, 5)), ("up", (5, None)), ("up", (None, None, 5))],
    ids=["no direction", "all alike", "one known", "only one of three"],
)
def test_there_is_no_best_without_meaning(direction, values):
    cros = with_values(metric(direction=direction), *values)

    assert not any(marks(cros, "metric:free-capacity-fte"))


def test_what_is_stale_or_disputed_is_not_best():
    term = metric()
    cros = with_values(term, 5, 6)
    cros += with_values(term, 90, observed_on=dt.date(2021, 1, 1))
    cros += with_values(term, 80, status=ClaimStatus.DISPUTED)

    assert marks(cros, "metric:free-capacity-fte") == ["", "best", "", ""]


# Differences


def test_only_differences_leaves_out_rows_that_agree():
    same, other = TermFactory.create(), TermFactory.create()
    first = ClaimFactory.create(term=same).cro
    second = ClaimFactory.create(term=same, tier=5).cro
    ClaimFactory.create(cro=first, term=other)

    comparison = compare([first, second], on=TODAY).only_differences()
    group = next(group for group in comparison.groups if group.code == "services")

    assert [row.label for row in group.rows] == [other.label]
    assert group.n_same == 1


# Choosing


def test_choosing_keeps_the_order_and_drops_repeats():
    a, b = CROFactory.create_batch(2)

    assert choose([b.slug, a.slug, b.slug]).cros == (b, a)


def test_a_merged_cro_is_followed_to_the_end_and_named():
    last = CROFactory.create(name="Now")
    middle = CROFactory.create(status=CROStatus.MERGED, successor=last)
    first = CROFactory.create(name="Then", status=CROStatus.MERGED, successor=middle)

    chosen = choose([first.slug, last.slug])

    assert chosen.cros == (last,)
    assert chosen.notes == ["Then became part of Now, which is shown instead."]


def test_a_circle_of_mergers_ends():
    a, b = CROFactory.create_batch(2)
    for one, other in ((a, b), (b, a)):
        one.status, one.successor = CROStatus.MERGED, other
        one.save()

    assert choose([a.slug]).cros == ()


def test_the_seventh_is_left_out_and_named():
    cros = CROFactory.create_batch(7)

    chosen = choose([cro.slug for cro in cros])

    assert chosen.cros == tuple(cros[:6])
    assert cros[6].name in chosen.notes[0]
    assert "The first 6 are compared; 1 more was left out" in chosen.notes[0]


@pytest.mark.parametrize(
    "slug", ["nobody", "", "a\0b", "x" * 101, "'; DROP TABLE", "<b>", "٣‮"]
)
def test_an_unknown_slug_is_named_and_the_others_stay(slug):
    cro = CROFactory.create()

    chosen = choose([slug, cro.slug])

    assert chosen.cros == (cro,)
    assert chosen.unknown == (slug,)


def test_a_draft_is_as_unknown_as_nobody():
    cro = CROFactory.create(status=CROStatus.DRAFT)

    assert choose([cro.slug]).unknown == (cro.slug,)


def test_a_closed_cro_is_named():
    cro = CROFactory.create(name="Gone", status=CROStatus.CLOSED)

    assert choose([cro.slug]).notes == ["Gone no longer operates and is not compared."]


def test_thousands_of_slugs_are_not_looked_up(django_assert_num_queries):
    cro = CROFactory.create()

    with django_assert_num_queries(1):
        chosen = choose([cro.slug, *(f"nobody-{i}" for i in range(5000))])

    assert chosen.cros == (cro,)
    assert chosen.n_unread == 4951


@pytest.mark.parametrize("n", [1, 6])
def test_a_comparison_takes_as_many_queries_for_one_as_for_six(
    n, django_assert_num_queries
):
    poland = TermFactory.create(scheme__code="country", code="pl")
    phase = TermFactory.create(scheme__code="phase", code="phase-2")
    TermFactory.create(scheme__code="therapeutic_area", code="c04")
    condition = TermFactory.create(scheme__code="condition", tree_numbers=["C04.1"])
    cros = CROFactory.create_batch(n)
    for cro in cros:
        for _ in range(3):
            ClaimFactory.create(cro=cro)
            trial = TrialRoleFactory.create(cro=cro, trial__phase=phase).trial
            trial.countries.add(poland)
            trial.conditions.add(condition)

    with django_assert_num_queries(7):
        compare(cros, on=TODAY)

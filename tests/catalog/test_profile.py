"""The pages of one CRO."""

import datetime as dt
import uuid

import pytest
from django.core.cache import cache
from django.urls import reverse

from catalog.choices import AliasKind, ClaimStatus, CROStatus, Register, RoleKind
from catalog.models import Claim, CompleteList, TrialCondition, TrialCountry, TrialRole
from catalog.profile.facts import evidence_grade, size_band
from catalog.profile.sources import CLAIMS_A_PAGE
from catalog.profile.tabs import TABS, tab_url
from tests.factories import (
    AliasFactory,
    ClaimFactory,
    CROFactory,
    SchemeFactory,
    TermFactory,
    TrialFactory,
    TrialRoleFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_cached():
    cache.clear()


def show(client, cro, tab="overview", *, htmx=False, **query):
    headers = {"HX-Request": "true", "HX-Boosted": "true", "HX-Target": "profile"}
    response = client.get(tab_url(cro, tab), query, headers=headers if htmx else {})
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def area(code="c04", label="Oncology"):
    return TermFactory.create(
        scheme__code="therapeutic_area",
        code=code,
        label=label,
        tree_numbers=[code.upper()],
    )


def condition(tree, **kwargs):
    return TermFactory.create(scheme__code="condition", tree_numbers=[tree], **kwargs)


def trial(cro, *, tree="", phase=None, country=None, kind=RoleKind.COLLABORATOR, **kw):
    made = TrialFactory.create(phase=phase, **kw)
    if tree:
        TrialCondition.objects.create(trial=made, term=condition(tree))
    if country:
        TrialCountry.objects.create(trial=made, country=country)
    TrialRoleFactory.create(cro=cro, trial=made, kind=kind)
    return made


def phase(code="phase-2"):
    return TermFactory.create(
        scheme__code="phase", code=code, label=code.replace("-", " ").capitalize()
    )


def poland():
    return TermFactory.create(scheme__code="country", code="pl", label="Poland")


# All tabs


@pytest.mark.parametrize("tab", TABS)
def test_a_cro_nobody_knows_anything_of_still_has_every_tab(client, tab):
    text = show(client, CROFactory.create(name="Baltica"), tab)

    assert "Baltica" in text
    assert "not known" in text
    assert "No claim yet" in text or "no claim yet" in text


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_is_a_link_that_htmx_swaps_without_the_rest(client, tab):
    cro = CROFactory.create(name="Baltica")

    whole = show(client, cro, tab)
    part = show(client, cro, tab, htmx=True)

    assert f'href="{tab_url(cro, tab)}" aria-current="page"' in whole
    assert "<html" not in part
    assert f"<title>{TABS[tab]} · Baltica" in part
    assert 'aria-current="page"' in part


@pytest.mark.parametrize("tab", TABS)
def test_a_draft_has_no_tab(client, tab):
    cro = CROFactory.create(status=CROStatus.DRAFT)

    assert client.get(tab_url(cro, tab)).status_code == 404


def test_a_merged_cro_leads_to_the_same_tab_of_its_successor(client):
    successor = CROFactory.create(name="Baltica")
    former = CROFactory.create(
        name="Amber", status=CROStatus.MERGED, successor=successor
    )

    response = client.get(tab_url(former, "services"), follow=True)

    assert response.redirect_chain[0][0].startswith(tab_url(successor, "services"))
    assert "Amber became part of Baltica" in response.content.decode()


@pytest.mark.parametrize(
    ("tab", "queries"),
    [
        ("overview", 24),
        ("experience", 16),
        ("countries", 11),
        ("services", 7),
        ("technology", 7),
        ("team", 19),
        ("quality", 20),
        ("sources", 10),
    ],
)
@pytest.mark.parametrize("n", [1, 20])
def test_a_tab_asks_the_same_number_of_queries(
    client, tab, queries, n, django_assert_num_queries
):
    cro = CROFactory.create()
    for i in range(n):
        country = TermFactory.create(scheme__code="country")
        former = CROFactory.create(status=CROStatus.MERGED, successor=cro)
        regulator = TermFactory.create(scheme__code="regulator")
        regulator.broader.add(country)
        for scheme in ("service", "technology", "certification", "metric", "cro_type"):
            term = TermFactory.create(scheme__code=scheme)
            source = ClaimFactory.create(cro=cro, term=term, country=country)
            ClaimFactory.create(cro=cro, term=term, answer=False, country=country)
            assert source.cro == cro
        ClaimFactory.create(cro=cro, term=regulator)
        ClaimFactory.create(cro=cro, term=country, aspect="staff")
        ClaimFactory.create(cro=cro, term=area(f"c{i:02}"), delivery="partner")
        AliasFactory.create(cro=cro)
        for owner in (cro, former):
            trial(
                owner,
                tree=f"C{i:02}.1",
                phase=phase(f"phase-{i}-{owner.pk}"),
                country=country,
                start_date=dt.date(2000 + i, 1, 1),
            )

    with django_assert_num_queries(queries):
        show(client, cro, tab)


# Facts


def test_a_claim_says_answer_delivery_grade_and_date(client):
    claim = ClaimFactory.create(delivery="partner", tier=4)

    text = show(client, claim.cro, "sources")

    assert claim.term.label in text
    assert "named partner or subcontractor" in text
    assert "T4" in text
    assert "1 June 2026" in text


def test_both_sides_of_a_contradiction_are_shown_as_disputed(client):
    yes = ClaimFactory.create()
    ClaimFactory.create(cro=yes.cro, term=yes.term, answer=False)

    text = show(client, yes.cro, "services")

    assert text.count("claim-cell--disputed") == 2


def test_better_evidence_settles_a_contradiction(client):
    yes = ClaimFactory.create(tier=5)
    ClaimFactory.create(cro=yes.cro, term=yes.term, answer=False, tier=4)

    assert "claim-cell--disputed" not in show(client, yes.cro, "services")


def test_an_expired_claim_is_faded_with_the_reason_and_not_known(client):
    claim = ClaimFactory.create(expires_on=dt.date(2026, 6, 2))

    assert "expired on 2 June 2026" in show(client, claim.cro, "services")
    assert "claim-cell--stale" in show(client, claim.cro, "services")
    assert "<strong>0 of 1</strong>" in show(client, claim.cro)


def test_what_is_not_known_is_told_as_questions(client):
    claim = ClaimFactory.create(term__label="Monitoring")
    TermFactory.create(scheme=claim.term.scheme, label="Data management")

    text = show(client, claim.cro)

    assert "<strong>1 of 2</strong> facts known" in text
    assert "Which of these do you offer" in text
    assert "<li>Data management</li>" in text
    assert "<li>Monitoring</li>" not in text


def test_a_heading_is_no_fact_to_know(client):
    heading = TermFactory.create()
    claim = ClaimFactory.create(term__parent=heading, term__scheme=heading.scheme)

    assert "<strong>1 of 1</strong> facts known" in show(client, claim.cro)


def test_a_complete_list_leaves_nothing_to_ask(client):
    cro = CROFactory.create()
    term = TermFactory.create()
    CompleteList.objects.create(
        cro=cro, scheme=term.scheme, declared_on=dt.date(2026, 1, 1)
    )

    assert "<strong>1 of 1</strong> facts known" in show(client, cro)
    assert "A curator declared this list complete" in show(client, cro, "services")


def test_claims_stand_beside_what_registers_show(client):
    cro = CROFactory.create()
    for code, answer in (("c04", True), ("c10", True), ("c14", False)):
        ClaimFactory.create(cro=cro, term=area(code), answer=answer)
    for tree in ("C04.588", "C04.1.2", "C14.907"):
        trial(cro, tree=tree)

    text = show(client, cro)

    assert "supported by 2 trials" in text
    assert "not seen in the registers" in text
    assert "contradicted by 1 trial<" in text


@pytest.mark.parametrize(
    ("headcount", "name"),
    [
        (49, "Micro"),
        (50, "Small"),
        (500, "Mid-sized"),
        (4999, "Mid-sized"),
        (5e3, "Large"),
    ],
)
def test_size_bands_end_where_the_filters_do(headcount, name):
    assert size_band(headcount)[0] == name


def test_the_head_says_size_home_and_grade(client):
    cro = CROFactory.create()
    ClaimFactory.create(
        cro=cro, term__scheme__code="metric", term__code="headcount-fte", value=120
    )
    ClaimFactory.create(cro=cro, term=poland(), aspect="headquarters")

    text = show(client, cro)

    assert "Small <" in text
    assert "<dt>Home</dt><dd>Poland" in text
    assert "Grade D" in text


@pytest.mark.parametrize(
    ("n_good", "n", "grade"),
    [(0, 0, ""), (0, 10, "D"), (1, 99, "C"), (3, 12, "B"), (5, 10, "A")],
)
def test_the_grade_is_the_share_of_good_evidence(n_good, n, grade):
    assert evidence_grade(n_good, n) == grade


def test_names_and_mergers_are_told_in_order(client):
    cro = CROFactory.create()
    CROFactory.create(
        name="Amber",
        status=CROStatus.MERGED,
        successor=cro,
        succeeded_on=dt.date(2020, 5, 1),
    )
    AliasFactory.create(
        cro=cro, name="Old Name", kind=AliasKind.FORMER, valid_to=dt.date(2012, 1, 1)
    )

    text = show(client, cro)

    assert text.index("also called Old Name") < text.index("Amber became part of it")


def test_similar_cros_are_named_with_the_reason(client):
    claim = ClaimFactory.create(term__label="Monitoring")
    ClaimFactory.create(cro__name="Amber Trials", term=claim.term)
    ClaimFactory.create(cro__name="Other Trials")

    text = show(client, claim.cro)

    assert "Amber Trials" in text
    assert "1 service: Monitoring" in text
    assert "Other Trials" not in text


# Experience


def test_a_cell_leads_to_its_trials(client):
    cro = CROFactory.create()
    area()
    two = phase("phase-2")
    trial(cro, tree="C04.588", phase=two, title="Tumour study")
    trial(cro, tree="C14.907", phase=two, title="Heart study")

    whole = show(client, cro, "experience")
    chosen = show(client, cro, "experience", area="c04", phase="phase-2")

    assert "?area=c04&amp;phase=phase-2" in whole
    assert "Tumour study" in chosen
    assert "Heart study" not in chosen
    assert "1 trial of 2" in chosen


def test_a_trial_of_no_known_area_is_counted_as_not_said(client):
    cro = CROFactory.create()
    trial(cro, title="Bare study")

    text = show(client, cro, "experience", area="not-said", phase="not-said")

    assert "Bare study" in text


def test_an_unknown_choice_is_told_and_filters_nothing(client):
    cro = CROFactory.create()
    trial(cro, title="Tumour study")

    text = show(client, cro, "experience", area="<b>", year="x", sort="y", page="-7")

    assert "No trial here has the area “&lt;b&gt;”" in text
    assert "Tumour study" in text


def test_trials_sort_and_unknown_comes_last(client):
    cro = CROFactory.create()
    for title, participants in (("Few", 5), ("Many", 900), ("Unsaid", None)):
        trial(cro, title=title, participants=participants)

    text = show(client, cro, "experience", sort="-participants")

    assert text.index(">Many<") < text.index(">Few<") < text.index(">Unsaid<")
    assert 'aria-sort="descending"' in text


def test_a_site_is_no_experience(client):
    cro = CROFactory.create()
    trial(cro, kind=RoleKind.FACILITY)

    assert "No registered trial names it" in show(client, cro, "experience")


def test_inherited_trials_are_left_out_until_asked_for_and_labelled(client):
    cro = CROFactory.create()
    former = CROFactory.create(name="Amber", status=CROStatus.MERGED, successor=cro)
    trial(cro, title="Own study")
    trial(former, title="Older study")

    without = show(client, cro, "experience")
    with_them = show(client, cro, "experience", inherited="1")

    assert "Older study" not in without
    assert "Older study" in with_them
    assert "inherited from Amber" in with_them


def test_with_the_inherited_trials_it_says_how_many_of_those_shown_they_are(client):
    cro = CROFactory.create()
    former = CROFactory.create(name="Amber", status=CROStatus.MERGED, successor=cro)
    trial(cro, participants=20)
    trial(former, participants=20)
    both = trial(cro, participants=900)
    TrialRoleFactory.create(cro=former, trial=both)

    text = show(client, cro, "experience", inherited="1")
    small = show(client, cro, "experience", inherited="1", size="under-100")

    assert "3 trials, 1 of them inherited" in text
    assert "2 trials of 3, 1 of them inherited" in small


def test_trials_are_cut_by_country_size_and_sponsor(client):
    cro = CROFactory.create()
    poland = TermFactory.create(scheme__code="country", code="pl", label="Poland")
    amber = {"sponsor_key": "amber", "lead_sponsor": "Amber Biotech"}
    small = {"sponsor_class": "INDUSTRY", "sponsor_size": "small", **amber}
    trial(cro, title="First", country=poland, participants=80, **small)
    trial(cro, title="Second", participants=99, **small)
    trial(cro, title="Third", participants=100, sponsor_key="once", lead_sponsor="X")
    trial(cro, title="Fourth", **amber, kind=RoleKind.LEAD)

    whole = show(client, cro, "experience")

    for query, label, n in (
        ("country=pl", "Poland", 1),
        ("country=not-said", "Not said", 3),
        ("size=under-100", "Under 100", 2),
        ("size=100-499", "100 to 499", 1),
        ("class=industry", "Industry", 2),
        ("sponsor-size=small", "Small", 2),
        ("sponsor=amber", "Amber Biotech", 2),
    ):
        line = f'<a href="?{query}">{label}</a> <span class="muted">{n}</span>'
        assert line in whole
        name, code = query.split("=")
        assert f"{n} trial{'' if n == 1 else 's'} of 4" in show(
            client, cro, "experience", **{name: code}
        )
    assert "1 of 2 sponsors with two trials or more." in whole


def test_a_cut_counts_within_the_other_choices_and_can_be_taken_off(client):
    cro = CROFactory.create()
    for country in ("Poland", "Spain"):
        place = TermFactory.create(
            scheme__code="country", code=country.lower(), label=country
        )
        trial(cro, country=place, participants=80 if country == "Poland" else 900)

    text = show(client, cro, "experience", country="poland")
    wrong = show(client, cro, "experience", **{"sponsor-size": "huge"})

    assert '<a href="?country=spain">Spain</a>' in text
    assert '<a href="?" aria-current="true">Poland</a>' in text
    assert "500 to 1,999" not in text
    assert "No trial here has the size of sponsor “huge”" in wrong
    assert "2 trials" in wrong


@pytest.mark.ignore_template_errors  # the admin's own templates
def test_curators_find_the_claims_that_trials_contradict(client):
    cro = CROFactory.create()
    two = phase("phase-2")
    narrower = TermFactory.create(scheme__code="phase", code="phase-2a", parent=two)
    poland = TermFactory.create(scheme__code="country", code="pl")
    cancer, heart = area(), area("c14", "Cardiovascular")
    trial(cro, tree="C04.588", phase=narrower, country=poland)
    wrong = [
        ClaimFactory.create(cro=cro, term=term, answer=False, delivery="")
        for term in (two, narrower, poland, cancer)
    ]
    for term in (heart, TermFactory.create(scheme__code="service")):
        ClaimFactory.create(cro=cro, term=term, answer=False, delivery="")
    ClaimFactory.create(cro=cro, term=cancer)
    ClaimFactory.create(term=cancer, answer=False, delivery="")
    ClaimFactory.create(
        cro=cro, term=poland, answer=False, delivery="", aspect="legal_entity"
    )

    assert set(Claim.objects.contradicted()) == set(wrong)

    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    page = client.get(
        reverse("admin:catalog_claim_changelist"), {"registers": "contradicted"}
    )
    assert set(page.context["cl"].result_list) == set(wrong)


def test_trials_link_to_their_register_and_unknown_is_said(client):
    cro = CROFactory.create()
    trial(
        cro,
        register=Register.CTGOV,
        registry_id="NCT01234567",
        record_version="2024-05-06",
    )
    TrialRole.objects.update(name_as_written="Amber, Inc.")

    text = show(client, cro, "experience")

    assert "https://clinicaltrials.gov/study/NCT01234567" in text
    assert "6 May 2024" in text
    assert "Collaborator: “Amber, Inc.”" in text
    assert "not said" in text


# Countries, services, technology, quality


def test_entity_staff_trials_and_submissions_are_told_apart(client):
    cro = CROFactory.create()
    country = poland()
    ClaimFactory.create(cro=cro, term=country, aspect="legal_entity")
    regulator = TermFactory.create(scheme__code="regulator", label="URPL")
    regulator.broader.add(country)
    ClaimFactory.create(cro=cro, term=regulator)
    trial(cro, country=country, start_date=dt.date(2024, 3, 1))

    text = show(client, cro, "countries")

    assert "<dd>1</dd>" in text
    assert "URPL" in text
    assert "latest 2024" in text
    assert "Registered trials by country" in text
    # An entity and a trial do not make staff.
    assert text.count('<td> <span class="unknown">not known') == 1


def test_a_technology_says_product_and_validation(client):
    cro = CROFactory.create()
    for product, is_validated in (("Alpha", True), ("Beta", False), ("Gamma", None)):
        ClaimFactory.create(
            cro=cro,
            term__scheme__code="technology",
            qualifiers={"product": product}
            | ({} if is_validated is None else {"is_validated": is_validated}),
        )

    text = show(client, cro, "technology")

    assert "Alpha" in text
    assert ">validated<" in text
    assert ">not validated<" in text
    assert "validation not known" in text


def test_a_certificate_says_number_issuer_scope_and_expiry(client):
    cro = CROFactory.create()
    ClaimFactory.create(
        cro=cro,
        term__scheme__code="certification",
        qualifiers={"number": "N-1", "issuer": "Body", "scope": "Data"},
        expires_on=dt.date(2099, 1, 1),
    )

    text = show(client, cro, "quality")

    for words in ("N-1", "Body", "Data", "1 January 2099"):
        assert words in text


def test_a_metric_is_shown_in_its_unit_beside_its_peers(client):
    term = TermFactory.create(
        scheme__code="metric",
        code="staff-turnover",
        attributes={"unit": "share of staff a year"},
    )
    for value in ("0.05", "0.10", "0.15", "0.20", "0.25"):
        claim = ClaimFactory.create(term=term, value=value)

    text = show(client, claim.cro, "team")

    assert "25 % of staff a year" in text
    assert "7 % to 23 %" in text
    assert "n = 5" in text


def test_too_few_peers_give_no_band(client):
    claim = ClaimFactory.create(
        term__scheme__code="metric", term__code="staff-turnover", value="0.1"
    )

    assert "fewer than 5 CROs" in show(client, claim.cro, "team")


def test_milestones_are_a_share_of_those_due(client):
    cro = CROFactory.create()
    for code, values in (
        ("milestones-due", (20, 40)),
        ("milestones-on-time", (15, 34)),
    ):
        term = TermFactory.create(scheme__code="metric", code=code)
        for year, value in zip((2024, 2025), values, strict=True):
            ClaimFactory.create(
                cro=cro, term=term, value=value, observed_on=dt.date(year, 12, 31)
            )

    text = show(client, cro, "team")

    assert "2024: 75 %" in text
    assert "2025: 85 %" in text
    assert "34 of 40" in text


# Sources


def test_the_log_keeps_what_no_longer_counts_and_hides_what_waits(client):
    cro = CROFactory.create()
    states = (ClaimStatus.SUPERSEDED, ClaimStatus.WITHDRAWN, ClaimStatus.PROPOSED)
    old, gone, waiting = (
        ClaimFactory.create(cro=cro, status=status) for status in states
    )

    text = show(client, cro, "sources")

    assert old.term.label in text
    assert gone.term.label in text
    assert waiting.term.label not in text


def test_the_log_is_filtered_by_state_and_list(client):
    cro = CROFactory.create()
    kept = ClaimFactory.create(cro=cro, expires_on=dt.date(2026, 6, 2))
    other = ClaimFactory.create(cro=cro)

    text = show(client, cro, "sources", state="expired", scheme="service")

    assert kept.term.label in text
    assert other.term.label not in text


def test_an_unknown_state_is_told_and_filters_nothing(client):
    claim = ClaimFactory.create()

    text = show(client, claim.cro, "sources", state="lost")

    assert "There is no state “lost” here" in text
    assert claim.term.label in text


def test_the_log_says_who_verified(client):
    claim = ClaimFactory.create(
        verified_by=UserFactory.create(name="Ada Curator"),
        verified_at=dt.datetime(2026, 7, 1, tzinfo=dt.UTC),
    )

    assert "verified by Ada Curator on" in show(client, claim.cro, "sources")


def test_a_claim_has_an_address_that_leads_to_its_place(client):
    cro = CROFactory.create()
    oldest = ClaimFactory.create(cro=cro, observed_on=dt.date(2020, 1, 1))
    ClaimFactory.create_batch(CLAIMS_A_PAGE, cro=cro)
    url = reverse("catalog:claim-detail", args=[cro.slug, oldest.uuid])

    response = client.get(url)

    assert response.status_code == 302
    assert response.url.endswith(f"/sources/?page=2#claim-{oldest.uuid}")
    assert f'id="claim-{oldest.uuid}"' in show(client, cro, "sources", page=2)


@pytest.mark.parametrize("status", [ClaimStatus.PROPOSED, ClaimStatus.ACCEPTED])
def test_a_claim_that_is_not_public_or_of_another_cro_is_not_there(client, status):
    claim = ClaimFactory.create(status=status)
    other = CROFactory.create()
    owner = claim.cro if status == ClaimStatus.PROPOSED else other

    for number in (claim.uuid, uuid.uuid4()):
        url = reverse("catalog:claim-detail", args=[owner.slug, number])
        assert client.get(url).status_code == 404


def test_a_list_without_claims_is_no_filter(client):
    SchemeFactory.create(code="technology", label="Technology list")
    claim = ClaimFactory.create()

    assert "Technology list" not in show(client, claim.cro, "sources")

"""Loading the market: what is written, replaced and left alone."""

import pytest
from django.core.exceptions import ValidationError

from catalog.choices import ClaimStatus, Register
from catalog.models import (
    CRO,
    Alias,
    CatalogState,
    Claim,
    CompleteList,
    Source,
    Term,
    Trial,
    TrialCondition,
    TrialCountry,
    TrialRole,
)
from catalog.services.demo import load_demo_market
from catalog.signals import catalog_changed
from tests.demo_vocabulary import store_vocabulary
from tests.factories import (
    ClaimFactory,
    CROFactory,
    TrialFactory,
    TrialRoleFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def words():
    store_vocabulary()


@pytest.fixture
def announced():
    """Collect what the catalogue announces."""
    heard = []

    def hear(sender, cro_ids, **kwargs):
        heard.append(cro_ids)

    catalog_changed.connect(hear)
    yield heard
    catalog_changed.disconnect(hear)


def contents():
    """Everything loaded, without keys that a sequence gave."""
    return {
        "cros": list(
            CRO.objects.order_by("slug").values_list(
                "uuid", "slug", "name", "status", "successor__slug", "created_at"
            )
        ),
        "claims": list(
            Claim.objects.order_by("uuid").values_list(
                "uuid", "cro__slug", "term__code", "answer", "value", "tier", "source__uuid"
            )
        ),
        "roles": list(
            TrialRole.objects.order_by("trial__registry_id", "cro__slug", "kind")
            .values_list("trial__registry_id", "cro__slug", "kind", "name_as_written")
        ),
    }  # fmt: skip


def test_writes_what_it_reports(words):
    report = load_demo_market(n_cros=40, seed=1)
    assert report.rows == {
        "CROs": CRO.objects.filter(is_fictional=True).count(),
        "aliases": Alias.objects.count(),
        "sources": Source.objects.count() - 1,  # one says which market it is
        "claims": Claim.objects.count(),
        "complete lists": CompleteList.objects.count(),
        "trials": Trial.objects.filter(register=Register.DEMO).count(),
        "conditions of trials": TrialCondition.objects.count(),
        "countries of trials": TrialCountry.objects.count(),
        "roles": TrialRole.objects.count(),
    }
    assert report.rows["CROs"] == 40


def test_rows_are_valid_in_the_eyes_of_the_models(words):
    load_demo_market(n_cros=15, seed=1)
    for cro in CRO.objects.all():
        cro.full_clean()
    for trial in Trial.objects.all()[:50]:
        trial.full_clean()
    for claim in Claim.objects.filter(status=ClaimStatus.ACCEPTED)[:200]:
        claim.full_clean(validate_unique=False, validate_constraints=False)


def test_a_second_load_changes_nothing(words, announced, django_assert_max_num_queries):
    load_demo_market(n_cros=20, seed=1)
    before, version = contents(), CatalogState.objects.get().version
    with django_assert_max_num_queries(1):
        report = load_demo_market(n_cros=20, seed=1)
    assert not report.is_new
    assert contents() == before
    assert CatalogState.objects.get().version == version
    assert announced == [None]


def test_another_seed_replaces_and_the_first_comes_back_the_same(words):
    load_demo_market(n_cros=20, seed=1)
    first = contents()
    load_demo_market(n_cros=20, seed=2)
    second = contents()
    assert len(second["cros"]) == 20
    assert not {row[0] for row in first["cros"]} & {row[0] for row in second["cros"]}
    load_demo_market(n_cros=20, seed=1)
    assert contents() == first


def test_raises_the_version_once_and_marks_each_cro(words):
    load_demo_market(n_cros=10, seed=1)
    version = CatalogState.objects.get().version
    assert set(CRO.objects.values_list("catalog_version", flat=True)) == {version}
    load_demo_market(n_cros=10, seed=2)
    assert CatalogState.objects.get().version == version + 1


def test_real_rows_stay(words):
    real = CROFactory.create(name="A real CRO", is_fictional=False)
    claim = ClaimFactory.create(cro=real, term=Term.objects.of("service")[0])
    trial = TrialFactory.create(register=Register.CTGOV, registry_id="NCT00000001")
    role = TrialRoleFactory.create(cro=real, trial=trial)
    load_demo_market(n_cros=10, seed=1)
    # A curator used a source of the demo for a real claim.
    claim.source = Source.objects.exclude(claims=None)[0]
    claim.save()
    load_demo_market(n_cros=10, seed=2)
    for row in (real, claim, trial, role, claim.source):
        row.refresh_from_db()
    assert real.catalog_version == 0


def test_says_what_still_needs_a_demo_cro(words):
    load_demo_market(n_cros=10, seed=1)
    demo = CRO.objects.filter(status="listed")[0]
    CROFactory.create(name="Buyer", is_fictional=False, successor=demo)
    with pytest.raises(ValidationError, match="“Buyer” needs it"):
        load_demo_market(n_cros=10, seed=2)
    assert CRO.objects.filter(is_fictional=True).count() == 10


def test_missing_terms_are_named():
    with pytest.raises(
        ValidationError, match=r"run manage\.py load_vocabularies first"
    ):
        load_demo_market(n_cros=10, seed=1)


def test_no_cro_at_all_is_refused(words):
    with pytest.raises(ValidationError, match="at least one"):
        load_demo_market(n_cros=0, seed=1)

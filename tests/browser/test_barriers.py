"""Every page a person can reach: no serious barrier, and no sideways scrolling."""

from itertools import chain

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError, transaction
from django.urls import URLResolver, get_resolver, reverse
from django.utils import timezone

from catalog import home as home_page
from catalog.choices import ClaimStatus, CROStatus
from catalog.models import SavedSearch
from catalog.profile.tabs import TABS
from cro_portal.accounts.models import ApiToken
from matching import hints, scenarios, services
from tests.changes import mark_changed
from tests.factories import (
    AliasFactory,
    ClaimFactory,
    CROFactory,
    RequirementFactory,
    StudyFactory,
    TermFactory,
    TrialRoleFactory,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LOOKS = [("light", 1280), ("light", 390), ("dark", 1280), ("dark", 390)]
SERIOUS = {"serious", "critical"}
AXE = Axe()
# Its `preload` would fetch the imported sheets from wrong addresses.
OPTIONS = {"resultTypes": ["violations"], "preload": False}
# What is only good practice is moderate at most.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
DARK_RULES = {"runOnly": ["color-contrast"]}
AXE_RUN = """async options => (await axe.run(options)).violations.map(
  ({impact, help, nodes}) =>
    ({impact, help, where: nodes.slice(0, 3).map(node => node.target)}))"""

PAGES = {
    "home": ["/"],
    "method": ["/method/"],
    "evidence": ["/evidence/"],
    "accounts:login": ["/accounts/login/"],
    "accounts:password-reset": ["/accounts/password-reset/"],
    "accounts:password-reset-sent": ["/accounts/password-reset/sent/"],
    "accounts:password-reset-confirm": ["/accounts/password-reset/MQ/used-up/"],
    "accounts:password-reset-complete": ["/accounts/password-reset/complete/"],
    "accounts:token-list": ["/accounts/tokens/"],
    "catalog:cro-list": ["/cros/", "/cros/?view=table&service=asked", "/cros/?q=zzz"],
    "catalog:cro-detail": [
        "/cros/baltica/",
        "/cros/empty/",
        "/cros/closed/",
        "/cros/gone/",
    ],
    **{
        f"catalog:cro-{tab}": [f"/cros/baltica/{tab}/", f"/cros/empty/{tab}/"]
        for tab in TABS
        if tab != "overview"
    },
    "catalog:coverage": ["/cros/coverage/"],
    "catalog:saved-list": ["/cros/saved/"],
    "catalog:saved-create": ["/cros/saved/new/?service=asked"],
    "catalog:saved-detail": ["/cros/saved/{saved}/"],
    "matching:cro-compare": [
        "/cros/compare/",
        "/cros/compare/?cro=baltica&cro=empty&cro=nobody&study={study}",
    ],
    "matching:ranking": ["/studies/{study}/ranking/", "/studies/{blank}/ranking/"],
    "matching:what-if": ["/studies/{study}/ranking/what-if/"],
    "matching:certainty": ["/studies/{study}/ranking/certainty/"],
    "matching:panel": ["/studies/{study}/panel/", "/studies/{blank}/panel/"],
    "matching:changes": ["/studies/{study}/ranking/changes/"],
    "matching:questions": ["/studies/{study}/ranking/questions/"],
    "matching:versus": [
        "/studies/{study}/ranking/versus/",
        "/studies/{study}/ranking/versus/?a=baltica&b=nobody",
    ],
    "matching:scenario-list": [
        "/studies/{study}/scenarios/",
        "/studies/{blank}/scenarios/",
    ],
    "matching:scenario-compare": ["/studies/{study}/scenarios/compare/?s={scenario}"],
    "matching:scenario-detail": ["/studies/{study}/scenarios/{scenario}/"],
    "matching:scenario-delete": ["/studies/{study}/scenarios/{scenario}/delete/"],
    "matching:why": ["/studies/{study}/ranking/why/baltica/"],
    "sponsors:study-list": ["/studies/"],
    "sponsors:study-create": ["/studies/new/"],
    "sponsors:study-detail": ["/studies/{study}/"],
    "sponsors:study-edit": ["/studies/{study}/edit/"],
    "sponsors:study-weights": [
        "/studies/{study}/weights/",
        "/studies/{study}/weights/?way=rank",
        "/studies/{study}/weights/?way=swing",
    ],
    "sponsors:study-weights-own": ["/studies/{study}/weights/mine/"],
    "sponsors:study-weights-pairs": ["/studies/{study}/weights/pairs/"],
}
"""Addresses by the name of their route; `{study}` and the like are filled in."""

NO_PAGES = {
    "accounts:logout",  # leads on
    "accounts:token-revoke",
    "catalog:claim-detail",
    "catalog:saved-delete",
    "catalog:saved-seen",
    "catalog:suggest",  # a part of a page
    "catalog:tray",
    "healthz",  # for machines
    "matching:certainty-cancel",
    "matching:certainty-start",
    "matching:cro-compare-csv",
    "matching:cro-compare-suggest",
    "matching:cro-compare-xlsx",
    "matching:questions-csv",
    "matching:questions-xlsx",
    "matching:ranking-refresh",
    "matching:scenario-create",
    "readyz",
    "sponsors:study-archive",
    "sponsors:study-blind",
    "sponsors:study-unarchive",
    "sponsors:study-weights-freeze",
    "sponsors:study-weights-withdraw",
    "sponsors:term-row",
    "sponsors:term-suggest",
}

ERRORS = {
    400: SuspiciousOperation("strange"),
    403: PermissionDenied("not yours"),
    500: RuntimeError("broken"),
    503: OperationalError("away"),
}


def routes(resolver, namespace=""):
    for one in resolver.url_patterns:
        if not isinstance(one, URLResolver):
            yield namespace + one.name
        elif one.namespace not in ("admin", "api"):
            inner = f"{one.namespace}:" if one.namespace else namespace
            yield from routes(one, inner)


def test_each_route_has_a_line_here():
    """A route that is new belongs into PAGES, or into NO_PAGES."""
    assert set(routes(get_resolver())) == PAGES.keys() | NO_PAGES
    assert not PAGES.keys() & NO_PAGES


@pytest.fixture
def filled_in(member, monkeypatch):
    """Make a CRO much is known of, an empty one, and one's own rows; give their keys."""
    cache.clear()
    monkeypatch.setattr(hints, "_send", lambda *hint: None)
    asked = TermFactory.create(code="asked", label="Asked for")
    cro = CROFactory.create(name="Baltica Trials", slug="baltica", summary="One line.")
    CROFactory.create(name="Empty", slug="empty")
    CROFactory.create(name="Closed", slug="closed", status=CROStatus.CLOSED)
    CROFactory.create(name="Gone", slug="gone", status=CROStatus.MERGED, successor=cro)
    CROFactory.create_batch(2)
    AliasFactory.create(cro=cro)
    ClaimFactory.create(cro=cro, term=asked)
    for scheme in ("region", "country", "phase", "therapeutic_area", "technology"):
        ClaimFactory.create(cro=cro, term__scheme__code=scheme, tier=5)
    ClaimFactory.create(cro=cro, status=ClaimStatus.DISPUTED)
    ClaimFactory.create(cro=cro, expires_on="2026-06-02")
    TrialRoleFactory.create(cro=cro, trial__title="Efficacy of DX-1 in adults " * 6)
    study = StudyFactory.create(sponsor=member.sponsor, title="Tea in adults")
    RequirementFactory.create(study=study, term=asked, importance="must")
    RequirementFactory.create(study=study)
    mark_changed(cro)
    with transaction.atomic():
        services.want_rankings([study.pk])
    assert services.recompute(study.pk)
    ApiToken.objects.create(user=member.user, name="test", scope="read")
    saved = SavedSearch.objects.create(
        user=member.user, name="Tea", query="service=asked", seen_at=timezone.now()
    )
    ranking = study.rankings.get()
    scenario = scenarios.create(
        study=study,
        by=member.user,
        name="Quality first",
        points={each["code"]: 10 for each in ranking.parameters["criteria"]},
        importances={},
    )
    return {
        "study": study.pk,
        "scenario": scenario.pk,
        "blank": StudyFactory.create(sponsor=member.sponsor).pk,
        "saved": saved.uuid,
    }


@pytest.fixture
def look_at(browser, live_server):
    """Look at addresses in every look; give a line for each fault found.

    The pages of one call share a context, and so their style sheets and scripts.
    """
    contexts = []

    def look(paths, cookies=()):
        context = browser.new_context(reduced_motion="reduce")
        contexts.append(context)
        context.add_cookies(
            [{"name": n, "value": v, "url": live_server.url} for n, v in cookies]
        )
        page = context.new_page()
        found = []
        for path in paths:
            page.goto(live_server.url + path)
            found += [f"{path}: {fault}" for fault in faults(page)]
        return found

    yield look
    for context in contexts:
        context.close()


def faults(page):
    page.evaluate(AXE.axe_script)
    for scheme, width in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        # In the dark only the colours differ.
        rules = DARK_RULES if scheme == "dark" else RULES
        for barrier in page.evaluate(AXE_RUN, OPTIONS | rules):
            if barrier["impact"] in SERIOUS:
                yield f"{scheme} {width}: {barrier['help']} at {barrier['where']}"
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            yield f"{scheme} {width}: scrolls sideways"


def test_no_page_has_a_barrier(look_at, session_of, member, filled_in):
    """One test for all pages: the rows behind them are made once."""
    addresses = {
        name: [path.format(**filled_in) for path in paths]
        for name, paths in PAGES.items()
    }
    of_visitors = addresses.pop("accounts:login")

    found = look_at(of_visitors)
    found += look_at(chain(*addresses.values()), session_of(member.user))

    assert found == []


def test_error_pages_have_no_barrier(look_at, monkeypatch):
    found = look_at(["/nothing/here/"])
    for status, error in ERRORS.items():

        def fail(error=error, **kwargs):
            raise error

        monkeypatch.setattr(home_page, "overview", fail)
        found += [f"{status} {fault}" for fault in look_at([reverse("home")])]

    assert found == []

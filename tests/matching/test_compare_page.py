import csv
from io import BytesIO, StringIO

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from catalog import snapshot
from catalog.choices import CROStatus
from catalog.models import TrayItem
from catalog.tray import tray_of
from cro_portal.common.spreadsheet import as_csv, as_xlsx, safe
from tests.factories import (
    ClaimFactory,
    CROFactory,
    MembershipFactory,
    RequirementFactory,
    StudyFactory,
    TermFactory,
    TrialRoleFactory,
)

pytestmark = pytest.mark.django_db


def get(client, *slugs, name="cro-compare", status=200, **query):
    response = client.get(reverse(f"matching:{name}"), {"cro": slugs, **query})
    assert response.status_code == status, response.headers
    return response


def page(client, *slugs, **query):
    return get(client, *slugs, **query).content.decode()


@pytest.fixture
def study(member):
    return StudyFactory.create(sponsor=member.sponsor, title="Tea in adults")


# The page


def test_without_a_cro_the_page_explains_and_lets_add(client):
    text = page(client)

    assert "Choose the CROs to compare" in text
    assert "Add a CRO by name" in text


def test_one_cro_is_shown_and_a_second_asked_for(client):
    cro = CROFactory.create()

    text = page(client, cro.slug)

    assert "Add a second CRO to see what differs." in text
    assert "Registered trials" in text


def test_columns_stand_in_the_order_asked_for_and_can_be_removed(client):
    a, b = CROFactory.create(name="Aaa", slug="aaa"), CROFactory.create(slug="bbb")

    text = page(client, "bbb", "aaa")

    assert text.index(f'href="{b.get_absolute_url()}"') < text.index(
        f'href="{a.get_absolute_url()}"'
    )
    assert 'class="compare__remove" href="/cros/compare/?cro=bbb"' in text


def test_a_seventh_an_unknown_and_a_merged_one_are_all_told(client):
    cros = CROFactory.create_batch(6)
    then = CROFactory.create(name="Then", status=CROStatus.MERGED, successor=cros[0])
    more = CROFactory.create(name="Too many")

    text = page(client, then.slug, "<b>nobody", *(c.slug for c in cros[1:]), more.slug)

    assert f"Then became part of {cros[0].name}, which is shown instead." in text
    assert "no CRO “&lt;b&gt;nobody”" in text
    assert "1 more was left out: Too many" in text


def test_only_differences_is_kept_in_the_address(client):
    term = TermFactory.create(label="Monitoring")
    a, b = (ClaimFactory.create(term=term).cro for _ in range(2))

    assert "Monitoring" in page(client, a.slug, b.slug)
    text = page(client, a.slug, b.slug, diff="1")
    assert "Monitoring" not in text
    assert "1 alike, left out" in text


def test_a_name_is_added_by_a_form_without_javascript(client):
    a = CROFactory.create(slug="aaa")
    CROFactory.create(slug="baltica", name="Baltica Trials")

    response = get(client, a.slug, add="baltica", status=302)

    assert response.headers["Location"] == "/cros/compare/?cro=aaa&cro=baltica"


def suggestions(client, **query):
    address = reverse("matching:cro-compare-suggest")
    return client.get(address, query).content.decode()


def test_suggested_cros_lead_to_the_comparison_with_them(client):
    CROFactory.create(slug="aaa", name="Teapot")
    CROFactory.create(slug="bbb", name="Teahouse")
    CROFactory.create(name="Tea draft", status=CROStatus.DRAFT)

    text = suggestions(client, add="tea", cro="aaa", diff="1")

    assert 'href="/cros/compare/?cro=aaa&amp;cro=bbb&amp;diff=1"' in text
    assert text.count('role="option"') == 1
    assert not suggestions(client, add="").strip()
    assert not suggestions(client, add="\0").strip()


def test_suggestions_keep_to_the_studies_of_the_reader(client):
    study = StudyFactory.create()
    address = reverse("matching:cro-compare-suggest")

    assert client.get(address, {"add": "t", "study": study.pk}).status_code == 404


def test_a_name_that_may_mean_several_is_asked_back(client):
    for slug in ("tea-east", "tea-west"):
        CROFactory.create(slug=slug, name=slug.replace("-", " ").title())

    text = page(client, add="tea")

    assert "Which “tea”?" in text
    assert "/cros/compare/?cro=tea-west" in text


@pytest.mark.parametrize("words", ["<script>", "a\0b", "'; --", "x" * 10_000, "é‮"])
def test_a_name_nobody_has_is_given_back(client, words):
    text = page(client, add=words)

    assert "No listed CRO is called" in text
    assert "<script>" not in text.split("</head>")[1].split("django_htmx")[0]


def test_a_long_group_shows_its_first_rows_and_a_way_to_all(client):
    cro = CROFactory.create()
    for i in range(20):
        ClaimFactory.create(cro=cro, term__label=f"Service {i:02}")

    assert "Show 8 more" in page(client, cro.slug)
    assert "Service 19" not in page(client, cro.slug)
    assert "Service 19" in page(client, cro.slug, more="services")


@pytest.mark.parametrize("n", [1, 6])
def test_the_page_takes_as_many_queries_for_one_as_for_six(
    client, n, django_assert_max_num_queries
):
    cros = [ClaimFactory.create().cro for _ in range(n)]

    with django_assert_max_num_queries(11):
        page(client, *(cro.slug for cro in cros))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("n", [1, 2, 6])
def test_a_study_costs_as_many_queries_for_one_as_for_six(
    client, member, study, n, django_assert_max_num_queries
):
    for term in TermFactory.create_batch(3):
        RequirementFactory.create(study=study, term=term)
    roles = [TrialRoleFactory.create() for _ in range(n)]
    for role in roles:
        ClaimFactory.create(cro=role.cro)
    slugs = [role.cro.slug for role in roles]
    client.force_login(member.user)
    snapshot.forget()
    get(client, *slugs, study=study.pk)  # the arrays are loaded

    with django_assert_max_num_queries(15):
        page(client, *slugs, study=study.pk)


# Need against offer


def test_each_requirement_is_held_against_each_cro(client, member, study):
    term = TermFactory.create(label="Monitoring")
    RequirementFactory.create(study=study, term=term, importance="must")
    own = ClaimFactory.create(term=term).cro
    partner = ClaimFactory.create(term=term, delivery="partner").cro
    no = ClaimFactory.create(term=term, answer=False).cro
    silent = CROFactory.create()
    client.force_login(member.user)

    response = get(client, own.slug, partner.slug, no.slug, silent.slug, study=study.pk)

    needs = response.context["needs"]
    assert [offer.words for offer in needs[0].offers] == [
        "met",
        "partly met",
        "not met",
        "unknown",
    ]
    assert needs[0].is_must
    assert "must have" in response.content.decode()
    assert "Monitoring: nobody has said, so it has to be asked." in (
        response.content.decode()
    )


def test_musts_stand_first(client, member, study):
    cro = CROFactory.create()
    for importance in ("low", "must", "high"):
        RequirementFactory.create(study=study, importance=importance)
    client.force_login(member.user)

    needs = get(client, cro.slug, study=study.pk).context["needs"]

    assert [need.importance for need in needs] == ["Must have", "High", "Low"]


def test_a_study_that_asks_nothing_says_so(client, member, study):
    cro = CROFactory.create()
    client.force_login(member.user)

    assert "This study asks for nothing yet." in page(client, cro.slug, study=study.pk)


@pytest.mark.parametrize("name", ["cro-compare", "cro-compare-csv", "cro-compare-xlsx"])
def test_somebody_elses_study_is_not_found(client, study, name):
    cro = CROFactory.create()
    get(client, cro.slug, study=study.pk, name=name, status=404)
    client.force_login(MembershipFactory.create().user)

    get(client, cro.slug, study=study.pk, name=name, status=404)


def test_a_study_that_is_no_id_is_not_found(client):
    get(client, CROFactory.create().slug, study="1 OR 1=1", status=404)


def test_only_ones_own_studies_are_offered(client, member, study):
    StudyFactory.create(title="Another's")
    client.force_login(member.user)

    text = page(client, CROFactory.create().slug)

    assert "Tea in adults" in text
    assert "Another's" not in text


# Export


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_begins_a_formula(start):
    assert safe(f"{start}1+1") == f"'{start}1+1"


def test_numbers_stay_numbers_and_control_characters_go():
    assert [safe(-1), safe(None), safe("a\x00b"), safe("1-2")] == [
        -1,
        None,
        "ab",
        "1-2",
    ]


def test_a_name_that_is_a_formula_is_text_in_both_files(client):
    cro = CROFactory.create(name='=HYPERLINK("http://x","y")')
    claim = ClaimFactory.create(
        cro=cro, term__label="@SUM(A1)", qualifiers={"product": "\x08tea"}
    )

    text = get(client, cro.slug, name="cro-compare-csv").content.decode("utf-8-sig")
    rows = list(csv.reader(StringIO(text)))
    cells = [cell for row in rows for cell in row]
    assert f"'{cro.name}" in cells
    assert f"'{claim.term.label}" in cells
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)

    content = get(client, cro.slug, name="cro-compare-xlsx").content
    sheet = load_workbook(BytesIO(content)).active
    assert not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)


def test_the_export_names_source_date_version_and_study(client, member, study):
    claim = ClaimFactory.create(term__label="Monitoring", tier=4)
    RequirementFactory.create(study=study, term=claim.term)
    client.force_login(member.user)

    response = get(
        client, claim.cro.slug, "nobody", study=study.pk, name="cro-compare-csv"
    )
    text = response.content.decode("utf-8-sig")

    assert "Order is never sold." in text
    assert "Catalogue version," in text
    assert "Study,Tea in adults" in text
    assert "no CRO “nobody”" in text
    assert 'Services,Monitoring,"yes, own",T4,2026-06-01' in text
    assert '"Needed: Service, high",Monitoring,met,T4,2026-06-01' in text
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")


def test_the_export_of_differences_leaves_out_the_same_rows(client):
    term = TermFactory.create(label="Monitoring")
    a, b = (ClaimFactory.create(term=term).cro for _ in range(2))

    every = get(client, a.slug, b.slug, name="cro-compare-csv").content.decode()
    some = get(client, a.slug, b.slug, diff=1, name="cro-compare-csv").content.decode()

    assert "Monitoring" in every
    assert "Monitoring" not in some


def test_there_is_nothing_to_export_without_a_cro(client):
    get(client, "nobody", name="cro-compare-csv", status=404)


def test_both_files_hold_the_same_table():
    rows = [["a", 1], ["=b", None]]

    sheet = load_workbook(BytesIO(as_xlsx(rows, title="T", n_head_rows=1))).active

    assert [list(row) for row in sheet.values] == [["a", 1], ["'=b", None]]
    assert as_csv(rows).decode("utf-8-sig").splitlines() == ["a,1", "'=b,"]


# The tray


def change(client, htmx=False, **data):
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(reverse("catalog:tray"), data, headers=headers)


def in_tray(client, path="/cros/"):
    return [cro.slug for cro in client.get(path).wsgi_request.compare_tray.cros]


def test_a_visitor_keeps_a_tray_in_the_session(client):
    a, b = CROFactory.create_batch(2)

    response = change(client, add=a.slug, next="/cros/?q=x")
    change(client, add=b.slug)
    change(client, remove=a.slug)

    assert response.headers["Location"] == "/cros/?q=x"
    assert in_tray(client) == [b.slug]
    assert not TrayItem.objects.exists()


def test_an_account_keeps_a_tray_and_takes_over_the_sessions(client, user):
    a, b, c = CROFactory.create_batch(3)
    change(client, add=a.slug)
    client.force_login(user)
    TrayItem.objects.create(user=user, cro=b, place=1)

    assert in_tray(client) == [b.slug, a.slug]
    change(client, add=c.slug)

    kept = TrayItem.objects.visible_to(user).values_list("cro__slug", flat=True)
    assert list(kept) == [b.slug, a.slug, c.slug]


def test_nobody_sees_anothers_tray(client, user):
    other = TrayItem.objects.create(
        user=MembershipFactory.create().user, cro=CROFactory.create(), place=1
    )
    client.force_login(user)

    assert in_tray(client) == []
    change(client, remove=other.cro.slug)
    change(client, clear="1")
    assert TrayItem.objects.filter(pk=other.pk).exists()


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_a_seventh_is_refused_in_words(client, user, is_signed_in):
    if is_signed_in:
        client.force_login(user)
    cros = CROFactory.create_batch(7)
    for cro in cros[:6]:
        change(client, add=cro.slug)

    response = change(client, add=cros[6].slug)

    assert in_tray(client, response.headers["Location"]) == [c.slug for c in cros[:6]]
    change(client, add=cros[6].slug)
    text = client.get("/cros/").content.decode()
    assert f"Take one out of the comparison, then add {cros[6].name}." in text


def test_htmx_gets_the_tray_and_the_refusal_as_a_message(client):
    cro = CROFactory.create(name="Baltica")

    added = change(client, htmx=True, add=cro.slug)
    refused = change(client, htmx=True, add="nobody")

    assert "<strong>1</strong> of 6" in added.content.decode()
    assert "<html" not in added.content.decode()
    assert "toast" in refused.headers["HX-Trigger"]
    assert "Baltica" in refused.content.decode()


def test_the_form_htmx_gets_leads_back_to_the_page_without_htmx_too(client):
    cro = CROFactory.create()
    page = {"HX-Request": "true", "HX-Current-URL": "http://testserver/cros/?q=x"}

    tray = client.post(reverse("catalog:tray"), {"add": cro.slug}, headers=page)

    assert 'name="next" value="/cros/?q=x"' in tray.content.decode()


def test_a_tray_in_the_address_is_shown_and_changed_there(client):
    a, b, c = CROFactory.create_batch(3)
    change(client, add=c.slug)

    assert in_tray(client, f"/cros/?tray={a.slug}&tray=nobody") == [a.slug]
    response = change(client, add=b.slug, next=f"/cros/?q=z&tray={a.slug}")

    assert response.headers["Location"] == f"/cros/?q=z&tray={a.slug}&tray={b.slug}"
    assert in_tray(client) == [a.slug, b.slug]


@pytest.mark.parametrize("address", ["//evil.example/", "https://evil.example/", ""])
def test_nobody_is_sent_elsewhere(client, address):
    response = change(client, add=CROFactory.create().slug, next=address)

    assert response.headers["Location"] == "/cros/"


def test_a_cro_that_merged_meanwhile_gives_its_place_to_its_successor(client, user):
    now = CROFactory.create()
    cro = CROFactory.create()
    client.force_login(user)
    change(client, add=cro.slug)
    cro.status, cro.successor = CROStatus.MERGED, now
    cro.save()

    assert in_tray(client) == [now.slug]


def test_comparing_without_names_compares_the_tray(client):
    cro = CROFactory.create()
    change(client, add=cro.slug)

    response = get(client, status=302)

    assert response.headers["Location"] == f"/cros/compare/?cro={cro.slug}"


def test_what_is_compared_can_be_kept_as_the_tray(client):
    a, b = CROFactory.create_batch(2)
    assert "Keep these" in page(client, a.slug, b.slug)

    change(client, keep=[b.slug, a.slug])

    assert in_tray(client) == [b.slug, a.slug]
    assert "Keep these" not in page(client, b.slug, a.slug)


def test_a_visitor_without_a_tray_costs_no_query(client, django_assert_num_queries):
    request = client.get("/cros/").wsgi_request
    del request.compare_tray

    with django_assert_num_queries(0):
        assert tray_of(request).cros == ()

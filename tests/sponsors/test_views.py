import json
import math
from functools import partial

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from catalog.importers.ctgov import read_study
from sponsors import services
from sponsors.choices import Role
from sponsors.criteria import DEFAULT_WEIGHTS
from sponsors.learnt import learnt_weights
from sponsors.models import Study
from sponsors.wanted import Wanted
from tests.catalog.importers.ctgov_records import (
    make_study,
    needs_real_records,
    real_records,
)
from tests.catalog.importers.test_fetch import NUMBER, register, send, the_study
from tests.factories import MembershipFactory, SponsorFactory, StudyFactory

LIST = reverse("sponsors:study-list")
NEW = reverse("sponsors:study-create")


def page(name, study):
    return reverse(f"sponsors:study-{name}", args=[study.pk])


@pytest.fixture
def browser(client, member):
    client.force_login(member.user)
    return client


@pytest.fixture
def study(member, words):
    return services.create_study(
        sponsor=member.sponsor,
        by=member.user,
        values={"title": "Asthma in Poland", "participants": 100},
        requirements=[
            Wanted("condition", "asthma", "must"),
            Wanted("country", "pl", share=1 / 3),
            Wanted("service", "monitoring", "high"),
        ],
    )


def typed(response):
    """Give what the edit form would send if it were saved as shown."""
    values = {}
    for form in (response.context["form"], response.context["asked"]):
        for field in form:
            value = field.value()
            values[field.html_name] = "" if value is None else str(value)
    for group in response.context["groups"]:
        for row in group.rows:
            values[row.name] = row.importance
            if row.term.scheme_id == "country":
                values[row.share_name] = row.share
    return values


def text_of(response):
    return response.content.decode()


# Who may see and change what


@pytest.mark.parametrize("name", ["detail", "edit", "weights"])
def test_another_sponsors_study_is_not_there(browser, name):
    stranger = StudyFactory.create()
    assert browser.get(page(name, stranger)).status_code == 404
    if name != "detail":
        assert browser.post(page(name, stranger), {}).status_code == 404


def test_a_former_member_sees_nothing(browser, member, study):
    member.is_active = False
    member.save()
    assert browser.get(page("detail", study)).status_code == 404
    assert study.title not in text_of(browser.get(LIST))


@pytest.mark.parametrize("role", [Role.EVALUATOR, Role.QUALITY, Role.OBSERVER])
def test_a_reading_role_sees_but_cannot_change(browser, member, study, role):
    member.role = role
    member.save()
    shown = text_of(browser.get(page("detail", study)))
    assert study.title in shown
    assert page("edit", study) not in shown
    for name in ("edit", "weights"):
        for answer in (browser.get(page(name, study)), browser.post(page(name, study))):
            assert answer.status_code == 403
            assert "Your role lets you read this study, not change it" in text_of(
                answer
            )
    refused = browser.post(NEW, {"way": "hand", "hand-title": "Mine"})
    assert refused.status_code == 403
    assert "Your role lets you read studies" in text_of(refused)
    assert Study.objects.count() == 1


def test_who_is_in_no_sponsor_is_told_where_one_is_added(browser, member):
    member.delete()
    refused = browser.get(NEW)
    assert refused.status_code == 403
    assert "you are a member of none" in text_of(refused)


@pytest.mark.parametrize(
    "address",
    [LIST, NEW, reverse("sponsors:term-suggest"), reverse("sponsors:term-row")],
)
def test_a_visitor_is_asked_to_sign_in(client, db, address):
    assert client.get(address).status_code == 302


# The list


def test_the_list_shows_the_persons_studies_only(browser, study):
    StudyFactory.create(title="A stranger's")
    shown = text_of(browser.get(LIST))
    assert "Asthma in Poland" in shown
    assert "stranger" not in shown


def test_an_empty_list_says_how_to_begin(browser):
    assert NEW in text_of(browser.get(LIST))


def test_without_a_sponsor_the_list_says_why_it_is_empty(client, user):
    client.force_login(user)
    shown = text_of(client.get(LIST))
    assert "member of" in shown
    assert NEW not in shown


@pytest.mark.parametrize("n", [1, 20])
def test_the_list_takes_the_same_queries_for_any_length(
    browser, member, n, django_assert_num_queries
):
    StudyFactory.create_batch(n, sponsor=member.sponsor)
    with django_assert_num_queries(8):
        browser.get(LIST)


@pytest.mark.parametrize("n", [1, 20])
def test_the_study_takes_the_same_queries_for_any_length(
    browser, member, study, n, words, django_assert_num_queries
):
    every = [Wanted("technology", "edc"), *[Wanted("country", c) for c in ("fr", "de")]]
    services.update_study(
        study=study, expected_version=1, by=member.user, requirements=every[:n]
    )
    with django_assert_num_queries(8):
        browser.get(page("detail", study))


# A new study


def test_a_study_by_hand_goes_on_to_its_form(browser):
    answer = browser.post(NEW, {"way": "hand", "hand-title": "Mine"})
    assert answer.status_code == 302, text_of(answer)
    made = Study.objects.get()
    assert answer.url == page("edit", made)
    assert made.title == "Mine"


@pytest.mark.parametrize("how", ["text", "file"])
def test_a_record_uploaded_or_pasted_becomes_a_marked_study(browser, words, how):
    text = json.dumps(make_study())
    body = {"record-text": text}
    if how == "file":
        body = {"record-file": SimpleUploadedFile("study.json", text.encode())}
    answer = browser.post(NEW, {"way": "record", **body}, follow=True)
    made = Study.objects.get()
    assert made.registry_id == NUMBER
    assert answer.redirect_chain == [(page("edit", made), 302)]
    shown = text_of(browser.get(page("detail", made)))
    assert shown.count("from register") == len(made.from_register) - 2 + 7
    assert "Rhinitis" in shown
    assert "420" in shown


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Choose a file, or paste the record"),
        ("{", "stops in the middle"),
        ('{"type": "Feature"}', "no study record"),
        ("<html>", "XML or a web page"),
        (
            json.dumps([make_study(), make_study()]),
            "All of them are NCT99000001: give it once",
        ),
    ],
)
@pytest.mark.parametrize("how", ["text", "file"])
def test_a_bad_record_is_refused_and_its_text_kept(browser, how, text, sentence):
    body = {"record-text": text}
    if how == "file":
        body = {"record-file": SimpleUploadedFile("x.json", text.encode())}
        sentence = sentence if text else "There is nothing in it"
    answer = browser.post(NEW, {"way": "record", **body})
    assert answer.status_code == 422
    assert sentence in answer.context["forms"]["record"].errors.as_text()
    assert escape(text) in text_of(answer)
    assert not Study.objects.exists()


def test_a_file_over_the_limit_gets_a_sentence(browser):
    file = SimpleUploadedFile("x.json", b" " * (20 * 1024 * 1024))
    answer = browser.post(NEW, {"way": "record", "record-file": file})
    assert answer.status_code == 422
    assert "The file has 20.0 MB" in text_of(answer)


@pytest.mark.parametrize("format", ["multipart", "urlencoded"])
def test_pasted_text_over_the_limit_gets_a_sentence(browser, format):
    body = {"way": "record", "record-text": " " * (20 * 1024 * 1024)}
    post = partial(browser.post, NEW)
    if format == "urlencoded":
        kind = "application/x-www-form-urlencoded"
        answer = post(
            "way=record&record-text=" + body["record-text"], content_type=kind
        )
    else:
        answer = post(body)
    assert answer.status_code == 413
    assert "The portal takes 5 MB of text at once" in text_of(answer)


def test_a_form_without_its_token_is_still_refused(member):
    client = Client(enforce_csrf_checks=True)
    client.force_login(member.user)
    answer = client.post(NEW, {"way": "hand", "hand-title": "Forged"})
    assert answer.status_code == 403
    assert not Study.objects.exists()


def test_a_study_is_fetched_by_its_number(browser, words, settings, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with register(the_study) as (settings.CRO_CTGOV_API, requests):
        answer = browser.post(NEW, {"way": "number", "number-number": f" {NUMBER} "})
    assert answer.url == page("edit", Study.objects.get())
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(404, "no study with the number"), (503, "has a fault at the moment")],
)
def test_a_number_that_cannot_be_fetched_is_kept(
    browser, settings, monkeypatch, status, sentence
):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with register(lambda h: send(h, status)) as (settings.CRO_CTGOV_API, _):
        answer = browser.post(NEW, {"way": "number", "number-number": NUMBER})
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert f'value="{NUMBER}"' in text_of(answer)
    assert not Study.objects.exists()


def test_without_a_network_the_page_says_so(browser, settings, monkeypatch):
    def nobody(*args, **kwargs):
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(httpx.Client, "stream", nobody)
    answer = browser.post(NEW, {"way": "number", "number-number": NUMBER})
    assert "cannot be reached from this server" in text_of(answer)


def test_what_is_no_number_is_refused_and_kept(browser):
    answer = browser.post(NEW, {"way": "number", "number-number": "<NCT1>"})
    assert answer.status_code == 422
    assert "It is NCT and eight digits" in text_of(answer)
    assert escape("<NCT1>") in text_of(answer)


def test_a_record_that_is_there_already_needs_a_second_yes(browser, member, words):
    text = json.dumps(make_study())
    first = services.create_study_from_record(
        sponsor=member.sponsor, by=member.user, record=read_study(make_study())
    )
    answer = browser.post(NEW, {"way": "record", "record-text": text})
    assert answer.status_code == 409
    assert first.get_absolute_url() in text_of(answer)
    assert escape(text) in text_of(answer)
    assert Study.objects.count() == 1
    browser.post(NEW, {"way": "record", "record-text": text, "again": "yes"})
    assert Study.objects.count() == 2


def test_a_member_of_two_sponsors_chooses(browser, member):
    other = MembershipFactory.create(user=member.user).sponsor
    assert other.name in text_of(browser.get(NEW))
    body = {"way": "hand", "hand-title": "Mine"}
    assert browser.post(NEW, body).status_code == 422
    browser.post(NEW, {**body, "hand-sponsor": str(other.pk)})
    assert Study.objects.get().sponsor == other


def test_a_sponsor_one_does_not_belong_to_is_refused(browser):
    stranger = SponsorFactory.create()
    body = {"way": "hand", "hand-title": "Mine", "hand-sponsor": str(stranger.pk)}
    assert browser.post(NEW, body).status_code == 422
    assert not Study.objects.exists()


@needs_real_records
@pytest.mark.parametrize("file", real_records(), ids=lambda file: file.stem)
def test_every_real_record_can_be_uploaded_and_saved_again(browser, words, file):
    upload = SimpleUploadedFile(file.name, file.read_bytes())
    answer = browser.post(NEW, {"way": "record", "record-file": upload}, follow=True)
    made = Study.objects.get()
    assert made.registry_id == file.stem
    saved = browser.post(page("edit", made), typed(answer))
    assert saved.status_code == 302, saved.context["form"].errors
    made.refresh_from_db()
    assert made.version == 1, made.changes.get().fields
    assert browser.get(page("detail", made)).status_code == 200


# The form


def test_saving_the_form_untouched_changes_nothing(browser, study):
    shown = browser.get(page("edit", study))
    saved = browser.post(page("edit", study), typed(shown))
    assert saved.url == page("detail", study)
    study.refresh_from_db()
    assert study.version == 1


def test_everything_on_the_form_is_saved(browser, study):
    values = typed(browser.get(page("edit", study))) | {
        "participants": "250",
        "start_date": "2027-03-01",
        "min_age_years": "0.5",
        "is_rare_disease": "yes",
        "further_studies": "",
        "staff_needed_fte": "4.5",
        "notes": "Two\r\nlines",
        "conditions_not_coded": "Odd wheeze\r\n\r\nOdd wheeze",
        "want-condition-asthma": "high",
        "want-service-monitoring": "",
        "want-service-data-management": "must",
        "share-pl": "40",
        "add-condition": "Breast neoplasms\nD001982",
        "add-condition-importance": "low",
        "add-country": "Deutschland 35,5 %\nFR",
        "add-regulator": "ema",
    }
    saved = browser.post(page("edit", study), values)
    assert saved.status_code == 302, (
        saved.context["form"].errors,
        saved.context["asked"].errors,
    )
    study.refresh_from_db()
    assert (study.version, study.participants) == (2, 250)
    assert (study.is_rare_disease, study.further_studies) == (True, 0)
    assert study.conditions_not_coded == ["Odd wheeze"]
    assert {
        row.term.code: (row.importance, row.share)
        for row in study.requirements.current().select_related("term")
    } == {
        "asthma": ("high", None),
        "breast-neoplasms": ("low", None),
        "bronchial-diseases": ("low", None),
        "data-management": ("must", None),
        "pl": ("high", 0.4),
        "de": ("high", 0.355),
        "fr": ("high", None),
        "ema": ("high", None),
    }


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("participants", "0", "from 1 to 10,000,000"),
        ("participants", "99999999999999999999", "from 1 to 10,000,000"),
        ("participants", "many", "whole number"),
        ("start_date", "2027-13-01", "such as 2027-03-15"),
        ("start_date", "1899-01-01", "must lie from 1 January 1990 to 31 December"),
        ("start_date", "2999-01-01", "must lie from 1 January 1990 to 31 December"),
        ("further_studies", "51", "further studies from 0 to 50"),
        ("further_studies", "-1", "further studies from 0 to 50"),
        ("staff_needed_fte", "1.234", "two decimals at most"),
        ("min_age_years", "200", "from 0 to 130 years"),
        ("title", "x" * 501, "Shorten this to 500 characters; it has 501"),
        ("version", "", "Reload the page"),
        ("end_date", "2020-01-01", "planned end lies before the planned start"),
        ("max_age_years", "1", "maximum age is below the minimum age"),
        ("title", "", "Give the study a title."),
        ("is_rare_disease", "perhaps", "Pick one from the list"),
        ("share-pl", "0", "above 0 %"),
        ("share-pl", "nan", "above 0 %"),
        ("share-pl", "a lot", "above 0 %"),
        ("share-pl", "101", "above 0 %"),
        ("add-condition", "Brest neoplasm", "Did you mean “Breast Neoplasms”?"),
        ("add-country", "Atlantis", "is no country that the portal knows"),
        ("add-country", "Germany 90 %", "shares sum to 123%"),
        ("want-service-old-monitoring", "must", "no longer in use"),
        ("want-service-juggling", "must", "is no service that the portal knows"),
        ("want-service-monitoring", "vital", "is no importance"),
    ],
)
def test_a_bad_value_is_refused_and_everything_typed_is_kept(
    browser, study, field, value, sentence
):
    values = typed(browser.get(page("edit", study))) | {
        "design": "Kept <words>",
        "start_date": "2027-01-01",
        "min_age_years": "18",
        "add-regulator": "EMA",
        "want-service-data-management": "low",
        field: value,
    }
    answer = browser.post(page("edit", study), values)
    assert answer.status_code == 422
    shown = text_of(answer)
    assert sentence in shown.replace("&quot;", '"').replace("&#x27;", "'")
    after = typed(answer)
    kept = {name for name, text in values.items() if after.get(name) != text}
    assert kept <= {"want-service-juggling"}
    assert 'role="alert"' in shown
    study.refresh_from_db()
    assert study.version == 1


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("registry_id", "banana", "“banana” does not look like a registry number"),
        ("start_date", "2020-03-15", "15 March 2020 has passed"),
    ],
)
def test_what_is_odd_is_saved_and_hinted_at(browser, study, field, value, sentence):
    values = typed(browser.get(page("edit", study))) | {field: value}
    saved = browser.post(page("edit", study), values, follow=True)
    assert saved.redirect_chain
    assert sentence in text_of(saved)
    assert sentence in text_of(browser.get(page("edit", study)))
    refused = browser.post(page("edit", study), values | {"title": ""})
    assert sentence in text_of(refused)


def test_the_summary_links_to_the_fields(browser, study):
    values = typed(browser.get(page("edit", study))) | {"participants": "0"}
    shown = text_of(browser.post(page("edit", study), values))
    assert 'href="#id_participants"' in shown
    assert 'id="id_participants"' in shown


def test_the_rule_stands_where_the_staff_is_not_said(browser, member, study):
    study = services.update_study(
        study=study, expected_version=1, by=member.user, values={"n_sites": 14}
    )
    shown = text_of(browser.get(page("edit", study)))
    assert "That is 4.5 full-time, by the method’s rule." in shown
    study = services.update_study(
        study=study, expected_version=2, by=member.user, values={"further_studies": 2}
    )
    shown = text_of(browser.get(page("edit", study)))
    assert "by the method’s rule; 9 with the further studies." in shown


def test_the_form_says_what_no_register_knows_until_it_is_asked(browser, member, words):
    study = StudyFactory.create(sponsor=member.sponsor)
    reminder = "No register says which services"
    assert reminder in text_of(browser.get(page("edit", study)))
    services.update_study(
        study=study,
        expected_version=1,
        by=member.user,
        requirements=[Wanted("technology", "edc")],
    )
    assert reminder not in text_of(browser.get(page("edit", study)))


def test_the_form_takes_few_queries(browser, study, django_assert_max_num_queries):
    with django_assert_max_num_queries(9):
        browser.get(page("edit", study))


# Two editors


def test_the_second_editor_is_told_and_nothing_is_lost(browser, member, study):
    values = typed(browser.get(page("edit", study)))
    other = MembershipFactory.create(sponsor=member.sponsor, user__name="Olga Other")
    services.update_study(
        study=study,
        expected_version=1,
        by=other.user,
        values={"participants": 300, "n_sites": 20, "notes": "by Olga"},
        requirements=[
            Wanted("condition", "asthma", "must"),
            Wanted("country", "pl", share=1 / 3),
            Wanted("service", "monitoring", "low"),
            Wanted("technology", "edc", "high"),
        ],
    )
    values |= {
        "participants": "200",
        "design": "mine",
        "want-service-monitoring": "must",
        "add-country": "fr",
    }
    answer = browser.post(page("edit", study), values)
    assert answer.status_code == 409
    shown = text_of(answer)
    assert "Changed by <strong>Olga Other</strong> on" in shown
    assert "Save both together" in shown
    assert "Drop what I typed" in shown
    both = {
        d.label: (d.before, d.theirs, d.yours)
        for d in answer.context["merge"].differences
    }
    assert both == {
        "Participants": ("100", "300", "200"),
        "Sites": ("not known", "20", None),
        "Notes": ("not known", "by Olga", None),
        "Service: Monitoring": ("High", "Low", "Must have"),
        "Technology: EDC": ("Not asked", "High", None),
    }
    study.refresh_from_db()
    assert (study.version, study.participants) == (2, 300)

    saved = browser.post(page("edit", study), typed(answer))
    assert saved.status_code == 302
    study.refresh_from_db()
    assert (study.version, study.participants, study.n_sites) == (3, 200, 20)
    assert (study.design, study.notes) == ("mine", "by Olga")
    assert {
        row.term.code: row.importance
        for row in study.requirements.current().select_related("term")
    } == {
        "asthma": "must",
        "pl": "high",
        "monitoring": "must",
        "edc": "high",
        "fr": "high",
    }


def test_what_the_first_editor_removed_stays_away(browser, member, study):
    values = typed(browser.get(page("edit", study))) | {"design": "mine"}
    services.update_study(
        study=study,
        expected_version=1,
        by=member.user,
        requirements=[Wanted("condition", "asthma", "must")],
    )
    answer = browser.post(page("edit", study), values)
    browser.post(page("edit", study), typed(answer))
    study.refresh_from_db()
    assert study.design == "mine"
    assert study.requirements.current().get().term.code == "asthma"


# Weights


def test_the_weights_form_begins_with_the_methods(browser, study):
    form = browser.get(page("weights", study)).context["form"]
    assert form["expertise"].value() == 26
    assert sum(form[code].value() for code in DEFAULT_WEIGHTS) == pytest.approx(100)


@pytest.mark.parametrize(
    ("template", "weights", "method", "sentence"),
    [
        (
            "learnt",
            learnt_weights().weights,
            "template",
            "Weights learnt from disclosed choices: filled in below, not saved",
        ),
        (
            "default",
            DEFAULT_WEIGHTS,
            "default",
            "The method’s default weights: filled in below, not saved",
        ),
    ],
)
def test_a_list_of_weights_fills_the_form_and_counts_once_saved(
    browser, member, study, template, weights, method, sentence
):
    other = dict.fromkeys(DEFAULT_WEIGHTS, 5.0)
    services.set_weights(study=study, expected_version=1, by=member.user, values=other)
    answer = browser.get(page("weights", study), {"template": template})
    assert sentence in text_of(answer)
    form = answer.context["form"]
    shown = {code: form[code].value() for code in DEFAULT_WEIGHTS}
    assert shown == pytest.approx({code: w * 100 for code, w in weights.items()})
    study.refresh_from_db()
    assert study.version == 2  # nothing is saved by looking

    browser.post(page("weights", study), {"version": "2", **shown})

    row = study.weights.get(since_version=3)
    assert row.values == shown
    assert row.method == method
    assert row.raw.get("template") == ("learnt" if template == "learnt" else None)
    now = browser.get(page("weights", study)).context["form"]
    assert {code: now[code].value() for code in DEFAULT_WEIGHTS} == shown


def test_the_weights_page_offers_learnt_weights_and_uses_none_unasked(browser, study):
    answer = browser.get(page("weights", study))
    assert 'href="?template=learnt"' in text_of(answer)
    assert answer.context["form"]["expertise"].value() == 26
    unknown = browser.get(page("weights", study), {"template": "best"})
    assert unknown.status_code == 404


def test_weights_are_saved_as_points(browser, study):
    points = dict.fromkeys(DEFAULT_WEIGHTS, "0") | {"expertise": "60", "fit": "20"}
    answer = browser.post(page("weights", study), {"version": "1", **points})
    assert answer.url == page("detail", study)
    assert study.weights.get().method == "points"
    study.refresh_from_db()
    assert study.version == 2
    shown = browser.get(page("detail", study)).context["shown"]
    assert {w.criterion.code: w.percent for w in shown.weights if w.percent} == {
        "expertise": 75,
        "fit": 25,
    }
    assert browser.get(page("weights", study)).context["form"]["fit"].value() == 20


def test_after_saving_weights_the_ranking_is_a_click_away(browser, study):
    points = dict.fromkeys(DEFAULT_WEIGHTS, "0") | {"expertise": "60", "services": "20"}
    shown = text_of(
        browser.post(page("weights", study), {"version": "1", **points}, follow=True)
    )
    assert "The weights are saved." in shown
    assert f'<a href="{reverse("matching:ranking", args=[study.pk])}">See its' in shown
    shown = text_of(browser.get(page("weights", study)))
    assert ">75 %</output>" in shown
    assert 'value="60"' in shown


def test_a_blank_share_of_a_country_says_what_it_comes_to(browser, member, study):
    services.update_study(
        study=study,
        expected_version=1,
        by=member.user,
        requirements=[
            Wanted("country", "pl", share=0.125),
            Wanted("country", "de"),
            Wanted("country", "fr"),
        ],
    )
    shown = text_of(browser.get(page("detail", study)))
    assert "12.5 %" in shown
    assert shown.count("43.8 %, the rest in equal parts") == 2
    form = text_of(browser.get(page("edit", study)))
    assert "Blank shares take the rest in equal parts: 43.8 % each." in form


def test_untouched_weights_make_no_version(browser, study):
    form = browser.get(page("weights", study)).context["form"]
    values = {field.html_name: str(field.value()) for field in form}
    browser.post(page("weights", study), values)
    study.refresh_from_db()
    assert study.version == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (dict.fromkeys(DEFAULT_WEIGHTS, "0"), "At least one criterion needs a weight"),
        ({"fit": "-1"}, "Give 0 to 100 points"),
        ({"fit": "nan"}, "Give 0 to 100 points"),
        ({"fit": "inf"}, "Give 0 to 100 points"),
        ({"fit": "101"}, "Give 0 to 100 points"),
        ({"fit": ""}, "Give 0 to 100 points"),
    ],
)
def test_weights_that_weigh_nothing_are_refused_and_kept(
    browser, study, change, sentence
):
    values = {"version": "1", **dict.fromkeys(DEFAULT_WEIGHTS, "7"), **change}
    answer = browser.post(page("weights", study), values)
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    form = answer.context["form"]
    assert {code: form[code].value() for code in DEFAULT_WEIGHTS} == {
        code: values[code] for code in DEFAULT_WEIGHTS
    }
    study.refresh_from_db()
    assert study.version == 1


def test_the_second_editor_of_weights_is_told(browser, member, study):
    values = {"version": "1", **dict.fromkeys(DEFAULT_WEIGHTS, "5"), "fit": "50"}
    services.set_weights(
        study=study,
        expected_version=1,
        by=member.user,
        values=dict.fromkeys(DEFAULT_WEIGHTS, 9),
    )
    answer = browser.post(page("weights", study), values)
    assert answer.status_code == 409
    shown = text_of(answer)
    assert f"Changed by <strong>{member.user}</strong> on" in shown
    assert "Keep what stands now" in shown
    form = answer.context["form"]
    assert (form["fit"].value(), form["version"].value()) == ("50", "2")
    again = {**values, "version": "2"}
    assert browser.post(page("weights", study), again).status_code == 302
    weights = services.current_weights(Study.objects.get(pk=study.pk))
    assert math.isclose(weights["fit"], 50)


# Suggestions


def test_terms_are_suggested_with_a_button_that_adds_them(browser, words):
    address = reverse("sponsors:term-suggest")
    shown = text_of(browser.get(address, {"scheme": "condition", "q": "neopl"}))
    assert "Breast Neoplasms" in shown
    assert "code=breast-neoplasms" in shown
    row = browser.get(
        reverse("sponsors:term-row"),
        {"scheme": "condition", "code": "breast-neoplasms"},
    )
    assert 'name="want-condition-breast-neoplasms"' in text_of(row)


@pytest.mark.parametrize("words_typed", ["D001249", "d001249", "c08.127.108", "asthma"])
def test_a_condition_is_found_by_its_mesh_numbers_too(browser, words, words_typed):
    address = reverse("sponsors:term-suggest")
    shown = text_of(browser.get(address, {"scheme": "condition", "q": words_typed}))
    assert "Asthma" in shown
    assert "MeSH D001249" in shown


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"scheme": "condition", "q": ""}, 200),
        ({"scheme": "condition", "q": "a\0b\\%_'"}, 200),
        ({"scheme": "metric", "q": "a"}, 404),
        ({}, 404),
    ],
)
def test_suggestions_take_any_words(browser, words, query, status):
    assert browser.get(reverse("sponsors:term-suggest"), query).status_code == status


@pytest.mark.parametrize(
    "query",
    [
        {"scheme": "service", "code": "old-monitoring"},
        {"scheme": "service", "code": "x\0"},
        {"scheme": "metric", "code": "a"},
    ],
)
def test_no_line_is_given_for_a_term_that_cannot_be_asked(browser, words, query):
    assert browser.get(reverse("sponsors:term-row"), query).status_code == 404


# The archive


def test_an_archived_study_leaves_the_list_and_comes_back(browser, study):
    shown = browser.post(page("archive", study), follow=True)
    assert "The study is archived" in text_of(shown)
    assert page("edit", study) not in text_of(shown)
    plain = text_of(browser.get(LIST))
    assert study.title not in plain
    assert "Archived (1)" in plain
    assert study.title in text_of(browser.get(LIST + "?archived"))
    shown = browser.post(page("unarchive", study), follow=True)
    assert page("edit", study) in text_of(shown)
    plain = text_of(browser.get(LIST))
    assert study.title in plain
    assert "Archived (" not in plain


@pytest.mark.parametrize("name", ["edit", "weights"])
def test_an_archived_study_is_not_edited(browser, study, name):
    services.archive_study(study=study)
    for answer in (browser.get(page(name, study)), browser.post(page(name, study))):
        assert answer.status_code == 403
        assert "This study is archived" in text_of(answer)


@pytest.mark.parametrize("name", ["archive", "unarchive"])
def test_who_may_not_change_a_study_may_not_archive_it(browser, member, study, name):
    stranger = StudyFactory.create()
    assert browser.post(page(name, stranger)).status_code == 404
    assert browser.get(page(name, study)).status_code == 405
    member.role = Role.OBSERVER
    member.save()
    assert page(name, study) not in text_of(browser.get(page("detail", study)))
    assert browser.post(page(name, study)).status_code == 403
    assert not Study.objects.archived().exists()


@pytest.mark.parametrize("name", ["detail", "edit"])
def test_a_record_without_a_disease_is_said(browser, member, words, name):
    body = {"protocolSection": {"identificationModule": {"nctId": "NCT99000001"}}}
    study = services.create_study_from_record(
        sponsor=member.sponsor, by=member.user, record=read_study(body)
    )
    warning = "No disease was found in the record"
    assert warning in text_of(browser.get(page(name, study)))
    services.update_study(
        study=study,
        expected_version=1,
        by=member.user,
        requirements=[Wanted("condition", "asthma")],
    )
    assert warning not in text_of(browser.get(page(name, study)))

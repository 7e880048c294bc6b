"""The ways to weigh on their pages, own weights, hiding names and the freeze."""

import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from sponsors import selectors, services
from sponsors.choices import Role
from sponsors.criteria import DEFAULT_WEIGHTS
from sponsors.models import PersonalWeights, Study, Weights, WeightsFreeze
from sponsors.weighing import CODES, weigh
from tests.factories import MembershipFactory, RequirementFactory, StudyFactory

SEVEN = dict.fromkeys(CODES, 7)
EIGHT = dict.fromkeys(CODES, 7) | {"fit": 8}


@pytest.fixture
def study(member, words):
    study = StudyFactory.create(sponsor=member.sponsor, title="A trial of something")
    RequirementFactory.create(study=study, term=words.asthma)
    RequirementFactory.create(study=study, term=words.pl)
    return study


@pytest.fixture
def client(client, member):
    client.force_login(member.user)
    return client


@pytest.fixture
def colleague(member):
    return MembershipFactory.create(sponsor=member.sponsor, role=Role.EVALUATOR)


def page(study, name="study-weights", **query):
    return reverse(f"sponsors:{name}", args=[study.pk], query=query)


def text_of(response):
    return response.content.decode()


def weighed(study, by, values=SEVEN, **kwargs):
    study.refresh_from_db()
    return services.set_weights(
        study=study, expected_version=study.version, by=by, values=values, **kwargs
    )


def frozen(study, by):
    study.refresh_from_db()
    return services.freeze_weights(study=study, expected_version=study.version, by=by)


@pytest.mark.parametrize(
    ("name", "during"),
    [("study-weights", "weights_history"), ("study-weights-own", "own_weights")],
)
def test_a_study_archived_meanwhile_is_refused_in_words(
    client, study, monkeypatch, name, during
):
    read = getattr(selectors, during)

    def archive_and_read(*args):
        services.archive_study(study=study)
        return read(*args)

    monkeypatch.setattr(selectors, during, archive_and_read)
    answer = client.post(page(study, name), EIGHT | {"version": study.version})

    assert answer.status_code == 422
    assert services.ARCHIVED in text_of(answer)
    assert not Weights.objects.exists()
    assert not PersonalWeights.objects.exists()


# The ways


def test_ranks_are_saved_with_their_answers(client, study):
    ranks = dict.fromkeys(CODES, "") | {"expertise": "1", "geography": "2"}
    shown = text_of(client.get(page(study, way="rank")))
    assert "rank order centroid" in shown
    answer = client.post(page(study), {"version": "1", "way": "rank", **ranks})
    assert answer.status_code == 302
    row = study.weights.get()
    assert row.method == "rank"
    assert row.raw == {"expertise": 1, "geography": 2}
    assert row.values["expertise"] == pytest.approx(0.75)
    form = client.get(page(study, way="rank")).context["form"]
    assert form["geography"].value() == 2
    assert not form["fit"].value()


def test_swings_are_saved_and_shown_beside_their_steps(client, study):
    shown = text_of(client.get(page(study, way="swing")))
    assert "No trial in Asthma or near it." in shown
    assert "10 comparable trials in Asthma, weighed by age and nearness." in shown
    swings = dict.fromkeys(CODES, "0") | {"expertise": "100", "geography": "25"}
    client.post(page(study), {"version": "1", "way": "swing", **swings})
    row = study.weights.get()
    assert (row.method, row.raw["geography"]) == ("swing", 25)
    form = client.get(page(study, way="swing")).context["form"]
    assert (form["expertise"].value(), form["geography"].value()) == (100, 25)


@pytest.mark.parametrize(
    ("way", "change", "sentence"),
    [
        ("swing", {"expertise": "90"}, "No swing has 100"),
        ("swing", {"expertise": "nan"}, "100 for the step worth most"),
        ("swing", {"expertise": ""}, "100 for the step worth most"),
        ("swing", {"expertise": "-5"}, "100 for the step worth most"),
        ("rank", dict.fromkeys(CODES, ""), "Rank at least one criterion"),
        ("rank", {"expertise": "0"}, "Pick one from the list."),
        ("rank", {"expertise": "1.5"}, "Pick one from the list."),
        ("points", {"whole-reach": "5"}, "leave all four empty"),
    ],
)
def test_answers_that_make_no_weights_are_refused_and_kept(
    client, study, way, change, sentence
):
    values = {"version": "1", "way": way, **dict.fromkeys(CODES, "3"), **change}
    answer = client.post(page(study), values)
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    code, typed = next(iter(change.items()))
    assert answer.context["form"][code].value() == typed
    assert not Weights.objects.exists()


def test_a_template_is_offered_with_its_reason_and_kept_by_name(client, study):
    shown = text_of(client.get(page(study, template="rare-disease")))
    assert "Rare disease: filled in below, not saved" in shown
    assert "Patients are few and far apart" in shown
    points = weigh("template", template="rare-disease").values
    client.post(page(study), {"version": "1", **points})
    row = study.weights.get()
    assert (row.method, row.raw["template"]) == ("template", "rare-disease")


def test_the_likely_template_is_marked(client, study):
    Study.objects.filter(pk=study.pk).update(is_rare_disease=True)
    answer = client.get(page(study))
    assert answer.context["likely"] == "rare-disease"
    assert text_of(answer).count("fits this study") == 1


def test_the_result_shows_without_saving(client, study):
    values = {"version": "1", **dict.fromkeys(CODES, "0"), "expertise": "70"}
    values |= {"geography": "30", "look": "1"}
    answer = client.post(page(study), values)
    assert answer.status_code == 200
    assert "Expertise alone weighs 70 %" in text_of(answer)
    assert answer.context["form"]["expertise"].value() == "70"
    part = client.post(page(study), values, headers={"HX-Request": "true"})
    assert "Expertise alone weighs 70 %" in text_of(part)
    assert "<h1>" not in text_of(part)
    assert not Weights.objects.exists()


def test_a_look_at_bad_answers_says_what_is_wrong(client, study):
    values = {"version": "1", **dict.fromkeys(CODES, "0"), "look": "1"}
    part = client.post(page(study), values, headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert "At least one criterion needs a weight above 0." in text_of(part)


def test_an_unknown_way_is_not_there(client, study):
    assert client.get(page(study, way="dice")).status_code == 404
    assert client.post(page(study), {"way": "dice"}).status_code == 404


# Pairs


def pairs_of(client, study, value):
    form = client.get(page(study, "study-weights-pairs")).context["form"]
    return dict.fromkeys(form.fields, value)


def test_pairs_are_checked_in_words_and_store_nothing(client, study):
    same = pairs_of(client, study, "1")
    shown = text_of(client.post(page(study, "study-weights-pairs"), same))
    assert "fit each other perfectly" in shown
    assert len(same) == 10  # five criteria are asked about
    odd = same | {"expertise-geography": "9", "geography-quality": "9"}
    odd["expertise-quality"] = "-9"
    shown = text_of(client.post(page(study, "study-weights-pairs"), odd))
    assert "contradict each other too much" in shown
    assert "Farthest from the others is" in shown
    assert not Weights.objects.exists()


def test_pairs_left_out_are_asked_for(client, study):
    answers = pairs_of(client, study, "1") | {"expertise-geography": ""}
    answer = client.post(page(study, "study-weights-pairs"), answers)
    assert answer.status_code == 422
    assert "Say which matters more, or that both are the same." in text_of(answer)
    assert answer.context["form"]["expertise-quality"].value() == "1"


# One's own


def test_everybody_who_reads_may_give_own_weights(client, study, colleague):
    client.force_login(colleague.user)
    assert client.get(page(study)).status_code == 403
    assert client.get(page(study, "study-weights-own")).status_code == 200
    values = {"version": "1", **EIGHT}
    answer = client.post(page(study, "study-weights-own"), values)
    assert answer.url == reverse("matching:panel", args=[study.pk])
    values |= {"way": "rank", **dict.fromkeys(CODES, ""), "fit": "1", "quality": "2"}
    client.post(page(study, "study-weights-own"), values)
    own = PersonalWeights.objects.get()
    assert (own.user, own.method, own.raw) == (
        colleague.user,
        "rank",
        {"fit": 1, "quality": 2},
    )
    study.refresh_from_db()
    assert study.version == 1
    client.post(page(study, "study-weights-withdraw"))
    assert not PersonalWeights.objects.exists()


def test_own_weights_must_rank_something_too(client, study):
    only_services = dict.fromkeys(CODES, "0") | {"services": "5"}
    values = {"version": "1", **only_services}
    answer = client.post(page(study, "study-weights-own"), values)
    assert answer.status_code == 422
    assert "No ranking is possible like this" in text_of(answer)


def test_own_weights_are_the_tenants(client, study):
    services.set_personal_weights(
        study=study,
        by=(mine := MembershipFactory.create(sponsor=study.sponsor)).user,
        weighing=weigh("default"),
    )
    stranger = MembershipFactory.create().user
    assert not PersonalWeights.objects.visible_to(stranger).exists()
    assert PersonalWeights.objects.visible_to(mine.user).count() == 1
    mine.is_active = False
    mine.save()
    assert not PersonalWeights.objects.of_members().exists()


@pytest.mark.parametrize(
    "name",
    [
        "study-weights-own",
        "study-weights-withdraw",
        "study-weights-pairs",
        "study-weights-freeze",
        "study-blind",
    ],
)
def test_another_sponsors_weights_are_not_there(client, name):
    stranger = StudyFactory.create()
    assert client.post(page(stranger, name), {"version": "1"}).status_code == 404
    assert not WeightsFreeze.objects.exists()


@pytest.mark.parametrize("name", ["study-weights-freeze", "study-blind"])
def test_a_reading_role_does_not_settle(client, study, colleague, name):
    client.force_login(colleague.user)
    answer = client.post(page(study, name), {"version": "1"})
    assert answer.status_code == 403
    study.refresh_from_db()
    assert not study.is_blind


# The freeze


def test_after_the_freeze_a_change_needs_a_reason(client, member, study):
    weighed(study, member.user)
    client.post(page(study, "study-weights-freeze"), {"version": "2"})
    freeze = WeightsFreeze.objects.get()
    assert (freeze.frozen_by, freeze.weights.values) == (member.user, SEVEN)
    values = {"version": "3", **EIGHT}
    answer = client.post(page(study), values)
    assert answer.status_code == 422
    assert "The weights are frozen. Say why they change" in text_of(answer)
    assert answer.context["form"]["fit"].value() == "8"
    reason = {"reason": "The sponsor’s board asked for it."}
    assert client.post(page(study), values | reason).status_code == 302
    row = study.weights.get(since_version=4)
    assert (row.after_freeze, row.reason) == (freeze, reason["reason"])
    shown = text_of(client.get(page(study)))
    assert "The sponsor’s board asked for it." in shown
    assert f"Frozen by {member.user} on" in shown
    assert "after the freeze" in shown


def test_blanks_are_no_reason(member, study):
    weighed(study, member.user)
    frozen(study, member.user)
    with pytest.raises(ValidationError) as caught:
        weighed(study, member.user, EIGHT, reason=" \n ")
    assert "reason" in caught.value.message_dict
    assert study.weights.count() == 1


def test_the_database_refuses_a_change_without_a_reason(member, study):
    weighed(study, member.user)
    frozen(study, member.user)
    freeze = WeightsFreeze.objects.get()
    with pytest.raises(IntegrityError, match="have_a_reason"), transaction.atomic():
        Weights.objects.create(
            study=study, since_version=9, values=EIGHT, after_freeze=freeze
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        WeightsFreeze.objects.create(study=study, weights=freeze.weights)


def test_a_freeze_of_the_methods_weights_pins_them(member, study):
    frozen(study, member.user)
    row = study.weights.get()
    assert (row.values, row.method) == (DEFAULT_WEIGHTS, "default")


def test_the_second_to_freeze_is_told_by_whom(client, member, study):
    frozen(study, member.user)
    answer = client.post(
        page(study, "study-weights-freeze"), {"version": "1"}, follow=True
    )
    assert f"{member.user} froze the weights on" in text_of(answer)
    assert WeightsFreeze.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_freeze_at_once_one_is_told(member, study):
    other = MembershipFactory.create(sponsor=member.sponsor)
    outcomes = []
    ready = threading.Barrier(2)

    def settle(user):
        try:
            ready.wait()
            services.freeze_weights(study=study, expected_version=1, by=user)
            outcomes.append("frozen")
        except ValidationError as error:
            outcomes.append(error.messages[0])
        finally:
            connection.close()

    threads = [threading.Thread(target=settle, args=[m.user]) for m in (member, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = WeightsFreeze.objects.get().frozen_by
    assert sorted(text.split(" on ")[0] for text in outcomes) == sorted(
        ["frozen", f"{first} froze the weights"]
    )


def test_a_freeze_of_what_was_not_read_is_refused(client, member, study):
    weighed(study, member.user)
    answer = client.post(
        page(study, "study-weights-freeze"), {"version": "1"}, follow=True
    )
    assert "Nothing is frozen: the study was changed" in text_of(answer)
    assert not WeightsFreeze.objects.exists()
    for version in ("", "x", "²"):
        answer = client.post(
            page(study, "study-weights-freeze"), {"version": version}, follow=True
        )
        assert "the form did not say which weights you saw" in text_of(answer)
        assert not WeightsFreeze.objects.exists()


def test_names_are_hidden_until_the_freeze_and_not_after(client, member, study):
    client.post(page(study, "study-blind"))
    study.refresh_from_db()
    assert study.is_blind
    assert study.hides_names
    assert services.hide_names(study=study, by=member.user).version == study.version
    frozen(study, member.user)
    assert not study.hides_names
    late = StudyFactory.create(sponsor=member.sponsor)
    frozen(late, member.user)
    shown = text_of(client.post(page(late, "study-blind"), follow=True))
    assert "Names can be hidden only before that." in shown


@pytest.mark.parametrize("n", [1, 20])
def test_the_history_costs_the_same_for_any_length(
    client, member, study, n, django_assert_num_queries
):
    for at in range(n):
        weighed(study, member.user, SEVEN | {"fit": at + 8})
    client.get(page(study))
    with django_assert_num_queries(10):
        shown = text_of(client.get(page(study)))
    assert shown.count("<strong>Version ") == n

import uuid

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from catalog import catalogue
from catalog.choices import CROStatus
from catalog.models import SavedSearch
from catalog.saved import changes, pack, unpack
from catalog.services import saved as services
from tests.factories import ClaimFactory, CROFactory, UserFactory

pytestmark = pytest.mark.django_db
QUERY = "service=writing&unknown=0"


@pytest.fixture
def found():
    return ClaimFactory.create(term__code="writing", cro__name="Baltica").cro


@pytest.fixture
def saved(user, found):
    return services.save_search(user=user, name="Writers", query=QUERY)


@given(st.sets(st.integers(1, 2**40), max_size=300))
def test_packed_keys_come_back(keys):
    given_keys = np.array(list(keys), dtype=np.int64)

    assert unpack(pack(given_keys)).tolist() == sorted(keys)


def test_ten_thousand_keys_take_little_room():
    assert len(pack(np.arange(1, 10_001))) < 1_000


def test_a_search_is_saved_from_the_list_and_run_again(client, user, found):
    client.force_login(user)
    CROFactory.create(name="Aldermoor")
    address = f"{reverse('catalog:saved-create')}?{QUERY}&view=table&page=3"
    assert "Service: Writing" in client.get(address).content.decode()

    response = client.post(address, {"name": "  My   writers "}, follow=True)

    saved = SavedSearch.objects.get()
    assert (saved.user, saved.name, saved.query) == (user, "My writers", QUERY)
    text = response.content.decode()
    assert "The search “My writers” is kept." in text
    assert "/cros/?service=writing&amp;unknown=0" in text


def test_what_changed_is_said_until_it_is_marked_as_seen(client, user, saved, found):
    client.force_login(user)
    found.status = CROStatus.CLOSED
    found.save()
    ClaimFactory.create(cro__name="Newcomer", term=found.claims.get().term)

    assert "1 in, 1 out" in client.get(reverse("catalog:saved-list")).content.decode()
    detail = reverse("catalog:saved-detail", args=[saved.uuid])
    text = client.get(detail).content.decode()
    assert text.index("Came in") < text.index("Newcomer") < text.index("Left")
    assert text.index("Left") < text.index("Baltica")

    text = client.post(
        reverse("catalog:saved-seen", args=[saved.uuid]), follow=True
    ).content.decode()
    assert "nothing" in text


def test_a_name_is_used_once_and_what_was_typed_stays(client, user, saved):
    client.force_login(user)

    response = client.post(reverse("catalog:saved-create"), {"name": "Writers"})

    text = response.content.decode()
    assert "You have a search of this name" in text
    assert 'value="Writers"' in text


def test_there_is_an_end_to_saving(user, monkeypatch):
    monkeypatch.setattr(services, "MOST_SEARCHES", 1)
    services.save_search(user=user, name="One", query="")

    with pytest.raises(ValidationError, match="Delete one first"):
        services.save_search(user=user, name="Two", query="")


@pytest.mark.parametrize("name", ["saved-detail", "saved-seen", "saved-delete"])
def test_somebody_elses_search_is_not_there(client, saved, name):
    client.force_login(UserFactory.create())
    address = reverse(f"catalog:{name}", args=[saved.uuid])

    ask = client.get if name == "saved-detail" else client.post
    response = ask(address)

    assert response.status_code == 404
    assert SavedSearch.objects.count() == 1
    missing = reverse(f"catalog:{name}", args=[uuid.uuid4()])
    assert ask(missing).status_code == 404


@pytest.mark.parametrize("name", ["saved-list", "saved-create"])
def test_who_is_not_signed_in_is_asked_to(client, name):
    response = client.get(reverse(f"catalog:{name}"))

    assert response.url.startswith(reverse("accounts:login"))


def test_a_search_can_be_deleted(client, user, saved):
    client.force_login(user)

    client.post(reverse("catalog:saved-delete", args=[saved.uuid]))

    assert not SavedSearch.objects.exists()


@pytest.mark.parametrize("n", [1, 20])
def test_comparing_searches_asks_only_for_the_index(
    user, found, n, monkeypatch, django_assert_num_queries
):
    for i in range(n):
        services.save_search(user=user, name=f"{i}", query=QUERY)
    searches = list(SavedSearch.objects.visible_to(user))
    held = catalogue.current()
    monkeypatch.setattr(catalogue, "current", lambda: held)

    with django_assert_num_queries(0):
        changes(searches)

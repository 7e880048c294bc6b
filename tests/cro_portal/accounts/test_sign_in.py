import re

import pytest
from django.core import mail
from django.core.cache import caches
from django.urls import reverse
from redis.exceptions import ConnectionError as RedisConnectionError

from cro_portal.accounts import limits
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def _no_attempts_yet():
    for cache in caches.all(initialized_only=False):
        cache.clear()


@pytest.fixture
def person():
    user = UserFactory.create(email="pat@sponsor.example")
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(client, email="pat@sponsor.example", password=PASSWORD, **extra):
    return client.post(
        reverse("accounts:login"),
        {"username": email, "password": password, "next": "/"},
        **extra,
    )


def test_signing_in_leads_on(client, person):
    response = sign_in(client)

    assert response.status_code == 302
    assert response.url == "/"
    assert client.session["_auth_user_id"] == str(person.pk)


def test_nobody_is_led_to_another_site(client, person, settings):
    settings.LOGIN_REDIRECT_URL = "home"
    response = client.post(
        reverse("accounts:login") + "?next=https://evil.example/",
        {"username": person.email, "password": PASSWORD},
    )

    assert response.url == "/"


def test_a_wrong_password_is_said_and_the_address_kept(client, person):
    text = sign_in(client, password="wrong").content.decode()

    assert "do not belong together" in text
    assert 'value="pat@sponsor.example"' in text


@pytest.mark.parametrize("email", ["pat@sponsor.example", "nobody@sponsor.example"])
def test_the_sixth_attempt_waits_whoever_it_is(client, person, email):
    for _ in range(limits.SIGN_IN.attempts):
        assert sign_in(client, email, "wrong").status_code == 200

    response = sign_in(client, email)

    assert response.status_code == 429
    assert response["Retry-After"] == "900"
    assert "Wait 15 minutes" in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_another_spelling_of_the_address_is_the_same_address(client, person):
    for _ in range(limits.SIGN_IN.attempts):
        sign_in(client, "PAT@sponsor.example", "wrong")

    assert sign_in(client).status_code == 429


def test_the_owner_elsewhere_is_not_locked_out(client, person):
    for _ in range(limits.SIGN_IN.attempts + 1):
        sign_in(client, password="wrong", REMOTE_ADDR="203.0.113.9")

    assert sign_in(client, REMOTE_ADDR="198.51.100.7").status_code == 302


def test_one_network_cannot_try_many_addresses(client, person):
    for i in range(limits.SIGN_IN_NETWORK.attempts):
        sign_in(client, f"guess{i}@sponsor.example", "wrong")

    assert sign_in(client).status_code == 429


def test_the_right_password_begins_anew(client, person):
    for _ in range(limits.SIGN_IN.attempts - 1):
        sign_in(client, password="wrong")
    sign_in(client)
    client.logout()
    sign_in(client, password="wrong")

    assert sign_in(client).status_code == 302


def test_attempts_are_counted_without_redis(client, person, monkeypatch):
    def away(*args, **kwargs):
        raise RedisConnectionError("connection refused")

    for name in ("add", "incr", "delete"):
        monkeypatch.setattr(caches["default"], name, away)
    for _ in range(limits.SIGN_IN.attempts):
        assert sign_in(client, password="wrong").status_code == 200

    assert sign_in(client).status_code == 429


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        (2, "1.1.1.1, 203.0.113.9, 198.51.100.7", "203.0.113.9"),
        (2, "198.51.100.7", "198.51.100.7"),
    ],
)
def test_only_our_proxies_are_believed(rf, settings, proxies, header, address):
    settings.TRUSTED_PROXIES = proxies
    request = rf.get("/", headers={"X-Forwarded-For": header})

    assert limits.network_address(request) == address


def test_signing_out_needs_a_post_and_leads_home(client, person):
    client.force_login(person)

    assert client.get(reverse("accounts:logout")).status_code == 405
    assert client.post(reverse("accounts:logout")).url == "/"
    assert "_auth_user_id" not in client.session


def test_a_new_password_by_mail(client, person):
    client.post(reverse("accounts:password-reset"), {"email": person.email})
    link = re.search(r"http://testserver(\S+)", mail.outbox[0].body)[1]
    form = client.get(link, follow=True)
    new = "battery staple 7"

    done = client.post(
        form.redirect_chain[-1][0],
        {"new_password1": new, "new_password2": new},
        follow=True,
    )

    assert "Your new password is set" in done.content.decode()
    assert sign_in(client, password=new).status_code == 302
    assert "used or is too old" in client.get(link, follow=True).content.decode()


def test_the_answer_to_a_reset_does_not_say_who_has_an_account(client, person):
    known = client.post(
        reverse("accounts:password-reset"), {"email": person.email}, follow=True
    )
    unknown = client.post(
        reverse("accounts:password-reset"), {"email": "no@body.example"}, follow=True
    )

    def main(response):
        return response.content.decode().split("<main")[1]

    assert main(known) == main(unknown)
    assert len(mail.outbox) == 1


def test_mails_to_one_address_stop_after_three(client, person):
    for _ in range(5):
        client.post(reverse("accounts:password-reset"), {"email": person.email})

    assert len(mail.outbox) == limits.RESET.attempts

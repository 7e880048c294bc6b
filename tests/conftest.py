"""The servers of a test run, and fixtures every test may use.

The real PostgreSQL and Redis run once for all test processes, in `var/test` (or
`CRO_VAR`), apart from the demo's. Workers of pytest-xdist find them there; each
has its own test database and its own Redis database.
"""

import os
from contextlib import ExitStack

import pytest
from hypothesis import settings
from rest_framework.test import APIClient

from cro_portal.accounts.models import ApiToken, TokenScope
from cro_portal.embedded import paths, session
from tests.factories import MembershipFactory, UserFactory
from tests.workers import hinting, redis_server, start_worker  # noqa: F401

_servers = ExitStack()

# How long one example takes says how busy the machine is, nothing of the code.
settings.register_profile("portal", deadline=None)
settings.load_profile("portal")


def pytest_configure(config):
    has_urls = os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")
    if not has_urls and not hasattr(config, "workerinput"):
        _servers.enter_context(session.running(paths.layout(), durable=False))


def pytest_unconfigure(config):
    _servers.close()


@pytest.fixture
def user(db):
    return UserFactory.create()


@pytest.fixture
def member(db):
    """Make an owner of a sponsor; `member.user` and `member.sponsor` are at hand."""
    return MembershipFactory.create()


@pytest.fixture
def api():
    return APIClient()


@pytest.fixture
def make_token(db):
    def make(user=None, scope=TokenScope.WRITE, **kwargs):
        user = user or UserFactory.create()
        return ApiToken.objects.create(user=user, name="test", scope=scope, **kwargs)

    return make

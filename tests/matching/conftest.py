"""What the tests of rankings share."""

import pytest

from catalog import snapshot
from matching import hints


@pytest.fixture(autouse=True)
def nothing_held():
    """Start with no catalogue in memory: tests begin their versions anew."""
    snapshot.forget()
    yield
    snapshot.forget()


@pytest.fixture
def hinted(monkeypatch):
    """Catch the hints instead of sending them; a list of (task, *args)."""
    sent = []
    monkeypatch.setattr(hints, "_send", lambda *hint: sent.append(hint))
    return sent

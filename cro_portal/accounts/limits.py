"""How often somebody may try to sign in or ask for a mail.

Counts stand in the cache; without it they stand in the process, which still stops
somebody who guesses. The answer to too many attempts is the same whether or not
the account exists and the password is right, so it tells nothing.
"""

import hashlib
import logging
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.http import HttpRequest
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """At most `attempts` of one kind in `seconds`."""

    name: str
    attempts: int
    seconds: int

    def allows(self, *who: str) -> bool:
        """Count an attempt by `who`; say whether it is within the limit."""
        key = self._key(*who)
        try:
            return self._count(caches["default"], key) <= self.attempts
        except (RedisError, OSError):
            logger.warning("Attempts are counted in the process: no cache")
            return self._count(caches["local"], key) <= self.attempts

    def forget(self, *who: str) -> None:
        """Begin anew, after an attempt that was right."""
        key = self._key(*who)
        caches["local"].delete(key)
        try:
            caches["default"].delete(key)
        except (RedisError, OSError):
            logger.warning("Attempts were not reset: no cache")

    def _key(self, *who: str) -> str:
        digest = hashlib.sha256("\0".join(who).encode()).hexdigest()
        return f"limit:{self.name}:{digest}"

    def _count(self, cache: BaseCache, key: str) -> int:
        if cache.add(key, 1, self.seconds):
            return 1
        try:
            return cache.incr(key)
        except ValueError:  # it ran out between the two commands
            cache.set(key, 1, self.seconds)
            return 1


SIGN_IN = Limit("sign-in", attempts=5, seconds=15 * 60)
"""For one e-mail address from one network address."""
SIGN_IN_NETWORK = Limit("sign-in-network", attempts=50, seconds=15 * 60)
"""For one network address, whatever it tries."""
RESET = Limit("reset", attempts=3, seconds=60 * 60)
"""Mails to one e-mail address."""
RESET_NETWORK = Limit("reset-network", attempts=20, seconds=60 * 60)
"""Mails asked for by one network address."""


def network_address(request: HttpRequest) -> str:
    """Return the address of the client.

    Only as many entries of `X-Forwarded-For` are believed as there are proxies of
    our own (`TRUSTED_PROXIES`); anybody can write the others.
    """
    proxies = settings.TRUSTED_PROXIES
    if proxies:
        hops = request.headers.get("x-forwarded-for", "").split(",")
        return hops[-min(proxies, len(hops))].strip()
    return request.META.get("REMOTE_ADDR") or ""

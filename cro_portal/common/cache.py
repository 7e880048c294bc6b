"""The cache as a convenience: without it pages are slower, never wrong or away."""

import logging
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

Value = TypeVar("Value")


def remember(key: str, compute: Callable[[], Value], *, seconds: int) -> Value:
    """Return what is cached under `key`, else compute it and keep it.

    The key names everything the value depends on, so it is never stale.
    """
    try:
        kept: Value | None = cache.get(key)
    except (RedisError, OSError):
        logger.warning("Not cached: the cache cannot be reached")
        return compute()
    if kept is not None:
        return kept
    value = compute()
    try:
        cache.set(key, value, seconds)
    except (RedisError, OSError):
        logger.warning("Not cached: the cache cannot be reached")
    return value

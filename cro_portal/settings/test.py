"""Tests: the real servers, quick passwords, nothing sent."""

import os
from pathlib import Path

os.environ.setdefault("CRO_VAR", str(Path(__file__).parents[2] / "var" / "test"))

from cro_portal.settings.base import *

SECRET_KEY = "only-for-tests"
DATABASES["default"] = {
    **dj_database_url.parse(OWNER_URL),
    "TEST": {"TEMPLATE": "template0"},
}
# Every worker of pytest-xdist has a Redis database of its own (Redis has 16).
_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
if not env.str("REDIS_URL", default=""):
    REDIS_URL = paths.layout().redis_url(database=1 + int(_worker) % 15)
    CELERY_BROKER_URL = processes.broker_url(REDIS_URL)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = dict.fromkeys(
    ("read", "write", "match"), "100000/min"
)
STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True

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
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = dict.fromkeys(
    ("read", "write", "match"), "100000/min"
)
STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True

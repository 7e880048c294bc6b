"""A served portal as in production, with the bare lists beside it."""

from cro_portal.settings.base import *

ROOT_URLCONF = "bench.bare"
TEMPLATES[0]["DIRS"] = [*TEMPLATES[0]["DIRS"], BASE_DIR / "bench" / "templates"]
STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = dict.fromkeys(
    ("read", "write", "match"), "1000000/min"
)

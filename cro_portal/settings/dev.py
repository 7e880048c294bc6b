"""The demo and a developer's machine."""

import secrets

from cro_portal.settings.base import *

DEBUG = env.bool("CRO_DEBUG", default=True)


def _own_secret_key() -> str:
    """Make a key on first use, so that sessions survive a restart."""
    file = VAR_DIR / "secret_key"
    if not file.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(50))
    return file.read_text()


SECRET_KEY = SECRET_KEY or _own_secret_key()
STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
WHITENOISE_USE_FINDERS = True

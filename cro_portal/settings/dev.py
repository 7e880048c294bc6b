"""The demo and a developer's machine."""

import os
import secrets
from contextlib import suppress

from cro_portal.settings.base import *

DEBUG = env.bool("CRO_DEBUG", default=True)


def _own_secret_key() -> str:
    """Make a key on first use, so that sessions survive a restart."""
    file = VAR_DIR / "secret_key"
    made = VAR_DIR / f"secret_key.{os.getpid()}"
    try:
        if not file.exists():
            VAR_DIR.mkdir(parents=True, exist_ok=True)
            made.touch(mode=0o600)
            made.write_text(secrets.token_urlsafe(50))
            with suppress(FileExistsError):  # another process was first
                os.link(made, file)
            made.unlink()
        return file.read_text()
    except OSError:
        # What is wrong with the folder is said by the commands that need it.
        return secrets.token_urlsafe(50)


SECRET_KEY = SECRET_KEY or _own_secret_key()
STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
WHITENOISE_USE_FINDERS = True

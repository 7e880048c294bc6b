"""Production: everything that matters must be said, nothing is guessed."""

from cro_portal.settings.base import *

SECRET_KEY = env.str("CRO_SECRET_KEY")
# Health checks come from the machine itself.
ALLOWED_HOSTS = [*env.list("CRO_ALLOWED_HOSTS"), "127.0.0.1"]
SECURE_SSL_REDIRECT = env.bool("CRO_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = env.int("CRO_HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

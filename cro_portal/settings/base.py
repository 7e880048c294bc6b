"""Settings every environment shares; what differs is read from the environment."""

import datetime as dt
from pathlib import Path

import dj_database_url
from celery.schedules import schedule
from django.templatetags.static import static
from environs import Env

from cro_portal import processes
from cro_portal.embedded import paths

BASE_DIR = Path(__file__).resolve().parents[2]
env = Env()
env.read_env(str(BASE_DIR / ".env"), recurse=False)

VAR_DIR = paths.layout().var
SECRET_KEY = env.str("CRO_SECRET_KEY", default="")
DEBUG = False
ALLOWED_HOSTS = env.list("CRO_ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CRO_CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
    "template_partials",
    "cro_portal",
    "cro_portal.accounts",
    "cro_portal.common",
    "catalog",
    "sponsors",
    "matching",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "cro_portal.common.security.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "cro_portal.common.throttles.RateLimitHeaders",
    "cro_portal.common.database_away.DatabaseAwayMiddleware",
]
ROOT_URLCONF = "cro_portal.urls"
WSGI_APPLICATION = "cro_portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
    {
        # The parts of pages that repeat most; why: cro_portal/common/templates.py.
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "NAME": "jinja2",
        "DIRS": [BASE_DIR / "jinja2"],
        "OPTIONS": {"environment": "cro_portal.common.templates.environment"},
    },
]

# The application's role owns no table; migrations run as the owner
# (`manage.py` sets CRO_AS_OWNER for them).
APP_URL = env.str("DATABASE_URL", default="") or paths.layout().database_url("cro_app")
OWNER_URL = env.str("DATABASE_OWNER_URL", default="") or (
    env.str("DATABASE_URL", default="") or paths.layout().database_url("cro_owner")
)
AS_OWNER = env.bool("CRO_AS_OWNER", default=False)
_database = dj_database_url.parse(
    OWNER_URL if AS_OWNER else APP_URL, conn_max_age=60, conn_health_checks=True
)
if processes.current() in processes.DATABASE_LIMITS:
    # A stuck query or a forgotten transaction ends by itself (docs/operations.md).
    _limits = processes.DATABASE_LIMITS[processes.current()]
    _database.setdefault("OPTIONS", {}).setdefault(
        "options", " ".join(f"-c {name}={value}" for name, value in _limits.items())
    )
DATABASES = {"default": {**_database, "ATOMIC_REQUESTS": False}}
REDIS_URL = env.str("REDIS_URL", default="") or paths.layout().redis_url()

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "sponsors:study-list"
LOGOUT_REDIRECT_URL = "home"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
FORMAT_MODULE_PATH = "cro_portal.formats"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# What a page may load. htmx and our scripts are files; widths of bars are style
# attributes. The admin's packages bring inline scripts and Alpine (eval).
CONTENT_SECURITY_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
ADMIN_SCRIPT_SRC = "'self' 'unsafe-inline' 'unsafe-eval'"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# The public trial register, asked for one study at a time when a person says so.
CRO_CTGOV_API = env.str("CRO_CTGOV_API", default="https://clinicaltrials.gov/api/v2")

# Knox keeps our own token model, so its own table is never made.
KNOX_TOKEN_MODEL = "accounts.ApiToken"
MIGRATION_MODULES = {"knox": None}
REST_KNOX = {"TOKEN_PREFIX": "cro_", "TOKEN_TTL": dt.timedelta(days=90)}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "portal",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    },
    # Counts attempts to sign in when Redis is away.
    "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}
# How many proxies of ours stand in front and append to X-Forwarded-For.
TRUSTED_PROXIES = env.int("CRO_PROXIES", default=0)
CSRF_FAILURE_VIEW = "cro_portal.common.views.csrf_failure"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "cro_portal.accounts.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "cro_portal.common.permissions.TokenMayWrite",
    ],
    "DEFAULT_FILTER_BACKENDS": ["cro_portal.common.filters.StrictFilterBackend"],
    "DEFAULT_PARSER_CLASSES": ["cro_portal.common.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": (
        "cro_portal.common.negotiation.ContentNegotiation"
    ),
    "DEFAULT_PAGINATION_CLASS": "cro_portal.common.paging.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["cro_portal.common.throttles.PersonThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "read": env.str("CRO_API_READ_RATE", default="1200/min"),
        "write": env.str("CRO_API_WRITE_RATE", default="120/min"),
        "match": env.str("CRO_API_MATCH_RATE", default="300/min"),
    },
    "EXCEPTION_HANDLER": "cro_portal.common.problems.exception_handler",
    "NUM_PROXIES": TRUSTED_PROXIES,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CRO portal",
    "DESCRIPTION": (
        "Contract research organizations, what is known about them and from whom,"
        " and how well they fit a study. [Back to the portal](/).\n\n"
        "1. Make a token at [API tokens](/accounts/tokens/); it is shown once.\n"
        "2. Send it with each request: `Authorization: Bearer cro_…`.\n"
        "3. Begin with `GET /api/v1/cros/?q=research`, then match a study at once with"
        " `POST /api/v1/match/`, or keep it with `POST /api/v1/studies/` and follow"
        " `/api/v1/studies/{id}/ranking/`.\n\n"
        "`weights` name all eight criteria (0 leaves one out), or are left out"
        " altogether for the method's default."
    ),
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ClaimStatusEnum": "catalog.choices.ClaimStatus",
        "CROStatusEnum": "catalog.choices.CROStatus",
        "ImportanceEnum": "sponsors.choices.Importance",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "cro_portal.common.openapi.add_problems",
    ],
    "TAGS": [
        {"name": "CROs", "description": "The catalogue: CROs and sourced claims."},
        {"name": "Vocabularies", "description": "The codes used everywhere."},
        {"name": "Studies", "description": "What your sponsor needs a CRO for."},
        {"name": "Rankings", "description": "How well CROs fit a study, and why."},
    ],
}

# Celery (why each: docs/operations.md)
CELERY_BROKER_URL = processes.broker_url(REDIS_URL)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "unacked_restore_interval": 5,
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "max_retries": 0,
}
CELERY_BEAT_SCHEDULE = {
    "heartbeat": {"task": "cro_portal.tasks.heartbeat", "schedule": schedule(5.0)},
    "sweep-rankings": {
        "task": "matching.tasks.sweep",
        "schedule": schedule(2.0),
        "options": {"expires": 10},
    },
}
CELERY_BEAT_SCHEDULE_FILENAME = env.str(
    "CRO_BEAT_FILE", default=str(VAR_DIR / "celerybeat-schedule")
)

# Rankings: how long a worker may hold a study before another takes over, and when
# the sweeper stops waiting for workers and computes by itself.
RANKING_LEASE_SECONDS = env.int("CRO_RANKING_LEASE_SECONDS", default=30)
RANKING_INLINE_AFTER_SECONDS = env.int("CRO_RANKING_INLINE_AFTER_SECONDS", default=60)

EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
DEFAULT_FROM_EMAIL = env.str("CRO_FROM_EMAIL", default="portal@localhost")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}

UNFOLD = {
    "SITE_TITLE": "CRO portal: curation",
    "SITE_HEADER": "CRO portal",
    "SITE_SUBHEADER": "The catalogue and who keeps it",
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("img/mark.svg"),
        }
    ],
    "STYLES": [lambda request: static("css/admin.css")],
    "COLORS": {
        "primary": {
            "50": "oklch(97% .015 205)",
            "100": "oklch(94% .03 205)",
            "200": "oklch(89% .05 205)",
            "300": "oklch(82% .08 205)",
            "400": "oklch(72% .1 205)",
            "500": "oklch(60% .1 205)",
            "600": "oklch(50% .09 205)",
            "700": "oklch(43% .08 205)",
            "800": "oklch(37% .065 205)",
            "900": "oklch(32% .05 205)",
            "950": "oklch(24% .04 205)",
        }
    },
}

"""Settings of Plumb: the environment is read here and nowhere else.

Without `DATABASE_URL` this is somebody's own machine: Plumb starts its own PostgreSQL, makes its own secret key and
serves plain HTTP on the loopback address. With it, or with a public host name, this is production: everything that
could be left open is closed, and what is missing stops the start (checks in `crm.core.checks`).
"""

from __future__ import annotations

import logging
import secrets
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

from crm.core.environment import (
    broker,
    database,
    env,
    flag,
    mail_server,
    one_of,
    public_address,
    rooms,
    sender,
    whole_number,
    words,
)
from crm.core.logs import logging_config
from crm.jobs.broker import ADDRESS, SCHEMES, is_embedded, transport_options
from crm.jobs.schedule import SCHEDULE
from crm.theme import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent
LOCAL_DATA = BASE_DIR / ".data"

DEBUG = flag("DEBUG", default=False)
LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
ALLOWED_HOSTS = words("ALLOWED_HOSTS", default=sorted(LOOPBACK))
OWN_DATABASE = not env.str("DATABASE_URL", default="")
PRODUCTION = not DEBUG and (not OWN_DATABASE or not set(ALLOWED_HOSTS) <= LOOPBACK)


def local_secret_key() -> str:
    """The key of this machine, made once and readable by its owner only; never used in production."""
    path = LOCAL_DATA / "secret_key"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text()


# Empty in production when nobody set it: the check core.E001 then refuses the start and says how to make one.
SECRET_KEY: str = env.str("SECRET_KEY", default="") or ("" if PRODUCTION else local_secret_key())

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "axes",
    "csp",
    "django_htmx",
    "django_prometheus",
    "django_structlog",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "pgtrigger",
    "crm.core",
    "crm.people",
    "crm.handbook",
    "crm.history",
    "crm.jobs",
    "crm.notifications",
    "crm.clocks",
    "crm.sync",
    "crm.activities",
    "crm.workspace",
    "crm.checkups",
    "crm.bulk",
    "crm.duplicates",
    "accounts",
    "contracts",
    "leads",
    "crm.enquiries",
    "crm.imports",
    "crm.search",
    "crm.reviews",
    "crm.privacy",
    "crm.demo",
]

MIDDLEWARE = [
    "crm.core.request_ids.RequestIdMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "crm.jobs.middleware.ProbeMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "crm.people.middleware.UserZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "crm.urls"
WSGI_APPLICATION = "crm.wsgi.application"
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
                "csp.context_processors.nonce",
            ],
        },
    },
]

# One domain call is one transaction (`acting`), so a request is not one by itself.
DATABASES: dict[str, dict[str, Any]] = {}
if OWN_DATABASE:
    from crm.local.postgres import database as own_database

    DATABASES["default"] = dict(own_database(BASE_DIR))
else:
    DATABASES["default"] = database("DATABASE_URL")
DATABASES["default"].update(ATOMIC_REQUESTS=False, CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
# A server that is gone is said to be gone before anybody has given up waiting for a page.
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "people.User"
# The address is unique by `email_key`, which folds case and +tag: stricter than the unique email the check looks for.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "crm.people.backends.EmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
# Login throttling: ten wrong passwords for one e-mail from one address lock that pair for fifteen minutes.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "crm.people.backends.login_key"
AXES_LOCKOUT_TEMPLATE = "429_locked_out.html"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "static"
# A local machine serves each app's files where they lie; production collects and hashes them once.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
MEDIA_ROOT = env.path("MEDIA_ROOT", default=str(LOCAL_DATA / "media"))

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = PRODUCTION
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
# Asked on the machine itself, beside the proxy that ends TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS: list[str] = words("CSRF_TRUSTED_ORIGINS")
# Behind a proxy that ends TLS; off by default because a client could send the header itself.
if flag("TRUST_PROXY_HEADERS", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# No request leaves the server. Alpine, which the admin's theme is built on, evaluates expressions (unsafe-eval) and
# sets style attributes (unsafe-inline for styles only).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "base-uri": [SELF],
        "object-src": [NONE],
    }
}

CRM_HANDBOOK: str = env.str("CRM_HANDBOOK", default=str(BASE_DIR / "crm" / "handbook" / "handbook.toml"))

# The API is for programs: a key is the only way in, never a browser's session.
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["crm.sync.authentication.ApiKeyAuthentication"],
    "DEFAULT_THROTTLE_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["crm.core.api.scopes.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["crm.core.api.rendering.Json"],
    "DEFAULT_PARSER_CLASSES": ["crm.core.api.parsing.StrictJson"],
    "DEFAULT_PAGINATION_CLASS": None,
    "EXCEPTION_HANDLER": "crm.core.api.problems.handle",
    "DEFAULT_SCHEMA_CLASS": "crm.core.api.schema.RecordSchema",
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_RENDERER_CLASSES": ["crm.core.api.rendering.Json"],
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Plumb",
    "DESCRIPTION": "Records one by one, in bulk and whole, their moves, every change of them, and webhooks."
    " Every error is a problem+json with a stable code.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": ["crm.core.api.schema_everywhere.tell_everywhere"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"docExpansion": "none", "defaultModelsExpandDepth": 0, "persistAuthorization": False},
}

# Without a broker's address, messages queue in the same PostgreSQL (pgmq): the demo needs no second server.
CELERY_BROKER_URL = broker("CELERY_BROKER_URL", SCHEMES, default=ADDRESS)
# Messages of a worker that was killed come back after this time; no task may run longer.
VISIBILITY_TIMEOUT = whole_number("VISIBILITY_TIMEOUT", default=300, least=1, most=86400)
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    transport_options(DATABASES["default"], visibility_timeout=VISIBILITY_TIMEOUT)
    if is_embedded(CELERY_BROKER_URL)
    else ({"visibility_timeout": VISIBILITY_TIMEOUT} if CELERY_BROKER_URL.startswith(("redis", "sentinel")) else {})
)
# Remote control answers through queues whose names are too long for pgmq; the heartbeats say what it would.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = not is_embedded(CELERY_BROKER_URL)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 120
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = SCHEDULE
CELERY_BEAT_SCHEDULER = "crm.jobs.scheduler:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = env.str("BEAT_SCHEDULE_FILE", default="") or str(LOCAL_DATA / "celerybeat-schedule")
# Links in messages begin with it: a message is written by a worker, which no request tells the host.
PUBLIC_URL = public_address(
    "PUBLIC_URL",
    default=f"https://{ALLOWED_HOSTS[0].lstrip('.*')}"
    if PRODUCTION and ALLOWED_HOSTS[0].lstrip(".*")
    else f"http://127.0.0.1:{whole_number('PORT', default=8000, least=1, most=65535)}",
)
# Without a mail server no email is made; the page of notifications says so.
MAIL = mail_server("EMAIL_URL")
SENDS_EMAIL = bool(MAIL)
EMAIL_BACKEND: str = MAIL.get("EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend")
EMAIL_HOST: str = MAIL.get("EMAIL_HOST", "")
EMAIL_PORT: int = MAIL.get("EMAIL_PORT", 25)
EMAIL_HOST_USER: str = MAIL.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD: str = MAIL.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS: bool = MAIL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL: bool = MAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT: int = MAIL.get("EMAIL_TIMEOUT", 20)
EMAIL_FILE_PATH: str = MAIL.get("EMAIL_FILE_PATH", "")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = sender("DEFAULT_FROM_EMAIL", needed=SENDS_EMAIL)
# The addresses of the rooms that the handbook names. They are secrets: never logged, never shown.
CHAT_WEBHOOKS = rooms("CHAT_WEBHOOKS")

# Mail that comes in (`manage.py receive_mail`): the longest message in megabytes; the name by which the mail server
# signs its Authentication-Results; our own mailing lists (List-Id), through which people write to us.
MAIL_LIMIT = whole_number("MAIL_LIMIT_MB", default=25, least=1, most=1024) * 1024 * 1024
MAIL_RELAY: str = env.str("MAIL_RELAY", default="")
MAIL_LISTS = words("MAIL_LISTS")
# Hosts on the company's own network that messages may be sent to; no other private address is asked (core.outbound).
OUTBOUND_PRIVATE_HOSTS = words("OUTBOUND_PRIVATE_HOSTS")

# Threads of each process of the web server; followers of changes that wait take half of them at most.
WEB_THREADS = whole_number("WEB_THREADS", default=8, least=1, most=64)
# A request body larger than this many megabytes is refused before it is stored anywhere.
UPLOAD_LIMIT = whole_number("UPLOAD_LIMIT_MB", default=512, least=1, most=100_000) * 1024 * 1024

LOGGING = logging_config(
    json=PRODUCTION, level=one_of("LOG_LEVEL", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], default="INFO")
)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# What is sent was judged, or made, by the first middleware (core.request_ids).
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
# Who it was is the user's number; where they were is nobody's business.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
# Without it, /metrics answers private addresses, in production nobody.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# It would ask the database at every start of every process; /readyz counts what is not applied.
PROMETHEUS_EXPORT_MIGRATIONS = False

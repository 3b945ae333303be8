"""Django's settings, made from `aetheris.conf`. Nothing here is read by the engine directly."""

import secrets
from datetime import timedelta
from pathlib import Path

import dj_database_url

from aetheris import __version__
from aetheris.conf import configuration

_conf = configuration()


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


BASE_DIR = Path(__file__).resolve().parent.parent
# What signs nothing needs none. By Django's prefix `aetheris.gate` knows one that no other process has.
SECRET_KEY = _conf.secret_key.get_secret_value() if _conf.secret_key else f"django-insecure-{secrets.token_urlsafe(48)}"
DEBUG = _conf.debug
ALLOWED_HOSTS = _names(_conf.allowed_hosts)

# What a project with settings of its own adds to them: docs/howto/add-to-django.md.
RUNTIME_APPS = [
    "django_celery_beat",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "aetheris",
    "jobs",
    "ledger",
    "signals_app",
]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    *RUNTIME_APPS,
    *_names(_conf.apps),
]

MIDDLEWARE = [
    "aetheris.api.request_ids.request_ids",
    "aetheris.api.chunked.ChunkedBodies",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "aetheris.urls"
ASGI_APPLICATION = "aetheris.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# A pooled connection is borrowed for one transaction and given back before the outside world is called.
DATABASES = {"default": dj_database_url.parse(_conf.database_url, engine="aetheris.database", conn_max_age=0)}
DATABASES["default"].setdefault("OPTIONS", {})["prepare_threshold"] = 5 if _conf.database_prepare else None
DATABASES["default"]["OPTIONS"]["pool"] = {
    "min_size": 1,
    "max_size": _conf.database_pool_size,
    "timeout": 1,  # of one attempt: `aetheris.database` says how long somebody waits
    # While the database is away the pauses between attempts must not grow: given up soon, they are begun anew.
    "reconnect_timeout": 3,
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "aetheris.formats"
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "aetheris.api.authentication.Token",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["aetheris.api.permissions.Declared"],
    "DEFAULT_PARSER_CLASSES": ["aetheris.api.parsers.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "aetheris.api.exceptions.handle",
    "DEFAULT_SCHEMA_CLASS": "aetheris.api.schema.ContractSchema",
    "DEFAULT_THROTTLE_CLASSES": ["aetheris.api.throttling.PerCaller"],
    "DEFAULT_THROTTLE_RATES": {"login": _conf.login_rate, "request": _conf.request_rate},
    "NUM_PROXIES": 0,  # whoever is limited does not say himself where he comes from
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Aetheris",
    "DESCRIPTION": (
        "A durable runtime that hosts AI agents. Log in, send an agent a message with an `Idempotency-Key`, follow its "
        "job by its stream or wait for its result, and let somebody else decide what waits for a person. Every refusal "
        "has one body and a stable code; each operation lists its own. `next_cursor` of a list asks for its next page."
    ),
    "VERSION": __version__,
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": ["aetheris.api.schema.with_error", "aetheris.api.schema.with_plain_texts"],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "The `token` that `POST /api/login` has answered, or the `key` of `POST /api/keys`.",
            },
            "session": {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "Of the admin's login."},
        }
    },
}
KNOX_TOKEN_MODEL = "knox.AuthToken"  # noqa: S105  a name of a model
REST_KNOX = {"TOKEN_TTL": timedelta(hours=10)}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(about)s %(message)s"},
        "json": {"()": "aetheris.core.log_fields.JsonLines"},
    },
    "filters": {"fields": {"()": "aetheris.core.log_fields.Filter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": _conf.log_format, "filters": ["fields"]},
    },
    "root": {"handlers": ["stderr"], "level": _conf.log_level},
    # uvicorn has begun with lines of its own form; `aetheris.request` writes one for each request.
    "loggers": {
        "uvicorn": {"handlers": [], "propagate": True},
        "uvicorn.access": {"handlers": [], "propagate": False},
    },
}

"""Django's settings, made from `aetheris.conf`. Nothing here is read by the engine directly."""

import secrets
from datetime import timedelta
from pathlib import Path

import dj_database_url

from aetheris.conf import configuration

_conf = configuration()


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = _conf.secret_key.get_secret_value() if _conf.secret_key else secrets.token_urlsafe(48)
DEBUG = _conf.debug
ALLOWED_HOSTS = _names(_conf.allowed_hosts)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "rest_framework",
    "knox",
    "aetheris",
    "jobs",
    "ledger",
    "signals_app",
    *_names(_conf.apps),
]

MIDDLEWARE = [
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
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("prepare_threshold", 5)
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
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["aetheris.api.authentication.Token"],
    "DEFAULT_PERMISSION_CLASSES": ["aetheris.api.permissions.Declared"],
    "DEFAULT_PARSER_CLASSES": ["aetheris.api.parsers.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "aetheris.api.exceptions.handle",
    "DEFAULT_THROTTLE_RATES": {"login": _conf.login_rate},
    "NUM_PROXIES": 0,  # whoever is limited does not say himself where he comes from
}
REST_KNOX = {"TOKEN_TTL": timedelta(hours=10)}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": _conf.log_level},
}

"""Settings of a small Django project for the launcher's own tests."""

import os

import dj_database_url

SECRET_KEY = os.environ.get("AETHERIS_SECRET_KEY", "of no use")
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES = {"default": dj_database_url.parse(os.environ.get("AETHERIS_DATABASE_URL", ""))}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django_celery_beat"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "tests.services.site_urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

"""The database that this run of the tests has made for itself."""

import os
from urllib.parse import urlsplit

from django.db import connection


def url() -> str:
    """By which other processes, and sessions without Django, reach it."""
    return urlsplit(os.environ["AETHERIS_DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()

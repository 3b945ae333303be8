"""The web process's entry point: `uvicorn aetheris.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

from aetheris import gate

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aetheris.settings")
application = get_asgi_application()
gate.enter()

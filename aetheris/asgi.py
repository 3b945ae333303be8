"""The web process's entry point: `uvicorn aetheris.asgi:application`."""

import os
import sys

from django.core.asgi import get_asgi_application

from aetheris import gate

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aetheris.settings")
# Whoever was waked by a doorbell must not wait five milliseconds for each thread that is busy with another request.
sys.setswitchinterval(0.001)
application = get_asgi_application()
gate.check_key()
gate.enter()

"""What whoever runs the web process asks it: whether it can answer requests."""

from contextlib import suppress
from functools import cache
from typing import Any, ClassVar

from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.fields import Fields, query_of
from aetheris.api.permissions import OPEN, SYSTEM_VIEW, may
from aetheris.conf import configuration
from aetheris.core import registry
from aetheris.core.handlers import AskableModelAdapter
from aetheris.live.connection import answers as redis_answers

MODEL_SECONDS = 5.0


class ReadinessQuestion(Fields):
    model = serializers.BooleanField(default=False)


class Readiness(APIView):
    """`GET` → 200 if the database answers and has every migration of this code, else 503. The broker is only told of:
    without it requests are answered all the same. `?model=true` asks for the model of `AETHERIS_MODEL` too."""

    permissions: ClassVar = {"GET": (OPEN,)}
    schema = None
    throttle_classes = ()

    def get(self, request: Request) -> Response:
        needed = _database()
        if query_of(request, ReadinessQuestion)["model"]:
            if not may(request, SYSTEM_VIEW):
                self.permission_denied(request)
            needed["model"] = _model()
        ready = set(needed.values()) == {"ok"}
        told = {"status": "ok" if ready else "unready", **needed, "broker": "ok" if redis_answers() else "away"}
        return Response(told, 200 if ready else 503)


def _database() -> dict[str, str]:
    database: Any = connection
    with suppress(Error), database.impatient():
        applied = MigrationRecorder(database).applied_migrations()
        return {"database": "ok", "migrations": "ok" if applied.keys() >= _last_migrations() else "missing"}
    return {"database": "away", "migrations": "unknown"}


@cache
def _last_migrations() -> frozenset[tuple[str, str]]:
    """Those of this code that no other one follows: whoever has them has all."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def _model() -> str:
    """`unset` without `AETHERIS_MODEL`, `unknown` for a provider that cannot be asked."""
    provider, _, model = configuration().model.partition(":")
    if not provider:
        return "unset"
    adapter = registry.models.get(provider) if provider in registry.models else None
    if not isinstance(adapter, AskableModelAdapter):
        return "unknown"
    return "ok" if adapter.has(model, MODEL_SECONDS) else "away"

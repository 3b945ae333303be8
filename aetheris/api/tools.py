"""The doors to the tools that this installation's code declares."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.permissions import AGENT_VIEW
from aetheris.core import registry
from aetheris.core.tool_contract import contract, summary


class Tools(APIView):
    """`GET` → every tool's contract, without its schemas."""

    permissions: ClassVar = {"GET": (AGENT_VIEW,)}

    def get(self, request: Request) -> Response:
        tools = [summary(tool) for tool in registry.tools]
        return Response({"tools": tools, "total": len(tools)})


class ToolDetail(APIView):
    """`GET` → one tool's contract, with its schemas."""

    permissions: ClassVar = {"GET": (AGENT_VIEW,)}

    def get(self, request: Request, name: str) -> Response:
        return Response(contract(registry.tools.get(name)))

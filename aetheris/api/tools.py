"""The doors to the tools that this installation's code declares."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.contract import Link, Method
from aetheris.api.permissions import AGENT_VIEW
from aetheris.core import registry
from aetheris.core.handlers import Effect
from aetheris.core.tool_contract import contract, summary


class ToolSummary(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    effect = serializers.ChoiceField(list(Effect))
    after_doubt = serializers.CharField()
    window_seconds = serializers.FloatField(allow_null=True)
    timeout_seconds = serializers.FloatField()
    settle_seconds = serializers.FloatField()
    queue = serializers.CharField()
    hooks = serializers.ListField(child=serializers.ChoiceField(["reconcile", "verify"]))
    arguments_sha256 = serializers.CharField()
    result_sha256 = serializers.CharField()
    contract_sha256 = serializers.CharField()


class ToolContract(ToolSummary):
    arguments_schema = serializers.DictField()
    result_schema = serializers.DictField()


class ToolList(serializers.Serializer[Any]):
    tools = ToolSummary(many=True)
    total = serializers.IntegerField()


class Tools(APIView):
    """`GET` → every tool's contract, without its schemas."""

    permissions: ClassVar = {"GET": (AGENT_VIEW,)}
    contract: ClassVar = {
        "GET": Method(
            name="list_tools",
            does="The contracts of all tools, without their schemas",
            answers={200: ToolList},
            links=(Link("get_tool", "name", "tools/0/name"),),
        )
    }

    def get(self, request: Request) -> Response:
        tools = [summary(tool) for tool in registry.tools]
        return Response({"tools": tools, "total": len(tools)})


class ToolDetail(APIView):
    """`GET` → one tool's contract, with its schemas."""

    permissions: ClassVar = {"GET": (AGENT_VIEW,)}
    contract: ClassVar = {
        "GET": Method(
            name="get_tool", does="A tool's contract", answers={200: ToolContract}, refuses=("TOOL_NOT_FOUND",)
        )
    }

    def get(self, request: Request, name: str) -> Response:
        return Response(contract(registry.tools.get(name)))

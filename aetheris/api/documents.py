"""The OpenAPI document, and Swagger UI from this process alone."""

from typing import Any, ClassVar

from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response

from aetheris.api.permissions import OPEN, Declared


class Document(SpectacularAPIView):
    """`GET` → the OpenAPI document of this interface, without itself."""

    permissions: ClassVar = {"GET": (OPEN,)}
    permission_classes = (Declared,)
    authentication_classes = ()
    renderer_classes = [OpenApiJsonRenderer]
    schema = None

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return answer


class SwaggerUI(SpectacularSwaggerView):
    """`GET` → a page on which people can try the interface; it loads nothing from elsewhere."""

    permissions: ClassVar = {"GET": (OPEN,)}
    permission_classes = (Declared,)
    authentication_classes = ()
    schema = None

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return answer

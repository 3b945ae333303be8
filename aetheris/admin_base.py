"""What every admin page of the runtime shares: records are looked at, never edited; verbs change them."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """Lists and shows. Nothing is added, edited or deleted by hand."""

    actions = None

    class Media:
        css: ClassVar = {"all": ("aetheris/admin.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> SafeString:
    """Records inside a page; whatever the cells hold is only text."""
    if not rows:
        return SafeString("–")
    head = format_html_join("", "<th>{}</th>", ((head,) for head in heads))
    cells = (format_html_join("", "<td>{}</td>", ((cell,) for cell in row)) for row in rows)
    body = format_html_join("", "<tr>{}</tr>", ((row,) for row in cells))
    return format_html(
        '<div class="records"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>', head, body
    )

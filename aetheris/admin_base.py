"""What every admin page of the runtime shares: records are looked at, never edited; verbs change them."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    BoundedBase = Paginator[Any]
else:
    ModelAdmin = admin.ModelAdmin
    BoundedBase = Paginator

MOST_COUNTED = 1000


class BoundedPaginator(BoundedBase):
    """Counts no further than people turn pages, so that a list costs the same however many rows there are."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[: MOST_COUNTED + 1].count())

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than pages lead to."""
        return self.count > MOST_COUNTED


class ReadOnlyAdmin(ModelAdmin):
    """Lists and shows. Nothing is added, edited or deleted by hand. `optional` fields are left out where empty."""

    optional: tuple[str, ...] = ()
    actions: Sequence[str] | None = None
    change_list_template = "aetheris/change_list.html"
    change_form_template = "aetheris/change_form.html"
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    class Media:
        css: ClassVar = {"all": ("aetheris/admin.css",)}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, called what it holds."""
        title = {"title": capfirst(str(self.opts.verbose_name_plural)), "most_counted": MOST_COUNTED}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Those that say something of this record."""
        fields = super().get_fields(request, obj)
        return [name for name in fields if name not in self.optional or getattr(obj, str(name), None)]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> SafeString:
    """Records inside a page, whose cells are only text, whatever they hold. Each knows its head, for narrow screens."""
    if not rows:
        return SafeString("–")
    head = format_html_join("", "<th>{}</th>", ((head,) for head in heads))
    named = (zip(heads, row, strict=True) for row in rows)
    cells = (format_html_join("", '<td data-head="{}">{}</td>', row) for row in named)
    body = format_html_join("", "<tr>{}</tr>", ((row,) for row in cells))
    return format_html(
        '<div class="records"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>', head, body
    )

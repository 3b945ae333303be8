"""SQL of bodies: long texts, which stand apart from the rows that hold them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models

from aetheris.core.canonical import digest

if TYPE_CHECKING:
    from jobs.models import Body, Job


INLINE_BYTES = 1024
_MARK = "@"


def stored_form(text: str) -> str:
    """How a canonical text stands in a row: itself, or `@` and its digest, which no JSON text begins with."""
    return text if len(text.encode()) <= INLINE_BYTES else _MARK + digest(text).hex()


def _digest_in(form: str) -> bytes:
    """The digest in a stored form; empty when it holds none."""
    try:
        return bytes.fromhex(form[1:]) if form.startswith(_MARK) else b""
    except ValueError:
        return b""


class BodyQuerySet(models.QuerySet["Body"]):
    def keep(self, job: Job, text: str) -> str:
        """The stored form of a canonical text, whose body is in the database from now on."""
        stored = stored_form(text)
        if stored is not text:
            body: Body = self.model(job=job, tenant=job.tenant, digest=digest(text), text=text)
            self.bulk_create([body], ignore_conflicts=True)
        return stored

    def text(self, job_id: UUID, stored: str) -> str:
        """The text of a stored form."""
        return self.texts(job_id, [stored])[stored]

    def texts(self, job_id: UUID, stored: Iterable[str]) -> dict[str, str]:
        """Stored form → text, in at most one query. A body that is gone or was altered leaves its form, no JSON."""
        return {form: text for (_, form), text in self.texts_of_jobs((job_id, form) for form in stored).items()}

    def texts_of_jobs(self, stored: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], str]:
        """As `texts`, for stored forms of several jobs: (job, stored form) → text."""
        texts = {(job_id, form): form for job_id, form in stored}
        marked = {(job_id, key): form for job_id, form in texts if (key := _digest_in(form))}
        if marked:
            jobs, digests = {job_id for job_id, _ in marked}, {key for _, key in marked}
            found = self.filter(job_id__in=jobs, digest__in=digests).values_list("job_id", "digest", "text")
            for job_id, stored_digest, text in found:
                place = job_id, bytes(stored_digest)
                if place in marked and digest(text) == place[1]:
                    texts[job_id, marked[place]] = text
        return texts

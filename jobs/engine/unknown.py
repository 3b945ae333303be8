"""Unknown: what is known of effects in doubt, read for people who are to say what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.engine.possible import Possible, possible
from jobs.engine.sender import Sender
from jobs.models import Body, Node
from ledger import entries
from ledger.models import Entry
from signals_app.models import UnknownOutcome
from signals_app.states import WaitState


@dataclass(frozen=True)
class Unknown:
    """A question, the effect that it is about, and the canonical text of the arguments that were sent."""

    question: UnknownOutcome
    entry: Entry
    arguments: str

    def answers(self, sender: Sender) -> list[Possible]:
        """What `sender` may say; nothing once it is answered."""
        if self.question.state != WaitState.OPEN:
            return []
        return possible(self.question.job, self.entry, self.question.proposed_by, sender)


def about(questions: Sequence[UnknownOutcome]) -> list[Unknown]:
    """What these questions are about, in their order, in three queries however many they are."""
    places = {(question.job_id, question.node) for question in questions}
    tried = Entry.objects.of_nodes(places)
    inputs = Node.objects.inputs(places)
    texts = Body.objects.texts_of_jobs((job_id, form) for (job_id, _), form in inputs.items())
    return [
        Unknown(
            question,
            next(entry for entry in tried if _is_about(question, entry)),
            texts[question.job_id, inputs[question.job_id, question.node]],
        )
        for question in questions
    ]


def _is_about(question: UnknownOutcome, entry: Entry) -> bool:
    key = entries.question_key(entry)
    same_key = question.correlation_key == key or question.correlation_key.startswith(f"{key}:")
    return question.job_id == entry.job_id and same_key

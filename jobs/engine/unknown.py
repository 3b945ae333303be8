"""Unknown: what is known of effects in doubt, read for people who are to say what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.engine.possible import Case, Possible, possible
from jobs.engine.sender import Sender
from jobs.models import Body, Node
from ledger import entries
from ledger.models import Entry, Event
from ledger.states import EntryState
from signals_app.models import UnknownOutcome
from signals_app.states import WORLD, WaitState, look_in


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
        question = self.question
        about_the_world = question.correlation_key.startswith(WORLD)
        case = Case(question.job, self.entry, question.proposed_by, sender.principal, about_the_world)
        return possible(case, sender)


def about(questions: Sequence[UnknownOutcome]) -> list[Unknown]:
    """What these questions are about, in their order: in four queries however many they are, and one for each effect
    that is not its node's only one."""
    places = {(question.job_id, question.node) for question in questions}
    looks = {(question.job_id, look_in(question.correlation_key)) for question in questions}
    tried = [*Entry.objects.of_nodes(places), *Entry.objects.of_steps(looks)]
    inputs = Node.objects.inputs(places)
    texts = Body.objects.texts_of_jobs((job_id, form) for (job_id, _), form in inputs.items())
    found = [(question, next(entry for entry in tried if _is_about(question, entry))) for question in questions]
    return [
        Unknown(
            question,
            entry,
            texts[entry.job_id, inputs[entry.job_id, entry.node]]
            if _is_its_node(entry)
            else Event.objects.arguments_of(entry),
        )
        for question, entry in found
    ]


def _is_its_node(entry: Entry) -> bool:
    """Whether the effect is its node's only one, so that its arguments are the node's."""
    return entry.step_id == entry.node


def _is_about(question: UnknownOutcome, entry: Entry) -> bool:
    if question.correlation_key.startswith(WORLD):
        same_look = look_in(question.correlation_key) == entry.step_id
        return question.job_id == entry.job_id and same_look and entry.state == EntryState.COMMITTED
    key = entries.question_key(entry)
    same_key = question.correlation_key == key or question.correlation_key.startswith(f"{key}:")
    return question.job_id == entry.job_id and same_key

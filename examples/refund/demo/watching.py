"""One job of the demo, whose events are told in their order, each once."""

from collections.abc import Callable

from examples.refund.demo.client import Api, Json, at_rest
from examples.refund.demo.story import Story

PATIENCE_SECONDS = 60


def never(job: Json) -> bool:
    return False


class Watched:
    """A job, as whoever asked for it sees it."""

    def __init__(self, story: Story, api: Api, job_id: str) -> None:
        self.id = job_id
        self._story = story
        self._api = api
        self._told = 0

    def job(self) -> Json:
        return self._api.job(self.id)

    def events(self) -> list[Json]:
        return self._api.events(self.id)

    def tell_on(self, *, also: Callable[[Json], bool] = never) -> Json:
        """Tell what happens until the job does not go on by itself, or `also` holds; the job as it is then."""
        events = self._api.follow(
            self.id, until=lambda job: at_rest(job) or also(job), after=self._told, seconds=PATIENCE_SECONDS
        )
        for event in self._story.steps(events):
            self._told = event["seq"]
        return self.job()

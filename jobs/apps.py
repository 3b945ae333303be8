from celery import current_app
from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        """Workers that have this app look for due nodes and after lost children themselves."""
        current_app.steps["worker"].update(("jobs.receiver:ReceiverStep", "jobs.prefork:WatchStep"))

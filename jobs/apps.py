from celery import current_app
from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        """Workers that have this app look for due nodes themselves."""
        current_app.steps["worker"].add("jobs.receiver:ReceiverStep")

"""The Celery app: doorbells only. Messages carry ids, results and retries live in PostgreSQL."""

import os

from celery import Celery

from aetheris import transport
from aetheris.conf import configuration
from aetheris.core.priority import FIRST, LAST

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aetheris.settings")

_conf = configuration()
transport.use()

app = Celery("aetheris", broker=_conf.broker_url)
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_acks_late=False,
    task_default_queue="default",
    worker_prefetch_multiplier=1,
    # How long a lost child may still be heard of, with a broker whose workers have no event loop; else not at all.
    worker_lost_wait=1.0,
    worker_hijack_root_logger=False,
    worker_consumer="aetheris.consumer:Consumer",
    broker_connection_retry_on_startup=True,
    # A worker without a broker still works: its receiver finds the nodes.
    broker_connection_max_retries=None,
    broker_transport_options={
        "global_keyprefix": "aetheris:",
        # What a worker has taken and not begun, it alone knows: lost with it, its doorbell is found by looking.
        "ack_emulation": False,
        "socket_timeout": 2,
        "socket_connect_timeout": 2,
        # One list for each priority and queue, the lowest number first; what comes without one is in the first.
        "priority_steps": [0, *range(FIRST + 1, LAST + 1)],
    },
    # A publish after commit is a courtesy: it fails fast, the sweep rings again.
    task_publish_retry_policy={
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.2,
    },
    beat_scheduler="django_celery_beat.schedulers:DatabaseScheduler",
    beat_max_loop_interval=1,
    beat_schedule={
        "sweep": {
            "task": "aetheris.sweep",
            "schedule": _conf.sweep_seconds,
            "options": {"queue": "realtime"},
        },
    },
)
# What is current is so in one thread only, and requests are answered in others.
app.set_default()
app.autodiscover_tasks()

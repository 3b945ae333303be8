"""The runtime as a Django app: binds the model adapters and finds users' tools and agents."""

import logging

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules

logger = logging.getLogger(__name__)


class AetherisConfig(AppConfig):
    name = "aetheris"
    verbose_name = "Aetheris"

    def ready(self) -> None:
        """Raises `TypeError`, naming the handler, for one that cannot be kept as it is declared; `ValueError` for
        failpoints that cannot be read."""
        from celery.signals import worker_init

        import aetheris.celery  # noqa: F401  makes it the current app: every process rings with it
        from aetheris import failpoints, gate
        from aetheris.conf import configuration
        from aetheris.core import registry
        from aetheris.llm.adapters.openai import OpenAIAdapter

        registry.models.register("openai", OpenAIAdapter(configuration().model_url or None))
        autodiscover_modules("tools", "agents")
        for handler in (*registry.tools, *registry.functions, *registry.steps):
            handler.check()
        worker_init.connect(gate.enter)
        if faults := configuration().failpoints:
            failpoints.arm(faults)
            logger.critical("FAILPOINTS ARE ARMED, this process fails on purpose: AETHERIS_FAILPOINTS=%s", faults)

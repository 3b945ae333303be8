"""The configuration, read once from the environment: one typed place for every `AETHERIS_…` variable.

`aetheris.settings` turns it into Django's settings; the runtime reads it through `conf.configuration()`.
"""

from functools import lru_cache
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Configuration(BaseSettings):
    """Every setting with its default. A value that does not fit stops the process with its name and reason."""

    model_config = SettingsConfigDict(env_prefix="AETHERIS_", extra="ignore", hide_input_in_errors=True)

    database_url: str = "postgresql://localhost/aetheris"
    """Where PostgreSQL is: `postgresql://user@host/name`, or `postgresql://user@/name?host=/socket/folder`."""
    database_pool_size: int = Field(default=8, ge=2)
    """Connections that one process may hold; node threads that wait on the outside hold none."""
    database_prepare: bool = True
    """Whether the hot statements are prepared. False behind a pooler in transaction mode that does not know them, such
    as PgBouncer before 1.22."""
    unsafe_database: bool = False
    """Work on a database that may lose what it has acknowledged, and only say so."""
    broker_url: str = "redis://localhost:6379/0"
    """Where the doorbells go: `redis://…`, or `redis+socket:///path` for a unix socket."""
    secret_key: SecretStr | None = None
    """Signs sessions. The web process does not start without one, but with `debug`; nobody else needs it."""
    debug: bool = False
    allowed_hosts: str = "localhost,127.0.0.1,[::1]"
    """Host names that the web process answers to, separated by commas."""
    apps: str = ""
    """Django apps to load besides the runtime's own, separated by commas: where users' agents and tools live."""
    tenant: str = Field(default="default", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """The tenant that this installation's users belong to."""
    login_rate: str = Field(default="20/min", pattern=r"^[1-9][0-9]*/(sec|min|hour|day)$")
    """How many times one address may try to log in, in each web process."""
    request_rate: str = Field(default="200/sec", pattern=r"^[1-9][0-9]*/(sec|min|hour|day)$")
    """How many requests one user may send, in each web process."""
    stream_seconds: float = Field(default=600.0, gt=0)
    """How long a stream of events lasts; whoever resumes it is asked again who he is."""
    heartbeat_seconds: float = Field(default=15.0, gt=0)
    """After how long a stream without events says that it is still there."""
    lease_seconds: float = Field(default=15.0, gt=0)
    """How long a node stays claimed without a heartbeat."""
    sweep_seconds: float = Field(default=1.0, gt=0)
    """How often beat rings the sweep."""
    crash_limit: int = Field(default=3, ge=1)
    """How many workers a node may lose before it is given to no other."""
    node_timeout_seconds: float = Field(default=300.0, gt=0)
    """Deadline of a node that declares none."""
    model: str = ""
    """Model of the LLM nodes that name none, as `provider:model`."""
    model_url: str = ""
    """Base URL of a server that speaks OpenAI's chat completions; empty: the OpenAI SDK's own default."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_format: Literal["line", "json"] = "line"
    """A line for people, or a JSON object on each line for whatever collects logs."""
    failpoints: str = ""
    """Where this process is to be killed, stopped or held, for rigs (`aetheris.failpoints`); only with `debug`."""

    @model_validator(mode="after")
    def _failpoints_are_no_accident(self) -> Self:
        if self.failpoints and not self.debug:
            raise ValueError(
                "AETHERIS_FAILPOINTS kills processes on purpose: unset it, or set AETHERIS_DEBUG too. "
                "Neither belongs in production."
            )
        return self

    @model_validator(mode="after")
    def _hosts_are_named(self) -> Self:
        if "*" in self.allowed_hosts and not self.debug:
            raise ValueError(
                "AETHERIS_ALLOWED_HOSTS names every host, so that whoever asks chooses what links lead to: name yours."
            )
        return self


@lru_cache(maxsize=1)
def configuration() -> Configuration:
    """The process's configuration. Raises pydantic's `ValidationError`, which names the variable at fault."""
    return Configuration()

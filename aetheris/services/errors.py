"""What the launcher says when it cannot go on."""


class ServiceError(Exception):
    """A known problem: one line that says what is wrong and one that says what to do. Never a traceback."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n{remedy}" if remedy else problem)


class Stopped(Exception):
    """Somebody asked the launcher to stop: unwinds whatever is being started."""

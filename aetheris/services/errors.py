"""What the launcher and the command line say when they cannot go on."""


class ServiceError(Exception):
    """A known problem: one line that says what is wrong and one that says what to do. Never a traceback."""

    exit_code = 1
    code = "NOT_DONE"
    """Its stable name, for scripts."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n{remedy}" if remedy else problem)
        self.problem, self.remedy = problem, remedy


class Stopped(Exception):
    """Somebody asked the launcher to stop: unwinds whatever is being started."""

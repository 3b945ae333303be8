"""One child process: started so that it cannot outlive its parent, stopped within a bounded time."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aetheris.services.errors import ServiceError

Check = Callable[[], None]
"""Called in every wait; raises `Stopped` when the wait must end."""

# The parent may die before the child asked for the signal; then the child has another parent by now.
_GUARD = '[ "$PPID" = "$0" ] && exec "$@"'


class Child:
    """A process that the kernel ends with the thread that started it, also when that is killed with -9.

    It has its own session, so that a Ctrl-C in the terminal reaches only the supervisor. Start children from
    the main thread. `prepare` and `ready` are what kinds of children differ in.
    """

    steps: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 10.0),)
    """How it is asked to stop and how long each request may take, before it is killed."""
    settle_seconds = 2.0
    """How long one that cannot say that it is ready must live to be taken for it."""
    last_signal = "KILL"
    """What the kernel sends it when its parent dies."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environ: Mapping[str, str],
        prefix: Sequence[str] = (),
        descriptors: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        self.environ = environ
        self._command = [str(part) for part in command]
        self._prefix = prefix
        self._descriptors = descriptors
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self.socket: Path | None = None
        """The unix socket that it is reached by, if by one."""

    def prepare(self) -> None:
        """Mend what an earlier run may have left in the way; called before each start."""

    def ready(self) -> bool:
        """Whether it does its work now; asked only while it is alive."""
        return True

    @property
    def pid(self) -> int:
        """The pid of the program itself; 0 before the first start."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the process; its output is appended to its log."""
        self.prepare()
        guard = ("setpriv", "--pdeathsig", self.last_signal, "--", "sh", "-c", _GUARD, str(os.getpid()))
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                [*self._prefix, *guard, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environ,
                start_new_session=True,
                pass_fds=self._descriptors,
            )

    def exit_code(self) -> int | None:
        """How the last run ended; None while it runs or was never started."""
        return self._process.returncode if self._process else None

    def alive(self) -> bool:
        """Whether it runs. When it has ended, what it left behind in its session is killed."""
        if self._process is None or self._process.returncode is not None:
            return False
        # Somebody else in this process may have waited for it: that raises ChildProcessError.
        with contextlib.suppress(ChildProcessError):
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return True
            # It is a zombie until `wait`: only so long is the number of its group surely nobody else's.
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        return False

    def send(self, number: signal.Signals) -> None:
        """Signal it if it runs."""
        if self.alive():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it now, with all that it started in its session."""
        while self.alive():
            os.killpg(self.pid, signal.SIGKILL)
            time.sleep(0.01)

    def stop(self) -> None:
        """Return when it has ended, by whatever request it obeyed."""
        for number, patience in self.steps:
            self.send(number)
            if wait_until(lambda: not self.alive(), patience):
                return
        self.kill()

    def tail(self, lines: int = 8) -> str:
        """The last lines that this run has written."""
        with self.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - 8192))
            text = log.read().decode(errors="replace")
        return "\n".join(f"  {line}" for line in text.rstrip().splitlines()[-lines:])


def require_tools() -> None:
    """Both programs that tie children to their parent must be there."""
    for tool in ("setpriv", "sh"):
        if shutil.which(tool) is None:
            raise ServiceError(f"The program {tool} is missing.", "Install util-linux (setpriv, unshare).")


def never() -> None:
    """The check of a wait that nobody cuts short."""


def wait_until(done: Callable[[], bool], seconds: float, check: Check = never) -> bool:
    """Whether it came true in that time."""
    deadline = time.monotonic() + seconds
    while not done():
        check()
        if time.monotonic() > deadline:
            return False
        time.sleep(0.03)
    return True


def stop_together(children: Sequence[Child], seconds: float = 10.0) -> None:
    """Stop children at the same time; who has not ended by then is killed."""
    for child in children:
        child.send(signal.SIGTERM)
    wait_until(lambda: not any(child.alive() for child in children), seconds)
    for child in children:
        child.kill()


def failure(child: Child, what: str) -> ServiceError:
    """What became of a child, with its last lines and, for a full disk, with what to do."""
    lines = child.tail()
    full = "No space left on device" in lines
    remedy = "Free some space, or name a folder on another disk with --data." if full else ""
    return ServiceError(f"{child.name} {what}; its last lines ({child.log}):\n{lines}", remedy)


def run_to_end(child: Child, seconds: float, check: Check) -> None:
    """Run a child that must end well; it is stopped when the wait is cut short."""
    child.start()
    try:
        ended = wait_until(lambda: not child.alive(), seconds, check)
    finally:
        child.stop()
    if not ended or child.exit_code():
        raise failure(child, "failed")


def start_until_ready(child: Child, seconds: float, check: Check, tries: int = 3) -> None:
    """Start a child that must stay. A start that finds the last owner's remains may fail once or twice."""
    for _ in range(tries):
        child.start()
        if not wait_until(lambda: not child.alive() or child.ready(), seconds, check):
            break
        if child.alive():
            return
        wait_until(lambda: False, 0.5, check)
    child.stop()
    raise failure(child, "did not start")

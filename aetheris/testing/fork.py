"""Children of a process that has loaded everything and holds no connection and no thread: one costs milliseconds."""

import json
import os
import select
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

PATIENCE_SECONDS = 60.0

Line = dict[str, Any]


class Child:
    """A forked process that tells lines of JSON, and can be told to go on."""

    def __init__(self, work: "Callable[[Voice], None]") -> None:
        told, telling = os.pipe()
        going, go = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(told)
            os.close(go)
            _live(work, Voice(telling, going))
        os.close(telling)
        os.close(going)
        self._told, self._go = told, go
        self._rest = b""
        self.status: int | None = None

    def lines(self) -> Iterator[Line]:
        """What it tells, until it has ended. One that is silent for a minute is killed."""
        while True:
            head, newline, tail = self._rest.partition(b"\n")
            if newline:
                self._rest = tail
                yield json.loads(head)
                continue
            if not select.select([self._told], [], [], PATIENCE_SECONDS)[0]:
                yield {"broken": f"nothing was heard of it for {PATIENCE_SECONDS:g} seconds"}
                self.kill()
                return
            heard = os.read(self._told, 65536)
            if not heard:
                return
            self._rest += heard

    def go_on(self) -> None:
        """It waits for this where it has said so."""
        with suppress(BrokenPipeError):
            os.write(self._go, b".")

    def wait_until_stopped(self) -> None:
        os.waitpid(self.pid, os.WUNTRACED)

    def wake(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it now, unless it has ended."""
        if self.status is not None:
            return
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def end(self) -> int:
        """Its exit code, when it has ended; minus the signal that killed it."""
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self._told)
            os.close(self._go)
        return self.status


class Voice:
    """What a child tells its parent. Each line is one write, so that a kill leaves whole lines."""

    def __init__(self, telling: int, going: int) -> None:
        self._telling = telling
        self._going = going

    def tell(self, **line: Any) -> None:
        said = json.dumps(line).encode() + b"\n"
        while said:
            said = said[os.write(self._telling, said) :]

    def wait(self) -> None:
        """Until the parent says so."""
        os.read(self._going, 1)


def _live(work: "Callable[[Voice], None]", voice: Voice) -> None:
    code = 1
    try:
        work(voice)
        code = 0
    except BaseException:
        voice.tell(broken=traceback.format_exc())
    finally:
        os._exit(code)

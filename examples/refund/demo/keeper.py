"""Keeps the demo's own runtime: starts it, and takes everything away when the demo ends, however it ends.

`python -m examples.refund.demo.keeper FOLDER COMMAND…` runs until its input closes. A demo that is
killed cannot clean up, but its end of the pipe closes all the same, and that is what ends the runtime.
"""

import select
import shutil
import subprocess
import sys
from pathlib import Path

KEEP_LOGS = b"keep logs"
LOGS = frozenset({"logs", "world"})


def main(folder: Path, command: list[str]) -> None:
    """Run the command; at the end remove the folder, or all but its logs when these were the last words."""
    output = folder.with_name(f"{folder.name}.log")
    with output.open("wb") as log:
        # The keeper can be killed too; then the kernel asks the runtime to stop.
        tied = ["setpriv", "--pdeathsig", "TERM", "--", *command]
        runtime = subprocess.Popen(tied, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            last_words = _wait(runtime)
        finally:
            _stop(runtime)
    if last_words == KEEP_LOGS:
        _remove_all_but_logs(folder)
        shutil.move(output, folder / "up.log")
    else:
        shutil.rmtree(folder, ignore_errors=True)
        output.unlink()


def _wait(runtime: "subprocess.Popen[bytes]") -> bytes:
    """Wait for the demo's end, or for the runtime's own. Returns what the demo said last."""
    while runtime.poll() is None:
        if select.select([sys.stdin], [], [], 0.2)[0]:
            return sys.stdin.buffer.read()
    return KEEP_LOGS


def _stop(runtime: "subprocess.Popen[bytes]") -> None:
    """`aetheris up` stops all its processes on SIGTERM; SIGKILL is for one that does not."""
    runtime.terminate()
    try:
        runtime.wait(timeout=90)
    except subprocess.TimeoutExpired:
        runtime.kill()
        runtime.wait()


def _remove_all_but_logs(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name not in LOGS:
            shutil.rmtree(entry, ignore_errors=True)
        elif not entry.is_dir():
            entry.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

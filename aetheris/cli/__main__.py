"""The program `aetheris`, also as `python -m aetheris.cli`."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # While modules load, Python may swallow an interrupt in a callback of its own, so this one ends the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from aetheris.cli import main

if __name__ == "__main__":
    main()

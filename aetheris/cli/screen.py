"""What a command says: tables and colours on a terminal, plain text into a pipe, and JSON for scripts."""

import json
import os
from collections.abc import Callable
from typing import Any

from rich.console import Console, RenderableType

from aetheris.cli.shown.harmless import harmless
from aetheris.services import report

PIPE_WIDTH = 200
"""Where there is no terminal whose width counts."""


class Screen:
    """Where answers are shown. With `as_json` each answer is printed as REST gave it, and nothing else is."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        # What tools, goals and people say is no markup.
        self.console = Console(markup=False, emoji=False, highlight=False)
        if not self.console.is_terminal and "COLUMNS" not in os.environ:
            self.console.width = PIPE_WIDTH

    def show(self, answer: Any, rendered: Callable[[Any], RenderableType]) -> None:
        """An answer, in the form that was asked for."""
        if self.as_json:
            report.write(json.dumps(answer, indent=2, ensure_ascii=False))
        else:
            self.console.print(rendered(harmless(answer)))

    def line(self, answer: Any, rendered: Callable[[Any], RenderableType | None]) -> None:
        """One of many answers: a line of JSON, or what is to be said about it, if anything."""
        if self.as_json:
            report.write(json.dumps(answer, ensure_ascii=False))
        elif (said := rendered(harmless(answer))) is not None:
            self.console.print(said)

    def say(self, text: RenderableType) -> None:
        """A word to people; scripts are not told."""
        if not self.as_json:
            self.console.print(text)

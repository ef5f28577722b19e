# SPDX-License-Identifier: GPL-2.0-only
"""A real session on a desk without a terminal: motions are made at once, the picture is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kernelmodel.functions import functions
from kernelmodel.scenario import load
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints
from tui.commands import Console, Move
from tui.desk import Desk
from tui.keys import Keymap
from tui.paint.frame import Frame
from tui.paint.rows import plain


class Headless:
    """Who owns no terminal.  Nothing is lent to an editor or a shell, nothing stops the process."""

    def __init__(self, scenario: str | Path, width: int = 80, height: int = 24, keys: Keymap | None = None) -> None:
        self.picture: Frame | None = None
        self.left = False
        self.console = Console(Session(load(str(scenario))), Breakpoints(functions()))
        self.desk = Desk(self.console, self, keys)
        self.desk.resize(width, height)

    @property
    def lines(self) -> list[str]:
        """What is seen."""
        assert self.picture is not None
        return ["".join(plain(piece) for piece in line) for line in self.picture.lines]

    def show(self, painted: Frame) -> None:
        self.picture = painted

    def repaint(self) -> None:
        pass

    def leave(self) -> None:
        self.left = True

    def beside(self, do: Move) -> None:
        self.desk.arrived(do(None))

    def interrupt(self) -> None:
        pass

    def aside(self, do: Callable[[], None]) -> bool:
        return False

    def stop_process(self) -> None:
        pass

    def copy(self, text: str) -> None:
        pass

# SPDX-License-Identifier: GPL-2.0-only
"""A shell without a terminal: motions run at once, frames are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernelmodel.stops import Breakpoints
from tests.tui.fake import FakeSession
from tui.commands import Console, Move
from tui.desk import Desk
from tui.paint.frame import Frame
from tui.paint.rows import plain

SPECIAL = {":": "colon", "?": "question_mark", "[": "left_square_bracket", "]": "right_square_bracket", " ": "space"}


class FakeShell:
    """The desk under test and what it showed last."""

    def __init__(self, width: int = 80, height: int = 24, session: Any = None, keys: Any = None) -> None:
        self.frame: Frame | None = None
        self.left = False
        self.repaints = 0
        self.session = session or FakeSession()
        self.breaks = Breakpoints()
        self.copied: list[str] = []
        self.desk = Desk(Console(self.session, self.breaks), self, keys)
        self.desk.resize(width, height)

    def show(self, painted: Frame) -> None:
        self.frame = painted

    def repaint(self) -> None:
        self.repaints += 1

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
        self.copied.append(text)

    def press(self, *keys: str) -> FakeShell:
        """One character is typed as such; longer words are key names."""
        for key in keys:
            self.desk.key(SPECIAL.get(key, key), key if len(key) == 1 else None)
        return self

    def type(self, text: str) -> FakeShell:
        """A whole command line, from the colon to Enter."""
        return self.press(":", *text, "enter")

    @property
    def lines(self) -> list[str]:
        """The screen as text."""
        assert self.frame is not None
        return ["".join(plain(piece) for piece in line) for line in self.frame.lines]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

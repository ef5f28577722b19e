# SPDX-License-Identifier: GPL-2.0-only
"""A shell without a terminal: motions run at once, frames are kept."""

from __future__ import annotations

from collections.abc import Callable

from kernelmodel.functions import functions
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints
from tests.runs import shipped
from tui.commands import Console, Move
from tui.desk import Desk
from tui.keys import Keymap
from tui.paint.frame import Frame
from tui.paint.rows import plain

SPECIAL = {
    ":": "colon", "?": "question_mark", "[": "left_square_bracket", "]": "right_square_bracket", " ": "space",
    "'": "apostrophe", "/": "slash", ".": "full_stop", ",": "comma", "{": "left_curly_bracket",
    "}": "right_curly_bracket", "=": "equals_sign", "~": "tilde", "<": "less_than_sign", ">": "greater_than_sign", "+": "plus",
    "-": "minus", "_": "underscore", "(": "left_parenthesis", ")": "right_parenthesis",
}  # fmt: skip
CHARACTERS = {name: char for char, name in SPECIAL.items()}


class FakeShell:
    """The desk under test and what it showed last."""

    def __init__(
        self, width: int = 80, height: int = 24, session: Session | None = None, keys: Keymap | None = None
    ) -> None:
        self.frame: Frame | None = None
        self.left = False
        self.repaints = 0
        self.interrupts = 0
        self.stopped = 0
        self.lends = False
        """Whether the terminal can be given to something else."""
        self.copied: list[str] = []
        self.console = Console(session or Session(shipped("seed/unfit.toml")), Breakpoints(functions()))
        self.desk = Desk(self.console, self, keys)
        self.desk.resize(width, height)

    @property
    def session(self) -> Session:
        return self.console.session

    @property
    def breaks(self) -> Breakpoints:
        return self.console.breaks

    def show(self, painted: Frame) -> None:
        self.frame = painted

    def repaint(self) -> None:
        self.repaints += 1

    def leave(self) -> None:
        self.left = True

    def beside(self, do: Move) -> None:
        self.desk.arrived(do(None))

    def interrupt(self) -> None:
        self.interrupts += 1

    def aside(self, do: Callable[[], None]) -> bool:
        if self.lends:
            do()
        return self.lends

    def stop_process(self) -> None:
        self.stopped += 1

    def copy(self, text: str) -> None:
        self.copied.append(text)

    def press(self, *keys: str) -> FakeShell:
        """One character is typed as such; longer words are key names."""
        for key in keys:
            self.desk.key(SPECIAL.get(key, key), key if len(key) == 1 else CHARACTERS.get(key))
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

    @property
    def message(self) -> str:
        """The line above the footer."""
        return self.lines[-2].strip()

    @property
    def panes(self) -> list[str]:
        """Header and panes without the source, whose scroll position depends on where one comes from."""
        source = next((slot for slot in self.desk.slots() if "source" in slot.panes), None)
        rows = self.lines[:-2]
        if source is None:
            return rows
        below = source.y + source.height
        return [
            row[: source.x] + row[source.x + source.width :] if source.y <= y < below else row
            for y, row in enumerate(rows)
        ]


class SlowShell(FakeShell):
    """A shell whose motions wait until ``arrive``."""

    def beside(self, do: Move) -> None:
        self.waiting = do

    def arrive(self) -> None:
        self.desk.arrived(self.waiting(None))

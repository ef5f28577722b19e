# SPDX-License-Identifier: GPL-2.0-only
"""Make docs/screen.svg: the program itself, at the first fallback of the seed scenario.

Run as ``python docs/picture.py`` from the checkout.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kernelmodel import scenario
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints
from tui.commands import Console, Move
from tui.desk import Desk
from tui.paint.frame import Frame
from tui.take import svg

HERE = Path(__file__).parent


class Still:
    """A shell that shows nothing: the frame is asked for at the end."""

    desk: Desk

    def show(self, painted: Frame) -> None:
        """Nothing is seen."""

    def repaint(self) -> None:
        """Nothing is seen."""

    def leave(self) -> None:
        """There is nothing to leave."""

    def beside(self, do: Move) -> None:
        """At once."""
        self.desk.arrived(do(None))

    def interrupt(self) -> None:
        """Nothing takes long."""

    def aside(self, do: Callable[[], None]) -> bool:
        """There is no terminal."""
        return False

    def stop_process(self) -> None:
        """There is no terminal."""

    def copy(self, text: str) -> None:
        """There is no clipboard."""


def draw(width: int, height: int) -> str:
    """The screen at the first fallback, as SVG."""
    shell = Still()
    console = Console(Session(scenario.load("scenarios/seed/unfit.toml")), Breakpoints())
    shell.desk = desk = Desk(console, shell)
    desk.resize(width, height)
    for line in ("break fallback", "continue", "mark a"):
        desk.typed(line)
    desk.message = ()
    return svg(desk.frame(), title="thp-debug scenarios/seed/unfit.toml")


if __name__ == "__main__":
    (HERE / "screen.svg").write_text(draw(120, 40), encoding="utf-8")

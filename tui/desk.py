# SPDX-License-Identifier: GPL-2.0-only
"""The debugger behind the screen: key → action → one session verb → new snapshot → frame.  It knows no terminal.

What a key means is in ``keys`` and ``actions``, what a command means in ``commands``, what a pane shows in ``paint``
and how the cursor moves in it in ``panes.moves``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kernelmodel.motion import Motion
from kernelmodel.snapshot import Snapshot
from kernelmodel.stops import Breakpoints
from tui.actions import ACTIONS, focus_number, take_choice
from tui.commands import Console, Move
from tui.keys import KEYMAP, MOVES
from tui.marks import marks
from tui.paint import frame
from tui.paint.frame import Frame
from tui.paint.layout import Slot
from tui.paint.look import Look
from tui.paint.overlay import Overlay
from tui.paint.overlay import page as overlay_page
from tui.paint.rows import Row, cells, clean
from tui.panes.moves import Eye, Place, move
from tui.prompt import Prompt

if TYPE_CHECKING:
    from kernelmodel.session import Session


class Shell(Protocol):
    """What the desk needs of whoever owns the terminal."""

    def show(self, painted: Frame) -> None:
        """Make this frame what is seen."""

    def repaint(self) -> None:
        """Paint every cell of the next frame, whatever stands there."""

    def leave(self) -> None:
        """End the program."""

    def beside(self, do: Move) -> None:
        """Carry out a motion while keys and screen stay alive; tells ``Desk.arrived`` of its end."""

    def interrupt(self) -> None:
        """End that motion early."""


class Desk:
    """One debugging session as it is looked at."""

    def __init__(self, session: Session, breaks: Breakpoints, shell: Shell) -> None:
        self.session = session
        self.breaks = breaks
        self.shell = shell
        self.console = Console(session, breaks)
        self.look = Look()
        self.look.show("source")
        self.eye = Eye(self.look)
        self.prompt = Prompt()
        self.asking = False
        """Whether the prompt is open."""
        self.overlay: Overlay | None = None
        self.message: Row = ()
        self.running = False
        """Whether a motion is under way beside the screen."""
        self.queue: list[str] = []
        """Command lines that wait to be executed."""
        self.width = self.height = 0
        self.snap: Snapshot = session.snapshot(frame.view_for(self.look, session.step, 80, 24))

    # -- what happens --------------------------------------------------------------------------------
    def resize(self, width: int, height: int) -> None:
        """The terminal has this size (cells)."""
        self.width, self.height = width, height
        self.refresh()

    def key(self, key: str, character: str | None) -> None:
        """A key was pressed: for the prompt, an open box, an action, or the focused pane."""
        if self.running:
            if key in ("ctrl+c", "escape") or KEYMAP.get(key) == "quit":
                self.shell.interrupt()
            if KEYMAP.get(key) == "quit":
                self.shell.leave()
            return
        if self.asking:
            self._prompt_key(key, character)
            return
        if self.overlay is not None and self._overlay_key(key, self.overlay):
            return
        self.message = ()
        if key in MOVES:
            self.move(MOVES[key])
        elif key in KEYMAP:
            ACTIONS[KEYMAP[key]](self)
        elif character is not None and character in "0123456789":
            focus_number(self, character)
        else:
            self.draw()

    def paste(self, text: str) -> None:
        """Text from the clipboard goes into the open prompt and nowhere else."""
        if self.asking:
            self.prompt.paste(text)
            self.draw()

    def click(self, x: int, y: int) -> None:
        """Focus the pane at this cell; on a title the next of its tabs; in the source, put the cursor on the line."""
        for slot in self.slots():
            if not (slot.x <= x < slot.x + slot.width and slot.y <= y < slot.y + slot.height):
                continue
            pane = self.look.front(slot.panes)
            if y == slot.y and len(slot.panes) > 1:
                pane = slot.panes[(slot.panes.index(pane) + 1) % len(slot.panes)]
            self.look.show(pane)
            if pane == "source" and y > slot.y:
                self.look.line = self.look.tops.get("source", 0) + y - slot.y
            self.refresh()
            return

    def move(self, where: str) -> None:
        """A cursor key in the focused pane."""
        slot = next((slot for slot in self.slots() if self.look.focus in slot.panes), None)
        if slot is None:
            return
        self.eye.frame = self.console.frame
        move(self.eye, self.snap, where, Place(slot.width - slot.edge, slot.height - 1))
        self.console.frame = self.eye.frame
        self.refresh()

    def _prompt_key(self, key: str, character: str | None) -> None:
        done = self.prompt.key(key, character)
        self.asking = not done
        if done == "submit":
            self.execute(self.prompt.text)
        else:
            self.draw()

    def _overlay_key(self, key: str, box: Overlay) -> bool:
        """Whether the open box took the key; every other key closes it and goes on."""
        page = overlay_page(box, self.height)
        where = MOVES.get(key, "")
        by = {"up": -1, "down": 1, "page_up": -page, "page_down": page, "home": -10_000, "end": 10_000}.get(where, 0)
        if by:
            box.move(by, page)
        elif key == "enter" and box.kind == "choose":
            take_choice(self)
            return True
        else:
            self.overlay = None
            if key not in ("escape", "enter", "q", "question_mark", "f1"):
                return False
        self.draw()
        return True

    # -- commands and motion -------------------------------------------------------------------------
    def execute(self, text: str) -> None:
        """One line of the command language."""
        result = self.console.execute(text)
        if result.error:
            self.queue.clear()
        if result.quit:
            self.shell.leave()
        elif result.help:
            ACTIONS["help"](self)
        elif result.move is not None:
            self.go(result.move)
        else:
            self._tell(result.lines, result.error)
            self.refresh()

    def next_queued(self) -> None:
        """Execute waiting command lines as far as the first that moves the run."""
        while self.queue and not self.running:
            self.execute(self.queue.pop(0))

    def go(self, do: Move, quick: bool = False) -> None:
        """Move the run: at once if ``quick``, else beside the screen."""
        self.overlay = None
        if quick:
            self.arrived(do(None))
        else:
            self.running = True
            self.shell.beside(do)

    def progress(self, step: int) -> None:
        """A motion under way has come as far as ``step``."""
        self.say(f"running: step {step}   Ctrl+C interrupts", "warn")

    def arrived(self, moved: Motion) -> None:
        """Show where a motion came to, and go on with the commands that wait."""
        self.running = False
        self.console.frame = self.eye.pte_at = -1
        self.look.follow()
        self.look.reason = ""
        self.message = ()
        if moved.hit is not None:
            self.look.stopped[moved.stop.step] = moved.hit.number
            self.look.reason = f"break {moved.hit.number}"
            if moved.hit.trouble:
                self.message = ((f" {moved.reason}", "error"),)
        elif moved.stop.kind != "decision":
            self._tell_end(moved.stop.kind, moved.stop.text)
        elif moved.reason:
            self.message = ((f" {moved.reason}", "warn"),)
        self.refresh()
        self.next_queued()

    # -- painting ------------------------------------------------------------------------------------
    def slots(self) -> tuple[Slot, ...]:
        """What is on the screen now."""
        return frame.layout(self.look, self.width, self.height)

    def refresh(self) -> None:
        """Ask the session for a new snapshot of what this screen shows, and draw it."""
        if not self.width:
            return
        self.look.breaks = marks(self.breaks)
        view = frame.view_for(
            self.look, self.session.step, self.width, self.height, self.eye.pte_at, self.console.frame
        )
        self.snap = self.session.snapshot(view)
        self.draw()

    def draw(self) -> None:
        """Paint the present snapshot."""
        frame.settle(self.snap, self.look, self.width, self.height)
        self.shell.show(self.frame())

    def frame(self) -> Frame:
        """What the screen shows now."""
        message = self.prompt.row() if self.asking else self.message
        return frame.compose(self.snap, self.look, self.width, self.height, message, self.overlay)

    def say(self, text: str, style: str = "") -> None:
        """Put one line above the footer until the next key."""
        self.message = ((f" {text}", style),)
        self.draw()

    def _tell_end(self, kind: str, text: str) -> None:
        """How the run ended: in the message line, or in a box if it is longer."""
        style = "good" if kind == "end" else "bad"
        if cells(clean(text)) < self.width - 1:
            self.message = ((f" {text}", style),)
            return
        from textwrap import wrap

        self.overlay = Overlay("output", kind, [((f" {line}", style),) for line in wrap(clean(text), self.width - 6)])

    def _tell(self, lines: list[str], error: bool) -> None:
        style = "error" if error else ""
        if len(lines) == 1:
            self.message = ((f" {lines[0]}", style),)
        elif lines:
            rows: list[Row] = [((f" {line}", style),) for line in lines]
            self.overlay = Overlay("output", "error" if error else "output", rows)

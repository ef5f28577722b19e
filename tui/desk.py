# SPDX-License-Identifier: GPL-2.0-only
"""The debugger behind the screen: key → action → one line of the command language → new snapshot → frame.

It knows no terminal.  What a key means is in ``keys``, what only a screen can do in ``actions``, what a command means
in ``commands``, what a pane shows in ``paint`` and how the cursor moves in it in ``panes.moves``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from kernelmodel.motion import Motion
from kernelmodel.snapshot import Snapshot
from kernelmodel.stops import Breakpoints
from tui.actions import ACTIONS, PENDING, ask_screen, focus_number, look_at_cpu
from tui.commands import Console, Move, Result, Work
from tui.keys import Keymap, keymap
from tui.marks import marks
from tui.paint import frame
from tui.paint.frame import Frame
from tui.paint.layout import Slot
from tui.paint.look import Look
from tui.paint.overlay import Overlay
from tui.paint.overlay import lines as box_lines
from tui.paint.rows import Row, cells, clean
from tui.panes.moves import Eye, Place, move
from tui.prompt import Prompt

if TYPE_CHECKING:
    from kernelmodel.session import Session
    from kernelmodel.stops.breakpoint import Breakpoint


MOST_AHEAD = 64
"""Keys that wait for the end of a motion; more are dropped."""


class Shell(Protocol):
    """What the desk needs of whoever owns the terminal."""

    def show(self, painted: Frame) -> None:
        """Make this frame what is seen."""

    def repaint(self) -> None:
        """Paint every cell of the next frame, whatever stands there."""

    def leave(self) -> None:
        """End the program."""

    def beside(self, do: Move | Work) -> None:
        """Carry out something long while keys and screen stay alive; tells ``Desk.arrived`` of its end."""

    def interrupt(self) -> None:
        """End that motion early."""

    def aside(self, do: Callable[[], None]) -> bool:
        """Give the terminal to something else for as long as ``do`` runs; False where that can't be."""

    def stop_process(self) -> None:
        """Stop the process as Ctrl+Z does."""

    def copy(self, text: str) -> None:
        """Put text on the clipboard, as far as the terminal allows."""


def _reason(hit: Breakpoint) -> str:
    """Why the run stopped, for the header: ``break 1``, ``watch 2: i: 1 -> 2``."""
    return f"break {hit.number}" if hit.watch is None else f"watch {hit.words.removeprefix('watchpoint ')}"


class Desk:
    """One debugging session as it is looked at."""

    def __init__(self, console: Console, shell: Shell, keys: Keymap | None = None) -> None:
        self.console = console
        self.shell: Shell = shell
        self.keys: Keymap = keys or keymap()
        settings = self.console.settings
        self.look = Look(layout=settings.layout, theme=settings.theme, ascii=settings.ascii == "on")
        self.look.show("source")
        self.look.console = self.console.log
        self.look.cpus = self.session.m.nr_cpus
        self.eye = Eye(self.look)
        self.prompt = Prompt(console.history, self._complete)
        self.asking = ""
        """What the prompt is open for: ``command``, ``search`` or ``palette``; '' if it is closed."""
        self.pending = ""
        """Action that waits for one more key: a mark's letter."""
        self.overlay: Overlay | None = None
        self.message: Row = ()
        self.running = False
        """Whether a motion is under way beside the screen."""
        self._ahead: list[tuple[str, str | None]] = []
        """Keys that were pressed during a motion: they are taken when it has ended."""
        self._queueing = False
        """Whether lines that wait are being executed."""
        self._interrupted = False
        """Whether the motion under way was told to end, and everything that waits with it."""
        self.width = self.height = 0
        self.snap: Snapshot = self.session.snapshot(frame.view_for(self.look, self.session.step, 80, 24))

    @property
    def session(self) -> Session:
        """The run that is looked at."""
        return self.console.session

    @property
    def breaks(self) -> Breakpoints:
        """Its breakpoints."""
        return self.console.breaks

    # -- what happens --------------------------------------------------------------------------------
    def resize(self, width: int, height: int) -> None:
        """The terminal has this size (cells)."""
        self.width, self.height = width, height
        self.refresh()

    def key(self, key: str, character: str | None) -> None:
        """A key was pressed: for a run under way, the prompt, an open box, an action, or the focused pane."""
        action, where = self.keys.action(key), self.keys.move(key)
        if self.running:
            if action in ("interrupt", "back", "quit"):
                self._interrupted = True
                self._ahead.clear()
                self.shell.interrupt()
            elif len(self._ahead) < MOST_AHEAD:
                self._ahead.append((key, character))
            if action == "quit":
                self.shell.leave()
        elif self.pending:
            pending, self.pending = self.pending, ""
            self.message = ()
            PENDING[pending](self, key, character or "")
        elif self.asking:
            self._prompt_key(key, character)
        elif self.overlay is not None and self._box_key(key):
            pass
        elif where:
            self.message = ()
            self.move(where)
        elif action:
            self.message = ()
            self.act(action)
        elif character is not None and character in "0123456789":
            self.message = ()
            focus_number(self, character)
        else:
            self.message = ()
            self.draw()

    def act(self, action: str) -> None:
        """Carry out an action by its id: a matter of the screen, or a line of the command language."""
        if action in ACTIONS:
            ACTIONS[action](self)
            return
        self.execute(next(each.command for each in self.keys.actions if each.id == action))

    def paste(self, text: str) -> None:
        """Text from the clipboard goes into the open prompt and nowhere else."""
        if self.asking:
            self.prompt.paste(text)
            self.draw()

    def click(self, x: int, y: int) -> None:
        """A mouse button was pressed at this cell."""
        if not self.running and not self.asking:
            from tui.mouse import clicked

            clicked(self, x, y)

    def scroll(self, x: int, y: int, where: str) -> None:
        """The wheel was turned over this cell: the pane there moves, wherever the focus is."""
        if self.running:
            return
        if self.overlay is not None:
            self._box_key(where)
            return
        for slot in self.slots():
            if slot.x <= x < slot.x + slot.width and slot.y <= y < slot.y + slot.height:
                self.look.show(self.look.front(slot.panes))
        self.move(where)

    def move(self, where: str) -> None:
        """A cursor key in the focused pane."""
        slot = next((slot for slot in self.slots() if self.look.focus in slot.panes), None)
        if slot is None:
            return
        self.eye.frame = self.console.frame
        move(self.eye, self.snap, where, Place(slot.width - slot.edge, slot.height - 1))
        self.console.frame = self.eye.frame
        if self.look.focus == "cpus":
            self.choose_cpu()
        else:
            self.refresh()

    def choose_cpu(self) -> None:
        """What the cursor of the CPUs' pane is on is in view."""
        row = self.look.row.get("cpus", 0)
        if len(self.snap.cpus) > 1 and row < len(self.snap.cpus):
            look_at_cpu(self, self.snap.cpus[row].cpu)
        else:
            self.refresh()

    def ask(self, purpose: str, text: str = "", label: str = "") -> None:
        """Open the prompt."""
        self.asking = purpose
        self.prompt.open(text, label or self.console.prompt, bare=purpose != "command")
        self.draw()

    def _box_key(self, key: str) -> bool:
        """Whether the open box, or the palette, took a key."""
        from tui.boxes import overlay_key, palette_key

        if self.asking == "palette" or self.overlay is None:
            return palette_key(self, key)
        return overlay_key(self, key, self.overlay)

    def _prompt_key(self, key: str, character: str | None) -> None:
        if self.asking == "palette" and self._box_key(key):
            return
        done = self.prompt.key(key, character)
        purpose = self.asking
        if done:
            self.asking = ""
            if self.overlay is not None and self.overlay.title == "Tab":
                self.overlay = None
        if done == "cancel" and purpose == "command" and self.console.collecting is not None:
            self.console.collecting = None
            self.say("the commands stay as they were")
        elif done == "submit":
            ask_screen(self, "search", self.prompt.text) if purpose == "search" else self.typed(self.prompt.text)
        elif purpose == "palette":
            self._box_key("changed" if not done else "escape")
        else:
            self._candidates()
            self.draw()

    def _complete(self, text: str, at: int) -> tuple[int, list[str]]:
        from tui.candidates import Candidates
        from tui.complete import complete

        return complete(text, at, Candidates(self.console))

    def _candidates(self) -> None:
        """What Tab found, in a box above the prompt; any other key closes it."""
        found = self.prompt.candidates
        if found:
            wide = max(map(len, found)) + 2
            columns = max((self.width - 4) // wide, 1)
            rows: list[Row] = [
                (("".join(f" {each:<{wide - 1}}" for each in found[at : at + columns]), ""),)
                for at in range(0, len(found), columns)
            ]
            self.overlay = Overlay("output", "Tab", rows)
        elif self.overlay is not None and self.overlay.title == "Tab":
            self.overlay = None

    # -- commands and motion -------------------------------------------------------------------------
    def typed(self, text: str) -> None:
        """A line from the prompt."""
        self.do(self.console.typed(text))

    def execute(self, text: str) -> None:
        """One line of the command language that was not typed."""
        self.do(self.console.execute(text))

    def do(self, result: Result) -> None:
        """What a line asks for."""
        if result.quit:
            self.console.queue.clear()
            self.shell.leave()
        elif result.move is not None:
            self.go(result.move, result.quick)
        elif result.work is not None:
            self.overlay = None
            self.running = True
            self.shell.beside(result.work)
        else:
            if result.shell is not None:
                self._shell(*result.shell)
            elif result.ask is not None:
                ask_screen(self, *result.ask)
            else:
                self.tell(result.lines, result.error)
            if not self.console.queue:
                self.refresh()
            self.next_queued()
        if self.console.collecting is not None and not self.running and not self.console.queue:
            self.ask("command")

    def next_queued(self) -> None:
        """Execute waiting command lines as far as the first that moves the run."""
        if self._queueing:
            return
        self._queueing = True
        try:
            while not self.running and (result := self.console.next()) is not None:
                self.do(result)
        finally:
            self._queueing = False

    def go(self, do: Move, quick: bool = False) -> None:
        """Move the run: at once if ``quick``, else beside the screen.

        Lines that wait always move it beside, so that the keys are heard and end what might go on for ever.
        """
        self.overlay = None
        if quick and not self._queueing:
            self.arrived(do(None))
        else:
            self.running = True
            self.shell.beside(do)

    def progress(self, step: int) -> None:
        """A motion under way has come as far as ``step``."""
        key = self.keys.shown("interrupt")
        self.say(f"{self.console.doing or f'running: step {step}'}   {key} interrupts", "warn")

    def arrived(self, moved: Motion | Result) -> None:
        """Show where a motion came to (or what something else that was long did), and go on with what waits."""
        self.running = False
        if isinstance(moved, Result):
            self.message = ()
            if self._interrupted:
                self._interrupted = False
                self.console.queue.clear()
            self.do(self.console.finished(moved))
            self._take_keys()
            return
        self.eye.pte_at = -1
        self.look.follow()
        self.look.reason = ""
        self.message = ()
        said = self.console.arrived(moved)
        if self._interrupted:
            self._interrupted = False
            self.console.queue.clear()
        if moved.hit is not None:
            self.look.stopped[moved.stop.step] = moved.hit.number
            self.look.reason = _reason(moved.hit)
            if moved.hit.trouble:
                self.message = ((f" {moved.reason}", "error"),)
            elif moved.hit.watch:
                self.message = ((f" {moved.reason}", "changed"),)
        elif moved.stop.kind != "decision" and moved.reason in ("", moved.stop.text):
            self._tell_end(moved.stop.kind, moved.stop.text)
        elif moved.reason:
            self.message = ((f" {moved.reason}", "warn"),)
        elif self.console.other is not None and self.console.other.news:
            self.message = ((f" {self.console.other.news[-1]}", "changed"),)
        elif logged := [line for line in said if " log: " in line]:
            self.message = ((f" {logged[-1]}" + (f"   (+{len(logged) - 1} before)" if logged[1:] else ""), ""),)
        self.refresh()
        self.next_queued()
        self._take_keys()

    def _take_keys(self) -> None:
        """Keys that were pressed meanwhile."""
        while self._ahead and not self.running:
            self.key(*self._ahead.pop(0))

    # -- painting ------------------------------------------------------------------------------------
    def slots(self) -> tuple[Slot, ...]:
        """What is on the screen now."""
        return frame.layout(self.look, self.width, self.height)

    def refresh(self) -> None:
        """Ask the session for a new snapshot of what this screen shows, and draw it."""
        if not self.width:
            return
        look, console = self.look, self.console
        look.breaks = marks(self.breaks)
        look.marks = console.places.marks
        look.since = console.since()
        look.cpus = console.session.m.nr_cpus
        view = frame.view_for(look, self.session.step, self.width, self.height, self.eye.pte_at, console.frame)
        self.snap = self.session.snapshot(view._replace(cpu=console.cpu, since=look.since, watch=console.watched()))
        if look.cpus > 1 and not look.cpus <= look.row.get("cpus", 0) < look.cpus + len(self.snap.locks):
            look.row["cpus"] = self.snap.view_cpu
        look.second = console.other.seen(view) if console.other is not None else None
        self.draw()

    def draw(self) -> None:
        """Paint the present snapshot."""
        frame.settle(self.snap, self.look, self.width, self.height)
        self.shell.show(self.frame())

    def frame(self) -> Frame:
        """What the screen shows now."""
        message = self.prompt.row(self.width) if self.asking else self.message
        return frame.compose(self.snap, self.look, self.width, self.height, message, self.overlay, self.keys)

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
        self.overlay = Overlay("output", kind, box_lines([text], self.width, style))

    def tell(self, lines: list[str], error: bool = False) -> None:
        """Show what a command said: in the message line, in the console where it is in sight, else in a box."""
        style = "error" if error else ""
        console = next((slot for slot in self.slots() if self.look.front(slot.panes) == "console"), None)
        if len(lines) == 1:
            self.message = ((f" {lines[0]}", style),)
        elif lines and (console is None or console.height <= len(lines) + 1):
            self.overlay = Overlay("output", "error" if error else "output", box_lines(lines, self.width, style))

    def _shell(self, command: str, text: str) -> None:
        from tui.outside import run_shell

        if not self.shell.aside(lambda: run_shell(command, text, wait=True)):
            self.message = ((" this terminal can't be lent to a shell", "error"),)

# SPDX-License-Identifier: GPL-2.0-only
"""The desk on a terminal: a Textual application of one widget.

Two settings are read by Textual when it is imported, so they are set before: no animations, and up to 240 frames a
second, so that a key pressed right after a repaint does not wait for the next sixtieth of a second.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ.setdefault("TEXTUAL_FPS", "240")

from textual import events
from textual.app import App, ComposeResult
from textual.screen import Screen

from kernelmodel.motion import Motion
from tui.commands import Console, Move, Result, Work
from tui.desk import Desk
from tui.keys import Keymap
from tui.paint.frame import Frame
from tui.panes.canvas import Canvas

PROGRESS_SECONDS = 0.1
"""How often a long run tells how far it is."""
GONE_SECONDS = 1.0
"""How often to look whether the terminal is still there."""
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""Signals that end the program; the toolkit would die of the first two with the terminal as it is."""


class MainScreen(Screen[None], inherit_bindings=False):
    """No bindings of its own: every key goes to the desk."""


class DebuggerApp(App[None], inherit_bindings=False):
    """The shell of a ``Desk``."""

    TITLE = "thp-debug"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    AUTO_FOCUS = None

    def __init__(self, console: Console, keys: Keymap | None = None, first_line: str = "") -> None:
        super().__init__(ansi_color=True)
        self.desk = Desk(console, self, keys)
        if first_line:
            self.desk.message = ((f" {first_line}", ""),)
        self.canvas = Canvas()
        self.failure: Exception | None = None
        """What ended the program, if it was a fault of ours."""
        self.ended_by = 0
        """The signal that ended the program, 0 if none did."""
        self.motion: asyncio.Task[None] | None = None
        self.stop_motion = False

    # -- what Textual asks ---------------------------------------------------------------------------
    def get_default_screen(self) -> Screen[None]:
        """The only screen."""
        return MainScreen(id="_default")

    def compose(self) -> ComposeResult:
        """One widget draws everything."""
        yield self.canvas

    def on_load(self) -> None:
        """Before the terminal is taken: whatever ends the program gives it back."""
        if not self.is_headless:
            for number in ENDING:
                asyncio.get_running_loop().add_signal_handler(number, self.end_by, number)

    def on_mount(self) -> None:
        """From here on it is seen when the terminal goes."""
        if not self.is_headless:
            self.set_interval(GONE_SECONDS, self.look_for_terminal)

    def look_for_terminal(self) -> None:
        """A terminal that is closed hangs up its first process only (make's, a shell's): then nobody tells this one."""
        if not os.isatty(sys.__stdin__.fileno() if sys.__stdin__ is not None else -1):
            self.end_by(signal.SIGHUP)

    def end_by(self, number: int) -> None:
        """A signal asks the program to end; a motion under way ends with it."""
        self.ended_by = number
        self.stop_motion = True
        self.exit()

    def on_resize(self, event: events.Resize) -> None:
        """Also the first event of all: paint, then execute the commands that wait."""
        self.guard(lambda: self.lay_out(event.size.width, event.size.height))
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        if self.desk.console.queue and not self.desk.running:
            self.call_after_refresh(self.guard, self.desk.next_queued)

    def lay_out(self, width: int, height: int) -> None:
        """The terminal has this size; a motion under way has the session for itself, so the last picture is fitted."""
        if self.desk.running:
            self.desk.width, self.desk.height = width, height
            self.desk.draw()
        else:
            self.desk.resize(width, height)

    def on_key(self, event: events.Key) -> None:
        """Every key goes to the desk."""
        event.stop()
        event.prevent_default()
        self.guard(lambda: self.desk.key(event.key, event.character))

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text."""
        self.guard(lambda: self.desk.paste(event.text))

    def on_click(self, event: events.Click) -> None:
        """Mouse button."""
        self.guard(lambda: self.desk.click(int(event.screen_x), int(event.screen_y)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Wheel."""
        self.guard(lambda: self.desk.scroll(int(event.screen_x), int(event.screen_y), "up"))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Wheel."""
        self.guard(lambda: self.desk.scroll(int(event.screen_x), int(event.screen_y), "down"))

    def guard(self, do: Callable[[], None]) -> None:
        """Run a handler; whatever it raises ends the program with the terminal restored."""
        try:
            do()
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """End the program because of a fault of ours."""
        self.failure = self.failure or error
        self.exit(return_code=70)

    def _handle_exception(self, error: Exception) -> None:
        """What went wrong in the toolkit ends the program; the traceback goes to the report, not the screen."""
        self.failure = self.failure or error
        super()._handle_exception(error)
        self._exit_renderables.clear()

    # -- what the desk asks --------------------------------------------------------------------------
    def show(self, painted: Frame) -> None:
        """Hand the frame to the canvas."""
        self.canvas.show(painted)

    def repaint(self) -> None:
        """Forget what is on the screen."""
        self.canvas.forget()

    def leave(self) -> None:
        """End the program."""
        self.exit()

    def interrupt(self) -> None:
        """The motion sees it when it polls next."""
        self.stop_motion = True

    def aside(self, do: Callable[[], None]) -> bool:
        """Give the terminal back for as long as ``do`` runs."""
        from textual.app import SuspendNotSupported

        try:
            with self.suspend():
                do()
        except SuspendNotSupported:
            return False
        self.canvas.forget()
        return True

    def stop_process(self) -> None:
        """Stop the process as Ctrl+Z does."""
        self.action_suspend_process()

    def copy(self, text: str) -> None:
        """OSC 52, which most terminals take."""
        from tui.take import osc52

        if self._driver is not None:
            self._driver.write(osc52(text, tmux=bool(os.environ.get("TMUX"))))

    def beside(self, do: Move | Work) -> None:
        """The motion runs in a thread; until it has ended the desk touches the session no more."""
        self.stop_motion = False
        self.motion = asyncio.create_task(self._beside(do))

    async def _beside(self, do: Move | Work) -> None:
        reached = self.desk.session.step

        def poll(step: int) -> bool:
            nonlocal reached
            reached = step
            time.sleep(0)  # let the screen have the interpreter
            return self.stop_motion

        try:
            work: asyncio.Future[Motion | Result] = asyncio.ensure_future(asyncio.to_thread(do, poll))
            while not (await asyncio.wait({work}, timeout=PROGRESS_SECONDS))[0]:
                self.desk.progress(reached)
            self.desk.arrived(work.result())
        except Exception as error:
            self.fail(error)

    async def settled(self) -> None:
        """Wait until no motion is under way."""
        while self.desk.running and self.motion is not None:
            await asyncio.wait({self.motion})


def run_app(console: Console, *, keys: Keymap | None = None, first_line: str = "", mouse: bool = True) -> int:
    """Debug on the terminal until the user quits; the exit code.

    What waits in ``console`` is executed after the first paint; ``first_line`` is shown in the message line.  70 means
    a fault of ours: the terminal is restored and one line on stderr names the file that holds the traceback.  A signal
    that ends the program gives 128 and its number, as shells count.
    ``ImpossibleAnswer`` passes through (an answer that the scenario gives and its state does not allow).
    """
    from kernelmodel.answers import ImpossibleAnswer

    app = DebuggerApp(console, keys, first_line)
    try:
        app.run(mouse=mouse)
    except Exception as error:
        app.failure = app.failure or error
    if isinstance(app.failure, ImpossibleAnswer):
        raise app.failure
    if isinstance(app.failure, OSError) and app.failure.errno in (errno.EIO, errno.ENXIO, errno.EBADF):
        return 128 + signal.SIGHUP  # the terminal has gone: there is nobody to tell
    if app.failure is not None:
        from tui.crash import report

        sys.stderr.write(f"thp-debug: internal error, report written to {report(app.failure)}\n")
    if app.failure is not None or app.return_code:
        return 70
    return 128 + app.ended_by if app.ended_by else 0

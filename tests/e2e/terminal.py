# SPDX-License-Identifier: GPL-2.0-only
"""A program on a terminal of its own: pyte is what a user would see, the bytes are what the program wrote."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte

from benchmarks.terminal import QUESTION, answer

ROOT = Path(__file__).parents[2]
SEED = ROOT / "scenarios" / "seed" / "unfit.toml"
DEADLINE = 30.0
"""Seconds after which what was waited for does not come any more."""
OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal the one whose keys send signals; between fork and exec a process with threads can't."""
UNKNOWN = re.compile(rb"\x1b\[[<>=][0-9;]*[A-Za-z]|\x1b\[\?[0-9;]*\$p|\x1b\][0-9]*;[^\x07\x1b]*(?:\x07|\x1b\\)")
"""Sequences that pyte would show as text."""
PART = re.compile(rb"\x1b(?:\[[0-9;?<>=$]*|\][^\x07\x1b]*\x1b?)?\Z")
"""The beginning of a sequence whose rest has not arrived."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """A user who has nothing: no configuration, no history, a colour terminal."""
    gone = ("TEXTUAL", "PYTHON", "XDG_", "NO_COLOR", "TMUX", "EDITOR", "VISUAL", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(gone)}
    return kept | {
        "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT), "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"), "XDG_CONFIG_HOME": str(home / "config"),
    } | more  # fmt: skip


class Terminal:
    """One program on a terminal of ``columns`` x ``rows`` cells, started in ``home``; a context manager that ends it."""

    def __init__(
        self, home: Path, *words: str, size: tuple[int, int] = (80, 24), command: tuple[str, ...] = (), **env: str
    ) -> None:
        self.fd, self.side = os.openpty()
        self.screen = pyte.Screen(*size)
        self.stream = pyte.ByteStream(self.screen)
        self.written = b""
        """All that the program wrote."""
        self._rest = b""
        self._set_size(*size)
        self.settings = termios.tcgetattr(self.side)
        """Of the terminal, before the program."""
        words = command or (sys.executable, "-m", "tui.cli", *words)
        self.process = subprocess.Popen(
            (sys.executable, "-I", "-S", "-c", OWN_TERMINAL, *words), cwd=home, env=environment(home, **env),
            stdin=self.side, stdout=self.side, stderr=self.side, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *what: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.side)
        os.close(self.fd)

    # -- what the user does ----------------------------------------------------------------------------
    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.fd, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size."""
        self.screen.resize(rows, columns)
        self._set_size(columns, rows)
        self.process.send_signal(signal.SIGWINCH)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    # -- what the user sees ----------------------------------------------------------------------------
    @property
    def lines(self) -> list[str]:
        """The screen."""
        return list(self.screen.display)

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    def see(self, wanted: str | Callable[[], bool]) -> None:
        """Wait until a text is on the screen, or something is so; ``AssertionError`` with the screen if it never is.

        What is looked at is never half a frame.
        """
        until = time.monotonic() + DEADLINE
        seen: Callable[[], bool] = wanted if callable(wanted) else lambda: wanted in self.text
        while not (self.written.count(b"\x1b[?2026h") == self.written.count(b"\x1b[?2026l") and seen()):
            assert time.monotonic() < until, f"not seen: {wanted}\n{self.text}\n{self.written[-600:]!r}"
            self._read(0.1)

    @property
    def worked(self) -> float:
        """Seconds for which the program has kept a CPU busy."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def leave(self) -> int:
        """Wait until the program has ended by itself; its exit code."""
        until = time.monotonic() + DEADLINE
        while self.process.poll() is None:
            assert time.monotonic() < until, f"the program has not ended\n{self.text}"
            self._read(0.05)
        while self._read(0.05):
            pass
        return self.process.returncode

    def _read(self, timeout: float) -> bool:
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        data = os.read(self.fd, 1 << 16)
        self.written += data
        data = self._rest + data
        part = PART.search(data)
        cut = part.start() if part else len(data)
        data, self._rest = data[:cut], data[cut:]
        for question in QUESTION.finditer(data):
            os.write(self.fd, answer(question))
        self.stream.feed(UNKNOWN.sub(b"", data))
        return True

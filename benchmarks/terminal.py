# SPDX-License-Identifier: GPL-2.0-only
"""A program on a pseudo-terminal, and the terminal's side of the conversation.

Programs ask their terminal what it can do and wait for the answers, so this one answers as a common terminal does.
Times are ``time.perf_counter`` seconds, taken when bytes arrive: nothing of the program itself is believed.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple

QUIET = 0.025
"""Seconds of silence after which a frame counts as painted: longer than one tick of a 60 Hz repaint timer."""

MODES = frozenset((1000, 1002, 1003, 1004, 1006, 1049, 2004, 2026))
"""Terminal modes that this terminal has: mouse, focus, paste, second screen, synchronised output."""
QUESTION = re.compile(rb"\x1b\[(?:(c)|(6n)|\?(\d+)\$p)|\x1b\](1[01]);\?(?:\x07|\x1b\\)")
"""What a program may ask: what are you, where is the cursor, do you have this mode, which are your colours."""
LONGEST_QUESTION = 16


class Silence(Exception):
    """The program did not write what was waited for; the message holds the end of what it wrote."""


class Frame(NamedTuple):
    """What a program wrote until it fell silent."""

    last: float
    """When the last byte arrived."""
    data: bytes


class Terminal:
    """One program on its own terminal of ``columns`` x ``rows`` cells; a context manager that ends the program."""

    def __init__(self, command: Sequence[str], columns: int, rows: int, env: Mapping[str, str]) -> None:
        self.fd, program_side = os.openpty()
        fcntl.ioctl(program_side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.written = b""
        """The program's output since the last key."""
        self._tail = b""
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command, env=dict(env), stdin=program_side, stdout=program_side, stderr=program_side, start_new_session=True
        )
        os.close(program_side)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the program without asking it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.fd)

    def press(self, key: bytes) -> float:
        """Write a key; when that was."""
        self.written = b""
        now = time.perf_counter()
        os.write(self.fd, key)
        return now

    def wait(self, seen: bytes | Callable[[bytes], bool], timeout: float = 20.0) -> float:
        """Read until the output since the last key holds these bytes (or ``seen`` says yes); when that was.

        Raises ``Silence`` after ``timeout`` seconds, or when the program has ended.
        """
        deadline = time.perf_counter() + timeout
        while True:
            now = self._read(deadline - time.perf_counter())
            if now is None:
                raise Silence(f"{self.process.args!r}: waited for {seen!r}, have {self.written[-400:]!r}")
            if seen in self.written if isinstance(seen, bytes) else seen(self.written):
                return now

    def settle(self, timeout: float = 20.0) -> Frame:
        """Read until the program has written something and then nothing for ``QUIET`` seconds.

        Raises ``Silence`` after ``timeout`` seconds without a byte.
        """
        last = self._read(timeout)
        if last is None:
            raise Silence(f"{self.process.args!r}: no byte in {timeout} s")
        while (now := self._read(QUIET)) is not None:
            last = now
        return Frame(last, self.written)

    def drain(self, quiet: float) -> None:
        """Read until there is nothing for ``quiet`` seconds."""
        while self._read(quiet) is not None:
            pass

    def _read(self, timeout: float) -> float | None:
        """One chunk of output, its questions answered; when it came, None if none did."""
        if timeout < 0 or not select.select([self.fd], [], [], timeout)[0]:
            return None
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:  # the program has ended
            return None
        now = time.perf_counter()
        self.written += data
        self._answer(data)
        return now

    def _answer(self, data: bytes) -> None:
        text = self._tail + data
        done = 0
        for question in QUESTION.finditer(text):
            os.write(self.fd, answer(question))
            done = question.end()
        cut = text.rfind(b"\x1b", max(done, len(text) - LONGEST_QUESTION))
        self._tail = text[cut:] if cut >= 0 else b""


def answer(question: re.Match[bytes]) -> bytes:
    """What a terminal says to one match of ``QUESTION``."""
    what, cursor, mode, colour = question.groups()
    if what:
        return b"\x1b[?62;22c"
    if cursor:
        return b"\x1b[1;1R"
    if mode:
        return b"\x1b[?%b;%d$y" % (mode, 2 if int(mode) in MODES else 0)
    return b"\x1b]%b;rgb:%b\x1b\\" % (colour, b"d0d0/d0d0/d0d0" if colour == b"10" else b"0000/0000/0000")

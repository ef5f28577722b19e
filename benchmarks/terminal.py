# SPDX-License-Identifier: GPL-2.0-only
"""A program on a pseudo-terminal, and the terminal's side of the conversation.

Programs ask their terminal what it can do and wait for the answers, so this one answers as a common terminal does.
Times are ``time.perf_counter`` seconds, taken when bytes arrive: nothing of the program itself is believed.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple

QUIET = 0.025
"""Seconds of silence after which a frame counts as painted: longer than one tick of a 60 Hz repaint timer."""

ANSWERS = {
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[>c": b"\x1b[>1;10;0c",
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",
    b"\x1b[?2048$p": b"\x1b[?2048;0$y",
    b"\x1b]10;?\x07": b"\x1b]10;rgb:d0d0/d0d0/d0d0\x07",
    b"\x1b]11;?\x07": b"\x1b]11;rgb:0000/0000/0000\x07",
}
"""What a program may ask (synchronised output is had, resize reports in the stream are not)."""
LONGEST_QUESTION = max(map(len, ANSWERS))


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
        self.bytes = 0
        """The program's output in bytes, ever."""
        self._tail = b""
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command, env=dict(env), close_fds=True, pass_fds=(program_side,), preexec_fn=lambda: os.login_tty(program_side)
        )
        os.close(program_side)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the program without asking it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
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
                raise Silence(f"{self.process.args}: waited for {seen!r}, have {self.written[-400:]!r}")
            if seen in self.written if isinstance(seen, bytes) else seen(self.written):
                return now

    def settle(self, timeout: float = 20.0) -> Frame:
        """Read until the program has written something and then nothing for ``QUIET`` seconds."""
        last = self._read(timeout)
        if last is None:
            raise Silence(f"{self.process.args}: no byte in {timeout} s")
        while (now := self._read(QUIET)) is not None:
            last = now
        return Frame(last, self.written)

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
        self.bytes += len(data)
        self._answer(data)
        return now

    def _answer(self, data: bytes) -> None:
        if b"\x1b" not in data and not self._tail:
            return
        text = self._tail + data
        asked = sorted((text.index(question), question) for question in ANSWERS if question in text)
        for _, question in asked:
            os.write(self.fd, ANSWERS[question])
        done = max((at + len(question) for at, question in asked), default=0)
        cut = text.rfind(b"\x1b", max(done, len(text) - LONGEST_QUESTION + 1))
        self._tail = text[cut:] if cut >= 0 else b""

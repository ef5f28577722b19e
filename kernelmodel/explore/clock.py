# SPDX-License-Identifier: GPL-2.0-only
"""What ends a search before its end: time, memory, and whoever is told of its progress or types Ctrl+C."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from kernelmodel.explore.moves import Stopped

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from kernelmodel.explore.types import Progress


class Clock:
    """Bounds on time and memory, and the word about progress: to be called now and then, between two steps."""

    def __init__(self, seconds: float | None, memory: int, tell: Progress | None) -> None:
        self.seconds = seconds
        self.begun = time.monotonic()
        self.deadline = None if seconds is None else self.begun + seconds
        self.memory = memory
        self.tell = tell
        self.ctrl_c = CtrlC()

    def part(self, share: float, least: float = 0.0) -> None:
        """The next may take so much of all the time, and at least so many seconds from now."""
        if self.seconds is not None:
            self.deadline = max(self.begun + share * self.seconds, time.monotonic() + least)

    def again(self, seconds: float) -> None:
        """Another deadline, and no other bound: for what must still be done."""
        self.deadline = time.monotonic() + seconds
        self.memory += self.memory // 4

    def __call__(self, states: int, switches: int) -> None:
        """``Stopped`` if a bound is reached or somebody interrupts."""
        try:
            if self.tell is not None:
                self.tell(states, switches)
        except KeyboardInterrupt:
            raise Stopped("interrupted") from None
        if self.ctrl_c.taken():
            raise Stopped("interrupted")
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise Stopped("time")
        if used() > self.memory:
            raise Stopped("memory")


class CtrlC:
    """Noted while this is entered, and obeyed when it is asked for: a path that is broken off half way is no good.

    One that comes before that breaks off everything.  Signals are the main thread's.
    """

    def __init__(self) -> None:
        self._asked = False

    def taken(self) -> bool:
        """Was it typed?  Then that is done with."""
        asked, self._asked = self._asked, False
        return asked

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    def __enter__(self) -> None:
        try:
            self._before = signal.signal(signal.SIGINT, self._note)
        except ValueError:  # not the main thread
            self._before = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)


def used() -> int:
    """Bytes that this process has in memory now; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096
    except (OSError, ValueError, IndexError):
        return 0

# SPDX-License-Identifier: GPL-2.0-only
"""What is remembered from one session to the next: lines that were typed, breakpoints, whether it is the first time.

Nothing here may fail the program: what can't be read is not there, what can't be written is told once.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tui.folders import state_folder

MAX_LINES = 1000
"""Lines of history that are kept."""
MAX_LINE = 4000
"""Characters of a line that is kept."""
MAX_HISTORY = 4 << 20
MAX_SCRIPT = 64 << 10
"""Bytes of a file of breakpoints that are read."""


class History:
    """The lines that were typed, oldest first, in this session and in those before; also of two at once."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read the file ``history``; no file, or one that can't be read, is an empty history."""
        self._path = (folder or state_folder()) / "history"
        self.lines = _lines(_read(self._path, MAX_HISTORY))[-MAX_LINES:]
        """May be shared with a ``Prompt``."""
        self._kept = self.lines[-1:]
        self._told = False

    def add(self, line: str) -> str:
        """Keep a line, unless it is the last one again; what the user is to be told, nearly always ''."""
        line = " ".join(line.split("\n")).rstrip()
        if not line.strip() or [line] == self._kept or len(line) > MAX_LINE or not line.isprintable():
            return ""
        self._kept = [line]
        if self.lines[-1:] != [line]:
            self.lines.append(line)
        try:
            _append(self._path, line)
        except OSError as error:
            told, self._told = self._told, True
            return "" if told else f"the history is not kept: {_why(self._path, error)}"
        return ""


class Remembered:
    """The breakpoints of each scenario, as scripts in the command language."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = (folder or state_folder()) / "breaks"

    def path(self, scenario: str) -> Path:
        """The file for a scenario, by its absolute path, or by its name if it is a packaged one."""
        from hashlib import sha256

        name = os.path.realpath(scenario) if os.path.exists(scenario) else scenario
        return self._folder / f"{sha256(os.fsencode(name)).hexdigest()[:32]}.thp"

    def load(self, scenario: str) -> list[str]:
        """The command lines that were saved; none if there are none, or if they can't be read."""
        if not self._folder.is_dir():
            return []
        data = _read(self.path(scenario), MAX_SCRIPT)
        if len(data) == MAX_SCRIPT:
            data = data[: data.rfind(b"\n") + 1]  # no half of a command
        return [line for line in _lines(data) if not line.startswith("#")]

    def save(self, scenario: str, lines: Sequence[str]) -> str:
        """Remember these lines and no others; without any, forget.  What the user is to be told, nearly always ''."""
        path = self.path(scenario)
        name = os.path.realpath(scenario) if os.path.exists(scenario) else scenario
        try:
            if not lines:
                path.unlink(missing_ok=True)
                return ""
            _replace(path, [f"# breakpoints of {ascii(name)[1:-1]}", *lines])
        except OSError as error:
            return f"breakpoints are not remembered: {_why(path, error)}"
        return ""


def first_run(folder: Path | None = None) -> bool:
    """Whether the program is used for the first time: true once, and never where that can't be remembered."""
    path = (folder or state_folder()) / "used"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(exist_ok=False)
    except OSError:
        return False
    return True


def _why(path: Path, error: OSError) -> str:
    return f"{str(path.parent)!a}: {(error.strerror or 'no reason given').lower()}"


def _read(path: Path, most: int) -> bytes:
    """At most so many bytes of a regular file; none if it is not there, or can't be read."""
    try:
        with _opened(path, os.O_RDONLY) as file:
            return file.read(most) if file else b""
    except (OSError, ValueError):
        return b""


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[BinaryIO | None]:
    """A regular file, None for anything else: a link to /dev/null says that the user wants nothing kept."""
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            yield None
            return
        with open(fd, "r+b" if flags & os.O_RDWR else "rb", closefd=False) as file:
            yield file
    finally:
        os.close(fd)


def _lines(data: bytes) -> list[str]:
    """The lines that hold something and nothing but what can be shown."""
    lines = (line.rstrip() for line in data.decode("utf-8", "replace").split("\n"))
    return [line for line in lines if line and line.isprintable() and len(line) <= MAX_LINE]


def _append(path: Path, line: str) -> None:
    """One more line at the end, the oldest ones dropped if there are too many."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _opened(path, os.O_RDWR | os.O_CREAT) as file:
        if file is None:
            return
        _lock(file.fileno())
        data = file.read(MAX_HISTORY)
        if data and not data.endswith(b"\n"):
            data += b"\n"
        kept = (data + line.encode("utf-8", "replace") + b"\n").splitlines(keepends=True)[-MAX_LINES:]
        file.seek(0)
        file.write(b"".join(kept))
        file.truncate()


def _lock(fd: int) -> None:
    """Wait while another program writes there, but not for ever; where files can't be locked, go on without.

    Closing the file unlocks it.
    """
    import fcntl

    for _ in range(40):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.005)
        except OSError:
            return


def _replace(path: Path, lines: Sequence[str]) -> None:
    """Write the file so that whoever reads it sees the old lines or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_suffix(f".{os.getpid()}")
    try:
        beside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="replace")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)

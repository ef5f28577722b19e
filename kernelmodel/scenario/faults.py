# SPDX-License-Identifier: GPL-2.0-only
"""What can be wrong with a scenario: problems with a place, gathered so that all are told at once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from kernelmodel.scenario.types import Place

if TYPE_CHECKING:
    from kernelmodel.scenario.text import Text

KeyPath = tuple[str | int, ...]
"""Where a value stands in the parsed file: ``("event", 1, "write")``."""

MAX_PROBLEMS = 200
MAX_KNOWN = 200
"""Words among which the nearest is looked for."""


class Problem(NamedTuple):
    """One fault of one file; ``line`` and ``col`` count characters from 1.  ``hint`` may be empty."""

    file: str
    line: int
    col: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """``file:line:col: message``, free of control characters."""
        return f"{printable(self.file)}:{self.line}:{self.col}: {self.message}"


class ScenarioError(Exception):
    """A scenario that can't be used; ``errors`` holds every problem, in the order of the file."""

    def __init__(self, errors: Iterable[Problem]) -> None:
        self.errors = sorted(errors, key=lambda problem: (problem.line, problem.col))
        super().__init__("\n".join(str(problem) for problem in self.errors))


class Faults:
    """The problems and notes of one file while it is being read."""

    def __init__(self, name: str, text: Text) -> None:
        self.name = name
        self.text = text
        self.doc = ""
        """What the key that is being read is for: the hint where there is no better one."""
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []

    def add(self, path: KeyPath, message: str, hint: str = "", *, key: bool = False, offset: int = -1) -> None:
        """A problem with the value at ``path``, or with its key; ``offset`` counts characters inside a string.

        ``ScenarioError`` at once when there are too many.
        """
        self.problems.append(self._problem(path, message, hint or self.doc, key, offset))
        if len(self.problems) == MAX_PROBLEMS:
            last = self.text.content.count("\n") + 1
            words = f"there may be more than these {MAX_PROBLEMS} problems"
            self.problems.append(Problem(self.name, last, 1, words, "mend these first"))
            self.check()

    def note(self, path: KeyPath, message: str) -> None:
        """Something that is taken, but not as it stands."""
        if len(self.notes) < MAX_PROBLEMS:
            self.notes.append(self._problem(path, f"note: {message}", "", False, -1))

    def place(self, path: KeyPath) -> Place:
        """Where the value at ``path`` stands."""
        return self.text.place(path)

    def _problem(self, path: KeyPath, message: str, hint: str, key: bool, offset: int) -> Problem:
        place = self.text.place(path, key=key, offset=offset)
        return Problem(self.name, place.line, place.col, printable(message), printable(hint))

    def check(self) -> None:
        """``ScenarioError`` if anything was wrong."""
        if self.problems:
            raise ScenarioError(self.problems)


def printable(text: str) -> str:
    """``text`` with everything that a terminal would obey, or hide, written as an escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def short(text: str, most: int = 40) -> str:
    """At most ``most`` characters of ``text``."""
    return text if len(text) <= most else text[: most - 1] + "…"


def show(value: Any) -> str:
    """A value of the file as a message may quote it: short, printable, in the words of TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(short(value))
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int | float):
        return short(str(value))
    return f"the date or time {value}"


def nearest(word: str, known: Iterable[str], most: int = 12, cutoff: float = 0.6) -> str:
    """A hint for a word that is not known: the nearest one, or all of them if they are few."""
    known = list(islice(known, MAX_KNOWN))
    if len(word) <= 64:
        import difflib  # only when something is wrong

        lower = {name.lower(): name for name in known}
        close = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=cutoff)
        if close:
            return f"did you mean {lower[close[0]]!r}?"
    if not known or len(known) > most:
        return ""
    return "known are " + ", ".join(known)

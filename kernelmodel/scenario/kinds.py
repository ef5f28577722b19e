# SPDX-License-Identifier: GPL-2.0-only
"""The kinds of value that a scenario file can hold.

Each kind reads one parsed value: it gives what the rules work with, or ``WRONG`` after telling ``Faults`` what is
wrong.  The same object describes itself to the JSON Schema and in words, so no two of them can disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from kernelmodel.scenario.faults import Faults, KeyPath, nearest, short, show


class Wrong:
    """The type of ``WRONG``."""

    def __bool__(self) -> bool:
        return False


WRONG = Wrong()
"""A value that was refused; the reason is told already."""

MAX_ADDRESS = 200
SUFFIXES = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_SIZE = re.compile(r"(0[xX][0-9a-fA-F]{1,17}|[0-9]{1,20})([KMGTkmgt]?)")
_ADDRESS = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)\s*(?:\+\s*(\S.*))?")


def called(path: KeyPath) -> str:
    """A value by its key, as messages say it: ``answers[1]``."""
    names = [i for i, part in enumerate(path) if isinstance(part, str)]
    start = names[-1] if names else 0
    if start and str(path[start]).isdecimal():  # free.0
        return f"{path[start - 1]}.{path[start]}"
    tail = path[start:]
    return short(str(tail[0])) + "".join(f"[{part}]" for part in tail[1:])


class Kind:
    """A kind of value.  ``words`` completes the sentence "… must be …"."""

    words = ""

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """The value as the rules want it, or ``WRONG``."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the value."""
        raise NotImplementedError

    def refuse(self, value: Any, path: KeyPath, faults: Faults, hint: str = "") -> Wrong:
        """Tell that the value is not of this kind."""
        faults.add(path, f"{called(path)} must be {self.words}, not {show(value)}", hint)
        return WRONG


class Boolean(Kind):
    """``true`` or ``false``."""

    words = "true or false"

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """A bool."""
        return value if isinstance(value, bool) else self.refuse(value, path, faults, "booleans are written bare")

    def schema(self) -> dict[str, Any]:
        """Boolean."""
        return {"type": "boolean"}


class Str(Kind):
    """Text, perhaps of a pattern, perhaps parsed further by ``parse(text, path, faults)``."""

    def __init__(
        self, words: str = "a string", pattern: str = "", parse: Callable[[str, KeyPath, Faults], Any] | None = None
    ) -> None:
        self.words = words
        self.pattern = pattern
        self.parse = parse

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """The string, or what ``parse`` makes of it."""
        if not isinstance(value, str):
            return self.refuse(value, path, faults, "strings are written in quotes")
        if self.pattern and not re.fullmatch(self.pattern, value):
            return self.refuse(value, path, faults)
        return self.parse(value, path, faults) if self.parse else value

    def schema(self) -> dict[str, Any]:
        """String, with its pattern."""
        return {"type": "string"} | ({"pattern": f"^(?:{self.pattern})$"} if self.pattern else {})


class Choice(Kind):
    """One of some words."""

    def __init__(self, *names: str, words: str = "") -> None:
        self.names = names
        self.words = words or " or ".join((", ".join(repr(name) for name in names[:-1]), repr(names[-1])))
        self.words = self.words if len(names) > 1 else repr(names[0])

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """The word."""
        if isinstance(value, str) and value in self.names:
            return value
        return self.refuse(value, path, faults, nearest(value, self.names) if isinstance(value, str) else "")

    def schema(self) -> dict[str, Any]:
        """An enumeration."""
        return {"enum": list(self.names)}


class Int(Kind):
    """An integer in a range, ends included; a boolean is none."""

    def __init__(self, low: int, high: int, words: str = "") -> None:
        self.low, self.high = low, high
        self.words = words or (f"an integer {low} … {high}" if high < 1 << 63 else f"an integer from {low}")

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """The int."""
        fits = isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high
        return value if fits else self.refuse(value, path, faults, _number_hint(value))

    def schema(self) -> dict[str, Any]:
        """Integer with its bounds."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


class Share(Kind):
    """A number from 0 to 1."""

    words = "a number 0 … 1"

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """The float."""
        fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
        return float(value) if fits else self.refuse(value, path, faults, "a share, not a percentage: 0.05")

    def schema(self) -> dict[str, Any]:
        """Number with its bounds."""
        return {"type": "number", "minimum": 0, "maximum": 1}


class Size(Kind):
    """Bytes: an integer, or text with a suffix.  With ``pages``, a bare integer counts pages instead."""

    def __init__(self, low: int, high: int, words: str, pages: bool = False) -> None:
        self.low, self.high, self.words, self.pages = low, high, words, pages

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """Bytes as an int; with ``pages`` a pair (number, ``"pages"`` or ``"bytes"``)."""
        size = parse_size(value) if isinstance(value, str) else value
        if not isinstance(size, int) or isinstance(size, bool) or not self.low <= size <= self.high:
            hint = 'a number and K, M, G or T: "64K"' if isinstance(value, str) and size is None else ""
            return self.refuse(value, path, faults, hint or _number_hint(value))
        return (size, "bytes" if isinstance(value, str) else "pages") if self.pages else size

    def schema(self) -> dict[str, Any]:
        """Integer or text."""
        text = {"type": "string", "pattern": f"^(?:{_SIZE.pattern})$"}
        return {"anyOf": [{"type": "integer", "minimum": self.low, "maximum": self.high}, text]}


class Address(Kind):
    """An integer, or ``name+offset``."""

    words = 'an address: an integer, "name" or "name+offset"'

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """A pair (VMA's name or None, bytes)."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return None, value
        if not isinstance(value, str):
            return self.refuse(value, path, faults, _number_hint(value))
        match = _ADDRESS.fullmatch(value) if len(value) <= MAX_ADDRESS else None
        offset = parse_size(match[2].strip()) if match and match[2] else 0
        if match is None or offset is None:
            bare = parse_size(value.strip()) is not None
            return self.refuse(value, path, faults, "integers are written without quotes" if bare else "")
        return match[1], offset

    def schema(self) -> dict[str, Any]:
        """Integer or text."""
        return {
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^(?:{_ADDRESS.pattern})$"}]
        }


def parse_size(text: str) -> int | None:
    """``64K`` as bytes; None if it is no size."""
    match = _SIZE.fullmatch(text)
    return int(match[1], 0 if match[1][:2].lower() == "0x" else 10) << SUFFIXES[match[2].upper()] if match else None


def _number_hint(value: Any) -> str:
    if isinstance(value, bool):
        return "true and false are no numbers"
    if isinstance(value, float):
        return "whole numbers are written without a point"
    return "numbers are written without quotes" if isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value) else ""

# SPDX-License-Identifier: GPL-2.0-only
"""The kinds of value that a scenario file can hold.

Each kind reads one parsed value: it gives what the rules work with, or ``WRONG`` after telling ``Faults`` what is wrong.
The same object describes itself to the JSON Schema and in words, so no two of them can disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kernelmodel.scenario_faults import Faults, KeyPath, nearest, short, show


class Wrong:
    """The type of ``WRONG``."""

    def __bool__(self) -> bool:
        return False


WRONG = Wrong()
"""A value that was refused; the reason is told already."""

SUFFIXES = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_SIZE = re.compile(r"(0[xX][0-9a-fA-F]{1,17}|[0-9]{1,20})([KMGTkmgt]?)")
_ADDRESS = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)\s*(?:\+\s*(\S.*))?")


def called(path: KeyPath) -> str:
    """A value by its key, as messages say it: ``answers[1]``."""
    names = [i for i, part in enumerate(path) if isinstance(part, str)]
    tail = path[names[-1] :] if names else path
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
        self.words = words or f"an integer {low} … {high}"

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """The int."""
        fits = isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high
        return value if fits else self.refuse(value, path, faults, _number_hint(value))

    def schema(self) -> dict[str, Any]:
        """Integer with its bounds."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


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
        match = _ADDRESS.fullmatch(value)
        offset = parse_size(match[2].strip()) if match and match[2] else 0
        if match is None or offset is None:
            bare = parse_size(value.strip()) is not None
            return self.refuse(value, path, faults, "integers are written without quotes" if bare else "")
        return match[1], offset

    def schema(self) -> dict[str, Any]:
        """Integer or text."""
        return {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^(?:{_ADDRESS.pattern})$"}]}


class Several(Kind):
    """A list of values of one kind."""

    def __init__(self, kind: Kind, words: str, distinct: bool = False) -> None:
        self.kind, self.words, self.distinct = kind, words, distinct

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """A list in which each element is what its kind gives, ``WRONG`` ones included."""
        if not isinstance(value, list):
            return self.refuse(value, path, faults, "lists are written in brackets: [ … ]")
        found = [self.kind.read(item, (*path, i), faults) for i, item in enumerate(value)]
        seen = set()
        for i, item in enumerate(found if self.distinct else ()):
            if item is not WRONG and item in seen:
                faults.add((*path, i), f"{show(item)} stands twice")
            seen.add(item)
        return found

    def schema(self) -> dict[str, Any]:
        """An array."""
        return {"type": "array", "items": self.kind.schema()} | ({"uniqueItems": True} if self.distinct else {})


class Later(Kind):
    """What the contract names and this version does not do: always refused, in its own words."""

    def __init__(self, words: str, here: str) -> None:
        self.words, self.here = words, here

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """Refused."""
        faults.add(path, f"this version does not model {called(path)!r}", f"it models {self.here}", key=True)
        return WRONG

    def schema(self) -> dict[str, Any]:
        """Nothing is valid."""
        return {"not": {}}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table.  ``more`` keys are named by a pattern, and ``name`` is how the docs write it."""

    name: str
    kind: Kind
    doc: str
    default: str = ""
    """As the docs say it."""
    required: bool = False
    pattern: str = ""
    knob: str = ""
    """The name under which variants say whether they have it; '' for what all have."""


class Table(Kind):
    """A table with known keys."""

    def __init__(self, title: str, doc: str, *keys: Key) -> None:
        self.title, self.doc, self.keys = title, doc, keys
        self.words = f"a table {title}" if title.startswith("[") else "a table"
        self.named = {key.name: key for key in keys if not key.pattern}
        self.patterns = [(re.compile(key.pattern), key) for key in keys if key.pattern]

    def key(self, name: str) -> Key | None:
        """The key that ``name`` is."""
        found = self.named.get(name)
        return found or next((key for pattern, key in self.patterns if pattern.fullmatch(name)), None)

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """A dict of the keys that are there and right."""
        if not isinstance(value, dict):
            return self.refuse(value, path, faults)
        found = {}
        for name, item in value.items():
            key = self.key(name)
            if key is None:
                self._unknown(name, path, faults)
            elif (read := key.kind.read(item, (*path, name), faults)) is not WRONG:
                found[name] = read
        for key in self.keys:
            if key.required and key.name not in value:
                faults.add(path, f"{self.title} needs {key.name!r}", f"{key.name}: {key.doc}")
        return found

    def _unknown(self, name: str, path: KeyPath, faults: Faults) -> None:
        from kernelmodel.scenario_keys import homes  # the whole table knows where the key would belong

        elsewhere = [title for title in homes(name) if title != self.title]
        hint = f"{name!r} belongs in {elsewhere[0]}" if elsewhere else nearest(name, [key.name for key in self.keys])
        message = f"unknown key {show(name)} {'in ' + self.title if self.title else 'here'}"
        faults.add((*path, name), message, hint, key=True)

    def schema(self) -> dict[str, Any]:
        """An object that takes these keys only."""
        out: dict[str, Any] = {"type": "object", "description": self.doc, "additionalProperties": False}
        out["properties"] = {name: described(key) for name, key in self.named.items()}
        if self.patterns:
            out["patternProperties"] = {f"^(?:{key.pattern})$": described(key) for _, key in self.patterns}
        required = [key.name for key in self.keys if key.required]
        return out | ({"required": required} if required else {})


class Tables(Kind):
    """An array of tables: ``[[vma]]``."""

    def __init__(self, table: Table, most: int) -> None:
        self.table, self.most = table, most
        self.words = f"tables, each under {table.title}"

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """A list of dicts; a table that is wrong as a whole is an empty one."""
        if not isinstance(value, list):
            return self.refuse(value, path, faults, f"write {self.table.title}")
        if len(value) > self.most:
            faults.add((*path, self.most), f"more than {self.most} of {self.table.title}")
            return WRONG
        return [self.table.read(item, (*path, i), faults) or {} for i, item in enumerate(value)]

    def schema(self) -> dict[str, Any]:
        """An array of objects."""
        return {"type": "array", "items": self.table.schema(), "maxItems": self.most}


class Map(Kind):
    """A table whose keys are data: ``{ 0 = 30 }``; each key is checked by ``wrong(name)``, which gives (message, hint)."""

    def __init__(self, title: str, doc: str, kind: Kind, wrong: Callable[[str], tuple[str, str] | None], names: str) -> None:
        self.title, self.doc, self.kind, self.wrong, self.names = title, doc, kind, wrong, names
        self.words = f"a table of {names}"

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """A dict of what is right."""
        if not isinstance(value, dict):
            return self.refuse(value, path, faults)
        found = {}
        for name, item in value.items():
            problem = self.wrong(name)
            if problem:
                faults.add((*path, name), problem[0], problem[1], key=True)
            elif (read := self.kind.read(item, (*path, name), faults)) is not WRONG:
                found[name] = read
        return found

    def schema(self) -> dict[str, Any]:
        """An object of one kind of value."""
        return {"type": "object", "description": self.doc, "additionalProperties": self.kind.schema()}


def described(key: Key) -> dict[str, Any]:
    """Schema of one key, with its words."""
    doc = key.doc + (f" Default: {key.default}." if key.default else "")
    return key.kind.schema() | {"description": doc}


def parse_size(text: str) -> int | None:
    """``64K`` as bytes; None if it is no size."""
    match = _SIZE.fullmatch(text)
    return int(match[1], 0 if match[1][:2].lower() == "0x" else 10) << SUFFIXES[match[2].upper()] if match else None


def _number_hint(value: Any) -> str:
    if isinstance(value, bool):
        return "true and false are no numbers"
    if isinstance(value, float):
        return "a whole number"
    return "numbers are written without quotes" if isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value) else ""

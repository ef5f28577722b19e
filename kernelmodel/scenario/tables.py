# SPDX-License-Identifier: GPL-2.0-only
"""The kinds of value that hold others: lists, tables with known keys, tables whose keys are data."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from kernelmodel.scenario.faults import Faults, KeyPath, nearest, show
from kernelmodel.scenario.kinds import WRONG, Kind


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
                faults.add((*path, i), f"{show(item)} stands twice", "once is enough")
            seen.add(item)
        return found

    def schema(self) -> dict[str, Any]:
        """An array."""
        return {"type": "array", "items": self.kind.schema()} | ({"uniqueItems": True} if self.distinct else {})


class Key(NamedTuple):
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
        self.words = f"a table {title}" if title[:1] == "[" else "a table"
        self.where = f"in {title}" if title else "at the top level"
        self.named = {key.name: key for key in keys if not key.pattern}
        self.patterns = [(re.compile(key.pattern), key) for key in keys if key.pattern]

    def key(self, name: str) -> Key | None:
        """The key that ``name`` is."""
        found = self.named.get(name)
        return found or next((key for pattern, key in self.patterns if pattern.fullmatch(name)), None)

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """A dict of the keys that are there and right."""
        if not isinstance(value, dict):
            return self.refuse(value, path, faults, self.doc)
        found = {}
        for name, item in value.items():
            key = self.key(name)
            faults.doc = key.doc if key is not None else ""
            if key is None:
                self._unknown(name, path, faults)
            elif (read := key.kind.read(item, (*path, name), faults)) is not WRONG:
                found[name] = read
        for key in self.keys:
            if key.required and key.name not in value:
                faults.add(path, f"{self.title or 'a scenario'} needs {key.name!r}", f"{key.name}: {key.doc}")
        return found

    def _unknown(self, name: str, path: KeyPath, faults: Faults) -> None:
        from kernelmodel.scenario.keys import homes  # the whole table knows where the key would belong

        mine = [key.name for key in self.keys]
        hint = nearest(name, mine, most=0, cutoff=0.8)
        if not hint:
            elsewhere = homes(name)
            hint = f"{name!r} belongs {elsewhere[0]}" if elsewhere else nearest(name, mine, most=40)
        message = f"unknown key {show(name)} {self.where}"
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
    """A table whose keys are data: ``{ 0 = 30 }``; ``wrong(name)`` gives (message, hint) for a key that is refused."""

    def __init__(
        self, title: str, doc: str, kind: Kind, wrong: Callable[[str], tuple[str, str] | None], names: str
    ) -> None:
        self.title, self.doc, self.kind, self.wrong, self.names = title, doc, kind, wrong, names
        self.words = f"a table of {names}"

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """A dict of what is right."""
        if not isinstance(value, dict):
            return self.refuse(value, path, faults, self.doc)
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

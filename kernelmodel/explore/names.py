# SPDX-License-Identifier: GPL-2.0-only
"""Whole states by what they are: the same number for two that differ only in which page plays which part."""

from __future__ import annotations

from typing import TypeVar

from kernelmodel.explore.moves import LOCAL_BITS, LOCAL_MASK
from kernelmodel.explore.paths import Local, Paths
from kernelmodel.explore.world import World
from kernelmodel.machine import Machine
from kernelmodel.state_key import Rows, pages_key, renamed_fields

T = TypeVar("T")
Contents = tuple[int, ...]


class Names:
    """A ``Namer`` over the machine of a world."""

    def __init__(self, m: Machine, world: World, paths: Paths) -> None:
        self.m = m
        self.world = world
        self.paths = paths
        self._renamed = renamed_fields(m)
        self._pages: list[bool] = []
        """By chunk: does its field speak of pages?"""
        self._numbers: dict[tuple[int, tuple[int, ...]], int] = {}
        self._keys: dict[tuple[int, Contents], int] = {}
        self._rows: dict[Rows, int] = {}
        self._parts: dict[tuple[Contents, tuple[int, ...]], int] = {}
        self._all_rows: list[Rows] = []
        self._all_keys: list[tuple[int, Contents]] = []
        self._digests: dict[int, str] = {}

    def __call__(self, state: int, locals_: tuple[Local, ...]) -> int:
        """The number of a whole state."""
        mentioned: tuple[int, ...] = ()
        shift = whole = 0
        for local in locals_:
            mentioned += local.mentions
            whole |= local.template << shift
            shift += LOCAL_BITS
        number = self._numbers.get((state, mentioned))
        if number is None:
            number = self._numbers[state, mentioned] = self._number(state, mentioned)
        return number << shift | whole

    def portable(self, key: int, cpus: int) -> str:
        """A state's number as 32 hex digits that mean the same in every process."""
        from hashlib import blake2b

        templates = [key >> LOCAL_BITS * cpu & LOCAL_MASK for cpu in range(cpus)]
        words = [self._digest(key >> LOCAL_BITS * cpus), *(self.paths.digest(each) for each in templates)]
        return blake2b("".join(words).encode(), digest_size=16).hexdigest()

    def _digest(self, number: int) -> str:
        """Of the machine's part."""
        from hashlib import blake2b

        if number not in self._digests:
            part, rest = self._all_keys[number]
            chunks = self.world.chunks
            others = sorted(
                (chunks[n][0].name, chunks[n][1], self.world.contents[n][content].tobytes())
                for n, content in enumerate(rest)
                if content
            )
            self._digests[number] = blake2b(repr((self._all_rows[part], others)).encode(), digest_size=16).hexdigest()
        return self._digests[number]

    def _number(self, state: int, mentioned: tuple[int, ...]) -> int:
        contents = self.world.states[state]
        chunks = self.world.chunks
        while len(self._pages) < len(chunks):
            self._pages.append(chunks[len(self._pages)][0].name in self._renamed)
        pages = tuple([content if flag else 0 for content, flag in zip(contents, self._pages, strict=False)])
        others = [0 if flag else content for content, flag in zip(contents, self._pages, strict=False)]
        while others and not others[-1]:
            others.pop()
        part = self._parts.get((pages, mentioned))
        if part is None:
            self.world.restore(state)
            rows = self.world.aside(lambda: pages_key(self.m, mentioned))
            part = self._parts[pages, mentioned] = _number(rows, self._rows, self._all_rows)
        return _number((part, tuple(others)), self._keys, self._all_keys)


def _number(value: T, numbers: dict[T, int], values: list[T]) -> int:
    """The number of a value; a new one if it was not seen before."""
    number = numbers.setdefault(value, len(values))
    if number == len(values):
        values.append(value)
    return number

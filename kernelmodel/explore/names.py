# SPDX-License-Identifier: GPL-2.0-only
"""Whole states by what they are: the same number for two that differ only in which page plays which part."""

from __future__ import annotations

from kernelmodel.explore.paths import Local
from kernelmodel.explore.search import LOCAL_BITS
from kernelmodel.explore.world import World
from kernelmodel.machine import Machine
from kernelmodel.state_key import PAGES, Rows, pages_key

Contents = tuple[int, ...]


class Names:
    """A ``Namer`` over the machine of a world."""

    def __init__(self, m: Machine, world: World) -> None:
        self.m = m
        self.world = world
        self._pages: list[bool] = []
        """By chunk: does its field speak of pages?"""
        self._numbers: dict[tuple[int, tuple[int, ...]], int] = {}
        self._keys: dict[tuple[int, Contents], int] = {}
        self._rows: dict[Rows, int] = {}
        self._parts: dict[tuple[Contents, tuple[int, ...]], int] = {}

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

    def _number(self, state: int, mentioned: tuple[int, ...]) -> int:
        contents = self.world.states[state]
        chunks = self.world.chunks
        while len(self._pages) < len(chunks):
            self._pages.append(chunks[len(self._pages)][0].name in PAGES)
        pages = tuple([content if flag else 0 for content, flag in zip(contents, self._pages, strict=False)])
        rest = tuple([0 if flag else content for content, flag in zip(contents, self._pages, strict=False)])
        part = self._parts.get((pages, mentioned))
        if part is None:
            self.world.restore(state)
            rows = pages_key(self.m, mentioned)
            part = self._parts[pages, mentioned] = self._rows.setdefault(rows, len(self._rows))
        return self._keys.setdefault((part, rest), len(self._keys))

# SPDX-License-Identifier: GPL-2.0-only
"""What the readers of /proc texts share: rows, cells and what is wrong with them, by line and column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kernelmodel.arch import ARCHES, Arch
from kernelmodel.defs import ZONE_NAMES

MAX_TEXT = 1 << 20
MAX_REMARKS = 50
MAX_DIGITS = 15
MAX_NODE = 1023
"""The kernel's largest CONFIG_NODES_SHIFT is 10."""


class Remark(NamedTuple):
    """Something about one of the texts; it never quotes the text."""

    file: str
    """``buddyinfo``, ``pagetypeinfo`` or ``zoneinfo``."""
    line: int
    col: int
    """Both from 1."""
    message: str


class TooMany(Exception):
    """There are so many errors that there is no point in reading on."""


class Remarks:
    """What is found about all texts while they are read."""

    def __init__(self) -> None:
        self.errors: list[Remark] = []
        self.notes: list[Remark] = []

    def error(self, file: str, line: int, col: int, message: str) -> None:
        """One more error; ``TooMany`` at the fiftieth."""
        self.errors.append(Remark(file, line, col, message))
        if len(self.errors) == MAX_REMARKS:
            raise TooMany

    def note(self, file: str, line: int, message: str) -> None:
        """Something to know; the text is used all the same."""
        if len(self.notes) < MAX_REMARKS:
            self.notes.append(Remark(file, line, 1, message))

    def any_of(self, file: str) -> bool:
        """Is there an error in a text?  Then what follows from the whole of it is not looked at."""
        return any(each.file == file for each in self.errors)


Key = tuple[int, str]
"""Node and name of a zone."""


class Row(NamedTuple):
    """One line's numbers; ``atleast`` has the columns whose number is only a lower bound (``>100000``)."""

    line: int
    numbers: tuple[int, ...]
    atleast: frozenset[int] = frozenset()


class Word(NamedTuple):
    """A word of a line and its column, from 1."""

    text: str
    col: int


HEAD = re.compile(r"[ \t]*Node[ \t]+([0-9]{1,9}),[ \t]+zone[ \t]+([^\s,]+)(?:,[ \t]+type[ \t]+(\S+))?")


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines by number, from 1."""
    return enumerate((line.rstrip("\r") for line in text.split("\n")), 1)


def words(line: str, start: int = 0) -> list[Word]:
    """What stands between the blanks of a line, from a place on."""
    return [Word(found.group(), found.start() + 1) for found in re.compile(r"\S+").finditer(line, start)]


def is_row(line: str) -> bool:
    """Does a line claim to be about a zone?  All others are passed over."""
    return line.lstrip(" \t").startswith("Node ")


def number(remarks: Remarks, file: str, line: int, word: Word) -> int:
    """A number; -1 and an error if it is none."""
    if word.text.isascii() and word.text.isdecimal() and len(word.text) <= MAX_DIGITS:
        return int(word.text)
    remarks.error(file, line, word.col, f"a number of at most {MAX_DIGITS} digits belongs here")
    return -1


def zone_key(remarks: Remarks, file: str, line: int, found: re.Match[str], any_name: bool = False) -> Key | None:
    """Node and zone of a row; None and an error if the model can't have it."""
    node, name = int(found.group(1)), found.group(2)
    if node > MAX_NODE:
        remarks.error(file, line, found.start(1) + 1, f"nodes are 0 … {MAX_NODE}")
        return None
    if name not in ZONE_NAMES and not any_name:
        remarks.error(file, line, found.start(2) + 1, f"zones here are {', '.join(ZONE_NAMES)}")
        return None
    return node, name


def cells(remarks: Remarks, file: str, line: int, found: list[Word], columns: int, what: str) -> Row | None:
    """The numbers of a row, which must be as many as there are columns."""
    if len(found) != columns:
        col = found[columns].col if len(found) > columns else 1
        remarks.error(file, line, col, f"{len(found)} numbers in this row instead of {columns}, {what}")
        return None
    numbers, atleast = [], set()
    for k, word in enumerate(found):
        if word.text.startswith(">"):
            atleast.add(k)
            word = Word(word.text[1:], word.col + 1)
        value = number(remarks, file, line, word)
        if value < 0:
            return None
        numbers.append(value)
    return Row(line, tuple(numbers), frozenset(atleast))


def free_cells(remarks: Remarks, file: str, line: int, found: list[Word], arch: Arch) -> Row | None:
    """A row of free blocks: a number an order."""
    others = [each.name for each in ARCHES.values() if each.max_order + 1 == len(found)]
    but = f" ({' or '.join(others)} would have {len(found)})" if others else ""
    return cells(remarks, file, line, found, arch.max_order + 1, f"one for each order of {arch.name}{but}")

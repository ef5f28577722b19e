# SPDX-License-Identifier: GPL-2.0-only
"""The way of a request through the slow path, as a list of short stages and as one line of text."""

from __future__ import annotations

import re
from typing import NamedTuple


class Stage(NamedTuple):
    """One thing that the slow path did."""

    at: str
    """``fast``; ``S0`` … ``S9``, the parts of __alloc_pages_slowpath() in order; ``FAIL`` is its nopage.  ``pass 1``
    and ``pass 2`` stand before what belongs to each of two passes."""
    what: str
    """``freelist@min``, ``kswapd0`` (of node 0), ``compact async``, ``reclaim``, ``drain``, ``reclaim-retry``, …"""
    verdict: str
    """``found``, a reason code of freelist.Refused, an outcome of the question, ``retry``, ``give-up``, …"""
    numbers: tuple[int, ...] = ()
    """Watermark test: pages that count and pages needed; reclaim: pages freed; retries: which, and of how many."""
    times: int = 1
    """How often in a row this stage, and the ones with the same number next to it, was gone through."""
    why: str = ""
    """Of a compaction: reason code of compaction.Result."""

    def __str__(self) -> str:
        why = f" ({self.why})" if self.why else ""
        numbers = " " + "/".join(map(str, self.numbers)) if self.numbers else ""
        return f"{self.at} {self.what}: {self.verdict}{why}{numbers}" + (f" x{self.times}" if self.times > 1 else "")


def text(path: tuple[Stage, ...]) -> str:
    """All of them in a line, as records and mails have it."""
    return "; ".join(map(str, path))


_STAGE = re.compile(
    r"(fast|S\d|FAIL|pass \d) ([^:]+): ([A-Za-z-]+)(?: \(([a-z-]+)\))?(?: (-?\d+(?:/-?\d+)*))?(?: x(\d+))?"
)


def parse(line: str) -> tuple[Stage, ...]:
    """The stages of a ``text``."""
    found = []
    for part in line.split("; ") if line else ():
        match = _STAGE.fullmatch(part)
        if match is None:
            raise ValueError(f"not a stage: {part!r}")
        at, what, verdict, why, figures, times = match.groups()
        numbers = tuple(map(int, figures.split("/"))) if figures else ()
        found.append(Stage(at, what, verdict, numbers, int(times or 1), why or ""))
    return tuple(found)


LONGEST = 16
"""Stages of a round at most."""


def fold(path: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Rounds that were gone through several times in a row stand there once, each stage with how often.

    Two rounds are alike if they differ in numbers only; the numbers shown are those of the last one.
    """
    kinds = [stage[:3] for stage in path]
    found: list[Stage] = []
    k = 0
    while k < len(path):
        n, times = _repeated(kinds, k)
        last = k + n * (times - 1)
        found += [stage._replace(times=times) for stage in path[last : last + n]]
        k += n * times
    return tuple(found)


def _repeated(kinds: list[tuple[str, str, str]], start: int) -> tuple[int, int]:
    """(length of a round that begins here, how often it stands there in a row)."""
    for n in range(1, min(LONGEST, (len(kinds) - start) // 2) + 1):
        times = 1
        while kinds[start + n * times : start + n * (times + 1)] == kinds[start : start + n]:
            times += 1
        if times > 1:
            return n, times
    return 1, 1

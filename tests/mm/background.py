# SPDX-License-Identifier: GPL-2.0-only
"""Machines with pages in the background, and a way to drive a path by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelmodel.decision import GeneratorDriver, Path, Question
from kernelmodel.defs import BG_ANON, BG_FILE, MIGRATE_MOVABLE
from kernelmodel.machine import Machine
from kernelmodel.mm.untouched import Template
from tests.mm.memory import UNIT, memory

FREE = -1


def pattern(uses: Sequence[int]) -> Template:
    """A unit of movable pageblocks whose pages are used like this, over and over; ``FREE`` is a free page."""
    kinds = [uses[k % len(uses)] for k in range(UNIT)]
    blocks = tuple((k, 0, MIGRATE_MOVABLE) for k in range(UNIT) if kinds[k] == FREE)
    return Template((1, 1), blocks, tuple((k, 1, kinds[k]) for k in range(UNIT) if kinds[k] != FREE))


def background(
    variant: str, uses: Sequence[int], units: int = 1, marks: tuple[int, int, int] = (0, 0, 0), swap: bool = False
) -> Machine:
    """One zone of such units; min, low and high watermark in pages."""
    template = pattern(uses)
    m = memory(variant, (template,) * units)
    m.lru, m.swap_free = True, swap
    for level, mark in enumerate(marks):
        m.watermark.set(level, mark)
    m.nr_movable.set(0, units * template.used(BG_FILE, BG_ANON))
    m.nr_reclaimable.set(0, units * template.used(BG_FILE, *((BG_ANON,) if swap else ())))
    m.journal.seal()
    return m


def drive(path: Path[Any], *answers: str) -> tuple[Any, list[str]]:
    """Run a path, with these answers and then nature's: its result, and what was asked and answered."""
    driver, asked, left = GeneratorDriver(path), [], list(answers)
    at = driver.advance(None)
    while at is not None:
        assert isinstance(at, Question)
        answer = left.pop(0) if left else at.peek()[0]
        assert answer in at.outcomes
        asked.append(f"{at.kind}:{answer}")
        at = driver.advance(answer)
    return driver.result, asked

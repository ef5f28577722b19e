# SPDX-License-Identifier: GPL-2.0-only
"""What is run: a program that touches fresh memory, 64K block by 64K block, with some luck and some bad luck.

``MIXED`` goes in turn through a block that is mapped whole, one whose 64K allocation fails (32K, then the other half),
and one where only single pages can be had at first (order 0, then the free half, then another single page): every
way through ``alloc_anon_folio`` in steady state.  ``WHOLE`` maps every block with one 64K fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from kernelmodel.scenario import loads
from kernelmodel.scenario.types import Action, Answer, Place, Scenario

BLOCK = 0x10000
HEAP = 0x7F0000000000
NO_64K = (4,)
NO_LARGE = (4, 3)


class Touch(NamedTuple):
    """One write: offset in its 64K block, and the orders at which no memory can be had."""

    offset: int
    failing: tuple[int, ...] = ()


Mix = tuple[tuple[Touch, ...], ...]
WHOLE: Mix = ((Touch(0x5000),),)
MIXED: Mix = (
    *WHOLE,
    (Touch(0x2000, NO_64K), Touch(0xB000)),
    (Touch(0x3000, NO_LARGE), Touch(0x9000), Touch(0x4000)),
)

MEMORY = 'size = "16G"\n'
"""The table ``[memory]``."""

HEAD = f"""\
title   = "one 64K block after the other"
variant = "v3"

[thp]
enabled = "madvise"

[boot]
arch_wants_pte_order = 4

[[vma]]
name  = "heap"
start = {HEAP:#x}
size  = "64G"
flags = ["VM_WRITE"]
"""


def writes(mix: Mix, count: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """``count`` writes: (offset in the heap, orders at which no memory can be had)."""
    done = block = 0
    while True:
        for touch in mix[block % len(mix)]:
            if done == count:
                return
            yield block * BLOCK + touch.offset, touch.failing
            done += 1
        block += 1


def text(mix: Mix, count: int, memory: str = MEMORY) -> str:
    """The scenario as a file, for programs that read one."""
    parts = [HEAD, f"\n[memory]\n{memory}"]
    for offset, failing in writes(mix, count):
        answers = ", ".join(f'"{site(order)} = NULL"' for order in failing)
        parts.append(
            f'\n[[event]]\ncpu = 0\nwrite = "heap+{offset:#x}"\n' + (f"answers = [{answers}]\n" if answers else "")
        )
    return "".join(parts)


def scenario(mix: Mix, count: int, memory: str = MEMORY) -> Scenario:
    """The scenario as a value: longer than any file may be."""
    short = loads(text(mix, 1, memory), "workload.toml")
    place = Place(1, 1)
    events = tuple(
        Action(
            0, "write", HEAP + offset, f"heap+{offset:#x}",
            tuple(Answer(site(order), "NULL", place) for order in failing),
        )
        for offset, failing in writes(mix, count)
    )
    return replace(short, events=events)


def site(order: int) -> str:
    """The decision that asks for memory of an order."""
    return f"vma_alloc_folio(order={order})"

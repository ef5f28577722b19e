# SPDX-License-Identifier: GPL-2.0-only
"""Where zones are in physical memory, and how much room given free blocks need in them."""

from __future__ import annotations

from collections.abc import Iterable

from kernelmodel.arch import Arch
from kernelmodel.defs import ZONE_DMA

ZONE_START = 4 << 30
"""Physical address (bytes) of ZONE_NORMAL of node 0, as on a PC: ZONE_DMA32 ends there."""
DMA_END = 16 << 20
MAX_DMA = 15 << 20
"""Bytes that ZONE_DMA can have: the first MiB is the firmware's."""
MAX_PLAIN = 65536
"""So many given movable blocks of a machine become nodes of the lists one by one, fewer where they are large and so lie
far apart; more are laid out as units."""


def max_dma32(arch: Arch) -> int:
    """Bytes that ZONE_DMA32 can have here: below it are page tables and the kernel (``arch.TABLE_PFN``)."""
    return {12: 3584 << 20, 14: 2 << 30, 16: 1 << 30}[arch.page_shift]


def low_end(arch: Arch, kind: int, pages: int) -> int:
    """Where ZONE_DMA or ZONE_DMA32 ends (pfn); a ZONE_DMA that is too large for a PC's ends at 4G, as on arm64."""
    small = kind == ZONE_DMA and pages << arch.page_shift < DMA_END
    return (DMA_END if small else ZONE_START) >> arch.page_shift


def distance(arch: Arch, order: int) -> int:
    """Pages from one given block to the next: its buddy is in use, and the highest order has none."""
    return 1 << (order if order == arch.max_order else order + 1)


def plain_cost(arch: Arch, lists: Iterable[tuple[int, int, int]]) -> int:
    """What blocks take of ``MAX_PLAIN``: one each, and one more for each 64 pages, whose fields come into being."""
    return sum(number * (1 + (distance(arch, order) >> 6)) for _, order, number in lists)


def pages_needed(arch: Arch, lists: Iterable[tuple[int, int, int]]) -> int:
    """Pages for blocks given as (migratetype, order, number): each type has units of its own (blocks.in_rows())."""
    rows: dict[int, int] = {}
    for migratetype, order, number in lists:
        rows[migratetype] = rows.get(migratetype, 0) + number * distance(arch, order)
    unit = 1 << arch.max_order
    return sum(-(-pages // unit) * unit for pages in rows.values())

# SPDX-License-Identifier: GPL-2.0-only
"""How fragmented free memory is, from the numbers of free blocks per order (Linux mm/vmstat.c, the same 6.5 to 7.1).

All count the blocks of every migratetype: a block that counts may be one that a request has to steal.
"""

from __future__ import annotations

from collections.abc import Sequence


def free_pages(nr_free: Sequence[int]) -> int:
    """Pages in these blocks; ``nr_free[k]`` is the number of those of order ``k``."""
    return sum(blocks << order for order, blocks in enumerate(nr_free))


def suitable(nr_free: Sequence[int], order: int) -> int:
    """How many blocks of ``order`` could be had by splitting (fill_contig_page_info())."""
    return free_pages(nr_free[order:])


def unusable_free_index(nr_free: Sequence[int], order: int) -> int:
    """Thousandths of the free memory that are in blocks below ``order``; 1000 if nothing is free."""
    free = free_pages(nr_free)
    return (free - (suitable(nr_free, order) << order)) * 1000 // free if free else 1000


def fragmentation_index(nr_free: Sequence[int], order: int) -> int:
    """Why a request of ``order`` fails (__fragmentation_index()): towards 0 for want of memory, towards 1000 because it
    is in pieces; -1000 if it would not fail, and below 0 too where there are very few blocks."""
    blocks = sum(nr_free)
    if not blocks:
        return 0
    if suitable(nr_free, order):
        return -1000
    return 1000 - (1000 + free_pages(nr_free) * 1000 // (1 << order)) // blocks


def extfrag_for_order(nr_free: Sequence[int], order: int) -> int:
    """The first index in hundredths, 0 if nothing is free: what proactive compaction looks at."""
    free = free_pages(nr_free)
    return (free - (suitable(nr_free, order) << order)) * 100 // free if free else 0

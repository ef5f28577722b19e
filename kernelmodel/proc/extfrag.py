# SPDX-License-Identifier: GPL-2.0-only
"""debugfs' extfrag/unusable_index and extfrag/extfrag_index (Linux mm/vmstat.c; the same from 6.5 to 7.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kernelmodel.machine import Machine
from kernelmodel.mm.extfrag import fragmentation_index, unusable_free_index
from kernelmodel.proc.buddyinfo import free_area, nodes, populated, zone_head


def extfrag(m: Machine) -> str:
    """Both files.  The kernel's have no heading; here a line with its name stands above each."""
    return (
        f"unusable_index\n{_rows(m, unusable_free_index, 1)}\nextfrag_index\n{_rows(m, fragmentation_index, 2)}"
    )  # fmt: skip


def _rows(m: Machine, index: Callable[[Sequence[int], int], int], width: int) -> str:
    rows = []
    for node in nodes(m):
        for zone in populated(m, node):
            blocks = free_area(m, zone)
            cells = (thousandths(index(blocks, order), width) for order in range(m.orders))
            rows.append(f"{zone_head(m, zone)} {''.join(cells)}\n")
    return "".join(rows)


def thousandths(value: int, width: int) -> str:
    """``0.500``, ``-1.000``; as C divides, so that -500 is ``0.-500``."""
    whole, rest = divmod(abs(value), 1000)
    sign = -1 if value < 0 else 1
    return f"{sign * whole:{width}}.{sign * rest:03} "

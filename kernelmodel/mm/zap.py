# SPDX-License-Identifier: GPL-2.0-only
"""Taking pages and tables away from a range of addresses (mm/memory.c, mm/huge_memory.c of 6.5)."""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.structs import Mm


def unmap_vmas(mm: Mm, start: int, end: int, cpu: int) -> Path[None]:
    """Zap what every VMA has mapped between ``start`` and ``end``."""
    yield Decision("zap-pmd", "none", addr=start)


def free_pgtables(mm: Mm, start: int, end: int, floor: int, ceiling: int) -> None:
    """Free tables of [start, end) that no VMA between ``floor`` and ``ceiling`` needs (ceiling 0: to the top)."""

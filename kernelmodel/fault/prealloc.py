# SPDX-License-Identifier: GPL-2.0-only
"""``folio_prealloc`` of mm/memory.c: one page, charged.  alloc_anon_folio falls back to it from 6.9 on."""

from __future__ import annotations

from kernelmodel.decision import Path
from kernelmodel.defs import GFP_KERNEL
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import vma_alloc_zeroed_movable_folio
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.structs import Folio, Mm, Vma


def folio_prealloc(mm: Mm, vma: Vma, addr: int) -> Path[Folio | None]:
    """A zeroed page, charged with GFP_KERNEL; None if either fails (Linux 6.9, with ``need_zero``)."""
    folio = yield from vma_alloc_zeroed_movable_folio(vma, addr)
    if folio is None:
        return None
    failed = yield from mem_cgroup_charge(folio, mm, GFP_KERNEL)
    if failed:
        folio_put(folio)
        return None
    return folio

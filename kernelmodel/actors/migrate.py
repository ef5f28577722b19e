# SPDX-License-Identifier: GPL-2.0-only
"""Migration of what a process has mapped in a range, as compaction does it (mm/migrate.c of 6.12).

Folio by folio, one try each: what is locked, or has a reference too many, stays where it is (-EAGAIN, which the kernel
tries ten times).  The pages are found by address here, by pfn there.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Step
from kernelmodel.defs import EAGAIN, ENOMEM, GFP_HIGHUSER_MOVABLE, GFP_TRANSHUGE, call_result
from kernelmodel.mm.folio_lock import folio_trylock, folio_unlock
from kernelmodel.mm.isolate import folio_isolate, folio_putback_lru, next_mapped
from kernelmodel.mm.mempolicy import alloc_pages_mpol
from kernelmodel.mm.migrate import move_to_new_folio, remove_migration_ptes, try_to_migrate
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.rmap import folio_mapped
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Folio, Mm


def migrate(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """Every folio of the range: 0, or the last failure."""
    start, end, result = action.address, action.address + action.size, 0
    while True:
        found = next_mapped(mm, start, end)
        if found is None:
            break
        src = found.folio
        isolated = folio_isolate(src)
        yield Decision("migrate-folio", "isolated" if isolated else "skipped", src.order, found.address, arg=src.id)
        if isolated:
            rc = yield from unmap_and_move(src, found.address, cpu)
            result = rc or result
        start = found.end
        if start >= end:
            break
        yield Step("step", "isolate", addr=start)
    yield Decision("migrate-return", call_result(result), addr=action.address)
    return result


def unmap_and_move(src: Folio, address: int, cpu: int) -> Path[int]:
    """One folio that is isolated: 0, -ENOMEM or -EAGAIN; it is put back (migrate_folio_unmap, migrate_folio_move)."""
    m = src.m
    if src._refcount == 1:  # freed from under us
        yield Decision("migrate-folio", "0", src.order, address, reason="freed", arg=src.id)
        folio_putback_lru(src)
        return 0
    gfp = GFP_TRANSHUGE if src.order else GFP_HIGHUSER_MOVABLE
    dst = yield from alloc_pages_mpol(gfp, src.order, m, address, False)
    if dst is None:
        yield Decision("migrate-folio", "-ENOMEM", src.order, address, arg=src.id)
        folio_putback_lru(src)
        return -ENOMEM
    if not folio_trylock(src):
        yield Decision("migrate-folio", "-EAGAIN", src.order, address, reason="locked", arg=src.id)
        folio_put(dst)
        folio_putback_lru(src)
        return -EAGAIN
    folio_trylock(dst)
    yield from try_to_migrate(src, cpu)
    mapped = folio_mapped(src)
    yield Decision("migrate-move", "mapped" if mapped else "unmapped", src.order, address, arg=src._refcount)
    moved = not folio_mapped(src) and move_to_new_folio(dst, src)
    yield from remove_migration_ptes(src, dst if moved else src, cpu)
    rc = 0 if moved else -EAGAIN
    yield Decision("migrate-folio", call_result(rc), src.order, address, arg=dst.id if moved else src.id)
    folio_unlock(dst)
    folio_unlock(src)
    if moved:
        folio_putback_lru(dst)
        folio_put(src)
    else:
        folio_put(dst)
        folio_putback_lru(src)
    return rc

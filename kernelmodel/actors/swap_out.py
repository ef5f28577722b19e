# SPDX-License-Identifier: GPL-2.0-only
"""Reclaim of what a process has mapped in a range: shrink_folio_list() of mm/vmscan.c (6.5, 6.12), anonymous memory.

Folio by folio, found by address here.  Whether a page was used lately is not asked (MADV_PAGEOUT's way).  The device is
synchronous: the page is written at once, and leaves the swap cache in the same go if nobody else holds it.  Large
folios are split, see mm/try_to_unmap.py.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Step
from kernelmodel.defs import PG_dirty, PG_swapbacked
from kernelmodel.mm.folio_lock import folio_trylock, folio_unlock
from kernelmodel.mm.isolate import folio_isolate, folio_putback_lru, next_mapped
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.rmap import folio_mapped
from kernelmodel.mm.swap import (
    add_to_swap_cache,
    delete_from_swap_cache,
    folio_free_swap,
    folio_test_swapcache,
    get_swap_slot,
    swap_writepage,
)
from kernelmodel.mm.try_to_unmap import split_folio_to_list, try_to_unmap
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Folio, Mm


def swap_out(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """Every folio of the range, page by page once it is split: 0, whatever became of them."""
    start, end = action.address, action.address + action.size
    while True:
        found = next_mapped(mm, start, end)
        if found is None:
            break
        folio, start = found.folio, found.address
        isolated = folio_isolate(folio)
        yield Decision("swap-out-folio", "isolated" if isolated else "skipped", folio.order, start, arg=folio.id)
        split = False
        if isolated and folio.order:
            split = yield from split_large(folio, start)
        elif isolated:
            yield from shrink_folio(folio, start, cpu)
        if not split:
            start = found.end
        if start >= end:
            break
        yield Step("step", "isolate", addr=start)
    yield Decision("swap-out-return", "0", addr=action.address)
    return 0


def split_large(folio: Folio, address: int) -> Path[bool]:
    """Is it split?  It is back on the LRU either way."""
    if not folio_trylock(folio):
        yield Decision("swap-out-folio", "kept", folio.order, address, reason="locked", arg=folio.id)
        folio_putback_lru(folio)
        return False
    yield Decision("swap-out-folio", "split", folio.order, address, reason="folio-split", arg=folio.id)
    split = yield from split_folio_to_list(folio)
    return split


def shrink_folio(folio: Folio, address: int, cpu: int) -> Path[None]:
    """One page that is isolated: freed, or put back."""
    m = folio.m
    if not folio_trylock(folio):
        yield Decision("swap-out-folio", "kept", 0, address, reason="locked", arg=folio.id)
        folio_putback_lru(folio)
        return
    if folio.flags & PG_swapbacked and not folio_test_swapcache(folio):
        add_to_swap_cache(folio, get_swap_slot(m))
        folio.flags |= PG_dirty
    yield from try_to_unmap(folio, cpu)
    kept = "mapped" if folio_mapped(folio) else ""
    if not kept:
        slot = m.folio_swap.get(folio.id)
        yield Decision("swap-out-write", "slot" if slot else "discard", 0, address, arg=slot)
        kept = pageout(folio)
    if kept:
        yield Decision("swap-out-folio", "kept", 0, address, reason=kept, arg=folio.id)
    folio_unlock(folio)
    if kept:
        folio_putback_lru(folio)
    else:
        folio_put(folio)


def pageout(folio: Folio) -> str:
    """Write it and take it out of the cache (pageout, __remove_mapping); else why it has to stay.

    A page whose entries are all gone by now is not written: its slot is freed (swap_writepage).  Between the write and
    the last look at the references the kernel lets go of the folio for a moment; here that is one step.
    """
    if folio_mapped(folio):
        return "mapped"
    if folio_test_swapcache(folio) and not folio_free_swap(folio) and folio.flags & PG_dirty:
        swap_writepage(folio)
    if folio._refcount != 1 + folio_test_swapcache(folio):
        return "held"
    if folio_test_swapcache(folio):
        delete_from_swap_cache(folio)
    elif folio.flags & PG_dirty and not folio.flags & PG_swapbacked:
        return "dirty"
    return ""

# SPDX-License-Identifier: GPL-2.0-only
"""Reading a page back from swap, for do_swap_page() (fault/swap.py): who allocates, who pins the slot, and when.

Up to 6.18 a synchronous device's page is read past the swap cache if one entry names its slot.  6.5 to 6.7 do not keep
others from doing the same: bug B10, 13ddaf26be32 (6.8).  6.8 pins the slot before it allocates, 6.12 after.  From 7.0
on the page goes into the swap cache always, locked.  One page, as with zswap in front of the device: no large folio.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.decision import Path, Wait
from kernelmodel.defs import GFP_HIGHUSER_MOVABLE, GFP_KERNEL
from kernelmodel.machine import Machine
from kernelmodel.mm.folio_lock import folio_trylock, folio_unlock
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import vma_alloc_folio
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.rmap import folio_mark_uptodate
from kernelmodel.mm.swap import (
    add_to_swap_cache,
    kept_for_a_reader,
    swap_cache_get_folio,
    swap_count,
    swap_read_folio,
    swapcache_clear,
    swapcache_prepare,
)
from kernelmodel.structs import Folio, VmFault


class SwappedIn(NamedTuple):
    """The folio, None if there is none; what else is to be known of it."""

    folio: Folio | None = None
    fresh: bool = False
    """Nobody else knows it, and it is locked: it was read past the swap cache."""
    pinned: bool = False
    """The slot is pinned all the same."""
    why: str = ""
    """Of None: ``raced`` (someone else reads the slot: fault again), ``charge``, or '' for no memory."""


def swapin(vmf: VmFault, slot: int) -> Path[SwappedIn]:
    """What is not in the swap cache: with what the release does."""
    m = vmf.m
    if m.release >= (7, 0):
        return (yield from swapin_folio(vmf, slot))
    if swap_count(m, slot) != 1:
        return (yield from swapin_readahead(vmf, slot))
    pins = m.release >= (6, 8) and "B10" not in m.mutants
    first = pins and m.release < (6, 12)
    if first and not swapcache_prepare(m, slot):
        return (yield from wait_for_other(m, slot))
    found = yield from alloc_swap_folio(vmf)
    if found.folio is None:
        if first and found.why:
            swapcache_clear(m, slot)
        return found._replace(pinned=first and not found.why)
    if pins and not first and not swapcache_prepare(m, slot):
        folio_put(found.folio)
        return (yield from wait_for_other(m, slot))
    folio_trylock(found.folio)
    swap_read_folio(found.folio, slot)
    return SwappedIn(found.folio, fresh=True, pinned=pins)


def alloc_swap_folio(vmf: VmFault) -> Path[SwappedIn]:
    """A page that is charged.  Up to 6.11 a failed charge is VM_FAULT_OOM at once, then it is as no memory."""
    m, vma = vmf.m, vmf.vma
    folio = yield from vma_alloc_folio(GFP_HIGHUSER_MOVABLE, 0, vma, vmf.address, False)
    if folio is None:
        return SwappedIn()
    failed = yield from mem_cgroup_charge(folio, vma.vm_mm, GFP_KERNEL)
    if failed:
        folio_put(folio)
        return SwappedIn(why="" if m.release >= (6, 12) else "charge")
    folio_mark_uptodate(folio)
    return SwappedIn(folio)


def wait_for_other(m: Machine, slot: int) -> Path[SwappedIn]:
    """Somebody else has the slot pinned: wait a while and fault again.  The kernel waits for a jiffy, pinned or not."""
    if kept_for_a_reader(m, slot):
        yield Wait(f"swap slot {slot}", lambda: not kept_for_a_reader(m, slot))
    return SwappedIn(why="raced")


def swapin_readahead(vmf: VmFault, slot: int) -> Path[SwappedIn]:
    """Through the swap cache (up to 6.18: of a slot that several entries name); nothing is read ahead."""
    m = vmf.m
    new = SwappedIn()
    while True:
        folio = swap_cache_get_folio(m, slot)
        if folio is not None or not swap_count(m, slot):
            break
        if new.folio is None:
            new = yield from alloc_swap_folio(vmf)
            if new.folio is None:
                return new._replace(why="")
        if swapcache_prepare(m, slot):
            folio_trylock(new.folio)
            add_to_swap_cache(new.folio, slot)
            swap_read_folio(new.folio, slot)
            folio_unlock(new.folio)
            return new
        yield Wait(f"swap slot {slot}", lambda: not kept_for_a_reader(m, slot))
    if new.folio is not None:
        folio_put(new.folio)
    return SwappedIn(folio)


def swapin_folio(vmf: VmFault, slot: int) -> Path[SwappedIn]:
    """7.0: allocate, then put it into the swap cache, locked, if no one else was first; read it there."""
    m = vmf.m
    new = yield from alloc_swap_folio(vmf)
    if new.folio is None:
        return new
    found = swap_cache_get_folio(m, slot)
    if found is None and swap_count(m, slot):
        folio_trylock(new.folio)
        add_to_swap_cache(new.folio, slot)
        swap_read_folio(new.folio, slot)
        folio_unlock(new.folio)
        return new
    folio_put(new.folio)
    return SwappedIn(found)

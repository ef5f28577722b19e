# SPDX-License-Identifier: GPL-2.0-only
"""Swap slots and the swap cache (mm/swapfile.c, mm/swap_state.c; Linux 6.5 to 6.18, and 7.0).

One device, synchronous (zram: SWP_SYNCHRONOUS_IO) and never full.  The slot that is used next is the lowest free one,
so that a slot that was freed can be reused at once, which is what makes a swap entry an ABA problem.  A slot is in use
while entries name it (the count of the swap map) or something holds it in the cache: SWAP_HAS_CACHE is the pin, with a
folio in the cache or, where the cache is skipped (6.8), without.  7.0 keeps both in one swap table: the same in sum.
"""

from __future__ import annotations

from kernelmodel.decision import KernelBug
from kernelmodel.defs import PG_dirty
from kernelmodel.machine import Machine
from kernelmodel.mm.folio_lock import folio_trylock, folio_unlock
from kernelmodel.mm.page_alloc import folio_put, folio_ref_add
from kernelmodel.structs import Folio

SWAP_HAS_CACHE = 0x40


# -- slots ---------------------------------------------------------------------------------------------
def swap_count(m: Machine, slot: int) -> int:
    """How many entries name the slot (__swap_count)."""
    return m.swap_map.get(slot) & ~SWAP_HAS_CACHE


def kept_for_a_reader(m: Machine, slot: int) -> bool:
    """Is the slot pinned by someone who reads it past the cache, or has yet to put it there?"""
    return bool(m.swap_map.get(slot) & SWAP_HAS_CACHE) and not m.swap_cache.get(slot)


def get_swap_slot(m: Machine) -> int:
    """The lowest free slot."""
    slot = 1
    while m.swap_map.get(slot):
        slot += 1
    return slot


def swap_duplicate(m: Machine, slot: int) -> None:
    """One entry more names the slot."""
    m.swap_map.add(slot, 1)


def swap_free(m: Machine, slot: int) -> None:
    """One entry less; the last one frees the slot unless it is pinned."""
    if not swap_count(m, slot):
        raise KernelBug("swap_free", f"an entry for slot {slot} goes, and none is known")
    if not m.swap_map.add(slot, -1):
        m.swap_content.set(slot, 0)


def swapcache_prepare(m: Machine, slot: int) -> bool:
    """Pin the slot; False if it is pinned already (-EEXIST), or not in use any more (-ENOENT)."""
    usage = m.swap_map.get(slot)
    if not usage or usage & SWAP_HAS_CACHE:
        return False
    m.swap_map.set(slot, usage | SWAP_HAS_CACHE)
    return True


def swapcache_clear(m: Machine, slot: int) -> None:
    """Take the pin away; the slot is free if no entry names it (put_swap_folio does the same)."""
    count = swap_count(m, slot)
    m.swap_map.set(slot, count)
    if not count:
        m.swap_content.set(slot, 0)


def free_swap_and_cache(m: Machine, slot: int) -> None:
    """An entry is zapped: if it was the last one and nobody else uses the folio in the cache, that goes as well."""
    swap_free(m, slot)
    cached = m.swap_cache.get(slot)
    if m.swap_map.get(slot) != SWAP_HAS_CACHE or not cached:
        return
    folio = Folio(m, cached - 1)
    folio_ref_add(folio, 1)
    free_swap_cache(folio)
    folio_put(folio)


def free_swap_cache(folio: Folio) -> None:
    """A folio of the cache lost a map: if it was the last, and nobody has it locked, its slot may go."""
    if folio_test_swapcache(folio) and not folio.m._mapcount.get(folio.id) and folio_trylock(folio):
        folio_free_swap(folio)
        folio_unlock(folio)


# -- the cache -----------------------------------------------------------------------------------------
def folio_test_swapcache(folio: Folio) -> bool:
    """Is it in the swap cache?"""
    return folio.m.folio_swap.get(folio.id) != 0


def swap_cache_get_folio(m: Machine, slot: int) -> Folio | None:
    """The folio that is in the cache for a slot, with a reference."""
    cached = m.swap_cache.get(slot)
    if not cached:
        return None
    folio = Folio(m, cached - 1)
    folio_ref_add(folio, 1)
    return folio


def add_to_swap_cache(folio: Folio, slot: int) -> None:
    """Put a folio into the cache for a slot: it has one reference more, and the slot is pinned."""
    m = folio.m
    m.swap_map.set(slot, m.swap_map.get(slot) | SWAP_HAS_CACHE)
    m.swap_cache.set(slot, folio.id + 1)
    m.folio_swap.set(folio.id, slot)
    folio_ref_add(folio, 1)


def delete_from_swap_cache(folio: Folio) -> None:
    """Take a folio that is locked out of the cache, and drop the cache's reference."""
    m, slot = folio.m, folio.m.folio_swap.get(folio.id)
    m.folio_swap.set(folio.id, 0)
    m.swap_cache.set(slot, 0)
    swapcache_clear(m, slot)
    folio_put(folio)


def folio_free_swap(folio: Folio) -> bool:
    """Free a locked folio's slot if no entry names it: then the folio is the only place of its data, so dirty."""
    m, slot = folio.m, folio.m.folio_swap.get(folio.id)
    if not slot or swap_count(m, slot):
        return False
    delete_from_swap_cache(folio)
    folio.flags |= PG_dirty
    return True


def free_swap_if_unused(folio: Folio) -> None:
    """The same for one that is mapped, where it is not locked."""
    if folio_test_swapcache(folio) and folio_trylock(folio):
        folio_free_swap(folio)
        folio_unlock(folio)


def replace_in_swap_cache(folio: Folio, new: Folio) -> None:
    """Migration: the new folio stands in the cache where the old one did (__folio_migrate_mapping)."""
    m, slot = folio.m, folio.m.folio_swap.get(folio.id)
    if slot:
        m.swap_cache.set(slot, new.id + 1)
        m.folio_swap.set(new.id, slot)
        m.folio_swap.set(folio.id, 0)
        folio_ref_add(new, 1)
        folio_put(folio)


# -- the device ----------------------------------------------------------------------------------------
def swap_read_folio(folio: Folio, slot: int) -> None:
    """Read the slot into a page, at once."""
    m = folio.m
    if m.keeps_contents:
        m.content.set(folio.id, m.swap_content.get(slot))


def swap_writepage(folio: Folio) -> None:
    """Write a folio of the cache to its slot, at once: clean from then on."""
    m = folio.m
    folio.flags &= ~PG_dirty
    if m.keeps_contents:
        m.swap_content.set(m.folio_swap.get(folio.id), m.content.get(folio.id))

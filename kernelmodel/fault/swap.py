# SPDX-License-Identifier: GPL-2.0-only
"""Entries that are neither none nor present: markers, migration, and swap.  Linux 6.5 to 7.1 mm/memory.c.

How a page is read from swap is in fault/swap_in.py.
"""

from __future__ import annotations

from kernelmodel.arch import PTE_MARKER_GUARD, PTE_MARKER_POISONED
from kernelmodel.decision import Decision, Path, Step, Wait
from kernelmodel.defs import (
    FAULT_FLAG_TRIED,
    FAULT_FLAG_VMA_LOCK,
    FAULT_FLAG_WRITE,
    MM_ANONPAGES,
    MM_SWAPENTS,
    PGMAJFAULT,
    VM_FAULT_ERROR,
    VM_FAULT_HWPOISON,
    VM_FAULT_MAJOR,
    VM_FAULT_OOM,
    VM_FAULT_RETRY,
    VM_FAULT_SIGBUS,
    VM_FAULT_SIGSEGV,
    VM_LOCKED,
)
from kernelmodel.fault.swap_in import swapin
from kernelmodel.mm.folio_lock import folio_lock, folio_trylock, folio_unlock, folio_wait_locked
from kernelmodel.mm.mmap_lock import release_fault_lock
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.pgtable import pte_offset_map_lock, pte_place, pte_same, pte_unmap_unlock, set_pte_at
from kernelmodel.mm.rmap import folio_add_anon_rmap_ptes, folio_add_lru_vma, folio_add_new_anon_rmap
from kernelmodel.mm.swap import folio_free_swap, swap_cache_get_folio, swap_free, swapcache_clear
from kernelmodel.mm.userfaultfd import pte_marker_uffd_wp, userfaultfd_wp
from kernelmodel.mm.vma import maybe_mkwrite
from kernelmodel.mm.vmstat import add_mm_counter, count_vm_event
from kernelmodel.structs import Folio, VmFault


def do_swap_page(vmf: VmFault) -> Path[int]:
    """A marker goes to its handler, a migration is waited for, a page that is swapped out is read in.

    6.5 does none of it under the lock of the VMA alone.  What was found in the swap cache may have left it, or stand
    for another slot, by the time that it is locked.
    """
    m, arch = vmf.m, vmf.m.arch
    if m.release < (6, 6) and vmf.flags & FAULT_FLAG_VMA_LOCK:
        return VM_FAULT_RETRY
    if arch.pte_kind(vmf.orig_pte) == "marker":
        return (yield from handle_pte_marker(vmf))
    if arch.pte_kind(vmf.orig_pte) == "migration":
        yield Decision("wait", "migration", addr=vmf.address)
        yield from migration_entry_wait(vmf)
        return 0

    slot = arch.swp_offset(vmf.orig_pte)
    ret, fresh, pinned = 0, False, False
    folio = swap_cache_get_folio(m, slot)
    yield Step("swap-in", "not-cached" if folio is None else "cached", addr=vmf.address, arg=slot)
    if folio is None:
        folio, fresh, pinned, why = yield from swapin(vmf, slot)
        if why:
            return VM_FAULT_OOM if why == "charge" else 0
        if folio is None:
            return (yield from no_folio(vmf, slot, pinned))
        ret = VM_FAULT_MAJOR
        count_vm_event(m, PGMAJFAULT)
        if not pinned:
            yield Step("swap-in", "read", addr=vmf.address, arg=slot)
    if not fresh:
        retry = yield from folio_lock_or_retry(folio, vmf)
        if retry:
            folio_put(folio)
            return ret | VM_FAULT_RETRY
        if m.folio_swap.get(folio.id) != slot:
            return out(folio, slot, pinned, ret)

    vmf.pte = yield from pte_offset_map_lock(vmf, vmf.address)
    if vmf.pte is None:
        return out(folio, slot, pinned, ret)
    if not pte_same(m, vmf.pte, vmf.orig_pte):
        yield Decision("recheck", "changed", addr=vmf.address)
        pte_unmap_unlock(vmf)
        return out(folio, slot, pinned, ret)
    yield Decision("recheck", "same", addr=vmf.address)
    yield Decision("install", "folio", order=0, addr=vmf.address, arg=folio.id, more=(("nr", 1),))
    map_swapped_in(vmf, folio, slot, fresh)
    if vmf.flags & FAULT_FLAG_WRITE:  # it is not ours alone
        error = yield from m.variant.do_wp_page(vmf)
        ret |= error
        if ret & VM_FAULT_ERROR:
            ret &= VM_FAULT_ERROR
    else:
        pte_unmap_unlock(vmf)
    if pinned:
        swapcache_clear(m, slot)
    return ret


def no_folio(vmf: VmFault, slot: int, pinned: bool) -> Path[int]:
    """No memory, unless somebody else has brought the page in meanwhile."""
    ret = 0
    vmf.pte = yield from pte_offset_map_lock(vmf, vmf.address)
    if vmf.pte is not None:
        same = pte_same(vmf.m, vmf.pte, vmf.orig_pte)
        yield Decision("recheck", "same" if same else "changed", addr=vmf.address)
        pte_unmap_unlock(vmf)
        ret = VM_FAULT_OOM if same else 0
    if pinned:
        swapcache_clear(vmf.m, slot)
    return ret


def out(folio: Folio, slot: int, pinned: bool, ret: int) -> int:
    """Nothing is mapped: let go of the folio and of the slot (out_page).  7.0 frees the slot if no entry names it."""
    m = folio.m
    if m.release >= (7, 0):
        folio_free_swap(folio)
    folio_unlock(folio)
    folio_put(folio)
    if pinned:
        swapcache_clear(m, slot)
    return ret


def folio_lock_or_retry(folio: Folio, vmf: VmFault) -> Path[bool]:
    """Lock it; the first time that it is locked already, wait without the fault's lock and ask for a retry (True)."""
    if folio_trylock(folio):
        return False
    if not vmf.flags & FAULT_FLAG_TRIED:
        release_fault_lock(vmf)
        yield from folio_wait_locked(folio)
        return True
    yield from folio_lock(folio)
    return False


def map_swapped_in(vmf: VmFault, folio: Folio, slot: int, fresh: bool) -> None:
    """Map the page in place of the swap entry, under the lock; the slot goes with its last entry.

    A write to a page that is this process's own is done with here; from 6.12 on such a page is writable even if only
    a read asked for it.  7.0 frees a synchronous device's slot at once, if no other entry names it.
    """
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    assert vmf.pte is not None
    exclusive, wp = fresh or arch.pte_swp_exclusive(vmf.orig_pte), arch.pte_swp_uffd_wp(vmf.orig_pte)
    swap_free(m, slot)
    if m.release < (7, 0):
        if vma.vm_flags & VM_LOCKED or (vmf.flags & FAULT_FLAG_WRITE and folio._refcount == 2):
            folio_free_swap(folio)
    exclusive = exclusive or folio._refcount == 1
    add_mm_counter(vma.vm_mm, MM_ANONPAGES, 1)
    add_mm_counter(vma.vm_mm, MM_SWAPENTS, -1)
    entry = arch.pfn_pte(folio.id, vma.vm_page_prot)
    write = vmf.flags & FAULT_FLAG_WRITE and not (m.release >= (6, 12) and wp and userfaultfd_wp(vma))
    if exclusive and write:
        entry = maybe_mkwrite(arch.pte_mkdirty(entry), vma)
        vmf.flags &= ~FAULT_FLAG_WRITE
    elif exclusive and m.release >= (6, 12):
        entry = maybe_mkwrite(entry, vma)
    if wp:
        entry = arch.pte_mkuffd_wp(entry)
    if folio.mapping:
        folio_add_anon_rmap_ptes(folio, folio.id, 1, vma, exclusive)
    else:
        folio_add_new_anon_rmap(folio, vma, vmf.address, exclusive)
        folio_add_lru_vma(folio)
    set_pte_at(m, vmf.pte, entry)
    vmf.orig_pte = entry
    if m.release >= (7, 0):
        folio_free_swap(folio)
    folio_unlock(folio)


def migration_entry_wait(vmf: VmFault) -> Path[None]:
    """Sleep until another entry stands there."""
    m, pmd, address, entry = vmf.m, vmf.pmd, vmf.address, vmf.orig_pte

    def gone() -> bool:
        value = m.pgtable.get(pmd)
        return m.arch.pmd_kind(value) != "table" or m.pgtable.get(pte_place(m, value, address)) != entry

    while not gone():
        yield Wait(f"the migration of the page at {address:#x}", gone)


def handle_pte_marker(vmf: VmFault) -> Path[int]:
    """Poisoned counts before anything else; uffd-wp: the page was write-protected before it was unmapped.

    A poisoned one is VM_FAULT_HWPOISON from 6.6 on.  Guard markers are there from 6.13 on, before that an unknown bit.
    """
    m = vmf.m
    marker = m.arch.swp_offset(vmf.orig_pte)
    if marker & PTE_MARKER_POISONED:
        yield Decision("marker", "poisoned", addr=vmf.address)
        return VM_FAULT_HWPOISON if m.release >= (6, 6) else VM_FAULT_SIGBUS
    if marker & PTE_MARKER_GUARD and m.release >= (6, 13):
        yield Decision("marker", "guard", addr=vmf.address)
        return VM_FAULT_SIGSEGV
    if not pte_marker_uffd_wp(m, vmf.orig_pte):
        yield Decision("marker", "poisoned", addr=vmf.address, reason="unknown-marker", arg=marker)
        return VM_FAULT_SIGBUS
    if not userfaultfd_wp(vmf.vma):
        yield Decision("marker", "stale", addr=vmf.address)
        return (yield from pte_marker_clear(vmf))
    yield Decision("marker", "uffd-wp", addr=vmf.address)
    return (yield from m.variant.do_anonymous_page(vmf))


def pte_marker_clear(vmf: VmFault) -> Path[int]:
    """Nobody is registered any more: drop the marker if it is still the same, and fault again."""
    vmf.pte = yield from pte_offset_map_lock(vmf, vmf.address)
    if vmf.pte is None:
        return 0
    same = pte_same(vmf.m, vmf.pte, vmf.orig_pte)
    yield Decision("recheck", "same" if same else "changed", addr=vmf.address)
    if same:
        set_pte_at(vmf.m, vmf.pte, 0)
    pte_unmap_unlock(vmf)
    return 0

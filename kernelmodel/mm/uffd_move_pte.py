# SPDX-License-Identifier: GPL-2.0-only
"""UFFDIO_MOVE below the PMD: pages, swap entries and zero pages (mm/userfaultfd.c, Linux 6.8 … 7.1)."""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Wait
from kernelmodel.defs import EAGAIN, EBUSY, EEXIST, EFAULT, ENOENT, PG_anon_exclusive, PG_locked
from kernelmodel.machine import Machine
from kernelmodel.mm.folio_lock import folio_trylock, folio_unlock, folio_wait_locked
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.page_alloc import folio_put, folio_ref_add, page_folio
from kernelmodel.mm.pgtable import map_lock, map_unlock, pte_place, set_pte_at, zero_page
from kernelmodel.mm.rmap import folio_move_anon_rmap
from kernelmodel.mm.split_folio import can_split_folio, count_split, split_folio
from kernelmodel.mm.vma import linear_page_index, maybe_mkwrite
from kernelmodel.structs import Folio, Vma

Vmas = tuple[Vma, Vma]
"""Destination and source."""
Places = tuple[int, int]
"""Of the destination and of the source: addresses, or places of entries, or tables."""


def may_move(m: Machine, value: int, zero: bool) -> bool:
    """Only what is this process's own; the zero pages from 6.9 on."""
    if zero:
        return m.release >= (6, 9)
    if not m.arch.pte_present(value):
        return m.arch.pte_swp_exclusive(value)
    return bool(m.page_flags.get(m.arch.pte_pfn(value)) & PG_anon_exclusive)


def rebase(folio: Folio, vma: Vma, address: int) -> None:
    """rmap finds the folio at its new address from now on."""
    folio_move_anon_rmap(folio, vma)
    folio.index = linear_page_index(vma, address)


def told(outcome: str, at: Places, reason: str = "", order: int = -1) -> Decision:
    """What was found, and where it is to go."""
    return Decision("uffd-move", outcome, order, at[1], reason=reason, more=(("to", hex(at[0])),))


def double_pt_lock(m: Machine, tables: Places, cpu: int) -> Path[None]:
    """Both locks, the lower first, or the one lock that is both."""
    yield from spin_lock(m, min(tables), cpu)
    if tables[0] != tables[1]:
        yield from spin_lock(m, max(tables), cpu)


def double_pt_unlock(m: Machine, tables: Places) -> None:
    """Let go of them."""
    spin_unlock(m, tables[0])
    if tables[0] != tables[1]:
        spin_unlock(m, tables[1])


def move_pages_pte(vmas: Vmas, pmds: Places, at: Places, left: int, cpu: int) -> Path[int]:
    """One page, swap entry or zero page: bytes, or an errno.  From 6.18 on pages in a row go together.

    The page is pinned and its folio locked before both locks are taken and everything is looked at again.
    """
    m = vmas[0].m
    dst_pmdval, src_pmdval = m.pgtable.get(pmds[0]), m.pgtable.get(pmds[1])
    if m.arch.pmd_kind(dst_pmdval) != "table" or m.arch.pmd_kind(src_pmdval) != "table":
        if m.arch.pmd_kind(dst_pmdval) == "migration":  # the kernel asks again and again
            yield Wait(f"the migration of the huge page at {at[0]:#x}", lambda: m.pgtable.get(pmds[0]) != dst_pmdval)
        return -EAGAIN
    ptes = (pte_place(m, dst_pmdval, at[0]), pte_place(m, src_pmdval, at[1]))
    value = m.pgtable.get(ptes[1])
    kind = m.arch.pte_kind(value)
    if m.pgtable.get(ptes[0]):
        yield told("exists", at, "exists")
        return -EEXIST
    if kind in ("none", "marker"):
        return -ENOENT if kind == "none" else -EFAULT
    if kind == "migration":
        yield told("migration", at)
        yield Wait(f"the migration of the page at {at[1]:#x}", lambda: pte_at(m, pmds[1], at[1]) != value)
        return -EAGAIN
    if not may_move(m, value, kind == "zero"):
        yield told("busy", at, "shared")
        return -EBUSY
    folio = page_folio(m, m.arch.pte_pfn(value)) if kind == "page" else None
    if folio is not None:
        folio_ref_add(folio, 1)
        if not folio_trylock(folio):
            yield from wait_for_folio(folio, pmds[1], at[1], value)
            return -EAGAIN
        if folio.order:
            return (yield from split_before_move(folio, at))
    map_lock(m)
    yield told(kind, at)
    tables = (ptes[0] // m.arch.ptrs, ptes[1] // m.arch.ptrs)
    yield from double_pt_lock(m, tables, cpu)
    moved = -EAGAIN
    if m.pgtable.get(ptes[1]) == value and not m.pgtable.get(ptes[0]) and m.pgtable.get(pmds[0]) == dst_pmdval:
        moved = move_run(vmas, ptes, at, left)
    double_pt_unlock(m, tables)
    map_unlock(m)
    if folio is not None:
        folio_unlock(folio)
        folio_put(folio)
    return moved


def wait_for_folio(folio: Folio, pmd: int, address: int, value: int) -> Path[None]:
    """Someone has locked the folio: sleep, and drop the reference.

    From 6.14 on a large folio's reference, which keeps it from being split, is dropped at once, and the kernel asks
    again and again.
    """
    m = folio.m
    if folio.order and m.release >= (6, 14):
        folio_put(folio)
        yield Wait(
            f"the lock of folio {folio.id:#x}",
            lambda: not folio.flags & PG_locked or pte_at(m, pmd, address) != value,
        )
        return
    yield from folio_wait_locked(folio)
    folio_put(folio)


def pte_at(m: Machine, pmd: int, address: int) -> int:
    """The PTE of an address, 0 if there is no table."""
    value = m.pgtable.get(pmd)
    return m.pgtable.get(pte_place(m, value, address)) if m.arch.pmd_kind(value) == "table" else 0


def split_before_move(folio: Folio, at: Places) -> Path[int]:
    """A page of a large folio: the folio is split first, and everything looked at again.  Entered with it locked.

    What nobody maps any more has no anon_vma, and is not split: -EBUSY, as for what is pinned.
    """
    yield told("split", at, "folio-split", folio.order)
    mapped = any(folio.m._mapcount.run(folio.id, folio.nr_pages)) or folio.m._entire_mapcount.get(folio.id)
    folio_unlock(folio)
    folio_put(folio)
    if mapped and can_split_folio(folio):
        split_folio(folio)
        return -EAGAIN
    if mapped:
        count_split(folio, False)
    return -EBUSY


def move_run(vmas: Vmas, ptes: Places, at: Places, left: int) -> int:
    """Move the entry, under both locks; from 6.18 on also those behind it, as long as each is a page like the first."""
    m, arch = vmas[0].m, vmas[0].m.arch
    size = arch.page_size
    most = min(left, *(arch.pmd_size - address % arch.pmd_size for address in at)) // size
    first = m.pgtable.get(ptes[1])
    page = arch.pte_kind(first) == "page"
    cached = cached_folio(m, first)
    if (page and not may_move(m, first, False)) or (cached is not None and cached.order):
        return -EBUSY
    if cached is not None:
        rebase(cached, vmas[0], at[0])
    anon_vma = m.mapping.get(arch.pte_pfn(first))
    done = 0
    while done < most and (not done or (page and may_batch(m, ptes, done, anon_vma))):
        value = m.pgtable.get(ptes[1] + done)
        set_pte_at(m, ptes[1] + done, 0)
        set_pte_at(m, ptes[0] + done, moved_pte(vmas[0], at[0] + done * size, value))
        done += 1
    return done * size


def cached_folio(m: Machine, value: int) -> Folio | None:
    """The folio that is in the swap cache for a swap entry: its place in rmap must follow the entry (6.14)."""
    if m.arch.pte_kind(value) != "swap" or m.release < (6, 14):
        return None
    cached = m.swap_cache.get(m.arch.swp_offset(value))
    return Folio(m, cached - 1) if cached else None


def may_batch(m: Machine, ptes: Places, k: int, anon_vma: int) -> bool:
    """Is the ``k``-th entry a page of its own, of the same anon_vma, with nothing where it is to go?  (6.18.)"""
    value = m.pgtable.get(ptes[1] + k)
    free = m.release >= (6, 18) and not m.pgtable.get(ptes[0] + k)
    if not free or m.arch.pte_kind(value) != "page" or not may_move(m, value, False):
        return False
    pfn = m.arch.pte_pfn(value)
    return not page_folio(m, pfn).order and m.mapping.get(pfn) == anon_vma


def moved_pte(vma: Vma, address: int, value: int) -> int:
    """The entry at the destination; a page is dirty there as after mremap(), from 6.18 on only if it was before."""
    m, arch = vma.m, vma.m.arch
    kind = arch.pte_kind(value)
    if kind == "zero":
        return zero_page(m, vma.vm_page_prot)
    if kind != "page":
        return value
    folio = Folio(m, arch.pte_pfn(value))
    rebase(folio, vma, address)
    entry = arch.pfn_pte(folio.id, vma.vm_page_prot) | arch.SOFT_DIRTY
    if m.release < (6, 18) or arch.pte_dirty(value):
        entry = arch.pte_mkdirty(entry)
    return maybe_mkwrite(entry, vma)

# SPDX-License-Identifier: GPL-2.0-only
"""Copying an address space for fork: kernel/fork.c, mm/memory.c, mm/huge_memory.c and include/linux/rmap.h of 6.5.

From 6.9 on neighbouring PTEs of a folio are copied in one go: the same in sum.  Not here: pinned pages, which are
copied at once; mappings of files and devices; VM_WIPEONFORK; what a monitor with UFFD_FEATURE_EVENT_FORK
would keep.
"""

from __future__ import annotations

from kernelmodel.arch import PTE_MARKER_UFFD_WP, SWP_MIGRATION_READ, SWP_PTE_MARKER
from kernelmodel.decision import Decision, Path, Step
from kernelmodel.defs import (
    EAGAIN,
    ENOMEM,
    MM_ANONPAGES,
    MM_SWAPENTS,
    MMF_DISABLE_THP,
    MMF_DISABLE_THP_EXCEPT_ADVISED,
    MMF_HUGE_ZERO_PAGE,
    VM_DONTCOPY,
    VM_LOCKED,
    VM_MAYWRITE,
    VM_MIXEDMAP,
    VM_PFNMAP,
    VM_SHARED,
    VM_UFFD_MISSING,
    VM_UFFD_WP,
    PG_anon_exclusive,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.contents import flush_tlb_mm, wrprotect_by_fork
from kernelmodel.mm.huge_zero import is_huge_zero_pmd
from kernelmodel.mm.large_mapcount import folio_add_large_mapcount
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.mmap_lock import vma_start_write
from kernelmodel.mm.page_alloc import folio_ref_add, page_folio
from kernelmodel.mm.pgtable import (
    lock_pte_table,
    pmd_alloc,
    pmd_lockptr,
    pte_alloc,
    pte_alloc_one,
    pte_index,
    pte_place,
    set_pte_at,
)
from kernelmodel.mm.swap import swap_duplicate
from kernelmodel.mm.tables import pgtable_trans_huge_deposit, table_free
from kernelmodel.mm.userfaultfd import userfaultfd_wp
from kernelmodel.mm.vma import vma_alloc, vma_at, vma_link
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.mm.walk import populated_pmds
from kernelmodel.structs import Folio, Mm, Vma

MMF_INIT_MASK = MMF_DISABLE_THP | MMF_DISABLE_THP_EXCEPT_ADVISED
"""What a child inherits of the mm flags that are modelled."""


def dup_mmap(mm: Mm, oldmm: Mm, cpu: int) -> Path[int]:
    """Every VMA of the parent, and the page tables where a fault could not fill them again: 0 or -ENOMEM."""
    m, count = mm.m, oldmm.map_count
    for k in range(count):
        mpnt = vma_at(m, oldmm.id, k)
        assert mpnt is not None
        yield told_vma(mpnt)
        if "B5" not in m.mutants:
            yield from vma_start_write(mpnt, cpu)
        if mpnt.vm_flags & VM_DONTCOPY:
            continue
        tmp = vm_area_dup(mpnt)
        tmp.vm_flags &= ~(VM_UFFD_MISSING | VM_UFFD_WP)  # dup_userfaultfd
        anon_vma_fork(tmp, mpnt)
        tmp.vm_flags &= ~VM_LOCKED
        vma_link(mm, tmp)
        failed = yield from copy_page_range(tmp, mpnt, cpu)
        if failed:
            return failed
    if m.keeps_contents:
        yield Step("step", "fork-flush")
        flush_tlb_mm(m)
    return 0


def told_vma(vma: Vma) -> Decision:
    """What becomes of a VMA."""
    if vma.vm_flags & VM_DONTCOPY:
        return Decision("fork-vma", "skipped", addr=vma.vm_start, reason="dontcopy")
    if vma.vm_flags & VM_SHARED:
        return Decision("fork-vma", "shared", addr=vma.vm_start)
    return Decision("fork-vma", "copied", addr=vma.vm_start, reason="" if vma.anon_vma else "no-anon-vma")


def vm_area_dup(vma: Vma) -> Vma:
    """A copy that is in no mm yet."""
    new = vma_alloc(vma.m, vma.name)
    new.vm_start, new.vm_end, new.vm_flags = vma.vm_start, vma.vm_end, vma.vm_flags
    new.vm_pgoff = vma.vm_pgoff
    return new


def anon_vma_fork(vma: Vma, pvma: Vma) -> None:
    """An anon_vma for the child's own pages, where the parent has one; the parent's stay on the chain (mm/rmap.c).

    The reuse of an ancestor's anon_vma that has no VMA any more (anon_vma_clone) is left out.
    """
    m = vma.m
    if pvma.anon_vma:
        vma.anon_vma = m.nr_anon_vmas.add(0, 1)
        m.anon_vma_root.set(vma.anon_vma, m.anon_vma_root.get(pvma.anon_vma) or pvma.anon_vma)
        m.anon_vma_parents.set(vma.id, m.anon_vma_parents.get(pvma.id) + 1)


def is_cow_mapping(flags: int) -> bool:
    """Private, and it may become writable."""
    return flags & (VM_SHARED | VM_MAYWRITE) == VM_MAYWRITE


def vma_needs_copy(dst_vma: Vma, src_vma: Vma) -> bool:
    """Is there anything that a fault of the child could not find again?"""
    if userfaultfd_wp(dst_vma) or src_vma.vm_flags & (VM_PFNMAP | VM_MIXEDMAP):
        return True
    return bool(src_vma.anon_vma)


# -- the tables ----------------------------------------------------------------------------------------
def copy_page_range(dst_vma: Vma, src_vma: Vma, cpu: int) -> Path[int]:
    """PMD by PMD; levels above it are made as they are needed (copy_pmd_range and its like)."""
    m, dst_mm, src_mm = dst_vma.m, dst_vma.vm_mm, src_vma.vm_mm
    if not vma_needs_copy(dst_vma, src_vma):
        return 0
    pmds = populated_pmds(src_mm, src_vma.vm_start, src_vma.vm_end)
    for k in range(len(pmds)):
        base, src_pmd = pmds[k]
        addr, end = max(base, src_vma.vm_start), min(base + m.arch.pmd_size, src_vma.vm_end)
        value = m.pgtable.get(src_pmd)
        kind = m.arch.pmd_kind(value)
        huge_zero = kind == "leaf" and is_huge_zero_pmd(m, value)
        yield Decision("fork-pmd", "huge-zero" if huge_zero else kind, addr=addr)
        dst_pmd = pmd_alloc(dst_mm, addr)
        if kind in ("leaf", "migration"):
            err = yield from copy_huge_pmd(dst_vma, src_vma, dst_pmd, src_pmd, cpu)
            if err == -ENOMEM:
                return -ENOMEM
            if not err:
                continue
        if not m.pgtable.get(src_pmd):
            continue
        failed = yield from copy_pte_range(dst_vma, src_vma, (dst_pmd, src_pmd), addr, end, cpu)
        if failed:
            return -ENOMEM
    return 0


def copy_huge_pmd(dst_vma: Vma, src_vma: Vma, dst_pmd: int, src_pmd: int, cpu: int) -> Path[int]:
    """One leaf, with a table for its split: 0, -ENOMEM, or -EAGAIN where it is no leaf any more."""
    m, dst_mm = dst_vma.m, dst_vma.vm_mm
    arch, nr = m.arch, 1 << m.arch.pmd_order
    pgtable = yield from pte_alloc_one(m, dst_mm)
    if pgtable < 0:
        return -ENOMEM
    dst_ptl, src_ptl = pmd_lockptr(m, dst_pmd), pmd_lockptr(m, src_pmd)
    yield from spin_lock(m, dst_ptl, cpu)
    yield from spin_lock(m, src_ptl, cpu)

    ret = 0
    pmd = m.pgtable.get(src_pmd)
    kind = arch.pmd_kind(pmd)
    if kind == "migration":
        if arch.swp_type(pmd) != SWP_MIGRATION_READ:
            pmd = arch.swp_entry(SWP_MIGRATION_READ, arch.swp_offset(pmd)) | pmd & arch.SWP_UFFD_WP
            m.pgtable.set(src_pmd, pmd)
        add_mm_counter(dst_mm, MM_ANONPAGES, nr)
        if not userfaultfd_wp(dst_vma):
            pmd &= ~arch.SWP_UFFD_WP
    elif kind != "leaf":
        table_free(m, pgtable)
        ret = -EAGAIN
    else:
        if is_huge_zero_pmd(m, pmd):
            share_huge_zero_page(dst_mm)
        else:
            folio = Folio(m, arch.pte_pfn(pmd))
            folio_ref_add(folio, 1)
            folio_dup_anon_rmap_pmd(folio, dst_vma)
            add_mm_counter(dst_mm, MM_ANONPAGES, nr)
        m.pgtable.set(src_pmd, arch.pte_wrprotect(pmd))
        if not userfaultfd_wp(dst_vma):
            pmd = arch.pte_clear_uffd_wp(pmd)
        pmd = arch.pte_mkold(arch.pte_wrprotect(pmd))
    if not ret:
        dst_mm.nr_ptes += 1
        pgtable_trans_huge_deposit(m, dst_pmd, pgtable)
        m.pgtable.set(dst_pmd, pmd)
    spin_unlock(m, src_ptl)
    spin_unlock(m, dst_ptl)
    return ret


def share_huge_zero_page(mm: Mm) -> None:
    """mm_get_huge_zero_page where there is one for certain: a reference of this mm's."""
    if not mm.flags & MMF_HUGE_ZERO_PAGE:
        mm.m.huge_zero_refcount.add(0, 1)
        mm.flags |= MMF_HUGE_ZERO_PAGE


def copy_pte_range(
    dst_vma: Vma, src_vma: Vma, pmds: tuple[int, int], addr: int, end: int, cpu: int
) -> Path[int]:  # fmt: skip
    """The PTEs of one table, under the locks of both: 0 or -ENOMEM.  ``pmds`` are the child's and the parent's."""
    m, dst_mm = dst_vma.m, dst_vma.vm_mm
    dst_pmd, src_pmd = pmds
    failed = yield from pte_alloc(dst_mm, dst_pmd, cpu)
    if failed:
        return -ENOMEM
    dst_pte = pte_place(m, m.pgtable.get(dst_pmd), addr)
    dst_ptl = dst_pte // m.arch.ptrs
    yield from spin_lock(m, dst_ptl, cpu)
    src_ptl = yield from lock_pte_table(m, src_pmd, cpu)
    if src_ptl >= 0:
        src_pte = src_ptl * m.arch.ptrs + pte_index(m, addr)
        copy_ptes(dst_vma, src_vma, dst_pte, src_pte, end - addr >> m.arch.page_shift)
        spin_unlock(m, src_ptl)
    spin_unlock(m, dst_ptl)
    return 0


# -- the entries ---------------------------------------------------------------------------------------
def copy_ptes(dst_vma: Vma, src_vma: Vma, dst_pte: int, src_pte: int, nr: int) -> None:
    """``nr`` PTEs, one after the other (the loop of copy_pte_range)."""
    m = dst_vma.m
    for k, value in enumerate(m.pgtable.run(src_pte, nr)):
        if not value:
            continue
        if m.arch.pte_present(value):
            copy_present_pte(dst_vma, src_vma, dst_pte + k, src_pte + k, value)
        else:
            copy_nonpresent_pte(dst_vma, dst_pte + k, src_pte + k, value)


def copy_present_pte(dst_vma: Vma, src_vma: Vma, dst_pte: int, src_pte: int, pte: int) -> None:
    """Both map the page from now on; neither may write to it, if it is private."""
    m, arch = dst_vma.m, dst_vma.m.arch
    if arch.pte_kind(pte) == "page":
        pfn = arch.pte_pfn(pte)
        folio = page_folio(m, pfn)
        folio_ref_add(folio, 1)
        folio_dup_anon_rmap_pte(folio, pfn, dst_vma)
        add_mm_counter(dst_vma.vm_mm, MM_ANONPAGES, 1)
    if is_cow_mapping(src_vma.vm_flags) and arch.pte_write(pte):
        wrprotect_by_fork(m, arch.pte_pfn(pte))
        pte = arch.pte_wrprotect(pte)
        set_pte_at(m, src_pte, pte)
    pte = arch.pte_mkold(pte)
    if not userfaultfd_wp(dst_vma):
        pte = arch.pte_clear_uffd_wp(pte)
    set_pte_at(m, dst_pte, pte)


def copy_nonpresent_pte(dst_vma: Vma, dst_pte: int, src_pte: int, pte: int) -> None:
    """A swap entry is shared, a migration entry loses its right to write, a uffd-wp marker stays behind."""
    m, arch = dst_vma.m, dst_vma.m.arch
    kind = arch.pte_kind(pte)
    if kind == "swap":
        swap_duplicate(m, arch.swp_offset(pte))
        add_mm_counter(dst_vma.vm_mm, MM_SWAPENTS, 1)
        pte = arch.pte_swp_clear_exclusive(pte)
        set_pte_at(m, src_pte, pte)
    elif kind == "migration":
        add_mm_counter(dst_vma.vm_mm, MM_ANONPAGES, 1)
        if arch.swp_type(pte) != SWP_MIGRATION_READ and is_cow_mapping(dst_vma.vm_flags):
            pte = arch.swp_entry(SWP_MIGRATION_READ, arch.swp_offset(pte)) | pte & arch.SWP_UFFD_WP
            set_pte_at(m, src_pte, pte)
    else:
        marker = arch.swp_offset(pte)
        if not userfaultfd_wp(dst_vma):
            marker &= ~PTE_MARKER_UFFD_WP
        if not marker:
            return
        pte = arch.swp_entry(SWP_PTE_MARKER, marker)
    if kind != "marker" and not userfaultfd_wp(dst_vma):
        pte &= ~arch.SWP_UFFD_WP
    set_pte_at(m, dst_pte, pte)


# -- the reverse map -----------------------------------------------------------------------------------
def folio_dup_anon_rmap_pte(folio: Folio, pfn: int, dst_vma: Vma) -> None:
    """One PTE more maps a page, which belongs to nobody alone any more (page_try_dup_anon_rmap)."""
    clear_exclusive(folio.m, pfn)
    folio.m._mapcount.add(pfn, 1)
    folio_add_large_mapcount(folio, 1, dst_vma)


def folio_dup_anon_rmap_pmd(folio: Folio, dst_vma: Vma) -> None:
    """One leaf more maps the folio."""
    clear_exclusive(folio.m, folio.id)
    folio.m._entire_mapcount.add(folio.id, 1)
    folio_add_large_mapcount(folio, 1, dst_vma)


def clear_exclusive(m: Machine, pfn: int) -> None:
    """ClearPageAnonExclusive."""
    m.page_flags.set(pfn, m.page_flags.get(pfn) & ~PG_anon_exclusive)

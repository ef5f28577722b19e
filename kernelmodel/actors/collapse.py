# SPDX-License-Identifier: GPL-2.0-only
"""khugepaged: the pages of a PMD range move into one huge page (mm/khugepaged.c, 6.5 … 7.1; anonymous memory).

It looks at the range under mmap_lock for reading, lets go of it to allocate, looks again, and works under mmap_lock for
writing with the VMA write-locked: no fault is under way there between the moment when the table is taken out of the
PMD and the one when the leaf (or the table again) stands in it.

Which comes first under the write lock, vma_start_write() or the second look at the PMD, was of no matter while
MADV_DONTNEED held mmap_lock.  Since it holds the VMA's lock alone (6.17) and may free the table (PT_RECLAIM), the lock
has to come first; the mutant B2 is 6.17 before 366a4532d96f.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Question, Step
from kernelmodel.defs import (
    EAGAIN,
    EBUSY,
    EINVAL,
    ENOMEM,
    FAULT_FLAG_ALLOW_RETRY,
    GFP_TRANSHUGE,
    THP_COLLAPSE_ALLOC,
    THP_COLLAPSE_ALLOC_FAILED,
    VM_FAULT_ERROR,
    VM_FAULT_RETRY,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.freelist import Refused
from kernelmodel.mm.khugepaged import (
    SUCCEED,
    __collapse_huge_page_copy,
    __collapse_huge_page_isolate,
    collapse_refusal,
    find_pmd_or_thp_or_none,
    hugepage_vma_revalidate,
    must_be_none,
    no_table,
    pmd_populate,
    pmdp_collapse_flush,
    scan_ptes,
)
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.memcontrol import charge_memcg, peek_charge
from kernelmodel.mm.mempolicy import try_hard
from kernelmodel.mm.mmap_lock import (
    mmap_read_lock,
    mmap_read_trylock,
    mmap_read_unlock,
    mmap_write_lock,
    mmap_write_unlock,
    vma_start_write,
)
from kernelmodel.mm.page_alloc import folio_put, look, take
from kernelmodel.mm.pgtable import lock_pte_table, pmd_lockptr, pte_place
from kernelmodel.mm.rmap import folio_add_lru_vma, folio_add_new_anon_rmap, folio_mark_uptodate, huge_pmd
from kernelmodel.mm.tables import pgtable_trans_huge_deposit
from kernelmodel.mm.vmstat import count_vm_event
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Folio, Mm, Vma, VmFault


def collapse(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """khugepaged comes by once, at each PMD range that the event's range touches: 0, or why not the last one."""
    size = mm.m.arch.pmd_size
    ret, locked = 0, False
    for address in range(action.address & -size, action.address + action.size, size):
        if not locked and not mmap_read_trylock(mm):  # it goes on to the next mm
            yield Decision("collapse-return", "SCAN_FAIL", addr=address, reason="mmap-locked")
            return -EAGAIN
        result, locked = yield from hpage_collapse_scan_pmd(mm, address, True, cpu)
        yield Decision("collapse-return", result, mm.m.arch.pmd_order, address)
        ret = madvise_collapse_errno(result)
    if locked:
        mmap_read_unlock(mm)
    return ret


def madvise_collapse(vma: Vma, start: int, end: int, cpu: int) -> Path[int]:
    """MADV_COLLAPSE: the same at once for every PMD range of a part of a VMA, whatever sysfs and the limits say.

    mmap_lock is held for reading before and after, but not all the time.
    """
    mm, size = vma.vm_mm, vma.m.arch.pmd_size
    why = collapse_refusal(vma, False)
    yield Decision("madvise-vma", "refused" if why else "collapse", addr=start, reason=why)
    if why:
        return -EINVAL
    hstart, hend = start + size - 1 & -size, end & -size
    thps, last_fail, locked = 0, "SCAN_FAIL", True
    for address in range(hstart, hend, size):
        if not locked:
            yield from mmap_read_lock(mm)
        result, locked = yield from hpage_collapse_scan_pmd(mm, address, False, cpu)
        if result in (SUCCEED, "SCAN_PMD_MAPPED"):
            thps += 1
            continue
        last_fail = result
        if result not in CONTINUES:
            break
    if not locked:
        yield from mmap_read_lock(mm)
    return 0 if thps == (hend - hstart) // size else madvise_collapse_errno(last_fail)


CONTINUES = frozenset({
    "SCAN_PMD_NULL", "SCAN_PMD_NONE", "SCAN_NO_PTE_TABLE", "SCAN_PTE_NON_PRESENT", "SCAN_PTE_UFFD_WP", "SCAN_PAGE_RO",
    "SCAN_LACK_REFERENCED_PAGE", "SCAN_PAGE_COUNT", "SCAN_PAGE_LOCK", "SCAN_PAGE_LRU", "SCAN_DEL_PAGE_LRU",
})  # fmt: skip
"""Results after which MADV_COLLAPSE goes on to the next range."""


def madvise_collapse_errno(result: str) -> int:
    """What MADV_COLLAPSE returns for it."""
    if result in (SUCCEED, "SCAN_PMD_MAPPED"):
        return 0
    if result == "SCAN_ALLOC_HUGE_PAGE_FAIL":
        return -ENOMEM
    if result in ("SCAN_CGROUP_CHARGE_FAIL", "SCAN_EXCEED_NONE_PTE"):
        return -EBUSY
    if result in ("SCAN_PAGE_COUNT", "SCAN_PAGE_LOCK", "SCAN_PAGE_LRU", "SCAN_DEL_PAGE_LRU"):
        return -EAGAIN
    return -EINVAL


def hpage_collapse_scan_pmd(mm: Mm, address: int, khugepaged: bool, cpu: int) -> Path[tuple[str, bool]]:
    """With mmap_lock held for reading: is the range worth it?  Then let go of it and collapse.

    (result, whether mmap_lock is still held).
    """
    m = mm.m
    vma, result, why = hugepage_vma_revalidate(mm, address, khugepaged)
    pmd, table, at, unmapped = -1, -1, 0, 0
    if result == SUCCEED:
        pmd, result = find_pmd_or_thp_or_none(mm, address)
    if result == SUCCEED:
        table = yield from lock_pte_table(m, pmd, cpu)
        result = SUCCEED if table >= 0 else no_table(m, "SCAN_PMD_NULL")
    if table >= 0:
        assert vma is not None
        result, at, unmapped = scan_ptes(vma, table, khugepaged)
        spin_unlock(m, table)
    locked = result != SUCCEED
    if not locked:
        mmap_read_unlock(mm)
    yield Decision("collapse-scan", result, m.arch.pmd_order, pte_address(m, address, at), reason=why)
    if not locked:
        result = yield from collapse_huge_page(mm, address, unmapped, khugepaged, cpu)
    return result, locked


def collapse_huge_page(mm: Mm, address: int, unmapped: int, khugepaged: bool, cpu: int) -> Path[str]:
    """Without a lock: get the memory.  Then look again, first for reading (and swap in), then for writing."""
    order = mm.m.arch.pmd_order
    folio, result = yield from alloc_charge_folio(mm)
    if folio is None:
        return result
    yield from mmap_read_lock(mm)
    vma, result, why = hugepage_vma_revalidate(mm, address, khugepaged)
    pmd, locked = -1, True
    if result == SUCCEED:
        pmd, result = find_pmd_or_thp_or_none(mm, address)
    if result == SUCCEED and unmapped:
        assert vma is not None
        result, locked = yield from __collapse_huge_page_swapin(vma, address, pmd, cpu)
    if locked:
        mmap_read_unlock(mm)
    yield Decision("collapse-revalidate", result, order, address, reason=why)
    if result == SUCCEED:
        yield from mmap_write_lock(mm, cpu)
        result = yield from collapse_write_locked(mm, address, pmd, folio, khugepaged, cpu)
        mmap_write_unlock(mm, cpu)
    if result != SUCCEED:
        folio_put(folio)
    return result


def collapse_write_locked(mm: Mm, address: int, pmd: int, folio: Folio, khugepaged: bool, cpu: int) -> Path[str]:
    """The part of collapse_huge_page under mmap_write_lock(): everyone out, the table out, the leaf in.

    The lock of the anon_vma keeps those out who come by rmap, until every folio is isolated or the table is back.  Here
    the PMD's lock is held that long, without a stop.
    """
    m, order = mm.m, mm.m.arch.pmd_order
    vma, result, why = hugepage_vma_revalidate(mm, address, khugepaged)
    pmd_first = m.release < (6, 17) or "B2" in m.mutants
    if result == SUCCEED and pmd_first:
        result = check_pmd_still_valid(mm, address, pmd)
        if "B2" in m.mutants:
            yield Step("step", "collapse-start-write", addr=address)
    if result == SUCCEED:
        assert vma is not None
        yield from vma_start_write(vma, cpu)
        if not pmd_first:
            result = check_pmd_still_valid(mm, address, pmd)
    yield Decision("collapse-pmd", result, order, address, reason=why)
    if vma is None or result != SUCCEED:
        return result

    pmd_ptl = pmd_lockptr(m, pmd)
    yield from spin_lock(m, pmd_ptl, cpu)
    _pmd = pmdp_collapse_flush(m, pmd)
    table = m.withdrawn.get(pmd) - 1
    result, at = no_table(m, "SCAN_PMD_NULL"), 0
    if table >= 0:
        yield from spin_lock(m, table, cpu)
        result, at, _ = __collapse_huge_page_isolate(vma, table, khugepaged)
        spin_unlock(m, table)
    if result != SUCCEED:
        pmd_populate(m, pmd, _pmd)
    spin_unlock(m, pmd_ptl)
    yield Decision("collapse-isolate", result, order, pte_address(m, address, at))
    if result != SUCCEED:
        return result

    yield from spin_lock(m, pmd_ptl, cpu)
    must_be_none(m, pmd)
    __collapse_huge_page_copy(vma, table, folio)
    folio_mark_uptodate(folio)
    folio_add_new_anon_rmap(folio, vma, address)
    folio_add_lru_vma(folio)
    m.withdrawn.set(pmd, 0)
    pgtable_trans_huge_deposit(m, pmd, table)
    m.pgtable.set(pmd, huge_pmd(folio, vma))
    spin_unlock(m, pmd_ptl)
    return SUCCEED


def pte_address(m: Machine, address: int, k: int) -> int:
    """Address of a PTE of the range; of the one behind the last that of the range itself."""
    return address + (k % m.arch.ptrs << m.arch.page_shift)


def check_pmd_still_valid(mm: Mm, address: int, pmd: int) -> str:
    """Is it the same entry, and still a table?"""
    new_pmd, result = find_pmd_or_thp_or_none(mm, address)
    return "SCAN_FAIL" if result == SUCCEED and new_pmd != pmd else result


def alloc_charge_folio(mm: Mm) -> Path[tuple[Folio | None, str]]:
    """The huge page, charged, or why not; nothing here is up to the environment's mood."""
    m, order, node = mm.m, mm.m.arch.pmd_order, mm.m.this_node()
    if m.acts:
        yield from try_hard(m, GFP_TRANSHUGE, order, node)
    answer = yield Question("collapse-alloc", "alloc_charge_folio", lambda: allocated(m, order, node), "NULL", order)
    if answer == "NULL":
        count_vm_event(m, THP_COLLAPSE_ALLOC_FAILED)
        return None, "SCAN_ALLOC_HUGE_PAGE_FAIL"
    folio = take(m, GFP_TRANSHUGE, order, node)
    assert folio is not None
    count_vm_event(m, THP_COLLAPSE_ALLOC)
    answer = "0"
    if m.knobs["memcg_limit"] >= 0:
        answer = yield Question(
            "collapse-charge",
            "alloc_charge_folio",
            lambda: peek_charge(m, 1 << order, GFP_TRANSHUGE),
            "-ENOMEM",
            order,
        )
    if charge_memcg(folio, GFP_TRANSHUGE, answer == "0"):
        folio_put(folio)
        return None, "SCAN_CGROUP_CHARGE_FAIL"
    return folio, SUCCEED


def allocated(m: Machine, order: int, node: int) -> tuple[str, str, int]:
    """What the allocator says."""
    found = look(m, GFP_TRANSHUGE, order, node)
    return ("NULL", found.reason, found.arg) if isinstance(found, Refused) else ("folio", "", found.block)


def __collapse_huge_page_swapin(vma: Vma, start: int, pmd: int, cpu: int) -> Path[tuple[str, bool]]:
    """Bring in what is in swap, as faults would: (result, whether mmap_lock is still held)."""
    m = vma.m
    for k in range(1 << m.arch.pmd_order):
        vmf = VmFault(m, vma, start + (k << m.arch.page_shift), FAULT_FLAG_ALLOW_RETRY, cpu)
        vmf.pmd = pmd
        value = m.pgtable.get(pmd)
        if m.arch.pmd_kind(value) != "table":
            return no_table(m, "SCAN_PMD_NULL"), True
        vmf.pte = pte_place(m, value, vmf.address)
        vmf.orig_pte = m.pgtable.get(vmf.pte)
        if not vmf.orig_pte or m.arch.pte_present(vmf.orig_pte):
            continue
        ret = yield from m.variant.do_swap_page(vmf)
        if ret & VM_FAULT_RETRY:
            return "SCAN_PAGE_LOCK", False
        if ret & VM_FAULT_ERROR:
            return "SCAN_FAIL", True
    return SUCCEED, True

# SPDX-License-Identifier: GPL-2.0-only
"""Properties that hold at every stop: allocator, page tables, counts.  Each is named and says what it found.

Those that one CPU can break; some only hold between accesses (``SETTLED``): a path that is alive may hold a lock,
and a folio or a table that is not linked yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kernelmodel.defs import MM_ANONPAGES, MM_SWAPENTS, MMF_HUGE_ZERO_PAGE
from kernelmodel.invariants.buddy import CHECKS as FREE_LISTS
from kernelmodel.invariants.pcp import pcp_blocks_are_apart, pcp_bounds_hold, pcp_counts_match
from kernelmodel.machine import Machine
from kernelmodel.mm.contents import stale
from kernelmodel.mm.huge_zero import is_huge_zero_pmd
from kernelmodel.mm.page_alloc import page_folio
from kernelmodel.mm.swap import SWAP_HAS_CACHE
from kernelmodel.mm.tables import table_of
from kernelmodel.mm.vma import find_vma, vma_at, vmas
from kernelmodel.mm.vma_list import vma_position
from kernelmodel.mm.walk import populated_pmds
from kernelmodel.structs import Folio, Mm, Vma

Check = Callable[[Machine], Iterator[str]]


Maps = tuple[dict[int, int], dict[int, int], int, int]
_walked: dict[int, Maps] = {}
"""What ``maps`` found, for the checks of one call of ``violations``."""


def maps(m: Machine) -> Maps:
    """All page tables, walked once for all checks of a machine at a stop."""
    known = _walked.get(id(m))
    return walk_tables(m) if known is None else known


def walk_tables(m: Machine) -> Maps:
    """(PTE maps per pfn, PMD maps per head pfn, swap entries, PTE tables that a PMD points to, keeps or waits for)."""
    ptes: dict[int, int] = {}
    leaves: dict[int, int] = {}
    swaps = tables = 0
    for place, value in m.pgtable.items():
        level = m.table_used.get(place // m.arch.ptrs) - 1
        if level == 0:
            kind = m.arch.pte_kind(value)
            if kind == "page":
                pfn = m.arch.pte_pfn(value)
                ptes[pfn] = ptes.get(pfn, 0) + 1
            swaps += kind == "swap"
        elif level == 1:
            kind = m.arch.pmd_kind(value)
            tables += kind == "table"
            if kind == "leaf" and (pfn := m.arch.pte_pfn(value)) != m.huge_zero_folio.get(0) - 1:
                leaves[pfn] = leaves.get(pfn, 0) + 1
    tables += sum(1 for f in (m.deposit, m.withdrawn) for _ in f.items())
    return ptes, leaves, swaps, tables


def mapcounts_match(m: Machine) -> Iterator[str]:
    """A page's mapcount is the number of entries that map it."""
    ptes, leaves, _, _ = maps(m)
    counted = dict(m._mapcount.items())
    for pfn in ptes.keys() | counted.keys():
        if ptes.get(pfn, 0) != counted.get(pfn, 0):
            yield f"pfn {pfn:#x} is mapped by {ptes.get(pfn, 0)} PTEs, its mapcount says {counted.get(pfn, 0)}"
    whole = dict(m._entire_mapcount.items())
    for pfn in leaves.keys() | whole.keys():
        if leaves.get(pfn, 0) != whole.get(pfn, 0):
            yield f"folio {pfn:#x} is mapped by {leaves.get(pfn, 0)} PMDs, its entire mapcount says {whole.get(pfn, 0)}"


def large_mapcounts_match(m: Machine) -> Iterator[str]:
    """A large folio's own mapcount is the sum of all (6.15 on), and its slots claim no more than that."""
    for head, n in m._large_mapcount.items():
        total = sum(m._mapcount.run(head, 1 << m.folio_order.get(head))) + m._entire_mapcount.get(head)
        if n != total:
            yield f"folio {head:#x} has {total} maps, its large mapcount says {n}"
        slots = m._mm_id_mapcount.get(head)
        if (slots & 0xFFFF) + (slots >> 16) > n:
            yield f"folio {head:#x} has {n} maps, its mm slots say {slots & 0xFFFF} and {slots >> 16}"


def mapped_pages_are_referenced(m: Machine) -> Iterator[str]:
    """A mapped page belongs to a folio with at least as many references as it has maps."""
    ptes, leaves, _, _ = maps(m)
    refs: dict[int, int] = dict(leaves)
    for pfn, n in ptes.items():
        head = page_folio(m, pfn).id
        refs[head] = refs.get(head, 0) + n
    for head, n in refs.items():
        if m._refcount.get(head) < n:
            yield f"folio {head:#x} has {n} maps and {m._refcount.get(head)} references"


def anon_pages_match(m: Machine) -> Iterator[str]:
    """MM_ANONPAGES is the number of anonymous pages mapped (and under migration), MM_SWAPENTS that of swap entries."""
    ptes, leaves, swaps, _ = maps(m)
    moving = sum(nr for _, nr in under_migration(m))
    have = sum(m.rss_stat.get(m.mm_counter(mm, MM_ANONPAGES)) for mm in range(len(m.mm_names)))
    want = sum(ptes.values()) + (sum(leaves.values()) << m.arch.pmd_order) + moving
    if have != want:
        yield f"MM_ANONPAGES is {have}, {want} anonymous pages are mapped"
    have = sum(m.rss_stat.get(m.mm_counter(mm, MM_SWAPENTS)) for mm in range(len(m.mm_names)))
    if have != swaps:
        yield f"MM_SWAPENTS is {have}, there are {swaps} swap entries"


def under_migration(m: Machine) -> Iterator[tuple[int, int]]:
    """(pfn, pages) of every migration entry."""
    for place, value in m.pgtable.items():
        level = m.table_used.get(place // m.arch.ptrs) - 1
        if level in (0, 1) and m.arch.pte_kind(value) == "migration":
            yield m.arch.swp_offset(value), 1 << m.arch.pmd_order if level else 1


def swap_map_matches(m: Machine) -> Iterator[str]:
    """A slot's count is the number of entries that name it."""
    counted = dict(m.swap_map.items())
    if not counted and not maps(m)[2]:
        return
    entries: dict[int, int] = {}
    for place, value in m.pgtable.items():
        if m.table_used.get(place // m.arch.ptrs) == 1 and m.arch.pte_kind(value) == "swap":
            slot = m.arch.swp_offset(value)
            entries[slot] = entries.get(slot, 0) + 1
    for slot in sorted(entries.keys() | counted.keys()):
        have = counted.get(slot, 0) & ~SWAP_HAS_CACHE
        if have != entries.get(slot, 0):
            yield f"swap slot {slot} is named by {entries.get(slot, 0)} entries, the swap map says {have}"


def no_stale_page(m: Machine) -> Iterator[str]:
    """Nothing that a process has overwritten is mapped in it again: no data of its is lost (mm/contents.py)."""
    if not m.keeps_contents:
        return
    for place, value in m.pgtable.items():
        table = place // m.arch.ptrs
        level, mm = m.table_used.get(table) - 1, m.table_mm.get(table)
        if m.arch.pte_present(value) and (level == 0 or (level == 1 and m.arch.pmd_kind(value) == "leaf")):
            first = m.arch.pte_pfn(value)
            for pfn in range(first, first + (1 << m.arch.pmd_order if level else 1)):
                if stale(m, pfn, mm):
                    yield f"pfn {pfn:#x} is mapped in {m.mm_names[mm]}, which has overwritten what it holds"


def nr_ptes_matches(m: Machine) -> Iterator[str]:
    """nr_ptes counts PTE tables in use and deposited ones."""
    _, _, _, tables = maps(m)
    have = sum(m.nr_ptes.get(mm) for mm in range(len(m.mm_names)))
    if have != tables:
        yield f"nr_ptes is {have}, there are {tables} PTE tables"


def no_live_pte_in_a_detached_table(m: Machine) -> Iterator[str]:
    """A PTE table with entries has a PMD that points to it, or khugepaged works on it: nothing is written to others."""
    linked = {table - 1 for _, table in m.withdrawn.items()}
    live = set()
    for table, level in m.table_used.items():
        values = m.pgtable.run(table * m.arch.ptrs, m.arch.ptrs) if level <= 2 else []
        if level == 2:
            linked |= {table_of(m, value) for value in values if m.arch.pmd_kind(value) == "table"}
        elif any(values):
            live.add(table)
    yield from (f"table {table} has entries and no PMD points to it" for table in sorted(live - linked))


def deposited_tables_are_idle(m: Machine) -> Iterator[str]:
    """A table that is kept for a split is empty and unlocked."""
    for _, kept in m.deposit.items():
        table = kept - 1
        if m.ptl.get(table):
            yield f"deposited table {table} is locked"
        if any(m.pgtable.run(table * m.arch.ptrs, m.arch.ptrs)):
            yield f"deposited table {table} is not empty"


def huge_zero_references_match(m: Machine) -> Iterator[str]:
    """The huge zero page has one reference a mm that uses it, and the shrinker's."""
    refs = m.huge_zero_refcount.get(0)
    users = sum(bool(m.mm_flags.get(mm) & MMF_HUGE_ZERO_PAGE) for mm in range(len(m.mm_names)))
    if refs and refs != users + 1:
        yield f"the huge zero page has {refs} references, {users} mms use it"


def huge_zero_pfn(m: Machine) -> Iterator[str]:
    """While anyone has a reference, both variables name the same page, so that it is not taken for another folio."""
    folio, pfn = m.huge_zero_folio.get(0), m.huge_zero_pfn.get(0)
    if m.huge_zero_refcount.get(0) and pfn != folio:
        found = f"{pfn - 1:#x}" if pfn else "~0"
        yield f"the huge zero page is pfn {folio - 1:#x}, huge_zero_pfn is {found}: it counts as any other folio"


def uffd_wp_is_kept(m: Machine) -> Iterator[str]:
    """khugepaged leaves pages alone that a userfaultfd monitor has write-protected."""
    for number, _ in m.uffd_wp_lost.items():
        yield f"a write-protected page of {m.mm_names[number]} was collapsed: the monitor will not hear of the write"


def reaped_stays_reaped(m: Machine) -> Iterator[str]:
    """No page is mapped where the OOM reaper is done, no leaf where it found something."""
    for number in range(len(m.mm_names)):
        start, end = m.reaped.run(2 * number, 2)
        if not end or not m.pgd.get(number):
            continue
        mm, shift = Mm(m, number), m.arch.page_shift
        for base, pmd in populated_pmds(mm, start, end):
            value = m.pgtable.get(pmd)
            if m.arch.pmd_kind(value) == "leaf" and m.reaped_pmd.get(m.pmd_range(number, base)):
                yield f"the leaf at {base:#x} of {mm.name} came after the reaper"
            elif m.arch.pmd_kind(value) == "table":
                for k, pte in enumerate(ptes_of(m, value)):
                    if pte and start <= base + (k << shift) < end and m.arch.pte_kind(pte) in ("page", "zero"):
                        yield f"the page at {base + (k << shift):#x} of {mm.name} came after the reaper"


def charges_match(m: Machine) -> Iterator[str]:
    """The memcg is charged for the folios that carry its mark, for its stocks and for what others have."""
    want = sum(Folio(m, pfn).nr_pages for pfn, _ in m.memcg_data.items()) + m.memcg_others.get(0)
    want += sum(stock for _, stock in m.memcg_stock.items())
    if want != m.memcg_usage.get(0):
        yield f"memcg usage is {m.memcg_usage.get(0)} pages, what is charged has {want}"


def every_folio_is_mapped(m: Machine) -> Iterator[str]:
    """Between accesses a folio is mapped, under migration, in the swap cache, or the huge zero page: no leak."""
    ptes, leaves, _, _ = maps(m)
    used = {page_folio(m, pfn).id for pfn in ptes} | set(leaves) | {m.huge_zero_folio.get(0) - 1}
    used |= {page_folio(m, pfn).id for pfn, _ in under_migration(m)} | {head - 1 for _, head in m.swap_cache.items()}
    for pfn, refs in m._refcount.items():
        if pfn not in used:
            yield f"folio {pfn:#x} has {refs} references and no map: leaked"


def every_table_is_linked(m: Machine) -> Iterator[str]:
    """Between accesses a PTE table is pointed to or deposited: none leaks."""
    used = sum(1 for _, level in m.table_used.items() if level == 1)
    linked = maps(m)[3]
    if used != linked:
        yield f"{used} PTE tables are in use, {linked} are linked or deposited"


def vmas_are_in_order(m: Machine) -> Iterator[str]:
    """An mm's VMAs are whole pages, ascend and do not overlap; each knows its mm."""
    for number in range(len(m.mm_names)):
        end = 0
        for vma in vmas(Mm(m, number)):
            if not end <= vma.vm_start < vma.vm_end <= m.arch.task_size or vma.vm_start & m.arch.page_size - 1:
                yield f"VMA {vma.vm_start:#x}-{vma.vm_end:#x} of {m.mm_names[number]} is out of order"
            if vma.vm_mm.id != number:
                yield f"VMA {vma.vm_start:#x} of {m.mm_names[number]} says that it is another mm's"
            end = vma.vm_end


def every_vma_is_linked(m: Machine) -> Iterator[str]:
    """Between events a VMA is in some mm's list: none leaks.  (Not to be told where RCU keeps what is freed.)"""
    if m.nr_cpus > 1 and m.release < (6, 15):
        return
    used = m.vma_next.get(0) - m.vma_free.get(0)
    linked = sum(m.map_count.get(mm) for mm in range(len(m.mm_names)))
    if used != linked:
        yield f"{used} VMAs are in use, {linked} are linked"


def maps_lie_in_vmas(m: Machine) -> Iterator[str]:
    """Between events nothing is mapped outside a VMA, and no PTE table stands where no VMA reaches."""
    size = m.arch.pmd_size
    for number in range(len(m.mm_names)):
        if not m.pgd.get(number):
            continue
        mm = Mm(m, number)
        for base, pmd in populated_pmds(mm, 0, m.arch.task_size):
            value = m.pgtable.get(pmd)
            near = vmas_in(mm, base, base + size)
            inside = sum(min(vma.vm_end, base + size) - max(vma.vm_start, base) for vma in near)
            if not inside or (m.arch.pmd_kind(value) != "table" and inside != size):
                yield f"the PMD entry for {base:#x} of {m.mm_names[number]} stands outside its VMAs"
            elif m.arch.pmd_kind(value) == "table" and inside != size:
                used = [base + (k << m.arch.page_shift) for k, pte in enumerate(ptes_of(m, value)) if pte]
                yield from (f"{each:#x} is mapped outside a VMA" for each in used if find_vma(mm, each) is None)


def vmas_in(mm: Mm, start: int, end: int) -> list[Vma]:
    """The VMAs that reach into a range."""
    found = []
    position = vma_position(mm.m, mm.id, start)
    while (vma := vma_at(mm.m, mm.id, position)) is not None and vma.vm_start < end:
        found.append(vma)
        position += 1
    return found


def ptes_of(m: Machine, pmdval: int) -> list[int]:
    """Every entry of a PTE table."""
    return m.pgtable.run(table_of(m, pmdval) * m.arch.ptrs, m.arch.ptrs)


def rmap_finds_pages(m: Machine) -> Iterator[str]:
    """Between events a page belongs to the anon_vma of the VMA that maps it; not asked where fork added others."""
    for number in range(len(m.mm_names)):
        for vma in vmas(Mm(m, number)):
            if not m.anon_vma_parents.get(vma.id):
                for pfn in pages_of(vma):
                    own = page_folio(m, pfn).mapping
                    if own != vma.anon_vma:
                        yield f"page {pfn:#x} has anon_vma {own}, the VMA that maps it has {vma.anon_vma}"


def pages_of(vma: Vma) -> Iterator[int]:
    """Every page that a VMA maps; of a leaf the first."""
    m = vma.m
    for base, pmd in populated_pmds(vma.vm_mm, vma.vm_start, vma.vm_end):
        value = m.pgtable.get(pmd)
        if m.arch.pmd_kind(value) == "leaf" and not is_huge_zero_pmd(m, value):
            yield m.arch.pte_pfn(value)
        elif m.arch.pmd_kind(value) == "table":
            for k, pte in enumerate(ptes_of(m, value)):
                if vma.vm_start <= base + (k << m.arch.page_shift) < vma.vm_end and m.arch.pte_kind(pte) == "page":
                    yield m.arch.pte_pfn(pte)


def no_lock_is_held(m: Machine) -> Iterator[str]:
    """Between accesses no page-table lock is held, and no CPU is in an RCU read section."""
    if sections := m.rcu.get(0):
        yield f"CPUs {sections:#b} (a mask) left their RCU section open"
    for table, owner in m.ptl.items():
        yield f"cpu{owner - 1} left the lock of table {table} held"


ALWAYS: dict[str, Check] = {
    each.__name__: each
    for each in (
        *FREE_LISTS, mapcounts_match, large_mapcounts_match, mapped_pages_are_referenced, anon_pages_match,
        nr_ptes_matches, charges_match, no_live_pte_in_a_detached_table, deposited_tables_are_idle,
        huge_zero_references_match, vmas_are_in_order, huge_zero_pfn, uffd_wp_is_kept, reaped_stays_reaped,
        swap_map_matches, no_stale_page, pcp_counts_match, pcp_blocks_are_apart, pcp_bounds_hold,
    )
}  # fmt: skip
"""Hold at every stop."""
SETTLED: dict[str, Check] = {
    each.__name__: each
    for each in (
        every_folio_is_mapped, every_table_is_linked, every_vma_is_linked, maps_lie_in_vmas, rmap_finds_pages,
        no_lock_is_held,
    )
}  # fmt: skip
"""Hold when no path is alive."""


def violations(m: Machine, settled: bool) -> list[tuple[str, str]]:
    """(name, what was found), empty if all is well."""
    checks = ALWAYS | SETTLED if settled else ALWAYS
    _walked[id(m)] = walk_tables(m)
    try:
        return [(name, why) for name, check in checks.items() for why in check(m)]
    finally:
        del _walked[id(m)]

# SPDX-License-Identifier: GPL-2.0-only
"""Page tables: the walk, and the three ways to map a PTE (mm/pgtable-generic.c of 6.5).

A place in a table (``pmd_t *``, ``pte_t *``) is an index into ``Machine.pgtable``: table * PTRS + entry.  Tables come
from outside the modelled zones.
"""

from __future__ import annotations

from kernelmodel.arch import ZERO_PFN
from kernelmodel.decision import Decision, KernelBug, Path, Question, Step
from kernelmodel.defs import FAULT_FLAG_ORIG_PTE_VALID, MMF_UNSTABLE
from kernelmodel.machine import Machine
from kernelmodel.mm import whatif
from kernelmodel.mm.lock import holds, spin_lock, spin_unlock
from kernelmodel.mm.rcu import rcu_read_lock, rcu_read_unlock
from kernelmodel.mm.tables import PTE_LEVEL, table_alloc, table_entry, table_free, table_of
from kernelmodel.structs import Mm, VmFault


# -- the walk, and what guards it ----------------------------------------------------------------------
def pmd_lockptr(m: Machine, pmd: int) -> int:
    """The table whose lock guards a PMD entry."""
    return pmd // m.arch.ptrs


def entry_at(m: Machine, table: int, level: tuple[str, int, int], address: int) -> int:
    """Place of the entry for ``address`` in a table of a level of ``Arch.levels``."""
    return table * m.arch.ptrs + (address >> level[1] & level[2] - 1)


def mm_init(m: Machine, number: int) -> Mm:
    """An empty address space for a process to be."""
    m.pgd.set(number, table_alloc(m, number, len(m.arch.levels) - 1) + 1)
    return Mm(m, number)


def pmd_alloc(mm: Mm, address: int) -> int:
    """Place of the PMD entry; upper tables are made where they are missing (they never fail here)."""
    m = mm.m
    table = m.pgd.get(mm.id) - 1
    levels = m.arch.levels
    for depth, level in enumerate(levels[:-2]):
        place = entry_at(m, table, level, address)
        value = m.pgtable.get(place)
        if not value:
            value = table_entry(m, table_alloc(m, mm.id, len(levels) - 2 - depth))
            m.pgtable.set(place, value)
        table = table_of(m, value)
    return entry_at(m, table, levels[-2], address)


def pmd_offset(mm: Mm, address: int) -> int:
    """Place of the PMD entry, -1 if an upper table is missing."""
    m = mm.m
    table = m.pgd.get(mm.id) - 1
    for level in m.arch.levels[:-2]:
        value = m.pgtable.get(entry_at(m, table, level, address))
        if not value:
            return -1
        table = table_of(m, value)
    return entry_at(m, table, m.arch.levels[-2], address)


def pte_place(m: Machine, pmdval: int, address: int) -> int:
    """Place of the PTE below a PMD value that is a table."""
    return table_of(m, pmdval) * m.arch.ptrs + pte_index(m, address)


def pte_index(m: Machine, address: int) -> int:
    """Index of an address in its PTE table."""
    return address >> m.arch.page_shift & m.arch.ptrs - 1


def pmd_none(m: Machine, pmd: int) -> bool:
    """Is the PMD entry empty, at this moment?"""
    return not m.pgtable.get(pmd)


def pmd_none_locked(m: Machine, pmd: int) -> bool:
    """The same, asked again under the PMD lock before anything is put there (the recheck R5)."""
    return "drop R5" in m.mutants or pmd_none(m, pmd)


def translate(mm: Mm, address: int) -> int:
    """What the hardware finds: the value of the leaf entry (PTE or PMD), 0 if there is none."""
    m = mm.m
    pmd = pmd_offset(mm, address)
    value = m.pgtable.get(pmd) if pmd >= 0 else 0
    if m.arch.pmd_kind(value) != "table":
        return value
    return m.pgtable.get(pte_place(m, value, address))


def leaf_place(mm: Mm, address: int) -> int:
    """Place of that entry; the upper tables are there."""
    m = mm.m
    pmd = pmd_offset(mm, address)
    value = m.pgtable.get(pmd)
    return pte_place(m, value, address) if m.arch.pmd_kind(value) == "table" else pmd


# -- allocation ---------------------------------------------------------------------------------------
def pte_alloc_one(m: Machine, mm: Mm) -> Path[int]:
    """A PTE table that nothing points to yet: its number, or -1."""
    answer = yield Question("pte-alloc", "pte_alloc_one", lambda: ("table", "", 0), "NULL")
    return -1 if answer == "NULL" else table_alloc(m, mm.id, PTE_LEVEL)


def pte_alloc(mm: Mm, pmd: int, cpu: int) -> Path[int]:
    """Make sure that the PMD is not none: nonzero if there is no memory.

    It only acts on an empty entry.  A racer may put anything there first, even a leaf: that is success, too.
    """
    m = mm.m
    if not pmd_none(m, pmd):
        yield Decision("pte-alloc", "present", reason=m.arch.pmd_kind(m.pgtable.get(pmd)))
        return 0
    table = yield from pte_alloc_one(m, mm)
    if table < 0:
        return -1
    lock = pmd_lockptr(m, pmd)
    yield from spin_lock(m, lock, cpu)
    if pmd_none_locked(m, pmd):
        mm.nr_ptes += 1
        m.pgtable.set(pmd, table_entry(m, table))
        table = -1
    stays = m.arch.pmd_kind(m.pgtable.get(pmd)) == "table" and not m.knobs["pt_reclaim"]
    spin_unlock(m, lock)
    if table >= 0:
        table_free(m, table)
    if not stays:  # else nothing can come between this and the map that follows
        yield Step("step", "F9")
    return 0


# -- mapping a PTE ------------------------------------------------------------------------------------
def map_lock(m: Machine) -> None:
    """Mapping a PTE begins an RCU read section, from 6.6 on."""
    if m.release >= (6, 6) and "drop RCU" not in m.mutants:
        rcu_read_lock(m)


def map_unlock(m: Machine) -> None:
    """It ends."""
    if m.release >= (6, 6) and "drop RCU" not in m.mutants:
        rcu_read_unlock(m)


def pte_offset_map_nolock(m: Machine, pmd: int, address: int) -> tuple[int | None, str]:
    """(place, '') or (None, what the PMD was found to be); ``pte_unmap`` must follow a place."""
    value = m.pgtable.get(pmd)
    kind = m.arch.pmd_kind(value)
    if kind != "table":
        return None, kind
    map_lock(m)
    return pte_place(m, value, address), ""


def pte_unmap(vmf: VmFault) -> None:
    """The PTE is looked at no more."""
    map_unlock(vmf.m)


def pte_offset_map(vmf: VmFault, address: int) -> Path[int | None]:
    """The unlocked map of alloc_anon_folio: place of the PTE, or None where the PMD is no table any more."""
    m, pmd = vmf.m, vmf.pmd

    def peek() -> tuple[str, str, int]:
        kind = m.arch.pmd_kind(m.pgtable.get(pmd))
        return ("mapped", "", 0) if kind == "table" else ("NULL", f"pmd-{kind}", 0)

    answer = yield Question(
        "map-pte",
        "pte_offset_map()",
        peek,
        "NULL",
        addr=address,
        forcible=lambda: whatif.causes(vmf),
    )
    if answer and answer.startswith("NULL "):
        whatif.install(vmf, answer.removeprefix("NULL "))
    return pte_offset_map_nolock(m, pmd, address)[0]


def pte_offset_map_lock(vmf: VmFault, address: int) -> Path[int | None]:
    """Map and lock; the PMD is looked at again under the lock, and the whole is tried again if it changed."""
    m, pmd = vmf.m, vmf.pmd
    if "R3 before PTL" in m.mutants:
        m.unstable_seen.set(vmf.cpu, int(bool(vmf.vma.vm_mm.flags & MMF_UNSTABLE)))
        yield Step("step", "R3", addr=address)
    while True:
        value = m.pgtable.get(pmd)
        kind = m.arch.pmd_kind(value)
        if kind != "table":
            yield Decision("lock", "NULL", addr=address, reason=f"pmd-{kind}", more=(("found", kind),))
            return None
        map_lock(m)
        table = table_of(m, value)
        yield from spin_lock(m, table, vmf.cpu)
        now = m.pgtable.get(pmd)
        if now == value or "drop R1" in m.mutants:
            break
        spin_unlock(m, table)
        map_unlock(m)
        yield Step("pmd-same", "changed", addr=address, reason=f"pmd-{m.arch.pmd_kind(now)}")
    vmf.ptl = table
    yield Decision("lock", "locked", addr=address)
    return pte_place(m, value, address)


def lock_pte_table(m: Machine, pmd: int, cpu: int) -> Path[int]:
    """pte_offset_map_lock for those who are no fault: number of the table, now locked, or -1 if the PMD is no table.

    The RCU section ends with the wait: nobody takes away a table whose lock is held.
    """
    while True:
        value = m.pgtable.get(pmd)
        if m.arch.pmd_kind(value) != "table":
            return -1
        table = table_of(m, value)
        map_lock(m)
        yield from spin_lock(m, table, cpu)
        if m.pgtable.get(pmd) != value:
            spin_unlock(m, table)
            table = -1
        map_unlock(m)
        if table >= 0:
            return table


def pte_unmap_unlock(vmf: VmFault) -> None:
    """Let go of the PTE table."""
    spin_unlock(vmf.m, vmf.ptl)
    map_unlock(vmf.m)


# -- entries ------------------------------------------------------------------------------------------
def set_pte_at(m: Machine, pte: int, value: int) -> None:
    """Store one PTE."""
    m.pgtable.set(pte, value)


def set_ptes(m: Machine, pte: int, value: int, nr: int) -> None:
    """Store PTEs that map ``nr`` pages in a row, ``value`` the first (include/linux/pgtable.h of 6.6)."""
    for k in range(nr):
        set_pte_at(m, pte + k, value + (k << m.arch.page_shift))


def pte_range_none(m: Machine, pte: int, nr: int) -> bool:
    """Are ``nr`` PTEs all none?  v8, and mm/memory.c from 6.8 on."""
    return first_populated(m, pte, nr) < 0


def first_populated(m: Machine, pte: int, nr: int) -> int:
    """Offset of the first of ``nr`` PTEs that is not none, -1 if all are."""
    if m.nr_cpus > 1 and not m.table_used.get(pte // m.arch.ptrs):
        raise KernelBug("use-after-free", f"PTEs of table {pte // m.arch.ptrs} are read, which has been freed")
    nr = looked_at(m, pte, nr)
    for k, value in enumerate(m.pgtable.run(pte, nr)):
        if value:
            return k
    return -1


def looked_at(m: Machine, pte: int, nr: int) -> int:
    """How many of ``nr`` PTEs a test reads: all, unless it is a mutant's scan (B20), or recheck under the lock (R2)."""
    if m.mutants:
        held = holds(m, pte // m.arch.ptrs)
        if ("drop R2" if held else "B20") in m.mutants:
            return 0
        if "R2 one PTE" in m.mutants and held:
            return min(nr, 1)
    return nr


def pte_same(m: Machine, pte: int, entry: int) -> bool:
    """Is the PTE still ``entry``, asked under its lock (the recheck R6)?"""
    return "drop R6" in m.mutants or m.pgtable.get(pte) == entry


def vmf_pte_changed(vmf: VmFault) -> bool:
    """Is the PTE another than at the start of the fault (or set, if there was no table then)?"""
    assert vmf.pte is not None
    if not looked_at(vmf.m, vmf.pte, 1):
        return False
    now = vmf.m.pgtable.get(vmf.pte)
    if vmf.flags & FAULT_FLAG_ORIG_PTE_VALID:
        return now != vmf.orig_pte
    return now != 0


def vmf_pte_range_changed(vmf: VmFault, nr_pages: int) -> bool:
    """v3 … v6.  One page: another PTE than at the start.  More: any PTE of the range is set."""
    assert vmf.pte is not None
    if nr_pages == 1:
        return vmf_pte_changed(vmf)
    return first_populated(vmf.m, vmf.pte, nr_pages) >= 0


def zero_page(m: Machine, prot: int) -> int:
    """The special PTE of the zero page."""
    return m.arch.pte_mkspecial(m.arch.pfn_pte(ZERO_PFN, prot))

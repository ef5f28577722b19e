# SPDX-License-Identifier: GPL-2.0-only
"""What a page holds, as far as it must be known to tell that data was lost: which store to it was the last one.

No struct of the kernel's.  A page, and a slot of the swap device, carries the number of the program's last store to it
(0: fresh, zeroed memory; what was there at boot has numbers of its own), a copy has that of its original.  When a
process stores to a page it has *overwritten* what stood there.  The rule (invariants.no_stale_page): nothing that a
process has overwritten is mapped in it again.  Only kept where a scenario writes to swap, or forks while two other CPUs
run: then states differ by the order of the stores to one page; else nothing is stored here.

The TLB is here as far as fork needs it: the CPU that has last stored to a page may go on to do so after fork has
write-protected it, until dup_mmap() flushes (tlb_stale).
"""

from __future__ import annotations

from kernelmodel.defs import MM_SWAPENTS
from kernelmodel.machine import Machine
from kernelmodel.mm.pgtable import pmd_offset, pte_place
from kernelmodel.mm.swap import swap_duplicate
from kernelmodel.structs import Mm

STORED = 1 << 31
"""Numbers of stores that the program made; below are those of what was there at boot."""
MMS = 16


def store_to(mm: Mm, address: int, cpu: int) -> None:
    """The program writes: the page holds this CPU's next number from now on."""
    m = mm.m
    pfn = mapped_pfn(mm, address)
    old = m.content.get(pfn)
    if old:
        m.overwritten.set(old * MMS + mm.id, 1)
    m.content.set(pfn, STORED + m.stores.add(cpu, 1) * m.nr_cpus + cpu)


def mapped_pfn(mm: Mm, address: int) -> int:
    """The page that is mapped at an address."""
    m, arch = mm.m, mm.m.arch
    pmd = pmd_offset(mm, address)
    value = m.pgtable.get(pmd)
    if arch.pmd_kind(value) == "leaf":
        return arch.pte_pfn(value) + (address >> arch.page_shift & (1 << arch.pmd_order) - 1)
    return arch.pte_pfn(m.pgtable.get(pte_place(m, value, address)))


def stale(m: Machine, pfn: int, mm: int) -> bool:
    """Has the process overwritten what the page holds?"""
    held = m.content.get(pfn)
    return held != 0 and m.overwritten.get(held * MMS + mm) == 1


def wrprotect_by_fork(m: Machine, pfn: int) -> None:
    """Who last stored to a page still has a translation that lets it."""
    if m.content.get(pfn) >= STORED:
        m.tlb_stale.set(pfn, 1 + (m.content.get(pfn) - STORED) % m.nr_cpus)


def flush_tlb_mm(m: Machine) -> None:
    """Nobody has."""
    for pfn, _ in m.tlb_stale.items():
        m.tlb_stale.set(pfn, 0)


def copy_contents(m: Machine, to: int, source: int, nr: int) -> None:
    """``nr`` pages from pfn ``source`` on are copied."""
    if m.keeps_contents:
        for k in range(nr):
            m.content.set(to + k, m.content.get(source + k))


def at_boot(m: Machine, first: int, nr: int) -> None:
    """``nr`` pages from a pfn on hold what the program stored before the scenario began."""
    if m.keeps_contents:
        for k in range(nr):
            m.content.set(first + k, next_at_boot(m))


def swapped_out_at_boot(m: Machine) -> int:
    """The slot of such a page, which counts as swapped out already."""
    slot = m.rss_stat.get(m.mm_counter(0, MM_SWAPENTS))
    swap_duplicate(m, slot)
    if m.keeps_contents:
        m.swap_content.set(slot, next_at_boot(m))
    return slot


def next_at_boot(m: Machine) -> int:
    """A number that nothing holds yet."""
    m.contents_at_boot += 1
    return m.contents_at_boot

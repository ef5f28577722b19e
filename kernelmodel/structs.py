# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's structs over the machine: ``vma.vm_start`` reads the cell, ``vma.anon_vma = 1`` stores it.

The one table of its kind: model code, conditions, watches and panes all go through it.  A struct is a handle
(machine, number); a member names its C type and the Field that holds it (``members``).
"""

from __future__ import annotations

from typing import Any

from kernelmodel.defs import MIGRATE_TYPES, MM_ANONPAGES, MM_SWAPENTS, NODE_STATS, NR_ANON_THPS, VM_EVENTS
from kernelmodel.machine import Machine
from kernelmodel.members import Cell, Derived, Member, Struct

__all__ = [
    "STRUCTS", "Folio", "FreeArea", "MemCgroup", "Member", "Mm", "Struct", "VmFault", "VmStat", "Vma", "ZoneStruct",
]  # fmt: skip


class Mm(Struct):
    """struct mm_struct."""

    __slots__ = ()
    cname = "mm_struct"
    flags = Member("unsigned long", "mm_flags")
    map_count = Member("int", "map_count")
    nr_ptes = Member("unsigned long", "nr_ptes")
    """Page-table pages of the PTE level, deposited ones too (pgtables_bytes / PAGE_SIZE of that level)."""
    anon_pages = Member("long", "rss_stat", lambda s: s.m.mm_counter(s.id, MM_ANONPAGES))
    swap_ents = Member("long", "rss_stat", lambda s: s.m.mm_counter(s.id, MM_SWAPENTS))
    min_flt = Member("unsigned long", "min_flt")
    maj_flt = Member("unsigned long", "maj_flt")
    name = Derived("char *", lambda s: s.m.mm_names[s.id])
    """As the scenario calls the process (no member of the kernel's)."""


Mm.members["id"] = Derived("int", lambda s: s.id)
"""Number of the process: 0 is main, the others follow in the order of their forks (no member of the kernel's)."""


class Vma(Struct):
    """struct vm_area_struct."""

    __slots__ = ()
    cname = "vm_area_struct"
    vm_start = Member("unsigned long", "vm_start")
    vm_end = Member("unsigned long", "vm_end")
    vm_flags = Member("unsigned long", "vm_flags")
    vm_pgoff = Member("unsigned long", "vm_pgoff")
    anon_vma = Member("struct anon_vma *", "anon_vma")
    vm_mm = Derived("struct mm_struct *", lambda s: Mm(s.m, s.m.vm_mm.get(s.id)), lambda s: [(s.m.vm_mm, s.id)])

    @property
    def vm_page_prot(self) -> int:
        """Protection bits of a page mapped here, before maybe_mkwrite."""
        return self.m.arch.vm_page_prot(self.vm_flags)

    @property
    def name(self) -> str:
        """As the scenario calls it."""
        return self.m.vma_names[self.m.vma_name.get(self.id)]


class Folio(Struct):
    """struct folio (and its head page), by the head's pfn."""

    __slots__ = ()
    cname = "folio"
    _refcount = Member("atomic_t", "_refcount")
    _mapcount = Member("atomic_t", "_mapcount", bias=-1)
    _entire_mapcount = Member("atomic_t", "_entire_mapcount", bias=-1)
    _nr_pages_mapped = Member("atomic_t", "_nr_pages_mapped")
    order = Member("unsigned int", "folio_order")
    flags = Member("unsigned long", "page_flags")
    mapping = Member("struct address_space *", "mapping")
    index = Member("pgoff_t", "page_index")
    memcg_data = Member("unsigned long", "memcg_data")
    cleared = Member("int", "cleared")
    """How often its memory was cleared since it was allocated (no member of the kernel's)."""
    nr_pages = Derived("long", lambda s: 1 << s.order, lambda s: [(s.m.folio_order, s.id)])


class FreeArea(Struct):
    """struct free_area: the free blocks of one order of a zone; its number is zone * orders + order."""

    __slots__ = ()
    cname = "free_area"

    def lists(self) -> list[Cell]:
        """The lengths of its lists, a migratetype each."""
        zone, order = divmod(self.id, self.m.orders)
        return [(self.m.nr_free, self.m.list_number(zone, kind, order)) for kind in range(MIGRATE_TYPES)]

    nr_free = Derived("unsigned long", lambda s: sum(field.get(at) for field, at in s.lists()), lists)


def _watermarks(zone: ZoneStruct) -> list[Cell]:
    return [(zone.m.watermark, zone.id * 4 + level) for level in range(3)]


class ZoneStruct(Struct):
    """struct zone."""

    __slots__ = ()
    cname = "zone"
    nr_free_pages = Member("unsigned long", "nr_free_pages")
    wmark_min = Member("unsigned long", "watermark", lambda s: s.id * 4)
    wmark_low = Member("unsigned long", "watermark", lambda s: s.id * 4 + 1)
    wmark_high = Member("unsigned long", "watermark", lambda s: s.id * 4 + 2)
    _watermark = Derived(
        "unsigned long []", lambda s: tuple(field.get(at) for field, at in _watermarks(s)), _watermarks
    )
    """WMARK_MIN, WMARK_LOW, WMARK_HIGH."""
    free_area = Derived(
        "struct free_area []", lambda s: tuple(FreeArea(s.m, s.id * s.m.orders + k) for k in range(s.m.orders))
    )
    zone_start_pfn = Derived("unsigned long", lambda s: s.m.zones[s.id].start)
    spanned_pages = Derived("unsigned long", lambda s: s.m.zones[s.id].end - s.m.zones[s.id].start)


class MemCgroup(Struct):
    """struct mem_cgroup, as far as its page counter goes: pages that are charged, and how many may be."""

    __slots__ = ()
    cname = "mem_cgroup"
    usage = Member("unsigned long", "memcg_usage")
    max = Derived("unsigned long", lambda s: s.m.knobs["memcg_limit"])
    """memory.max in pages; -1 is no limit."""
    events_max = Member("unsigned long", "memcg_event", lambda s: 0)
    events_oom = Member("unsigned long", "memcg_event", lambda s: 1)
    events_oom_kill = Member("unsigned long", "memcg_event", lambda s: 2)
    """memory.events."""


class VmStat(Struct):
    """The counters of /proc/vmstat that are modelled, by their names there, and those of the process."""

    __slots__ = ()
    cname = "vmstat"
    min_flt = Member("unsigned long", "min_flt")
    maj_flt = Member("unsigned long", "maj_flt")
    MM_ANONPAGES = Member("long", "rss_stat", lambda s: s.m.mm_counter(s.id, MM_ANONPAGES))
    MM_SWAPENTS = Member("long", "rss_stat", lambda s: s.m.mm_counter(s.id, MM_SWAPENTS))


def _counter(name: str, member: Member | Derived) -> None:
    setattr(VmStat, name, member)
    member.__set_name__(VmStat, name)


for _number, _name in enumerate(VM_EVENTS):
    _counter(_name, Member("unsigned long", "vm_event", lambda s, at=_number: at))  # type: ignore[misc]
for _number, _name in enumerate(NODE_STATS):
    _counter(_name, Member("unsigned long", "node_stat", lambda s, at=_number: at))  # type: ignore[misc]
_counter(
    "nr_anon_transparent_hugepages",  # counted in pages, shown in huge pages
    Derived(
        "unsigned long",
        lambda s: s.m.node_stat.get(NR_ANON_THPS) >> s.m.arch.pmd_order,
        lambda s: [(s.m.node_stat, NR_ANON_THPS)],
    ),
)

STRUCTS: dict[str, type[Struct]] = {
    each.cname: each for each in (Mm, Vma, Folio, ZoneStruct, FreeArea, MemCgroup, VmStat)
}


class VmFault:
    """struct vm_fault: not lasting state but a local of the path, so plain slots.

    ``pmd`` and ``pte`` are places in ``Machine.pgtable`` (what a pointer is in C), ``orig_pte`` and ``orig_pmd``
    values, ``ptl`` the number of the table whose lock is held.
    """

    __slots__ = (
        "address",
        "cpu",
        "flags",
        "gfp",
        "m",
        "orig_pmd",
        "orig_pte",
        "pmd",
        "pte",
        "ptl",
        "real_address",
        "vma",
    )

    def __init__(self, m: Machine, vma: Vma, address: int, flags: int, cpu: int) -> None:
        self.m = m
        self.vma = vma
        self.address = address & m.arch.page_mask
        self.real_address = address
        self.flags = flags
        self.cpu = cpu
        self.pmd = 0
        self.pte: int | None = None
        self.orig_pte = 0
        self.orig_pmd = 0
        self.ptl = -1
        self.gfp = -1

    def shown(self) -> dict[str, Any]:
        """Members that a locals pane shows, in the kernel's order."""
        return {
            each: getattr(self, each) for each in ("address", "real_address", "flags", "pmd", "pte", "orig_pte", "ptl")
        }

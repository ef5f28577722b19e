# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's structs over the machine: ``vma.vm_start`` reads the cell, ``vma.anon_vma = 1`` stores it.

The one table of its kind: model code, conditions, watches and panes all go through it.  A struct is a handle
(machine, number); a member names its C type and the Field that holds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from kernelmodel.defs import MM_ANONPAGES, MM_SWAPENTS
from kernelmodel.journal import Field
from kernelmodel.machine import Machine


class Member:
    """One member: C type, and how to find its cell."""

    def __init__(self, ctype: str, field: str, at: Callable[[Struct], int] | None = None, bias: int = 0) -> None:
        self.ctype = ctype
        self.field = field
        self.at = at
        self.bias = bias
        self.name = ""

    def __set_name__(self, owner: type[Struct], name: str) -> None:
        self.name = name
        if "members" not in owner.__dict__:
            owner.members = {}
        owner.members[name] = self

    def __get__(self, obj: Struct | None, owner: type[Struct]) -> int:
        if obj is None:
            raise AttributeError(self.name)
        field: Field = getattr(obj.m, self.field)
        return field.get(obj.id if self.at is None else self.at(obj)) + self.bias

    def __set__(self, obj: Struct, value: int) -> None:
        field: Field = getattr(obj.m, self.field)
        field.set(obj.id if self.at is None else self.at(obj), value - self.bias)


class Struct:
    """A handle to one struct of the machine."""

    __slots__ = ("id", "m")
    members: ClassVar[dict[str, Member]] = {}
    cname: ClassVar[str] = ""

    def __init__(self, m: Machine, number: int) -> None:
        self.m = m
        self.id = number

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.id == getattr(other, "id", None)

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.id))

    def __repr__(self) -> str:
        return f"{self.cname}#{self.id}"


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


class Vma(Struct):
    """struct vm_area_struct."""

    __slots__ = ()
    cname = "vm_area_struct"
    vm_start = Member("unsigned long", "vm_start")
    vm_end = Member("unsigned long", "vm_end")
    vm_flags = Member("unsigned long", "vm_flags")
    anon_vma = Member("struct anon_vma *", "anon_vma")

    @property
    def vm_mm(self) -> Mm:
        """The address space that it belongs to."""
        return Mm(self.m, self.m.vm_mm.get(self.id))

    @property
    def vm_page_prot(self) -> int:
        """Protection bits of a page mapped here, before maybe_mkwrite."""
        return self.m.arch.vm_page_prot(self.vm_flags)

    @property
    def name(self) -> str:
        """As the scenario calls it."""
        return self.m.vma_names[self.id]


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

    @property
    def nr_pages(self) -> int:
        """Pages in the folio."""
        return 1 << self.order


class ZoneStruct(Struct):
    """struct zone."""

    __slots__ = ()
    cname = "zone"
    nr_free_pages = Member("unsigned long", "nr_free_pages")
    wmark_min = Member("unsigned long", "watermark", lambda s: s.id * 4)
    wmark_low = Member("unsigned long", "watermark", lambda s: s.id * 4 + 1)
    wmark_high = Member("unsigned long", "watermark", lambda s: s.id * 4 + 2)


STRUCTS: dict[str, type[Struct]] = {each.cname: each for each in (Mm, Vma, Folio, ZoneStruct)}


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

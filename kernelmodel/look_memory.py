# SPDX-License-Identifier: GPL-2.0-only
"""Memory as it is shown: the walk, the row of PTEs, the free lists, the cells that the last step changed."""

from __future__ import annotations

from collections.abc import Iterator

from kernelmodel.defs import GFP_HIGHUSER_MOVABLE, MIGRATE_TYPES, PAGE_FLAG_NAMES, flag_names
from kernelmodel.journal import INSERT, LINK, LOW, UNCOUNTED, Field
from kernelmodel.machine import Machine
from kernelmodel.mm.page_alloc import Found, get_page_from_freelist, page_folio
from kernelmodel.mm.pgtable import entry_at, pte_index
from kernelmodel.mm.tables import table_of
from kernelmodel.mm.vma import vma_at, vma_position
from kernelmodel.mm.vmstat import stat_name
from kernelmodel.snapshot import Change, EntryView, PteCell, WalkRow, ZoneView
from kernelmodel.structs import Folio

_SILENT = frozenset(
    {"cpu_event", "answered", "list_next", "list_prev", "buddy_order", "uffd_events", "table_used",
     "table_mm", "table_free", "table_next", "pgd"}
)  # fmt: skip
MAX_CELLS = 4096
"""Changed cells that are looked at for one snapshot."""


class Delta:
    """Every cell that changed between two journal positions: first old value, last new value."""

    def __init__(self, m: Machine, start: int, stop: int) -> None:
        self.m = m
        self.cells: dict[tuple[Field, int], list[int]] = {}
        self.nr_free: dict[int, int] = {}
        self.more = 0
        for at in range(start, stop):
            if len(self.cells) > MAX_CELLS:
                self.more = stop - at
                break
            count = m.journal.count[at]
            if count & LINK:
                if not count & UNCOUNTED:
                    number = count & LOW
                    self.nr_free[number] = self.nr_free.get(number, 0) + (1 if count & INSERT else -1)
                continue
            for field, index, old, new in m.journal.cells(at, at + 1):
                if field is m.nr_free:
                    self.nr_free[index] = self.nr_free.get(index, 0) + new - old
                    continue
                pair = self.cells.setdefault((field, index), [old, new])
                pair[1] = new

    def changed(self, field: Field, index: int) -> bool:
        """Is this cell another than before?"""
        pair = self.cells.get((field, index))
        return pair is not None and pair[0] != pair[1]

    def rows(self, step: int) -> Iterator[Change]:
        """In words, neighbours with the same change as one row."""
        last: tuple[Field, int, int, int, int] | None = None
        for (field, index), (old, new) in self.cells.items():
            if field.name in _SILENT or old == new:
                continue
            if last is not None:
                f, first, n, o, v = last
                ramp = field.stride * n if field.stride and new != v else 0
                if field is f and index == first + n and (old, new) in ((o, v), (o, v + ramp)):
                    last = (f, first, n + 1, o, v)
                    continue
                yield self._row(last, step)
            last = (field, index, 1, old, new)
        if last is not None:
            yield self._row(last, step)
        for number, by in sorted(self.nr_free.items()):
            if by:
                now = self.m.nr_free.get(number)
                yield Change(list_name(self.m, number), str(now - by), str(now), step)

    def _row(self, row: tuple[Field, int, int, int, int], step: int) -> Change:
        field, index, n, old, new = row
        return Change(cell_name(self.m, field, index, n), *value_texts(self.m, field, old, new), step)


def list_name(m: Machine, number: int) -> str:
    """``Normal free_area[4].nr_free (movable)``."""
    rest, order = divmod(number, m.orders)
    zone, migratetype = divmod(rest, MIGRATE_TYPES)
    kind = ("unmovable", "movable", "reclaimable", "highatomic", "cma", "isolate")[migratetype]
    return f"{m.zones[zone].name} free_area[{order}].nr_free ({kind})"


def cell_name(m: Machine, field: Field, index: int, n: int) -> str:
    """What a cell is called where a kernel developer would look for it."""
    if field is m.pgtable:
        table, entry = divmod(index, m.arch.ptrs)
        level = ("pte", "pmd", "pud", "pgd")[max(m.table_used.get(table) - 1, 0)]
        span = f"[{entry:#05x}]" if n == 1 else f"[{entry:#05x}..{entry + n - 1:#05x}]"
        return f"{level} table {table} {span}"
    if stat := stat_name(m, field.name, index):
        return stat
    if field.name in ("vm_start", "vm_end", "vm_flags", "anon_vma"):
        return f"vma {m.vma_names[index]} ->{field.name}"
    if field.name in ("nr_ptes", "mm_flags", "map_count"):
        return f"mm {m.mm_names[index]} ->{field.name}"
    if field.name in ("nr_free_pages", "watermark", "frontier"):
        return f"zone {m.zones[index if field.name != 'watermark' else index // 4].name} {field.name}"
    if field.name in ("memcg_usage", "huge_zero_refcount", "huge_zero_pfn", "nr_anon_vmas"):
        return field.name
    if field.name == "ptl":
        return f"ptl of table {index}"
    span = f"{index:#x}" if n == 1 else f"{index:#x}..{index + n - 1:#x}"
    return f"page {span} {field.name}"


def value_texts(m: Machine, field: Field, old: int, new: int) -> tuple[str, str]:
    """Old and new value, hex where it is an entry or flags by name."""
    if field is m.page_flags:
        return tuple("|".join(flag_names(each, PAGE_FLAG_NAMES)) or "0" for each in (old, new))  # type: ignore[return-value]
    if field.name in ("pgtable", "vm_flags", "mm_flags", "frontier", "index", "huge_zero_pfn"):
        return f"{old:#x}", f"{new:#x}"
    if field.name == "ptl":
        return tuple("free" if not each else f"cpu{each - 1}" for each in (old, new))  # type: ignore[return-value]
    return str(old), str(new)


# -- page tables --------------------------------------------------------------------------------------
def walk(m: Machine, mm: int, address: int, delta: Delta) -> tuple[WalkRow, ...]:
    """The entries that lead to an address, top down, as far as there are tables."""
    rows = []
    table = m.pgd.get(mm) - 1
    for name, shift, entries in m.arch.levels:
        place = entry_at(m, table, (name, shift, entries), address)
        value = m.pgtable.get(place)
        kind = m.arch.pte_kind(value) if name == "pte" else m.arch.pmd_kind(value)
        rows.append(WalkRow(name, place % m.arch.ptrs, value, kind, delta.changed(m.pgtable, place)))
        if kind != "table":
            break
        table = table_of(m, value)
    return tuple(rows)


def pte_row(m: Machine, mm: int, address: int, first: int, count: int, delta: Delta) -> tuple[PteCell, ...]:
    """``count`` PTEs of the table that holds ``address``, from index ``first``."""
    base = address & ~(m.arch.pmd_size - 1)
    steps = walk(m, mm, address, delta)
    table = table_of(m, steps[-2].value) if steps[-1].level == "pte" else -1
    leaf = steps[-1].value if steps[-1].level == "pmd" and steps[-1].kind == "leaf" else 0
    moved = steps[-1].level == "pmd" and steps[-1].changed
    cells = []
    place = table * m.arch.ptrs + first
    values = m.pgtable.run(place, count) if table >= 0 else [0] * count
    inside = spans(m, mm, base + (first << m.arch.page_shift), base + ((first + count) << m.arch.page_shift))
    folio: Folio | None = None
    for n, value in enumerate(values):
        index = first + n
        addr = base + (index << m.arch.page_shift)
        kind = "none" if not value else m.arch.pte_kind(value)
        changed = table >= 0 and delta.changed(m.pgtable, place + n)
        order, head = -1, False
        if leaf:
            kind, order, head, changed = "leaf", m.arch.pmd_order, index == 0, moved
        elif kind == "page":
            pfn = m.arch.pte_pfn(value)
            if folio is None or not folio.id <= pfn < folio.id + folio.nr_pages:
                folio = page_folio(m, pfn)
            order, head = folio.order, folio.id == pfn
        if kind == "none" and not any(start <= addr < end for start, end in inside):
            kind = "outside"
        cells.append(PteCell(index, addr, value, kind, order, head, changed))
    return tuple(cells)


def spans(m: Machine, mm: int, start: int, end: int) -> list[tuple[int, int]]:
    """(start, end) of every VMA that reaches into a range of addresses."""
    found = []
    position = vma_position(m, mm, start)
    while (vma := vma_at(m, mm, position)) is not None and vma.vm_start < end:
        found.append((vma.vm_start, vma.vm_end))
        position += 1
    return found


def entry_view(m: Machine, mm: int, address: int, delta: Delta) -> EntryView:
    """The entry that maps (or does not map) an address, decoded."""
    last = walk(m, mm, address, delta)[-1]
    index = pte_index(m, address)
    if not m.arch.pte_present(last.value) or last.kind in ("none", "table"):
        bits = swap_bits(m, last.value, last.kind)
        return EntryView(address, index, last.value, bits, last.kind, -1, -1, -1, 0, 0, ())
    pfn = m.arch.pte_pfn(last.value)
    if last.kind == "leaf":
        pfn += index
    if m.zone_of(pfn) < 0:
        return EntryView(address, index, last.value, m.arch.bit_names(last.value), last.kind, pfn, -1, -1, 0, 0, ())
    folio = page_folio(m, pfn)
    mapcount = m._mapcount.get(pfn) + m._entire_mapcount.get(folio.id)
    return EntryView(
        address, index, last.value, m.arch.bit_names(last.value), last.kind, pfn, folio.id, folio.order,
        folio._refcount, mapcount, flag_names(folio.flags, PAGE_FLAG_NAMES),
    )  # fmt: skip


def swap_bits(m: Machine, value: int, kind: str) -> tuple[str, ...]:
    """What a non-present entry says."""
    if kind == "marker":
        return ("PTE_MARKER_UFFD_WP",)
    if kind in ("swap", "migration"):
        return (f"type {m.arch.swp_type(value)}", f"offset {m.arch.swp_offset(value):#x}")
    return ()


# -- zones ----------------------------------------------------------------------------------------------
def zone_views(m: Machine, delta: Delta) -> tuple[ZoneView, ...]:
    """Free lists, marks, and what the next request of each order would get."""
    views = []
    for number, zone in enumerate(m.zones):
        free, change = [0] * m.orders, [0] * m.orders
        for migratetype in range(MIGRATE_TYPES):
            for order in range(m.orders):
                at = m.list_number(number, migratetype, order)
                free[order] += m.nr_free.get(at)
                change[order] += delta.nr_free.get(at, 0)
        blocks = []
        for order in range(m.orders):
            found = get_page_from_freelist(m, GFP_HIGHUSER_MOVABLE, order)
            blocks.append((found.pfn, found.block) if isinstance(found, Found) and found.zone == number else (-1, -1))
        low, middle, high = (m.watermark.get(number * 4 + level) for level in range(3))
        pages = m.nr_free_pages.get(number)
        views.append(
            ZoneView(zone.name, zone.node, tuple(free), tuple(change), pages, low, middle, high, tuple(blocks))
        )
    return tuple(views)

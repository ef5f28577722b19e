# SPDX-License-Identifier: GPL-2.0-only
"""Memory as it is shown: the walk, the row of PTEs, the entry under the cursor."""

from __future__ import annotations

from kernelmodel.arch import PTE_MARKER_NAMES
from kernelmodel.defs import PAGE_FLAG_NAMES, flag_names
from kernelmodel.look.delta import Delta
from kernelmodel.machine import Machine
from kernelmodel.mm.page_alloc import page_folio
from kernelmodel.mm.pgtable import entry_at, pte_index
from kernelmodel.mm.tables import table_of
from kernelmodel.mm.vma import vma_at
from kernelmodel.mm.vma_list import vma_position
from kernelmodel.snapshot import EntryView, PteCell, WalkRow
from kernelmodel.structs import Folio


# -- page tables --------------------------------------------------------------------------------------
def steps_to(m: Machine, mm: int, address: int) -> list[tuple[str, int]]:
    """(level, place of the entry) on the way to an address, top down, as far as there are tables."""
    found: list[tuple[str, int]] = []
    table = m.pgd.get(mm) - 1
    if table < 0:  # not forked yet, or gone
        return found
    for name, shift, entries in m.arch.levels:
        place = entry_at(m, table, (name, shift, entries), address)
        found.append((name, place))
        value = m.pgtable.get(place)
        if name == "pte" or m.arch.pmd_kind(value) != "table":
            break
        table = table_of(m, value)
    return found


def walk(m: Machine, mm: int, address: int, delta: Delta) -> tuple[WalkRow, ...]:
    """The entries that lead to an address, top down, as far as there are tables."""
    rows = []
    for name, place in steps_to(m, mm, address):
        value = m.pgtable.get(place)
        kind = m.arch.pte_kind(value) if name == "pte" else m.arch.pmd_kind(value)
        rows.append(WalkRow(name, place % m.arch.ptrs, value, kind, delta.changed(m.pgtable, place)))
    return tuple(rows)


def places(m: Machine, mm: int, address: int, first: int, count: int) -> list[int]:
    """Places of all entries that ``walk`` and ``pte_row`` look at."""
    way = steps_to(m, mm, address)
    if not way:
        return []
    level, last = way[-1]
    base = last - last % m.arch.ptrs + first
    return [place for _, place in way] + (list(range(base, base + count)) if level == "pte" else [])


def pte_row(m: Machine, mm: int, address: int, first: int, count: int, delta: Delta) -> tuple[PteCell, ...]:
    """``count`` PTEs of the table that holds ``address``, from index ``first``."""
    base = address & ~(m.arch.pmd_size - 1)
    steps = walk(m, mm, address, delta)
    table = table_of(m, steps[-2].value) if steps[-1].level == "pte" else -1
    whole = steps[-1].kind if steps[-1].level == "pmd" and steps[-1].kind in ("leaf", "migration") else ""
    moved = steps[-1].level == "pmd" and steps[-1].changed
    cells = []
    place = table * m.arch.ptrs + first
    values = m.pgtable.run(place, count) if table >= 0 else [0] * count
    start, end = base + (first << m.arch.page_shift), base + ((first + count) << m.arch.page_shift)
    inside = spans(m, mm, start, end)
    covered = any(low <= start and end <= high for low, high in inside)
    new = delta.indices(m.pgtable)
    folio: Folio | None = None
    for n, value in enumerate(values):
        index = first + n
        addr = base + (index << m.arch.page_shift)
        kind = "none" if not value else m.arch.pte_kind(value)
        changed = table >= 0 and place + n in new
        order, head = -1, False
        if whole:
            kind, order, head, changed = whole, m.arch.pmd_order, index == 0, moved
        elif kind == "page":
            pfn = m.arch.pte_pfn(value)
            if folio is None or not folio.id <= pfn < folio.id + folio.nr_pages:
                folio = page_folio(m, pfn)
            order, head = folio.order, folio.id == pfn
        if kind == "none" and not covered and not any(low <= addr < high for low, high in inside):
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
        return flag_names(m.arch.swp_offset(value), PTE_MARKER_NAMES)
    if kind in ("swap", "migration"):
        return (f"type {m.arch.swp_type(value)}", f"offset {m.arch.swp_offset(value):#x}")
    return ()

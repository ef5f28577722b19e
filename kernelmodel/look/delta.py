# SPDX-License-Identifier: GPL-2.0-only
"""What differs between the present state and the one at another stop, earlier or later, read off the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kernelmodel.defs import (
    BG_NAMES,
    MIGRATE_NAMES,
    MIGRATE_TYPES,
    NODE_STATS,
    PAGE_FLAG_NAMES,
    ZONE_FLAG_NAMES,
    flag_names,
)
from kernelmodel.journal import INSERT, LINK, LOW, UNCOUNTED, Field
from kernelmodel.machine import Machine
from kernelmodel.members import Cell
from kernelmodel.mm.large_mapcount import FOLIO_MM_IDS_SHARED_BIT
from kernelmodel.mm.vmstat import stat_name, stat_unit
from kernelmodel.snapshot import Change

_SILENT = frozenset(
    {"cpu_event", "answered", "list_next", "list_prev", "buddy_order", "uffd_wait", "reaped_pmd", "table_used",
     "table_mm", "table_low", "unstable_seen", "pgd", "mm_mt", "mm_mt_len", "mm_mt_dir", "mm_mt_blocks", "vma_next",
     "vma_free", "vma_name", "vm_mm", "vma_detached", "touched", "untouched_at", "untouched_left", "lru_at", "strayed",
     "pcppage_migratetype"}
)  # fmt: skip
_HEX = frozenset(
    {"pgtable", "vm_start", "vm_end", "vm_pgoff", "vm_flags", "mm_flags", "frontier", "index", "huge_zero_folio",
     "huge_zero_pfn", "huge_anon_orders_always", "huge_anon_orders_madvise", "huge_anon_orders_inherit", "anon_orders",
     "anon_always_mask"}
)  # fmt: skip
_BY_VMA = frozenset(
    {"vm_start", "vm_end", "vm_flags", "vm_pgoff", "anon_vma", "anon_vma_parents", "vm_lock", "vm_write_locked"}
)
_BY_ZONE = {
    "nr_free_pages": 1, "watermark": 4, "frontier": 1, "watermark_boost": 1, "zone_flags": 1, "nr_reclaimable": 1,
    "nr_reserved_highatomic": 1, "nr_movable": 1, "compact_considered": 1, "compact_defer_shift": 1,
    "compact_order_failed": 1, "compact_cached_migrate_pfn": 2, "compact_cached_free_pfn": 1,
}  # fmt: skip
"""Fields that have so many cells a zone."""
_ALONE = frozenset(
    {"memcg_usage", "huge_zero_refcount", "huge_zero_folio", "huge_zero_pfn", "nr_anon_vmas", "thp_enabled",
     "thp_defrag", "thp_use_zero_page", "huge_anon_orders_always", "huge_anon_orders_madvise",
     "huge_anon_orders_inherit", "anon_orders", "anon_always_mask", "deferred_split_lru"}
)  # fmt: skip
"""Fields of one cell, known by their own name."""
MAX_CELLS = 4096
"""Changed cells that are looked at for one snapshot."""
MAX_ENTRIES = 1 << 16
"""Journal entries that are looked at for one snapshot."""


Run = tuple[Field, int, int, int, int]
"""Neighbouring cells that changed alike: field, first index, how many, old and new value of the first."""


class Delta:
    """Every cell that was stored to between the journal position ``there`` and the present one, with its value there.

    The journal is read from ``there`` on, so what is found is exact even where ``MAX_CELLS`` or ``MAX_ENTRIES`` end the
    search; ``more`` says how many entries were not looked at.  A session can then ask the other stop itself and
    ``learn`` the cells that are on view.
    """

    def __init__(self, m: Machine, there: int) -> None:
        self.m = m
        self.was: dict[Cell, int] = {}
        self.lengths: dict[int, int] = {}
        """By free list: its length there."""
        self.more = 0
        here = m.journal.pos
        forward = there <= here
        entries = range(there, here) if forward else range(there - 1, here - 1, -1)
        links: dict[int, int] = {}
        for n, at in enumerate(entries):
            if n == MAX_ENTRIES or len(self.was) > MAX_CELLS:
                self.more = len(entries) - n
                break
            self._entry(at, forward, links)
        for number, by in links.items():
            self.lengths[number] = m.nr_free.get(number) - by
        if not forward:
            self.was = dict(reversed(self.was.items()))

    def _entry(self, at: int, forward: bool, links: dict[int, int]) -> None:
        """One entry; lengths of lists are stored one by one or moved along by list operations."""
        journal = self.m.journal
        count = journal.count[at]
        sign = 1 if forward else -1
        if count & LINK:
            if not count & UNCOUNTED:
                number = count & LOW
                links[number] = links.get(number, 0) + (sign if count & INSERT else -sign)
            return
        cells: Iterable[tuple[Field, int, int, int]] = journal.cells(at, at + 1)
        for field, index, old, new in cells if forward else reversed(list(cells)):
            if field is self.m.nr_free:
                links[index] = links.get(index, 0) + sign * (new - old)
            elif field.name not in _SILENT:
                self.was.setdefault((field, index), old if forward else new)

    def learn(self, cells: Iterable[Cell]) -> None:
        """Note these cells and all lengths of free lists while the machine is at the other stop."""
        m = self.m
        self.was.update(((field, index), field.get(index)) for field, index in cells)
        self.lengths = {n: m.nr_free.get(n) for n in range(len(m.zones) * MIGRATE_TYPES * m.orders)}

    def changed(self, field: Field, index: int) -> bool:
        """Has this cell another value than there?"""
        was = self.was.get((field, index))
        return was is not None and was != field.get(index)

    def indices(self, field: Field) -> set[int]:
        """The cells of a field that have another value than there."""
        return {index for (each, index), was in self.was.items() if each is field and was != field.get(index)}

    def longer(self, number: int) -> int:
        """By how many blocks a free list is longer than there."""
        now = self.m.nr_free.get(number)
        return now - self.lengths.get(number, now)

    def rows(self, step: int, most: int) -> list[Change]:
        """In words, neighbours with the same change as one row; last what was left out."""
        cells = list(self._runs())
        lists = [(number, by) for number in sorted(self.lengths) if (by := self.longer(number))]
        found = [self._row(each, step) for each in cells[:most]]
        for number, by in lists[: most - len(found)]:
            now = self.m.nr_free.get(number)
            found.append(Change(list_name(self.m, number), str(now - by), str(now), step))
        if left := len(cells) + len(lists) - len(found):
            found.append(Change(f"(and {left} more)", "", "", step))
        if self.more:
            found.append(Change(f"({self.more} more stores were not looked at)", "", "", step))
        return found

    def _runs(self) -> Iterator[Run]:
        """Changed cells, neighbours with the same change as one."""
        last: Run | None = None
        for (field, index), old in self.was.items():
            new = field.get(index)
            if old == new:
                continue
            if last is not None:
                f, first, n, o, v = last
                ramp = field.stride * n
                if field is f and index == first + n and old in (o, o + ramp) and new in (v, v + ramp):
                    last = (f, first, n + 1, o, v)
                    continue
                yield last
            last = (field, index, 1, old, new)
        if last is not None:
            yield last

    def _row(self, run: Run, step: int) -> Change:
        field, index, n, old, new = run
        return Change(cell_name(self.m, field, index, n), *value_texts(self.m, field, index, old, new), step)


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
    if field.name in _BY_VMA:
        return f"{_vma_text(m, index)} ->{field.name}"
    if field.name in ("nr_ptes", "mm_flags", "map_count", "mm_users", "mmap_lock", "mmap_lock_writer"):
        return f"mm {m.mm_names[index]} ->{field.name}"
    if field.name in _BY_ZONE:
        return f"zone {m.zones[index // _BY_ZONE[field.name]].name} {field.name}"
    if field.name.startswith("pcp_"):
        cpu, zone = divmod(index, len(m.zones))
        return f"cpu{cpu} zone {m.zones[zone].name} {field.name}"
    if field is m.pageblock:
        return f"pageblock {index << m.arch.pageblock_order:#x} migratetype"
    if field is m.kswapd_order:
        return f"node {index} kswapd_order"
    if field.name in _ALONE:
        return field.name
    if field.name == "ptl":
        return f"ptl of table {index}"
    if field is m.deposit:
        return f"table deposited at {cell_name(m, m.pgtable, index, 1)}"
    span = f"{index:#x}" if n == 1 else f"{index:#x}..{index + n - 1:#x}"
    return f"page {span} {field.name}"


def _vma_text(m: Machine, number: int) -> str:
    """``vma heap [0x7f0000000000]``; whose it is, unless it is main's."""
    if not m.vm_end.get(number) or m.vma_detached.get(number):
        return f"vma #{number} (not there)"
    mm = m.vm_mm.get(number)
    whose = f"{m.mm_names[mm]}: " if mm else ""
    return f"{whose}vma {m.vma_names[m.vma_name.get(number)]} [{m.vm_start.get(number):#x}]"


def _slots_text(m: Machine, field: Field, value: int) -> str:
    """The two slots of a large folio (mm/large_mapcount.py): ``{main, child} shared``, ``{16, 3}``."""
    if field is m._mm_id_mapcount:
        return f"{{{value & 0xFFFF}, {value >> 16}}}"
    names = [m.mm_names[each - 1] if each else "-" for each in (value & 0xFF, value >> 8 & 0xFF)]
    return f"{{{', '.join(names)}}}" + (" shared" if value & FOLIO_MM_IDS_SHARED_BIT else "")


def value_texts(m: Machine, field: Field, index: int, old: int, new: int) -> tuple[str, str]:
    """Old and new value, hex where it is an entry or flags by name."""
    if field is m.page_flags:
        return tuple("|".join(flag_names(each, PAGE_FLAG_NAMES)) or "0" for each in (old, new))  # type: ignore[return-value]
    if field is m.zone_flags:
        return tuple("|".join(flag_names(each, ZONE_FLAG_NAMES)) or "0" for each in (old, new))  # type: ignore[return-value]
    if field.name in _HEX:
        return f"{old:#x}", f"{new:#x}"
    if field is m.pageblock:
        return MIGRATE_NAMES[old], MIGRATE_NAMES[new]
    if field is m.background:
        return BG_NAMES[old], BG_NAMES[new]
    if field is m.node_stat:
        unit = stat_unit(m, NODE_STATS[index])
        return str(old // unit), str(new // unit)
    if field is m.deposit:
        return tuple(f"table {each - 1}" if each else "none" for each in (old, new))  # type: ignore[return-value]
    if field in (m._mm_ids, m._mm_id_mapcount):
        return _slots_text(m, field, old), _slots_text(m, field, new)
    if field in (m.ptl, m.mmap_lock_writer):
        return tuple("free" if not each else f"cpu{each - 1}" for each in (old, new))  # type: ignore[return-value]
    if field in (m.mmap_lock, m.vm_lock):
        return _readers_text(m, old), _readers_text(m, new)
    return str(old), str(new)


def _readers_text(m: Machine, mask: int) -> str:
    """``read by cpu0 cpu2``."""
    readers = " ".join(f"cpu{cpu}" for cpu in range(m.nr_cpus) if mask >> cpu & 1)
    return f"read by {readers}" if readers else "free"

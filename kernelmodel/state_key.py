# SPDX-License-Identifier: GPL-2.0-only
"""The key by which states of the machine are matched: pages by the part that they play, not by their number.

Pages are renamed within the tree of buddies: the two halves of a block may change places, and whole blocks that never
merge with another (those of the highest order, the blocks of a scenario's ``free``).  What the allocator does later is
the same after such a change, which it would not be if any two pages could change places: a page merges with its own
buddy only.  The pages of a folio keep their order, in which a leaf maps them.

Where pageblocks have types, memory is used by others or stands untouched in units, or CPUs have lists of their own,
pages keep their numbers: which block is stolen, moved or drained goes by them, and by what else is in the pageblock.
"""

from __future__ import annotations

from kernelmodel.journal import Field
from kernelmodel.lists import Links
from kernelmodel.machine import Machine

BY_PFN = (
    "_refcount", "_mapcount", "_entire_mapcount", "_nr_pages_mapped", "page_flags", "folio_order", "mapping", "index",
    "memcg_data", "_large_mapcount", "_mm_ids", "_mm_id_mapcount", "folio_swap", "content", "tlb_stale",
)  # fmt: skip
"""Fields with a cell a page."""
HOLDS_PFN = ("huge_zero_pfn", "huge_zero_folio")
"""Fields whose first cell is 1 + a pfn, or 0."""
PAGES = frozenset(
    (*BY_PFN, *HOLDS_PFN, "swap_cache", "buddy_order", "list_next", "list_prev", "nr_free", "pgtable", "frontier")
)
"""Fields whose indices or values are pages: what the key says of them goes by the new names."""
NUMBERED = frozenset(
    {
        "pageblock_migratetype", "strayed", "touched", "untouched_at", "untouched_left", "background", "lru_at",
        "compact_cached_migrate_pfn", "compact_cached_free_pfn", "pcppage_migratetype",
    }
)  # fmt: skip
"""Fields that speak of pages, or of places in memory, and are only stored to where pages keep their numbers."""

Rows = tuple[tuple[int, ...], ...]


Name = tuple[int, int, int, int]
"""Zone, order of the block that merges with no other, number of that block, place in it; where there is no such block,
order -1 and the pfn."""


class Renamed:
    """New names for pages, given in the order in which they are asked for."""

    def __init__(self, m: Machine) -> None:
        self.m = m
        self.names: dict[int, Name] = {}
        self._blocks: dict[tuple[int, int], int] = {}
        self._first: dict[tuple[int, int, int], int] = {}
        """By (block, level, what is above it): the half that was named first."""

    def name(self, pfn: int) -> Name:
        """Of a page of a zone; others (page tables, the zero page) keep their number."""
        known = self.names.get(pfn)
        if known is None:
            zone = self.m.zone_of(pfn)
            if zone < 0:
                return -1, 0, pfn, 0
            head = self.m.compound_head(pfn)
            if head != pfn:
                _, order, block, place = self.name(head)
                known = self.names[pfn] = zone, order, block, place + pfn - head
                return known
            start, order = self._block(pfn, zone)
            if order < 0:
                known = self.names[pfn] = zone, order, 0, pfn
                return known
            block = self._blocks.setdefault((zone, start), len(self._blocks))
            place, offset = 0, pfn - start
            inside = self.m.folio_order.get(pfn)
            for level in range(order - 1, -1, -1):
                half = offset >> level & 1
                first = self._first.setdefault((block, level, offset >> level + 1), half) if level >= inside else 0
                place = place << 1 | (half ^ first)
            known = self.names[pfn] = zone, order, block, place
        return known

    def _block(self, pfn: int, zone: int) -> tuple[int, int]:
        """First page and order of a page's block that merges with no other; order -1 where an end of the zone cuts it,
        so that its halves are not alike."""
        for start, end, step, order in self.m.lone_blocks:
            if start <= pfn < end:
                return pfn - (pfn - start) % step, order
        top, span = self.m.arch.max_order, self.m.zones[zone]
        start = pfn >> top << top
        return start, top if span.start <= start and start + (1 << top) <= span.end else -1


def renamed_fields(m: Machine) -> frozenset[str]:
    """The fields of which ``pages_key`` speaks; none where pages keep their numbers."""
    plain = not (m.mixed or m.pcp or m.lru or any(m.units))
    return PAGES if plain else frozenset()


def state_key(m: Machine, mentioned: tuple[int, ...] = ()) -> Rows:
    """All of it: pages by their parts, then every other field."""
    renamed = renamed_fields(m)
    rest = [
        (9, f.fid, index, value)
        for f in m.journal.fields
        if not f.stat and f.name not in renamed
        for index, value in f.items()
    ]
    return (*pages_key(m, mentioned), *rest)


def pages_key(m: Machine, mentioned: tuple[int, ...]) -> Rows:
    """Page tables, the pages that paths hold, the huge zero page, the free lists; then what is known of each page."""
    if not renamed_fields(m):
        return tuple((3, pfn) for pfn in mentioned)
    renamed, arch = Renamed(m), m.arch
    name = renamed.name
    rows: list[tuple[int, ...]] = []
    for index, value in m.pgtable.items():
        level = m.table_used.get(index // arch.ptrs)
        if arch.pte_present(value):
            rows.append((0, index, value & ~arch.pfn_mask, *name(arch.pte_pfn(value))))
        elif level in (1, 2) and arch.pte_kind(value) == "migration":
            rows.append((1, index, arch.swp_type(value), value & arch.SWP_UFFD_WP, *name(arch.swp_offset(value))))
        else:
            rows.append((2, index, value))
    rows.extend((3, *name(pfn)) for pfn in mentioned)
    fields = {f.name: f for f in m.journal.fields}
    for kind, each in enumerate(HOLDS_PFN):
        if pfn := fields[each].get(0):
            rows.append((4, kind, *name(pfn - 1)))
    rows.extend((10, slot, *name(head - 1)) for slot, head in m.swap_cache.items())
    for number, blocks in m.nr_free.items():
        rows.append((5, number, blocks))
        node = m.lists.first(number)
        while node:
            rows.append((6, number) if node >= Links.RUN else (7, number, *name(node)))
            node = m.lists.after(node, number)
    rows += page_rows(m, renamed, [fields[each] for each in BY_PFN])
    return tuple(rows)


def page_rows(m: Machine, renamed: Renamed, by_pfn: list[Field]) -> list[tuple[int, ...]]:
    """What is known of each page that has a name, and of those that nothing mentions; a folio is one row."""
    rows = []
    end = -1
    known = {pfn for field in by_pfn for pfn, _ in field.items()}
    for pfn in sorted(known.union(renamed.names)):
        if pfn < end:
            continue
        head = m.compound_head(pfn)
        n = 1 << m.folio_order.get(head) if m._refcount.get(head) else 1
        end = head + n
        row = [8, *renamed.name(head)]
        for field in by_pfn:
            values = field.run(head, n)
            row += (-1, values[0]) if values.count(values[0]) == n else values
        rows.append(tuple(row))
    return sorted(rows)

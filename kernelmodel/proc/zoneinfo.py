# SPDX-License-Identifier: GPL-2.0-only
"""/proc/zoneinfo (Linux mm/vmstat.c, zoneinfo_show_print()), of a kernel with the four zones that the model knows.

What a release adds: ``promo`` (6.12), ``high_min`` and ``high_max`` (6.13), ``reserved_highatomic`` and
``free_highatomic`` (7.0), and statistics (proc/stat_names.py).  Statistics of what is not modelled are 0: reclaim's and
NUMA's events, file mappings, page tables (they come from outside the zones).  Anonymous pages stand on the inactive
lists, pinned ones of the background on the unevictable one, its kernel memory as unreclaimable slab.  Mapped anonymous
pages are counted for the whole machine: the node has them if it is the only one.
"""

from __future__ import annotations

from collections.abc import Iterator

from kernelmodel.defs import (
    BG_ANON,
    BG_FILE,
    BG_PINNED,
    BG_SLAB,
    BG_UNMOVABLE,
    MIGRATE_CMA,
    MIGRATE_HIGHATOMIC,
    MIGRATE_ISOLATE,
    WMARK_HIGH,
    WMARK_LOW,
    WMARK_MIN,
    ZONE_MOVABLE,
    ZONE_NAMES,
    PG_lru,
)
from kernelmodel.defs import NODE_STATS as KEPT
from kernelmodel.journal import Field
from kernelmodel.machine import Machine
from kernelmodel.mm.vmstat import stat_unit
from kernelmodel.proc.buddyinfo import nodes, populated, zone_head
from kernelmodel.proc.pagetypeinfo import block_counts, untouched
from kernelmodel.proc.stat_names import NODE_STATS, NUMA_STATS, ZONE_STATS, names

LISTS = {"inactive_anon": BG_ANON, "inactive_file": BG_FILE, "unevictable": BG_PINNED}
"""LRU lists by what the pages on them are used for."""


def zoneinfo(m: Machine) -> str:
    """Every zone of every node, populated or not."""
    uses, blocks = background_uses(m), block_counts(m)
    found = []
    for node in nodes(m):
        zones = populated(m, node)
        by_type = {m.zones[zone].type: zone for zone in zones}
        for kind, name in enumerate(ZONE_NAMES):
            if kind in by_type:
                zone = by_type[kind]
                found.append(zone_head(m, zone))
                if zone == zones[0]:
                    found += ["  per-node stats", *_stats(_node_stats(m, zones, uses))]
                found += _populated(m, zone, uses[zone], blocks[zone][MIGRATE_CMA] << m.arch.pageblock_order)
            else:
                found += _unpopulated(m, node, kind, name)
    return "\n".join((*found, ""))


def _numbers(m: Machine, marks: tuple[int, ...], rest: dict[str, int], reserve: tuple[int, ...]) -> list[str]:
    """The lines that every zone has: free pages, boost and the four marks, then others, then lowmem_reserve[]."""
    free, *others = marks
    rows = dict(zip(("boost", "min", "low", "high", "promo"), others, strict=True))
    if m.release < (6, 12):
        del rows["promo"]
    lines = [f"        {label:<8} {value}" for label, value in (rows | rest).items()]
    return [f"  pages free     {free}", *lines, f"        protection: ({', '.join(map(str, reserve))})"]


def _unpopulated(m: Machine, node: int, kind: int, name: str) -> list[str]:
    """A zone without pages; from 6.6 on ZONE_MOVABLE has marks all the same (__setup_per_zone_wmarks())."""
    mark = 32 if kind == ZONE_MOVABLE and m.release >= (6, 6) else 0
    rest = dict.fromkeys(("spanned", "present", "managed", "cma"), 0)
    return [f"Node {node}, zone {name:>8}", *_numbers(m, (0, 0, *[mark] * 4), rest, (0,) * len(ZONE_NAMES))]


def _populated(m: Machine, zone: int, uses: list[int], cma: int) -> list[str]:
    """The rest of a zone that has pages."""
    span, boost = m.zones[zone], m.watermark_boost.get(zone)
    low, high = (m.watermark.get(zone * 4 + level) + boost for level in (WMARK_LOW, WMARK_HIGH))
    marks = m.watermark.get(zone * 4 + WMARK_MIN) + boost, low, high, 2 * high - low
    rest = {"spanned": span.end - span.start, "present": span.present, "managed": span.managed, "cma": cma}
    lines = _numbers(m, (m.nr_free_pages.get(zone), boost, *marks), rest, span.reserve)
    lines += [*_stats(_zone_stats(m, zone, uses)), *_stats(dict.fromkeys(NUMA_STATS, 0)), "  pagesets"]
    for cpu in range(m.nr_cpus):
        lines += [f"    cpu: {cpu}", *_pageset(m, zone, cpu), f"  vm stats threshold: {stat_threshold(m, zone)}"]
    lines += ["  node_unreclaimable:  0", f"  start_pfn:           {span.start}"]
    if m.release >= (7, 0):
        lines.append(f"  reserved_highatomic: {m.nr_reserved_highatomic.get(zone)}")
        lines.append(f"  free_highatomic:     {free_of(m, zone, MIGRATE_HIGHATOMIC)}")
    return lines


def _pageset(m: Machine, zone: int, cpu: int) -> list[str]:
    """One CPU's lists; the names are set further apart since there are more of them."""
    at, span = cpu * len(m.zones) + zone, m.zones[zone]
    numbers = {"count": m.pcp_count.get(at), "high": m.pcp_high.get(at), "batch": span.pcp_batch}
    width = 7
    if m.release >= (6, 13):
        numbers["high_min"], numbers["high_max"] = span.pcp_high
        width = 10
    return [f"              {name + ':':<{width - 1}} {number}" for name, number in numbers.items()]


def stat_threshold(m: Machine, zone: int) -> int:
    """How far a CPU's counts may drift: calculate_normal_threshold()."""
    units = m.zones[zone].managed >> (27 - m.arch.page_shift)
    return min(125, 2 * m.nr_cpus.bit_length() * (1 + units.bit_length()))


def _stats(values: dict[str, int]) -> list[str]:
    return [f"      {name:<12} {value}" for name, value in values.items()]


def _zone_stats(m: Machine, zone: int, uses: list[int]) -> dict[str, int]:
    known = {f"nr_zone_{name}": uses[use] for name, use in LISTS.items()}
    known["nr_free_pages"] = m.nr_free_pages.get(zone)
    known["nr_free_cma"] = free_of(m, zone, MIGRATE_CMA)
    known["nr_free_pages_blocks"] = sum(
        free_of(m, zone, mt, m.arch.pageblock_order) for mt in range(MIGRATE_ISOLATE)
    )  # fmt: skip
    return {name: known.get(name, 0) for name in names(ZONE_STATS, m.release)}


def _node_stats(m: Machine, zones: list[int], uses: list[list[int]]) -> dict[str, int]:
    total = [sum(column) for column in zip(*(uses[zone] for zone in zones), strict=True)]
    known = {f"nr_{name}": total[use] for name, use in LISTS.items()}
    known["nr_slab_reclaimable"], known["nr_slab_unreclaimable"] = total[BG_SLAB], total[BG_UNMOVABLE]
    known["nr_file_pages"] = total[BG_FILE]
    if len(nodes(m)) == 1:
        known.update((name, m.node_stat.get(k) // stat_unit(m, name)) for k, name in enumerate(KEPT))
    return {name: known.get(name, 0) for name in names(NODE_STATS, m.release)}


def free_of(m: Machine, zone: int, migratetype: int, least: int = 0) -> int:
    """Free pages on the lists of one type, in blocks of ``least`` or more."""
    return sum(m.nr_free.get(m.list_number(zone, migratetype, order)) << order for order in range(least, m.orders))


def background_uses(m: Machine) -> list[list[int]]:
    """Per zone: pages by use (defs.BG_*); those of modelled processes that are on an LRU list are BG_ANON."""
    found = [[0] * (BG_PINNED + 1) for _ in m.zones]
    for zone, counts in enumerate(found):
        for template, number in untouched(m, zone):
            for _, pages, use in template.pages:
                counts[use] += number * pages
    for zone, _, use in by_zone(m, m.background):
        found[zone][use] += 1
    for zone, pfn, flags in by_zone(m, m.page_flags):
        if flags & PG_lru:
            found[zone][BG_ANON] += 1 << m.folio_order.get(pfn)
    return found


def by_zone(m: Machine, field: Field) -> Iterator[tuple[int, int, int]]:
    """(zone, pfn, value) of what was stored by pfn."""
    zone, start, end = -1, 0, 0
    for pfn, value in field.items():
        if not start <= pfn < end:
            zone = m.zone_of(pfn)
            start, end = (m.zones[zone].start, m.zones[zone].end) if zone >= 0 else (0, 0)
        if zone >= 0:
            yield zone, pfn, value

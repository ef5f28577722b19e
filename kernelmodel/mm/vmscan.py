# SPDX-License-Identifier: GPL-2.0-only
"""Direct reclaim (Linux mm/vmscan.c, try_to_free_pages(); 6.5 … 7.1) over the pages of the background.

What is reclaimed: clean page cache, slab that can be shrunk and, if there is swap, anonymous pages.  Pages of the
modelled processes are left alone.  The LRU is not kept as lists: a zone's ``lru_at`` walks over its memory in a fixed
order that is not that of addresses, a few pages of a unit at a time.  Every page that the walk meets is clean, old and
not referenced; that there are none such is the environment's other answer.

At DEF_PRIORITY the whole share of the LRU (1/4096) is taken, at others SWAP_CLUSTER_MAX pages end a round
(shrink_lruvec(), proportional_reclaim).

Left out: active lists and MGLRU, throttling (there is no kswapd to wait for), writeback.
"""

from __future__ import annotations

from math import gcd
from typing import NamedTuple

from kernelmodel.defs import (
    __GFP_IO,
    BG_ANON,
    BG_FILE,
    BG_NONE,
    BG_SLAB,
    PAGE_ALLOC_COSTLY_ORDER,
    WMARK_HIGH,
    WMARK_MIN,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.compaction import compaction_suitable
from kernelmodel.mm.page_alloc import free_pages
from kernelmodel.mm.untouched import Units, touch
from kernelmodel.mm.watermark import wmark_pages, zone_watermark
from kernelmodel.mm.zonelist import gfp_zone, zonelist
from kernelmodel.shadow import tried

SWAP_CLUSTER_MAX = 32
DEF_PRIORITY = 12
HANDFUL = 16
"""Pages of a unit that stand next to each other on the LRU."""
MOST_LOOKS = 1024
"""Handfuls that one scan looks at before it gives up."""
MOST_PAGES = 4096
"""Pages that one call frees at most."""


class Reclaimed(NamedTuple):
    """What a call of try_to_free_pages() came to."""

    pages: int
    """Pages that were freed."""
    ready: bool
    """Was a zone left alone because compaction can have it as it is?"""

    @property
    def progress(self) -> int:
        """What the kernel's function returns: 1 for "no need to, go and compact"."""
        return self.pages or int(self.ready)


def try_to_free_pages(m: Machine, gfp: int, order: int, node: int) -> Reclaimed:
    """do_try_to_free_pages(): priorities from 12 down until 32 pages are free, or compaction has enough."""
    scan = Scan(m, gfp, order, node)
    for priority in range(DEF_PRIORITY, -1, -1):
        scan.shrink_zones(priority)
        if scan.pages >= SWAP_CLUSTER_MAX or scan.ready:
            break
    return Reclaimed(scan.pages, scan.ready)


def peek_reclaim(m: Machine, gfp: int, order: int, node: int) -> Reclaimed:
    """The same on a shadow of the machine; no store."""
    return tried(m, try_to_free_pages, gfp, order, node)


def gfp_compaction_allowed(m: Machine, gfp: int) -> bool:
    """Not without __GFP_IO (6.8); before, nobody asked."""
    return m.release < (6, 8) or bool(gfp & __GFP_IO)


class Scan:
    """struct scan_control of one call, and what it has freed so far."""

    def __init__(self, m: Machine, gfp: int, order: int, node: int) -> None:
        self.m = m
        self.order = order
        self.compacts = gfp_compaction_allowed(m, gfp)
        self.highest = gfp_zone(gfp)
        self.zones = zonelist(m, node, gfp)
        self.pages = 0
        self.ready = False

    def shrink_zones(self, priority: int) -> None:
        """Each node of the zonelist once; for a costly order not those where compaction can start."""
        last = -1
        for zone in self.zones:
            if self.order > PAGE_ALLOC_COSTLY_ORDER and self.compaction_ready(zone):
                self.ready = True
                continue
            node = self.m.zones[zone].node
            if node != last:
                last = node
                self.shrink_node(node, priority)

    def shrink_node(self, node: int, priority: int) -> None:
        """All zones of a node that the request may use, again and again while should_continue_reclaim() says so.

        The kernel's LRU lists are the node's: each zone gives up its share of what there is (get_scan_count()).
        """
        zones = [z for z, span in enumerate(self.m.zones) if span.node == node and span.type <= self.highest]
        while True:
            sizes = [self.m.nr_reclaimable.get(zone) for zone in zones]
            most = MOST_PAGES if priority == DEF_PRIORITY else SWAP_CLUSTER_MAX  # proportional_reclaim
            want, seen, freed = min(sum(sizes) >> priority, most), 0, 0
            for zone, size in zip(zones, sizes, strict=True):
                seen += size
                freed += shrink_zone(self.m, zone, want * seen // (sum(sizes) or 1) - freed)
            self.pages += freed
            if not freed or not self.should_continue_reclaim(zones, priority):
                return

    def should_continue_reclaim(self, zones: list[int], priority: int) -> bool:
        """Only for reclaim on behalf of compaction: while no zone has what that needs, and enough is left."""
        costly = self.order > PAGE_ALLOC_COSTLY_ORDER
        if not self.compacts or not self.order or not (costly or priority < DEF_PRIORITY - 2):
            return False
        if self.pages >= MOST_PAGES or any(self.watermark_ok(z) or self.suitable(z, WMARK_MIN) for z in zones):
            return False
        return sum(self.m.nr_reclaimable.get(zone) for zone in zones) > 2 << self.order

    def compaction_ready(self, zone: int) -> bool:
        """The allocation could succeed, or there is room to compact with a high watermark's worth to spare."""
        if not self.compacts:
            return False
        if self.watermark_ok(zone):
            return True
        if self.m.release >= (6, 15):
            return self.suitable(zone, WMARK_HIGH)
        mark = wmark_pages(self.m, zone, WMARK_HIGH) + (2 << self.order)
        free = self.m.nr_free_pages.get(zone)
        return (
            self.suitable(zone, WMARK_MIN)
            and zone_watermark(self.m, zone, 0, WMARK_HIGH, mark, self.highest, 0, free).ok
        )

    def watermark_ok(self, zone: int) -> bool:
        """zone_watermark_ok() at min."""
        mark, free = wmark_pages(self.m, zone, WMARK_MIN), self.m.nr_free_pages.get(zone)
        return zone_watermark(self.m, zone, self.order, WMARK_MIN, mark, self.highest, 0, free).ok

    def suitable(self, zone: int, wmark: int) -> bool:
        """compaction_suitable()."""
        mark = wmark_pages(self.m, zone, wmark)
        return compaction_suitable(self.m, zone, self.order, mark, self.highest).outcome == "continue"


def shrink_zone(m: Machine, zone: int, want: int) -> int:
    """Free up to ``want`` pages from where the zone's LRU stands: how many it were."""
    units, freed = m.units[zone], 0
    if units is None or want <= 0:
        return 0
    rounds = (1 << m.arch.max_order) // HANDFUL
    total = len(units.kinds) * rounds
    start = m.lru_at.get(zone)
    for k in range(min(MOST_LOOKS, total)):
        place = (start + k) % total
        turn, n = divmod(place, len(units.kinds))
        unit = units.first + n * stride(len(units.kinds)) % len(units.kinds)
        for pfn in handful(m, units, unit, turn * 37 % rounds, rounds):
            if freed == want:
                m.lru_at.set(zone, place)
                return freed
            free_background(m, zone, pfn)
            freed += 1
    m.lru_at.set(zone, (start + min(MOST_LOOKS, total)) % total)
    return freed


def free_background(m: Machine, zone: int, pfn: int) -> None:
    """A page that nobody needs: to the CPU's own lists or to the buddies."""
    touch(m, pfn)
    if m.background.get(pfn) != BG_SLAB:
        m.nr_reclaimable.add(zone, -1)
        m.nr_movable.add(zone, -1)
    m.background.set(pfn, BG_NONE)
    free_pages(m, pfn, 0)


def stride(n: int) -> int:
    """A step that goes once through ``n`` units before it comes back, far from one to the next."""
    step = max(1, n * 618 // 1000)
    while gcd(step, n) != 1:
        step += 1
    return step


def handful(m: Machine, units: Units, unit: int, first: int, step: int) -> list[int]:
    """The pages at ``first``, ``first + step`` … of a unit that reclaim would free.  No store."""
    size = 1 << m.arch.max_order
    start = unit * size
    if m.touched.get(unit):
        uses = bytes(m.background.get(pfn) for pfn in range(start + first, start + size, step))
    else:
        uses = units.uses(units.kinds[unit - units.first], size)[first::step]
    wanted = (BG_FILE, BG_SLAB, BG_ANON) if m.swap_free else (BG_FILE, BG_SLAB)
    return [start + first + k * step for k, use in enumerate(uses) if use in wanted]

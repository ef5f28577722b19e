# SPDX-License-Identifier: GPL-2.0-only
"""The part of the table of keys that describes memory: ``[memory]``, its nodes and zones."""

from __future__ import annotations

from typing import Any

from kernelmodel.defs import MIGRATE_NAMES, MIGRATE_PCPTYPES, ZONE_NAMES
from kernelmodel.scenario.faults import Faults, KeyPath, nearest, show
from kernelmodel.scenario.kinds import Boolean, Choice, Int, Share, Size, Str
from kernelmodel.scenario.tables import Key, Map, Several, Table, Tables

MAX_CPU = 63
MAX_NODES = 64
MAX_MEMORY = 16 << 40
MAX_BLOCKS = 1 << 32
FREE_TYPES = (*MIGRATE_NAMES[:MIGRATE_PCPTYPES], "HighAtomic", "CMA")
"""Migratetypes that free blocks of a scenario can have."""
SYSCTLS = (
    "min_free_kbytes", "watermark_scale_factor", "watermark_boost_factor", "extfrag_threshold",
    "percpu_pagelist_high_fraction", "defrag_mode", "lowmem_reserve_ratio",
)  # fmt: skip
"""Files of /proc/sys/vm."""
CGROUP = ("memcg_charged", "memcg_reclaimable", "memcg_killable")
"""Sizes of what else the program's cgroup holds."""
FILES = ("buddyinfo", "pagetypeinfo", "zoneinfo")
"""Files of /proc."""


def _order(name: str) -> tuple[str, str] | None:
    if name.isascii() and name.isdecimal() and len(name) <= 2 and str(int(name)) == name:
        return None
    return f"an order is a number, not {show(name)}", "{ 0 = 30, 4 = 2 }: 30 blocks of order 0, two of order 4"


def _order_or_type(name: str) -> tuple[str, str] | None:
    if name in FREE_TYPES or _order(name) is None:
        return None
    hint = nearest(name, FREE_TYPES, most=0) or "{ 0 = 30 } or { Movable = { 0 = 30 }, Unmovable = { 4 = 1 } }"
    return f"free has orders, or migratetypes, but no {show(name)}", hint


class Blocks(Map):
    """Under an order a number of blocks, under a migratetype a table of them: ``{ CMA = { 0 = 30 } }``."""

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """An int, or a dict of ints."""
        if str(path[-1]).isdecimal():
            return self.kind.read(value, path, faults)
        return super().read(value, path, faults)

    def schema(self) -> dict[str, Any]:
        """Either."""
        return {"anyOf": [self.kind.schema(), super().schema()]}


def _size(doc: str, default: str, words: str = 'at most 16T, in bytes or as text: "1M"') -> tuple[Size, str, str]:
    return Size(0, MAX_MEMORY, words), doc, default


_NUMBER = Int(0, MAX_BLOCKS)
_FREE = Map(
    "free",
    "Free blocks by order, or by migratetype and order.",
    Blocks("free", "Free blocks by order.", _NUMBER, _order, "orders and numbers of blocks"),
    _order_or_type,
    "orders and numbers of blocks",
)

FRAGMENT = Table(
    "fragment",
    "Memory that has been in use for long, made from a seed. Most units (blocks of the highest order) are nearly full "
    "and few are nearly empty; most free blocks have order 0 to 3.",
    Key("seed", Int(0, (1 << 53) - 1), "Another seed is another machine of the same kind.", "1"),
    Key("free", Share(), "Share of the zone's pages that are free; it is met as nearly as whole pages allow.", "0.2"),
    Key("unmovable", Share(), "Share of the zone's pageblocks that are of type Unmovable.", "0.05"),
    Key("reclaimable", Share(), "Share of the zone's pageblocks that are of type Reclaimable (slab caches).", "0.02"),
    Key(
        "polluted",
        Share(),
        "Share of the Movable pageblocks in which some pages, at most a few dozen, are unmovable.",
        "0.1",
    ),
    Key(
        "file",
        Share(),
        "Share, more or less, of the movable pages in use that are clean page cache; the others are anonymous.",
        "0.5",
    ),
    Key(
        "order",
        Int(1, 13),
        "Free blocks of this order and above are rare, as on a phone that has been up for hours: `order = 4` leaves "
        "hardly any of 64K where pages have 4K.",
        "no such bound",
    ),
)

_ZONE = (
    Key(
        "size",
        Size(1, MAX_MEMORY, 'one page … 16T, in bytes or as text: "64M"'),
        "Size of the zone, a multiple of the page size.",
        '"64M"; with `free` as large as the blocks need',
    ),
    Key(
        "free",
        _FREE,
        "These free blocks and nothing else, by order: `{ 0 = 30, 4 = 2 }`, or by migratetype and order: "
        "`{ Movable = { 0 = 30 }, Unmovable = { 4 = 1 } }`. The buddy of each is in use.",
        "a fresh zone",
    ),
    Key(
        "min",
        Size(0, MAX_MEMORY, 'pages as an integer, or bytes as text: "1M"', pages=True),
        "The min watermark: an integer counts pages, text counts bytes.",
        "the kernel's; 0 with `free`",
    ),
    Key(
        "used",
        Choice("unmovable", "movable", "file", "slab", "pinned"),
        "With `free`: what the pages between the blocks are: kernel memory, anonymous pages, clean page cache, slab "
        "caches, or pages on the LRU that can't be moved.",
        "unknown, which nothing can free or move",
    ),
    Key("fragment", FRAGMENT, "Memory that has been in use for long, instead of a fresh zone."),
    Key("cma", *_size("How much of a fresh zone is CMA, at its end, in whole pageblocks.", "0")),
    Key("highatomic", *_size("How much of a fresh zone is reserved for HIGHATOMIC, in whole pageblocks.", "0")),
)
ZONE = Table(
    "[[memory.node.zone]]",
    "A zone of a node; `[[memory.zone]]` where there is one node. DMA ends at 16M (at most 15M of it), DMA32 at 4G (at "
    "most 3584M of it with 4K pages, 2G with 16K, 1G with 64K); Normal and then Movable come behind. DMA and DMA32 are "
    "node 0's.",
    Key("name", Choice(*ZONE_NAMES), "Which zone.", required=True),
    *_ZONE,
)
NODE = Table(
    "[[memory.node]]",
    "A NUMA node with one zone, or with `[[memory.node.zone]]`; the first is node 0.",
    *_ZONE,
    Key("zone", Tables(ZONE, len(ZONE_NAMES)), "Its zones, instead of one zone of its own.", "one zone, Normal"),
    Key("cpus", Several(Int(0, MAX_CPU), "a list of CPUs", distinct=True), "Its CPUs; the others are node 0's.", "[]"),
)

_FILE = Str('the name of a file beside the scenario: "proc/buddyinfo"')
MEMORY = Table(
    "[memory]",
    "One zone: fresh, of given blocks, or aged; or zones, or nodes, or what files of a real machine say.",
    *_ZONE,
    Key("zone", Tables(ZONE, len(ZONE_NAMES)), "Zones of one node, instead of one zone.", "one zone, Normal"),
    Key("node", Tables(NODE, MAX_NODES), "NUMA nodes, instead of `size`, `free` and `min`.", "one node"),
    Key("buddyinfo", _FILE, "Zones and free blocks as this copy of /proc/buddyinfo has them: a file in the scenario's "
        "folder."),
    Key("pagetypeinfo", _FILE, "Free blocks and pageblocks by migratetype, as this copy of /proc/pagetypeinfo has "
        "them."),
    Key("zoneinfo", _FILE, "Sizes, watermarks, reserves and the use of pages, as this copy of /proc/zoneinfo has "
        "them."),
    Key("swap", Boolean(), "There is swap space for the background's anonymous pages.", "true"),
    Key("pcp", Boolean(), "The CPUs have page lists of their own.", "true with `fragment`, zones and files of /proc"),
    Key("min_free_kbytes", Int(0, (1 << 31) - 1), "/proc/sys/vm/min_free_kbytes.", "the kernel's"),
    Key("watermark_scale_factor", Int(1, 3000), "/proc/sys/vm/watermark_scale_factor.", "10"),
    Key("watermark_boost_factor", Int(0, (1 << 31) - 1), "/proc/sys/vm/watermark_boost_factor.", "15000"),
    Key("extfrag_threshold", Int(0, 1000), "/proc/sys/vm/extfrag_threshold.", "500"),
    Key("percpu_pagelist_high_fraction", Int(0, (1 << 31) - 1), "/proc/sys/vm/percpu_pagelist_high_fraction: 0, or at "
        "least 8.", "0"),
    Key("defrag_mode", Int(0, 1), "/proc/sys/vm/defrag_mode (from 6.15 on).", "0"),
    Key("lowmem_reserve_ratio", Several(Int(0, (1 << 31) - 1), "a list of numbers"),
        "/proc/sys/vm/lowmem_reserve_ratio: of DMA, DMA32, Normal and Movable.", "[256, 256, 32, 0]"),
    Key("memcg_limit", *_size("What the program's cgroup may use, rounded down to pages.", "no limit")),
    Key("memcg_charged", *_size("What else is charged to the program's cgroup at the start.", "0")),
    Key("memcg_reclaimable", *_size("How much of `memcg_charged` reclaim can free.", "0")),
    Key("memcg_killable", *_size("How much of `memcg_charged` goes if the OOM killer kills a task of it.", "0")),
)  # fmt: skip

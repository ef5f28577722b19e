# SPDX-License-Identifier: GPL-2.0-only
"""What /proc/buddyinfo, /proc/pagetypeinfo and /proc/zoneinfo of a real machine say, zone by zone.

The three are read one after the other on a machine that goes on working, so their numbers may differ a little:
buddyinfo's count.  What no machine can be (a zone that one of them lacks, more free pages than managed ones) is an
error.  Lines that say nothing of use are passed over.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from kernelmodel.arch import Arch
from kernelmodel.defs import MIGRATE_NAMES, ZONE_NAMES
from kernelmodel.mm.extfrag import free_pages
from kernelmodel.proc.read_free import BUDDYINFO, PAGETYPEINFO, Types, read_buddyinfo, read_pagetypeinfo
from kernelmodel.proc.read_zoneinfo import (
    LRU,
    SLAB,
    ZONEINFO,
    Pageset,
    Zone,
    pagesets,
    populated,
    protection,
    read_zoneinfo,
)
from kernelmodel.proc.reading import MAX_TEXT, Key, Remark, Remarks, Row, TooMany

__all__ = ["Pageset", "Parsed", "Remark", "ZoneText", "parse"]


class ZoneText(NamedTuple):
    """A populated zone.  None: no text says so (there is no zoneinfo, or its release has no such line)."""

    node: int
    name: str
    """DMA, DMA32, Normal or Movable."""
    free: dict[str, tuple[int, ...]]
    """Free blocks per order, by migratetype (defs.MIGRATE_NAMES); all under ``""`` if there is only buddyinfo."""
    blocks: dict[str, int]
    """Pageblocks by migratetype; empty without pagetypeinfo."""
    managed: int | None = None
    present: int | None = None
    spanned: int | None = None
    start_pfn: int | None = None
    min: int | None = None
    low: int | None = None
    high: int | None = None
    promo: int | None = None
    """The four marks without the boost, which zoneinfo prints as part of them."""
    boost: int | None = None
    protection: tuple[int, ...] = ()
    """lowmem_reserve[] by the highest zone that a request may use, ZONE_DMA … ZONE_MOVABLE; () if no text says so."""
    pcp: tuple[Pageset, ...] = ()
    lru: dict[str, int] = {}  # noqa: RUF012 - no one stores into it
    """``nr_zone_inactive_anon`` … ``nr_zone_unevictable`` and ``nr_mlock``, in pages."""
    slab: dict[str, int] = {}  # noqa: RUF012
    """``nr_slab_reclaimable`` and ``nr_slab_unreclaimable`` of the node, in pages; its first zone has them."""
    cma: int | None = None


class Parsed(NamedTuple):
    """The zones by node and then type, or what is wrong with the texts."""

    zones: tuple[ZoneText, ...]
    errors: tuple[Remark, ...] = ()
    """If there are any, ``zones`` is empty."""
    notes: tuple[Remark, ...] = ()


def parse(buddyinfo: str | None, pagetypeinfo: str | None, zoneinfo: str | None, arch: Arch) -> Parsed:
    """Read what is there of the three texts (at most 1 MiB each; any release from 6.5 on)."""
    remarks = Remarks()
    zones: list[ZoneText] = []
    with suppress(TooMany):
        zones = _read(buddyinfo, pagetypeinfo, zoneinfo, arch, remarks)
    return Parsed(() if remarks.errors else tuple(zones), tuple(sorted(remarks.errors)), tuple(sorted(remarks.notes)))


def _read(
    buddyinfo: str | None, pagetypeinfo: str | None, zoneinfo: str | None, arch: Arch, remarks: Remarks
) -> list[ZoneText]:
    for file, text in ((BUDDYINFO, buddyinfo), (PAGETYPEINFO, pagetypeinfo), (ZONEINFO, zoneinfo)):
        if text is not None and len(text) > MAX_TEXT:
            remarks.error(file, 1, 1, f"more than {MAX_TEXT >> 20} MiB")
    if remarks.errors:
        return []
    buddy = read_buddyinfo(buddyinfo, arch, remarks) if buddyinfo is not None else None
    types = read_pagetypeinfo(pagetypeinfo, arch, remarks) if pagetypeinfo is not None else None
    info = read_zoneinfo(zoneinfo, remarks) if zoneinfo is not None else None
    if buddy is None and types is None:
        remarks.error(ZONEINFO, 1, 1, "zoneinfo does not say which blocks are free: give buddyinfo or pagetypeinfo too")
    if not remarks.errors:
        same_zones(buddy, types, info, remarks)
    if remarks.errors:
        return []
    keys = sorted(buddy or (types.free if types else ()), key=lambda key: (key[0], ZONE_NAMES.index(key[1])))
    return [one_zone(key, buddy, types, info, arch, remarks) for key in keys]


def same_zones(
    buddy: dict[Key, Row] | None, types: Types | None, info: dict[Key, Zone] | None, remarks: Remarks
) -> None:
    """All texts must have the same populated zones."""
    texts: dict[str, dict[Key, int]] = {}
    if buddy is not None:
        texts[BUDDYINFO] = {key: row.line for key, row in buddy.items()}
    if types is not None:
        texts[PAGETYPEINFO] = {key: line for key, (line, _) in types.blocks.items()}
    if info is not None:
        texts[ZONEINFO] = {key: zone.line for key, zone in info.items() if populated(zone)}
    for file, zones in texts.items():
        for other, theirs in texts.items():
            for key, line in zones.items():
                if key not in theirs:
                    remarks.error(file, line, 1, f"{other} has no such zone with memory")


def one_zone(
    key: Key, buddy: dict[Key, Row] | None, types: Types | None, info: dict[Key, Zone] | None, arch: Arch,
    remarks: Remarks,
) -> ZoneText:  # fmt: skip
    """Put together what the texts say of one zone."""
    file, line = (BUDDYINFO, buddy[key].line) if buddy is not None else (PAGETYPEINFO, 1)
    free = {"": buddy[key].numbers} if buddy is not None else {}
    blocks: dict[str, int] = {}
    if types is not None:
        line_of_blocks, blocks = types.blocks[key]
        line = line if buddy is not None else line_of_blocks
        free = free_by_type(types.free[key], buddy[key].numbers if buddy is not None else None, remarks)
    pages = sum(map(free_pages, free.values()))
    if blocks and pages > sum(blocks.values()) << arch.pageblock_order:
        remarks.error(file, line, 1, "more free pages than the zone's pageblocks have")
    if info is None:
        return ZoneText(*key, free, blocks)
    numbers = info[key].numbers
    if pages > numbers["managed"]:
        remarks.error(file, line, 1, "more free pages than zoneinfo says are managed")
    elif abs(pages - numbers["free"]) > numbers["managed"] // 100:
        words = f"{file} has {pages} free pages, zoneinfo {numbers['free']}"
        remarks.note(ZONEINFO, info[key].line, f"{words}: read at different times; the first number is used")
    boost = numbers.get("boost", 0)
    return ZoneText(
        *key, free, blocks, numbers["managed"], numbers["present"], numbers["spanned"], numbers["start_pfn"],
        numbers["min"] - boost, numbers["low"] - boost, numbers["high"] - boost,
        numbers["promo"] - boost if "promo" in numbers else None, boost, protection(info, key, remarks),
        pagesets(info[key]), {name: numbers[name] for name in sorted(LRU & numbers.keys())},
        {name: numbers[name] for name in sorted(SLAB & numbers.keys())}, numbers.get("cma"),
    )  # fmt: skip


def free_by_type(rows: dict[str, Row], total: tuple[int, ...] | None, remarks: Remarks) -> dict[str, tuple[int, ...]]:
    """Free blocks by type and order, so that they add up to buddyinfo's, if that is there.

    What is too little is added where the kernel stopped counting (movable blocks first), else where most blocks are;
    what is too much is taken from the largest numbers.
    """
    counts = {name: list(rows[name].numbers) for name in MIGRATE_NAMES if name in rows}
    before = sum(map(free_pages, counts.values()))
    adjusted = unsure = False
    for order in range(len(next(iter(counts.values())))):
        open_ended = sorted(
            (name for name in counts if order in rows[name].atleast), key=lambda name: name != "Movable"
        )
        if total is None:
            for name in open_ended:
                words = f"how many blocks of order {order} there are is not said: give buddyinfo too"
                remarks.error(PAGETYPEINFO, rows[name].line, 1, words)
            continue
        largest = sorted(counts, key=lambda name: counts[name][order], reverse=True)
        off = total[order] - sum(counts[name][order] for name in counts)
        unsure = unsure or len(open_ended) > 1
        adjusted = adjusted or off < 0 or (off > 0 and not open_ended)
        if off > 0:
            counts[(open_ended or largest)[0]][order] += off
        for name in largest if off < 0 else ():
            taken = min(counts[name][order], -off)
            counts[name][order] -= taken
            off += taken
    line = min(row.line for row in rows.values())
    if adjusted and total is not None:
        words = f"{before} free pages, {free_pages(total)} in buddyinfo"
        remarks.note(PAGETYPEINFO, line, f"{words}: read at different times; buddyinfo's numbers are used")
    if unsure:
        remarks.note(
            PAGETYPEINFO, line, "of several types there are more blocks than it counts: the movable one has the rest"
        )
    return {name: tuple(row) for name, row in counts.items()}

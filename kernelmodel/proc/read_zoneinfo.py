# SPDX-License-Identifier: GPL-2.0-only
"""Reading /proc/zoneinfo (its format: Linux mm/vmstat.c, zoneinfo_show_print(), 6.5 to 7.1)."""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.defs import ZONE_NAMES
from kernelmodel.proc.reading import HEAD, Key, Remarks, Word, is_row, lines, number, words, zone_key

ZONEINFO = "zoneinfo"
PLAIN = frozenset({"boost", "min", "low", "high", "promo", "spanned", "present", "managed", "cma"})
ORDERED = (("boost", "min"), ("min", "low"), ("low", "high"))
NEEDED = ("free", "min", "low", "high", "spanned", "present", "managed", "start_pfn")
LRU = frozenset(
    {f"nr_zone_{which}" for which in ("inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable")}
    | {"nr_mlock"}
)
SLAB = frozenset({"nr_slab_reclaimable", "nr_slab_unreclaimable"})
PAGESET = {"count:": "pages", "high:": "high", "batch:": "batch", "high_min:": "high_min", "high_max:": "high_max"}
"""Words before the numbers that are read; every other line is passed over."""
MAX_BATCH = 1024
"""zone_batchsize() gives 1 … 63 with 4K pages and less with larger ones; that many are moved for one page."""


class Pageset(NamedTuple):
    """One CPU's page lists of a zone, in pages; ``high_min`` and ``high_max`` only where the release prints them."""

    cpu: int
    pages: int = 0
    """pcp->count."""
    high: int = 0
    batch: int = 1
    high_min: int | None = None
    high_max: int | None = None


class Zone(NamedTuple):
    """The numbers of one zone as they stand there."""

    line: int
    numbers: dict[str, int]
    protection: dict[int, tuple[int, ...]]
    """By line; one at most."""
    pagesets: dict[int, dict[str, int]]


def read_zoneinfo(text: str, remarks: Remarks) -> dict[Key, Zone]:
    """Every zone of the text, populated or not, in its order."""
    found: dict[Key, Zone] = {}
    zone: Zone | None = None
    pageset: dict[str, int] | None = None
    for line, row in lines(text):
        if is_row(row):
            zone, pageset = _head(remarks, line, row, found), None
            continue
        spelled = words(row)
        if zone is None or len(spelled) < 2:
            continue
        name, value = spelled[0].text, spelled[1]
        if name == "protection:":
            _protection(remarks, line, row, zone)
        elif name == "cpu:":
            cpu = number(remarks, ZONEINFO, line, value)
            if cpu in zone.pagesets:
                remarks.error(ZONEINFO, line, value.col, "this CPU has its lists already")
            pageset = zone.pagesets.setdefault(cpu, {})
        elif name in PAGESET and pageset is not None:
            _store(remarks, line, pageset, PAGESET[name], value)
            if name == "batch:" and not 1 <= pageset.get("batch", 1) <= MAX_BATCH:
                remarks.error(ZONEINFO, line, value.col, f"a batch is 1 … {MAX_BATCH} pages")
        elif name == "start_pfn:":
            _store(remarks, line, zone.numbers, "start_pfn", value)
        elif name == "pages" and len(spelled) == 3 and value.text == "free":
            _store(remarks, line, zone.numbers, "free", spelled[2])
        elif name in PLAIN or name in LRU or name in SLAB:
            _store(remarks, line, zone.numbers, name, value)
    if not found and not remarks.any_of(ZONEINFO):
        remarks.error(ZONEINFO, 1, 1, "there is no zone here")
    if not remarks.any_of(ZONEINFO):
        _check_zones(found, remarks)
    return found


def _head(remarks: Remarks, line: int, row: str, found: dict[Key, Zone]) -> Zone | None:
    head = HEAD.match(row)
    if head is None or head.group(3) or words(row, head.end()):
        remarks.error(ZONEINFO, line, 1, "a zone begins here with: Node N, zone NAME")
        return None
    key = zone_key(remarks, ZONEINFO, line, head, any_name=True)
    if key is None:
        return None
    if key in found:
        remarks.error(ZONEINFO, line, 1, f"this zone stands here already, from line {found[key].line} on")
        return None
    zone = found[key] = Zone(line, {}, {}, {})
    return zone


def _store(remarks: Remarks, line: int, numbers: dict[str, int], name: str, word: Word) -> None:
    value = number(remarks, ZONEINFO, line, word)
    if name in numbers:
        remarks.error(ZONEINFO, line, word.col, "this zone has that number already")
    elif value >= 0:
        numbers[name] = value


def _protection(remarks: Remarks, line: int, row: str, zone: Zone) -> None:
    """``protection: (0, 3019, 9163, 9163)``."""
    inner = row.replace("(", " ").replace(",", " ").replace(")", " ")
    values = tuple(number(remarks, ZONEINFO, line, word) for word in words(inner)[1:])
    zone.protection[line] = values


def _check_zones(found: dict[Key, Zone], remarks: Remarks) -> None:
    """What must be there of a populated zone, and hang together."""
    for (_, name), zone in found.items():
        numbers = zone.numbers
        if not populated(zone):
            continue
        if name not in ZONE_NAMES:
            remarks.error(ZONEINFO, zone.line, 1, f"a populated zone; zones here are {', '.join(ZONE_NAMES)}")
        missing = [each for each in NEEDED if each not in numbers]
        if missing:
            remarks.error(ZONEINFO, zone.line, 1, f"of this zone there is no {', '.join(missing)}")
            continue
        for less, more in (*ORDERED, ("managed", "present"), ("present", "spanned"), ("free", "managed")):
            if numbers.get(less, 0) > numbers[more]:
                remarks.error(
                    ZONEINFO, zone.line, 1, f"{less} is more than {more} in this zone"
                )


def populated(zone: Zone) -> bool:
    """Has it pages?  What lacks the number is taken for populated, so that the lack is told."""
    return zone.numbers.get("present", 1) > 0


def pagesets(zone: Zone) -> tuple[Pageset, ...]:
    """Each CPU's lists."""
    return tuple(Pageset(cpu, **numbers) for cpu, numbers in sorted(zone.pagesets.items()))


def protection(found: dict[Key, Zone], key: Key, remarks: Remarks) -> tuple[int, ...]:
    """lowmem_reserve[] of a zone for the four zones of the model; () if the text does not say.

    The kernel's array has a number for each zone that it is built with, and zoneinfo lists all of them for each node.
    """
    for line, values in found[key].protection.items():
        names = [name for node, name in found if node == key[0]]
        if len(values) != len(names):
            remarks.error(ZONEINFO, line, 1, f"{len(values)} numbers here, but the node has {len(names)} zones")
            continue
        known, last, reserve = dict(zip(names, values, strict=True)), 0, []
        for name in ZONE_NAMES:
            last = known.get(name, last)
            reserve.append(last)
        return tuple(reserve)
    return ()

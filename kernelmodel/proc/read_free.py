# SPDX-License-Identifier: GPL-2.0-only
"""Reading /proc/buddyinfo and /proc/pagetypeinfo (their formats: Linux mm/vmstat.c, 6.5 to 7.1)."""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.arch import Arch
from kernelmodel.defs import MIGRATE_NAMES
from kernelmodel.proc.reading import (
    HEAD,
    Key,
    Remarks,
    Row,
    cells,
    free_cells,
    is_row,
    lines,
    number,
    words,
    zone_key,
)

BUDDYINFO, PAGETYPEINFO = "buddyinfo", "pagetypeinfo"
ALWAYS = MIGRATE_NAMES[:4]
"""Types that every kernel has; the others depend on its configuration."""


class Types(NamedTuple):
    """What pagetypeinfo says of each zone."""

    free: dict[Key, dict[str, Row]]
    blocks: dict[Key, tuple[int, dict[str, int]]]
    """(line, pageblocks by type)"""


def read_buddyinfo(text: str, arch: Arch, remarks: Remarks) -> dict[Key, Row]:
    """Free blocks per order of each zone."""
    found: dict[Key, Row] = {}
    for line, row in lines(text):
        if not is_row(row):
            continue
        head = HEAD.match(row)
        if head is None or head.group(3):
            remarks.error(BUDDYINFO, line, 1, "a row here is: Node N, zone NAME, and a number for each order")
            continue
        key = zone_key(remarks, BUDDYINFO, line, head)
        if key is None:
            continue
        if key in found:
            remarks.error(BUDDYINFO, line, 1, f"this zone has a row already, in line {found[key].line}")
            continue
        free = free_cells(remarks, BUDDYINFO, line, words(row, head.end()), arch)
        if free is not None and free.atleast:
            remarks.error(BUDDYINFO, line, 1, "only pagetypeinfo has numbers with '>'")
        elif free is not None:
            found[key] = free
    if not found and not remarks.any_of(BUDDYINFO):
        remarks.error(BUDDYINFO, 1, 1, "there is no row of a zone here")
    return found


def read_pagetypeinfo(text: str, arch: Arch, remarks: Remarks) -> Types:
    """Free blocks per type and order, and pageblocks per type; further tables are passed over."""
    free: dict[Key, dict[str, Row]] = {}
    blocks: dict[Key, tuple[int, dict[str, int]]] = {}
    names: list[str] | None = None
    for line, row in lines(text):
        if is_row(row):
            head = HEAD.match(row)
            key = zone_key(remarks, PAGETYPEINFO, line, head) if head is not None else None
            if head is None:
                remarks.error(PAGETYPEINFO, line, 1, "a row here is: Node N, zone NAME, [type NAME,] and numbers")
            elif key is not None and head.group(3):
                _free_row(remarks, arch, line, row, free.setdefault(key, {}))
            elif key is not None and names is not None:
                _block_row(remarks, line, row, key, names, blocks)
        elif row.startswith(("Number of ", "Free pages count")):
            names = _columns(remarks, line, row) if row.startswith("Number of blocks type") else None
        elif row.startswith(("Page block order:", "Pages per block:")):
            _geometry(remarks, arch, line, row)
    if not remarks.any_of(PAGETYPEINFO):
        _check_types(free, blocks, remarks)
    return Types(free, blocks)


def _check_types(
    free: dict[Key, dict[str, Row]], blocks: dict[Key, tuple[int, dict[str, int]]], remarks: Remarks
) -> None:
    """Is there a row for everything?"""
    if not free:
        remarks.error(PAGETYPEINFO, 1, 1, "there is no row of a zone here")
    for key, types in free.items():
        first = next(iter(types.values())).line
        missing = [name for name in ALWAYS if name not in types]
        if missing:
            remarks.error(PAGETYPEINFO, first, 1, f"this zone has no row for {', '.join(missing)}")
        if key not in blocks:
            remarks.error(PAGETYPEINFO, first, 1, "this zone has no row in the table of pageblocks")
    for key, (line, _) in blocks.items():
        if key not in free:
            remarks.error(PAGETYPEINFO, line, 1, "this zone has no row in the table of free blocks")


def _free_row(remarks: Remarks, arch: Arch, line: int, row: str, types: dict[str, Row]) -> None:
    head = HEAD.match(row)
    assert head is not None
    name = head.group(3)
    if name not in MIGRATE_NAMES:
        remarks.error(PAGETYPEINFO, line, head.start(3) + 1, f"types are {', '.join(MIGRATE_NAMES)}")
    elif name in types:
        remarks.error(PAGETYPEINFO, line, 1, f"this zone and type have a row already, in line {types[name].line}")
    elif (found := free_cells(remarks, PAGETYPEINFO, line, words(row, head.end()), arch)) is not None:
        types[name] = found


def _block_row(
    remarks: Remarks, line: int, row: str, key: Key, names: list[str], blocks: dict[Key, tuple[int, dict[str, int]]]
) -> None:
    head = HEAD.match(row)
    assert head is not None
    found = cells(remarks, PAGETYPEINFO, line, words(row, head.end()), len(names), "one for each type of the heading")
    if found is None:
        return
    if key in blocks:
        remarks.error(PAGETYPEINFO, line, 1, f"this zone has a row already, in line {blocks[key][0]}")
    elif found.atleast:
        remarks.error(PAGETYPEINFO, line, 1, "only free blocks have numbers with '>'")
    else:
        blocks[key] = line, dict(zip(names, found.numbers, strict=True))


def _columns(remarks: Remarks, line: int, row: str) -> list[str] | None:
    """The types at the head of the table of pageblocks."""
    found = words(row, len("Number of blocks type"))
    for word in found:
        if word.text not in MIGRATE_NAMES:
            remarks.error(PAGETYPEINFO, line, word.col, f"types are {', '.join(MIGRATE_NAMES)}")
            return None
    names = [word.text for word in found]
    for k, word in enumerate(found):
        if word.text in names[:k]:
            remarks.error(PAGETYPEINFO, line, word.col, "this type has a column already")
            return None
    return names


def _geometry(remarks: Remarks, arch: Arch, line: int, row: str) -> None:
    """The size of a pageblock must be the architecture's."""
    found = words(row, row.index(":") + 1)
    want = arch.pageblock_order if row.startswith("Page block order") else 1 << arch.pageblock_order
    value = number(remarks, PAGETYPEINFO, line, found[0]) if found else -1
    if value >= 0 and value != want:
        remarks.error(PAGETYPEINFO, line, found[0].col, f"not that of {arch.name}, which is {want}")

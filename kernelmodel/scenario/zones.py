# SPDX-License-Identifier: GPL-2.0-only
"""Rules of a scenario that concern one zone: its size, its free blocks, what the rest is used for."""

from __future__ import annotations

from typing import Any

from kernelmodel.defs import MIGRATE_NAMES
from kernelmodel.memory.places import MAX_DMA, distance, max_dma32, pages_needed, plain_cost
from kernelmodel.scenario.faults import KeyPath
from kernelmodel.scenario.memory_keys import MAX_MEMORY
from kernelmodel.scenario.mm import Context
from kernelmodel.scenario.types import Fragment, ZoneSpec

DEFAULT_SIZE = 64 << 20
Lists = tuple[tuple[int, int, int], ...]
"""(migratetype, order, number of blocks), ascending."""


def read_zone(ctx: Context, table: dict[str, Any], path: KeyPath, name: str = "Normal") -> ZoneSpec:
    """A zone from its keys, which stand in the table at ``path``."""
    assert ctx.arch is not None
    excluding(ctx, table, path)
    size = table.get("size", None if "free" in table else default_size(ctx, name))
    marks = read_min(ctx, table, size, path)
    if size is not None and not ctx.aligned(size, (*path, "size"), "size"):
        size = None
    size = most(ctx, size, name, path)
    if "free" in table:
        return zone_of_free(ctx, table, path, ZoneSpec(name, size, None, marks, used=table.get("used", "")))
    if "fragment" in table:
        fragment = read_fragment(ctx, table["fragment"], (*path, "fragment"))
        return ZoneSpec(name, size, None, marks, fragment=fragment)
    block = ctx.arch.page_size << ctx.arch.pageblock_order
    cma, highatomic = (-(-table.get(key, 0) // block) * block for key in ("cma", "highatomic"))
    if size is not None and cma + highatomic > size - size % (ctx.arch.page_size << ctx.arch.max_order):
        key = "cma" if cma else "highatomic"
        ctx.faults.add((*path, key), "cma and highatomic need more than the zone has", "whole pageblocks, at its end")
    return ZoneSpec(name, size, None, marks, cma=cma, highatomic=highatomic)


def zone_of_free(ctx: Context, table: dict[str, Any], path: KeyPath, zone: ZoneSpec) -> ZoneSpec:
    """A zone of given blocks: plain where they are movable, not too many, and nothing is said of the rest."""
    assert ctx.arch is not None
    lists = read_free(ctx, table["free"], (*path, "free"))
    low = zone.name.startswith("DMA")
    cost = plain_cost(ctx.arch, lists)
    plain = not low and not zone.used and all(order.isdecimal() for order in table["free"]) and cost <= ctx.plain_left
    if not blocks_fit(ctx, lists, zone.size, (*path, "free"), plain):
        lists = ()
    if plain:
        ctx.plain_left -= cost
        return zone._replace(free=tuple((order, number) for _, order, number in lists))
    if low and zone.size is None:  # where it starts follows from its size
        need = pages_needed(ctx.arch, lists) << ctx.arch.page_shift
        zone = zone._replace(size=most(ctx, need or default_size(ctx, zone.name), zone.name, path))
    return zone._replace(lists=lists)


def default_size(ctx: Context, name: str) -> int:
    """Of a fresh zone."""
    return MAX_DMA if name == "DMA" else DEFAULT_SIZE


def most(ctx: Context, size: int | None, name: str, path: KeyPath) -> int | None:
    """The size, or None (and told) if a zone of that name can't be as large."""
    assert ctx.arch is not None
    limit = {"DMA": MAX_DMA, "DMA32": max_dma32(ctx.arch)}.get(name, MAX_MEMORY)
    if size is None or size <= limit:
        return size
    where = "16M" if name == "DMA" else "4G"
    message = f"{name} ends at {where} and has at most {limit >> 20}M on {ctx.arch.name}, not {size:,} bytes"
    ctx.faults.add((*path, "size"), message, "put the rest into Normal")
    return None


def excluding(ctx: Context, table: dict[str, Any], path: KeyPath) -> None:
    """Tell of keys that contradict each other."""
    for key in ("fragment", "cma", "highatomic"):
        if key in table and "free" in table:
            hint = "free blocks have their types: { CMA = { 10 = 1 } }"
            ctx.faults.add((*path, key), f"{key!r} and 'free' exclude each other", hint, key=True)
    for key in ("cma", "highatomic"):
        if key in table and "fragment" in table:
            message = f"{key!r} and 'fragment' exclude each other"
            ctx.faults.add((*path, key), message, f"{key} is a part of a fresh zone", key=True)
    if "used" in table and "free" not in table:
        ctx.faults.add((*path, "used"), "'used' needs 'free'", "it tells what is between the free blocks", key=True)


def read_min(ctx: Context, table: dict[str, Any], size: int | None, path: KeyPath) -> int | None:
    """WMARK_MIN in pages."""
    assert ctx.arch is not None
    low = table.get("min")
    pages: int | None = None if low is None else low[0] >> ctx.arch.page_shift if low[1] == "bytes" else low[0]
    if pages is not None and size is not None and pages > size >> ctx.arch.page_shift:
        message = f"{pages} pages are more than the zone has"
        ctx.faults.add((*path, "min"), message, "an integer counts pages, text bytes")
    return pages


def read_free(ctx: Context, free: dict[str, Any], path: KeyPath) -> Lists:
    """``free`` in either form."""
    assert ctx.arch is not None
    typed = [name for name in free if not name.isdecimal()]
    if typed and len(typed) < len(free):
        message = "orders and migratetypes stand side by side"
        ctx.faults.add(path, message, "orders alone are Movable: { Movable = { 0 = 30 }, Unmovable = { 4 = 1 } }")
        return ()
    found: list[tuple[int, int, int]] = []
    for name, table in free.items() if typed else (("Movable", free),):
        for order, number in table.items():
            where = (*path, name, order) if typed else (*path, order)
            if int(order) > ctx.arch.max_order:
                hint = f"the highest is {ctx.arch.max_order}"
                ctx.faults.add(where, f"no block has order {order}", hint, key=True)
            elif number:
                found.append((MIGRATE_NAMES.index(name), int(order), number))
    return tuple(sorted(found))


def blocks_fit(ctx: Context, lists: Lists, size: int | None, path: KeyPath, plain: bool) -> bool:
    """Can a zone of ``size`` bytes (None: any) hold these free blocks, the buddy of each in use?"""
    assert ctx.arch is not None
    if plain:
        need = sum(number * distance(ctx.arch, order) for _, order, number in lists) << ctx.arch.page_shift
        room = size
    else:
        unit = ctx.arch.page_size << ctx.arch.max_order
        need = pages_needed(ctx.arch, lists) << ctx.arch.page_shift
        room = None if size is None else size // unit * unit
    if need <= MAX_MEMORY and (room is None or need <= room):
        return True
    limit = f"the zone has {size:,} bytes" if room is not None and need > room else "memory has at most 16T"
    hint = "the buddy of each block is in use and counts too" if plain else "buddies in use and whole units count too"
    hint = f"{hint}; leave size out" if size is not None else "fewer blocks"
    ctx.faults.add(path, f"these blocks need {need:,} bytes; {limit}", hint)
    return False


def read_fragment(ctx: Context, table: dict[str, Any], path: KeyPath) -> Fragment:
    """``fragment``."""
    found = Fragment(**table)
    if found.unmovable + found.reclaimable > 1:
        message = f"unmovable and reclaimable pageblocks are {found.unmovable + found.reclaimable:g} of all"
        ctx.faults.add(path, message, "together at most 1; the others are Movable")
    return found

# SPDX-License-Identifier: GPL-2.0-only
"""Rules of a scenario that concern the machine: its memory, and the knobs of its kernel."""

from __future__ import annotations

import re
from typing import Any

from kernelmodel.arch import Arch, has_pt_reclaim
from kernelmodel.scenario.faults import KeyPath
from kernelmodel.scenario.keys import BOOT, MAX_MEMORY, THP
from kernelmodel.scenario.kinds import WRONG
from kernelmodel.scenario.mm import Context
from kernelmodel.scenario.tables import Table
from kernelmodel.scenario.types import Boot, Memory, NodeSpec, Thp

MAX_BLOCKS = 65536


# -- memory -------------------------------------------------------------------------------------------
def read_memory(ctx: Context, table: dict[str, Any]) -> Memory:
    """``[memory]``."""
    if ctx.arch is None:
        return Memory()
    limit = table.get("memcg_limit")
    limit = None if limit is None else limit & ctx.arch.page_mask
    if "node" not in table:
        zone = _zone(ctx, table, ("memory",), 64 << 20)
        return Memory(zone.size, limit, zone.free, zone.min)
    for key in ("size", "free", "min"):
        if key in table:
            hint = "each [[memory.node]] has its own"
            ctx.faults.add(("memory", key), f"{key!r} and [[memory.node]] exclude each other", hint, key=True)
    nodes = tuple(_zone(ctx, node, ("memory", "node", i), 64 << 20) for i, node in enumerate(table["node"]))
    owners: dict[int, int] = {}
    for i, node in enumerate(nodes):
        for k, cpu in enumerate(node.cpus):
            if owners.setdefault(cpu, i) != i:
                message = f"CPU {cpu} is on node {owners[cpu]} already"
                ctx.faults.add(("memory", "node", i, "cpus", k), message, "once is enough")
    if not nodes:
        ctx.faults.add(("memory", "node"), "a machine has at least one node")
    return Memory(None, limit, None, None, nodes)


def _zone(ctx: Context, table: dict[str, Any], path: KeyPath, default: int) -> NodeSpec:
    """Size, free blocks and watermark of one zone."""
    assert ctx.arch is not None
    free = table.get("free")
    size = table.get("size", None if "free" in table else default)
    span = size
    if size is not None and not ctx.aligned(size, (*path, "size"), "size"):
        size = None
    blocks = (
        tuple(sorted((int(order), number) for order, number in free.items() if number)) if free is not None else None
    )
    if blocks is not None and not _blocks_fit(ctx, blocks, size, (*path, "free")):
        blocks = ()
    low = table.get("min")
    pages = None if low is None else low[0] >> ctx.arch.page_shift if low[1] == "bytes" else low[0]
    if pages is not None and span is not None and pages > span >> ctx.arch.page_shift:
        ctx.faults.add(
            (*path, "min"), f"{pages} pages are more than the zone has", "an integer counts pages, text bytes"
        )
    cpus = tuple(cpu for cpu in table.get("cpus", ()) if cpu is not WRONG)
    return NodeSpec(size, blocks, pages, cpus)


def _blocks_fit(ctx: Context, blocks: tuple[tuple[int, int], ...], size: int | None, path: KeyPath) -> bool:
    """Can a zone of ``size`` bytes (None: any) hold these free blocks, the buddy of each in use?"""
    assert ctx.arch is not None
    top = ctx.arch.max_order
    good = True
    for order, _ in blocks:
        if order > top:
            ctx.faults.add((*path, str(order)), f"no block has order {order}", f"the highest is {top}", key=True)
            good = False
    total = sum(number for _, number in blocks)
    if total > MAX_BLOCKS:
        ctx.faults.add(
            path, f"{total:,} free blocks (at most {MAX_BLOCKS:,})", "a fresh zone of some size has any number"
        )
        good = False
    if not good:
        return False
    need = sum(number << (order if order == top else order + 1) for order, number in blocks) << ctx.arch.page_shift
    if need > MAX_MEMORY or (size is not None and need > size):
        limit = f"the zone has {size:,} bytes" if size is not None and need > size else "memory has at most 16T"
        hint = "the buddy of each block is in use and counts too; leave size out"
        ctx.faults.add(path, f"these blocks need {need:,} bytes; {limit}", hint if size is not None else "fewer blocks")
        return False
    return True


# -- knobs --------------------------------------------------------------------------------------------
def note_knobs(ctx: Context, table: Table, values: dict[str, Any]) -> None:
    """A note for each knob that the variant does not have."""
    for name in values if ctx.variant is not None else ():
        key = table.key(name)
        if key is not None and key.knob and ctx.variant is not None and key.knob not in ctx.variant.knobs:
            path = (table.title.strip("[]"), name)
            ctx.faults.note(path, f"{ctx.variant.id} has no {name}; the value has no effect")


def read_thp(ctx: Context, table: dict[str, Any]) -> Thp:
    """``[thp]``."""
    note_knobs(ctx, THP, table)
    sizes = []
    for name, value in table.items():
        match = re.fullmatch(r"hugepages-([0-9]+)kB", name)
        if match and ctx.arch is not None:
            ctx.known_size(name, ("thp", name))
            sizes.append((name, str(value)))
    names = ("enabled", "defrag", "use_zero_page", "prctl_thp_disable", "anon_orders", "anon_always_mask")
    plain = {name: table[name] for name in names if name in table}
    return Thp(**plain, per_size=tuple(sizes))


def read_boot(ctx: Context, table: dict[str, Any]) -> Boot:
    """``[boot]``."""
    note_knobs(ctx, BOOT, table)
    if ctx.arch is None:
        return Boot()
    hook, cap = table.get("arch_wants_pte_order"), table.get("flexthp_unhinted_max")
    top = ctx.arch.pmd_order - 1
    if hook is not None and hook > top:
        hint = f"-1 (no wish) … {top} on {ctx.arch.name}"
        ctx.faults.add(("boot", "arch_wants_pte_order"), f"order {hook} is not below the PMD", hint)
    if cap is not None and (cap.bit_count() != 1 or not ctx.arch.page_size <= cap <= ctx.arch.pmd_size):
        size = f"{ctx.arch.page_size >> 10}K … {ctx.arch.pmd_size >> 10}K"
        message = f"flexthp_unhinted_max is no power of two in {size}: the kernel ignores it, and so does the model"
        ctx.faults.note(("boot", "flexthp_unhinted_max"), message)
        cap = None
    policies: tuple[tuple[int, str], ...] = ()
    if "thp_anon" in table and (ctx.variant is None or "thp_anon" in ctx.variant.knobs):
        found = parse_thp_anon(table["thp_anon"], ctx.arch)
        if found is None:
            message = "the kernel can't parse this thp_anon: it ignores all of it with a warning, and so does the model"
            ctx.faults.note(("boot", "thp_anon"), message)
        policies = found or ()
    return Boot(hook, cap, policies, table.get("init_on_alloc", False), table.get("has_transparent_hugepage", True))


def parse_thp_anon(text: str, arch: Arch) -> tuple[tuple[int, str], ...] | None:
    """``16K-64K,256K:always;2M:inherit`` as (order, policy) pairs; None if the kernel would ignore it.

    setup_thp_anon() of Linux 6.12 mm/huge_memory.c: later parts win, and one bad part or size spoils the whole.  Once
    it is taken the PMD order is no longer inherit by default: what is not named is never.
    """
    found: list[tuple[int, str]] = []
    for part in text.split(";"):
        sizes, colon, policy = part.partition(":")
        if not colon or policy not in ("always", "inherit", "madvise", "never"):
            return None
        for piece in sizes.split(","):
            low, dash, high = piece.partition("-")
            ends = [_anon_order(word, arch) for word in ((low, high) if dash else (low,))]
            if any(end is None for end in ends):
                return None
            first, last = ends[0], ends[-1]
            assert first is not None
            assert last is not None
            if first > last:
                return None
            found += [(order, policy) for order in range(first, last + 1)]
    return tuple(found)


_MEMPARSE = re.compile(r"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)([KMGTPEkmgtpe]?)")


def _anon_order(text: str, arch: Arch) -> int | None:
    """get_order_from_str(): memparse() does not look at what follows the size."""
    match = _MEMPARSE.match(text)
    if match is None:
        return None
    digits = match[1]
    base = 16 if digits[:2].lower() == "0x" else 8 if digits[0] == "0" else 10
    size = int(digits, base) << 10 * " KMGTPE".index(match[2].upper() or " ")
    if size.bit_count() != 1 or not arch.page_size << 2 <= size <= arch.pmd_size:
        return None
    return (size >> arch.page_shift).bit_length() - 1


def note_config(ctx: Context, config: dict[str, bool]) -> None:
    """Notes: which configurations the variant can't have, and that none of the others changes anything yet."""
    variant = ctx.variant.id if ctx.variant is not None else ""
    for name in config:
        if name not in ("CONFIG_PT_RECLAIM", "CONFIG_FLEXIBLE_THP"):
            ctx.faults.note(("config", name), f"{name} has no effect in this version")
    lacks = ctx.variant is not None and ctx.arch is not None and not has_pt_reclaim(ctx.variant.release, ctx.arch)
    if config.get("CONFIG_PT_RECLAIM") and lacks:
        where = f"the release of {variant}" + ("" if ctx.arch is None or ctx.arch.name == "x86-64" else " on arm64")
        ctx.faults.note(("config", "CONFIG_PT_RECLAIM"), f"{where} has no CONFIG_PT_RECLAIM; no effect")
    flexible = config.get("CONFIG_FLEXIBLE_THP")
    if flexible is not None and variant in ("v3", "v3-off") and flexible != (variant == "v3"):
        ctx.faults.note(
            ("config", "CONFIG_FLEXIBLE_THP"), "the variant decides this (v3 has it, v3-off has not); no effect"
        )

# SPDX-License-Identifier: GPL-2.0-only
"""Rules of a scenario that concern the machine: its memory, and the knobs of its kernel."""

from __future__ import annotations

import re
from typing import Any

from kernelmodel.arch import Arch, has_pt_reclaim
from kernelmodel.defs import ZONE_NAMES
from kernelmodel.scenario.faults import KeyPath
from kernelmodel.scenario.keys import BOOT, THP
from kernelmodel.scenario.kinds import WRONG
from kernelmodel.scenario.memory_keys import CGROUP, FILES, MAX_MEMORY, SYSCTLS
from kernelmodel.scenario.memory_keys import ZONE as ZONE_TABLE
from kernelmodel.scenario.mm import Context
from kernelmodel.scenario.tables import Table
from kernelmodel.scenario.types import Boot, Memory, NodeSpec, Thp, ZoneSpec
from kernelmodel.scenario.zones import read_zone

ZONE_KEYS = tuple(key.name for key in ZONE_TABLE.keys if key.name != "name")
HINTS = {"node": "each [[memory.node]] has its own", "zone": "each zone has its own"}


# -- memory -------------------------------------------------------------------------------------------
def read_memory(ctx: Context, table: dict[str, Any]) -> Memory:
    """``[memory]``."""
    if ctx.arch is None:
        return Memory()
    limit = table.get("memcg_limit")
    limit = None if limit is None else limit & ctx.arch.page_mask
    more = {"sysctl": read_sysctl(ctx, table), "swap": table.get("swap", True)}
    files = [key for key in FILES if key in table]
    forms = [form for form in (files[:1], ["node"], ["zone"]) if form and form[0] in table]
    for key in [*(form[0] for form in forms[1:]), *(key for key in ZONE_KEYS if key in table)] if forms else ():
        form = forms[0][0]
        words = f"[[memory.{form}]]" if form in HINTS else repr(form)
        hint = HINTS.get(form, "the files say what is there")
        ctx.faults.add(("memory", key), f"{key!r} and {words} exclude each other", hint, key=True)
    if files:
        from kernelmodel.scenario.proc_files import read_proc

        nodes = read_proc(ctx, table, files)
    elif "node" in table:
        nodes = read_nodes(ctx, table["node"])
    elif "zone" in table:
        nodes = (NodeSpec((), read_zones(ctx, table["zone"], ("memory", "zone"), 0)),)
    else:
        zone = read_zone(ctx, table, ("memory",))
        if zone == ZoneSpec(zone.name, zone.size, zone.free, zone.min):
            return Memory(zone.size, limit, zone.free, zone.min, (), table.get("pcp", False), **more)
        nodes = (NodeSpec((), (zone,)),)
    real = bool(files) or "zone" in table or any("zone" in node for node in table.get("node", ()))
    real = real or any(zone.real for node in nodes for zone in node.zones)
    total = sum(zone.size or 0 for node in nodes for zone in node.zones)
    if total > MAX_MEMORY:
        ctx.faults.add(("memory",), f"all zones together have {total:,} bytes", "memory has at most 16T")
    return Memory(None, limit, None, None, nodes, table.get("pcp", real), real, **more)


def read_nodes(ctx: Context, tables: list[dict[str, Any]]) -> tuple[NodeSpec, ...]:
    """Every ``[[memory.node]]``."""
    nodes = []
    owners: dict[int, int] = {}
    for i, table in enumerate(tables):
        path = ("memory", "node", i)
        for key in ZONE_KEYS if "zone" in table else ():
            if key in table:
                message = f"{key!r} and [[memory.node.zone]] exclude each other"
                ctx.faults.add((*path, key), message, HINTS["zone"], key=True)
        several = table.get("zone")
        zones = (read_zone(ctx, table, path),) if several is None else read_zones(ctx, several, (*path, "zone"), i)
        cpus = tuple(cpu for cpu in table.get("cpus", ()) if cpu is not WRONG)
        for k, cpu in enumerate(cpus):
            if owners.setdefault(cpu, i) != i:
                message = f"CPU {cpu} is on node {owners[cpu]} already"
                ctx.faults.add((*path, "cpus", k), message, "once is enough")
        nodes.append(NodeSpec(cpus, zones))
    if not nodes:
        ctx.faults.add(("memory", "node"), "a machine has at least one node")
    return tuple(nodes)


def read_zones(ctx: Context, tables: list[dict[str, Any]], path: KeyPath, node: int) -> tuple[ZoneSpec, ...]:
    """The zones of one node, from low to high."""
    if not tables:
        ctx.faults.add(path, "a node has at least one zone")
    found: dict[str, ZoneSpec] = {}
    for i, table in enumerate(tables):
        name = table.get("name")
        if name is None:
            continue
        if name in found:
            ctx.faults.add((*path, i, "name"), f"two zones have the name {name}", "a node has one zone of each name")
        if node and name.startswith("DMA"):
            hint = "low memory is node 0's; others have Normal and Movable"
            ctx.faults.add((*path, i, "name"), f"node {node} has no {name}", hint)
        found[name] = read_zone(ctx, table, (*path, i), name)
    return tuple(found[name] for name in ZONE_NAMES if name in found)


def read_sysctl(ctx: Context, table: dict[str, Any]) -> tuple[tuple[str, int | tuple[int, ...]], ...]:
    """Knobs of /proc/sys/vm, and the other pages of the program's cgroup."""
    assert ctx.arch is not None
    found: list[tuple[str, int | tuple[int, ...]]] = []
    for name in SYSCTLS:
        if name in table and name != "lowmem_reserve_ratio":
            found.append((name, table[name]))
    if 0 < table.get("percpu_pagelist_high_fraction", 0) < 8:
        where = ("memory", "percpu_pagelist_high_fraction")
        ctx.faults.add(where, "percpu_pagelist_high_fraction must be 0 or at least 8", "the kernel refuses 1 … 7")
    if "defrag_mode" in table and ctx.variant is not None and ctx.variant.release < (6, 15):
        ctx.faults.note(("memory", "defrag_mode"), f"{ctx.variant.id} has no defrag_mode; the value has no effect")
    ratio = table.get("lowmem_reserve_ratio")
    if ratio is not None and WRONG not in ratio:
        if len(ratio) > len(ZONE_NAMES):
            message = f"lowmem_reserve_ratio has {len(ratio)} numbers"
            ctx.faults.add(("memory", "lowmem_reserve_ratio"), message, f"one each of {', '.join(ZONE_NAMES)}")
        default = (256, 256, 32, 0)
        found.append(("lowmem_reserve_ratio", (*ratio, *default[len(ratio) :])))
    for name in CGROUP:
        if name in table:
            found.append((name, table[name] >> ctx.arch.page_shift))
            if name != "memcg_charged" and table[name] > table.get("memcg_charged", 0):
                ctx.faults.add(("memory", name), f"{name} is more than memcg_charged", "it is a part of it")
    if "memcg_limit" in table and table.get("memcg_charged", 0) > table["memcg_limit"]:
        ctx.faults.add(("memory", "memcg_charged"), "memcg_charged is more than memcg_limit", "or raise memcg_limit")
    return tuple(found)


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

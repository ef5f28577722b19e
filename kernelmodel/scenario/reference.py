# SPDX-License-Identifier: GPL-2.0-only
"""What the table of keys says of itself: JSON Schema, ``docs/scenarios.md``, a scenario to start from."""

from __future__ import annotations

from typing import Any

from kernelmodel.scenario.keys import CONFIGS, ROOT, TABLES
from kernelmodel.scenario.tables import Key, Table
from kernelmodel.scenario.text import MAX_BYTES, MAX_KEY_PARTS, MAX_NESTING
from kernelmodel.scenario.verbs import VMA_FLAGS
from kernelmodel.variant_names import SITES, SITES_WITH_ORDER, without_aliases


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a scenario file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "thp-debug scenario",
        **ROOT.schema(),
    }


def docs() -> str:
    """All keys as Markdown, a section a table."""
    parts = [_HEAD.format(bytes=MAX_BYTES >> 20, parts=MAX_KEY_PARTS, nesting=MAX_NESTING)]
    for table in TABLES:
        parts.append(f"## {_title(table)}\n\n{table.doc}\n\n{_rows(table)}")
    parts.append(_sites())
    parts.append("## Flags of a VMA\n\n" + ", ".join(f"`{name}`" for name in VMA_FLAGS) + ".\n")
    parts.append("## [config]\n\nBooleans: " + ", ".join(f"`{name}`" for name in CONFIGS) + ".\n")
    return "\n".join(parts)


def _title(table: Table) -> str:
    return table.title or "The top level"


def _rows(table: Table) -> str:
    """One line a key."""
    lines = ["| key | value | default | meaning |", "|---|---|---|---|", *map(_row, table.keys)]
    return "\n".join(lines) + "\n"


def _row(key: Key) -> str:
    default = "**required**" if key.required else key.default or "–"
    cells = (f"`{key.name}`", key.kind.words, default, key.doc)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _sites() -> str:
    """The sites of answers and who has them."""
    lines = ["## Sites of `answers`\n", "| site | outcomes | variants |", "|---|---|---|"]
    for site, outcomes in SITES.items():
        spelled = f"{site}(order=K)" if site in SITES_WITH_ORDER else site
        has = _who_has(site)
        lines.append(f"| `{spelled}` | {', '.join(f'`{outcome}`' for outcome in outcomes)} | {has} |")
    return "\n".join(lines) + "\n"


def _who_has(site: str) -> str:
    """The variants that have a site, without their aliases; or those that lack it, if they are fewer."""
    own = without_aliases()
    has, lacks = ([each.id for each in own if (site in each.sites) is wanted] for wanted in (True, False))
    if not lacks:
        return "all"
    return ", ".join(has) if len(has) <= len(lacks) else f"all but {', '.join(lacks)}"


def new() -> str:
    """A commented scenario; it loads as it stands."""
    return _NEW


_HEAD = """# Scenario files

<!-- made by kernelmodel.scenario.reference.docs(); change the tables in kernelmodel/scenario/keys.py instead -->

A scenario is a TOML file in UTF-8. Sizes take the suffixes K, M, G and T. An address is an integer, the name of a
VMA, or `name+offset`; a named address must lie inside the VMA as it is declared. A file has at most {bytes} MiB, a key
at most {parts} parts, tables and lists nest at most {nesting} deep, and integers have at most 64 bits. Whatever is
wrong is reported at once, each problem with line, column and a hint. `thp-debug new` prints a scenario to start from,
`thp-debug schema` the JSON Schema.
"""

_NEW = """\
# A scenario for thp-debug: a small machine, and what its programs touch.  docs/scenarios.md has every key.
title   = "a first write to the heap"
variant = "v3"                        # the fault path; `thp-debug variants` lists them
arch    = "x86-64"                    # or arm64-4k, arm64-16k, arm64-64k
# schedule = "0*7 1*12 0"             # who runs for how many stops; then natural
# mutants = ["drop R1"]

[thp]                                 # /sys/kernel/mm/transparent_hugepage
enabled = "always"                    # always, madvise, never
defrag  = "madvise"                   # always, defer, defer+madvise, madvise, never
# use_zero_page = true
# prctl_thp_disable = false
# hugepages-64kB = "inherit"          # knobs that the variant lacks are taken with a note

[boot]
# arch_wants_pte_order = 4            # the arch hook; -1 is no wish
# flexthp_unhinted_max = "64K"        # the largest folio without MADV_HUGEPAGE
# has_transparent_hugepage = false    # hardware without huge pages

[memory]
size = "64M"                          # a fresh zone
# memcg_limit = "1M"
# free = { 0 = 30, 4 = 2 }            # instead of a fresh zone: these free blocks and nothing else
# min = 16                            # the min watermark, in pages
# NUMA nodes instead: one [[memory.node]] each, with size, free, min and cpus
# Other machines: fragment={seed=1, free=0.2, unmovable=0.05, reclaimable=0.02, polluted=0.1, file=0.5}, aged memory;
#   free={Movable={0=30}, Unmovable={4=1}} with used="movable"; cma="16M" and highatomic="2M" of a fresh zone;
#   [[memory.zone]] with name="DMA32" and the same keys; or copies of files of /proc beside this one:
#   buddyinfo="buddyinfo", pagetypeinfo="pagetypeinfo", zoneinfo="zoneinfo".  Also swap, pcp, memcg_charged,
#   memcg_reclaimable, memcg_killable, and of /proc/sys/vm min_free_kbytes, watermark_scale_factor,
#   watermark_boost_factor, extfrag_threshold, percpu_pagelist_high_fraction, defrag_mode, lowmem_reserve_ratio

[config]
# CONFIG_MEMCG = true

[[vma]]
name  = "heap"
start = 0x7f0000000000
size  = "2M"
flags = ["VM_WRITE"]                  # VM_READ is implied; VM_HUGEPAGE is MADV_HUGEPAGE
uffd  = []                            # "missing", "wp"

# [[populate]]                        # what is mapped before the first access
# at    = "heap+0x10000"
# pages = 1
# with  = "page"                      # page, zero-page, uffd-wp-marker, swap, huge-pmd
# order = 4                           # one folio of that order

[[event]]                             # in program order per CPU
cpu   = 0
write = "heap+0x3000"                 # or read
# answers = ["vma_alloc_folio(order=4) = NULL"]

# Other verbs, each an [[event]] of its own:
#   madvise={at="heap", size="64K", advice="MADV_DONTNEED"}
#   mmap={name="new", start=0x7f0000400000, size="1M", flags=["VM_READ", "VM_WRITE"]}
#   munmap={at="heap", size="64K"}  mprotect={at="heap", size="64K", prot="r"}
#   mremap={at="heap", size="64K", to=0x7f0000800000, new_size="128K"}
#   uffd={op="register", at="heap", size="64K", mode=["missing"]}, then op="copy" and others; "move" has src
#   migrate, swap_out, collapse, reap={at="heap", size="2M"}, shrink_huge_zero={}: what the kernel itself may do
#   fork="child"  exit="child"  prctl={PR_SET_THP_DISABLE=1}  sysfs={enabled="never"}

# [[break]]
# on = "fallback"
# if = "cpu == 0"                     # C syntax

[expect]                              # what `thp-debug check` compares with
results = ["0"]
# orders = [4]                        # what each access mapped; -1: nothing
# decisions = "alloc:NULL fallback:alloc"

# [explore]
# failures = true
"""

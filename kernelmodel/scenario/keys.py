# SPDX-License-Identifier: GPL-2.0-only
"""The one table of scenario keys: checking, error texts, JSON Schema and documentation are all made from it."""

from __future__ import annotations

from collections.abc import Callable

from kernelmodel.arch import ARCHES
from kernelmodel.defs import NODE_STATS, VM_EVENTS, VM_FAULT_BITS
from kernelmodel.scenario.faults import nearest, show
from kernelmodel.scenario.kinds import Address, Boolean, Choice, Int, Size, Str
from kernelmodel.scenario.memory_keys import FRAGMENT, MAX_CPU, MEMORY, NODE, ZONE
from kernelmodel.scenario.tables import Key, Map, Several, Table, Tables
from kernelmodel.scenario.verbs import MAX_COUNT, NAME, NAME_WORDS, VMA_FLAGS
from kernelmodel.scenario.verbs import TABLES as VERB_TABLES
from kernelmodel.scenario.verbs import keys as verb_keys
from kernelmodel.variant_names import VARIANTS

MAX_VMAS = 4096
CONFIGS = (
    "CONFIG_FLEXIBLE_THP", "CONFIG_LARGE_ANON_FOLIO", "CONFIG_TRANSPARENT_HUGEPAGE", "CONFIG_MEMCG", "CONFIG_NUMA",
    "CONFIG_PT_RECLAIM", "CONFIG_USERFAULTFD", "CONFIG_PTE_MARKER_UFFD_WP", "CONFIG_HAVE_ARCH_USERFAULTFD_WP",
    "CONFIG_PER_VMA_LOCK", "CONFIG_SWAP", "CONFIG_MEM_SOFT_DIRTY", "CONFIG_DEBUG_VM", "CONFIG_INIT_ON_ALLOC_DEFAULT_ON",
)  # fmt: skip
MTHP_STATS = (
    "anon_fault_alloc", "anon_fault_fallback", "anon_fault_fallback_charge", "swpout", "swpout_fallback", "split",
    "split_failed", "split_deferred", "shmem_alloc", "shmem_fallback", "shmem_fallback_charge", "nr_anon",
    "nr_anon_partially_mapped", "zswpout", "swpin", "swpin_fallback", "swpin_fallback_charge",
)  # fmt: skip
VMSTATS = (*VM_EVENTS, *NODE_STATS)


def _known(names: tuple[str, ...], what: str) -> Callable[[str], tuple[str, str] | None]:
    """A check of names against a closed list."""

    def wrong(name: str) -> tuple[str, str] | None:
        return None if name in names else (f"unknown {what} {show(name)}", nearest(name, names, most=len(names)))

    return wrong


def _mthp(name: str) -> tuple[str, str] | None:
    size, dot, stat = name.partition(".")
    if not dot or not size.endswith("kB") or not size[:-2].isdecimal():
        return f"{show(name)} is no statistic of a size", 'they are written "64kB.anon_fault_alloc"'
    return (
        None if stat in MTHP_STATS else (f"unknown statistic {show(stat)}", nearest(stat, MTHP_STATS, len(MTHP_STATS)))
    )


def unknown_variant(name: str) -> tuple[str, str]:
    """Message and hint for the id of a variant that is not modelled."""
    modelled = ", ".join(VARIANTS)
    return f"unknown variant {show(name)}", nearest(name, (*VARIANTS,)) or f"modelled are {modelled}"


def _variant(name: str) -> tuple[str, str] | None:
    return None if name in VARIANTS else unknown_variant(name)


def _mutant(name: str) -> tuple[str, str] | None:
    from kernelmodel.mutants import misfit

    return misfit(name, None)


RESULT = "0|(VM_FAULT_[A-Z]+)([|]VM_FAULT_[A-Z]+)*"
_WORDS = "decisions as KIND or KIND:OUTCOME"

THP = Table(
    "[thp]",
    "/sys/kernel/mm/transparent_hugepage, and the prctl.",
    Key("enabled", Choice("always", "madvise", "never"), "Which VMAs may get huge pages.", '"always"'),
    Key(
        "defrag",
        Choice("always", "defer", "defer+madvise", "madvise", "never"),
        "How hard an allocation tries.",
        '"madvise"',
    ),
    Key("use_zero_page", Boolean(), "A read fault may map the huge zero page.", "true"),
    Key("prctl_thp_disable", Boolean(), "PR_SET_THP_DISABLE of the process.", "false"),
    Key(
        "hugepages-<size>kB",
        Choice("always", "inherit", "madvise", "never"),
        "The knob of one size.",
        pattern=r"hugepages-[0-9]{1,12}kB",
        knob="hugepages-*kB",
    ),
    Key("anon_orders", Int(0, MAX_COUNT), "Bits of the orders to try.", knob="anon_orders"),
    Key("anon_always_mask", Int(0, MAX_COUNT), "Bits of the orders for VMAs without a hint.", knob="anon_always_mask"),
)

BOOT = Table(
    "[boot]",
    "What is fixed at boot.",
    Key(
        "arch_wants_pte_order",
        Int(-1, 16),
        "The arch hook's order; -1 is no wish.",
        "the arch's own",
        knob="arch_wants_pte_order",
    ),
    Key(
        "flexthp_unhinted_max",
        Size(0, MAX_COUNT, 'bytes, as an integer or as text: "64K"'),
        "Largest folio (bytes) without a hint; a value that the kernel would ignore is ignored with a note.",
        "64K or one page",
        knob="flexthp_unhinted_max",
    ),
    Key(
        "thp_anon",
        Str('sizes and policies as on the command line: "16K-64K:always;128K:inherit"'),
        "Policies of sizes; the others are never. A value that the kernel would ignore is ignored with a note.",
        knob="thp_anon",
    ),
    Key("init_on_alloc", Boolean(), "Pages are cleared when they are allocated.", "false", knob="init_on_alloc"),
    Key("has_transparent_hugepage", Boolean(), "The hardware has huge pages.", "true"),
)

VMA = Table(
    "[[vma]]",
    "A mapping of anonymous memory, taken as it stands.",
    Key("name", Str(NAME_WORDS, NAME), "Its name.", required=True),
    Key("start", Int(0, MAX_COUNT, "an address, as an integer"), "First address, a multiple of the page size.",
        required=True),
    Key(
        "size",
        Size(1, 1 << 52, 'bytes (at least one page), as an integer or as text: "1M"'),
        "Bytes, a multiple of the page size.",
        required=True,
    ),
    Key("flags", Several(Choice(*VMA_FLAGS, words="a VM_ flag"), "a list of VM_ flags", distinct=True),
        "Flags; VM_READ is implied.", "[]"),
    Key("uffd", Several(Choice("missing", "wp", "minor"), 'a list of "missing", "wp"', distinct=True),
        "What userfaultfd is armed for.", "[]"),
)  # fmt: skip

POPULATE = Table(
    "[[populate]]",
    "What is mapped before the first access.",
    Key("at", Address(), "First address, a multiple of the page size.", required=True),
    Key("pages", Int(1, 262144), "How many pages.", "1; with `order` the whole folio"),
    Key("with", Choice("page", "zero-page", "uffd-wp-marker", "swap", "huge-pmd"), "What stands there.", '"page"'),
    Key("order", Int(0, 16), "One folio of this order, start aligned; fewer `pages` map a part of it.", "0"),
)

EVENT = Table(
    "[[event]]",
    "One thing that a CPU does; in program order per CPU, CPUs are concurrent. Exactly one verb.",
    Key("cpu", Int(0, MAX_CPU), "Which CPU.", "0"),
    Key("process", Str("the name of a process"), "Which process: main, or one that a `fork` event names.", '"main"'),
    *verb_keys(),
    Key(
        "answers",
        Several(Str('text: "site = outcome"'), 'a list of texts: "site = outcome"'),
        "What the environment answers instead of nature: `vma_alloc_folio(order=4) = NULL`; each is used once.",
        "[]",
    ),
)

BREAK = Table(
    "[[break]]",
    "A breakpoint.",
    Key("on", Str("a location"), "Where: a decision kind, `KIND:OUTCOME`, a function, `FUNCTION:LINE`.", required=True),
    Key("if", Str("a condition in C syntax"), "Stop only where this holds."),
)

_EXPECT = (
    Key("results", Several(Str("0 or VM_FAULT_ names joined by |", RESULT), 'a list of texts: "0"'),
        "Result of each access, in the order in which they end."),
    Key("orders", Several(Int(-1, 16), "a list of orders"), "Order that each access mapped; -1: nothing."),
    Key("decisions", Str(_WORDS), "Decisions that are taken in this order; others may stand between."),
    Key("mthp_stat", Map("mthp_stat", "Statistics of a size.", Int(0, MAX_COUNT), _mthp, "statistics and numbers"),
        'Statistics of a size: `{ "64kB.anon_fault_alloc" = 0 }`; what the variant lacks counts as 0.'),
    Key("vmstat", Map("vmstat", "Counters.", Int(0, MAX_COUNT), _known(VMSTATS, "counter"), "counters and numbers"),
        "Counters of /proc/vmstat."),
    Key("bug", Str("the name of a bug"), "The run ends at this bug."),
    Key("blocked", Boolean(), "The run ends blocked.", "false"),
    Key("reachable", Several(Str("a decision as KIND:OUTCOME"), "a list of decisions"),
        "What exploring must reach: `map-pte:NULL`, `map-pte:NULL(leaf)`, `blocked` (a CPU waits for ever)."),
    Key("unreachable", Several(Str("a decision as KIND:OUTCOME"), "a list of decisions"),
        "What exploring must not reach."),
    Key("invariants", Str('"hold" or the name of an invariant'),
        '"hold": exploring violates nothing; or what it must violate: an invariant, a bug or endless-refault.'),
)  # fmt: skip
_EXPECT_ONE = Table("[expect.…]", "The same keys for one variant or mutant.", *_EXPECT)

EXPECT = Table(
    "[expect]",
    "What `check` compares with; what is not named is not compared.",
    *_EXPECT,
    Key("variant", Map("[expect.variant]", "By variant.", _EXPECT_ONE, _variant, "variants"),
        'The same keys for one variant: `[expect.variant."v3-off"]`.'),
    Key("mutant", Map("[expect.mutant]", "By mutant.", _EXPECT_ONE, _mutant, "mutants"),
        'The same keys for one mutant of the own variant: `[expect.mutant."drop R1"]`.'),
)  # fmt: skip

CONFIG = Map(
    "[config]",
    "CONFIG_ names of the kernel.",
    Boolean(),
    _known(CONFIGS, "configuration"),
    "CONFIG_ names and booleans",
)

EXPLORE = Table("[explore]", "How to explore.", Key("failures", Boolean(), "Allocations and charges may fail.", "true"))

ROOT = Table(
    "",
    "A small machine, what its programs touch, and what should come of it.",
    Key("title", Str(), "One line that says what this is about.", "the name"),
    Key("variant", Str("the id of a variant"), "Which fault path; `thp-debug variants` lists them.", required=True),
    Key("arch", Choice(*ARCHES), "Architecture and page size.", '"x86-64"'),
    Key(
        "schedule",
        Str('text like "0*7 1*12 0"'),
        "Who runs for how many stops, as `CPU*STOPS`, those of the kinds step, vma-lock, pmd-same and swap-in not "
        "counted; then natural. An access ends with the stop after its `return`.",
        "natural",
    ),
    Key(
        "mutants",
        Several(Str("the name of a mutant"), "a list of names", distinct=True),
        "What the run of this file lacks or has wrong: its kernel is `variant` with these mutants.",
        "none",
    ),
    Key("thp", THP, THP.doc),
    Key("boot", BOOT, BOOT.doc),
    Key("memory", MEMORY, MEMORY.doc),
    Key("config", CONFIG, CONFIG.doc, "the release's"),
    Key("vma", Tables(VMA, MAX_VMAS), VMA.doc),
    Key("populate", Tables(POPULATE, 1 << 18), POPULATE.doc),
    Key("event", Tables(EVENT, 1 << 18), EVENT.doc, required=True),
    Key("break", Tables(BREAK, 1000), BREAK.doc),
    Key("expect", EXPECT, EXPECT.doc),
    Key("explore", EXPLORE, EXPLORE.doc),
)

TABLES = (
    ROOT, THP, BOOT, MEMORY, NODE, ZONE, FRAGMENT, VMA, POPULATE, EVENT, *VERB_TABLES.values(), BREAK, EXPECT, EXPLORE,
)  # fmt: skip
RESULT_NAMES = ("0", *VM_FAULT_BITS)


def homes(name: str) -> list[str]:
    """The tables that have a key ``name``: ``in [thp]``."""
    return [table.where for table in TABLES if table.key(name)]

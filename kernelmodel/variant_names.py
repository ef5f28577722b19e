# SPDX-License-Identifier: GPL-2.0-only
"""What is known of each variant without loading it: its id, source and release, the sites and knobs that it has."""

from __future__ import annotations

from typing import NamedTuple


class VariantNames(NamedTuple):
    """One version of the patch, or one release; what scenarios may name with it."""

    id: str
    title: str
    modules: tuple[str, ...]
    """Modules of ``kernelmodel.fault``; a function is taken from the last one that has it."""
    release: tuple[int, int]
    """The release (or the one that the patch was written against) whose behaviour counts beside these two."""
    source: str
    """File and release, or message-id."""
    changed: str
    """What is different from the one before, in a line."""
    sites: frozenset[str]
    """Sites of answers, without their order."""
    knobs: frozenset[str]
    """Keys of scenario files that this variant obeys and others lack."""
    orders: str = "mask"
    """How alloc_anon_folio holds the orders to try: ``array`` (v3 to v5), ``mask``, or ``estimate`` (v1, v2)."""
    alias_of: str = ""
    """The variant whose fault path this is too; what differs beside it follows ``release``."""

    def has(self, major: int, minor: int) -> bool:
        """Is its release that one or a later one?"""
        return self.release >= (major, minor)


_ORDER_0 = frozenset(
    {
        "vma_alloc_folio", "mem_cgroup_charge", "mm_get_huge_zero_folio", "pte_alloc_one", "anon_vma_prepare",
        "anon_vma_clone", "try_to_free_pages", "try_to_compact_pages",
    }
)  # fmt: skip
_LARGE = _ORDER_0 | {"pte_offset_map()"}
_DEFERRED = _LARGE | {"folio_memcg_alloc_deferred"}

_HOOK = frozenset({"arch_wants_pte_order"})
_CAP = _HOOK | {"flexthp_unhinted_max"}
_MASKS = frozenset({"anon_orders", "anon_always_mask"})
_SIZES = frozenset({"hugepages-*kB"})
_BOOT = _SIZES | {"thp_anon"}
_CLEARED = frozenset({"init_on_alloc"})
_ADVISED = _BOOT | {"PR_THP_DISABLE_EXCEPT_ADVISED"}

_MAIL = "ryan.roberts@arm.com"
_V3 = f"20230714161733.4144503-3-{_MAIL}, on 6.5-rc"

VARIANTS: dict[str, VariantNames] = {
    each.id: each
    for each in (
        VariantNames(
            "6.5", "Linux 6.5, before the series", ("linux_6_5",), (6, 5), "mm/memory.c, Linux 6.5",
            "no large folio below the PMD: one zeroed page a fault", _ORDER_0, frozenset(),
        ),
        VariantNames(
            "v1", "LARGE_ANON_FOLIO, first version of the series", ("v1",), (6, 4),
            f"20230626171430.3167004-11-{_MAIL}",
            "every order from the maximum of the Kconfig down to 2; in-fault retry one order lower when a neighbour"
            " was set under the lock", _ORDER_0, frozenset(), "estimate",
        ),
        VariantNames(
            "v2", "FLEXIBLE_THP, second version of the series", ("v2",), (6, 4), f"20230703135330.1865927-5-{_MAIL}",
            "no retry loop; one try at the estimated order, then straight to order 0; the arch hook sets the maximum",
            _ORDER_0, _HOOK, "estimate",
        ),
        VariantNames(
            "v3", "FLEXIBLE_THP, third version of the series", ("v3",), (6, 5), _V3,
            "orders[] = { prefer, 3, 0 }, three loops on one cursor; -EAGAIN where the PMD is no table any more",
            _LARGE, _CAP, "array",
        ),
        VariantNames(
            "v3-off", "the same kernel without FLEXIBLE_THP", ("v3", "v3_off"), (6, 5), _V3 + ", CONFIG_FLEXIBLE_THP=n",
            "alloc_anon_folio is only its fallback: always order 0", _ORDER_0, frozenset(), "array",
        ),
        VariantNames(
            "v4", "LARGE_ANON_FOLIO, fourth version of the series", ("v3", "v4"), (6, 5),
            f"20230726095146.2826796-3-{_MAIL}",
            "addr is set before the read fault jumps to setpte; the cap is a constant, the boot parameter is gone",
            _LARGE, _HOOK, "array",
        ),
        VariantNames(
            "v5", "LARGE_ANON_FOLIO, fifth version of the series", ("v5",), (6, 5), f"20230810142942.3169679-4-{_MAIL}",
            "ERR_PTR(-EAGAIN); userfaultfd_armed() instead of the marker; sysfs never no longer opts out; set_ptes",
            _LARGE, _HOOK, "array",
        ),
        VariantNames(
            "v6", "variable-order folios for anonymous memory, sixth version", ("v5", "v6"), (6, 6),
            f"20230929114421.3761121-6-{_MAIL}", "the orders are a bitmask, set by two files of sysfs",
            _LARGE, _MASKS,
        ),
        VariantNames(
            "v8", "multi-size THP for anonymous memory, eighth version", ("v8",), (6, 7),
            f"20231204102027.57185-5-{_MAIL}", "a knob a size (always, inherit, madvise, never); pte_range_none();"
            " large orders may come from a remote node", _LARGE, _SIZES | _CLEARED,
        ),
        VariantNames(
            "6.8", "Linux 6.8, what was merged", ("linux_6_8",), (6, 8), "mm/memory.c, Linux 6.8",
            "the fault address is cleared last; the masks are tested first; the recheck has two branches", _LARGE,
            _SIZES | _CLEARED,
        ),
        VariantNames(
            "6.9", "Linux 6.9", ("linux_6_9",), (6, 9), "mm/memory.c, Linux 6.9",
            "memcg charge inside the allocation loop: a failed charge tries the next lower order", _LARGE,
            _SIZES | _CLEARED,
        ),
        VariantNames(
            "6.10", "Linux 6.10", ("linux_6_10",), (6, 10), "mm/memory.c, Linux 6.10",
            "per-size statistics; vmf_anon_prepare() may ask for a retry; no gfp where no order is left", _LARGE,
            _SIZES | _CLEARED,
        ),
        VariantNames(
            "6.12", "Linux 6.12", ("linux_6_10", "linux_6_12"), (6, 12), "mm/memory.c, Linux 6.12",
            "nr_anon; thp_anon= on the command line; update_mmu_tlb_range(), RMAP_EXCLUSIVE", _LARGE, _BOOT | _CLEARED,
        ),
        VariantNames(
            "6.14", "Linux 6.14", ("linux_6_10", "linux_6_14"), (6, 14), "mm/memory.c, Linux 6.14",
            "no clearing twice with init_on_alloc; vma_alloc_folio() without its hugepage argument", _LARGE,
            _BOOT | _CLEARED,
        ),
        VariantNames(
            "6.18", "Linux 6.18", ("linux_6_10", "linux_6_18"), (6, 18), "mm/memory.c, Linux 6.18",
            "TVA_PAGEFAULT; prctl may disable all but advised VMAs", _LARGE, _ADVISED | _CLEARED,
        ),
        VariantNames(
            "7.1", "Linux 7.1", ("linux_6_18", "linux_7_1"), (7, 1), "mm/memory.c, Linux 7.1",
            "map_anon_folio_pte_pf() maps; the counters move after the PTEs are set", _LARGE, _ADVISED | _CLEARED,
        ),
        VariantNames(
            "7.2", "Linux 7.2", ("linux_7_1", "linux_7_2"), (7, 2), "mm/memory.c, Linux 7.2",
            "folio_memcg_alloc_deferred() after the charge; its failure goes straight to order 0", _DEFERRED,
            _ADVISED | _CLEARED,
        ),
    )
}  # fmt: skip
"""The variants, by id, in the order in which they were written; aliases behind them."""


def _alias(name: str, of: str, title: str, release: tuple[int, int], less: frozenset[str] = frozenset()) -> None:
    known = VARIANTS[of]
    VARIANTS[name] = known._replace(
        id=name, title=title, release=release, alias_of=of, knobs=known.knobs - less,
        source=f"{known.source}: the same fault path",
    )  # fmt: skip


_alias("base65", "6.5", "Linux 6.5, before the series", (6, 5))
_alias("v7", "v8", "small-sized THP, seventh version", (6, 7))
_alias("v9", "6.8", "multi-size THP for anonymous memory, ninth version", (6, 8))
_alias("6.11", "6.12", "Linux 6.11", (6, 11), frozenset({"thp_anon"}))
_alias("6.13", "6.14", "Linux 6.13", (6, 13))
_alias("7.0", "6.18", "Linux 7.0", (7, 0))

SITES: dict[str, tuple[str, ...]] = {
    "vma_alloc_folio": ("folio", "NULL"),
    "mem_cgroup_charge": ("0", "-ENOMEM"),
    "mm_get_huge_zero_folio": ("folio", "NULL"),
    "pte_alloc_one": ("table", "NULL"),
    "anon_vma_prepare": ("0", "-ENOMEM"),
    "anon_vma_clone": ("0", "-ENOMEM"),
    "folio_memcg_alloc_deferred": ("0", "-ENOMEM"),
    "try_to_free_pages": ("progress", "none"),
    "try_to_compact_pages": ("success", "complete", "partial-skipped", "contended"),
    "pte_offset_map()": ("NULL leaf", "NULL none", "NULL migration"),
}
"""Every site that an answer can name, with its outcomes."""

SITES_WITH_ORDER = frozenset({
    "vma_alloc_folio", "mem_cgroup_charge", "folio_memcg_alloc_deferred", "try_to_free_pages", "try_to_compact_pages",
})  # fmt: skip
"""Sites that are written with ``(order=K)``."""


def without_aliases() -> list[VariantNames]:
    """The variants that have a fault path of their own, in order."""
    return [each for each in VARIANTS.values() if not each.alias_of]


def aliases(name: str) -> list[str]:
    """Further ids of a variant."""
    return [each.id for each in VARIANTS.values() if each.alias_of == name]

# SPDX-License-Identifier: GPL-2.0-only
"""What is known of each variant without loading it: its id, the sites that can be answered, its knobs."""

from __future__ import annotations

from typing import NamedTuple


class VariantNames(NamedTuple):
    """Names that scenarios may use with one variant."""

    id: str
    title: str
    sites: frozenset[str]
    """Sites of answers, without their order."""
    knobs: frozenset[str]
    """Keys of scenario files that this variant obeys and others lack."""


_V3_OFF_SITES = frozenset(
    {"vma_alloc_folio", "mem_cgroup_charge", "mm_get_huge_zero_folio", "pte_alloc_one", "anon_vma_prepare"}
)

VARIANTS: dict[str, VariantNames] = {
    "v3": VariantNames(
        "v3",
        "FLEXIBLE_THP, third version of the series",
        _V3_OFF_SITES | {"pte_offset_map()"},
        frozenset({"flexthp_unhinted_max", "arch_wants_pte_order"}),
    ),
    "v3-off": VariantNames("v3-off", "the same kernel without FLEXIBLE_THP", _V3_OFF_SITES, frozenset()),
}
"""The variants that are modelled, by id."""

NOT_YET = (
    "base65", "v1", "v2", "v4", "v5", "v6", "v7", "v8", "v9",
    "6.8", "6.9", "6.10", "6.11", "6.12", "6.13", "6.14", "6.18", "7.0", "7.1", "7.2",
)  # fmt: skip
"""Variants with a fixed id that are not modelled yet."""

SITES: dict[str, tuple[str, ...]] = {
    "vma_alloc_folio": ("folio", "NULL"),
    "mem_cgroup_charge": ("0", "-ENOMEM"),
    "mm_get_huge_zero_folio": ("folio", "NULL"),
    "pte_alloc_one": ("table", "NULL"),
    "anon_vma_prepare": ("0", "-ENOMEM"),
    "folio_memcg_alloc_deferred": ("0", "-ENOMEM"),
    "pte_offset_map()": ("NULL leaf", "NULL none", "NULL migration"),
}
"""Every site that an answer can name, with its outcomes."""

SITES_WITH_ORDER = frozenset({"vma_alloc_folio", "mem_cgroup_charge", "folio_memcg_alloc_deferred"})
"""Sites that are written with ``(order=K)``."""

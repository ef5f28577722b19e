# SPDX-License-Identifier: GPL-2.0-only
"""Which function of which release stands behind each name: the linker of the variants."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from kernelmodel.decision import Path
from kernelmodel.structs import Folio, Vma, VmFault
from kernelmodel.variant_names import VariantNames


class Variant(NamedTuple):
    """One version of the patch, or one release, ready to run."""

    id: str
    names: VariantNames
    do_huge_pmd_anonymous_page: Callable[[VmFault], Path[int]]
    do_huge_pmd_wp_page: Callable[[VmFault], Path[int]]
    vma_alloc_anon_folio_pmd: Any
    """(vma, address) to a path of a PMD-sized folio, from 6.13 on; None before."""
    do_anonymous_page: Callable[[VmFault], Path[int]]
    alloc_anon_folio: Callable[[VmFault], Path[Any]]
    """None where the variant has no function of that name (nothing calls it then)."""
    do_swap_page: Callable[[VmFault], Path[int]]
    do_wp_page: Callable[[VmFault], Path[int]]
    wp_can_reuse_anon_folio: Callable[[Folio], str]
    """Why a page of this folio must be copied before it is written, '' if it may be written where it is."""
    pmd_refusal: Callable[[Vma, bool], str]
    """(vma, enforce_sysfs): why a fault in the VMA may not have a PMD-sized folio, '' if it may."""


def link(names: VariantNames, mutants: frozenset[str] = frozenset()) -> Variant:
    """Load a variant's module and those of its release, and tie them together; mutants wrap a function of it."""
    from kernelmodel.fault import huge_pmd, swap, wp

    anonymous: Any = huge_pmd
    huge_wp: Any = huge_pmd
    reuse: Any = wp
    folio_pmd: Any = None
    if names.has(6, 9):
        from kernelmodel.fault import wp_6_9 as reuse
    if names.has(6, 10):
        from kernelmodel.fault import huge_pmd_6_10 as anonymous
    if names.has(6, 13):
        from kernelmodel.fault import huge_pmd_6_13 as folio_pmd

        anonymous = huge_wp = folio_pmd
    if names.has(6, 15):
        from kernelmodel.fault import wp_6_15 as reuse
    if names.has(7, 2):
        from kernelmodel.fault import huge_pmd_7_2 as folio_pmd
    modules = [import_module(f"kernelmodel.fault.{name}") for name in reversed(names.modules)]

    def own(name: str) -> Any:
        return next((found for module in modules if (found := getattr(module, name, None)) is not None), None)

    linked = Variant(
        id=names.id,
        names=names,
        do_huge_pmd_anonymous_page=anonymous.do_huge_pmd_anonymous_page,
        do_huge_pmd_wp_page=huge_wp.do_huge_pmd_wp_page,
        vma_alloc_anon_folio_pmd=getattr(folio_pmd, "vma_alloc_anon_folio_pmd", None),
        do_anonymous_page=own("do_anonymous_page"),
        alloc_anon_folio=own("alloc_anon_folio"),
        do_swap_page=swap.do_swap_page,
        do_wp_page=wp.do_wp_page,
        wp_can_reuse_anon_folio=reuse.wp_can_reuse_anon_folio,
        pmd_refusal=pmd_refusal(names),
    )
    if mutants:
        from kernelmodel.fault.mutants import wrap

        linked = wrap(linked, mutants)
    return linked


def pmd_refusal(names: VariantNames) -> Callable[[Vma, bool], str]:
    """The policy of the PMD order, by the files that the variant has in sysfs."""
    from kernelmodel.mm import huge_mm

    if names.has(6, 18):
        return huge_mm.pmd_refusal_6_18
    if names.has(6, 8):
        return huge_mm.pmd_refusal_6_8
    if "hugepages-*kB" in names.knobs:
        return huge_mm.pmd_refusal_v8
    return huge_mm.pmd_refusal_v6 if "anon_orders" in names.knobs else huge_mm.hugepage_vma_refusal

# SPDX-License-Identifier: GPL-2.0-only
"""gfp masks: their numbers, their names both ways, and what each defrag setting asks for."""

from __future__ import annotations

import pytest

from kernelmodel import defs
from kernelmodel.defs import gfp_names, parse_gfp
from kernelmodel.mm.huge_mm import vma_thp_gfp_mask
from kernelmodel.structs import Vma
from tests.build import HEAP, session

LIGHT, TRANSHUGE = 0x1C20CA, 0x1C24CA


@pytest.mark.parametrize(
    ("text", "gfp"),
    [
        ("GFP_KERNEL", 0xCC0),
        ("GFP_HIGHUSER_MOVABLE", 0x100CCA),
        ("GFP_HIGHUSER_MOVABLE|__GFP_ZERO", 0x100DCA),
        ("GFP_TRANSHUGE_LIGHT", LIGHT),
        ("GFP_TRANSHUGE", TRANSHUGE),
        ("GFP_TRANSHUGE|__GFP_NORETRY", 0x1D24CA),
        ("GFP_TRANSHUGE_LIGHT|__GFP_KSWAPD_RECLAIM", 0x1C28CA),
        ("GFP_TRANSHUGE_LIGHT|__GFP_NORETRY|__GFP_THISNODE", 0x3D20CA),
        ("GFP_TRANSHUGE|__GFP_NORETRY|__GFP_THISNODE", 0x3D24CA),
        ("GFP_TRANSHUGE_LIGHT|__GFP_KSWAPD_RECLAIM|__GFP_NORETRY|__GFP_THISNODE", 0x3D28CA),
        ("GFP_ATOMIC", 0x820),
        ("GFP_USER|__GFP_ZEROTAGS", 0x900CC0),
        ("__GFP_IO|__GFP_NOWARN", 0x2040),
    ],
)
def test_a_mask_by_its_names_and_back(text: str, gfp: int) -> None:
    assert "|".join(gfp_names(gfp)) == text
    assert parse_gfp(text) == parse_gfp(hex(gfp)) == gfp


@pytest.mark.parametrize(("name", "mask"), [(name, mask) for mask, name in defs.GFP_NAMES.items()])
def test_every_compound_mask_has_its_own_name(name: str, mask: int) -> None:
    assert gfp_names(mask) == (name,)
    assert getattr(defs, name, mask) == mask


@pytest.mark.parametrize("name", defs.GFP_BITS)
def test_the_constants_are_the_bits(name: str) -> None:
    assert getattr(defs, name, defs.GFP_BITS[name]) == defs.GFP_BITS[name]
    assert gfp_names(defs.GFP_BITS[name]) == (name,)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'' is no gfp flag"),
        ("GFP_TRANSHUGE|", "'' is no gfp flag"),
        ("GFP_HUGE", "'GFP_HUGE' is no gfp flag"),
        ("0xdog", "'0xdog' is no gfp flag"),
        ("0x200", "0x200 is no gfp flag"),
        ("-1", "is no gfp flag"),
        ("__GFP_DMA|__GFP_HIGHMEM", "only one of"),
    ],
)
def test_what_is_no_mask_is_said(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("|", r"\|")):
        parse_gfp(text)


@pytest.mark.parametrize(
    ("defrag", "hinted", "not_hinted"),
    [
        ("always", TRANSHUGE, 0x1D24CA),
        ("defer", 0x1C28CA, 0x1C28CA),
        ("defer+madvise", TRANSHUGE, 0x1C28CA),
        ("madvise", TRANSHUGE, LIGHT),
        ("never", LIGHT, LIGHT),
    ],
)
def test_what_defrag_asks_for(defrag: str, hinted: int, not_hinted: int) -> None:
    thp = f'[thp]\nenabled = "always"\ndefrag = "{defrag}"\n'
    for flags, gfp in (('"VM_HUGEPAGE", ', hinted), ("", not_hinted)):
        vma = HEAP.replace('"VM_WRITE"', f'{flags}"VM_WRITE"')
        m = session(thp, head='variant = "6.18"', vma=vma).m
        assert vma_thp_gfp_mask(Vma(m, 0)) == gfp

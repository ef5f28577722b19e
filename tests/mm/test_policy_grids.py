# SPDX-License-Identifier: GPL-2.0-only
"""The tables of who gets which size, cell by cell, from real runs: what a first write maps under each setting.

v3, v4: Ryan Roberts, 3 and 7 August 2023; v5: cover letter of 20230810142942.3169679-1-ryan.roberts@arm.com; a knob
a size: Documentation/admin-guide/mm/transhuge.rst and include/linux/huge_mm.h of Linux 6.8.
"""

from __future__ import annotations

from itertools import product

import pytest

from kernelmodel.check import mapped_orders
from kernelmodel.scenario import loads
from kernelmodel.session import Session
from kernelmodel.variant_names import VARIANTS
from tests.build import finish

WHOLE, PART = "2M", "1M"
"""Sizes of a VMA that begins on a 2M boundary: room for a huge page, and not."""
HINTS = {"no hint": "", "hint": '"VM_HUGEPAGE"', "no": '"VM_NOHUGEPAGE"'}


def run(variant: str, thp: str, flags: tuple[str, ...], boot: str = "", prctl: bool = False) -> list[tuple[int, int]]:
    """For VMAs of these flags: the order mapped where 2M fit, and where they don't."""
    lines = [f'variant = "{variant}"', "[thp]", thp, "[boot]", boot]
    vmas = [(flag, size) for flag in flags for size in (WHOLE, PART)]
    for k, (flag, size) in enumerate(vmas):
        lines += ["[[vma]]", f'name = "v{k}"', f"start = {0x7F0000000000 + (k << 23):#x}", f'size = "{size}"']
        lines += [f'flags = ["VM_WRITE"{", " + flag if flag else ""}]']
    if prctl:
        lines += ["[[event]]", "cpu = 0", "prctl = { PR_SET_THP_DISABLE = 1 }"]
    for k in range(len(vmas)):
        lines += ["[[event]]", "cpu = 0", f'write = "v{k}+0x5000"']
    orders = mapped_orders(finish(Session(loads("\n".join(lines), "grid.toml"))))[-len(vmas) :]
    return list(zip(orders[::2], orders[1::2], strict=True))


S, CAPPED, HUGE = (0, 0), (4, 4), (9, 5)
"""Order 0; large, at most 64K; huge, and where it does not fit what the hook wishes for (order 5 in these runs)."""
GRID = {
    # enabled: v3 and v4, v5: each without a hint, with one, opted out
    "never": ((S, S, S), (CAPPED, CAPPED, S)),
    "madvise": ((CAPPED, HUGE, S), (CAPPED, HUGE, S)),
    "always": ((HUGE, HUGE, S), (HUGE, HUGE, S)),
}


@pytest.mark.parametrize("variant", ["v3", "v4", "v5"])
@pytest.mark.parametrize("enabled", GRID)
def test_the_policy_of_the_patches(variant: str, enabled: str) -> None:
    expected = GRID[enabled][variant == "v5"]
    thp, boot = f'enabled = "{enabled}"', "arch_wants_pte_order = 5"
    assert run(variant, thp, tuple(HINTS.values()), boot) == list(expected)
    assert run(variant, thp, tuple(HINTS.values()), boot, prctl=True) == [S, S, S]


SIZES = [name for name, known in VARIANTS.items() if "hugepages-*kB" in known.knobs and not known.alias_of]
CELLS = {
    # (knob of the size, enabled): without a hint, with one
    ("always", "always"): (True, True),
    ("always", "madvise"): (True, True),
    ("always", "never"): (True, True),
    ("madvise", "always"): (False, True),
    ("madvise", "madvise"): (False, True),
    ("madvise", "never"): (False, True),
    ("inherit", "always"): (True, True),
    ("inherit", "madvise"): (False, True),
    ("inherit", "never"): (False, False),
    ("never", "always"): (False, False),
    ("never", "madvise"): (False, False),
    ("never", "never"): (False, False),
}


@pytest.mark.parametrize("variant", SIZES)
@pytest.mark.parametrize(("knob", "enabled"), CELLS)
def test_a_knob_a_size(variant: str, knob: str, enabled: str) -> None:
    """64K and 2M follow the same rule, whether 2M fit or not; who opts out gets one page."""
    may = CELLS[knob, enabled]
    small = f'enabled = "{enabled}"\nhugepages-64kB = "{knob}"\nhugepages-2048kB = "never"'
    huge = f'enabled = "{enabled}"\nhugepages-2048kB = "{knob}"'
    flags = tuple(HINTS.values())
    assert run(variant, small, flags) == [*((4, 4) if each else S for each in may), S]
    assert run(variant, huge, flags) == [*((9, 0) if each else S for each in may), S]
    assert run(variant, small, flags, prctl=True) == [S, S, S]
    assert run(variant, huge, flags, prctl=True) == [S, S, S]


@pytest.mark.parametrize("variant", SIZES)
def test_only_2m_inherit_after_boot(variant: str) -> None:
    assert run(variant, 'enabled = "always"', ("",)) == [(9, 0)]
    assert run(variant, 'enabled = "madvise"', ("", '"VM_HUGEPAGE"')) == [S, (9, 0)]


@pytest.mark.parametrize(
    ("enabled", "orders", "always_mask", "expected"),
    [
        ("always", None, 0, (HUGE[0], 0)),  # the default is the PMD bit
        ("always", 0x210, 0, (9, 4)),
        ("always", 0x010, 0, (4, 4)),
        ("always", 0x003, 0, S),  # orders 0 and 1 do not exist
        ("madvise", 0x210, 0, S),
        ("madvise", 0x210, 0x010, (4, 4)),
        ("madvise", 0x210, 0x200, (9, 0)),
        ("never", 0x210, 0x210, S),
    ],
)
def test_the_masks_of_v6(enabled: str, orders: int | None, always_mask: int, expected: tuple[int, int]) -> None:
    thp = f'enabled = "{enabled}"\nanon_always_mask = {always_mask}' + (f"\nanon_orders = {orders}" if orders else "")
    assert run("v6", thp, ("", '"VM_NOHUGEPAGE"')) == [expected, S]
    assert run("v6", thp, ("",), prctl=True) == [S]


SPECIAL = '"VM_DONTEXPAND"'
STACK = '"VM_SEQ_READ", "VM_RAND_READ", "VM_GROWSDOWN"'
UNHINTED = {
    # variant: what a special VMA gets, and a temporary stack, under always
    "v3": (CAPPED, CAPPED),
    "v4": (CAPPED, CAPPED),
    "v5": (S, S),
    "v6": (S, S),
    **dict.fromkeys(SIZES, ((9, 5), S)),
}


@pytest.mark.parametrize("variant", UNHINTED)
def test_vmas_of_their_own_kind(variant: str) -> None:
    knobs = VARIANTS[variant].knobs
    sizes = 'hugepages-128kB = "always"' if "hugepages-*kB" in knobs else ""
    sizes = "anon_orders = 0x220" if "anon_orders" in knobs else sizes
    boot = "arch_wants_pte_order = 5" if "arch_wants_pte_order" in knobs else ""
    assert run(variant, f'enabled = "always"\n{sizes}', (SPECIAL, STACK), boot) == list(UNHINTED[variant])


@pytest.mark.parametrize("variant", [name for name, known in VARIANTS.items() if not known.alias_of])
def test_without_hardware_support_there_is_order_0(variant: str) -> None:
    """hugepage_init() leaves with the one flag set, so that nothing is enabled either.

    v1 asks the CPU.  v2 asks nobody: the hook's default is 64K, with or without huge pages.
    """
    sizes = 'hugepages-64kB = "always"' if "hugepages-*kB" in VARIANTS[variant].knobs else ""
    boot = "has_transparent_hugepage = false"
    expected = CAPPED if variant == "v2" else S
    assert run(variant, f'enabled = "always"\n{sizes}', ("", '"VM_HUGEPAGE"'), boot) == [expected, expected]


def test_every_cell_of_the_table_is_there() -> None:
    assert set(CELLS) == set(product(("always", "madvise", "inherit", "never"), ("always", "madvise", "never")))

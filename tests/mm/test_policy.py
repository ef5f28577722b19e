# SPDX-License-Identifier: GPL-2.0-only
"""Sets of orders, why a VMA gets no huge page, the gfp mask, and the knobs that are turned while a scenario runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kernelmodel.arch import ARCHES
from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    __GFP_DIRECT_RECLAIM,
    __GFP_KSWAPD_RECLAIM,
    __GFP_NORETRY,
    GFP_TRANSHUGE,
    GFP_TRANSHUGE_LIGHT,
    MMF_DISABLE_THP,
    MMF_DISABLE_THP_EXCEPT_ADVISED,
    VM_DONTEXPAND,
    VM_GROWSDOWN,
    VM_HUGEPAGE,
    VM_NOHUGEPAGE,
    VM_STACK_INCOMPLETE_SETUP,
    VM_WRITE,
)
from kernelmodel.mm import huge_mm
from kernelmodel.mm.thp_knobs import DEFRAG, ENABLED, set_anon_policy
from kernelmodel.scenario.memory import parse_thp_anon
from kernelmodel.structs import Mm, Vma
from kernelmodel.words import why
from tests.build import HEAP, decisions, finish, session

FULL, LIGHT = GFP_TRANSHUGE, GFP_TRANSHUGE_LIGHT
STACK = VM_STACK_INCOMPLETE_SETUP | VM_GROWSDOWN


def vma_of(variant: str, enabled: str = "always", flags: int = 0, boot: str = "", **fields: int) -> Vma:
    """The one VMA of a machine at rest; ``fields`` are cells of the machine to set."""
    m = session(f'[thp]\nenabled = "{enabled}"\n[boot]\n{boot}\n', head=f'variant = "{variant}"').m
    vma = Vma(m, 0)
    vma.vm_flags = VM_WRITE | flags
    for name, value in fields.items():
        getattr(m, name).set(0, value)
    return vma


def decisions_and_result(path: Path[int]) -> Iterator[Any]:
    """What a path says, and last what it returns."""
    result = yield from path
    yield result


# -- sets of orders -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("orders", "order", "lower"), [(0, 0, 0), (0x10, 4, 0), (0x218, 9, 4), (0x218, 4, 3), (0x218, 3, 0), (1, 0, 0)]
)
def test_orders_are_bits(orders: int, order: int, lower: int) -> None:
    assert huge_mm.next_order(orders, order) == lower
    if orders.bit_length() == order + 1:
        assert huge_mm.highest_order(orders) == order


@pytest.mark.parametrize(
    ("start", "pages", "at", "orders", "left", "told"),
    [
        (0, 512, 5, 0x218, 0x218, ["fits 9"]),
        (0, 256, 5, 0x218, 0x018, ["outside 9", "9 to 4", "fits 4"]),
        (8, 256, 9, 0x210, 0, ["outside 9", "9 to 4", "outside 4"]),
        (8, 256, 9, 0x218, 0x008, ["outside 9", "9 to 4", "outside 4", "4 to 3", "fits 3"]),
        (0, 512, 5, 0, 0, []),
    ],
)
def test_bounds_are_tried_down_to_the_first_that_fits(
    start: int, pages: int, at: int, orders: int, left: int, told: list[str]
) -> None:
    vma = vma_of("6.8")
    base = vma.vm_start
    vma.vm_start, vma.vm_end = base + (start << 12), base + (start + pages << 12)
    *found, result = decisions_and_result(huge_mm.thp_vma_suitable_orders(vma, base + (at << 12), orders))
    seen = []
    for each in found:
        more = dict(each.more)
        seen.append(f"{more['from']} to {more['to']}" if more else f"{each.outcome} {each.order}")
    assert (seen, result) == (told, left)


# -- why not --------------------------------------------------------------------------------------------
PRCTL, EXCEPT = {"mm_flags": MMF_DISABLE_THP}, {"mm_flags": MMF_DISABLE_THP_EXCEPT_ADVISED}
REFUSALS: list[tuple[str, str, int, dict[str, Any], str]] = [
    # variant, enabled, VMA flags, cells, why not a PMD-sized folio
    ("6.5", "always", 0, {}, ""),
    ("6.5", "never", VM_NOHUGEPAGE | VM_DONTEXPAND, PRCTL, "VM_NOHUGEPAGE"),
    ("6.5", "never", VM_DONTEXPAND, PRCTL, "prctl"),
    ("6.5", "never", VM_DONTEXPAND, {}, "special-vma"),
    ("6.5", "never", STACK, {}, "sysfs-never"),
    ("6.5", "madvise", STACK, {}, "not-madvised"),
    ("6.5", "madvise", STACK | VM_HUGEPAGE, {}, "temporary-stack"),
    ("v6", "always", VM_NOHUGEPAGE, {"anon_orders": 0x10}, "size-never"),
    ("v6", "always", VM_NOHUGEPAGE, {}, "VM_NOHUGEPAGE"),
    ("v6", "madvise", VM_DONTEXPAND, {}, "special-vma"),
    ("v6", "madvise", STACK, {}, "not-madvised"),
    ("v6", "madvise", STACK, {"anon_always_mask": 0x200}, "temporary-stack"),
    ("v6", "madvise", 0, {"anon_always_mask": 0x200}, ""),
    ("v8", "never", VM_NOHUGEPAGE, PRCTL, "VM_NOHUGEPAGE"),
    ("v8", "never", 0, PRCTL, "prctl"),
    ("v8", "never", 0, {}, "sysfs-never"),
    ("6.8", "never", VM_NOHUGEPAGE, PRCTL, "sysfs-never"),
    ("6.8", "madvise", VM_NOHUGEPAGE, PRCTL, "not-madvised"),
    ("6.8", "always", VM_NOHUGEPAGE, PRCTL, "VM_NOHUGEPAGE"),
    ("6.8", "always", VM_DONTEXPAND, PRCTL, "prctl"),
    ("6.8", "always", VM_DONTEXPAND, {}, ""),
    ("6.8", "always", STACK, {}, "temporary-stack"),
    ("6.8", "always", 0, {"huge_anon_orders_inherit": 0}, "size-never"),
    ("6.8", "always", 0, {"huge_anon_orders_inherit": 0, "huge_anon_orders_madvise": 0x200}, "size-not-madvised"),
    ("6.14", "always", 0, EXCEPT, ""),
    ("6.18", "always", 0, EXCEPT, "prctl-except-advised"),
    ("6.18", "always", VM_HUGEPAGE, EXCEPT, ""),
    ("6.18", "always", VM_HUGEPAGE, PRCTL, "prctl"),
    ("6.18", "always", VM_NOHUGEPAGE, EXCEPT, "VM_NOHUGEPAGE"),
    ("7.1", "madvise", VM_HUGEPAGE, EXCEPT, ""),
]


@pytest.mark.parametrize(("variant", "enabled", "flags", "cells", "reason"), REFUSALS)
def test_the_first_reason_in_source_order(
    variant: str, enabled: str, flags: int, cells: dict[str, int], reason: str
) -> None:
    vma = vma_of(variant, enabled, flags, **cells)
    assert vma.m.variant.pmd_refusal(vma, True) == reason
    if reason:
        told = why("pmd-gate", "none", reason, 0, Decision("pmd-gate", "none"), 0)
        assert told not in ("", reason), "the reason has words"


@pytest.mark.parametrize("variant", ["6.5", "v5", "v6", "v8", "6.8", "6.18"])
def test_without_sysfs_only_the_vma_and_the_process_count(variant: str) -> None:
    vma = vma_of(variant, "never")
    assert vma.m.variant.pmd_refusal(vma, False) == ""
    vma.vm_flags |= VM_NOHUGEPAGE
    assert vma.m.variant.pmd_refusal(vma, False) == "VM_NOHUGEPAGE"


@pytest.mark.parametrize("variant", ["6.5", "v6", "v8", "6.8", "6.18"])
def test_hardware_without_huge_pages(variant: str) -> None:
    vma = vma_of(variant, boot="has_transparent_hugepage = false")
    assert vma.m.variant.pmd_refusal(vma, False) == "unsupported"


# -- effort -----------------------------------------------------------------------------------------------
GFP = {
    # defrag: the mask with a hint, without
    "always": (FULL, FULL | __GFP_NORETRY),
    "defer": (LIGHT | __GFP_KSWAPD_RECLAIM, LIGHT | __GFP_KSWAPD_RECLAIM),
    "defer+madvise": (LIGHT | __GFP_DIRECT_RECLAIM, LIGHT | __GFP_KSWAPD_RECLAIM),
    "madvise": (LIGHT | __GFP_DIRECT_RECLAIM, LIGHT),
    "never": (LIGHT, LIGHT),
}


@pytest.mark.parametrize("defrag", DEFRAG)
@pytest.mark.parametrize("hint", [True, False])
def test_the_gfp_mask(defrag: str, hint: bool) -> None:
    vma = vma_of("v3", flags=VM_HUGEPAGE if hint else 0, thp_defrag=DEFRAG.index(defrag))
    assert huge_mm.vma_thp_gfp_mask(vma) == GFP[defrag][0 if hint else 1]


# -- knobs ------------------------------------------------------------------------------------------------
X86, ARM64_16K = ARCHES["x86-64"], ARCHES["arm64-16k"]


@pytest.mark.parametrize(
    ("arch", "text", "found"),
    [
        (X86, "64K:always", {4: "always"}),
        (X86, "16K-64K,256K:always;2M:inherit", {2: "always", 3: "always", 4: "always", 6: "always", 9: "inherit"}),
        (X86, "16K-2M:madvise;64K:never", {**dict.fromkeys(range(2, 10), "madvise"), 4: "never"}),
        (X86, "64k:always", {4: "always"}),
        (X86, "64KB:always", {4: "always"}),  # memparse() stops at the B, and nobody looks where
        (X86, "0x10000:always", {4: "always"}),
        (X86, "65536:always", {4: "always"}),
        (ARM64_16K, "64K-32M:inherit", dict.fromkeys(range(2, 12), "inherit")),
        (X86, "48K:always", None),
        (X86, "8K:always", None),
        (X86, "4K-64K:always", None),
        (X86, "4M:always", None),
        (ARM64_16K, "32K:always", None),
        (X86, "64K-16K:always", None),
        (X86, "64K:sometimes", None),
        (X86, "64K:always:never", None),
        (X86, "64K:always;", None),
        (X86, "64K", None),
        (X86, ":always", None),
        (X86, "64K:always;8K:always", None),
    ],
)
def test_thp_anon_on_the_command_line(arch: Any, text: str, found: dict[int, str] | None) -> None:
    parsed = parse_thp_anon(text, arch)
    assert (None if parsed is None else dict(parsed)) == found


@pytest.mark.parametrize(
    ("boot", "always", "inherit"),
    [
        ("", 0, 0x200),
        ('thp_anon = "64K:always"', 0x10, 0),  # taken: 2M is not inherit by itself any more
        ('thp_anon = "64K:always;2M:inherit"', 0x10, 0x200),
        ('thp_anon = "8K:always"', 0, 0x200),  # ignored with a warning, and so it was never given
    ],
)
@pytest.mark.parametrize("variant", ["6.12", "6.18"])
def test_what_thp_anon_leaves_of_the_default(variant: str, boot: str, always: int, inherit: int) -> None:
    m = vma_of(variant, boot=boot).m
    assert (m.huge_anon_orders_always.get(0), m.huge_anon_orders_inherit.get(0)) == (always, inherit)


def test_the_release_before_has_no_thp_anon() -> None:
    assert vma_of("6.11", boot='thp_anon = "64K:always"').m.huge_anon_orders_always.get(0) == 0


@pytest.mark.parametrize("policy", ["always", "madvise", "inherit", "never"])
def test_a_size_has_one_policy(policy: str) -> None:
    m = vma_of("6.8").m
    fields = {"always": m.huge_anon_orders_always, "madvise": m.huge_anon_orders_madvise,
              "inherit": m.huge_anon_orders_inherit}  # fmt: skip
    for before in ("always", "madvise", "inherit", "never"):
        set_anon_policy(m, 4, before)
        set_anon_policy(m, 4, policy)
        assert [word for word, field in fields.items() if field.get(0) & 0x10] == [policy] * (policy != "never")
    assert m.huge_anon_orders_inherit.get(0) & 0x200, "other sizes keep theirs"


SYSFS = """
[[event]]
sysfs = { %s }
[[event]]
write = "heap+0x5000"
"""


@pytest.mark.parametrize(
    ("variant", "knobs", "gate"),
    [
        ("v3", 'enabled = "never"', "pmd-gate:none"),
        ("v3", "hugepages-2048kB = 'never'", "pmd-gate:try"),  # no such file
        ("6.8", "hugepages-2048kB = 'never'", "pmd-gate:none"),
        ("6.8", 'enabled = "never", hugepages-2048kB = "always"', "pmd-gate:try"),
        ("v6", "anon_orders = 0x10", "pmd-gate:none"),
        ("v6", 'enabled = "madvise", anon_always_mask = 0x200', "pmd-gate:try"),
    ],
)
def test_a_knob_turned_while_it_runs(variant: str, knobs: str, gate: str) -> None:
    s = session('[thp]\nenabled = "always"\n[boot]\n', head=f'variant = "{variant}"', events=SYSFS % knobs)
    assert next(each for each in decisions(finish(s)) if each.startswith("pmd-gate")) == gate


def test_a_machine_without_huge_pages_has_no_files() -> None:
    knobs = 'enabled = "always", defrag = "always", hugepages-64kB = "always"'
    boot = '[thp]\nenabled = "always"\n[boot]\nhas_transparent_hugepage = false\n'
    m = finish(session(boot, head='variant = "6.8"', events=SYSFS % knobs)).m
    assert ENABLED[m.thp_enabled.get(0)] == "never"
    assert DEFRAG[m.thp_defrag.get(0)] == "madvise"
    assert m.huge_anon_orders_always.get(0) == 0


ADVISED = '{ PR_SET_THP_DISABLE = 1, flags = ["PR_THP_DISABLE_EXCEPT_ADVISED"] }'
PRCTLS: list[tuple[str, list[str], list[str], int]] = [
    # variant, calls, results, mm flags in the end
    ("6.14", ["{ PR_SET_THP_DISABLE = 1 }"], ["0"], MMF_DISABLE_THP),
    ("6.14", [ADVISED], ["-EINVAL"], 0),
    ("6.18", [ADVISED], ["0"], MMF_DISABLE_THP_EXCEPT_ADVISED),
    ("6.18", [ADVISED, "{ PR_SET_THP_DISABLE = 1 }"], ["0", "0"], MMF_DISABLE_THP),
    ("6.18", ["{ PR_SET_THP_DISABLE = 1 }", ADVISED], ["0", "0"], MMF_DISABLE_THP_EXCEPT_ADVISED),
    ("6.18", [ADVISED, "{ PR_SET_THP_DISABLE = 0 }"], ["0", "0"], 0),
    ("6.18", [ADVISED, ADVISED.replace("= 1", "= 0")], ["0", "-EINVAL"], MMF_DISABLE_THP_EXCEPT_ADVISED),
]


@pytest.mark.parametrize(("variant", "calls", "results", "flags"), PRCTLS)
def test_prctl(variant: str, calls: list[str], results: list[str], flags: int) -> None:
    events = "".join(f"[[event]]\nprctl = {call}\n" for call in calls)
    s = finish(session("", head=f'variant = "{variant}"', vma=HEAP, events=events))
    told = decisions(s)
    assert [each.removeprefix("prctl-return:") for each in told if each.startswith("prctl-return")] == results
    assert Mm(s.m, 0).flags == flags

# SPDX-License-Identifier: GPL-2.0-only
"""min_free_kbytes, the marks and lowmem_reserve: facts of machines that are running, and the releases' differences."""

from __future__ import annotations

import pytest

from kernelmodel.arch import ARCHES
from kernelmodel.defs import ZONE_DMA, ZONE_DMA32, ZONE_MOVABLE, ZONE_NORMAL
from kernelmodel.mm import reserves
from kernelmodel.mm.reserves import Share
from tests.build import session

PC = (Share(0, ZONE_DMA, 3840), Share(0, ZONE_DMA32, 772915), Share(0, ZONE_NORMAL, 1867776))
"""Seen on a running 6.18: 10G, khugepaged on."""
MIXED = (Share(0, ZONE_NORMAL, 1 << 18), Share(0, ZONE_MOVABLE, 1 << 18))


@pytest.mark.parametrize(
    ("size", "kbytes"), [(1 << 20, 128), (16 << 20, 512), (1 << 30, 4096), (4 << 30, 8192), (16 << 30, 16384),
                         (4 << 40, 262144)],
)  # fmt: skip
@pytest.mark.parametrize("arch", ["x86-64", "arm64-16k", "arm64-64k"])
def test_min_free_kbytes_is_the_root_of_memory(arch: str, size: int, kbytes: int) -> None:
    shift = ARCHES[arch].page_shift
    assert reserves.calculate_min_free_kbytes(size >> shift, shift) == kbytes


def test_khugepaged_asks_for_eleven_pageblocks_a_zone() -> None:
    assert reserves.recommended_min_free_kbytes(PC, sum(zone.managed for zone in PC), 12, 9) == 67584


def test_khugepaged_asks_for_five_percent_at_most_and_nothing_for_zone_movable() -> None:
    assert reserves.recommended_min_free_kbytes(MIXED, 1 << 18, 12, 9) == 11 * 512 * 4
    assert reserves.recommended_min_free_kbytes(MIXED, 20000, 12, 9) == 1000 * 4


def test_the_marks_of_a_running_machine() -> None:
    marks = reserves.boot_wmarks(PC, 12, (6, 18), khugepaged=True)
    assert [each[:3] for each in marks] == [(24, 30, 36), (4938, 6172, 7406), (11933, 14916, 17899)]
    assert marks[2].promo == 17899 + 2983


def test_what_a_running_machine_keeps_for_lower_zones() -> None:
    found = reserves.setup_per_zone_lowmem_reserve(PC, (6, 18))
    assert found == [(0, 3019, 10315, 10315), (0, 0, 7296, 7296), (0, 0, 0, 0)]


def test_only_6_10_to_6_13_keep_nothing_for_a_zone_that_is_empty() -> None:
    """So there a user's fault does not see the reserve of DMA32 on a machine without ZONE_MOVABLE."""
    for release, movable in (((6, 9), 7296), ((6, 10), 0), ((6, 13), 0), ((6, 14), 7296)):
        assert reserves.setup_per_zone_lowmem_reserve(PC, release)[1] == (0, 0, 7296, movable)


def test_a_reserve_is_about_zones_of_the_same_node_and_a_ratio_of_0_is_none() -> None:
    zones = (Share(0, ZONE_DMA32, 1000), Share(0, ZONE_NORMAL, 2560), Share(1, ZONE_NORMAL, 1 << 20))
    assert reserves.setup_per_zone_lowmem_reserve(zones, (6, 5))[0] == (0, 0, 10, 10)
    assert reserves.setup_per_zone_lowmem_reserve(zones, (6, 5), (256, 0, 32, 0))[0] == (0, 0, 0, 0)
    assert reserves.setup_per_zone_lowmem_reserve(MIXED, (6, 5))[0] == (0, 0, 0, (1 << 18) // 32)


@pytest.mark.parametrize(("release", "normal", "movable"), [((6, 5), 512, 512), ((6, 6), 1024, 128)])
def test_zone_movable_has_its_part_until_6_5_and_128_pages_from_6_6_on(
    release: tuple[int, int], normal: int, movable: int
) -> None:
    marks = reserves.setup_per_zone_wmarks(MIXED, 4096, 12, release)
    assert [each.min for each in marks] == [normal, movable]
    assert marks[1].low - marks[1].min == 262, "the distance between the marks is that of the whole zone"


def test_a_written_min_free_kbytes_stands_and_the_scale_factor_sets_the_distance() -> None:
    zones = [Share(0, ZONE_NORMAL, 1 << 18)]
    assert reserves.boot_wmarks(zones, 12, (6, 12), min_free_kbytes=100, khugepaged=True)[0][:3] == (25, 287, 549)
    wide = reserves.boot_wmarks(zones, 12, (6, 12), scale_factor=1000)[0]
    assert wide.low - wide.min == wide.high - wide.low == (1 << 18) // 10


def test_without_khugepaged_what_lies_below_the_first_high_marks_does_not_count() -> None:
    zones = [Share(0, ZONE_NORMAL, 1 << 18)]
    assert reserves.boot_wmarks(zones, 12, (6, 12))[0].min == 4096 // 4
    assert reserves.boot_wmarks(zones, 12, (6, 12), khugepaged=False)[0].min == 4083 // 4
    small = [Share(0, ZONE_NORMAL, 1 << 16)]
    assert reserves.boot_wmarks(small, 12, (6, 12), khugepaged=False) == reserves.boot_wmarks(small, 12, (6, 12))


@pytest.mark.parametrize(
    ("variant", "thp", "runs"),
    [
        ("v3", 'enabled = "never"', False),
        ("v3", 'enabled = "madvise"', True),
        ("6.8", 'enabled = "never"\nhugepages-64kB = "always"', True),  # any size counts until 6.10
        ("6.12", 'enabled = "never"\nhugepages-64kB = "always"', False),
        ("6.12", 'enabled = "never"\nhugepages-2048kB = "madvise"', True),
        ("6.12", 'enabled = "never"\nhugepages-2048kB = "inherit"', False),
    ],
)
def test_khugepaged_runs_where_the_files_ask_for_it(variant: str, thp: str, runs: bool) -> None:
    assert reserves.khugepaged_runs(session(f"[thp]\n{thp}\n", head=f'variant = "{variant}"').m) is runs

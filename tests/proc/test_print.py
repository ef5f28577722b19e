# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's texts written from a machine, byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kernelmodel.machine import Machine
from kernelmodel.mm.extfrag import extfrag_for_order, fragmentation_index, unusable_free_index
from kernelmodel.mm.untouched import touch
from kernelmodel.proc import FILES, text
from kernelmodel.proc.extfrag import thousandths
from tests.build import cells, finish, machine, session
from tests.proc.machines import FULL, MIXED, START, UNIT, mixed_machine

LIVE = Path(__file__).parent.parent / "data" / "proc_6_18"


def set_free(m: Machine, counts: list[int], migratetype: int = 1) -> None:
    for order, blocks in enumerate(counts):
        m.nr_free.set(m.list_number(0, migratetype, order), blocks)


def test_buddyinfo_is_spaced_as_on_a_running_kernel() -> None:
    m = machine()
    set_free(m, [6184, 3096, 2268, 3193, 1956, 1379, 1046, 840, 640, 457, 900])
    set_free(m, [0] * 10 + [1], migratetype=5)
    assert text(m, "buddyinfo") == (
        "Node 0, zone   Normal   6184   3096   2268   3193   1956   1379   1046    840    640    457    901 \n"
    )


def test_pagetypeinfo_has_both_tables_with_a_row_for_every_type() -> None:
    m = mixed_machine(bytes([0, 1, 0]), MIXED, FULL)
    assert text(m, "pagetypeinfo") == (
        "Page block order: 9\n"
        "Pages per block:  512\n"
        "\n"
        "Free pages count per migrate type at order       0      1      2      3      4      5      6      7      8"
        "      9     10 \n"
        "Node    0, zone   Normal, type    Unmovable      0      0      0      0      0      0      0      0      0"
        "      2      0 \n"
        "Node    0, zone   Normal, type      Movable      2      0      0      0      2      0      0      0      0"
        "      0      0 \n"
        "Node    0, zone   Normal, type  Reclaimable      0      0      0      0      0      0      0      0      0"
        "      0      0 \n"
        "Node    0, zone   Normal, type   HighAtomic      0      0      0      0      0      0      0      0      0"
        "      0      0 \n"
        "Node    0, zone   Normal, type          CMA      0      0      0      0      0      0      0      0      0"
        "      0      0 \n"
        "Node    0, zone   Normal, type      Isolate      0      0      0      0      0      0      0      0      0"
        "      0      0 \n"
        "\n"
        "Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic          CMA      Isolate \n"
        "Node 0, zone   Normal            2            2            1            1            0            0 \n"
    )


@pytest.mark.parametrize(("blocks", "cell"), [(99999, " 99999 "), (100000, ">100000 "), (5000000, ">100000 ")])
def test_the_kernel_stops_counting_a_list_at_100000(blocks: int, cell: str) -> None:
    m = machine()
    set_free(m, [blocks])
    assert f"type      Movable {cell}" in text(m, "pagetypeinfo")


def test_counts_are_the_same_once_units_are_touched() -> None:
    m = mixed_machine(bytes([0, 1, 0, 1, 1]), MIXED, FULL)
    before = [text(m, name) for name in FILES]
    for unit in (0, 1, 4):
        touch(m, START + unit * UNIT)
    assert [text(m, name) for name in FILES] == before


def test_pageblocks_of_terabytes_are_counted_by_template() -> None:
    m = mixed_machine(bytes([0, 1]) * (1 << 19), MIXED, FULL)
    touch(m, START + 77 * UNIT)
    m.pageblock.set((START + 77 * UNIT) >> 9, 0)
    rows = text(m, "pagetypeinfo").splitlines()
    assert [int(cell) for cell in rows[-1].split()[4:]] == [524289, 524288, 524287, 524288, 0, 0]


def test_printing_changes_nothing() -> None:
    m = mixed_machine(bytes([0, 1, 0]), MIXED, FULL)
    before = cells(m), m.digest()
    for name in FILES:
        text(m, name)
    assert (cells(m), m.digest()) == before


def test_indices_of_four_free_blocks_of_order_2() -> None:
    free = [0, 0, 4] + [0] * 8
    assert [unusable_free_index(free, order) for order in range(11)] == [0] * 3 + [1000] * 8
    assert [fragmentation_index(free, order) for order in range(11)] == [
        -1000, -1000, -1000, 250, 500, 625, 688, 719, 735, 743, 747,
    ]  # fmt: skip
    assert [extfrag_for_order(free, order) for order in (2, 3)] == [0, 100]
    assert [fragmentation_index([0] * 11, 4), unusable_free_index([0] * 11, 4)] == [0, 1000]
    assert fragmentation_index([0] * 8 + [1, 0, 0], 9) == -500


def test_extfrag_has_both_files_each_under_its_name() -> None:
    m = machine()
    set_free(m, [0, 0, 4] + [0] * 8)
    assert text(m, "extfrag") == (
        "unusable_index\n"
        "Node 0, zone   Normal 0.000 0.000 0.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 \n"
        "\n"
        "extfrag_index\n"
        "Node 0, zone   Normal -1.000 -1.000 -1.000  0.250  0.500  0.625  0.688  0.719  0.735  0.743  0.747 \n"
    )
    assert thousandths(-500, 2) == " 0.-500 "


def labels(shown: str, zone: str) -> list[str]:
    """The lines of one zone without their numbers."""
    part = shown.partition(f"zone {zone:>8}\n")[2].partition("\nNode")[0]
    return [re.sub(r"(\d+|\(.*\))$", "", line) for line in part.splitlines()]


def test_zoneinfo_has_the_lines_of_a_running_6_18() -> None:
    live = (LIVE / "zoneinfo").read_text()
    m = session(head='variant = "6.18"', events="[[event]]\ncpu = 1\nwrite = 'heap'").m
    shown = text(m, "zoneinfo")
    per_node = labels(live, "DMA")
    assert labels(shown, "Normal") == per_node
    assert labels(shown, "Movable") == labels(live, "Movable")


@pytest.mark.parametrize(
    ("variant", "there", "not_there"),
    [
        ("6.5", ("nr_bounce", "nr_writeback_temp"), ("promo", "high_min", "pgdemote_kswapd", "nr_iommu_pages")),
        ("6.8", ("nr_bounce", "pgdemote_kswapd"), ("promo", "high_min", "nr_iommu_pages", "nr_hugetlb")),
        ("6.12", ("promo", "nr_iommu_pages"), ("high_min", "nr_free_pages_blocks", "nr_hugetlb")),
        ("6.14", ("promo", "high_min:", "nr_hugetlb"), ("nr_free_pages_blocks", "reserved_highatomic")),
        ("6.18", ("nr_free_pages_blocks", "nr_balloon_pages"), ("nr_bounce", "reserved_highatomic", "nr_vmalloc")),
        ("7.1", ("reserved_highatomic:", "free_highatomic:", "nr_vmalloc", "pgscan_file"), ("nr_writeback_temp",)),
    ],
)
def test_zoneinfo_follows_the_release(variant: str, there: tuple[str, ...], not_there: tuple[str, ...]) -> None:
    words = text(session(head=f'variant = "{variant}"').m, "zoneinfo").split()
    assert set(there) <= set(words)
    assert not {word for word in words if word.startswith(not_there)}


def test_an_empty_zone_movable_has_marks_from_6_6_on() -> None:
    def low(variant: str) -> str:
        shown = text(session(head=f'variant = "{variant}"').m, "zoneinfo")
        return str(re.findall(r"low +(\d+)", shown.partition("zone  Movable")[2])[0])

    assert (low("6.5"), low("6.8")) == ("0", "32")


def number(shown: str, name: str) -> int:
    return int(re.findall(rf"^ *(?:pages )?{name}:? +(\d+)$", shown, re.M)[0])


def test_zoneinfo_counts_what_pages_are_used_for() -> None:
    m = mixed_machine(bytes([0, 1, 0]), MIXED, FULL)
    touch(m, START)
    shown = text(m, "zoneinfo").partition("zone   Normal")[2]
    expected = {
        "nr_zone_inactive_anon": 96, "nr_zone_inactive_file": 894, "nr_zone_unevictable": 112, "nr_inactive_anon": 96,
        "nr_slab_reclaimable": 512, "nr_slab_unreclaimable": 400, "nr_free_pages": 2 * 529, "nr_free_pages_blocks": 1024,
        "free": 1058, "managed": 3072, "spanned": 3072, "start_pfn": START,
    }  # fmt: skip
    assert {name: number(shown, name) for name in expected} == expected


def test_zoneinfo_adds_the_boost_to_every_mark() -> None:
    m = session("[memory]\nsize = '64M'", head='variant = "6.18"').m
    m.watermark_boost.set(0, 512)
    shown = text(m, "zoneinfo").partition("zone   Normal")[2]
    assert [number(shown, name) for name in ("boost", "min", "low", "high", "promo")] == [512, 768, 832, 896, 960]


def test_pages_of_processes_are_on_the_inactive_list() -> None:
    m = finish(session()).m
    shown = text(m, "zoneinfo").partition("zone   Normal")[2]
    assert number(shown, "nr_zone_inactive_anon") == number(shown, "nr_anon_pages") == 16


@pytest.mark.parametrize(("managed", "threshold"), [(3840, 4), (772915, 24), (1572864, 28), (1 << 34, 84)])
def test_stat_threshold_is_that_of_a_running_kernel_with_two_cpus(managed: int, threshold: int) -> None:
    m = session(events="[[event]]\ncpu = 1\nwrite = 'heap'").m
    m.zones[0] = m.zones[0]._replace(managed=managed)
    assert number(text(m, "zoneinfo"), "vm stats threshold") == threshold


def test_every_node_has_its_own_tables() -> None:
    m = machine('node = [{ size = "16M", cpus = [0] }, { size = "8M" }]')
    assert [row.split()[:4] for row in text(m, "buddyinfo").splitlines()] == [
        ["Node", "0,", "zone", "Normal"],
        ["Node", "1,", "zone", "Normal"],
    ]
    assert text(m, "pagetypeinfo").count("Page block order: 9\n") == 2
    assert text(m, "zoneinfo").count("per-node stats") == 2

# SPDX-License-Identifier: GPL-2.0-only
"""Reading the kernel's texts: every number of a real machine, and what is wrong with texts that no kernel wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.arch import ARCHES
from kernelmodel.defs import MIGRATE_NAMES
from kernelmodel.mm.extfrag import free_pages
from kernelmodel.mm.untouched import Template
from kernelmodel.proc import text
from kernelmodel.proc.buddyinfo import free_area
from kernelmodel.proc.pagetypeinfo import block_counts
from kernelmodel.proc.parse import Pageset, Parsed, Remark, parse
from tests.build import session
from tests.proc.machines import mixed_machine

X86 = ARCHES["x86-64"]
FOLDER = Path(__file__).parent.parent / "data" / "proc_6_18"
LIVE = {name: (FOLDER / name).read_text() for name in ("buddyinfo", "pagetypeinfo", "zoneinfo")}


def read(**texts: str | None) -> Parsed:
    """The live texts but for these."""
    given = {**LIVE, **texts}
    return parse(given["buddyinfo"], given["pagetypeinfo"], given["zoneinfo"], X86)


def test_a_real_machine_is_read_with_every_number() -> None:
    zones, errors, notes = read()
    assert (errors, notes) == ((), ())
    assert [(zone.node, zone.name) for zone in zones] == [(0, "DMA"), (0, "DMA32"), (0, "Normal")]
    dma, _, normal = zones
    assert normal.free["Movable"] == (0, 0, 0, 0, 1, 17, 1253, 973, 524, 263, 743)
    assert normal.free["Reclaimable"][0] == 1862
    assert normal.blocks == {"Unmovable": 225, "Movable": 2692, "Reclaimable": 155, "HighAtomic": 0, "Isolate": 0}
    assert (dma.managed, dma.present, dma.spanned, dma.start_pfn) == (3840, 3998, 4095, 1)
    assert (normal.min, normal.low, normal.high, normal.promo, normal.boost) == (11310, 14137, 16964, 19791, 0)
    assert [zone.protection for zone in zones] == [(0, 3019, 9163, 9163), (0, 0, 6144, 6144), (0, 0, 0, 0)]
    assert normal.pcp[0] == Pageset(0, 6363, 12451, 63, 7068, 98304)
    assert len(normal.pcp) == 2
    assert (normal.lru["nr_zone_inactive_file"], normal.lru["nr_mlock"]) == (51239, 5751)
    assert dma.slab == {"nr_slab_reclaimable": 62047, "nr_slab_unreclaimable": 7814}
    assert normal.slab == {}


def test_buddyinfo_alone_has_no_types_and_no_sizes() -> None:
    zones = read(pagetypeinfo=None, zoneinfo=None).zones
    assert zones[2].free == {"": (1863, 704, 2422, 1671, 822, 473, 1622, 1109, 552, 263, 743)}
    assert (zones[2].blocks, zones[2].managed, zones[2].protection, zones[2].pcp) == ({}, None, (), ())


def test_lines_that_say_nothing_of_use_are_passed_over() -> None:
    noise = "$ cat it\r\nsome words\n\n"
    mixed = "\nNumber of mixed blocks     Unmovable      Movable \nNode 0, zone   Normal            0            0 \n"
    zoneinfo = LIVE["zoneinfo"].replace("      numa_hit", "      nr_newly_counted 5\n      numa_hit")
    found = read(
        buddyinfo=noise + LIVE["buddyinfo"].replace("\n", "\r\n"),
        pagetypeinfo=noise + LIVE["pagetypeinfo"] + mixed,
        zoneinfo=noise + zoneinfo,
    )
    assert found == read()


def template(parts: list[tuple[bool, int, int, int]], types: tuple[int, ...]) -> Template:
    """From a list of (free, order, migratetype, use), laid one after the other and aligned."""
    blocks, pages, at = [], [], 0
    for free, order, migratetype, use in parts:
        at = -(-at >> order) << order
        if at + (1 << order) > 1024:
            break
        if free:
            blocks.append((at, order, migratetype))
        else:
            pages.append((at, 1 << order, use))
        at += 1 << order
    return Template(types, tuple(blocks), tuple(pages))


PARTS = st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 5), st.integers(1, 5)), max_size=20)
TEMPLATES = st.builds(template, PARTS, st.tuples(st.integers(0, 5), st.integers(0, 5)))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(TEMPLATES, min_size=3, max_size=3),
    st.lists(st.integers(0, 2), min_size=1, max_size=40),
    st.sampled_from(["6.5", "6.8", "6.12", "6.14", "6.18", "7.1"]),
    st.integers(0, 300),
)
def test_what_is_printed_is_read_back(templates: list[Template], kinds: list[int], variant: str, boost: int) -> None:
    m = mixed_machine(bytes(kinds), *templates, variant=variant)
    for level, pages in enumerate((100, 125, 150)):
        m.watermark.set(level, pages)
    m.watermark_boost.set(0, boost)
    found = parse(text(m, "buddyinfo"), text(m, "pagetypeinfo"), text(m, "zoneinfo"), m.arch)
    assert (found.errors, found.notes) == ((), ())
    zone = found.zones[0]
    assert zone.free == {
        name: tuple(m.nr_free.get(m.list_number(0, mt, order)) for order in range(11))
        for mt, name in enumerate(MIGRATE_NAMES)
    }
    assert zone.blocks == dict(zip(MIGRATE_NAMES, block_counts(m)[0], strict=True))
    span = m.zones[0]
    sizes = span.managed, span.present, span.end - span.start, span.start
    assert (zone.managed, zone.present, zone.spanned, zone.start_pfn) == sizes
    assert (zone.min, zone.low, zone.high, zone.boost) == (100, 125, 150, boost)
    assert zone.promo == (175 if m.release >= (6, 12) else None)
    assert sum(free_pages(row) for row in zone.free.values()) == free_pages(free_area(m, 0))


def test_where_the_two_differ_buddyinfo_is_right() -> None:
    rows = LIVE["buddyinfo"].replace("1863    704   2422", "1870    600   2422")
    found = read(buddyinfo=rows)
    assert found.errors == ()
    assert found.notes == (
        Remark(
            "pagetypeinfo", 15, 1,
            "1337175 free pages, 1336974 in buddyinfo: read at different times; buddyinfo's numbers are used",
        ),
    )  # fmt: skip
    free = found.zones[2].free
    assert (free["Reclaimable"][:2], free["Unmovable"][:2]) == ((1869, 599), (1, 1))


def test_a_count_that_the_kernel_gave_up_is_made_good_from_buddyinfo() -> None:
    capped = LIVE["pagetypeinfo"].replace("Reclaimable   1862", "Reclaimable >100000")
    rows = LIVE["buddyinfo"].replace("Normal   1863", "Normal 150001")
    found = read(buddyinfo=rows, pagetypeinfo=capped, zoneinfo=None)
    assert (found.errors, found.notes) == ((), ())
    assert found.zones[2].free["Reclaimable"][0] == 150000
    alone = read(buddyinfo=None, pagetypeinfo=capped, zoneinfo=None)
    words = "how many blocks of order 0 there are is not said: give buddyinfo too"
    assert (alone.zones, alone.errors) == ((), (Remark("pagetypeinfo", 17, 1, words),))


def test_of_several_such_counts_the_movable_one_has_the_rest() -> None:
    capped = LIVE["pagetypeinfo"].replace("Reclaimable   1862", "Reclaimable >100000")
    capped = capped.replace("Normal, type      Movable      0", "Normal, type      Movable >100000")
    found = read(
        buddyinfo=LIVE["buddyinfo"].replace("Normal   1863", "Normal 200500"), pagetypeinfo=capped, zoneinfo=None
    )
    free = found.zones[2].free
    assert [free[name][0] for name in ("Unmovable", "Movable", "Reclaimable")] == [1, 100499, 100000]
    words = "of several types there are more blocks than it counts: the movable one has the rest"
    assert found.notes == (Remark("pagetypeinfo", 15, 1, words),)


@pytest.mark.parametrize("arch", ARCHES)
def test_every_architecture_has_its_own_orders(arch: str) -> None:
    m = session(head=f'variant = "6.18"\narch = "{arch}"', text='[memory]\nsize = "1G"').m
    found = parse(text(m, "buddyinfo"), text(m, "pagetypeinfo"), text(m, "zoneinfo"), m.arch)
    assert (found.errors, found.notes) == ((), ())
    zone = found.zones[0]
    assert len(zone.free["Movable"]) == m.arch.max_order + 1
    assert sum(zone.blocks.values()) << m.arch.pageblock_order == (1 << 30) >> m.arch.page_shift == zone.managed
    others = [each for each in ARCHES.values() if each.max_order != m.arch.max_order]
    assert all(parse(text(m, "buddyinfo"), None, None, each).errors for each in others)


def test_protection_is_by_the_zones_of_the_model() -> None:
    without_dma32 = LIVE["zoneinfo"].partition("Node 0, zone    DMA32")
    normal = without_dma32[2].partition("Node 0, zone   Normal")
    zoneinfo = (without_dma32[0] + normal[1] + normal[2]).replace("(0, 3019, 9163, 9163, 9163)", "(0, 7, 8, 9)")
    zoneinfo = zoneinfo.replace("(0, 0, 0, 0, 0)", "(0, 0, 0, 0)")
    buddyinfo = "".join(row for row in LIVE["buddyinfo"].splitlines(True) if "DMA32" not in row)
    found = read(buddyinfo=buddyinfo, pagetypeinfo=None, zoneinfo=zoneinfo)
    assert [zone.protection for zone in found.zones] == [(0, 0, 7, 8), (0, 0, 0, 0)]


CASES: dict[str, tuple[str, str, str, tuple[int, int, str]]] = {
    "no number": ("buddyinfo", " 1863 ", " 18x3 ", (3, 25, "a number of at most 15 digits belongs here")),
    "a column less": (
        "buddyinfo", "1863    704", "1863", (3, 1, "10 numbers in this row instead of 11, one for each order of x86-64"),
    ),
    "a column more": (
        "buddyinfo", "263    743", "263    743 1",
        (3, 100, "12 numbers in this row instead of 11, one for each order of x86-64 (arm64-16k would have 12)"),
    ),
    "an odd zone": ("buddyinfo", " Normal", "HighMem", (3, 15, "zones here are DMA, DMA32, Normal, Movable")),
    "a node too many": ("buddyinfo", "Node 0, zone   Normal", "Node 1024, zone Normal", (3, 6, "nodes are 0 … 1023")),
    "a zone twice": ("buddyinfo", "zone    DMA32", "zone      DMA", (2, 1, "this zone has a row already, in line 1")),
    "no row": ("buddyinfo", "Node", "Nude", (1, 1, "there is no row of a zone here")),
    "another file": (
        "buddyinfo", "Normal", "Normal, type Movable",
        (3, 1, "a row here is: Node N, zone NAME, and a number for each order"),
    ),
    "an odd type": (
        "pagetypeinfo", "type  Reclaimable   1862", "type         Odd   1862",
        (17, 40, "types are Unmovable, Movable, Reclaimable, HighAtomic, CMA, Isolate"),
    ),
    "a type missing": (
        "pagetypeinfo", "Node    0, zone   Normal, type   HighAtomic", "Nude", (15, 1, "this zone has no row for HighAtomic"),
    ),
    "another pageblock": ("pagetypeinfo", "order: 9", "order: 10", (1, 19, "not that of x86-64, which is 9")),
    "pageblocks missing": (
        "pagetypeinfo", "Number of blocks", "Some blocks", (5, 1, "this zone has no row in the table of pageblocks"),
    ),
    "nothing needed": ("zoneinfo", "managed  1572864", "", (145, 1, "of this zone there is no managed")),
    "more than there is": (
        "zoneinfo", "spanned  5505024", "spanned  5505023", (145, 1, "present is more than spanned in this zone"),
    ),
    "marks out of order": (
        "zoneinfo", "low      33", "low      26", (1, 1, "min is more than low in this zone"),
    ),
    "an odd batch": ("zoneinfo", "batch:    63", "batch:    99999999", (132, 25, "a batch is 1 … 1024 pages")),
    "a column twice": (
        "pagetypeinfo", "Unmovable      Movable", "Unmovable    Unmovable", (21, 40, "this type has a column already"),
    ),
    "more free than managed": (
        "buddyinfo", "263    743", "263 900000", (3, 1, "more free pages than the zone's pageblocks have"),
    ),
    "short protection": (
        "zoneinfo", "(0, 3019, 9163, 9163, 9163)", "(0, 3019)", (64, 1, "2 numbers here, but the node has 5 zones"),
    ),
    "a zone less": ("zoneinfo", "present  782336", "present  0", (2, 1, "zoneinfo has no such zone with memory")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_no_kernel_wrote_is_told_with_its_place(case: str) -> None:
    file, old, new, (line, col, words) = CASES[case]
    assert old in LIVE[file]
    found = read(**{file: LIVE[file].replace(old, new)})
    where = "buddyinfo" if case == "a zone less" else file
    assert Remark(where, line, col, words) in found.errors
    assert found.zones == ()


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = read(
        buddyinfo=LIVE["buddyinfo"].replace("1863", "x").replace("752", "y"),
        zoneinfo=LIVE["zoneinfo"].replace("managed  3840", "managed  z"),
    )
    assert [(each.file, each.line) for each in found.errors] == [
        ("buddyinfo", 2), ("buddyinfo", 3), ("zoneinfo", 62),
    ]  # fmt: skip


def test_zoneinfo_alone_does_not_do() -> None:
    found = read(buddyinfo=None, pagetypeinfo=None)
    assert [each.message.partition(":")[0] for each in found.errors] == [
        "zoneinfo does not say which blocks are free"
    ]  # fmt: skip


def test_a_text_is_at_most_1_mib_and_errors_are_few() -> None:
    assert read(buddyinfo=" " * ((1 << 20) + 1)).errors == (Remark("buddyinfo", 1, 1, "more than 1 MiB"),)
    row = "Node 0, zone Normal 1\n"
    assert len(read(buddyinfo=row * ((1 << 20) // len(row))).errors) == 50


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(LIVE)), st.data())
def test_no_text_is_ever_quoted_and_none_is_too_odd(file: str, data: st.DataObject) -> None:
    words = st.sampled_from(["SECRET", "Node SECRET", "0", ">100000", "\n", "Node 0, zone SECRET", ":", "-1", "9" * 16])
    at = data.draw(st.integers(0, len(LIVE[file])))
    cut = data.draw(st.integers(0, 200))
    odd = LIVE[file][:at] + data.draw(words) + LIVE[file][at + cut :]
    found = read(**{file: odd})
    assert bool(found.zones) != bool(found.errors)
    assert not any("SECRET" in each.message for each in (*found.errors, *found.notes))

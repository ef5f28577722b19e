# SPDX-License-Identifier: GPL-2.0-only
"""What a good scenario becomes: numbers, defaults, notes."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelmodel.scenario import ScenarioError, find, load, loads, packaged
from kernelmodel.scenario.types import Answer, Boot, Memory, Place, Populate, Scenario, Thp, VmaSpec
from tests.scenario.broken_cases import HEAP, E, V

START = 0x7F0000000000


def good(text: str) -> Scenario:
    """A scenario of which nothing is said."""
    scenario = loads(text, "x.toml")
    assert scenario.warnings == ()
    return scenario


def test_example() -> None:
    """The example of the reference, in numbers."""
    s = load("scenarios/example.toml")
    assert (s.title, s.variant, s.arch) == ("64K and 32K start before vm_start: order-0", "v3", "x86-64")
    assert s.name == "scenarios/example.toml"
    assert s.thp == Thp("always", "madvise")
    assert s.boot == Boot(4, None)
    assert s.memory == Memory(64 << 20, None, None, None)
    assert s.vmas == (VmaSpec("heap", 0x7F0000002000, 1 << 20, ("VM_WRITE", "VM_HUGEPAGE"), ()),)
    assert s.populate == (Populate(0x7F000000A000, 1, "page", None, Place(31, 9)),)
    (event,) = s.events
    assert (event.cpu, event.write, event.address, event.text) == (0, True, 0x7F0000005000, "heap+0x3000")
    assert event.answers == ()
    assert [(each.on, each.condition, each.place.line) for each in s.breaks] == [("fallback", "cpu == 0", 41)]
    assert s.expect is not None
    assert (s.expect.results, s.expect.orders) == (("0",), (0,))
    assert s.expect.decisions == "vma-bounds:outside vma-bounds:outside fallback:vma-bounds"
    assert s.warnings == ()
    assert s.raw["memory"] == {"size": "64M"}


def test_defaults() -> None:
    """A variant and one event are enough."""
    s = good(V + E)
    assert (s.title, s.arch, s.memory.size, s.thp, s.boot) == ("x.toml", "x86-64", 64 << 20, Thp(), Boot())
    assert (s.events[0].cpu, s.events[0].process, s.events[0].text) == (0, "main", "0x1000")
    assert (s.vmas, s.populate, s.breaks, s.config, s.schedule, s.expect) == ((), (), (), (), (), None)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("'heap'", START),
        ("'heap+0x3000'", START + 0x3000),
        ("'heap+4096'", START + 4096),
        ("'heap + 64K'", START + (64 << 10)),
        ("'heap+1M'", START + (1 << 20)),
        ("'heap+0x1fffff'", START + 0x1FFFFF),
        ("0x7f00_0000_1000", START + 0x1000),
        ("140737488355327", (1 << 47) - 1),
    ],
)
def test_addresses(written: str, address: int) -> None:
    """Integers in any base, names, offsets with suffixes."""
    event = good(V + HEAP + f"[[event]]\nread = {written}\n").events[0]
    assert (event.address, event.write) == (address, False)


@pytest.mark.parametrize(
    ("size", "value"),
    [("8192", 8192), ("'8192'", 8192), ("'0x2000'", 8192), ("'64k'", 1 << 16), ("'2M'", 2 << 20), ("'16T'", 16 << 40)],
)
def test_sizes(size: str, value: int) -> None:
    """Bytes and suffixes."""
    assert good(V + E + f"[memory]\nsize = {size}\n").memory.size == value


def test_memory() -> None:
    """Blocks, limits in whole pages, the min watermark in pages or bytes."""
    memory = good(V + E + "[memory]\nfree = { 4 = 2, 0 = 30, 3 = 0 }\nmemcg_limit = 10000\nmin = '64K'\n").memory
    assert memory == Memory(None, 8192, ((0, 30), (4, 2)), 16)
    assert good(V + E + "[memory]\nfree = {}\nmin = 3\n").memory == Memory(None, None, (), 3)
    assert good(V + E + "[memory]\nsize = '128K'\nfree = { 4 = 1 }\n").memory.size == 1 << 17
    assert good(V + E + "[memory]\nsize = '4M'\nfree = { 10 = 1 }\n").memory.free == ((10, 1),)
    text = V + "arch = 'arm64-16k'\n" + E + "[memory]\nmemcg_limit = '100K'\nmin = '100K'\n"
    assert good(text).memory == Memory(64 << 20, 6 << 14, None, 6)


def test_populate() -> None:
    """Pages, a folio, a part of one, a leaf."""
    s = good(
        V + HEAP + "[[populate]]\nat = 'heap'\norder = 4\n"
        "[[populate]]\nat = 'heap+64K'\norder = 2\npages = 3\n"
        "[[populate]]\nat = 'heap+128K'\nwith = 'swap'\npages = 2\norder = 0\n"
        f"[[populate]]\nat = {START + 0x30000:#x}\nwith = 'uffd-wp-marker'\n" + E
    )
    assert [(each.at - START, each.pages, each.with_, each.order) for each in s.populate] == [
        (0, 16, "page", 4),
        (0x10000, 3, "page", 2),
        (0x20000, 2, "swap", None),
        (0x30000, 1, "uffd-wp-marker", None),
    ]
    leaf = good(V + HEAP + "[[populate]]\nat = 'heap'\nwith = 'huge-pmd'\n" + E).populate[0]
    assert (leaf.pages, leaf.order) == (512, None)


def test_answers_are_spelled_as_decisions_show_them() -> None:
    """Spaces and leading zeros are not kept."""
    text = "answers = [\n  ' vma_alloc_folio( order = 04 )=NULL', 'pte_offset_map() =  NULL   leaf',\n 'pte_alloc_one = table']"
    assert good(V + E + text).events[0].answers == (
        Answer("vma_alloc_folio(order=4)", "NULL", Place(5, 3)),
        Answer("pte_offset_map()", "NULL leaf", Place(5, 42)),
        Answer("pte_alloc_one", "table", Place(6, 2)),
    )


def test_orders_depend_on_the_arch() -> None:
    """An order that 4K pages do not have."""
    text = V + "arch = 'arm64-64k'\n[boot]\narch_wants_pte_order = 12\n" + E
    s = good(text + "answers = ['vma_alloc_folio(order=13) = NULL']\n[memory]\nfree = { 13 = 1 }\n")
    assert (s.boot.arch_wants_pte_order, s.memory.free) == (12, ((13, 1),))


def test_schedule() -> None:
    """Turns, the last one open."""
    events = "[[event]]\nwrite = 0\n[[event]]\ncpu = 1\nwrite = 0\n"
    assert good("schedule = '0*7  1*12 0'\n" + V + events).schedule == ((0, 7), (1, 12), (0, -1))
    assert good("schedule = ''\n" + V + events).schedule == ()


def test_expect() -> None:
    """Every key of [expect], and one variant's own."""
    s = good(
        V + E + "[expect]\nresults = ['0', 'VM_FAULT_OOM', 'VM_FAULT_NOPAGE|VM_FAULT_RETRY']\norders = [-1, 0, 9]\n"
        "decisions = 'policy:4,3 map-pte:NULL(leaf) fallback'\nmthp_stat = { '64kB.anon_fault_alloc' = 0 }\n"
        "vmstat = { pgfault = 2 }\nbug = 'uninitialised'\nreachable = ['map-pte:NULL', 'map-pte:NULL(leaf)']\n"
        "unreachable = ['blocked']\ninvariants = 'hold'\n"
        "[expect.variant.v3-off]\norders = [0]\nblocked = true\n[expect.mutant.'drop R1']\ninvariants = 'endless-refault'\n"
    )
    e = s.expect
    assert e is not None
    assert e.results == ("0", "VM_FAULT_OOM", "VM_FAULT_NOPAGE|VM_FAULT_RETRY")
    assert (e.orders, e.mthp_stat, e.vmstat) == ((-1, 0, 9), (("64kB.anon_fault_alloc", 0),), (("pgfault", 2),))
    assert (e.bug, e.blocked, e.reachable) == ("uninitialised", False, ("map-pte:NULL", "map-pte:NULL(leaf)"))
    assert (e.unreachable, e.invariants) == (("blocked",), "hold")
    ((name, other),) = s.expect_variant
    assert (name, other.orders, other.blocked, other.results) == ("v3-off", (0,), True, None)
    ((name, other),) = s.expect_mutant
    assert (name, other.invariants, other.reachable) == ("drop R1", "endless-refault", None)


def test_mutants() -> None:
    """Of the file, and of the command line behind the variant."""
    text = V + "mutants = ['drop R2']\n" + E
    assert good(text).mutants == ("drop R2",)
    assert loads(text, "x", variant="v4~drop+R1~drop R2").mutants == ("drop R2", "drop R1")
    assert loads(V + E, "x", variant="~BUG_ON").mutants == ("BUG_ON",)
    with pytest.raises(ScenarioError, match="has no mutant 'BUG_ON'"):
        loads(V + E, "x", variant="6.9~BUG_ON")
    assert loads(V + E + "[expect.mutant.BUG_ON]\nbug = 'BUG_ON'\n", "x", variant="6.9").variant == "6.9"


NOTES = [
    ("[boot]\nflexthp_unhinted_max = ¦'48K'\n", "v3", "is no power of two in 4K … 2048K"),
    ("[boot]\nflexthp_unhinted_max = ¦'4M'\n", "v3", "the kernel ignores it"),
    ("[boot]\nflexthp_unhinted_max = ¦2048\n", "v3", "the kernel ignores it"),
    ("[boot]\nflexthp_unhinted_max = ¦'64K'\n", "v3-off", "v3-off has no flexthp_unhinted_max"),
    ("[boot]\narch_wants_pte_order = ¦4\n", "v3-off", "v3-off has no arch_wants_pte_order"),
    ("[boot]\nthp_anon = ¦'64K:always'\n", "v3", "v3 has no thp_anon"),
    ("[boot]\ninit_on_alloc = ¦true\n", "v3", "v3 has no init_on_alloc"),
    ("[thp]\nhugepages-64kB = ¦'inherit'\n", "v3", "v3 has no hugepages-64kB"),
    ("[thp]\nanon_orders = ¦0x18\n", "v3", "v3 has no anon_orders"),
    ("[thp]\nanon_always_mask = ¦1\n", "v3", "v3 has no anon_always_mask"),
    ("[config]\nCONFIG_PT_RECLAIM = ¦true\n", "v3", "has no CONFIG_PT_RECLAIM"),
    ("[config]\nCONFIG_FLEXIBLE_THP = ¦false\n", "v3", "the variant decides this"),
    ("[config]\nCONFIG_FLEXIBLE_THP = ¦true\n", "v3-off", "the variant decides this"),
]


@pytest.mark.parametrize(("marked", "variant", "words"), NOTES)
def test_notes(marked: str, variant: str, words: str) -> None:
    """What is taken but has no effect is told, with its place."""
    text = f"variant = '{variant}'\n" + E + marked
    before = text.split("¦")[0]
    (note,) = loads(text.replace("¦", ""), "x.toml").warnings
    assert note.startswith(f"x.toml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: note: ")
    assert words in note


def test_ignored_cap() -> None:
    """A cap that the kernel ignores is None; one of order 1 is taken (the patch makes it 0)."""
    assert loads(V + E + "[boot]\nflexthp_unhinted_max = '48K'\n", "x").boot.flexthp_unhinted_max is None
    assert good(V + E + "[boot]\nflexthp_unhinted_max = '8K'\n").boot.flexthp_unhinted_max == 8192
    assert good(V + E + "[boot]\nflexthp_unhinted_max = '2M'\n").boot.flexthp_unhinted_max == 2 << 20


def test_wp_on_arm64_is_noted() -> None:
    """Taken, with a note; without one on x86-64, and from 6.10 on."""
    text = V + HEAP + "uffd = ['wp', 'missing']\n" + E
    assert good(text).vmas[0].uffd == ("wp", "missing")
    s = loads("arch = 'arm64-4k'\n" + text, "x")
    assert s.vmas[0].uffd == ("wp", "missing")
    assert "no uffd write-protection on arm64-4k" in s.warnings[0]
    assert not loads("arch = 'arm64-4k'\n" + text.replace(V, "variant = '6.12'\n"), "x").warnings


def test_hash_is_of_the_text_without_comments() -> None:
    """Comments, blank lines and spaces between words change nothing; everything else does."""
    base = loads(V + "title = 'a # b'\n" + E, "x").hash
    assert len(base) == 8
    assert int(base, 16) >= 0
    assert loads("# hello\n\n" + V + "  title   = 'a # b'   # note\n" + E + "\n\n", "y").hash == base
    assert loads(V + "title = 'a # c'\n" + E, "x").hash != base
    assert loads(V + "title = 'a  # b'\n" + E, "x").hash != base


def test_title_is_free_text() -> None:
    """Control characters may stand in a title as escapes; markup stays as it is."""
    assert good(V + 'title = "\\u001b[31m [bold]orders[i][/]"\n' + E).title == "\x1b[31m [bold]orders[i][/]"


def test_packaged_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked for as it stands first, then among the packaged ones, with or without their folder's name."""
    assert "example.toml" in packaged()
    assert packaged() == sorted(packaged())
    monkeypatch.chdir(tmp_path)
    packed = load("example.toml")
    assert packed.name == "example.toml"
    assert load("scenarios/example.toml").hash == packed.hash
    (tmp_path / "example.toml").write_text(V + E)
    assert load("example.toml").hash != packed.hash
    assert find("example.toml") == Path("example.toml")

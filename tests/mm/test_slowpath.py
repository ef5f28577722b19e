# SPDX-License-Identifier: GPL-2.0-only
"""The slow path: what each mask of a fault goes through, where it ends, and that looking at it stores nothing."""

from __future__ import annotations

import pytest

from kernelmodel.decision import GeneratorDriver, Question
from kernelmodel.defs import (
    __GFP_KSWAPD_RECLAIM,
    __GFP_NOFAIL,
    __GFP_NORETRY,
    __GFP_RETRY_MAYFAIL,
    __GFP_THISNODE,
    BG_FILE,
    BG_PINNED,
    BG_UNMOVABLE,
    GFP_HIGHUSER_MOVABLE,
    GFP_TRANSHUGE,
    GFP_TRANSHUGE_LIGHT,
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_UNMOVABLE,
    ZONE_BOOSTED_WATERMARK,
    ZONE_MOVABLE,
    ZONE_NORMAL,
)
from kernelmodel.explore import explore
from kernelmodel.explore.types import Options
from kernelmodel.machine import Machine
from kernelmodel.mm import slow_retry, slowpath, stages
from kernelmodel.mm.mempolicy import alloc_pages_mpol
from kernelmodel.mm.page_alloc import take
from kernelmodel.mm.slow_steps import SYNC_LIGHT, __alloc_pages_direct_compact, wake_all_kswapds
from kernelmodel.mm.slowpath import Effort, __alloc_pages
from kernelmodel.mm.stages import Stage
from tests.build import cells, decisions, finish, machine, session
from tests.mm.background import FREE, background, drive
from tests.mm.memory import memory, unit

LIGHT, HUGE, MOVABLE = GFP_TRANSHUGE_LIGHT, GFP_TRANSHUGE, GFP_HIGHUSER_MOVABLE
POOR = (FREE, BG_FILE, *[BG_PINNED] * 2, *(FREE, BG_PINNED, BG_PINNED, BG_PINNED) * 3)
"""A quarter free, a few pages that can be freed or moved: no order-2 block will ever come of it."""


def alloc(m: Machine, gfp: int, order: int, *answers: str) -> tuple[Effort, list[str]]:
    effort, asked = drive(__alloc_pages(m, gfp, order, 0), *answers)
    assert stages.parse(stages.text(effort.path)) == effort.path
    return effort, asked


def way(effort: Effort) -> str:
    """The stages in short; looks at the lists by their mark only, two in a row as one."""
    short: list[str] = []
    for stage in effort.path:
        word = {"reclaim-retry": "again", "compact-retry": "again", "kswapd0": "kswapd", "drain": "drain"}.get(
            stage.what, stage.what.removeprefix("freelist").replace("compact ", "")
        )
        if stage.what in ("reclaim", "oom", "nopage"):
            word = f"{word}:{stage.verdict}"
        short += [word] if stage.verdict != "give-up" and short[-1:] != [word] else []
    return " ".join(short)


@pytest.mark.parametrize(
    ("gfp", "order", "old", "new", "newest"),
    [
        (LIGHT, 4, "@low @min nopage:no-direct-reclaim", "", ""),
        (LIGHT, 2, "@low @min nopage:no-direct-reclaim", "", ""),
        (LIGHT | __GFP_KSWAPD_RECLAIM, 4, "@low kswapd @min kswapd @min nopage:no-direct-reclaim", "",
         "@low kswapd @min nopage:no-direct-reclaim"),
        (HUGE | __GFP_NORETRY, 4, "@low @min async @min reclaim:compaction-ready @min drain @min async @min nopage:noretry", "", ""),
        (HUGE | __GFP_NORETRY, 2, "@low @min reclaim:progress @min drain @min sync-light @min nopage:noretry", "", ""),
        (HUGE | __GFP_NORETRY | __GFP_THISNODE, 4,
         "@low @min async @min reclaim:compaction-ready @min drain @min async @min nopage:noretry",
         "@low @min async @min nopage:this-node", "@low @min async @min nopage:this-node"),
        (HUGE, 4, "@low @min async @min reclaim:compaction-ready @min drain @min sync-light @min nopage:costly", "", ""),
        (HUGE, 2, "@low @min reclaim:progress @min drain @min sync-light @min again @min reclaim:progress @min drain @min "
         "sync-full @min @high oom:kill nopage:oom", "", ""),
        (HUGE | __GFP_THISNODE, 2, "@low @min reclaim:progress @min drain @min sync-light @min again @min reclaim:progress "
         "@min drain @min sync-full @min @high oom:this-node nopage:this-node", "", ""),
        (MOVABLE | __GFP_RETRY_MAYFAIL, 2, "@low kswapd @min kswapd @min reclaim:progress @min drain @min sync-light @min "
         "again kswapd @min reclaim:progress @min drain @min sync-full @min @high oom:retry-mayfail nopage:retry-mayfail", "",
         "@low kswapd @min reclaim:progress @min drain @min sync-light @min again kswapd @min reclaim:progress @min drain @min "
         "sync-full @min @high oom:retry-mayfail nopage:retry-mayfail"),
    ],
)  # fmt: skip
def test_what_each_mask_goes_through(gfp: int, order: int, old: str, new: str, newest: str) -> None:
    """Facts §3.9; 7.0 has the first look and the first compaction inside the loop."""
    for variant, want in (("6.5", old), ("6.18", new or old), ("7.1", newest or new or old)):
        effort, _ = alloc(background(variant, POOR), gfp, order)
        assert (variant, way(effort)) == (variant, want)
        assert effort.flags < 0


@pytest.mark.parametrize("variant", ["6.5", "6.18", "7.1"])
def test_a_request_that_reclaim_helps(variant: str) -> None:
    m = background(variant, (BG_FILE, BG_FILE, FREE, BG_FILE), marks=(270, 280, 290))
    effort, asked = alloc(m, MOVABLE, 0)
    assert (effort.flags >= 0, asked) == (True, ["reclaim:progress"])
    assert effort.path[-1][:3] == ("S4", "freelist@min", "found")
    assert m.nr_free_pages.get(0) > 270
    assert m.kswapd_order.get(0) == 1


def test_compaction_helps_a_costly_request_without_reclaim() -> None:
    fragmented = (FREE, BG_FILE)
    effort, asked = alloc(background("6.5", fragmented, 4), HUGE | __GFP_NORETRY, 9)
    assert (effort.flags >= 0, asked) == (True, ["compact:success"])
    effort, asked = alloc(background("6.5", fragmented, 4), HUGE | __GFP_NORETRY, 9, "contended", "contended")
    assert (effort.flags, asked) == (-1, ["compact:contended", "compact:contended"])


def test_too_little_memory_ends_a_costly_request_that_must_not_retry() -> None:
    for variant, why in (("6.5", "noretry-skipped"), ("6.18", "noretry-skipped"), ("7.1", "noretry")):
        m = background(variant, (*[BG_PINNED] * 31, FREE), marks=(30, 32, 34))
        effort, _ = alloc(m, HUGE | __GFP_NORETRY, 5)
        assert effort.path[-1] == Stage("FAIL", "nopage", why)


def test_sixteen_rounds_without_progress_then_the_oom_killer() -> None:
    m = background("6.5", (BG_FILE, BG_FILE, FREE, BG_FILE), marks=(270, 280, 290))
    effort, asked = alloc(m, MOVABLE, 0, *["none"] * 17)
    assert asked == ["reclaim:none"] * 17
    assert (effort.flags, effort.reason) == (-1, "oom")
    retry = next(stage for stage in effort.path if stage.what == "reclaim-retry")
    assert (retry.verdict, retry.numbers, retry.times) == ("retry", (16, 16), 16)


def test_what_the_oom_killer_is_not_called_for() -> None:
    assert slow_retry.out_of_memory(MOVABLE, 3) == ""
    assert slow_retry.out_of_memory(MOVABLE, 4) == "costly"
    assert slow_retry.out_of_memory(MOVABLE | __GFP_RETRY_MAYFAIL, 0) == "retry-mayfail"
    assert slow_retry.out_of_memory(MOVABLE | __GFP_THISNODE, 0) == "this-node"
    assert slow_retry.out_of_memory(0x1, 0) == "lowmem"


def test_a_request_that_must_not_fail_gets_the_reserves() -> None:
    m = background("6.5", (BG_UNMOVABLE, BG_UNMOVABLE, FREE, BG_UNMOVABLE), marks=(300, 310, 320))
    effort, _ = alloc(m, MOVABLE | __GFP_NOFAIL, 0)
    assert (effort.flags >= 0, effort.path[-1][:3]) == (True, ("FAIL", "freelist@min", "found"))


def test_the_highatomic_reserve_is_given_up_before_the_request_is() -> None:
    m = memory("6.5", (unit((MIGRATE_HIGHATOMIC, MIGRATE_MOVABLE), {0: 9}), unit((1, 1), {}, BG_FILE)))
    m.lru = True
    m.nr_reserved_highatomic.set(0, 512)
    m.nr_reclaimable.set(0, 1024)
    m.nr_movable.set(0, 1024)
    m.watermark.set(0, 30)
    effort, asked = alloc(m, MOVABLE, 0, *["none"] * 17)
    assert effort.flags >= 0
    assert (len(asked), m.nr_reserved_highatomic.get(0)) == (17, 0)


@pytest.mark.parametrize(("variant", "found"), [("6.5", False), ("6.8", True), ("6.18", True)])
def test_before_it_gives_up_a_request_gets_the_last_pageblock_of_the_reserve(variant: str, found: bool) -> None:
    """should_reclaim_retry(): in 6.5 only after 16 rounds without progress, from 6.8 on where no zone would pass."""
    m = memory(variant, (unit((MIGRATE_HIGHATOMIC, MIGRATE_MOVABLE), {0: 4, 600: 0}),))
    m.nr_reserved_highatomic.set(0, 512)
    effort, asked = alloc(m, HUGE, 3)
    assert (effort.flags >= 0, m.nr_reserved_highatomic.get(0), asked) == (found, 0 if found else 512, [])


def test_a_boosted_movable_zone_has_its_kswapd_woken() -> None:
    """The end of rmqueue() looks at zones up to the boosted one."""
    free = (unit((1, 1), {0: 10}),)
    m = memory("6.18", free, free, types=(ZONE_NORMAL, ZONE_MOVABLE))
    m.watermark_boost.set(1, 512)
    m.zone_flags.set(1, ZONE_BOOSTED_WATERMARK)
    assert take(m, MOVABLE | __GFP_KSWAPD_RECLAIM, 0) is not None
    assert (m.kswapd_order.get(0), m.zone_flags.get(1)) == (1, 0)


@pytest.mark.parametrize(("knobs", "order"), [("", 0), ("defrag_mode = 1", 10)])
def test_with_defrag_mode_kswapd_is_for_whole_pageblocks(knobs: str, order: int) -> None:
    """wake_all_kswapds(), pgdat_balanced() of 6.15: free pages in smaller blocks do not count."""
    m = memory("6.18", (unit((1, 1), {0: 8, 600: 0}),), knobs=knobs)
    m.watermark.set(2, 100)
    stage, *_ = wake_all_kswapds(m, LIGHT | __GFP_KSWAPD_RECLAIM, 4, 0, "S0")
    assert stage.verdict == ("woken" if order else "balanced")
    assert m.kswapd_order.get(0) == order


def test_with_defrag_mode_the_last_round_may_steal() -> None:
    m = memory("6.18", (unit((MIGRATE_UNMOVABLE, MIGRATE_UNMOVABLE), {0: 3}),), knobs="defrag_mode = 1")
    effort, _ = alloc(m, MOVABLE, 0)
    assert (effort.flags >= 0, [s.at for s in effort.path if s.what == "defrag_mode"]) == (True, ["S8"])
    found = next(iter(alloc_pages_mpol(MOVABLE, 0, m, 0, False)))
    assert found.kind == "alloc"
    assert found.peek()[0] == "folio"  # type: ignore[union-attr]


def test_a_plain_machine_is_told_the_way_and_stores_nothing() -> None:
    m = machine("free = { 0 = 30, 4 = 2 }")
    before = cells(m)
    path = slowpath.told_path(m, HUGE | __GFP_KSWAPD_RECLAIM, 5, 0)
    assert way(Effort(-1, path=path)) == "@low kswapd @min async kswapd @min reclaim:none sync-light nopage:costly"
    assert path[0] == Stage("fast", "freelist@low", "no-block", (4,))
    assert cells(m) == before
    assert slowpath.told_path(m, HUGE, 4, 0) == ()


def test_looking_at_what_could_be_asked_stores_nothing() -> None:
    m = background("6.5", POOR)
    before = cells(m)
    effort, asked = alloc(m, LIGHT, 4)
    assert (effort.reason, effort.arg, asked) == ("no-block", 0, [])
    assert cells(m) == before


def test_rounds_that_repeat_are_told_once() -> None:
    a, b = Stage("S3", "freelist@min", "watermark", (1, 2)), Stage("S4", "reclaim", "none")
    start = Stage("fast", "freelist@low", "watermark", (1, 3))
    assert stages.fold((start, a, b, a._replace(numbers=(5, 2)), b)) == (
        start, a._replace(numbers=(5, 2), times=2), b._replace(times=2),
    )  # fmt: skip
    with pytest.raises(ValueError, match="not a stage"):
        stages.parse("S3 freelist")


def test_a_page_that_another_cpu_takes_sends_the_request_round_again() -> None:
    m = background("6.5", (BG_FILE,) * 64)
    path = alloc_pages_mpol(MOVABLE, 0, m, 0, False)
    reclaim = next(path)
    assert reclaim.kind == "reclaim"  # type: ignore[union-attr]
    question = path.send("progress")
    assert question.kind == "alloc"  # type: ignore[union-attr]
    while take(m, MOVABLE, 0) is not None:
        pass
    assert question.peek()[0] == "NULL"  # type: ignore[union-attr]
    assert path.send("NULL").kind == "reclaim"  # type: ignore[union-attr]


def test_a_page_that_was_promised_and_is_gone_is_not_had() -> None:
    m = background("6.5", (BG_FILE,) * 64)
    path = alloc_pages_mpol(MOVABLE, 0, m, 0, False)
    next(path)
    assert path.send("progress").kind == "alloc"  # type: ignore[union-attr]
    while take(m, MOVABLE, 0) is not None:
        pass
    assert path.send("folio").kind == "reclaim"  # type: ignore[union-attr]


def test_compaction_that_another_cpu_has_come_before_does_what_nature_says_now() -> None:
    m = background("6.5", POOR, units=2)
    driver = GeneratorDriver(__alloc_pages_direct_compact(m, HUGE, 4, 0, 0, SYNC_LIGHT, "S5"))
    question = driver.advance(None)
    assert isinstance(question, Question)
    assert question.peek() == ("complete", "moved", 24)
    m.compact_cached_free_pfn.set(0, m.zones[0].end - 512)
    m.compact_cached_migrate_pfn.set(1, m.zones[0].start + 512)
    assert question.peek() == ("partial-skipped", "moved", 24)
    assert driver.advance("partial-skipped") is None
    assert driver.result[2][0].why == "moved"


def test_both_passes_of_6_5_are_told() -> None:
    m = background("6.5", POOR)
    path = alloc_pages_mpol(HUGE, 4, m, 0, True)
    at = next(path)
    while at.kind != "alloc":  # type: ignore[union-attr]
        at = path.send(at.peek()[0])  # type: ignore[union-attr]
    told = stages.parse(dict(at.more)["path"])  # type: ignore[union-attr]
    assert [stage[:3] for stage in told if stage.at.startswith("pass")] == [
        ("pass 1", "this node", "NULL"), ("pass 2", "every node", "NULL"),
    ]  # fmt: skip
    assert [stage.verdict for stage in told if stage.at == "FAIL"] == ["noretry", "costly"]


AGED = """
[memory]
size = "64M"
fragment = { seed = 1, unmovable = 0.3, free = 0.04 }
"""


def test_the_way_stands_in_the_record_of_the_allocation() -> None:
    s = finish(session(AGED, head='variant = "6.18"'))
    events = [s.event(step) for step in range(s.last + 1)]
    path = dict(next(event for event in events if event.kind == "alloc").more)["path"]
    assert stages.parse(str(path))[0].at == "fast"
    plain = finish(session(head='variant = "6.18"'))
    assert all("path" not in dict(plain.event(step).more) for step in range(plain.last + 1))


def test_a_scenario_may_say_that_reclaim_finds_nothing() -> None:
    answers = ", ".join(['"try_to_free_pages(order=0) = none"'] * 17)
    events = f'[[event]]\nwrite = "heap+0x5000"\nanswers = [{answers}]\n'
    s = finish(session(AGED.replace("0.04", "0.03"), head='variant = "6.5"', events=events))
    assert decisions(s).count("reclaim:none") == 17
    assert "return:VM_FAULT_OOM" in decisions(s)


def test_the_search_lets_reclaim_and_compaction_fail() -> None:
    text = "[memory]\nsize = '4M'\nfree = { 0 = 70 }\nused = 'file'\nmin = 60\n[thp]\nenabled = 'always'\ndefrag = 'always'\n"
    vma = '[[vma]]\nname = "heap"\nstart = 0x7f0000000000\nsize = "64K"\nflags = ["VM_WRITE", "VM_HUGEPAGE"]\n'
    s = session(f"{text}hugepages-64kB = 'always'\n", head='variant = "6.18"', vma=vma)
    result = explore(s.scenario, options=Options())
    assert result.complete
    events = {found.event for found in result.reached}
    assert {"reclaim:progress", "reclaim:none", "compact:success", "compact:partial-skipped"} <= events


def test_each_node_of_the_zonelist_has_its_kswapd_woken() -> None:
    m = session("[[memory.node]]\nfree = { 0 = 9 }\n[[memory.node]]\nfree = { 0 = 9 }\n").m
    for gfp, nodes in ((LIGHT | __GFP_KSWAPD_RECLAIM, [0, 1]), (LIGHT | __GFP_KSWAPD_RECLAIM | __GFP_THISNODE, [0])):
        path = slowpath.told_path(m, gfp, 4, 0)
        assert [stage.what for stage in path if stage.at == "S0"] == [f"kswapd{node}" for node in nodes]


@pytest.mark.parametrize(
    ("policy", "event", "end"),
    [("always", 'read = "heap+0x5000"', "huge-zero:folio"),
     ("madvise", 'write = "heap"\n[[event]]\nmadvise = { at = "heap", size = "2M", advice = "MADV_COLLAPSE" }', "collapse-alloc:folio")],
)  # fmt: skip
def test_the_huge_zero_page_and_khugepaged_try_hard_too(policy: str, event: str, end: str) -> None:
    text = f"[memory]\nsize = '16M'\nfree = {{ 0 = 1300 }}\nused = 'file'\n[thp]\nenabled = '{policy}'\n"
    events = f"[[event]]\n{event}\n"
    found = decisions(finish(session(text, head='variant = "6.18"', events=events)))
    assert found[found.index("compact:success") + 1] == end


@pytest.mark.parametrize(
    ("memory", "source", "after"),
    [("size = '16M'\nfree = { 9 = 1 }", MIGRATE_MOVABLE, MIGRATE_MOVABLE),
     ("size = '16M'\nfree = { 9 = 1 }\npcp = true", MIGRATE_MOVABLE, MIGRATE_UNMOVABLE),
     ("size = '16M'\nfree = { Movable = { 9 = 1 } }\npcp = true", MIGRATE_MOVABLE, MIGRATE_UNMOVABLE),
     ("size = '16M'\nfree = { Movable = { 0 = 1 }, Unmovable = { 9 = 1 } }", MIGRATE_UNMOVABLE, MIGRATE_UNMOVABLE)],
)  # fmt: skip
def test_the_huge_zero_page_is_unmovable(memory: str, source: int, after: int) -> None:
    """In a plain machine, all of whose memory is of one type, it is taken as what there is."""
    s = session(f"[memory]\n{memory}\n[thp]\nenabled = 'always'\n", head='variant = "6.18"', events='[[event]]\nread = "heap"\n')
    assert s.m.nr_free.get(s.m.list_number(0, source, 9)) == 1
    finish(s)
    pfn = s.m.huge_zero_pfn.get(0) - 1
    assert s.m.pageblock.get(pfn >> 9) == after

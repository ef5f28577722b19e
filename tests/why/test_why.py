# SPDX-License-Identifier: GPL-2.0-only
"""Why an allocation failed, with the right numbers, and changes that really help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kernelmodel.mm import watermark
from kernelmodel.scenario import load, loads
from kernelmodel.scenario.edit import edit
from kernelmodel.session import Session
from kernelmodel.why.lines import watermark_text as words_of
from kernelmodel.why.reason import why
from kernelmodel.why.request import failures
from kernelmodel.why.what_if import Change, what_if
from tests.build import finish
from tui.cli import main

TEXT = """
variant = "{variant}"
[thp]
enabled = "{enabled}"
defrag = "{defrag}"
hugepages-64kB = "inherit"
[memory]
{memory}
[[vma]]
name = "heap"
start = 0x7f0000000000
size = "1M"
flags = ["VM_WRITE"]
[[event]]
write = "heap+0x3000"
{answers}
"""


def run(
    memory: str, variant: str = "6.12", defrag: str = "madvise", answers: str = "", enabled: str = "always"
) -> Session:
    text = TEXT.format(memory=memory, variant=variant, defrag=defrag, answers=answers, enabled=enabled)
    return finish(Session(loads(text, "test.toml")))


def orders(session: Session) -> list[int]:
    """What was mapped."""
    return [shape.order for shape in map(session.log.at, range(session.last)) if shape.kind == "install"]


@pytest.mark.parametrize(
    ("memory", "defrag", "words"),
    [
        ("free = { 0 = 40, 3 = 2 }", "madvise", "no free block of order 4 or more (largest: 3; unusable index 1.000)"),
        ("free = { Movable = { 0 = 600 }, HighAtomic = { 4 = 1 } }", "madvise", "type Movable may take (1 HighAtomic)"),
        ("free = { 0 = 6, 4 = 1 }\nmin = 8", "madvise", "2 pages too few"),
        ("free = { 0 = 40 }", "madvise", "the mask has no __GFP_DIRECT_RECLAIM"),
        ("free = { 0 = 40 }", "always", "__GFP_NORETRY: one round and no more"),
        ("free = { 0 = 40 }\nmemcg_limit = '32K'", "always", "no free block of order 4"),
        ("size = '64M'\nmemcg_limit = '32K'", "madvise", "are 8 above memory.max (8)"),
    ],
)  # fmt: skip
def test_the_reason_is_told_with_its_numbers(memory: str, defrag: str, words: str) -> None:
    s = run(memory, defrag=defrag)
    step, *_ = failures(s)
    found = why(s, step)
    assert found is not None
    assert words in found.because
    assert found.order == 4


def test_every_zone_and_stage_is_there_with_its_test() -> None:
    s = run("free = { 0 = 6, 4 = 1 }\nmin = 8")
    found = why(s, failures(s)[0])
    assert found is not None
    assert (
        "node 0 Normal at low (ALLOC_CMA|ALLOC_NOFRAGMENT): free 22 − unusable 15 = 7 ≤ low 10 + reserve 0: 4 pages too few"
        in found.lines
    )
    assert "slow path: S1 freelist@min: watermark 7/8" in found.lines
    assert found.lines[0].startswith("gfp 0x1c20ca GFP_TRANSHUGE_LIGHT")


def because(s: Session, n: int = 0) -> str:
    found = why(s, failures(s)[n])
    assert found is not None
    return found.because


MOVABLE = "free = { 0 = 1024 }\nused = 'movable'\nmin = 8"
CONTENDED = 'answers = ["try_to_compact_pages(order=4) = contended", "try_to_compact_pages(order=4) = contended"]'


@pytest.mark.parametrize(
    ("memory", "variant", "defrag", "answers", "words"),
    [
        (MOVABLE, "6.18", "always", CONTENDED, "compact async contended (what it wanted to move was busy)"),
        ("free = { 0 = 12 }\nused = 'movable'\nmin = 8", "6.18", "always", "",
         "compact async skipped (12 pages free: too few to move others to), __GFP_NORETRY: it ends with a compaction that was skipped"),
        (MOVABLE.replace("8", "80"), "6.18", "defer", "", "nothing was reclaimed or compacted for it; kswapd0 was woken, too late"),
        ("free = { HighAtomic = { 4 = 3 }, Movable = { 0 = 40 } }\nused = 'unmovable'", "6.18", "never", "", "(3 HighAtomic)"),
        ("free = { Movable = { 4 = 40 }, HighAtomic = { 0 = 1 } }\nused = 'unmovable'\nmin = 120", "6.10", "never", "",
         "enough, but 512 pages of the highatomic reserve are kept for others"),
        ("free = { Unmovable = { 4 = 1 }, Movable = { 0 = 40 } }\ndefrag_mode = 1", "6.18", "never", "",
         "only blocks of other types (1 Unmovable), and ALLOC_NOFRAGMENT forbids to take less than a pageblock"),
        ("free = { Unmovable = { 4 = 1 }, Movable = { 0 = 40 } }\ndefrag_mode = 1", "6.18", "always", "",
         "compact async success (the watermark test passes: nothing to do)"),
    ],
)  # fmt: skip
def test_the_slow_path_is_told_in_words(memory: str, variant: str, defrag: str, answers: str, words: str) -> None:
    assert words in because(run(memory, variant, defrag, answers))


def test_the_numbers_of_a_boost_and_of_what_is_reserved() -> None:
    test = watermark.Test(0, 4, 1, 1000, 15 + 40 + 3, 600, 7, True, 600, 512, 40, 3)
    assert words_of(test) == "free 1000 − unusable 58 (highatomic 40, CMA 3) = 942 > low 600 (boost 512) + reserve 7"
    dug = watermark.Test(0, 0, 0, 50, 0, 30, 0, True, 60)
    assert words_of(dug) == "free 50 − unusable 0 = 50 > min 30 (of 60) + reserve 0"


NODES = "[[memory.node]]\nfree = { 2 = 200 }\n[[memory.node]]\nsize = '64M'"


def test_a_request_for_its_own_node_alone_says_so() -> None:
    s = run(NODES, "v3")
    assert "no other node was looked at; the mask has no __GFP_DIRECT_RECLAIM" in because(s)
    assert "the same access on a CPU of node 1" in helps(s)
    assert "thp.defrag = always" in helps(s)


CHARGED = "size = '64M'\nmemcg_limit = '1M'\nmemcg_charged = '1M'\nmemcg_reclaimable = '20K'"


@pytest.mark.parametrize(
    ("memory", "defrag", "variant", "words"),
    [
        (CHARGED, "always", "6.18", "reclaim frees 5, which leaves 11 too many; __GFP_NORETRY: two rounds and no more"),
        (
            CHARGED,
            "madvise",
            "6.8",
            "reclaim frees 5, which leaves 11 too many; order 4 is costly (above 3): no OOM killer",
        ),
    ],
)
def test_what_reclaim_in_the_memcg_came_to_and_the_limit_that_would_do(
    memory: str, defrag: str, variant: str, words: str
) -> None:
    s = run(memory, variant, defrag)
    assert words in because(s)
    change = next(change for change in helps(s).values() if change.key == "memory.memcg_limit")
    assert change.value == f"{4 * (256 + 11)}K"


def test_stocks_count_and_are_those_of_the_cpu_that_stood_there() -> None:
    elsewhere = '[[event]]\ncpu = 1\nwrite = "heap+0x23000"\n'
    s = run("size = '64M'\nmemcg_limit = '256K'", answers=elsewhere)
    assert "48 of the usage are the CPUs' stocks, drained only for a request that may reclaim" in because(s)
    forced = '[[event]]\nwrite = "heap+0x43000"\nanswers = ["mem_cgroup_charge(order=4) = -ENOMEM"]\n'
    s = run("size = '64M'\nmemcg_limit = '256K'", answers=forced + elsewhere)
    assert because(s).startswith("nature would have charged it")


@pytest.mark.parametrize(
    ("event", "memory", "head", "words"),
    [
        ('read = "big"', "free = { 0 = 900 }", "mm_get_huge_zero_folio = NULL", "no free block of order 9 or more"),
        ('madvise = { at = "big", size = "2M", advice = "MADV_COLLAPSE" }', "free = { 0 = 900 }",
         "alloc_charge_folio = NULL", "no free block of order 9 or more"),
        ('madvise = { at = "big", size = "2M", advice = "MADV_COLLAPSE" }', "size = '64M'\nmemcg_limit = '1M'",
         "alloc_charge_folio = -ENOMEM", "reclaim frees 0 and the CPUs' stocks give 62 back, which leaves 258 too many"),
    ],
)  # fmt: skip
def test_the_huge_zero_page_and_a_collapse_have_reasons_too(event: str, memory: str, head: str, words: str) -> None:
    vma = '[[vma]]\nname = "big"\nstart = 0x7f0010000000\nsize = "2M"\nflags = ["VM_WRITE"]\n'
    first = '[[event]]\nwrite = "big"\n' if "COLLAPSE" in event else ""
    s = run(memory, "6.18", answers=f"{vma}{first}[[event]]\n{event}", enabled="madvise" if first else "always")
    found = why(s, failures(s)[-1])
    assert found is not None
    assert found.head.endswith(head)
    assert words in found.because
    block = "one more free block of order 9"
    assert any(each.helps for each in what_if(s, found.step) if each.words.startswith((block, "memory.memcg_limit")))


def test_what_did_not_fail_has_no_reason() -> None:
    s = run("size = '64M'")
    assert failures(s) == []
    assert why(s, 3) is None
    assert what_if(s, 3) == ()


def test_a_stop_that_is_not_answered_yet_can_be_asked_about() -> None:
    s = run("free = { 0 = 40 }")
    step = failures(s)[0]
    at = Session(s.scenario)
    while at.last < step:
        at.advance()
    assert failures(at) == [step]
    assert why(at, step) == why(s, step)
    assert what_if(at, step) == what_if(s, step)
    at.advance()
    assert at.step == step + 1


def test_an_answer_against_nature_is_told_as_one() -> None:
    s = run("size = '64M'", answers='answers = ["vma_alloc_folio(order=4) = NULL"]')
    found = why(s, failures(s)[0])
    assert found is not None
    assert found.because.startswith("nature would have given a folio")


def helps(session: Session) -> dict[str, Change]:
    return {change.words: change for change in what_if(session, failures(session)[0]) if change.helps}


def test_a_block_more_helps_and_really_does() -> None:
    words = "one more free block of order 4 (Movable) in node 0 Normal"
    s = run("free = { 0 = 40, 3 = 2 }")
    assert words in helps(s)
    assert orders(run("free = { 0 = 40, 3 = 2, 4 = 1 }")) == [4]
    assert words not in helps(run("free = { 0 = 4 }\nmin = 8"))
    assert orders(run("free = { 0 = 4, 4 = 1 }\nmin = 8")) != [4]


def test_pages_and_marks_help_where_a_block_is_there() -> None:
    s = run("free = { 0 = 6, 4 = 1 }\nmin = 8")
    assert {
        "2 more free pages in node 0 Normal, of any order",
        "a min watermark of 6 instead of 8 pages in node 0 Normal",
    } <= set(helps(s))
    assert orders(run("free = { 0 = 8, 4 = 1 }\nmin = 8")) == [4]
    assert orders(run("free = { 0 = 7, 4 = 1 }\nmin = 8")) != [4]
    assert orders(run("free = { 0 = 6, 4 = 1 }\nmin = 6")) == [4]
    assert orders(run("free = { 0 = 6, 4 = 1 }\nmin = 7")) != [4]
    none = run("free = { 0 = 22 }\nmin = 8")
    assert not any("more free pages" in words for words in helps(none))


def test_every_key_that_helps_is_tried_out() -> None:
    s = run("size = '64M'\nmemcg_limit = '32K'")
    found = [change for change in what_if(s, failures(s)[0]) if change.key]
    assert any(change.helps for change in found)
    for change in found:
        other = finish(Session(edit(s.scenario, change.key, change.value)))
        assert (4 in orders(other)) is change.helps, change


@pytest.mark.parametrize("variant", ["v3", "6.8", "6.18"])
def test_the_limit_that_would_do_is_the_smallest_one(variant: str) -> None:
    vma = "[boot]\narch_wants_pte_order = 4" if variant == "v3" else ""
    s = run(f"size = '64M'\nmemcg_limit = '60K'\n{vma}", variant)
    change = next(each for each in what_if(s, failures(s)[0]) if each.key == "memory.memcg_limit")
    order = s.log.at(failures(s)[0]).order
    assert change.helps
    assert change.value == f"{4 << order}K"
    less = finish(Session(edit(s.scenario, change.key, f"{(4 << order) - 4}K")))
    assert order not in orders(less)


def test_what_could_have_been_done_before_is_done_on_a_shadow() -> None:
    s = run(MOVABLE, "6.18", "always", CONTENDED)
    change = helps(s)["a compaction with all effort (sync-full) that nobody disturbs"]
    assert change.why.startswith("success (32 pages moved), and a block of order")
    assert helps(s)["no answers of the scenario in event 0"].value == "[]"
    tried = {change.words: change for change in what_if(s, failures(s)[0])}
    assert "does not fit then" in tried["madvise(MADV_HUGEPAGE) on heap"].why
    s = run("free = { HighAtomic = { 4 = 3 }, Movable = { 0 = 40 } }\nused = 'unmovable'", "6.18")
    assert {
        "the highatomic reserve given up (512 pages)",
        "one more free pageblock of type Unmovable in node 0 Normal",
    } <= set(helps(s))
    s = run("free = { Unmovable = { 4 = 1 }, Movable = { 0 = 40 } }\ndefrag_mode = 1", "6.18")
    assert "memory.defrag_mode = 0" in helps(s)


def test_lists_of_the_cpus_that_hold_what_is_missing() -> None:
    """A page that is given back stays with its CPU, and two more that came with it: drained, they merge."""
    more = """
[[vma]]
name = "page"
start = 0x7f0010000000
size = "4K"
flags = ["VM_WRITE"]
[[event]]
write = "page"
[[event]]
madvise = { at = "page", size = "4K", advice = "MADV_DONTNEED" }
[[event]]
write = "heap+0x13000"
"""
    s = run("size = '64M'\nfree = { 5 = 1 }\npcp = true", "6.18", answers=more)
    assert helps(s)["the CPUs' own lists drained (3 pages)"].why == "a block of order 4 is found in node 0 Normal"


def test_a_zone_that_keeps_its_blocks_for_others_is_one_of_the_changes() -> None:
    s = finish(Session(load(Path(__file__).parents[2] / "scenarios/allocator/why-64k.toml")))
    assert {
        "no lowmem_reserve (512 pages) in node 0 DMA32",
        "392 more free pages in node 0 DMA32, of any order",
    } <= set(helps(s))


def test_run_and_check_tell_it(tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "s.toml"
    text = TEXT.format(memory="free = { 0 = 40 }", variant="6.12", defrag="always", answers="", enabled="always")
    file.write_text(text)
    assert main(["run", str(file), "--why"]) == 0
    told = capsys.readouterr().out
    assert "would have let it succeed:" in told
    assert told.splitlines()[-2].startswith("summary:")
    assert main(["run", str(file), "--why", "--format", "ndjson"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    row = next(each for each in records if each["type"] == "why")
    assert row["what_if"][0]["helps"] is True
    assert records[-1]["type"] == "summary"
    assert main(["check", str(file), "--why"]) == 0
    assert "no free block of order 4" in capsys.readouterr().out
    file.write_text(text + "[expect]\norders = [4]\n")
    assert main(["check", str(file)]) == 1
    assert "vma_alloc_folio(order=4) = NULL: node 0 Normal: no free block" in capsys.readouterr().out
    script = ["-ex", "continue", "-ex", "why", "-ex", "what-if", "-ex", "why 2"]
    assert main(["run", str(file), *script]) == 2
    told = capsys.readouterr().out
    assert "because node 0 Normal: no free block" in told
    assert "no allocation and no charge failed at #2" in told


@pytest.mark.parametrize(
    ("variant", "words", "said"),
    [
        ("6.12", "4", "NULL: node 0 Normal: no free block of order 4"),
        ("6.12", "3 GFP_TRANSHUGE_LIGHT", "from a block of order 3, off the lists of its own type"),
        ("6.12", "0 GFP_KERNEL", "with its pageblock claimed for this type (Movable)"),
        ("6.18", "0 GFP_KERNEL|__GFP_NORETRY", "with its pageblock claimed for this type (Movable)"),
        ("6.18 movable", "0 GFP_KERNEL", "stolen (Movable)"),
        ("6.12", "0 0x100cca", "gfp 0x100cca GFP_HIGHUSER_MOVABLE: may reclaim"),
    ],
)
def test_any_request_can_be_asked_about(tmp_path, capsys, variant: str, words: str, said: str) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "s.toml"
    release, _, used = variant.partition(" ")
    memory = "free = { 0 = 40, 3 = 2 }" + (f"\nused = '{used}'" if used else "")
    file.write_text(TEXT.format(memory=memory, variant=release, defrag="always", answers="", enabled="always"))
    before = finish(Session(load(str(file)))).m.digest()
    assert main(["run", str(file), "-ex", "continue", "-ex", f"request {words}"]) == 0
    assert said in capsys.readouterr().out
    assert finish(Session(load(str(file)))).m.digest() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "request ORDER"),
        ("11", "an order is 0 … 10"),
        ("x", "an order is"),
        ("4 GFP_FOO", "is no gfp flag"),
        ("4 0x5", "only one of"),
    ],
)
def test_a_request_that_can_not_be_is_refused(tmp_path, capsys, words: str, said: str) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "s.toml"
    file.write_text(
        TEXT.format(memory="free = { 0 = 40 }", variant="6.12", defrag="always", answers="", enabled="always")
    )
    assert main(["run", str(file), "-ex", f"request {words}"]) == 2
    assert said in capsys.readouterr().out

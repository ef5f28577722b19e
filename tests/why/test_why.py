# SPDX-License-Identifier: GPL-2.0-only
"""Why an allocation failed, with the right numbers, and changes that really help."""

from __future__ import annotations

import json

import pytest

from kernelmodel.scenario import loads
from kernelmodel.scenario.edit import edit
from kernelmodel.session import Session
from kernelmodel.what_if import Change, what_if
from kernelmodel.why import failures, why
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


def test_what_did_not_fail_has_no_reason() -> None:
    s = run("size = '64M'")
    assert failures(s) == []
    assert why(s, 3) is None
    assert what_if(s, 3) == ()


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

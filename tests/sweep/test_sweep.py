# SPDX-License-Identifier: GPL-2.0-only
"""Many machines: how they are named, that all are run, and that their rates are those of the kernel's counters."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import pytest

from kernelmodel.mm.vmstat import mthp_stats
from kernelmodel.scenario import loads
from kernelmodel.session import Session
from kernelmodel.sweep import Axis, AxisError, Size, count, machines, measure, parse_axis, rows, sizes, sweep
from tests.build import finish
from tui.cli import main

TEXT = """
variant = "{variant}"
[thp]
enabled = "always"
hugepages-64kB = "always"
hugepages-32kB = "always"
[memory]
free = {{ 0 = 40, 3 = 2, 4 = 2 }}
memcg_limit = "128K"
[[vma]]
name = "heap"
start = 0x7f0000000000
size = "4M"
flags = ["VM_WRITE"]
[[event]]
write = "heap+0x3000"
[[event]]
write = "heap+0x23000"
[[event]]
write = "heap+0x43000"
[[event]]
write = "heap+0x63000"
[[event]]
write = "heap+0x200000"
"""


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("a.b=1..3", Axis("a.b", ("1", "2", "3"), True)),
        ("a=1..9:4", Axis("a", ("1", "5", "9"), True)),
        ("a=-1..1", Axis("a", ("-1", "0", "1"), True)),
        ("thp.defrag = always, madvise", Axis("thp.defrag", ("always", "madvise"), False)),
        ("a=0.1,0.2,0.1", Axis("a", ("0.1", "0.2"), False)),
        ("a=[1,2],{ b = 1, c = 2 }", Axis("a", ("[1,2]", "{ b = 1, c = 2 }"), False)),
        ("a='x,y',z", Axis("a", ("'x,y'", "z"), False)),
    ],
)
def test_an_axis_is_a_key_and_its_values(text: str, axis: Axis) -> None:
    assert parse_axis(text) == axis


@pytest.mark.parametrize(
    "text", ["", "a", "=1", "a=", "a=1,,2", "a=3..1", "a=1..2:0", "a=1..100001", "a=0..9999999999"]
)
def test_what_is_no_axis_is_refused(text: str) -> None:
    with pytest.raises(AxisError):
        parse_axis(text)


def test_every_combination_is_a_machine() -> None:
    axes = [parse_axis("a=1,2"), parse_axis("b=1..3")]
    found = list(machines(axes))
    assert len(found) == count(axes) == len(set(found)) == 6
    assert found[1] == (("a", "1"), ("b", "2"))


@pytest.mark.parametrize("variant", ["6.10", "6.12", "6.14", "6.18"])
def test_sizes_are_what_the_kernels_own_counters_say(variant: str) -> None:
    s = finish(Session(loads(TEXT.format(variant=variant), "test.toml")))
    stats = mthp_stats(s.m)
    found = dict(sizes(s))
    for order in range(2, 10):
        told = {name: stats.get(f"{4 << order}kB.anon_fault_{name}", 0) for name in Size._fields}
        assert Size(**told) == found.get(order, Size()), order
    assert found[4].alloc
    assert any(size.fallback_charge for size in found.values())
    assert found[9].fallback


def test_a_machine_is_the_scenario_with_its_keys_set() -> None:
    scenario = loads(TEXT.format(variant="6.12"), "test.toml")
    few = measure(scenario, 0, (("memory.free.4", "0"), ("memory.memcg_limit", "1M")))
    assert dict(few.sizes)[4].alloc == 0
    assert dict(few.sizes)[4].fallback == 5
    assert few.end == "end"
    assert len(few.results) == 5
    assert "defrag must be" in measure(scenario, 0, (("thp.defrag", "nope"),)).trouble
    assert "unknown key" in measure(scenario, 0, (("thp.defrg", "always"),)).trouble


def test_two_processes_find_what_one_finds_in_the_same_order() -> None:
    scenario = loads(TEXT.format(variant="6.12"), "test.toml")
    axes = [parse_axis("memory.free.4=0..3"), parse_axis("thp.hugepages-32kB=always,never")]
    told: list[tuple[int, int]] = []
    one, complete = sweep(scenario, axes, progress=lambda done, total: told.append((done, total)))
    two, also = sweep(scenario, axes, jobs=2)
    assert complete
    assert also
    assert one == two
    assert told == [(n, 8) for n in range(1, 9)]
    assert len({point.digest for point in one}) > 1


def test_an_interrupt_keeps_what_is_done() -> None:
    scenario = loads(TEXT.format(variant="6.12"), "test.toml")

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    points, complete = sweep(scenario, [parse_axis("memory.free.4=0..9")], progress=stop)
    assert not complete
    assert len(points) == 2


def test_a_machine_that_breaks_the_model_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernelmodel.sweep.measure", lambda *_: 1 // 0)
    scenario = loads(TEXT.format(variant="6.18"), "it.toml")
    with ThreadPoolExecutor(2) as executor, pytest.raises(ZeroDivisionError):
        sweep(scenario, [Axis("thp.defrag", ("always", "never"), False)], 2, executor=executor)


def test_machines_along_a_range_are_one_row() -> None:
    scenario = loads(TEXT.format(variant="6.12").replace("memcg_limit", "# memcg_limit"), "test.toml")
    axes = [parse_axis("memory.free.4=0..4"), parse_axis("thp.hugepages-32kB=always,never")]
    points, _ = sweep(scenario, axes)
    table = rows(axes, points)
    assert [(row.settings, row.machines, row.failed) for row in table] == [
        ((("thp.hugepages-32kB", "always"),), 5, 0), ((("thp.hugepages-32kB", "never"),), 5, 0)
    ]  # fmt: skip
    size = table[0].rates[1]
    assert (size.order, size.alloc, size.fallback) == (4, 0 + 1 + 2 + 3 + 4, 5 + 4 + 3 + 2 + 1)
    assert size.rate == 0.6
    assert (size.low, size.high) == (0.2, 1)
    assert [each.order for each in table[1].rates] == [9, 4]
    assert math.isnan(rows(axes, [points[0]._replace(sizes=((4, Size()),))])[0].rates[0].rate)


def test_the_command_tells_rates_and_draws_them(tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    file, svg = tmp_path / "s.toml", tmp_path / "s.svg"
    file.write_text(TEXT.format(variant="6.12"))
    varied = ["--set", "memory.free.4=0,1,4", "--set", "thp.hugepages-32kB=always,never", "--jobs", "1"]
    assert main(["sweep", str(file), *varied, "--svg", str(svg)]) == 0
    out = capsys.readouterr().out
    assert "memory.free.4=0 thp.hugepages-32kB=never" in out
    assert "100.0%" in out
    drawn = ElementTree.fromstring(svg.read_text())
    assert len(drawn.findall("{*}polyline")) == 5
    assert main(["sweep", str(file), *varied, "--format", "ndjson"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["type"] for row in records] == ["machine"] * 6 + ["rates"] * 6 + ["summary"]
    assert records[-1] == {"schema": "thp-debug/1", "type": "summary", "machines": 6, "of": 6, "complete": True}
    assert main(["sweep", str(file), "--set", "memory.free.4=0..2", "--jobs", "1", "--svg", str(svg)]) == 0
    assert len(ElementTree.fromstring(svg.read_text()).findall("{*}rect")) == 1 + 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to vary"),
        (["--set", "a=3..1", "--set", "b="], "--set 'b='"),
        (["--set", "thp.defrag=always", "--set", "thp.defrag=never"], "is there twice"),
        (["--set", "memory.size=1..99999", "--set", "memory.min=1..99999"], "at most 1,000,000"),
        (["--set", "thp.defrag=always,nope"], "defrag must be"),
        (["--set", "thp.defrag=always\n,never"], "printable"),
    ],
)
def test_bad_words_are_refused_all_at_once(tmp_path, capsys, words: list[str], said: str) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "s.toml"
    file.write_text(TEXT.format(variant="6.12"))
    assert main(["sweep", str(file), *words, "--jobs", "1"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "thp.defrg=always,never"], "unknown key 'thp.defrg'"),
        (["--set", "memory.fragment=1"], "is a table"),
        (["--set", "thp.defrag=always", "--svg", "no/plot.svg"], "--svg no/plot.svg: No such file"),
        (["--set", "thp.defrag=always", "--svg", "/"], "--svg /: Is a directory"),
    ],
)
def test_what_can_never_be_is_told_before_a_machine_runs(tmp_path, capsys, words: list[str], said: str) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "s.toml"
    file.write_text(TEXT.format(variant="6.12"))
    assert main(["sweep", str(file), *words, "--jobs", "1"]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""

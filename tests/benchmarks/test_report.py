# SPDX-License-Identifier: GPL-2.0-only
"""The command line of the benchmarks, and what it prints and writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.report import Figure, number, page, table

TIME = Figure("start", "debugger", 305.2, "ms")
RATIO = Figure("start", "debugger / empty", 1.2, "x", "<=", 1.35)
MISS = Figure("run", "plain / traced", 3.5, "x", ">=", 4)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Two benchmarks that measure nothing; the names of those that were run."""
    run: list[str] = []

    def fake(name: str) -> object:
        def measure() -> list[Figure]:
            run.append(name)
            return [TIME, RATIO]

        return measure

    monkeypatch.setattr(command, "BENCHMARKS", {name: fake(name) for name in ("start", "step")})
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results.md")
    return run


def test_all_are_measured_and_written_down(
    measured: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([]) == 0
    assert measured == ["start", "step"]
    assert "305 ms" in capsys.readouterr().out
    assert "`python -m benchmarks`" in (tmp_path / "results.md").read_text()


def test_a_part_is_printed_and_leaves_the_page_alone(measured: list[str], tmp_path: Path) -> None:
    assert command.main(["step"]) == 0
    assert measured == ["step"]
    assert not (tmp_path / "results.md").exists()
    command.main(["step", "-o", str(tmp_path / "part.md")])
    assert "`python -m benchmarks step`" in (tmp_path / "part.md").read_text()


def test_an_unknown_name_is_a_usage_error(measured: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(["stap"])
    assert left.value.code == 2
    assert measured == []
    assert "there are start, step" in capsys.readouterr().err


def test_the_real_names() -> None:
    assert list(command.BENCHMARKS) == ["start", "step", "run", "history", "explore", "allocator"]


@pytest.mark.parametrize(
    "render", [table, lambda figures: page(figures, "python -m benchmarks")], ids=["table", "page"]
)
def test_ratios_come_before_times_and_say_whether_they_are_reached(render: object) -> None:
    text: str = render([TIME, RATIO, MISS])  # type: ignore[operator]
    assert text.index("debugger / empty") < text.index("plain / traced") < text.index("305 ms")
    lines = {name: next(line for line in text.splitlines() if name in line) for name in ("1.20 x", "3.50 x", "305 ms")}
    assert "reached" in lines["1.20 x"]
    assert "MISSED" in lines["3.50 x"]
    assert "reached" not in lines["305 ms"]


@pytest.mark.parametrize(
    ("bound", "value", "met"),
    [("<=", 2.0, True), ("<=", 2.1, False), ("<", 2.0, False), (">=", 2.0, True), (">=", 1.9, False), ("", 99.0, True)],
)
def test_targets(bound: str, value: float, met: bool) -> None:
    assert Figure("run", "", value, "x", bound, 2.0).met is met


def test_numbers() -> None:
    assert [number(value) for value in (0.114, 1.0, 12.34, 305.7, 29541.6)] == ["0.11", "1", "12.3", "306", "29,542"]

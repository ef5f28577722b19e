# SPDX-License-Identifier: GPL-2.0-only
"""The timeline of runs that are longer than the window, and of many CPUs."""

from __future__ import annotations

import pytest

from kernelmodel.snapshot import Snapshot, TimelineMark
from tests.tui.fake import snapshot
from tui.paint import frame, timeline
from tui.paint.look import Look
from tui.paint.rows import plain


def long_run(step: int, last: int = 999, shown: int = 80, fallbacks: tuple[int, ...] = ()) -> Snapshot:
    """A run of which the session hands out ``shown`` marks around ``step`` and 73 buckets."""
    begin = max(0, min(step - shown // 2, last + 1 - shown))
    marks = tuple(TimelineMark(at, at % 3, "alloc", False, False) for at in range(begin, min(begin + shown, last + 1)))
    bucket = -(-(last + 1) // 73)
    counts = tuple(sum(at <= each < at + bucket for each in fallbacks) for at in range(0, last + 1, bucket))
    return snapshot(8, 14)._replace(step=step, last=last, timeline=marks, bucket=bucket, overview=counts, cpu=step % 3)


def rows(snap: Snapshot, look: Look, height: int) -> list[str]:
    return [plain(row) for row in timeline.paint(snap, look, 80, height)]


@pytest.mark.parametrize("step", [0, 1, 500, 998, 999])
def test_the_cursor_is_in_the_overview_where_the_run_is(step):
    line = next(row for row in rows(long_run(step), Look(), 6) if row.startswith(" all "))
    assert len(line) == 80
    assert line.index("▲") == 7 + step * 73 // 1000


def test_fallbacks_and_marks_are_in_the_overview():
    look = Look(marks={"a": 100, "z": 900})
    line = next(row for row in rows(long_run(500, fallbacks=(20, 700)), look, 6) if row.startswith(" all "))
    assert line.index("a") > 0
    assert line[7 + 100 * 73 // 1000] == "a"
    assert line[7 + 900 * 73 // 1000] == "z"
    assert [at for at, char in enumerate(line) if char == "!"] == [7 + 14 * 73 // 1000, 7 + 700 // 14 * 14 * 73 // 1000]


def test_the_window_is_drawn_in_the_overview():
    line = next(row for row in rows(long_run(500), Look(), 6) if row.startswith(" all "))
    assert line.count("─") in range(3, 9)
    assert abs(line.index("─") - line.index("▲")) < 7


def test_a_short_run_needs_no_overview():
    assert not any(row.startswith(" all ") for row in rows(snapshot(8, 14), Look(), 6))


@pytest.mark.parametrize(("height", "shown"), [(6, 3), (4, 3), (3, 2), (2, 1), (1, 1)])
def test_strips_that_have_room_are_around_the_cpu_that_stopped(height, shown):
    snap = long_run(500)
    lines = rows(snap, Look(), height)
    strips = [line for line in lines if line.startswith(" cpu")]
    assert len(strips) == shown
    assert any(line.startswith(f" cpu{snap.cpu}") for line in strips)
    assert any("▲" in line for line in lines)


def test_title_lists_marks_and_fallbacks():
    words = timeline.title(snapshot(14), Look(marks={"b": 9, "a": 3}))
    assert "marks a=#3 b=#9" in words
    assert "fallbacks #8" in words


def test_marks_stand_under_the_strip():
    look = Look(marks={"x": 4, "f": 6, "p": 8})
    snap = snapshot(8, 14)
    below = rows(snap, look, 3)[-1]
    assert below[7 + 4] == "x"
    assert below[7 + 6] == "f"
    assert below[7 + 8] == "▲"


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60)])
def test_view_asks_for_what_the_screen_shows(width, height):
    look = Look()
    look.show("timeline")
    view = frame.view_for(look, 8, width, height)
    assert 0 < view.overview <= width - timeline.MARGIN
    assert view.timeline >= width - timeline.MARGIN
    look.event, look.since = 3, 2
    assert frame.view_for(look, 8, width, height).event_at == 3
    assert frame.view_for(look, 8, width, height).since == 2
    look.show("table")
    assert frame.view_for(look, 8, 80, 24).overview == 0

# SPDX-License-Identifier: GPL-2.0-only
"""The desk on Textual: a few keys, errors, resizing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kernelmodel.explore.types import Result
from kernelmodel.session import Session
from tests.tui.talk import console as new
from tests.tui.talk import long_run
from tui.app import DebuggerApp, run_app
from tui.panes.canvas import changed_span


def app(*commands, console=None):
    console = console or new()
    console.wait(commands)
    return DebuggerApp(console)


def seen(running):
    """What the compositor would put on the terminal."""
    strips = running.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


async def test_keys_move_the_run_and_the_screen_shows_the_frame():
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        await pilot.press("s", "s", "n")
        await running.settled()
        await pilot.pause()
        lines = seen(running)
        assert "step 18/18" in lines[0]
        assert lines == ["".join(text for row in line for text, _ in row) for line in running.desk.frame().lines]
        await pilot.press("Q")
    assert running.return_code == 0
    assert running.failure is None


async def test_commands_are_executed_after_the_first_paint():
    running = app("break fallback", "continue")
    async with running.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await running.settled()
        await pilot.pause()
        assert running.desk.session.step == 10
        assert "break 1" in seen(running)[0]
        assert not running.desk.console.queue


async def test_a_script_of_motions_runs_beside_the_screen_line_by_line(tmp_path):
    (tmp_path / "a.thp").write_text("step\nstep 2\nmark here\nbreak fallback\nc\nrs\n")
    running = app("source a.thp")
    async with running.run_test(size=(80, 24)) as pilot:
        for _ in range(1000):
            await pilot.pause()
            if not running.desk.console.queue and not running.desk.running:
                break
        assert running.desk.session.step == 9
        assert running.desk.console.places.marks == {"here": 3}


async def test_commands_that_never_end_are_ended_by_a_key():
    running = app("break fallback", "commands", "rs", "step", "end", "continue")
    async with running.run_test(size=(80, 24)) as pilot:
        for _ in range(1000):
            await pilot.pause()
            if running.desk.session.step >= 9:
                break
        await pilot.press("ctrl+c")
        await running.settled()
        assert not running.desk.running
        assert not running.desk.console.queue
        assert running.desk.session.step in (9, 10)


async def test_bound_keys_of_the_toolkit_reach_the_desk():
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        await pilot.press("tab", "tab")
        assert running.desk.look.focus == "stack"
        await pilot.press("ctrl+c")
        assert "nothing is running" in seen(running)[-2]
        await pilot.press("colon", "s", "space", "2", "enter")
        await running.settled()
        assert running.desk.session.step == 2


async def test_an_exploration_tells_how_far_it_is_and_a_key_ends_it(monkeypatch):
    def explore(scenario, variant, mutants, options, progress):
        try:
            for states in range(100_000):
                progress(states, 0)
                time.sleep(0.001)
        except KeyboardInterrupt:
            return Result((), (), (), states, 0, False, "interrupted")

    monkeypatch.setattr("kernelmodel.explore.explore", explore)
    running = app("explore")
    async with running.run_test(size=(80, 24)) as pilot:
        for _ in range(1000):
            await pilot.pause(0.01)
            if "exploring: " in seen(running)[-2]:
                break
        assert " states   ^C interrupts" in seen(running)[-2]
        await pilot.press("escape")
        await running.settled()
        await pilot.pause()
        assert any("explore: not complete (interrupted)" in line for line in seen(running))
        assert running.desk.session.step == 0


async def test_resize_lays_out_again():
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        for width, height in ((200, 60), (50, 15), (120, 40), (10, 3), (80, 24)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            lines = seen(running)
            assert [len(line) for line in lines] == [width] * height
        assert "__handle_mm_fault()" in lines[1]


async def test_long_motion_can_be_interrupted(monkeypatch):
    running = app(console=long_run())
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()
    advance = Session.advance

    def slowly(self, answer=None):
        loop.call_soon_threadsafe(reached.set)
        while self.step == 100 and not running.stop_motion:
            pass
        return advance(self, answer)

    monkeypatch.setattr(Session, "advance", slowly)
    async with running.run_test(size=(80, 24)):
        running.desk.key("c", "c")
        await reached.wait()
        assert running.desk.running
        running.desk.key("s", "s")
        running.desk.key("ctrl+c", None)
        await running.settled()
        assert not running.desk.running
        assert running.desk.session.step == 256
        assert "interrupted" in running.desk.message[0][0]


def test_fault_of_ours_gives_70_and_a_report(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(DebuggerApp, "run", lambda self, mouse: self.guard(lambda: 1 / 0))
    assert run_app(new()) == 70
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    report = error.strip().rpartition(" ")[2]
    assert "ZeroDivisionError" in Path(report).read_text(encoding="utf-8")


async def test_fault_in_a_key_ends_the_application(monkeypatch):
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        monkeypatch.setattr(Session, "advance", lambda self, answer=None: 1 / 0)
        await pilot.press("s")
        await pilot.pause()
    assert isinstance(running.failure, ZeroDivisionError)
    assert running.return_code == 70


async def test_no_color_leaves_no_colour(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        styles = {segment.style for strip in running.screen._compositor.render_strips() for segment in strip}
    assert any(style and style.bold for style in styles)
    assert not any(style and (style.color or style.bgcolor) for style in styles)


def test_changed_span_covers_what_differs():
    was = (("abc", ""), ("def", "dim"), ("ghi", ""))
    assert changed_span(was, (("abc", ""), ("dxf", "dim"), ("ghi", ""))) == (3, 6)
    assert changed_span(was, (("xbc", ""), ("def", "dim"), ("ghi", ""))) == (0, 3)
    assert changed_span(was, (("abc", ""), ("de", "dim"), ("fghi", ""))) == (3, 9)
    assert changed_span((("abc", ""),), (("ab", ""), ("c", "dim"))) == (0, 3)


def test_plain_and_paint_do_not_import_the_toolkit():
    code = "import sys, tui.plain, tui.desk, tui.paint.frame; print([m for m in sys.modules if m.split('.')[0] in ('textual', 'rich', 'numpy')])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["numpy", "textual.widgets._data_table", "pydantic"])
def test_app_imports_little(name):
    code = f"import sys, tui.app; print({name!r} in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"

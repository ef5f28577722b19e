# SPDX-License-Identifier: GPL-2.0-only
"""What is written to a terminal, and what the terminal shows then."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pyte
import pytest
from rich.color import ColorSystem
from textual.geometry import Region

import tui.app
from kernelmodel.stops import Breakpoints
from tests.tui.fake import FakeSession
from tui.commands import Console
from tui.panes.canvas import changes_of, codes
from tui.panes.palette import STYLES, THEMES, style

KEYS = "s n S N tab up down left right pagedown z escape question_mark 1 4 7".split()


class Terminal(tui.app.DebuggerApp):
    """The application with a terminal emulator behind it."""

    CSS_PATH = Path(tui.app.__file__).with_name("app.tcss")

    def __init__(self, width, height):
        super().__init__(Console(FakeSession(), Breakpoints()))
        self.emulator = pyte.Screen(width, height)
        self.stream = pyte.Stream(self.emulator)
        self.writes = []

    def _display(self, screen, renderable):
        if renderable is not None:
            self.writes.append(renderable.render_segments(self.console))
            self.stream.feed(self.writes[-1])

    @property
    def cells(self):
        """Character and looks of each cell; those of blanks count where they can be seen."""
        return [[_cell(line[x]) for x in range(self.emulator.columns)] for line in self._rows()]

    def _rows(self):
        return [self.emulator.buffer[y] for y in range(self.emulator.lines)]

    def from_scratch(self):
        """The cells of an emulator to which the frame is written whole, by rich itself."""
        blank = pyte.Screen(self.emulator.columns, self.emulator.lines)
        stream = pyte.Stream(blank)
        for y, line in enumerate(self.desk.frame().lines, 1):
            stream.feed(f"\x1b[{y};1H")
            for text, name in (seg for piece in line for seg in piece):
                look = style(name, True, self.desk.look.theme)
                stream.feed(look.render(text, color_system=ColorSystem.STANDARD))
        return [[_cell(blank.buffer[y][x]) for x in range(blank.columns)] for y in range(blank.lines)]


def _cell(char):
    inked = char.reverse or char.underscore or char.bg != "default"
    return (char.data, char.fg, char.bg, char.bold, char.reverse, char.underscore) if char.data != " " or inked else " "


async def settle(running, pilot):
    await running.settled()
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_terminal_shows_the_frame_after_any_keys(size):
    running, dice = Terminal(*size), random.Random(4)
    async with running.run_test(size=size) as pilot:
        await settle(running, pilot)
        assert running.cells == running.from_scratch()
        for at in range(14):
            await pilot.press(dice.choice(KEYS))
            await settle(running, pilot)
            assert running.cells == running.from_scratch(), at
            if at == 7:
                size = size[0] - 9, size[1] + 3
                running.emulator.resize(size[1], size[0])
                running.emulator.reset()
                await pilot.resize_terminal(*size)
                await settle(running, pilot)
                assert running.cells == running.from_scratch()


async def test_step_writes_less_than_the_screen():
    running = Terminal(120, 40)
    async with running.run_test(size=(120, 40)) as pilot:
        await settle(running, pilot)
        whole = len(running.writes[-1])
        assert whole > 120 * 40
        running.writes.clear()
        await pilot.press("s")
        await settle(running, pilot)
        assert 0 < len("".join(running.writes)) < whole / 2


async def test_frames_that_were_never_painted_are_not_taken_for_seen():
    running = Terminal(80, 24)
    async with running.run_test(size=(80, 24)) as pilot:
        await settle(running, pilot)
        with running.batch_update():
            for key in "ssnn":
                running.desk.key(key, key)
                await running.settled()
        await settle(running, pilot)
        assert running.cells == running.from_scratch()


@pytest.mark.parametrize("pending", [False, True])
async def test_a_terminal_that_lost_its_contents_is_painted_whole(pending):
    running = Terminal(120, 40)
    async with running.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        await settle(running, pilot)
        running.emulator.reset()
        if pending:
            running.desk.key("s", "s")
            await running.settled()
        running.refresh(layout=True)  # as on resume after a suspend
        await settle(running, pilot)
        assert running.cells == running.from_scratch()
        await pilot.press("s")
        await settle(running, pilot)
        assert running.cells == running.from_scratch()


@pytest.mark.parametrize("size", [(119, 40), (120, 41), (120, 39), (121, 40), (1, 1)])
async def test_resize_paints_whole_even_before_a_frame_of_that_size_is_there(size):
    running = Terminal(120, 40)
    async with running.run_test(size=(120, 40)) as pilot:
        await settle(running, pilot)
        for width, height in (size, (120, 40)):
            running.desk.key("s", "s")
            running.emulator.resize(height, width)
            running.emulator.reset()
            await pilot.resize_terminal(width, height)
            await settle(running, pilot)
            assert running.cells == running.from_scratch()


@pytest.mark.parametrize(("width", "height"), [(119, 40), (80, 24), (130, 45)])
async def test_lines_fit_a_size_for_which_there_is_no_frame_yet(width, height):
    running = Terminal(120, 40)
    async with running.run_test(size=(120, 40)) as pilot:
        await settle(running, pilot)
        texts = ["".join(text for piece in line for text, _ in piece) for line in running.desk.frame().lines]
        strips = running.canvas.render_lines(Region(0, 0, width, height))
        assert [strip.text for strip in strips] == [
            (texts[y] if y < 40 else "")[:width].ljust(width) for y in range(height)
        ]


async def test_line_that_was_never_written_is_written_whole():
    running = Terminal(80, 24)
    async with running.run_test(size=(80, 24)) as pilot:
        await settle(running, pilot)
        running.emulator.reset()
        running.canvas.written[:] = [()] * 24
        running.canvas.refresh(*(changes_of(y, 80) for y in range(24)))
        await settle(running, pilot)
        assert running.cells == running.from_scratch()


async def test_redraw_key_paints_whole():
    running = Terminal(80, 24)
    async with running.run_test(size=(80, 24)) as pilot:
        await settle(running, pilot)
        running.emulator.reset()
        running.desk.key("s", "s")
        running.desk.key("ctrl+l", None)
        await settle(running, pilot)
        assert running.cells == running.from_scratch()


async def test_screenshot_has_the_whole_frame_between_steps():
    running = Terminal(80, 24)
    async with running.run_test(size=(80, 24)) as pilot:
        await pilot.press("s", "s")
        await settle(running, pilot)
        words = re.sub(r"<[^>]*>", "", running.export_screenshot()).replace("&#160;", " ")
        for line in running.desk.frame().lines:
            for text in (text.strip() for piece in line for text, _ in piece):
                if text.replace("_", "").isalnum():
                    assert text in words
        await pilot.press("s")
        await settle(running, pilot)
        assert running.cells == running.from_scratch()


@pytest.mark.parametrize("theme", THEMES)
async def test_a_theme_paints_every_cell_and_steps_stay_in_it(theme):
    running = Terminal(80, 24)
    async with running.run_test(size=(80, 24)) as pilot:
        await settle(running, pilot)
        for name in (theme, "ansi", theme):
            running.desk.look.theme = name
            running.desk.refresh()
            await settle(running, pilot)
            assert running.cells == running.from_scratch()
            await pilot.press("s")
            await settle(running, pilot)
            assert running.cells == running.from_scratch()
        grounds = {cell[2] for row in running.cells for cell in row if cell != " "}
        assert ("default" in grounds) is (theme == "ansi")


async def test_no_color_writes_no_colour(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    running = Terminal(120, 40)
    async with running.run_test(size=(120, 40)) as pilot:
        await pilot.press("s", "tab", "s", "n")
        await settle(running, pilot)
    written = ";".join(re.findall(r"\x1b\[([\d;]*)m", "".join(running.writes)))
    assert {"0", "1"} <= set(written.split(";")) <= {"0", "1", "4", "7"}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("colours", ["standard", "256", "truecolor"])
def test_a_terminal_is_told_colours_that_it_has(theme, colours):
    told = "".join(codes(name, True, theme, colours)[0] for name in STYLES)
    assert ("38;2;" in told) is (colours == "truecolor" and theme != "ansi")
    assert ("38;5;" in told) is (colours == "256" and theme != "ansi")
    assert codes("bad", True, theme, None) == ("", "")


@pytest.mark.parametrize("name", STYLES)
def test_codes_name_the_terminals_own_colours_alone(name):
    before, behind = codes(name, True)
    assert re.fullmatch(r"(\x1b\[([147]|3[1-7]|90)(;([147]|3[1-7]|90))*m)?", before)
    assert behind == ("\x1b[0m" if before else "")
    assert bool(before) == bool(name)
    assert re.fullmatch(r"(\x1b\[[147](;[147])*m)?", codes(name, False)[0])

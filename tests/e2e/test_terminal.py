# SPDX-License-Identifier: GPL-2.0-only
"""The whole program on a terminal: what a user sees, and what the terminal is like when the program has gone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import workload
from tests.e2e.terminal import DEADLINE, ROOT, SEED, Terminal, environment

READY = "Q quit"
"""In the footer of the first picture."""
MODES = {
    b"\x1b[?1049h": b"\x1b[?1049l",  # second screen
    b"\x1b[?25l": b"\x1b[?25h",  # cursor
    b"\x1b[?1000h": b"\x1b[?1000l",  # mouse: buttons, movement, two ways to write coordinates
    b"\x1b[?1003h": b"\x1b[?1003l",
    b"\x1b[?1006h": b"\x1b[?1006l",
    b"\x1b[?1015h": b"\x1b[?1015l",
    b"\x1b[?1004h": b"\x1b[?1004l",  # focus
    b"\x1b[?2004h": b"\x1b[?2004l",  # paste
    b"\x1b[?2026h": b"\x1b[?2026l",  # a frame is being written
    b"\x1b[?7l": b"\x1b[?7h",  # lines wrap
}
"""What a program switches on, and what switches it off again."""
MOUSE = (b"\x1b[?1000h", b"\x1b[?1002h", b"\x1b[?1003h", b"\x1b[?1006h", b"\x1b[?1015h")
COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
CODE = """
import sys
from tui.cli import main
{change}
sys.exit(main([{file!r}, "--fresh"]))
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path, str(SEED), "--fresh") as made:
        made.see(READY)
        yield made


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A scenario of more than 100,000 decisions."""
    path = tmp_path_factory.mktemp("long") / "long.toml"
    path.write_text(workload.text(workload.MIXED, 6000), encoding="utf-8")
    return str(path)


def restored(terminal: Terminal) -> bool:
    """Whether the terminal is as it was: its settings, and every mode that was switched on is off."""
    for on, off in MODES.items():
        assert terminal.written.rfind(off) >= terminal.written.rfind(on), f"{on!r} is still so"
    assert terminal.written.count(b"\x1b[>25u") <= terminal.written.count(b"\x1b[<u"), "the keyboard is still another"
    assert termios.tcgetattr(terminal.side) == terminal.settings
    return True


def after(terminal: Terminal) -> list[str]:
    """The lines that stand on the first screen when the program has gone."""
    text = terminal.written.rpartition(b"\x1b[?1049l")[2]
    return [line for line in re.sub(rb"\x1b\[[0-9;?<>]*[a-z]", b"", text).decode().splitlines() if line]


# -- from start to end -------------------------------------------------------------------------------
def test_a_session_from_start_to_end(terminal: Terminal) -> None:
    assert b"\x1b[?1049h" in terminal.written
    assert "step 0/0" in terminal.lines[0]
    terminal.press("s")
    terminal.see("step 1/1")
    terminal.press("b")
    terminal.see("breakpoint 1: do_huge_pmd_anonymous_page:9")
    assert any(line.startswith("●▶") for line in terminal.lines)
    terminal.press("]")
    terminal.see("fallback  no order's range lies")
    terminal.press("S")
    terminal.see("PAST 9/10")
    terminal.press("/")
    terminal.see(lambda: terminal.lines[-2].startswith("/"))
    terminal.press("prefer\r")
    terminal.see("» 32 ")
    terminal.press("z")
    terminal.see("z Esc back")
    assert "orders[] =" not in terminal.text
    terminal.press("z")
    terminal.see("2 orders[] =")
    assert READY in terminal.lines[23]
    terminal.resize(120, 40)
    terminal.see(lambda: READY in terminal.lines[39])
    assert "8 timeline" in terminal.text
    terminal.resize(80, 24)
    terminal.see(lambda: READY in terminal.lines[23])
    terminal.press(":")
    terminal.press("print vma->vm_start\r")
    terminal.see("vma->vm_start = 139637976735744 (0x7f0000002000)")
    terminal.press("q")
    terminal.see("Q quits")
    terminal.press("Q")
    assert terminal.leave() == 0
    assert restored(terminal)
    assert after(terminal) == []


def test_the_command_line_ends_the_program_too(terminal: Terminal) -> None:
    terminal.press(":quit\r")
    assert terminal.leave() == 0
    assert restored(terminal)


def test_the_mouse_steps_nothing_but_takes_what_is_under_it(terminal: Terminal) -> None:
    terminal.press("]")
    terminal.see("step 10/10")
    row = next(y for y, line in enumerate(terminal.lines) if line.startswith(" #9 "))
    terminal.press(f"\x1b[<0;5;{row + 1}M\x1b[<0;5;{row + 1}m")
    terminal.see("━ [9 events")
    terminal.press("\r")
    terminal.see("PAST 9/10")


# -- ends that nobody wished for ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("import tui.desk; tui.desk.Desk.move = lambda self, where: 1 / 0", "j"),
        ("import kernelmodel.motion; kernelmodel.motion.cont = lambda *args, **more: 1 / 0", "c"),
        ("import tui.panes.canvas; tui.panes.canvas.Changes.render = lambda self, console: 1 / 0", "s"),
    ],
    ids=["a key", "a motion beside the screen", "painting"],
)
def test_a_fault_of_ours(tmp_path: Path, change: str, key: str) -> None:
    code = CODE.format(change=change, file=str(SEED))
    with Terminal(tmp_path, command=(sys.executable, "-c", code)) as terminal:
        terminal.see(READY)
        terminal.press(key)
        assert terminal.leave() == 70
        assert restored(terminal)
        (told,) = after(terminal)
        assert told.startswith("thp-debug: internal error")
        assert "ZeroDivisionError" in Path(told.rpartition(" ")[2]).read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_with_the_terminal_restored(terminal: Terminal, number: signal.Signals) -> None:
    terminal.process.send_signal(number)
    assert terminal.leave() == 128 + number
    assert restored(terminal)
    assert after(terminal) == []


def test_it_ends_when_its_terminal_goes_without_a_word(tmp_path: Path) -> None:
    """As under make: the terminal's first process is told, this one is not."""
    line = f"trap : HUP; {sys.executable} -m tui.cli {SEED} --fresh; :"
    with Terminal(tmp_path, command=("sh", "-c", line)) as terminal:
        terminal.see(READY)
        os.close(terminal.side)
        os.close(terminal.fd)
        try:
            assert terminal.process.wait(DEADLINE) is not None
        finally:
            terminal.fd, terminal.side = os.openpty()


# -- long runs ---------------------------------------------------------------------------------------
def test_a_long_run_shows_how_far_it_is_and_stops(tmp_path: Path, long_run: str) -> None:
    with Terminal(tmp_path, long_run, "--fresh") as terminal:
        terminal.see(READY)
        terminal.press("c")
        terminal.see("running: step")
        first = terminal.lines[-2]
        terminal.see(lambda: "running: step" in terminal.lines[-2] and terminal.lines[-2] != first)
        terminal.resize(100, 30)
        terminal.see(lambda: READY in terminal.lines[29] and "running: step" in terminal.lines[28])
        assert "step 0/0" in terminal.lines[0], "while the run goes on, nobody else looks at the session"
        terminal.press("\x03")
        terminal.see("interrupted")
        step = re.search(r"step (\d+)/(\d+)", terminal.lines[0])
        assert step is not None
        assert 0 < int(step[1]) < 100_000
        terminal.press("S")
        terminal.see(f"PAST {int(step[1]) - 1}/{step[2]}")
        terminal.press("G")
        terminal.see("running: step")
        terminal.press("Q")
        assert terminal.leave() == 0
        assert restored(terminal)


def test_a_signal_ends_a_long_run(tmp_path: Path, long_run: str) -> None:
    with Terminal(tmp_path, long_run, "--fresh") as terminal:
        terminal.see(READY)
        terminal.press("c")
        terminal.see("running: step")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.leave() == 143
        assert restored(terminal)


def test_line_by_line_a_long_run_stops_on_ctrl_c_and_goes_on(tmp_path: Path, long_run: str) -> None:
    with Terminal(tmp_path, long_run, "--fresh", "--plain") as terminal:
        terminal.see("(thp)")
        before = terminal.worked
        terminal.press("goto end\r")
        terminal.see(lambda: terminal.worked > before + 0.3)
        terminal.press("\x03")
        terminal.see("interrupted")
        terminal.press("quit\r")
        assert terminal.leave() == 0


# -- from one session to the next --------------------------------------------------------------------
def test_what_is_remembered(tmp_path: Path) -> None:
    with Terminal(tmp_path, str(SEED)) as terminal:
        terminal.see("first time?")
        terminal.press(":break alloc if order > 2\r")
        terminal.see("breakpoint 1:")
        terminal.press("Q")
        assert terminal.leave() == 0
    with Terminal(tmp_path, str(SEED)) as terminal:
        terminal.see("1 breakpoint restored")
        terminal.press(":")
        terminal.see(lambda: terminal.lines[-2].startswith("(thp)"))
        terminal.press("\x1b[A")
        terminal.see("(thp) break alloc if order > 2")
        terminal.press("\x15info br\t")
        terminal.see("(thp) info breakpoints")
        terminal.press("\r")
        terminal.see("alloc if order > 2  hits 0")
        terminal.press("Q")
        assert terminal.leave() == 0
    with Terminal(tmp_path, str(SEED), "--fresh") as terminal:
        terminal.see(READY)
        assert "restored" not in terminal.text
        terminal.press("c")
        terminal.see("end of the run")


def test_the_user_s_own_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "thp-debug"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(
        'theme = "contrast"\nkeymap = "cgdb"\nlayout = "memory"\nmouse = false\n'
        '[keys]\n"exec.step" = "X"\n[alias]\nff = "continue fallback"\n'
    )
    (folder / "init.thp").write_text("# to begin with\nmark begin\nff\n")
    with Terminal(tmp_path, str(SEED), "--fresh", size=(120, 40)) as terminal:
        terminal.see("step 10/10")
        terminal.press("X")
        terminal.see("step 11/11")
        assert b"48;2;0;0;0" in terminal.written
        assert not [each for each in MOUSE if each in terminal.written]
        terminal.press("'b")
        terminal.see("no mark")
        terminal.press("Q")
        assert terminal.leave() == 0
    (folder / "config.toml").write_text('theme = "pink"\n[keys]\n"exec.step" = "n"\n')
    with Terminal(tmp_path, str(SEED)) as terminal:
        assert terminal.leave() == 2
        assert "config.toml:1:9" in terminal.text
        assert "exec.step" in terminal.text


def test_help_is_about_the_pane(terminal: Terminal) -> None:
    for digit, pane in ("1", "source"), ("4", "table"), ("9", "events"):
        terminal.press(digit + "?")
        terminal.see(f"help: {pane}")
        terminal.press("\x1b")
        terminal.see("2 orders[]")


def test_what_is_taken_away(terminal: Terminal, tmp_path: Path) -> None:
    terminal.press("]")
    terminal.see("step 10/10")
    terminal.press("y")
    terminal.see("copied source")
    assert b"\x1b]52;c;" in terminal.written
    terminal.press("Y")
    terminal.see("copied transcript")
    terminal.press("P")
    terminal.see("written:")
    names = sorted(each.name for each in tmp_path.glob("thp-debug-unfit*"))
    assert [name.rpartition(".")[2] for name in names] == ["svg", "txt", "txt", "txt"]
    assert "thp-debug replay" in "".join(each.read_text("utf-8") for each in tmp_path.glob("*transcript*"))


# -- options and surroundings ------------------------------------------------------------------------
def test_no_mouse(tmp_path: Path) -> None:
    with Terminal(tmp_path, str(SEED), "--fresh", "--no-mouse") as terminal:
        terminal.see(READY)
        terminal.press("Q")
        assert terminal.leave() == 0
        assert restored(terminal)
        assert not [each for each in MOUSE if each in terminal.written]


def test_ascii(tmp_path: Path) -> None:
    with Terminal(tmp_path, str(SEED), "--fresh", "--ascii", size=(120, 40)) as terminal:
        terminal.see(READY)
        terminal.press("]")
        terminal.see("step 10/10")
        terminal.press("b?")
        terminal.see("help: source")
        terminal.press("\x1b")
        terminal.see("2 orders[] =")
        terminal.press("m")
        terminal.see("mark: a letter")
        terminal.press("aS:b alloc\r")
        terminal.see("breakpoint 2: alloc")
        terminal.press("Q")
        assert terminal.leave() == 0
        assert terminal.written.isascii()


def test_no_color(tmp_path: Path) -> None:
    with Terminal(tmp_path, str(SEED), "--fresh", NO_COLOR="1") as terminal:
        terminal.see(READY)
        terminal.press("]")
        terminal.see("step 10/10")
        assert COLOUR.search(terminal.written) is None
        assert b"\x1b[1" in terminal.written, "what is bold stays bold"


def test_colours_are_there_where_they_are_wanted(terminal: Terminal) -> None:
    assert COLOUR.search(terminal.written) is not None


def test_theme_and_keymap(tmp_path: Path) -> None:
    with Terminal(tmp_path, str(SEED), "--fresh", "--theme", "light", "--keymap", "vim") as terminal:
        terminal.see(READY)
        assert b"48;2;251;251;248" in terminal.written, "the theme has a ground of its own"
        terminal.press("s")
        terminal.see("step 1/1")
        terminal.press("S")
        terminal.see("PAST 0/1")
        terminal.press("o")
        terminal.see("step 18/18")
        terminal.press("Q")
        assert terminal.leave() == 0


@pytest.mark.parametrize(
    ("option", "value", "known"), [("--theme", "pink", "contrast"), ("--keymap", "emacs", "vscode")]
)
def test_a_value_that_there_is_not(tmp_path: Path, option: str, value: str, known: str) -> None:
    with Terminal(tmp_path, str(SEED), option, value) as terminal:
        assert terminal.leave() == 2
        assert known in terminal.text
        assert b"\x1b" not in terminal.written


def test_a_dumb_terminal_is_told_what_there_is_instead(tmp_path: Path) -> None:
    with Terminal(tmp_path, str(SEED), TERM="dumb") as terminal:
        assert terminal.leave() == 5
        assert "--plain" in terminal.text
        assert b"\x1b" not in terminal.written
    with Terminal(tmp_path, str(SEED), "--plain", "--fresh", TERM="dumb") as terminal:
        terminal.see("(thp)")
        terminal.press("step\r")
        terminal.see("#1 pmd-bounds")
        terminal.press("quit\r")
        assert terminal.leave() == 0
        assert b"\x1b" not in terminal.written


def test_without_a_terminal_it_is_line_by_line(tmp_path: Path) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "tui.cli", str(SEED)), input=b"step\nquit\nstep\n", capture_output=True, cwd=tmp_path,
        env=environment(tmp_path), timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.findall(rb"^#\d+", done.stdout, re.M) == [b"#0", b"#1"]
    assert b"\x1b" not in done.stdout
    assert not (tmp_path / "state").exists()


def test_output_into_a_file_is_no_place_to_draw(tmp_path: Path) -> None:
    with (
        open(tmp_path / "out", "wb") as out,
        Terminal(
            tmp_path, command=("/bin/sh", "-c", f"exec {sys.executable} -m tui.cli {SEED} > /dev/null")
        ) as terminal,
    ):
        assert terminal.leave() == 5
        assert "no terminal to draw on" in terminal.text
        assert out.tell() == 0
    assert ROOT.exists()

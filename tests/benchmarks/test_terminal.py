# SPDX-License-Identifier: GPL-2.0-only
"""The pseudo-terminal: it answers, it times what arrives, and it says so when nothing does."""

from __future__ import annotations

import os
import sys

import pytest

from benchmarks.terminal import QUESTION, Silence, Terminal, answer

RAW = "import os, sys, tty; tty.setraw(0); w = lambda data: os.write(1, data); r = lambda: os.read(0, 100)\n"


def program(code: str, columns: int = 80, rows: int = 24) -> Terminal:
    return Terminal((sys.executable, "-c", RAW + code), columns, rows, dict(os.environ))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (b"\x1b[c", b"\x1b[?62;22c"),
        (b"\x1b[6n", b"\x1b[1;1R"),
        (b"\x1b[?2026$p", b"\x1b[?2026;2$y"),
        (b"\x1b[?2048$p", b"\x1b[?2048;0$y"),
        (b"\x1b]11;?\x07", b"\x1b]11;rgb:0000/0000/0000\x1b\\"),
    ],
)
def test_questions(asked: bytes, said: bytes) -> None:
    found = QUESTION.search(b"text " + asked + b" text")
    assert found is not None
    assert answer(found) == said


def test_a_question_in_two_pieces_is_answered_once() -> None:
    code = "import time; w(b'\\x1b[?20'); time.sleep(.1); w(b'26$p'); a = r(); w(b'<%d>' % len(a)); w(a[1:])"
    with program(code) as terminal:
        terminal.wait(b"[?2026;2$y")
        assert b"<11>" in terminal.written


def test_the_size_is_what_was_asked_for() -> None:
    with program("w(b'%dx%d.' % os.get_terminal_size())", 123, 45) as terminal:
        terminal.wait(b"123x45.")
        assert b"123x45." in terminal.written


def test_a_key_is_answered_and_the_frame_ends_with_silence() -> None:
    code = "w(b'ready')\nwhile True:\n r(); w(b'one'); import time; time.sleep(.005); w(b'two')"
    with program(code) as terminal:
        ready = terminal.wait(b"ready")
        assert terminal.started < ready
        pressed = terminal.press(b"x")
        frame = terminal.settle()
        assert frame.data == b"onetwo"
        assert frame.last > pressed


@pytest.mark.parametrize("end", ["", "import time; time.sleep(60)"], ids=["ended", "hangs"])
def test_silence(end: str) -> None:
    with program(f"w(b'hello'); {end}") as terminal:
        with pytest.raises(Silence, match="hello"):
            terminal.wait(b"never", 0.5)
        with pytest.raises(Silence):
            terminal.settle(0.1)
    assert terminal.process.returncode is not None

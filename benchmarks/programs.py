# SPDX-License-Identifier: GPL-2.0-only
"""The programs that are run on a terminal: the debugger, and what it is measured against."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SEED = ROOT / "scenarios" / "seed" / "unfit.toml"

FRAME_DONE = b"\x1b[?2026l"
"""Textual ends every frame with it on a terminal that has synchronised output."""

EMPTY_APP = """\
from textual.app import App


class Empty(App):
    def on_key(self):
        self.bell()


Empty().run()
"""
SHORT_SCRIPT = """\
word = "".join(("an", "swer", "ed"))
total = 0
for number in range(10):
    total += number
    half = total // 2
    twice = total * 2
    text = str(twice)
    size = len(text)
    last = text[-1]
print(word, half, size, last)
"""
LONG_SCRIPT = """\
total = 0
for number in range(1000000):
    total += number
    half = total // 2
    twice = total * 2
    rest = twice % 7
    text = str(twice)
    size = len(text)
    last = text[-1]
    pair = (half, rest)
print(total)
"""
PUDB_SETTINGS = "[pudb]\nseen_welcome = z999\nprompt_on_quit = False\n"
"""Nothing but what keeps the greeting away."""


class Program(NamedTuple):
    """A command, the end of its first picture, a key, and what it writes when it has obeyed the key."""

    name: str
    command: tuple[str, ...]
    ready: bytes
    key: bytes
    answered: bytes = b""


def environment(scratch: Path) -> dict[str, str]:
    """For all programs alike: a colour terminal, this tree, settings of their own; never the animations of Textual."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEXTUAL", "PYTHON", "XDG_"))}
    return kept | {
        "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(scratch),
        "XDG_STATE_HOME": str(scratch), "TEXTUAL_ANIMATIONS": "none",
    }  # fmt: skip


def debugger(scenario: Path = SEED) -> Program:
    """``thp-debug FILE``; ``s`` makes it step 1."""
    return Program("thp-debug", (sys.executable, "-m", "tui.cli", str(scenario)), FRAME_DONE, b"s", b"1/1")


def empty_app(scratch: Path) -> Program:
    """A Textual application with nothing in it; a key rings the bell."""
    script = _write(scratch / "empty_app.py", EMPTY_APP)
    return Program("empty Textual app", (sys.executable, str(script)), FRAME_DONE, b"s", b"\x07")


def pudb(scratch: Path, script: str = SHORT_SCRIPT) -> Program:
    """pudb on a script; ``n`` executes the first line, after which the variable's value is shown."""
    _write(scratch / "pudb" / "pudb.cfg", PUDB_SETTINGS)
    path = _write(scratch / f"script{len(script)}.py", script)
    return Program("pudb", (sys.executable, "-m", "pudb", str(path)), b"reakpoints:", b"n", b"answered")


def _write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path

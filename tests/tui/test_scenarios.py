# SPDX-License-Identifier: GPL-2.0-only
"""The desk over real sessions, forwards and backwards."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from kernelmodel.scenario import load
from kernelmodel.session import Session
from tests.tui.shell import FakeShell
from tui.keys import keymap
from tui.keytable import MOVE_KEYS
from tui.paint.rows import cells

ROOT = Path(__file__).parents[2] / "scenarios"
FILES = [ROOT / "example.toml", *sorted((ROOT / "seed").glob("*.toml"))[::2]]
SIZES = ((80, 24), (120, 40), (200, 60))


def desk(path, size):
    shell = FakeShell(*size, session=Session(load(str(path))))
    shell.desk.look.console = []  # grows with every key
    return shell


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_back_shows_what_forward_showed(path):
    shell = desk(path, SIZES[len(path.stem) % 3])
    shell.press("G", "g")
    forward = [shell.panes]
    for _ in range(shell.session.last):
        shell.press("s")
        forward.append(shell.panes)
        assert {cells(line) for line in shell.lines} == {shell.desk.width}
    for screen in reversed(forward[:-1]):
        shell.press("S")
        assert shell.panes == screen


@pytest.mark.parametrize("seed", range(4))
def test_random_keys_are_harmless(seed):
    rng = random.Random(seed)
    known = keymap()
    keys = [
        *(key for each in known.actions for key in each.keys),
        *(key for its in MOVE_KEYS.values() for key in its),
        *"0123456789",
    ]
    keys = [key for key in keys if known.action(key) not in ("quit", "edit")]
    shell = desk(rng.choice(FILES), rng.choice(SIZES))
    shell.breaks.add("alloc")
    for _ in range(150):
        key = rng.choice(keys)
        shell.desk.key(key, key if len(key) == 1 else None)
        assert len(shell.lines) == shell.desk.height

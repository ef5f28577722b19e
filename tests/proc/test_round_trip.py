# SPDX-License-Identifier: GPL-2.0-only
"""A machine's texts, read back in, make a machine with the same texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelmodel.machine import Machine
from kernelmodel.proc import text
from kernelmodel.scenario import load
from kernelmodel.session import Session
from tests.build import HEAP, WRITE, session

FILES = ("buddyinfo", "pagetypeinfo", "zoneinfo")


def texts(m: Machine) -> dict[str, str]:
    return {name: text(m, name) for name in FILES}


def read_back(given: dict[str, str], folder: Path, variant: str) -> Machine:
    keys = ""
    for name, shown in given.items():
        (folder / name).write_text(shown)
        keys += f'{name} = "{name}"\n'
    path = folder / "it.toml"
    path.write_text(f'variant = "{variant}"\n[memory]\n{keys}{HEAP}{WRITE}')
    return Session(load(str(path))).m


@pytest.mark.parametrize("variant", ["6.5", "6.18"])
@pytest.mark.parametrize(
    "memory",
    [
        'size = "1G"',
        'size = "1G"\nfragment = { seed = 3 }',
        'free = { Movable = { 0 = 30, 4 = 2 }, Unmovable = { 3 = 5 }, HighAtomic = { 1 = 1 } }\nused = "file"',
        '[[memory.zone]]\nname = "DMA32"\nsize = "512M"\n[[memory.zone]]\nname = "Normal"\nsize = "1G"\nfragment = { seed = 7 }',
    ],
)
def test_texts_of_a_machine_make_the_same_machine(memory: str, variant: str, tmp_path: Path) -> None:
    given = texts(session(f"[memory]\n{memory}", head=f'variant = "{variant}"').m)
    assert texts(read_back(given, tmp_path, variant)) == given

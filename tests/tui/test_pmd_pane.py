# SPDX-License-Identifier: GPL-2.0-only
"""The page-table pane names what stands at the PMD level: a leaf, a table, a migration entry, nothing."""

from __future__ import annotations

import pytest

from kernelmodel.arch import SWP_MIGRATION_WRITE
from kernelmodel.mm.pgtable import pmd_offset
from kernelmodel.snapshot import View
from kernelmodel.structs import Mm
from tests.build import finish, session
from tui.paint import table
from tui.paint.look import Look

AT = 0x7F0000005000


def pane(kind: str, width: int, height: int) -> list[str]:
    """The pane as text, after a write that left ``kind`` at the PMD level."""
    thp = '[thp]\nenabled = "always"\n' if kind in ("leaf", "migration") else ""
    s = finish(session(thp))
    m = s.m
    pmd = pmd_offset(Mm(m, 0), AT)
    if kind == "migration":
        m.pgtable.set(pmd, m.arch.swp_entry(SWP_MIGRATION_WRITE, m.arch.pte_pfn(m.pgtable.get(pmd))))
    elif kind == "none":
        m.pgtable.set(pmd, 0)
    snap = s.snapshot(View(pte_at=AT, ptes=table.wanted(width, height)))
    return ["".join(text for text, _ in row) for row in table.paint(snap, Look(), width, height)]


@pytest.mark.parametrize(("width", "height"), [(40, 8), (80, 10), (120, 30)])
@pytest.mark.parametrize("kind", ["leaf", "table", "migration", "none"])
def test_the_pmd_level_by_name(kind: str, width: int, height: int) -> None:
    text = "\n".join(pane(kind, width, height))
    if kind == "table":
        assert "pte 005" in text, "the entry is the PTE's, so there is a table"
    else:
        assert text.split("pmd[000]")[1].split("\n")[0].split()[-1] == kind


@pytest.mark.parametrize(("kind", "sign"), [("leaf", "L"), ("migration", "M")])
def test_every_cell_below_it_shows_it(kind: str, sign: str) -> None:
    rows = pane(kind, 80, 10)
    cells = next(row for row in rows if row[1:5] == "000 ")[5:].rstrip()
    assert set(cells) in ({sign}, {sign, "@"}, {"*"}, {"*", "@"}), "its sign, or that it is new"
    assert any(row[1:].startswith("pmd 000 0x") and f" {kind} " in row for row in rows), "the entry is the PMD's"

# SPDX-License-Identifier: GPL-2.0-only
"""The orders pane: an array with its cursor in v3, a mask without one in 6.9."""

from __future__ import annotations

import pytest

from kernelmodel.session import Session
from kernelmodel.snapshot import View
from tests.runs import shipped
from tui.paint import orders
from tui.paint.look import Look


def at(variant: str, kind: str, outcome: str) -> Session:
    s = Session(shipped("review/6.9-charge-order-4.toml"), variant)
    while (s.event(s.step).kind, s.event(s.step).outcome) != (kind, outcome):
        assert not s.finished
        s.advance()
    s.advance()
    return s


@pytest.mark.parametrize(
    ("variant", "title"),
    [("v3", "orders[] = {4, 3, 0}"), ("v2", "orders (4, 3, 2)"), ("6.9", "orders = 0x18 (4, 3)")],
)
def test_the_title_is_as_the_variant_holds_them(variant: str, title: str) -> None:
    snap = at(variant, "vma-bounds", "fits").snapshot(View())
    assert orders.title(snap, Look()) == title


def test_the_mark_follows_a_mask() -> None:
    """6.9 has no index: the mark is on the order that was tried last, or is next."""
    s = at("6.9", "charge", "-ENOMEM")
    assert [row.order for row in s.snapshot(View()).orders if row.cursor] == [3]
    text = ["".join(seg for seg, _ in row) for row in orders.paint(s.snapshot(View()), Look(), 60, 9)]
    assert "[" not in "".join(text)
    assert text[1].startswith("▶")

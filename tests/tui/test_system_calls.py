# SPDX-License-Identifier: GPL-2.0-only
"""Panes at stops of system calls, and with several processes."""

from __future__ import annotations

import pytest

from kernelmodel.snapshot import Snapshot, VmaView
from tests.tui.fake import snapshot
from tui.paint import events, header, source, table, vmas
from tui.paint.look import Look
from tui.paint.rows import plain

BASE = 0x7F0000000000


def returned(kind: str, outcome: str, addr: int = BASE) -> Snapshot:
    found = snapshot(3)
    assert found.event is not None
    return found._replace(event=found.event._replace(kind=kind, outcome=outcome, addr=addr), calls=())


@pytest.mark.parametrize(
    ("snap", "words"),
    [
        (returned("madvise-return", "0"), "madvise returns 0"),
        (returned("mmap-return", "0"), "mmap returns 0x7f0000000000"),
        (returned("mmap-return", "-ENOMEM"), "mmap returns -ENOMEM"),
        (returned("munmap-return", "0"), "munmap returns 0"),
        (returned("return", "0")._replace(view_cpu=1), "no kernel function is running on cpu1"),
        (snapshot(14), "no kernel function is running: the scenario has ended"),
    ],
)
def test_why_there_is_no_source(snap: Snapshot, words: str) -> None:
    assert [plain(row).strip() for row in source.paint(snap, Look(), 80, 10)] == [words]


def test_the_process_is_named_where_there_are_several() -> None:
    one, several = snapshot(5), snapshot(5)._replace(process="child")
    assert vmas.title(one, Look()) == "vmas"
    assert vmas.title(several, Look()) == "vmas of child"
    assert table.title(one, Look()).startswith("page table  pte 005")
    assert table.title(several, Look()).startswith("page table of child  pte 005")
    assert "cpu0 child" in plain(header.paint(several, Look(), 80))


def ruler(*edges: tuple[int, int]) -> str:
    """The ruler over a row of PTEs from BASE on, for VMAs from page to page."""
    views = tuple(VmaView("heap", BASE + a * 4096, BASE + b * 4096, (), (), False, False) for a, b in edges)
    snap = snapshot(5)._replace(vmas=views)
    return plain(table.paint(snap, Look(), 80, 24)[0])[5:].rstrip()


def test_labels_of_neighbouring_vmas_do_not_collide() -> None:
    assert ruler((0, 16), (16, 32)).startswith("▾vm_start vm_end▾vm_start")
    assert ruler((0, 12), (12, 32)).startswith("▾     vm_end▾vm_start")
    assert ruler((2, 4), (4, 6), (6, 8)).startswith("  ▾ ▾ ▾ ▾vm_end")


def test_columns_are_as_wide_as_the_longest_kind() -> None:
    snap = snapshot(3)
    listed = tuple(
        event._replace(kind=kind)
        for event, kind in zip(snap.events, ("alloc", "mprotect-return", "free-pgtables"), strict=False)
    )
    rows = [plain(row) for row in events.rows(listed, snap, Look(), 120)]
    assert len({row.index(event.function) for row, event in zip(rows, listed, strict=True)}) == 1


def test_every_sign_that_marks_the_fault_is_in_the_legend() -> None:
    assert "F@ fault" in table.LEGEND
    assert len(table.LEGEND) <= 70

# SPDX-License-Identifier: GPL-2.0-only
"""Commands that look: values, displays, panes as text, the call stack."""

from __future__ import annotations

import pytest

from tests.tui.talk import console as new
from tests.tui.talk import fails, go, state
from tui.verbs.inspect import INFO


@pytest.fixture
def console():
    made = new()
    go(made, "goto 9")
    return made


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("order", "order = 3"),
        ("1 << 12", "1 << 12 = 4096 (0x1000)"),
        ("orders", "orders = {4, 3, 0}"),
        ("orders[i]", "orders[i] = 3"),
        ("vmf->address - vma->vm_start", "vmf->address - vma->vm_start = 12288 (0x3000)"),
        ("vma", "vma = heap [0x7f0000002000, 0x7f0000102000)"),
        ("vma->vm_flags & VM_WRITE && !0", "vma->vm_flags & VM_WRITE && !0 = 1"),
        ("pte(vmf->address)", "pte(vmf->address) = 0"),
        ("was(i)", "was(i) = 1"),
        ("step()", "step() = 9"),
        ("0 - 1", "0 - 1 = -1 (0xffffffffffffffff)"),
        ("folio", "folio = NULL"),
    ],
)
def test_print(console, text, said):
    assert go(console, f"print {text}") == [said]


@pytest.mark.parametrize(
    ("form", "said"),
    [("x", "0xff"), ("d", "255"), ("u", "255"), ("t", "0b11111111"), ("o", "0o377")],
)
def test_print_formats(console, form, said):
    for line in (f"print/{form} 255", f"p/{form} 255", f"p /{form}  255"):
        assert go(console, line) == [f"255 = {said}"]


def test_print_signed_and_unsigned_of_a_negative_number(console):
    assert go(console, "p/d 0 - 2") == ["0 - 2 = -2"]
    assert go(console, "p/u 0 - 2") == ["0 - 2 = 18446744073709551614"]
    assert go(console, "p/x i - 2") == ["i - 2 = 0xffffffffffffffff"]


def test_displays_are_shown_after_each_motion_until_they_are_dropped(console):
    assert go(console, "display i") == ["1: i = 1"]
    assert go(console, "display orders[i] + nowhere")[0].startswith("2: orders[i] + nowhere = (")
    assert go(console, "display i") == ["1: i = 1"]
    assert go(console, "step")[-2:][0] == "1: i = 2"
    assert [row[:2] for row in go(console, "display")] == ["1:", "2:"]
    assert "i" in go(console, "info watch")[0]
    before = state(console)
    assert fails(console, "undisplay 1 9")[0] == len("undisplay 1 ")
    assert state(console) == before
    assert go(console, "undisplay 1 1") == ["no longer displayed: 1"]
    assert not any(row.startswith("1:") for row in go(console, "rs"))
    assert go(console, "undisplay") == ["no longer displayed: 2"]
    assert go(console, "undisplay") == ["no longer displayed: nothing"]


def test_displays_are_bounded(console):
    go(console, *(f"display {n}" for n in range(64)))
    assert "there are 64 displays" in fails(console, "display 64")[1]
    assert go(console, "display 63") == ["64: 63 = 63 (0x3f)"]


CONTENT = {
    "breakpoints": "fallback", "locals": "orders", "stack": "alloc_anon_folio:25", "orders": "✗bounds", "table": "pte 005",
    "ptes": "pte 005", "buddy": "free", "allocator": "next order", "vmas": "heap 0x7f0000002000", "events": "#8",
    "event": "#9 vma-bounds:outside", "timeline": "cpu0", "changes": "nothing", "source": "yield bounds", "cpus": "cpu0",
    "locks": "cpu0", "watch": "i", "display": "i", "marks": "a  #3", "counters": "no statistic", "scenario": "seed/unfit.toml",
    "columns": "alloc_anon_folio()", "buddyinfo": "zone   Normal", "pagetypeinfo": "Page block order: 9",
    "zoneinfo": "pages free", "extfrag": "unusable_index",
}  # fmt: skip


@pytest.mark.parametrize("topic", INFO)
def test_info(console, topic):
    go(console, "break fallback", "display i", "mark a 3")
    rows = go(console, f"info {topic}")
    assert CONTENT[topic] in "\n".join(rows)
    assert go(console, f"i {topic[:-1]}") or topic == "event"


@pytest.mark.parametrize("topic", INFO)
def test_info_at_the_end_of_the_run(console, topic):
    go(console, "goto end")
    assert go(console, f"info {topic}")


def test_info_event_of_another_stop(console):
    rows = go(console, "info event 7")
    assert rows[0] == "#7 vma-bounds:outside"
    assert [row.split()[0] for row in rows[1:]] == ["site", "at", "cpu", "fault", "order", "i", "addr", "reason", "why"]
    go(console, "mark a 5")
    assert go(console, "info event a")[0] == "#5 policy:4,3"


def test_info_follows_an_answer(console):
    go(console, "goto 11", "answer NULL")
    assert any("not nature's" in row or "forced" in row for row in go(console, "info event 11"))


def test_walk(console):
    rows = go(console, "walk")
    assert [row.split()[0] for row in rows] == ["pgd", "pud", "pmd", "pte", "0x7f0000005000:"]
    assert go(console, "walk vmf->address") == rows
    assert go(console, "walk 0xffffffffffffffff")[0].startswith("pgd   [0x1ff]")
    go(console, "goto end")
    rows = go(console, "walk 0x7f0000005000")
    assert rows[-2].endswith("PRESENT")
    assert rows[-1].startswith("folio pfn")
    assert go(console, "walk") == go(console, "walk 0x7f0000101000"), "without an address: the last one"


def test_list_and_where(console):
    assert any("yield bounds" in row for row in go(console, "list"))
    assert len(go(console, "list")) <= 11
    rows = go(console, "where")
    assert rows[0].lstrip("▸").strip().startswith("#0 alloc_anon_folio:25") or "#0 alloc_anon_folio:25" in rows[0]
    assert "#1 do_anonymous_page" in rows[1]


def test_frames(console):
    assert go(console, "frame") == ["#0 alloc_anon_folio:25"]
    assert go(console, "up")[0].startswith("#1 do_anonymous_page:")
    assert go(console, "up 2")[0].startswith("#3 __handle_mm_fault:")
    assert go(console, "down 2")[0].startswith("#1 do_anonymous_page:")
    assert go(console, "frame 2")[0].startswith("#2 handle_pte_fault:")
    assert "handle_pte_fault" in go(console, "where")[2].split("▸")[-1]
    assert go(console, "down 99")[0].startswith("#0")
    outer = go(console, "up 99")
    assert go(console, "up") == outer
    go(console, "goto end")
    assert go(console, "up") == ["no call"]


def test_another_cpu_can_be_looked_at():
    console = new("seed/eagain-two-cpus.toml")
    go(console, "goto end", "rs 3")
    step = console.session.step
    rows = go(console, "cpu 1")
    assert rows[0] == "cpu1 is in view"
    assert [row[2:].split()[0] for row in rows[1:]] == ["cpu0", "cpu1", "mmap_lock"]
    assert [row[0] for row in rows[1:3]] == [" ", "»"]
    assert go(console, "cpu 0")[0] == "cpu0 is in view"
    assert console.session.step == step

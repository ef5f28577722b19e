# SPDX-License-Identifier: GPL-2.0-only
"""The transcript survives kernel e-mail, whatever the run."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel import mail as mail_module
from kernelmodel.mail import mail, markdown, ndjson
from kernelmodel.mail.words import plain
from kernelmodel.scenario import load, loads
from kernelmodel.session import Session
from kernelmodel.trace import follow
from tests.build import finish
from tests.runs import runs, some

LABEL = re.compile(r"\s*[\w-]+:(\s|$)")
BAD_STARTS = ("From", "---", "diff", "@@", "Index:", "-- ", "+++", ">")


def survives(lines: list[str], width: int, token: str) -> None:
    for line in lines:
        assert line.isascii()
        assert line.isprintable()
        assert line == line.rstrip()
        assert line.startswith("  ")
        assert not line.lstrip().startswith(BAD_STARTS)
        assert not LABEL.match(line) or line.startswith("  reproduce: thp-debug replay ")
        assert len(line) <= width or line == f"  {token}"


@settings(max_examples=60, deadline=None)
@given(runs(), st.data())
def test_each_line_survives(s: Session, data: st.DataObject) -> None:
    first, last = sorted((data.draw(st.integers(0, s.last)), data.draw(st.integers(0, s.last))))
    here = data.draw(st.integers(0, s.last))
    width = data.draw(st.sampled_from([40, 60, 72, 79]))
    token = s.token()
    s.seek(here)
    lines = mail(s, first, last, width, "0.1")
    assert s.step == here
    survives(lines, width, token)
    steps = [int(match[1]) for line in lines if (match := re.match(r"  #(\d+)  ", line))]
    assert steps == [n for n in range(first, last + 1) if s.event(n).kind]
    assert "".join(lines[-1:]).endswith(token)


def test_a_transcript_reads_like_this() -> None:
    s = finish(Session(load("seed/unfit.toml")))
    assert mail(s, 5, 11, version="0.1") == [
        f"  thp-debug 0.1  seed/unfit.toml (sha {s.scenario.hash})  v3  x86-64",
        "  write heap+0x3000, address 0x7f0000005000",
        "  #5  orders = {4, 3, 0}, prefer = 4",
        "  #6  uffd 0x7f0000005000 = clear",
        "  #7  i=0 order 4  [7f0000000000,+64K) starts 0x2000 below vm_start",
        "  #8  i=1 order 4 rejected (vma-bounds), order 3 is next",
        "  #9  i=1 order 3  [7f0000000000,+32K) starts 0x2000 below vm_start",
        "  #10  fallback, reason vma-bounds; no order's range lies inside the VMA",
        "  #11  alloc order 0 0x7f0000005000 = folio",
        "  stands at #11 of 73",
        f"  reproduce: thp-debug replay {s.token()}",
    ]


def text(s: Session, **kind: int) -> str:
    return "\n".join(mail(s, 0, s.last, 200, **kind))


def test_who_answered_is_told() -> None:
    s = finish(Session(load("seed/unfit.toml")))
    assert "ed by" not in text(s)
    s.seek(next(n for n in range(s.last) if s.event(n).kind == "alloc" and s.event(n).order == 4))
    s.advance("NULL")
    assert "alloc order 4  [7f0000010000,+64K) = NULL  [answered by the user]" in text(s)
    assert "= NULL  [answered by the scenario]" in text(finish(Session(load("seed/alloc-fails.toml"))))
    assert "= NULL (leaf)  [FORCED by the scenario]" in text(finish(Session(load("seed/eagain.toml"))))


def test_a_question_without_an_answer_yet_says_so() -> None:
    s = Session(load("seed/unfit.toml"))
    while s.event(s.step).kind != "alloc":
        s.advance()
    assert text(s).count("[not answered yet]") == 1
    assert f"stands at #{s.last} of {s.last} known so far" in text(s)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "seed/eagain-two-cpus.toml",
            "cpu1 write heap+0x45000 = 0 after 1 fault; mapped folio, order 9  [7f0000000000,+2M)",
        ),
        ("seed/eagain-two-cpus.toml", "cpu0 write heap+0x3000 = 0 after 1 fault; nothing mapped"),
        ("seed/enomem.toml", "= VM_FAULT_OOM"),
        ("seed/eagain-none.toml", "the access is run again"),
        ("seed/eagain-none.toml", "after 2 faults"),
        ("seed/read-fault-bug.toml", "bug; uninitialised"),
        ("seed/address-untouched.toml", "blocked; "),
    ],
)
def test_how_accesses_and_the_run_ended_is_told(name: str, words: str) -> None:
    assert words in text(finish(Session(load(name))))


LONG = (
    'variant = "v3"\n[thp]\nenabled = "madvise"\n[[vma]]\nname = "heap"\nstart = 0x7f0000000000\nsize = "64M"\nflags = ["VM_WRITE"]\n'
    + "".join(f'[[event]]\nwrite = "heap+{n * 0x100000:#x}"\n' for n in range(60))
)


def test_the_middle_of_a_long_run_is_left_out() -> None:
    s = finish(Session(loads(LONG, "long.toml")))
    lines = mail(s, 0, s.last)
    shown = [int(match[1]) for line in lines if (match := re.match(r"  #(\d+)  ", line))]
    gap = next(line for line in lines if "left out" in line)
    assert len(shown) < mail_module.MOST + 1 < s.last
    missing = sorted({*range(s.last)} - {*shown})
    assert gap == f"  ... {len(missing)} decisions left out (#{missing[0]} to #{missing[-1]}) ..."


def test_a_token_stays_in_one_piece() -> None:
    name = "a-rather-long-folder/" * 5 + "x.toml"
    s = finish(Session(loads(LONG, name)))
    lines = mail(s, 0, 3)
    assert lines[-1] == f"  {s.token()}"
    assert lines[-2] == "  reproduce: thp-debug replay \\"
    assert lines[-3] == "  (the token is longer than 72 columns; keep it in one piece)"
    survives(lines, 72, s.token())


@pytest.mark.parametrize(
    "name", ["Fixes: it.toml", "zu früh.toml", "a\tb\n---\n.toml", "it's $(x).toml", "From me", "`` ```"]
)
def test_odd_names_do_no_harm(name: str) -> None:
    s = finish(Session(loads(LONG, name)))
    lines = mail(s, 0, 5)
    assert len(lines) > 6
    survives(lines, 72, lines[-1].strip())
    fence, *body, last = markdown(s, 0, 5)
    assert fence == f"{last}text"
    assert not any(last in line for line in body)


def test_plain_leaves_no_label() -> None:
    assert plain("Fixes: a\tb: ü:") == "Fixes; a\\x09b; \\xfc;"


def test_an_edited_scenario_has_no_token() -> None:
    s = Session(replace(load("seed/unfit.toml"), edited=('thp.enabled = "never"',)))
    lines = mail(finish(s), 0, 3, 200)
    assert s.token() == ""
    assert (
        lines[-1]
        == '  no token, the scenario was edited (thp.enabled = "never"); save-scenario writes one that has a token'
    )
    assert ", edited)" in lines[0]
    survives(mail(s, 0, 3), 72, "")


def test_markdown_is_a_fenced_block() -> None:
    s = finish(Session(load("seed/unfit.toml")))
    lines = markdown(s, 0, s.last)
    assert (lines[0], lines[-1]) == ("```text", "```")
    assert "#7  i=0 order 4  [7f0000000000,+64K) starts 0x2000 below vm_start" in lines


@pytest.mark.parametrize("name", some())
def test_records_are_those_of_a_run(name: str) -> None:
    s = Session(load(name))
    want = list(follow(s))[:-1]
    s.seek(2)
    assert list(ndjson(s, 0, s.last)) == want
    assert s.step == 2
    middle = [row for row in want if row["type"] == "decision" and 3 <= row["step"] <= 9]
    assert [row for row in ndjson(s, 9, 3) if row["type"] == "decision"] == middle


def test_what_the_environment_is_not_asked_needs_no_answer() -> None:
    s = Session(load("seed/unfit.toml"))
    while s.event(s.step).kind != "map-pte":
        s.advance()
    assert s.log.at(s.step).asked
    assert "not answered" not in text(s)

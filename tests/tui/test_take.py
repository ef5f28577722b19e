# SPDX-License-Identifier: GPL-2.0-only
"""What is carried away: texts, pictures, the clipboard, files, and verdicts for b4."""

from __future__ import annotations

import base64
import json
import os
import re
from xml.etree import ElementTree

import pytest

from kernelmodel.check import Verdict
from kernelmodel.scenario.faults import Problem
from tui.b4 import b4, touched
from tui.paint.frame import Frame
from tui.take import MAX_CLIPBOARD, osc52, save, save_shot, svg, text_frame

# -- texts and pictures ------------------------------------------------------------------------------


def test_a_frame_as_text():
    assert text_frame(["one  ", "  two", "", "   "]) == "one\n  two\n"
    assert text_frame([]) == "\n"


FRAME = Frame(
    (0, 10), 20,
    (((("orders[i]", "bold"), (" ", "")), (("✗ <b>&amp;", "bad"),)), ((("  [/] ", ""), ("cur", "cursor"), ("日", "")), (("          ", ""),))),
)  # fmt: skip


@pytest.mark.parametrize("theme", ["ansi", "dark", "light", "contrast"])
def test_a_frame_as_svg(theme):
    root = ElementTree.fromstring(svg(FRAME, theme, "a <title>"))
    text = "".join(root.itertext()).replace("\xa0", " ")
    for part in ("orders[i]", "✗ <b>&amp;", "[/]", "cur", "日", "a <title>"):
        assert part in text


def test_an_svg_fetches_nothing_and_is_the_same_each_time():
    text = svg(FRAME)
    links = set(re.findall(r"https?://[^\s\"<]+", text))
    assert links <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}
    assert "@font-face" not in text
    assert "url(http" not in text
    assert svg(FRAME) == text


def test_a_theme_brings_its_background():
    assert 'fill="#fbfbf8"' in svg(FRAME, "light").lower()
    assert 'fill="#000000"' in svg(FRAME, "contrast").lower()


def test_no_color_does_not_take_the_colours_of_a_picture(monkeypatch):
    coloured = svg(FRAME)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert svg(FRAME) == coloured


# -- clipboard ---------------------------------------------------------------------------------------


def test_osc52():
    assert osc52("orders[i] é") == "\x1b]52;c;" + base64.b64encode("orders[i] é".encode()).decode() + "\x1b\\"


def test_osc52_inside_tmux_is_sent_plain_and_wrapped():
    plain, both = osc52("x"), osc52("x", tmux=True)
    assert both == plain + "\x1bPtmux;\x1b\x1b]52;c;eA==\x1b\x1b\\\x1b\\"


def test_osc52_gives_up_where_terminals_do():
    most = MAX_CLIPBOARD // 4 * 3
    assert osc52("x" * most)
    assert osc52("x" * (most + 3)) == osc52("x" * (most + 3), tmux=True) == ""


def test_osc52_takes_any_text():
    assert base64.b64decode(osc52("a\udcff\x1b")[7:-2]) == b"a?\x1b"


# -- files -------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    return tmp_path


def test_save_overwrites_nothing(here):
    paths = [save("scenarios/seed/unfit.toml", ".txt", text) for text in ("one\n", "two\n")]
    assert [path.name for path in paths] == ["thp-debug-unfit-1.txt", "thp-debug-unfit-2.txt"]
    assert [path.read_text() for path in paths] == ["one\n", "two\n"]
    assert paths[0].parent == here / "cwd"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("seed/unfit.toml-source", "thp-debug-unfit-source-1.txt"),
        ("../../etc/pass wd", "thp-debug-pass-wd-1.txt"),
        ("..", "thp-debug-run-1.txt"),
        ("\x1b日/é\n", "thp-debug-run-1.txt"),
        ("x" * 300, f"thp-debug-{'x' * 60}-1.txt"),
    ],
)
def test_names_of_files(here, name, file):
    assert save(name, "txt", "").name == file


def test_save_does_not_follow_a_link(here):
    os.symlink(here / "elsewhere", "thp-debug-a-1.txt")
    assert save("a", "txt", "x").name == "thp-debug-a-2.txt"
    assert not (here / "elsewhere").exists()


@pytest.fixture
def unwritable(here, monkeypatch):
    """The working directory is gone."""
    os.rmdir(here / "cwd")
    return here


def test_save_where_nothing_can_be_written_here(unwritable):
    path = save("a.toml", "svg", "<svg/>")
    assert path == unwritable / "state" / "thp-debug" / "thp-debug-a-1.svg"


def test_save_where_nothing_can_be_written_at_all(unwritable):
    (unwritable / "state").touch()
    with pytest.raises(NotADirectoryError):
        save("a.toml", "svg", "<svg/>")


def test_a_shot_has_one_number_for_both_files(here):
    (here / "cwd" / "thp-debug-a-1.txt").touch()
    paths = save_shot("", "a.toml", "<svg/>", "text\n")
    assert [path.name for path in paths] == ["thp-debug-a-2.svg", "thp-debug-a-2.txt"]
    assert [path.read_text() for path in paths] == ["<svg/>", "text\n"]
    assert sorted(each.name for each in (here / "cwd").iterdir()) == [
        "thp-debug-a-1.txt",
        "thp-debug-a-2.svg",
        "thp-debug-a-2.txt",
    ]


def test_a_shot_under_the_users_name(here):
    assert [path.name for path in save_shot("one.svg", "a", "<svg/>", "t")] == ["one.svg", "one.txt"]
    assert [path.name for path in save_shot("v1.2", "a", "<svg/>", "t")] == ["v1.2.svg", "v1.2.txt"]


def test_a_shot_overwrites_nothing(here):
    (here / "cwd" / "one.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        save_shot("one.svg", "a", "<svg/>", "t")
    assert [each.name for each in (here / "cwd").iterdir()] == ["one.txt"]
    assert (here / "cwd" / "one.txt").read_text() == "mine"


# -- b4 ----------------------------------------------------------------------------------------------

PATCH = """\
From: A <a@example.org>
Subject: [PATCH v3 3/4] mm: large folios

 mm/memory.c | 10 +++++++++-
---
diff --git a/{0} b/{0}
index 1..2 100644
--- a/{0}
+++ b/{0}
@@ -1,3 +1,4 @@
 int x;
+int y;
"""
GOOD = Verdict("seed/fits.toml", "v3", True, (), "thp1:x")
BAD = Verdict("seed/unfit.toml", "v3", False, ("orders are [3], expected [0]", "more"), "thp1:seed/unfit.toml:ab")
BROKEN = {"odd.toml": [Problem("odd.toml", 3, 1, "there is no 'colour' here")]}


def result(text):
    (found,) = json.loads(text)
    assert found["tool"] == "thp-debug"
    assert set(found) == {"tool", "status", "summary", "details"}
    return found["status"], found["summary"], found["details"]


def test_b4_pass():
    assert result(b4([GOOD, GOOD], {}, PATCH.format("mm/memory.c"))) == ("pass", "2 runs are as expected", "")


def test_b4_fail_says_why_and_how_to_replay():
    status, summary, details = result(b4([GOOD, BAD], {}, ""))
    assert (status, summary) == ("fail", "1 of 2 runs are not as expected")
    assert details.splitlines() == ["seed/unfit.toml [v3]", "  orders are [3], expected [0]", "  more", "  thp-debug replay 'thp1:seed/unfit.toml:ab'"]  # fmt: skip


def test_b4_warns_of_what_could_not_be_run():
    assert result(b4([GOOD], BROKEN, "")) == (
        "warn",
        "the run is as expected; 1 scenario could not be run",
        "odd.toml:3:1: there is no 'colour' here",
    )
    assert result(b4([], {}, ""))[:2] == ("warn", "no scenario was run")
    assert result(b4([BAD], BROKEN, ""))[0] == "fail"


@pytest.mark.parametrize("file", ["mm/memory.c", "mm/huge_memory.c", "mm/page_alloc.c", "include/linux/huge_mm.h", "mm/khugepaged.c", "mm/userfaultfd.c", "arch/arm64/include/asm/pgtable.h"])  # fmt: skip
def test_b4_is_told_of_a_patch_of_what_is_modelled(file):
    assert b4([GOOD], {}, PATCH.format(file))


@pytest.mark.parametrize(
    "file", ["Documentation/mm/memory.c", "fs/ext4/inode.c", "tools/mm/memory.c", "mm/memory.c.orig"]
)
def test_b4_is_told_nothing_of_any_other(file):
    assert b4([BAD], BROKEN, PATCH.format(file)) == ""


@pytest.mark.parametrize(
    ("patch", "files"),
    [
        ("", []),
        ("just words\n", []),
        (PATCH.format("mm/a.c"), ["mm/a.c"]),
        (PATCH.format("mm/a.c").replace("\n", "\r\n"), ["mm/a.c"]),
        ("diff --git a/mm/old.c b/mm/new.c\nrename from mm/old.c\n", ["mm/old.c", "mm/new.c"]),
        ("--- a/mm/gone.c\n+++ /dev/null\n", ["mm/gone.c"]),
        ('diff --git "a/mm/a b.c" "b/mm/a b.c"\n', ["mm/a b.c"]),
        ("--- a/mm/a.c\t2026-01-01\n+++ b/mm/a.c\t2026-01-02\n", ["mm/a.c"]),
        (
            " mm/memory.c        |  10 ++--\n mm/new.bin | Bin 0 -> 5 bytes\n 2 files changed\n",
            ["mm/memory.c", "mm/new.bin"],
        ),
        ("> diff --git a/mm/a.c b/mm/a.c\n", []),
    ],
)
def test_files_of_a_patch(patch, files):
    assert touched(patch) == files


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_a_mail_that_is_encoded(encoding):
    import quopri

    body = PATCH.format("mm/memory.c").encode()
    body = base64.encodebytes(body) if encoding == "base64" else quopri.encodestring(body)
    mail = (
        f"Subject: x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n\n{body.decode()}"
    )
    assert touched(mail) == ["mm/memory.c"]

# SPDX-License-Identifier: GPL-2.0-only
"""``thp-debug compare`` and ``thp-debug matrix``: words, exit codes, texts, records."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from kernelmodel.variant_names import VARIANTS
from tui.cli import main
from tui.matrix import cut, short_names
from tui.sidebyside import entry

ROOT = Path(__file__).resolve().parents[2]

TOML = """
title = "The charge of 64K fails"
variant = "6.9"
[thp]
enabled = "madvise"
hugepages-64kB = "always"
hugepages-32kB = "always"
[[vma]]
name = "heap"
start = 0x7f0000000000
size = "1M"
flags = ["VM_WRITE"]
[[event]]
cpu = 0
write = "heap+0x5000"
answers = ["mem_cgroup_charge(order=4) = -ENOMEM"]
[expect]
orders = [3]
[expect.variant."6.8"]
results = ["VM_FAULT_OOM"]
"""


@pytest.fixture
def charge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "charge.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    return "charge.toml"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def compare(
    capsys: pytest.CaptureFixture[str], name: str, *variants: str, more: tuple[str, ...] = ()
) -> tuple[int, str, str]:
    return run(capsys, "compare", name, *(word for each in variants for word in ("--variant", each)), *more)


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_text_for_a_mail(charge: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = compare(capsys, charge, "6.8", "6.9", "6.10")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:22] == [
        "charge.toml: The charge of 64K fails",
        "",
        "first difference: alloc in event 0 (cpu0: write heap+0x5000)",
        "  6.8   #11  no further alloc; result: VM_FAULT_OOM",
        "  6.9   #12  alloc order 3: folio",
        "  6.10  #12  alloc order 3: folio",
        "",
        "outcome",
        "  6.8   orders OOM; results VM_FAULT_OOM",
        "  6.9   orders 3; results 0",
        "        MM_ANONPAGES 8, min_flt 1, nr_anon_pages 8",
        "  6.10  orders 3; results 0",
        "        32kB.anon_fault_alloc 1, 64kB.anon_fault_fallback 1,",
        "        64kB.anon_fault_fallback_charge 1, MM_ANONPAGES 8, min_flt 1,",
        "        nr_anon_pages 8",
        "  in all  pgfault 1",
        "",
        "agree: 6.8 | 6.9, 6.10",
        "note: no per-size statistics in 6.8, 6.9",
        "",
        "to look at it",
        "  thp-debug charge.toml --variant 6.8 -ex 'goto 11'",
    ]
    assert all(len(line) <= 80 for line in lines if "thp1:" not in line)
    assert sum(line.startswith("token: thp1:") for line in lines) == 3


def test_the_step_is_where_it_is_seen(charge: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "run", charge, "--variant", "6.9", "-ex", "goto 12")[1]
    assert "alloc" in out
    assert "order=3" in out


def test_records(charge: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = records(compare(capsys, charge, "6.8", "6.9", more=("--format", "ndjson"))[1])
    assert [row["type"] for row in rows] == ["difference", "outcome", "outcome", "summary"]
    difference, old, new, summary = rows
    assert (difference["event"], difference["fault"], difference["kind"]) == (0, 0, "alloc")
    token = difference["variants"]["6.9"].pop("token")
    assert difference["variants"]["6.9"] == {
        "step": 12, "kind": "alloc", "order": 3, "outcome": "folio", "text": "alloc order 3: folio",
    }  # fmt: skip
    assert run(capsys, "replay", token)[0] == 0
    assert difference["variants"]["6.8"]["kind"] == "return"
    assert "outcome" not in difference["variants"]["6.8"]
    assert (old["results"], old["orders"], old["end"]) == (["VM_FAULT_OOM"], [-1], "end")
    assert (new["results"], new["orders"], new["counters"]["MM_ANONPAGES"]) == (["0"], [3], 8)
    assert (summary["same"], summary["groups"]) == (False, [["6.8"], ["6.9"]])


@pytest.mark.parametrize(
    ("variants", "expect", "code"),
    [
        (("6.8", "6.9"), "differ", 0), (("6.8", "6.9"), "same", 1), (("6.9", "6.10"), "differ", 1),
        (("6.9", "6.10"), "same", 0), (("v7", "v8"), "same", 0), (("6.8", "v9"), "same", 0),
    ],
)  # fmt: skip
def test_expectations(
    charge: str, variants: tuple[str, ...], expect: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(capsys, charge, *variants, more=("--expect", expect))[0] == code
    assert compare(capsys, charge, *variants)[0] == 0


def test_the_same_is_said_so(charge: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no observable difference between v7, v8\n" in compare(capsys, charge, "v7", "v8")[1]


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        ((), ["at least two variants"]),
        (("v3",), ["at least two variants"]),
        (("v3", "v3"), ["v3 is given 2 times", "at least two variants"]),
        (("v3", "v4", "v4", "zz", "6.99"), ["v4 is given 2 times", "'zz'", "'6.99'"]),
    ],
)
def test_bad_usage_is_told_all_at_once(
    charge: str, variants: tuple[str, ...], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = compare(capsys, charge, *variants)
    assert (code, out) == (2, "")
    assert all(word in err for word in said)
    assert all(line.startswith("thp-debug compare: ") for line in err.splitlines())


def test_bad_variants_and_a_bad_file_are_told_together(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = compare(capsys, "no-such.toml", "zz")
    assert (code, out) == (2, "")
    assert "there is no such file" in err
    assert "'zz'" in err


@pytest.mark.parametrize("command", ["compare", "matrix"])
def test_bad_variants_are_records_too(charge: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--variant", "6.8", "--variant", "6.99", "--format", "ndjson"]
    code, out, err = run(capsys, command, charge, *words)
    assert (code, err) == (2, f"thp-debug {command}: unknown variant '6.99' (did you mean '6.9'?)\n")
    schema = {"schema": "thp-debug/1", "type": "error"}
    assert records(out) == [{**schema, "message": "unknown variant '6.99'", "hint": "did you mean '6.9'?"}]


def test_no_notes_beside_errors(charge: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(capsys, charge, "v3", "6.9")[2].count("note: v3 has no hugepages-") == 2
    assert "note:" not in compare(capsys, charge, "v3", "6.9", "zz")[2]
    Path(charge).write_text(TOML.replace("mem_cgroup_charge(order=4) = -ENOMEM", "pte_offset_map() = NULL leaf"))
    err = compare(capsys, charge, "v3", "v3-off")[2]
    assert "no such site in v3-off" in err
    assert "note:" not in err


def test_an_answer_that_a_variant_lacks_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = compare(capsys, "seed/eagain.toml", "v3", "v3-off")
    assert (code, out) == (2, "")
    assert "seed/eagain.toml:36:48: no such site in v3-off" in err


def test_a_bug_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = compare(capsys, "seed/read-fault-bug.toml", "v3", "v4")
    assert code == 0
    assert "  v3  #8  bug: uninitialised\n" in out
    assert "bug at #8: uninitialised: addr is used" in out


# -- matrix ----------------------------------------------------------------------------------------------
def test_the_table(charge: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "matrix", charge)
    assert code == 0
    head, line = out.splitlines()
    assert head.split()[0] == "scenario"
    assert dict(zip(head.split(), line.split(), strict=True))["6.9..7.2"] == "3"


def test_a_cell_that_is_not_as_expected_is_exit_1(charge: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path(charge).read_text().replace("VM_FAULT_OOM", "0")
    Path(charge).write_text(text)
    code, out, _ = run(capsys, "matrix", charge, "--variant", "6.8", "--variant", "6.9", "--format", "markdown")
    assert code == 1
    assert "| OOM! | 3 |" in out
    assert f"! {charge} [6.8]: results are ['VM_FAULT_OOM'], expected ['0']" in out
    rows = records(run(capsys, "matrix", charge, "--variant", "6.8", "--format", "ndjson")[1])
    assert (rows[0]["type"], rows[0]["ok"], rows[0]["text"], rows[-1]["failed"]) == ("cell", False, "OOM", 1)


def test_shipped_scenarios_fit_the_screen_with_every_variant(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "matrix", "scenarios/seed", "scenarios/memory", "scenarios/matrix")
    assert code == 0
    table = out.split("\n\nn/a ")[0].split("\n\n! ")[0]
    assert max(map(len, table.splitlines())) <= 120
    heads = [word for line in table.splitlines() if line.startswith("scenario") for word in line.split()[1:]]
    ends = [end for head in heads for end in head.split("..")]
    assert ends[0] == next(iter(VARIANTS))
    assert ends[-1] == "7.2"
    assert "n/a [6.5, v1, v2, v3-off]: scenarios/seed/eagain.toml:36:48: " in out


def test_a_bad_file_does_not_stop_the_others(charge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.toml").write_text('variant = "v3"\n')
    code, out, err = run(capsys, "matrix", str(tmp_path), "--variant", "6.9")
    assert code == 2
    assert "charge    3" in out
    assert "bad.toml" in err


@pytest.mark.parametrize("words", [["--variant", "zz"], ["--format", "junit"]])
def test_bad_words_for_the_table(charge: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "matrix", charge, *words)
    assert (code, out) == (2, "")
    assert words[1] in err


@pytest.mark.parametrize(("form", "types"), [("text", []), ("markdown", []), ("ndjson", ["error", "summary"])])
def test_an_empty_folder_is_exit_2(
    form: str, types: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "matrix", str(tmp_path), "--format", form)
    assert (code, err) == (2, "thp-debug matrix: no scenario there\n")
    assert [row["type"] for row in records(out)] == types


@pytest.mark.parametrize("form", ["text", "markdown", "ndjson"])
def test_an_alias_that_fails_is_exit_1(charge: str, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(charge).write_text(TOML.replace('[expect.variant."6.8"]', "[expect.variant.v9]").replace("VM_FAULT_OOM", "0"))
    code, out, _ = run(capsys, "matrix", charge, "--format", form)
    assert code == 1
    why = "alias v9: results are ['VM_FAULT_OOM'], expected ['0']"
    if form == "ndjson":
        assert [(row["variant"], row["why"]) for row in records(out) if row.get("ok") is False] == [("6.8", [why])]
    else:
        assert f"! {charge} [6.8]: {why}\n" in out


def test_a_name_with_a_line_break_stays_on_its_line(charge: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a\nb.toml").write_text(TOML.replace("[3]", "[4]"))
    for form in ("text", "markdown"):
        out = run(capsys, "matrix", "a\nb.toml", "--variant", "6.9", "--format", form)[1]
        assert "a\\nb" in out.splitlines()[-3]
        assert out.splitlines()[-1] == "! a\\nb.toml [6.9]: orders are [3], expected [4]"
    assert compare(capsys, "a\nb.toml", "6.8", "6.9")[1].startswith("a\\nb.toml: The charge of 64K fails\n")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a/b/c.toml", "a/b/d/e.toml"], ["c", "d/e"]),
        (["a/b.toml"], ["b"]),
        (["a.toml", "b/c.toml"], ["a", "b/c"]),
        (["/a/b.toml", "a/b.toml"], ["/a/b", "a/b"]),
        (["a/b.toml", "a/b.toml"], ["b", "b"]),
    ],
)
def test_short_names(names: list[str], expected: list[str]) -> None:
    assert short_names(names) == expected


def test_long_words_are_cut_but_for_their_sign() -> None:
    assert [cut("abcdefgh", 8), cut("abcdefghi", 8), cut("abcdefghi!", 8)] == ["abcdefgh", "abcdef..", "abcde..!"]


def test_a_counter_and_its_value_stay_on_a_line(charge: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And a run with a process that is gone has its outcome, too."""
    Path("child.toml").write_text(
        TOML.replace('answers = ["mem_cgroup_charge(order=4) = -ENOMEM"]', "")
        .replace("[3]", "[4, 0]")
        .replace(
            "[expect]\n",
            '[[event]]\nfork = "child"\n[[event]]\nprocess = "child"\nwrite = "heap+0x5000"\n'
            '[[event]]\nmunmap = { at = "heap+0x4000", size = "16K" }\n[[event]]\nexit = "child"\n[expect]\n',
        )
    )
    out = compare(capsys, "child.toml", "6.8", "6.12")[1]
    assert "counters in event 3 (cpu0: munmap heap+0x4000, 0x4000)" in out
    assert "counters: thp_deferred_split_page +1" in out
    numbers = [line.split()[0] for line in out.splitlines() if line.strip()]
    assert not [word for word in numbers if word.strip(",").isdigit()]


def test_a_line_breaks_after_a_comma() -> None:
    orders = ",".join(["4", "0"] * 30)
    lines = entry("  6.8  ", f"orders\N{NO-BREAK SPACE}{orders}; results\N{NO-BREAK SPACE}{'0,' * 20}0")
    assert lines[0].startswith("  6.8  orders 4,0,")
    assert all(len(line) <= 80 and line[:7] in ("  6.8  ", "       ") for line in lines)
    assert len(lines[0]) > 76
    assert "".join(line[7:] for line in lines).replace(" ", "") == f"orders{orders};results{'0,' * 20}0"


def readme() -> dict[str, list[str]]:
    """What README.md shows of ``compare``: the command, and the lines under it."""
    shown: dict[str, list[str]] = {}
    command = ""
    for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("    $ thp-debug compare "):
            command = line.removeprefix("    $ thp-debug ")
        elif line and not line.startswith("    "):
            command = ""
        elif command:
            shown.setdefault(command, []).append(line.removeprefix("    "))
    return shown


def test_the_readme_shows_two_comparisons() -> None:
    assert len(readme()) == 2


@pytest.mark.parametrize("command", readme())
def test_the_readme_shows_what_is_printed(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The beginning of it."""
    monkeypatch.chdir(ROOT)
    code, out, _ = run(capsys, *shlex.split(command))
    shown = "\n".join(readme()[command]).strip().splitlines()
    assert code == 0
    assert out.splitlines()[: len(shown)] == shown


# -- notes of check --------------------------------------------------------------------------------------
def test_check_tells_of_a_knob_once(charge: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the file is meant for several variants not at all; another note stays, and ``run`` tells them all."""
    turned = "".join(f'[[event]]\nsysfs = {{ hugepages-64kB = "{each}" }}\n' for each in ("never", "always"))
    text = TOML.replace('variant = "6.9"', 'variant = "v3"').replace(
        'answers = ["mem_cgroup_charge(order=4) = -ENOMEM"]', ""
    )
    text = text.replace("[expect]\n", turned + "[boot]\nflexthp_unhinted_max = 5000\n[expect]\n")
    for more, knobs in (("", 2), ("[expect.variant.v4]\norders = [3]\n", 0)):
        Path(charge).write_text(text + more)
        err = run(capsys, "check", charge)[2]
        assert err.count("the value has no effect") == knobs
        assert err.count("flexthp_unhinted_max is no power of two") == 1
        assert run(capsys, "run", charge)[2].count("the value has no effect") == 4

# SPDX-License-Identifier: GPL-2.0-only
"""The command line as scripts see it: exit codes, records, stdout and stderr."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kernelmodel.decision import KINDS
from kernelmodel.fault import VARIANTS
from kernelmodel.variant_names import VARIANTS as NAMES
from tui.cli import main

ROOT = Path(__file__).parents[2]
GOOD = """
title = "64K and 32K start before vm_start"
variant = "v3"
[boot]
arch_wants_pte_order = 4
[[vma]]
name = "heap"
start = 0x7f0000002000
size = "1M"
flags = ["VM_WRITE", "VM_HUGEPAGE"]
[[event]]
cpu = 0
write = "heap+0x3000"
[expect]
results = ["0"]
orders = [0]
decisions = "vma-bounds:outside vma-bounds:outside fallback:vma-bounds"
"""


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    return str(path)


def records(text: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in text.splitlines()]
    assert all(row["schema"] == "thp-debug/1" for row in rows)
    return rows


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def test_run_writes_decisions_the_fault_the_access_a_stop_and_a_summary(
    good: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "run", good, "--format", "ndjson")
    assert (code, err) == (0, "")
    rows = records(out)
    assert [row["type"] for row in rows[-4:]] == ["fault", "access", "stop", "summary"]
    bounds = next(row for row in rows if row.get("kind") == "vma-bounds")
    assert bounds == {
        "schema": "thp-debug/1", "type": "decision", "step": 7, "cpu": 0, "fault": 0, "kind": "vma-bounds",
        "site": "alloc_anon_folio(order=4)", "function": "alloc_anon_folio", "line": bounds["line"], "i": 0, "order": 4,
        "addr": "0x7f0000000000", "outcome": "outside", "reason": "below-vm_start",
        "why": "range starts 0x2000 below vm_start", "natural": True,
    }  # fmt: skip
    fault, access, stop, summary = rows[-4:]
    assert (fault["result"], fault["order"], fault["nr"], fault["start"]) == ("0", 0, 1, "0x7f0000005000")
    assert fault["mapped"] == "folio"
    assert fault["counters"]["pgfault"] == 1
    assert access["faults"] == 1
    assert access["maps"] == {"mapped": "folio", "order": 0, "start": "0x7f0000005000", "nr": 1}
    assert stop["kind"] == "end"
    assert summary["vmstat"]["pgfault"] == 1
    assert summary["mthp_stat"] == {}
    steps = [row["step"] for row in rows if row["type"] == "decision"]
    assert steps == list(range(len(steps)))
    assert {row["kind"] for row in rows if row["type"] == "decision"} <= set(KINDS)


def test_fallback_and_step_down_carry_what_the_contract_says(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = records(run(capsys, "run", good, "--format", "ndjson")[1])
    down = next(row for row in rows if row.get("kind") == "step-down")
    assert (down["from"], down["to"], down["reason"]) == (4, 3, "vma-bounds")
    fallback = next(row for row in rows if row.get("kind") == "fallback")
    assert (fallback["order"], fallback["reason"]) == (4, "vma-bounds")
    assert "outcome" not in fallback
    assert "outcome" not in down


def test_a_breakpoint_ends_the_run_with_exit_0(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "run", good, "-b", "fallback if order > 3 && cpu == 0", "--format", "ndjson")
    rows = records(out)
    assert code == 0
    assert (rows[-2]["kind"], rows[-2]["break"]) == ("break", 1)
    assert rows[-3]["kind"] == "fallback"
    assert run(capsys, "run", good, "-b", "fallback if order > 4")[0] == 0


@pytest.mark.parametrize(
    ("loc", "said"),
    [
        ("falback", "fallback"),
        ("fallback if ordr( > 3", "^"),
        ("pte-range:outside", "populated"),
        ("no_such_function", "no_such_function"),
        ("alloc_anon_folio:9999", "lines"),
    ],
)
def test_a_bad_breakpoint_is_exit_2_and_says_why(
    good: str, capsys: pytest.CaptureFixture[str], loc: str, said: str
) -> None:
    code, out, err = run(capsys, "run", good, "-b", loc)
    assert (code, out) == (2, "")
    assert said in err


def test_a_condition_without_a_value_stops_the_run_and_says_so_on_stderr_too(
    good: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "run", good, "-b", "fallback if nowhere > 3")
    assert code == 0
    assert "nowhere has no value" in out
    assert "nowhere has no value" in err


def test_a_bug_and_a_blocked_run_are_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "read.toml"
    path.write_text(GOOD.replace("write = ", "read = "))
    code, out, _ = run(capsys, "run", str(path), "--format", "ndjson")
    assert code == 1
    assert records(out)[-2]["kind"] == "bug"
    path.write_text(GOOD.replace('"VM_HUGEPAGE"]', '"VM_HUGEPAGE"]\nuffd = ["missing"]'))
    code, out, _ = run(capsys, "run", str(path), "--format", "ndjson")
    rows = records(out)
    assert code == 1
    assert rows[-2]["kind"] == "blocked"
    uffd = next(row for row in rows if row["type"] == "uffd")
    assert (uffd["address"], uffd["flags"], uffd["process"]) == ("0x7f0000005000", ["write"], "main")


def test_check_tells_what_is_not_as_expected(good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check", good)[0] == 0
    bad = tmp_path / "bad.toml"
    bad.write_text(GOOD.replace("orders = [0]", "orders = [4]").replace("fallback:vma-bounds", "fallback:alloc"))
    code, out, _ = run(capsys, "check", str(tmp_path), "--format", "ndjson")
    rows = records(out)
    assert code == 1
    assert [row["ok"] for row in rows] == [False, True]
    assert "orders are [0], expected [4]" in rows[0]["why"]
    assert any("'fallback:alloc', is missing" in why for why in rows[0]["why"])
    assert rows[0]["token"].startswith("thp1:")


def test_check_writes_junit(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    import xml.etree.ElementTree as ET

    _, out, _ = run(capsys, "check", good, "--format", "junit")
    suite = ET.fromstring(out)
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")


def test_an_answer_nobody_asks_for_is_a_warning_in_run_and_a_failure_in_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "unasked.toml"
    path.write_text(
        GOOD.replace('write = "heap+0x3000"', 'write = "heap+0x3000"\nanswers = ["vma_alloc_folio(order=4) = NULL"]')
    )
    code, _, err = run(capsys, "run", str(path))
    assert code == 0
    assert "never asked for" in err
    code, out, _ = run(capsys, "check", str(path))
    assert code == 1
    assert "never asked for" in out


def test_a_bad_file_is_exit_2_with_every_error_and_the_others_are_still_checked(
    good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "aaa.toml"
    bad.write_text('variant = "v33"\ncolour = 1\n')
    code, out, err = run(capsys, "check", str(bad), good, "--format", "ndjson")
    rows = records(out)
    assert code == 2
    errors = [row for row in rows if row["type"] == "error"]
    assert len(errors) == len(err.splitlines()) == 3
    assert all(str(bad) + ":" in line for line in err.splitlines())
    assert rows[-1]["type"] == "check"
    assert rows[-1]["ok"]
    assert run(capsys, "run", str(bad))[0] == 2
    assert run(capsys, str(bad), "--plain")[0] == 2


def test_an_impossible_answer_is_exit_2_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "impossible.toml"
    text = GOOD.replace('write = "heap+0x3000"', 'write = "heap+0x13000"\nanswers = ["pte_offset_map() = NULL leaf"]')
    path.write_text(text)
    code, _, err = run(capsys, "run", str(path))
    line = text.splitlines().index('answers = ["pte_offset_map() = NULL leaf"]') + 1
    assert code == 2
    assert f"{path}:{line}:" in err


def test_replay_runs_a_token_and_refuses_a_changed_scenario(
    good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = records(run(capsys, "run", good, "--format", "ndjson")[1])[-1]["token"]
    code, out, _ = run(capsys, "replay", token, "--format", "ndjson")
    assert code == 0
    assert records(out)[-1]["token"] == token
    saved = tmp_path / "saved.ndjson"
    saved.write_text(out)
    assert run(capsys, "replay", str(saved))[0] == 0
    number = 3  # the charge of the order-0 folio
    forced = token.split(":")
    forced[4], forced[5] = f"{number}=-ENOMEM", ""
    code, out, _ = run(capsys, "replay", ":".join(forced), "--format", "ndjson")
    assert code == 0
    assert records(out)[-3]["result"] == "VM_FAULT_OOM"
    forced[5] = "00000000"
    assert run(capsys, "replay", ":".join(forced))[0] == 1
    Path(good).write_text(GOOD + "# a comment changes nothing\n")
    assert run(capsys, "replay", token)[0] == 0
    Path(good).write_text(GOOD.replace("heap+0x3000", "heap+0x4000"))
    code, _, err = run(capsys, "replay", token)
    assert code == 2
    assert token.split(":")[2] in err


@pytest.mark.parametrize(
    "token", ["thp1:", "thp1:a:zz:v3::", "thp1:a:00000000:v3:x=1:", "nonsense", "thp1:%zz:00000000:v3::"]
)
def test_a_bad_token_is_exit_2(token: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "replay", token)
    assert code == 2
    assert "Traceback" not in err
    assert err.strip()


def test_variants_schema_new_version_and_help(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "variants")
    assert [line.split()[0] for line in out.splitlines()] == [each.id for each in NAMES.values() if not each.alias_of]
    assert "6.12    (also 6.11) " in out
    assert list(VARIANTS) == list(NAMES)
    _, out, _ = run(capsys, "schema")
    assert "vma" in json.loads(out)["properties"]
    _, out, _ = run(capsys, "new")
    path = tmp_path / "new.toml"
    path.write_text(out)
    assert run(capsys, "check", str(path))[0] == 0
    assert "v3" in run(capsys, "--version")[1]
    code, out, _ = run(capsys)
    assert code == 0
    assert "seed/unfit.toml" in out


@pytest.mark.parametrize(
    "words", [["run"], ["run", "x.toml", "--nonsense"], ["check"], ["frobnicate.toml"], ["run", "no.toml"]]
)
def test_bad_usage_is_exit_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert err.strip()
    assert "Traceback" not in err


def test_a_word_of_a_later_version_is_exit_5(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "conform", "x.toml")[0] == 5


def thp(*words: str, stdin: Any = subprocess.DEVNULL, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui.cli", *words],
        stdin=stdin, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **env}, timeout=60, check=False,
    )  # fmt: skip


def test_piped_it_is_plain_and_never_writes_escape_codes(good: str) -> None:
    done = thp(good, "-ex", "c", "-ex", "q", TERM="xterm-256color")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "end of the run" in done.stdout


def test_with_a_keyboard_but_no_screen_it_is_exit_5(good: str) -> None:
    master, slave = pty.openpty()
    done = thp(good, stdin=slave, TERM="xterm-256color")
    os.close(slave)
    os.close(master)
    assert done.returncode == 5
    assert done.stdout == ""
    assert "\x1b" not in done.stderr


def test_an_error_of_ours_is_exit_70_and_names_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tui import cli

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(cli, "version", lambda: 1 // 0)
    code, _, err = run(capsys, "--version")
    assert code == 70
    report = Path(err.rpartition(" ")[2].strip())
    assert report.is_relative_to(tmp_path)
    assert "ZeroDivisionError" in report.read_text()


def test_a_natural_null_says_what_was_found_and_can_be_broken_on(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "run", "seed/eagain-two-cpus.toml", "-b", "map-pte:NULL(leaf)", "--format", "ndjson")
    rows = records(out)
    assert (code, rows[-2]["kind"]) == (0, "break")
    assert (rows[-3]["kind"], rows[-3]["found"], rows[-3]["natural"]) == ("map-pte", "leaf", True)


def test_expected_decisions_are_locations(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(good).write_text(GOOD.replace("fallback:vma-bounds", "vma-bounds(order=3) fallback(order=4)"))
    assert run(capsys, "check", good)[0] == 1  # the second vma-bounds is spent already
    Path(good).write_text(GOOD.replace("vma-bounds:outside fallback", "vma-bounds(order=3) fallback"))
    assert run(capsys, "check", good)[0] == 0


def test_a_mutant_is_named_in_the_verdict(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(good).write_text('mutants = ["drop R1"]\n' + GOOD + '[expect.mutant."drop R2"]\norders = [4]\n')
    code, out, _ = run(capsys, "check", good)
    assert code == 1
    assert f"ok   {good} [v3, drop R1]" in out
    assert f"FAIL {good} [v3, drop R2]" in out
    assert "v3~drop+R2" in out


def test_configuration_that_changes_nothing_is_noted(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(good).write_text(GOOD + "[config]\nCONFIG_MEMCG = false\n")
    code, _, err = run(capsys, "run", good)
    assert code == 0
    assert "CONFIG_MEMCG has no effect" in err


def test_junit_counts_files_that_do_not_load(good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import xml.etree.ElementTree as ET

    bad = tmp_path / "x\x1b[31m.toml"
    bad.write_text("variant = 1\n")
    code, out, err = run(capsys, "check", good, str(bad), "--format", "junit")
    suite = ET.fromstring(out)
    assert (code, suite.get("tests"), suite.get("errors")) == (2, "2", "1")
    assert "\x1b" not in out + err


def test_a_token_finds_its_scenario_beside_the_working_directory(
    good: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = records(run(capsys, "run", good, "--format", "ndjson")[1])[-1]["token"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Path(good).rename(elsewhere / "good.toml")
    assert run(capsys, "replay", token)[0] == 2
    monkeypatch.chdir(elsewhere)
    assert run(capsys, "replay", token)[0] == 0


def test_a_full_disk_is_no_bug_of_ours(good: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tui.cli", "run", good],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 5
    assert "No space left" in done.stderr


def test_replay_of_a_machine_that_can_not_be_built_is_exit_2_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from kernelmodel.scenario import load

    path = tmp_path / "small.toml"
    path.write_text(GOOD + '[memory]\nfree = { 0 = 1 }\n[[populate]]\nat = "heap"\npages = 2\n')
    code, _, err = run(capsys, "replay", f"thp1:{path}:{load(path).hash}:v3::")
    assert code == 2
    assert f"{path}:" in err
    assert "no free block" in err


def test_the_last_line_of_a_run_can_be_replayed_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """Whole, with its ``token:``."""
    _, out, _ = run(capsys, "run", "seed/unfit.toml")
    line = out.splitlines()[-1]
    assert line.startswith("token: thp1:")
    assert run(capsys, "replay", line)[0] == 0

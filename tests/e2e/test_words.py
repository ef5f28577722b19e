# SPDX-License-Identifier: GPL-2.0-only
"""Whatever words reach the command line, a scenario's breakpoints or a script: an answer, never a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.e2e.terminal import SEED, environment
from tui.cli import main

SCENARIO = SEED.read_text("utf-8")
EXAMPLES = 80
PIECES = (
    "alloc", "fallback", "pte-range", "vma-bounds", ":", "NULL", "outside", "(", ")", "order=4", "outcome=", ",", " ", " if ", "order",
    "orders[i]", "->", "vma", "vm_start", "==", "&&", "!", "1", "0x", "99999999999999999999", " hits ", "%", ">= 3", " cpu ", " temp", " log ",
    '"', "{order}", "{", "/", ".*", "(a+)+$", "\\", "[", "alloc_anon_folio", ":25", "was(", "changed(", "pte(", "*", ";", "#", "\0", "\n", "\x1b",
    "é", "\udc80", "end", "?", "<<", "64", "break ", "print ", "watch ", "goto ", "until ", "set ", "commands", "source ", "replay thp1:",
)  # fmt: skip
WORDS = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.binary(max_size=30).map(lambda data: data.decode("utf-8", "surrogateescape")),
)


@pytest.fixture(scope="module", autouse=True)
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("words"))
        patch.setenv("XDG_STATE_HOME", str(Path.cwd()))
        yield


def told(*words: str) -> str:
    """What ``thp-debug`` says on stderr, after the exit code was looked at."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
        code = main(list(words))
    assert code in (0, 1, 2), (
        code,
        errors.getvalue(),
        [path.read_text("utf-8") for path in Path.cwd().rglob("crash*")],
    )
    assert (code == 2) <= bool(errors.getvalue())
    assert "Traceback" not in errors.getvalue()
    return errors.getvalue()


@settings(max_examples=EXAMPLES, deadline=None)
@given(WORDS)
@example("alloc if (((((((((1")
@example("/(a+)+$/ if 1 / 0")
@example("\udcff")
@example("")
def test_the_option_b(text: str) -> None:
    told("run", str(SEED), f"-b{text}")
    told("run", str(SEED), "-b", text)


@settings(max_examples=EXAMPLES, deadline=None)
@given(WORDS, WORDS)
@example("fallback", "1 << 64")
@example("fallback", "\x00")
def test_breakpoints_of_a_scenario(on: str, condition: str) -> None:
    path = Path("broken.toml")
    quoted = [json.dumps(each.encode("utf-8", "replace").decode()) for each in (on, condition)]
    path.write_text(f"{SCENARIO}\n[[break]]\non = {quoted[0]}\nif = {quoted[1]}\n", encoding="utf-8")
    said = told("run", str(path))
    assert "internal" not in said


@settings(max_examples=EXAMPLES, deadline=None)
@given(WORDS)
@example("print 1 / 0")
@example("commands")
@example('break fallback log "{"')
def test_the_option_ex(text: str) -> None:
    told("run", str(SEED), "-b", "fallback", "-ex", "continue", "-ex", text)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=200))
@example(b"step\r\nprint order\r\n")
@example(b"\xff\xfe\x00")
@example(b"commands\nstep")
def test_a_script_of_any_bytes(data: bytes) -> None:
    Path("bytes.thp").write_bytes(data)
    told("run", str(SEED), "-x", "bytes.thp")


@settings(max_examples=EXAMPLES, deadline=None)
@given(WORDS)
def test_a_token(text: str) -> None:
    told("replay", f"thp1:{text}")


def test_bytes_as_they_come_from_a_shell(tmp_path: Path) -> None:
    for word in (b"\xff\xfe", b"alloc if \xc3(", b"\x1b[31m"):
        done = subprocess.run(
            [sys.executable.encode(), b"-m", b"tui.cli", b"run", bytes(SEED), b"-b", word], capture_output=True,
            env=environment(tmp_path), timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr
        assert b"\x1b" not in done.stderr

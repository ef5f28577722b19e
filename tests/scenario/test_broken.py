# SPDX-License-Identifier: GPL-2.0-only
"""Broken scenarios: message, line, column and hint of every problem, all at once.

The texts are in ``broken_cases`` with their places marked; the words are in ``broken.txt``.  After a change of words,
``python -m tests.scenario.test_broken`` writes that file anew, to be read before it is kept.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from kernelmodel.scenario import ScenarioError, load, loads
from tests.scenario.broken_cases import CASES, HEAP, Case, E, V, vma

WORDS = Path(__file__).with_name("broken.txt")


def problems(text: str, variant: str | None = None) -> ScenarioError:
    """The error that ``text`` gives."""
    with pytest.raises(ScenarioError) as caught:
        loads(text, "x.toml", variant=variant)
    return caught.value


def told(case: Case) -> str:
    """The problems of a case, as ``broken.txt`` writes them."""
    try:
        loads(case.text, "x.toml")
    except ScenarioError as error:
        return "".join(f"    {each.message}\n        {each.hint}\n" for each in error.errors)
    return "    (nothing)\n"


def words() -> dict[str, str]:
    """What ``broken.txt`` says of each case."""
    return dict(re.findall(r"^(\S.*)\n((?:    .*\n)+)", WORDS.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_place_and_words(case: Case) -> None:
    """Every problem stands at its mark, in the words of the record, with a hint, and is fit for a terminal."""
    error = problems(case.text)
    assert [(each.line, each.col) for each in error.errors] == case.places
    assert told(case) == words()[case.name]
    for each in error.errors:
        assert each.hint
        assert (each.message + each.hint).isprintable()
        assert str(each) == f"x.toml:{each.line}:{each.col}: {each.message}"
        assert len(each.message) < 250


def test_names_differ() -> None:
    """One name a case, and none without words."""
    assert len({case.name for case in CASES}) == len(CASES)
    assert list(words()) == [case.name for case in CASES]


def test_override_of_the_variant() -> None:
    """A variant that is asked for is checked like the file's, and sites are checked against it."""
    assert "unknown variant 'v99' (asked for" in problems(V + E, "v99").errors[0].message
    text = V + E + "answers = ['pte_offset_map() = NULL none']\n"
    assert loads(text, "x").events[0].answers[0].outcome == "NULL none"
    assert problems(text, "v3-off").errors[0].message == "no such site in v3-off: pte_offset_map()"


def test_too_many_vmas() -> None:
    """4096 VMAs are taken, one more is not."""
    many = "".join(vma(f"'v{i}'", str(i * 4096)) for i in range(4096))
    assert len(loads(V + E + many, "x").vmas) == 4096
    error = problems(V + E + many + vma("'last'", str(4096 * 4096)))
    assert [each.message for each in error.errors] == ["more than 4096 of [[vma]]"]
    assert error.errors[0].line == 3 + 4096 * 4 + 1


def test_problems_are_bounded() -> None:
    """A file full of faults gives a list that ends, and says so."""
    error = problems(V + E + "".join(f"k{i} = 1\n" for i in range(5000)))
    assert len(error.errors) == 201
    assert error.errors[-1].message == "there may be more than these 200 problems"
    assert len(problems(V + E + "".join(f"k{i} = 1\n" for i in range(199))).errors) == 199


def test_error_text_has_a_line_for_each_problem() -> None:
    """The exception itself reads as the list."""
    error = problems(V + "¦tilte = 1\n".replace("¦", "") + "arch = 3\n" + E)
    assert str(error).splitlines() == [str(each) for each in error.errors]
    assert [each.line for each in error.errors] == [2, 3]


# -- files --------------------------------------------------------------------------------------------
def failure(path: Path | str) -> str:
    """The one problem of a file that can't be read."""
    with pytest.raises(ScenarioError) as caught:
        load(path)
    (problem,) = caught.value.errors
    assert problem.hint
    return str(problem)


def test_missing_file(tmp_path: Path) -> None:
    """No such file, nor a packaged one."""
    path = tmp_path / "none.toml"
    assert failure(path) == f"{path}:1:1: there is no such file"
    with pytest.raises(ScenarioError) as caught:
        load("exampel.toml")
    assert caught.value.errors[0].hint == "did you mean 'example.toml'?"
    assert "no such file" in failure("")
    assert "no such file" in failure("../scenarios/nothing.toml")


def test_directory(tmp_path: Path) -> None:
    """A folder is no scenario."""
    assert failure(tmp_path) == f"{tmp_path}:1:1: can't be read: it is a directory"


def test_fifo_does_not_hang(tmp_path: Path) -> None:
    """A fifo without a writer is refused, not waited for."""
    path = tmp_path / "fifo.toml"
    os.mkfifo(path)
    assert failure(path) == f"{path}:1:1: can't be read: it is not a regular file"


def test_device() -> None:
    """/dev/zero has no end."""
    assert failure("/dev/zero") == "/dev/zero:1:1: can't be read: it is not a regular file"


def test_a_gigabyte(tmp_path: Path) -> None:
    """A huge file is refused by its size."""
    path = tmp_path / "huge.toml"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    expected = "the file has 1,073,741,824 bytes; a scenario has at most 1,048,576"
    assert failure(path) == f"{path}:1:1: {expected}"


def test_a_mebibyte_is_the_limit(tmp_path: Path) -> None:
    """1 MiB is taken, a byte more is not, in a file as in a text."""
    full = V + E + "#" * ((1 << 20) - len(V + E))
    path = tmp_path / "full.toml"
    path.write_text(full)
    assert load(path).variant == "v3"
    path.write_text(full + "#")
    assert "1,048,577 bytes" in failure(path)
    assert "1,048,577 bytes" in str(problems(full + "#"))
    assert "bytes" in str(problems(V + E + "#" + "é" * (1 << 19)))


def test_not_utf8(tmp_path: Path) -> None:
    """The first byte that is not UTF-8 is named, columns count characters."""
    path = tmp_path / "latin.toml"
    path.write_bytes(V.encode() + 'title = "é'.encode() + b'\xe9"\n')
    assert failure(path) == f"{path}:2:11: byte 0xe9 is not UTF-8"


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_byte_order_mark(tmp_path: Path, mark: bytes) -> None:
    """A byte order mark is named as what it is."""
    path = tmp_path / "bom.toml"
    path.write_bytes(mark + (V + E).encode())
    assert failure(path) == f"{path}:1:1: starts with a byte order mark"


def test_nul_bytes(tmp_path: Path) -> None:
    """A binary file is a syntax error, not a crash; so is a NUL in the name."""
    path = tmp_path / "nul.toml"
    path.write_bytes(b"\0" * 5000)
    assert failure(path) == f"{path}:1:1: Invalid statement"
    assert "no file can have this name" in failure("a\0b")


def test_no_permission_and_loops(tmp_path: Path) -> None:
    """What the system says is told."""
    path = tmp_path / "loop.toml"
    path.symlink_to(path)
    assert "can't be read: too many levels of symbolic links" in failure(path)


def test_name_with_escapes_is_told_safely(tmp_path: Path) -> None:
    """A file name can't write to the terminal either."""
    path = tmp_path / "a\x1b[31m.toml"
    path.write_text("x")
    assert "\x1b" not in failure(path)
    assert "\\x1b[31m" in failure(path)


def test_windows_line_ends() -> None:
    """Lines and columns are the same with CRLF."""
    text = V + HEAP + "[[event]]\nwrite = 'heap+4M'\n"
    first, second = problems(text).errors, problems(text.replace("\n", "\r\n")).errors
    assert first == second
    assert (first[0].line, first[0].col) == (7, 9)


if __name__ == "__main__":
    WORDS.write_text("".join(f"{case.name}\n{told(case)}\n" for case in CASES), encoding="utf-8")

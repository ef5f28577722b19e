# SPDX-License-Identifier: GPL-2.0-only
"""Modelled functions keep to the shape that a fingerprint can see."""

from __future__ import annotations

import ast

import pytest

from . import paths
from .tree import parsed

MODEL = parsed("kernelmodel/mm", "kernelmodel/fault", "kernelmodel/actors")
ALL = parsed("kernelmodel")


def bad(text: str) -> paths.Trees:
    return {"bad.py": ast.parse(text)}


def test_there_are_paths() -> None:
    assert "alloc_anon_folio" in paths.yielding(MODEL)


def test_calls_stand_under_yield_from() -> None:
    assert paths.calls_without_yield_from(set(paths.yielding(MODEL)), ALL) == []


def test_yields_are_whole() -> None:
    assert paths.half_done_yields(MODEL) == []


def test_nothing_hides_around_yields() -> None:
    assert paths.hidden_state(MODEL) == []


def test_paths_use_field_methods() -> None:
    assert paths.field_internals(MODEL) == []


@pytest.mark.parametrize(
    "text",
    ["path()", "x = path()", "m.path(1)", "return_(path())", "def f():\n yield path()", "x = [path() for _ in y]", "if path(): pass"],
)
def test_a_call_without_yield_from_is_seen(text: str) -> None:
    assert len(paths.calls_without_yield_from({"path"}, bad(text))) == 1


@pytest.mark.parametrize("text", ["def f():\n x = yield from m.path(1)", "GeneratorDriver(path(1))", "register(path)"])
def test_a_right_call_passes(text: str) -> None:
    assert paths.calls_without_yield_from({"path"}, bad(text)) == []


@pytest.mark.parametrize(
    "line",
    ["f((yield 1))", "x = 1 + (yield 1)", "x += yield 1", "if (yield from g()): pass", "return not (yield 1)", "while (yield): pass",
     "x, y = 1, (yield)", "a[(yield)] = 1", "assert (yield)"],
)  # fmt: skip
def test_a_yield_inside_an_expression_is_seen(line: str) -> None:
    assert len(paths.half_done_yields(bad(f"def f():\n    {line}"))) == 1


@pytest.mark.parametrize("line", ["yield 1", "x = yield 1", "x: int = yield 1", "return (yield 1)", "x, y = yield from g()"])
def test_a_whole_yield_passes(line: str) -> None:
    assert paths.half_done_yields(bad(f"def f():\n    {line}")) == []


@pytest.mark.parametrize(
    "body",
    ["try:\n  yield 1\n finally:\n  pass", "with a:\n  if b:\n   yield 1", "for x in y:\n  yield x", "yield 1\n for x in y:\n  pass",
     "for k in range(mm.map_count):\n  yield k", "for k in range(f(1)):\n  yield k", "for k in range(n):\n  n = yield k",
     "for k in range(3):\n  k = yield 1", "for _ in range(3):\n  yield 1", "for a, b in range(3):\n  yield 1", "for x in m.range(3):\n  yield 1"],
)  # fmt: skip
def test_hidden_state_is_seen(body: str) -> None:
    assert len(paths.hidden_state(bad(f"def f():\n {body}"))) == 1


@pytest.mark.parametrize(
    "body",
    ["for k in range(3):\n  yield k", "for k in range(len(found), 1 << m.arch.order):\n  yield k",
     "for k in range(mm.map_count):\n  pass\n yield 1", "try:\n  pass\n finally:\n  pass\n yield 1"],
)  # fmt: skip
def test_visible_state_passes(body: str) -> None:
    assert paths.hidden_state(bad(f"def f():\n {body}")) == []


def test_a_look_into_a_field_is_seen() -> None:
    assert len(paths.field_internals(bad("m.pgtable.chunks[0] = 1"))) == 1

# SPDX-License-Identifier: GPL-2.0-only
"""Licence lines, no markup on model text, no words from elsewhere."""

from __future__ import annotations

import ast

import pytest

from . import texts
from .tree import ROOT, files, parsed


def read(suffix: str = "") -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text("utf-8", "replace") for path in files(suffix)}


def test_licence() -> None:
    found = read(".py")
    assert len(found) > 20
    assert texts.without_licence(found) == []
    assert "GNU GENERAL PUBLIC LICENSE" in (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("text", ["", "import os\n" + texts.SPDX, "# SPDX-License-Identifier: MIT\n"])
def test_a_missing_licence_is_seen(text: str) -> None:
    assert texts.without_licence({"bad.py": text}) == ["bad.py"]


def test_markup() -> None:
    assert texts.painted_with_markup(parsed("tui")) == []


@pytest.mark.parametrize("text", ["Static(x)", "w.Label(x, markup=True)", "self.notify(x, markup=flag)"])
def test_markup_is_seen(text: str) -> None:
    assert len(texts.painted_with_markup({"bad.py": ast.parse(text)})) == 1
    assert texts.painted_with_markup({"good.py": ast.parse("self.notify(x, markup=False)")}) == []


def test_words() -> None:
    assert texts.out_of_place(read()) == []


@pytest.mark.parametrize("word", texts._WORDS)
def test_a_word_from_elsewhere_is_seen(word: str) -> None:
    assert texts.out_of_place({"bad.md": f"fine\nsee {word.upper()}x"}) == [f"bad.md:2: {word}"]

# SPDX-License-Identifier: GPL-2.0-only
"""docs/variants.md: the page is what the runs say, and the runs are what the sources say, or a correction tells why not."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from docs import variants
from kernelmodel.scenario import load
from kernelmodel.variant_names import VARIANTS

ROOT = Path(__file__).resolve().parents[2]
FACTS = tomllib.loads((ROOT / "tests/data/variants_matrix.toml").read_text(encoding="utf-8"))
FILES = sorted(path.stem for path in (ROOT / "scenarios/matrix").glob("*.toml"))
ROWS = {row.name: row for row in variants.ROWS}


def said(row: str) -> dict[str, str]:
    """By the sources, of each variant."""
    words: list[str] = []
    for cell in FACTS["rows"][row]:
        words.append(words[-1] if cell == "=" else cell)
    return dict(zip(FACTS["variants"], words, strict=True))


def corrected(row: str) -> dict[str, str]:
    """The same, where a correction of the page differs."""
    cells = said(row)
    for each in variants.CORRECTIONS:
        if each.row == row:
            cells |= dict.fromkeys(each.variants, each.cell)
    return cells


def test_the_page_is_what_the_runs_say() -> None:
    """``python docs/variants.py`` makes it anew."""
    assert (ROOT / "docs/variants.md").read_text(encoding="utf-8") == variants.page()


def test_every_behaviour_is_a_row_or_leaves_no_trace() -> None:
    assert list(ROWS) == list(FACTS["rows"])
    assert list(variants.NO_TRACE) == FACTS["no_trace"]
    assert not set(ROWS) & set(variants.NO_TRACE)


def test_every_variant_has_a_column() -> None:
    assert [each.id for each in VARIANTS.values() if not each.alias_of and each.id != "v3-off"] == FACTS["variants"]
    assert FACTS["variants"] == variants.COLUMNS


@pytest.mark.parametrize("row", ROWS)
def test_the_runs_say_what_the_sources_say(row: str) -> None:
    assert dict(zip(variants.COLUMNS, variants.cells(ROWS[row]), strict=True)) == corrected(row)


@pytest.mark.parametrize("each", variants.CORRECTIONS, ids=lambda each: f"{each.row}, {each.variants[0]}")
def test_a_correction_corrects_something(each: variants.Correction) -> None:
    assert {said(each.row)[variant] for variant in each.variants} == {each.said}
    assert each.said != each.cell
    assert each.why


def test_the_page_prints_every_cell_and_every_reason() -> None:
    text = (ROOT / "docs/variants.md").read_text(encoding="utf-8")
    table = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert table[0] == ["behaviour", *variants.COLUMNS]
    for name, *cells in table[1:]:
        full: list[str] = []
        for cell in cells:
            full.append(full[-1] if cell == "=" else cell)
        assert tuple(full) == variants.cells(ROWS[name])
    assert [name for name, *_ in table[1:]] == list(ROWS)
    for reason in (*(each.why for each in variants.CORRECTIONS), *variants.NO_TRACE.values()):
        assert reason in text


def test_every_scenario_of_the_matrix_is_read() -> None:
    assert sorted({name for row in variants.ROWS for name in row.files}) == FILES


@pytest.mark.parametrize("name", FILES)
def test_it_says_what_every_variant_does(name: str) -> None:
    scenario = load(ROOT / f"scenarios/matrix/{name}.toml")
    assert [scenario.variant, *(variant for variant, _ in scenario.expect_variant)] == ["7.2", *variants.COLUMNS[:-1]]
    for _, expect in scenario.expect_variant:
        assert expect.orders or expect.results or expect.bug


@pytest.mark.parametrize("alias", [each.id for each in VARIANTS.values() if each.alias_of])
def test_an_alias_differs_by_what_its_release_lacks(alias: str) -> None:
    at = variants.COLUMNS.index(VARIANTS[alias].alias_of)
    unlike = {row.name: row.read(alias) for row in variants.ROWS if row.read(alias) != variants.cells(row)[at]}
    lacks = {"who sets max": "sizes", "mTHP FALLBACK/CHARGE/ALLOC counters": "✓"}  # thp_anon= and nr_anon
    assert unlike == (lacks if alias == "6.11" else {})

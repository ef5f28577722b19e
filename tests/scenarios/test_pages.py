# SPDX-License-Identifier: GPL-2.0-only
"""What the pages say of scenarios: each file that they name is there, and the example of docs/explore.md is answered so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kernelmodel.explore import explore
from kernelmodel.explore.types import Options
from kernelmodel.explore.verdict import findings, reached
from kernelmodel.scenario import loads

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "scenarios/README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_places_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"scenarios/[\w./-]+\.toml", text):
        assert (ROOT / name).exists(), name
    for name, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), name
        assert not anchor or anchor in headings(target), anchor


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def test_the_example_of_the_page_on_exploring() -> None:
    text = (ROOT / "docs/explore.md").read_text(encoding="utf-8")
    example = loads(text.partition("```toml\n")[2].partition("```")[0], "mine.toml")
    assert example.expect is not None
    options = Options(failures=example.explore_failures)
    result = explore(example, options=options)
    assert [each.words for each in findings(example.expect, result) if not each.ok] == []
    assert reached("lock:NULL", explore(example, "6.12", options=options)) is None
    broken = explore(example, mutants=frozenset({"drop R1"}), options=options)
    assert "no_live_pte_in_a_detached_table" in [each.name for each in broken.violations]

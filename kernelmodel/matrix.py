# SPDX-License-Identifier: GPL-2.0-only
"""Every scenario with every variant: one short outcome a cell, held against what the file expects of that variant.

What it expects of an alias is held against a run of the alias, and stands in the cell of the variant behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.boot import BootError
from kernelmodel.check import compare
from kernelmodel.outcome import Outcome, finish, in_short, outcome_of
from kernelmodel.scenario import Problem, ScenarioError, load
from kernelmodel.scenario.types import Expect, Scenario
from kernelmodel.session import Session
from kernelmodel.variant_names import VARIANTS, without_aliases


class Cell(NamedTuple):
    """One scenario with one variant."""

    variant: str
    text: str
    """``4,3,0``, ``OOM``, ``bug``; ``n/a`` where the scenario can't be run with the variant."""
    expected: bool
    """Does the file say what this variant, or an alias of it, should do?"""
    why: tuple[str, ...] = ()
    """What is not as expected; of an alias with its name."""
    note: str = ""
    """Why it can't be run."""
    outcome: Outcome | None = None


def default_variants() -> list[str]:
    """Every variant that is no alias, in order."""
    return [each.id for each in without_aliases()]


def row(scenario: Scenario, variants: Sequence[str]) -> list[Cell]:
    """The cells of a scenario that was loaded with its own variant."""
    expected = dict(scenario.expect_variant)
    if scenario.expect is not None:
        expected.setdefault(scenario.variant, scenario.expect)
    cells = {variant: cell(scenario, variant, expected.get(variant)) for variant in variants}
    for alias, expect in expected.items():
        whose = cells.get(VARIANTS[alias].alias_of)
        if whose is not None and alias not in cells:
            why = (f"alias {alias}: {each}" for each in cell(scenario, alias, expect).why)
            cells[whose.variant] = whose._replace(expected=True, why=(*whose.why, *why))
    return list(cells.values())


def cell(scenario: Scenario, variant: str, expect: Expect | None) -> Cell:
    """Run one, without invariants; one that the file expects something of and that can't be run has failed."""
    try:
        session = finish(Session(for_variant(scenario, variant), variant))
    except ScenarioError as error:
        note = str(error.errors[0])
    except BootError as error:
        note = str(Problem(scenario.name, error.place.line, error.place.col, error.message))
    except ImpossibleAnswer as error:
        place = error.answer.place
        note = str(Problem(scenario.name, place.line, place.col, error.message))
    else:
        outcome = outcome_of(session)
        why = tuple(compare(session, expect)) if expect is not None else ()
        return Cell(variant, in_short(outcome), expect is not None, why, outcome=outcome)
    return Cell(variant, "n/a", expect is not None, (note,) if expect is not None else (), note)


def for_variant(scenario: Scenario, variant: str) -> Scenario:
    """The same scenario for another variant; read again only where the reading depends on that."""
    if variant == scenario.variant:
        return scenario
    sites = {answer.site.partition("(order")[0] for event in scenario.events for answer in event.answers}
    if sites <= VARIANTS[variant].sites and "thp_anon" not in scenario.raw.get("boot", {}):
        return replace(scenario, variant=variant)
    return load(scenario.name, variant=variant)


MOST_HEAD = 40
"""Characters of the head of a column: what would need more is a further column."""


class Column(NamedTuple):
    """Variants that stand side by side and all of whose cells are equal."""

    variants: tuple[str, ...]
    cells: tuple[Cell, ...]
    """One a scenario, of the first of these variants."""

    @property
    def head(self) -> str:
        """``6.9``; ``6.10..7.2`` where nothing between them is left out; ``v3, 6.10..7.2``."""
        order = {variant: n for n, variant in enumerate(default_variants())}
        spans: list[list[str]] = []
        for each in self.variants:
            if spans and each in order and order.get(spans[-1][-1]) == order[each] - 1:
                spans[-1].append(each)
            else:
                spans.append([each])
        return ", ".join(span[0] if len(span) == 1 else f"{span[0]}..{span[-1]}" for span in spans)


def columns(rows: Sequence[Sequence[Cell]]) -> list[Column]:
    """The table column by column; neighbours that are equal from top to bottom are one."""
    found: list[Column] = []
    for cells in zip(*rows, strict=True):
        if found and [(each.text, bool(each.why)) for each in cells] == [
            (each.text, bool(each.why)) for each in found[-1].cells
        ]:
            both = found[-1]._replace(variants=(*found[-1].variants, cells[0].variant))
            if len(both.head) <= MOST_HEAD:
                found[-1] = both
                continue
        found.append(Column((cells[0].variant,), cells))
    return found

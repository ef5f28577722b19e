# SPDX-License-Identifier: GPL-2.0-only
"""What an exploration found, as a list: what was asked, violations, ends, events; each with its shortest run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kernelmodel.decision import KINDS, STEPS
from kernelmodel.explore.types import Outcome, Reached, Result, Witness
from kernelmodel.explore.verdict import findings as answers
from kernelmodel.scenario.types import Expect
from tui.paint.events import BAD
from tui.paint.rows import Row


class Finding(NamedTuple):
    """A row of the list, and the run that shows it; None: there is none."""

    row: Row
    words: str
    """Of what the run is a witness."""
    witness: Witness | None


def verdict(found: Result) -> str:
    """All of it in a line."""
    complete = "complete" if found.complete else f"not complete ({found.why})"
    return (
        f"{complete}: {found.states:,} states, {_many(len(found.outcomes), 'outcome')}, "
        f"{_many(len(found.violations), 'violation')}"
    )


def findings(found: Result, expect: Expect | None) -> list[Finding]:
    """The list: the most telling first.  ``expect``: the part of ``[expect]`` that is about this kernel."""
    asked = list(_asked(found, expect))
    told = {each.witness for each in asked}
    violations = [each for each in _violations(found) if each.witness not in told]
    stuck, ends = _ends(found, True), _ends(found, False)
    return [*asked, *violations, *stuck, *_events(found, True), *ends, *_events(found, False)]


def _many(count: int, what: str, plural: str = "s") -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else plural}"


def _finding(label: str, style: str, words: str, witness: Witness, more: str = "") -> Finding:
    run = f"{_many(witness.switches, 'switch', 'es'):<11} {_many(witness.steps, 'step')}"
    row: Row = ((f" {label:<11}", style), (f"{words:<36} ", ""), (f"{run:<22} ", "dim"), (more, "dim"))
    return Finding(row, words, witness)


def _asked(found: Result, expect: Expect | None) -> Iterator[Finding]:
    """The scenario's own questions."""
    for each in answers(expect, found) if expect is not None else ():
        label, style = ("expected", "good") if each.ok else ("AMISS", "bad") if each.known else ("unknown", "warn")
        yield Finding(((f" {label:<11}", style), (each.words, "")), each.words, each.witness)


def _words(each: Reached) -> str:
    return f"{each.event}({each.found})" if each.found else each.event


def _violations(found: Result) -> Iterator[Finding]:
    for each in found.violations:
        yield _finding("violation", "bad", each.name, each.witness, each.why)


def _ends(found: Result, bad: bool) -> Iterator[Finding]:
    """End states that differ in what is said here."""
    alike: dict[tuple[str, str, str], list[Outcome]] = {}
    for each in found.outcomes:
        if (each.end != "end") is bad:
            alike.setdefault((each.end, _end_words(each), each.why), []).append(each)
    for (end, words, why), many in alike.items():
        witness = min((each.witness for each in many), key=_length)
        states = f"{len(many)} such states  " if len(many) > 1 else ""
        yield _finding(end, "bad" if bad else "good", words, witness, states + why)


def _end_words(each: Outcome) -> str:
    """``results 0, 0  orders 9, -``."""
    results = ", ".join(result or "-" for result in each.results)
    orders = ", ".join("-" if order < 0 else str(order) for order in each.mapped)
    return f"results {results}" + (f"  orders {orders}" if orders else "")


def _length(witness: Witness) -> tuple[int, int]:
    return witness.switches, witness.steps


def _events(found: Result, bad: bool) -> Iterator[Finding]:
    """Refusals and lost races, or the others; steps that refuse nothing are left out."""
    telling = [
        each for each in found.reached if _bad(each) is bad and (bad or each.event.partition(":")[0] not in STEPS)
    ]
    for each in sorted(telling, key=_rank):
        yield _finding("reached", "warn" if bad else "dim", _words(each), each.witness, f"cpu{each.cpu}")


def _bad(each: Reached) -> bool:
    kind, _, outcome = each.event.partition(":")
    return kind in ("fallback", "bug") or outcome.partition(" ")[0] in BAD


def _rank(each: Reached) -> tuple[int, str]:
    kind = each.event.partition(":")[0]
    return KINDS.index(kind) if kind in KINDS else len(KINDS), _words(each)


def numbered(listed: Iterable[Finding]) -> list[str]:
    """As lines of text; ``witness N`` takes the number."""
    return [f"{at:>3}{''.join(text for text, _ in each.row)}".rstrip() for at, each in enumerate(listed, 1)]

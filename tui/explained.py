# SPDX-License-Identifier: GPL-2.0-only
"""Failed allocations and charges in words: why, and which single change would have let them succeed."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING

from kernelmodel.trace import Record, record
from kernelmodel.why.reason import Why, why
from kernelmodel.why.request import failures
from kernelmodel.why.what_if import Change, what_if

if TYPE_CHECKING:
    from kernelmodel.session import Session

WIDTH = 100
SENTENCES = ("  because ", "  ✗ ")
"""How lines begin that are sentences."""


def explained(session: Session) -> Iterator[tuple[Why, tuple[Change, ...]]]:
    """Each failure of the known run, with the changes that were thought of."""
    for step in failures(session):
        if (found := why(session, step)) is not None:
            yield found, what_if(session, step)


def texts(found: Why, changes: tuple[Change, ...]) -> list[str]:
    """All of one failure, in lines fit for a terminal."""
    return [row for line in (*why_lines(found), *what_if_lines(changes)) for row in wrapped(line)]


def wrapped(line: str) -> list[str]:
    """Sentences are broken; what has numbers stays a line."""
    if not line.startswith(SENTENCES):
        return [line]
    indent = "    " if line.startswith("  ✗") else "  "
    return wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True)


def why_lines(found: Why) -> list[str]:
    """The failure, what decided it, and the numbers."""
    return [found.head, f"  because {found.because}", *(f"    {line}" for line in found.lines)]


def what_if_lines(changes: tuple[Change, ...]) -> list[str]:
    """The changes that help, one a line; then those that don't, those of one kind together."""
    lines = [f"  ✓ {change.words}: {change.why}" for change in changes if change.helps]
    rest: dict[str, list[str]] = {}
    for change in changes:
        if not change.helps:
            rest.setdefault(change.why, []).append(change.words)
    lines += [f"  ✗ {', '.join(words)}: {reason}" for reason, words in rest.items()]
    return ["  would have let it succeed:" if any(c.helps for c in changes) else "  nothing alone helps:", *lines]


def why_record(found: Why, changes: tuple[Change, ...]) -> Record:
    """One failure as a record."""
    return record(
        "why", step=found.step, order=found.order, decision=found.head, because=found.because,
        lines=list(found.lines),
        what_if=[
            record("change", change=each.words, helps=each.helps, why=each.why, key=each.key or None,
                   value=each.value or None)
            for each in changes
        ],
    )  # fmt: skip

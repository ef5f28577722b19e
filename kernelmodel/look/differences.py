# SPDX-License-Identifier: GPL-2.0-only
"""What differs between two known stops: cells of the machine, and locals of the calls that both stops are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelmodel.look.calls import rows_of
from kernelmodel.look.delta import Delta
from kernelmodel.snapshot import Change

if TYPE_CHECKING:
    from types import CodeType

    from kernelmodel.session import Session

NOT_THERE = "(no value)"
Frame = tuple["CodeType", dict[str, str]]
"""A call's function, and its locals as text."""


def differences(session: Session, a: int, b: int, most: int = 500) -> list[Change]:
    """What is another at step ``b`` than at step ``a``, both known, in any order; the session stays where it stands.

    The first row says how many stops lie between.  Then come locals (``function: name``) of the calls that both stops
    share, if they belong to the same access, then cells as the changes pane has them; at most ``most`` rows, and one
    that tells what was left out.  ``ValueError`` for a step that is not known.
    """
    for step in (a, b):
        if not 0 <= step <= session.last:
            raise ValueError(f"step {step} is not known: steps are 0 … {session.last}")
    here, log = session.step, session.log
    apart = abs(b - a)
    rows = [Change(f"step ({apart} stop{'' if apart == 1 else 's'} {'back' if b < a else 'on'})", f"#{a}", f"#{b}", b)]
    shared = log.at(a).kind and log.at(b).kind and log.access[a] == log.access[b]
    before = _frames(session, a) if shared else []
    after = _frames(session, b) if shared else []
    for (code, was), (same, now) in zip(before, after, strict=False):
        if code is not same:
            break
        rows.extend(
            Change(f"{code.co_name}: {name}", was.get(name, NOT_THERE), now.get(name, NOT_THERE), b)
            for name in {**was, **now}
            if was.get(name) != now.get(name)
        )
    session.seek(b)
    left = max(0, len(rows) - 1 - most)
    del rows[most + 1 :]
    rows.extend(Delta(session.m, log.mark[a]).rows(b, most + 1 - len(rows)))
    if left:
        rows.append(Change(f"(and {left} more locals)", "", "", b))
    session.seek(here)
    return rows


def _frames(session: Session, step: int) -> list[Frame]:
    """The calls at a step, outermost first."""
    session.seek(step)
    return [(call.code, dict(rows_of(session.m, call))) for call in session.calls()]

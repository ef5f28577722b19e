# SPDX-License-Identifier: GPL-2.0-only
"""The stop that is compared with: what differs from it, and what the watched expressions were there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.look.delta import Delta
from kernelmodel.look.memory import places
from kernelmodel.look.names import Value, value_of
from kernelmodel.snapshot import WatchView

if TYPE_CHECKING:
    from kernelmodel.session import Session

NO_VALUE = "(no value)"
MAX_WATCHES = 64


class Selected(NamedTuple):
    """Expressions, and the call and the CPU whose variables they mean (-1: as for ``View``)."""

    texts: tuple[str, ...]
    frame: int = -1
    cpu: int = -1


def compare(
    session: Session, since: int, watch: Selected, mm: int, shown: int, first: int, row: int
) -> tuple[Delta, tuple[WatchView, ...]]:
    """The difference between step ``since`` (-1: before the run) and now, and the watched expressions at both.

    The other stop is visited only for a value that is not known yet, or if more has changed than the journal is read
    for; then the PTEs on view (``row`` of them from index ``first`` of the table of ``mm`` for ``shown``) are asked
    there.
    """
    delta = Delta(session.m, session.log.mark[since] if since >= 0 else 0)
    watch = watch._replace(texts=watch.texts[:MAX_WATCHES])
    unknown = [text for text in watch.texts if (since, text, *watch[1:]) not in session.values] if since >= 0 else []
    if unknown or delta.more:
        on_view = places(session.m, mm, shown, first, row) if shown >= 0 else []
        _visit(session, since, watch._replace(texts=tuple(unknown)), delta, on_view)
    return delta, tuple(_watch_view(session, since, text, watch) for text in watch.texts)


def _visit(session: Session, since: int, unknown: Selected, delta: Delta, on_view: list[int]) -> None:
    """Go to the other stop, look, and come back."""
    here, m = session.step, session.m
    session.seek(max(since, 0))
    for text in unknown.texts:
        known_value(session, text, unknown.frame, unknown.cpu)
    if delta.more:
        delta.learn((m.pgtable, place) for place in on_view)
    session.seek(here)


def known_value(session: Session, text: str, frame: int, cpu: int) -> Value:
    """Value of an expression at the present stop, worked out once a stop, call and CPU."""
    key = (session.step, text, frame, cpu)
    value = session.values.get(key)
    if value is None:
        if len(session.values) >= MAX_VALUES:
            session.values.clear()
        value = session.values[key] = value_of(session, text, frame, cpu)
    return value


MAX_VALUES = 20_000
"""Values of watched expressions that a session remembers."""


def _watch_view(session: Session, since: int, text: str, watch: Selected) -> WatchView:
    now = known_value(session, text, watch.frame, watch.cpu)
    was = session.values.get((since, text, watch.frame, watch.cpu), now)
    changed = (was.text, was.ok) != (now.text, now.ok) and (was.ok or now.ok)
    return WatchView(text, now.text, changed, (was.text if was.ok else NO_VALUE) if changed else "", now.ok, now.beside)

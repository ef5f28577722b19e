# SPDX-License-Identifier: GPL-2.0-only
"""Counts beside the source are those of the whole run so far, whichever way one came."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.session import Session
from kernelmodel.snapshot import View
from tests.runs import runs

moves = st.lists(
    st.tuples(st.sampled_from(["seek", "forget", "advance", "answer", "look"]), st.integers(0, 400)), max_size=12
)


def move(run: Session, verb: str, number: int) -> None:
    if verb == "seek":
        run.seek(number % (run.last + 1))
    elif verb == "forget":
        run.forget(number % (run.last + 1))
    elif verb == "answer" and (possible := run.possible_answers()):
        run.advance(possible[number % len(possible)])
    elif verb == "look":
        run.snapshot(View())
    elif not run.finished or run.step < run.last:
        run.advance()


@settings(max_examples=60, deadline=None)
@given(runs(most=120), moves)
def test_hits_are_those_of_the_run_so_far(run: Session, way: list[tuple[str, int]]) -> None:
    for verb, number in [*way, ("look", 0)]:
        move(run, verb, number)
        events = [run.event(step) for step in range(run.step + 1)]
        naive = Counter((event.function, event.line) for event in events)
        run.hits.to(run.log, run.step)
        for call in run.snapshot(View()).calls:
            assert call.hits == tuple(naive[call.function, n + 1] for n in range(len(call.source)))

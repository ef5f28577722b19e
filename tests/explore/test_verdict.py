# SPDX-License-Identifier: GPL-2.0-only
"""``reachable`` and ``unreachable``: an end at which a CPU waits for ever can be asked for like an event."""

from __future__ import annotations

import pytest

from kernelmodel.explore.types import Outcome, Result, Witness
from kernelmodel.explore.verdict import findings
from kernelmodel.scenario.types import Expect

WAY = Witness(((0, None), (1, None), (0, None)), 2, 2)
LONG = Witness(((0, None), (1, None), (0, None), (1, None)), 3, 3)
BLOCKED = Outcome("blocked", ("", "0"), (-1,), WAY, "cpu0 waits for the monitor")
ENDED = Outcome("end", ("0", "0"), (0,), LONG)


def result(*outcomes: Outcome, complete: bool = True) -> Result:
    return Result((), outcomes, (), 3, 2, complete, "" if complete else "time")


@pytest.mark.parametrize(
    ("key", "found", "ok", "known", "words"),
    [
        ("reachable", result(ENDED, BLOCKED), True, True, "blocked is reached (2 switches, 2 steps)"),
        ("reachable", result(ENDED), False, True, "blocked is not reached, expected reachable"),
        ("reachable", result(ENDED, complete=False), False, False, "blocked is not reached, expected reachable"),
        ("unreachable", result(ENDED), True, True, "blocked is not reached"),
        ("unreachable", result(ENDED, complete=False), False, False, "blocked is not reached"),
        ("unreachable", result(BLOCKED), False, True, "blocked is reached (2 switches, 2 steps), expected unreachable"),
    ],
)
def test_blocked(key: str, found: Result, ok: bool, known: bool, words: str) -> None:
    asked = Expect()._replace(**{key: ("blocked",)})
    (finding,) = findings(asked, found)
    assert finding[:3] == (ok, known, words)
    assert finding.witness == (WAY if BLOCKED in found.outcomes else None)

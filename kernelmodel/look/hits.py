# SPDX-License-Identifier: GPL-2.0-only
"""How often the run has stopped at each line of each function, kept along as one moves through it."""

from __future__ import annotations

from collections import Counter

from kernelmodel.log import Log


class Hits:
    """Counts of the stops up to one of them; to go on to a near one costs the way, not the run."""

    def __init__(self) -> None:
        self._upto = -1
        self._lines: dict[str, Counter[int]] = {}

    def to(self, log: Log, step: int) -> None:
        """Count the stops up to ``step``, with it; before the log is cut there, so that what is cut is taken off."""
        first, last = sorted((self._upto, step))
        sign = 1 if step > self._upto else -1
        for number, times in Counter(log.shape[first + 1 : last + 1]).items():
            shape = log.shapes[number]
            self._lines.setdefault(shape.function, Counter())[shape.line] += sign * times
        self._upto = step

    def of(self, function: str) -> Counter[int]:
        """By line (1 is the function's ``def``): how often the run stopped there."""
        return self._lines.get(function, Counter())

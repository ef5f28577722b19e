# SPDX-License-Identifier: GPL-2.0-only
"""Processes of our own for what can be divided: an exploration in parts, a sweep over many machines.

Ctrl+C reaches the process that asked; it tells the others to end, by an event, and they ignore the signal themselves.
Any other executor of the kind of ``concurrent.futures`` does as well: who has one passes it instead.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

BEAT = 0.2
"""Seconds between two looks at what interrupts."""


@contextlib.contextmanager
def pool(jobs: int) -> Iterator[tuple[ProcessPoolExecutor, Event]]:
    """An executor of that many processes, and the event by which they are told to end; it is set on the way out."""
    stop = multiprocessing.Event()
    with contextlib.ExitStack() as stack:
        stack.callback(stop.set)
        yield stack.enter_context(ProcessPoolExecutor(jobs, initializer=_serve, initargs=(stop,))), stop


def ended(tasks: set[Future[Any]], stop: Event | None) -> set[Future[Any]]:
    """Begin no more of these; which of those that run will end at once, because they are told to."""
    running = {task for task in tasks if not task.cancel()}
    if stop is None:
        return set()
    stop.set()
    return running


def poll() -> None:
    """In a process of our own: ``KeyboardInterrupt`` if the one that waits wants no more; the end if it is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)
    if _asked_to_stop():
        raise KeyboardInterrupt


def _serve(stop: Event) -> None:
    global _asked_to_stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _asked_to_stop = stop.is_set


_asked_to_stop: Callable[[], bool] = bool

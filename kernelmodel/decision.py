# SPDX-License-Identifier: GPL-2.0-only
"""What a modelled kernel function yields, and the protocol by which one is driven.

A kernel function that can stop is a ``Path``: a generator that yields a ``Decision`` wherever the kernel decides.
``yield from`` is the call instruction, so the chain of suspended generators is the kernel call stack.

An *observation* (a plain ``Decision``) tells what the path just did; it is resumed with ``None``.  A ``Question`` is
asked by a mechanism and resumed with one of its outcomes.  A ``Wait`` is no stop at all: the CPU is simply not
enabled until ``ready`` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import CodeType, FrameType
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

FAULT_KINDS = (
    "policy", "uffd", "vma-bounds", "map-pte", "pte-range", "alloc", "charge", "step-down", "fallback", "orig-pte",
    "pmd-gate", "pmd-bounds", "huge-zero", "pmd-recheck", "huge-wp", "pte-alloc", "anon-vma", "deferred", "lock",
    "recheck", "retry", "stable", "uffd-missing", "zero-page", "marker", "wp", "wait", "install", "return", "bug",
)  # fmt: skip
"""Decisions of the fault path, in the order in which the design lists them."""

ACTOR_KINDS = (
    "madvise-vma", "madvise-split", "madvise-merge", "madvise-free", "madvise-return",
    "mmap-vma", "mmap-merge", "mmap-return",
    "munmap-vma", "munmap-split", "munmap-return",
    "mprotect-vma", "mprotect-split", "mprotect-merge", "mprotect-return",
    "mremap-vma", "mremap-merge", "mremap-move", "mremap-return",
    "zap-pmd", "zap-folio", "free-pgtables",
    "fork-vma", "fork-pmd", "fork-return", "exit-vma", "exit-return",
    "prctl-set", "prctl-return", "sysfs-store", "sysfs-return",
)  # fmt: skip
"""Decisions of other actors: their kinds begin with the actor's name."""

KINDS = (*FAULT_KINDS, *ACTOR_KINDS)
"""Every decision kind."""

ENVIRONMENT = frozenset({"alloc", "charge", "huge-zero", "pte-alloc", "anon-vma", "deferred"})
"""Kinds whose answer belongs to the environment: allocations and charges, nothing that follows from the state."""


class Decision:
    """An observation: what the kernel just found or did.

    ``order`` and ``i`` are -1 where they do not apply; ``addr`` is an address (bytes) or -1; ``reason`` is a code
    (words are made from it in ``trace.why``), ``arg`` its number (bytes, an index, a count), ``more`` rarely used
    operands as ``(key, value)`` pairs.
    """

    __slots__ = ("addr", "arg", "i", "kind", "more", "order", "outcome", "reason", "site")

    def __init__(
        self,
        kind: str,
        outcome: str,
        order: int = -1,
        addr: int = -1,
        i: int = -1,
        reason: str = "",
        arg: int = 0,
        more: tuple[tuple[str, Any], ...] = (),
        site: str = "",
    ) -> None:
        self.kind = kind
        self.outcome = outcome
        self.order = order
        self.addr = addr
        self.i = i
        self.reason = reason
        self.arg = arg
        self.more = more
        self.site = site


class Question(Decision):
    """A decision whose outcome is an answer.

    ``peek()`` looks at the machine and gives ``(outcome, reason, arg)``: the answer of nature now, never a store.
    ``outcomes`` are the answers that are possible in this state; ``forcible()`` gives the what-ifs that put their own
    cause into the machine first (``NULL leaf``), which nature never gives here, as far as this state allows them.
    """

    __slots__ = ("failure", "forcible", "peek")

    def __init__(
        self,
        kind: str,
        site: str,
        peek: Callable[[], tuple[str, str, int]],
        failure: str,
        order: int = -1,
        addr: int = -1,
        i: int = -1,
        more: tuple[tuple[str, Any], ...] = (),
        forcible: Callable[[], tuple[str, ...]] | None = None,
    ) -> None:
        super().__init__(kind, "", order, addr, i, "", 0, more, site)
        self.peek = peek
        self.failure = failure
        self.forcible = forcible

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Answers that this state allows: nature's, and the failure where nature would succeed.

        What follows from the state (a map) has nature's answer only.
        """
        natural = self.peek()[0]
        return (natural,) if natural == self.failure or self.kind not in ENVIRONMENT else (natural, self.failure)


class Wait:
    """The CPU waits: for a lock, a page under migration, a userfaultfd monitor."""

    __slots__ = ("ready", "what")

    def __init__(self, what: str, ready: Callable[[], bool]) -> None:
        self.what = what
        self.ready = ready


class KernelBug(Exception):
    """A VM_BUG_ON of the model: a stop to look at, never a crash of the tool."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


Path = Generator[Decision | Wait, str | None, T]
"""The type of a modelled kernel function that can stop."""


class Call:
    """One entry of a kernel call stack: code object, current line, locals (a copy, safe to keep)."""

    __slots__ = ("below", "code", "line", "locals", "texts")

    def __init__(self, code: CodeType, line: int, local: dict[str, Any], below: bool | None = None) -> None:
        self.code = code
        self.line = line
        self.locals = local
        self.below = is_mechanism(code) if below is None else below
        """Is it below the text that a reviewer reads at this stop?"""
        self.texts: tuple[tuple[str, str], ...] | None = None
        """The locals as text, kept where the machine will have moved on when they are shown."""


class Driver(Protocol):
    """How session and explorer drive a running path, whatever backs it."""

    def advance(self, answer: str | None) -> Decision | Wait | None:
        """Resume with an answer; the next yield, or None when the path has returned."""

    def where(self) -> tuple[CodeType, int, int]:
        """Code object, line number and depth of the innermost modelled function (see ``GeneratorDriver``)."""

    def calls(self) -> list[Call]:
        """The call stack, outermost first, with copies of the locals."""

    @property
    def result(self) -> Any:
        """What the path returned."""


class GeneratorDriver:
    """A path backed by a chain of generators.

    ``where`` names the function that a reviewer reads.  At a decision of the fault path that is the innermost one of a
    fault path or actor, with the mechanisms (``mm/``) below it; at one of another actor it is the one that decided,
    for most of what such an actor does is in ``mm/``.
    """

    __slots__ = ("_acts", "path", "result")

    def __init__(self, path: Path[Any]) -> None:
        self.path = path
        self.result: Any = None
        self._acts = False
        """Is it suspended at a decision of another actor than the fault path?"""

    def advance(self, answer: str | None) -> Decision | Wait | None:
        """Resume the innermost generator; None when the whole path has returned."""
        try:
            found = self.path.send(answer)
        except StopIteration as stop:
            self.result = stop.value
            return None
        self._acts = isinstance(found, Decision) and found.kind in _ACTORS
        return found

    def where(self) -> tuple[CodeType, int, int]:
        """Code, line and depth (1 = outermost) of the function that a reviewer reads."""
        path: Any = self.path
        best, depth, at = path, 0, 0
        while path is not None:
            depth += 1
            if self._acts or not is_mechanism(path.gi_code):
                best, at = path, depth
            path = path.gi_yieldfrom
        frame = best.gi_frame
        return best.gi_code, frame.f_lineno if frame is not None else 0, at

    def calls(self) -> list[Call]:
        """Outermost first, without what is no function of the kernel."""
        found = []
        path: Any = self.path
        while path is not None and (frame := path.gi_frame) is not None:
            if is_modelled(path.gi_code):
                found.append(_call(frame, False if self._acts else None))
            path = path.gi_yieldfrom
        return found


_ACTORS = frozenset(ACTOR_KINDS)
_ROOMS = ("fault", "actors", "mm")
_room: dict[str, str] = {}
"""By file: in which of the rooms it is, '' for none of them."""


def room_of(code: CodeType) -> str:
    """The package of a modelled function, '' for what is none (the calling of actors among it)."""
    name = code.co_filename
    known = _room.get(name)
    if known is None:
        path = name.replace("\\", "/")
        found = (room for room in _ROOMS if f"/kernelmodel/{room}/" in path)
        known = _room[name] = "" if path.endswith("/actors/__init__.py") else next(found, "")
    return known


def is_mechanism(code: CodeType) -> bool:
    """Is this a function of ``mm/``?"""
    return room_of(code) == "mm"


def is_modelled(code: CodeType) -> bool:
    """Is this a function of the modelled kernel: a fault path, an actor or a mechanism?"""
    return room_of(code) != ""


def _call(frame: FrameType, below: bool | None) -> Call:
    """Locals in the order of the function's text: the frame's own order depends on when someone looked before."""
    code, now = frame.f_code, frame.f_locals
    names = (*code.co_varnames, *code.co_cellvars, *code.co_freevars)
    return Call(code, frame.f_lineno, {name: now[name] for name in names if name in now}, below)

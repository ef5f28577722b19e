# SPDX-License-Identifier: GPL-2.0-only
"""What a modelled kernel function yields, and the protocol by which one is driven.

A kernel function that can stop is a ``Path``: a generator that yields a ``Decision`` wherever the kernel decides.
``yield from`` is the call instruction, so the chain of suspended generators is the kernel call stack.

An *observation* (a plain ``Decision``) tells what the path just did; it is resumed with ``None``.  A ``Step`` is one
that only matters where there are several CPUs.  A ``Question`` is asked by a mechanism and resumed with one of its
outcomes.  A ``Wait`` is no stop at all: the CPU is simply not enabled until ``ready`` says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Hashable
from types import CodeType, FrameType
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

KINDS = (
    "policy", "uffd", "vma-bounds", "map-pte", "pte-range", "alloc", "charge", "step-down", "fallback", "orig-pte",
    "pmd-gate", "pmd-bounds", "huge-zero", "pmd-recheck", "huge-wp", "pte-alloc", "anon-vma", "deferred", "lock",
    "recheck", "retry", "stable", "uffd-missing", "zero-page", "marker", "wp", "wait", "install", "return", "bug",
    # the slow path of the allocator, where it can do something
    "reclaim", "compact",
    # other actors: their kinds begin with the actor's name
    "madvise-vma", "madvise-split", "madvise-merge", "madvise-free", "madvise-return",
    "mmap-vma", "mmap-merge", "mmap-return",
    "munmap-vma", "munmap-split", "munmap-return",
    "mprotect-vma", "mprotect-split", "mprotect-merge", "mprotect-return",
    "mremap-vma", "mremap-merge", "mremap-move", "mremap-return",
    "zap-pmd", "zap-folio", "free-pgtables",
    "fork-vma", "fork-pmd", "fork-return", "exit-vma", "exit-return",
    "prctl-set", "prctl-return", "sysfs-store", "sysfs-return",
    "uffd-register", "uffd-unregister", "uffd-split", "uffd-merge", "uffd-copy", "uffd-zeropage", "uffd-poison",
    "uffd-wp", "uffd-move", "uffd-wake", "uffd-return",
    "collapse-scan", "collapse-alloc", "collapse-charge", "collapse-revalidate", "collapse-pmd", "collapse-isolate",
    "collapse-return", "reap-vma", "reap-return", "shrink-count", "shrink-scan", "shrink-return",
    "migrate-folio", "migrate-unmap", "migrate-move", "migrate-remap", "migrate-return",
    "swap-out-folio", "swap-out-unmap", "swap-out-write", "swap-out-return",
    # only in a mutant
    "warn",
    # only where there are several CPUs
    "swap-in", "step", "vma-lock", "pmd-same",
)  # fmt: skip
"""Every decision kind: those of the contract, in the order in which the design lists them, then those of actors."""

STEPS = frozenset({"swap-in", "step", "vma-lock", "pmd-same"})
"""Kinds of a ``Step``: stops that only a run with several CPUs has."""

ENVIRONMENT = frozenset(
    {
        "alloc", "charge", "huge-zero", "pte-alloc", "anon-vma", "deferred", "collapse-alloc", "collapse-charge",
        "reclaim", "compact",
    }
)  # fmt: skip
"""Kinds whose answer belongs to the environment: allocations and charges, and what reclaim and compaction come to;
nothing that follows from the state."""


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


class Step(Decision):
    """An observation that is a stop only where there are several CPUs: another one may run here."""

    __slots__ = ()


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


BUGS = (
    "BUG_ON", "VM_BUG_ON", "VM_BUG_ON_FOLIO", "VM_BUG_ON_PAGE", "VM_BUG_ON_VMA", "bad-pgtable", "bad_page",
    "check_mm", "deadlock", "endless-refault", "mmap_assert_locked", "mmap_read_unlock", "page fault", "pte_free",
    "spin_unlock", "swap_free", "uninitialised", "use-after-free", "vma_end_read",
)  # fmt: skip
"""Names of every ``KernelBug``, and outcomes of every ``bug`` decision: what a scenario may expect."""


Path = Generator[Decision | Wait, str | None, T]
"""The type of a modelled kernel function that can stop."""


class Call:
    """One entry of a kernel call stack: code object, current line, locals (a copy, safe to keep)."""

    __slots__ = ("code", "line", "locals", "texts")

    def __init__(self, code: CodeType, line: int, local: dict[str, Any]) -> None:
        self.code = code
        self.line = line
        self.locals = local
        self.texts: tuple[tuple[str, str], ...] | None = None
        """The locals as text, kept where the machine will have moved on when they are shown."""


HIDDEN = frozenset({"m", "arch", "self", "peek", "page_size", "setpte", "action", "refusal"})
"""Names that the model needs and the kernel does not have."""


def is_unset(name: str, value: object) -> bool:
    """Whether a variable has the value that stands for "declared, and nothing stored yet"."""
    return value is None and name == "addr"


class Driver(Protocol):
    """How session and explorer drive a running path, whatever backs it."""

    def advance(self, answer: str | None) -> Decision | Wait | None:
        """Resume with an answer; the next yield, or None when the path has returned."""

    def where(self) -> tuple[CodeType, int, int]:
        """Code object, line number and depth of the innermost modelled function (see ``GeneratorDriver``)."""

    def calls(self) -> list[Call]:
        """The call stack, outermost first, with copies of the locals."""

    def frames(self) -> list[tuple[Hashable, int, dict[str, Any]]]:
        """For a fingerprint: code, instruction and locals of every suspended function, outermost first."""

    @property
    def result(self) -> Any:
        """What the path returned."""


class GeneratorDriver:
    """A path backed by a chain of generators.

    ``where`` names the innermost function that a reviewer reads: one of a fault path or of an actor.  The mechanisms
    below it are part of the call stack only.
    """

    __slots__ = ("path", "result")

    def __init__(self, path: Path[Any]) -> None:
        self.path = path
        self.result: Any = None

    def advance(self, answer: str | None) -> Decision | Wait | None:
        """Resume the innermost generator; None when the whole path has returned."""
        try:
            return self.path.send(answer)
        except StopIteration as stop:
            self.result = stop.value
            return None

    def where(self) -> tuple[CodeType, int, int]:
        """Code, line and depth (1 = outermost) of the innermost function that is not a mechanism."""
        path: Any = self.path
        best, depth, at = path, 0, 0
        while path is not None:
            depth += 1
            if not is_mechanism(path.gi_code):
                best, at = path, depth
            path = path.gi_yieldfrom
        frame = best.gi_frame
        return best.gi_code, frame.f_lineno if frame is not None else 0, at

    def frames(self) -> list[tuple[Hashable, int, dict[str, Any]]]:
        """Of every generator of the chain, mechanisms too."""
        found: list[tuple[Hashable, int, dict[str, Any]]] = []
        path: Any = self.path
        while path is not None and (frame := path.gi_frame) is not None:
            found.append((path.gi_code, frame.f_lasti, frame.f_locals))
            path = path.gi_yieldfrom
        return found

    def calls(self) -> list[Call]:
        """Outermost first; functions of the kernel only."""
        found = []
        path: Any = self.path
        while path is not None and (frame := path.gi_frame) is not None:
            if is_modelled(path.gi_code):
                found.append(_call(frame))
            path = path.gi_yieldfrom
        return found


ACTING = (
    "dup", "lazyfree", "migrate", "move", "split_folio", "try_to_unmap", "uffd_copy", "uffd_move", "uffd_move_pte",
    "uffd_wp", "vma_modify", "zap",
)  # fmt: skip
"""Modules of ``mm/`` that are the text of system calls, not mechanisms below what a reviewer reads."""
_FILE = re.compile(r"/kernelmodel/(fault|actors|mm)/(\w+)\.py$")
_room: dict[str, str] = {}
"""By file: ``text`` that a reviewer reads, ``mechanism``, or '' for what is no function of the kernel."""


def _room_of(code: CodeType) -> str:
    name = code.co_filename
    known = _room.get(name)
    if known is None:
        found = _FILE.search(name.replace("\\", "/"))
        package, module = found.groups() if found else ("", "__init__")
        text = "mechanism" if package == "mm" and module not in ACTING else "text"
        known = _room[name] = "" if module == "__init__" else text
    return known


def is_mechanism(code: CodeType) -> bool:
    """Is this a function of ``mm/`` below the text that a reviewer reads?"""
    return _room_of(code) == "mechanism"


def is_modelled(code: CodeType) -> bool:
    """Is this a function of the modelled kernel: a fault path, an actor or a mechanism?"""
    return _room_of(code) != ""


def _call(frame: FrameType) -> Call:
    """Locals in the order of the function's text: the frame's own order depends on when someone looked before."""
    code, now = frame.f_code, frame.f_locals
    names = (*code.co_varnames, *code.co_cellvars, *code.co_freevars)
    return Call(code, frame.f_lineno, {name: now[name] for name in names if name in now})

# SPDX-License-Identifier: GPL-2.0-only
"""What a front end's motion and conditions need of a session, and the names that an expression sees at one stop."""

from __future__ import annotations

from typing import Any, Protocol

from kernelmodel.expr import EvalError, Ref
from kernelmodel.scenario_types import Scenario
from kernelmodel.snapshot import Event


class Stop(Protocol):
    """Where a run stands: ``kind`` is ``decision``, ``bug``, ``blocked`` or ``end``; ``text`` says it in words."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def step(self) -> int: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102


class Run(Protocol):
    """The part of a session that breakpoints and motions use."""

    @property
    def step(self) -> int:
        """Present stop, from 0."""

    @property
    def last(self) -> int:
        """Highest stop that is known."""

    @property
    def stop(self) -> Stop:
        """The present stop."""

    @property
    def scenario(self) -> Scenario:
        """What is run."""

    def advance(self, answer: str | None = None) -> Stop:
        """One stop forward; stays at the last stop of the run."""

    def seek(self, step: int) -> Stop:
        """To a known stop."""

    def event(self, step: int) -> Event:
        """The decision at a known stop, without moving."""

    def depth(self, step: int) -> int:
        """Call depth at a known stop, without moving."""

    def access_of(self, step: int) -> int:
        """Number of the access of a known stop, without moving."""

    def lookup(self, name: str) -> Any:
        """A bare name at the present stop, None if it has no value."""


_FIELDS = ("order", "i", "cpu", "fault", "step", "addr", "line")
_MORE_MEMBERS = {"vm_area_struct": ("vm_mm",), "folio": ("nr_pages",)}


class StopEnv:
    """Names at a known stop: the event's fields, what it carries besides (``from``, ``to``), then the session's.

    A field that does not apply (-1 in the event) has no value.  The session is moved to the stop only when a name is
    asked for that the event does not have.
    """

    __slots__ = ("at", "event", "session")

    def __init__(self, session: Run, at: int) -> None:
        self.session = session
        self.at = at
        self.event = session.event(at)

    def name(self, name: str) -> int | Ref:
        """An event field, or whatever the session knows by that name; ``EvalError`` if there is none."""
        event = self.event
        value: Any = None
        if name in _FIELDS:
            value = getattr(event, name)
            value = None if value == -1 else value
        else:
            value = dict(event.more).get(name)
            value = value if isinstance(value, int) else None
        if value is None:
            if self.session.step != self.at:
                self.session.seek(self.at)
            value = self.session.lookup(name)
        if value is None and name.isupper():
            value = self._geometry().get(name)
        if value is None:
            raise EvalError(f"{name} has no value here")
        return _checked(value, name)

    def member(self, ref: Ref, name: str) -> int | Ref:
        """A member that the table of structs names, and nothing else."""
        known = _members(ref)
        if not known:
            raise EvalError(f"this is not a struct: it has no member {name}")
        if name not in known:
            raise EvalError(f"{_cname(ref)} has no member {name}{_close(name, known)}")
        return _checked(getattr(ref, name), name)

    def index(self, ref: Ref, index: int) -> int | Ref:
        """An element of an array."""
        if not isinstance(ref, (list, tuple)):
            raise EvalError("this is not an array")
        if index >= len(ref):
            raise EvalError(f"index {index} is beyond the {len(ref)} elements of the array")
        return _checked(ref[index], f"element {index}")

    def call(self, name: str, args: tuple[int, ...]) -> int:
        """``order(bytes)``: the smallest order whose folio holds so many bytes, with the page size of this run."""
        size = self._geometry()["PAGE_SIZE"]
        return (max(-(-args[0] // size), 1) - 1).bit_length()

    def _geometry(self) -> dict[str, int]:
        from kernelmodel.arch import ARCHES

        arch = ARCHES[self.session.scenario.arch]
        return {"PAGE_SIZE": arch.page_size, "PAGE_SHIFT": arch.page_shift, "HPAGE_PMD_ORDER": arch.pmd_order}


def _checked(value: object, name: str) -> int | Ref:
    """Numbers, structs and arrays pass; None is NULL; anything else is no value of C."""
    if value is None:
        return 0
    if isinstance(value, (int, list, tuple)):
        return value
    if _members(value):
        return value
    raise EvalError(f"{name} is not a number")


def _members(ref: object) -> tuple[str, ...]:
    from kernelmodel.structs import Struct, VmFault

    if isinstance(ref, Struct):
        return (*type(ref).members, *_MORE_MEMBERS.get(ref.cname, ()))
    if isinstance(ref, VmFault):
        return tuple(name for name in VmFault.__slots__ if name != "m")
    return ()


def _cname(ref: object) -> str:
    return f"struct {getattr(ref, 'cname', 'vm_fault')}"


def _close(name: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else ""

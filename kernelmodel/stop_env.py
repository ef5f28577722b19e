# SPDX-License-Identifier: GPL-2.0-only
"""The names that an expression sees at one stop of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kernelmodel.expr import EvalError, Ref
from kernelmodel.run_protocol import Run

if TYPE_CHECKING:
    from kernelmodel.reads import Reads


_FIELDS = ("order", "i", "cpu", "fault", "step", "addr", "line")
_OPERANDS = ("order", "i", "addr")
"""Those that functions have variables of the same name for."""


class MustMove(Exception):
    """A value for which the session would have to leave its stop."""


class StopEnv:
    """Names at a known stop: the event's fields, what it carries besides (``from``, ``to``), then the session's.

    A field that does not apply (-1 in the event) has no value.  The session is moved to the stop only when something
    is asked for that the event does not have.
    """

    __slots__ = ("at", "event", "hits", "reads", "session", "still", "variables")

    def __init__(
        self,
        session: Run,
        at: int,
        hits: int = 0,
        reads: Reads | None = None,
        *,
        still: bool = False,
        variables: bool = False,
    ) -> None:
        """``hits`` is what ``hits()`` gives; ``reads`` records what the values depend on.

        ``still``: raise ``MustMove`` rather than move the session.  ``variables``: a name that is both an operand of
        the decision and a variable of the function that decides means the variable, as in a debugger; in a condition
        it means the operand.  What is followed from stop to stop (``reads``) is a variable or nothing.
        """
        self.session = session
        self.at = at
        self.event = session.event(at)
        self.hits = hits
        self.reads = reads
        self.still = still
        self.variables = variables

    def name(self, name: str) -> int | Ref:
        """An event field, or whatever the session knows by that name; ``EvalError`` if there is none."""
        event = self.event
        value: Any = self._variable(name) if self.variables and name in _OPERANDS else None
        if value is not None:
            self._depends()
            return _checked(value, name)
        if self.variables and self.reads is not None and name in _OPERANDS:
            self._depends()
            raise EvalError(f"there is no variable {name} here")
        if name in _FIELDS:
            value = getattr(event, name)
            value = None if value == -1 else value
        else:
            value = dict(event.more).get(name)
            value = value if isinstance(value, int) else None
        if value is None:
            value = self._geometry().get(name) if name.isupper() else None
            return self._lookup(name) if value is None else int(value)
        self._depends()
        return _checked(value, name)

    def _variable(self, name: str) -> Any:
        self._stand()
        return self.session.variable(name)

    def _lookup(self, name: str) -> int | Ref:
        from kernelmodel.reads import STANDING

        self._stand()
        value = self.session.lookup(name)
        if value is None and (named := self._vma(name)) is not None:
            return named
        if name not in STANDING:
            self._depends()
        if value is None:
            raise EvalError(f"{name} has no value here")
        return _checked(value, name)

    def _vma(self, name: str) -> int | None:
        """Where the scenario's VMA of that name begins: ``pte(heap + 0x3000)``, as the file writes addresses."""
        return next((each.start for each in self.session.scenario.vmas if each.name == name), None)

    def member(self, ref: Ref, name: str) -> int | Ref:
        """A member that the table of structs names, and nothing else."""
        known = members(ref)
        if not known:
            raise EvalError(f"this is not a struct: it has no member {name}")
        if name not in known:
            raise EvalError(f"{_cname(ref)} has no member {name}{_close(name, known)}")
        self._stand()
        if self.reads is not None:
            self._record(ref, name, self.reads)
        return _checked(getattr(ref, name), name)

    def index(self, ref: Ref, index: int) -> int | Ref:
        """An element of an array."""
        if not isinstance(ref, (list, tuple)):
            raise EvalError("this is not an array")
        if index >= len(ref):
            raise EvalError(f"index {index} is beyond the {len(ref)} elements of the array")
        self._stand()
        return _checked(ref[index], f"element {index}")

    def call(self, name: str, args: tuple[int, ...]) -> int:
        """``order(bytes)``, ``size(order)``, ``pte(address)``, ``hits()``, ``step()``.

        ``order``: the smallest order whose folio holds so many bytes; ``size``: bytes of a folio of that order; both
        with the page size of this run.  ``pte``: value of the entry (of the PMD, if it is a leaf) that maps an address,
        0 if none.  ``hits``: of the breakpoint that asks; in a condition without this stop, in a log text with it.
        """
        if name in ("hits", "step"):
            self._depends()
            return self.hits if name == "hits" else self.at
        if name == "pte":
            return self._pte(args[0])
        size = self._geometry()["PAGE_SIZE"]
        if name == "order":
            return (max(-(-args[0] // size), 1) - 1).bit_length()
        if args[0] > 63:
            raise EvalError(f"there is no order {args[0]}")
        return size << args[0]

    @contextmanager
    def before(self) -> Iterator[StopEnv | None]:
        """The names at the stop before this one; the session is back where it stood when the context ends."""
        stood = self.session.step
        self._depends()
        try:
            if self.at > 0:
                yield StopEnv(self.session, self.at - 1, self.hits, None, still=self.still, variables=self.variables)
            else:
                yield None
        finally:
            if self.session.step != stood:
                self.session.seek(stood)

    def text(self, ref: Ref) -> str:
        """``folio#4096``; ``{4, 3, 0}``: what makes a struct or an array another one."""
        if isinstance(ref, (list, tuple)):
            return "{" + ", ".join(each if isinstance(each, str) else self._element(each) for each in ref) + "}"
        return repr(ref) if hasattr(ref, "cname") else _cname(ref)

    def _element(self, value: Any) -> str:
        checked = _checked(value, "an element")
        return str(checked) if isinstance(checked, int) else self.text(checked)

    def names(self) -> list[str]:
        """Names that an expression may use at this stop, for completion."""
        from kernelmodel.completions import names

        return names(self)

    def _stand(self) -> None:
        if self.session.step != self.at:
            if self.still:
                raise MustMove
            self.session.seek(self.at)

    def _depends(self) -> None:
        """The value depends on something that no cell of the machine holds."""
        if self.reads is not None:
            self.reads.only_cells = False

    def _record(self, ref: Any, name: str, reads: Reads) -> None:
        member = getattr(type(ref), "members", {}).get(name)
        if member is None:
            reads.only_cells = False
        else:
            reads.add(member.cells(ref))

    def _pte(self, address: int) -> int:
        from kernelmodel.reads import pte_of

        mm: Any = self._lookup("mm")
        if not hasattr(mm, "m"):
            raise EvalError("there are no page tables here")
        value, cells = pte_of(mm, address)
        if self.reads is not None:
            self.reads.add(cells)
        return value

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
    if members(value):
        return value
    raise EvalError(f"{name} is not a number")


def members(ref: object) -> tuple[str, ...]:
    """Members of a struct that an expression may name; empty if it is none."""
    from kernelmodel.structs import Struct, VmFault

    if isinstance(ref, Struct):
        return tuple(type(ref).members)
    if isinstance(ref, VmFault):
        return tuple(name for name in VmFault.__slots__ if name != "m")
    return ()


def _cname(ref: object) -> str:
    return f"struct {getattr(ref, 'cname', 'vm_fault')}"


def _close(name: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else ""

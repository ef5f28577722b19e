# SPDX-License-Identifier: GPL-2.0-only
"""The names that an expression sees at one stop of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kernelmodel.arch import ARCHES
from kernelmodel.expr import Env, EvalError, Ref
from kernelmodel.expr.c_values import checked, close_member, cname_of, members
from kernelmodel.expr.variables import Owned, same_owners
from kernelmodel.run_protocol import Run

if TYPE_CHECKING:
    from kernelmodel.expr.reads import Reads


FIELDS = ("order", "i", "cpu", "fault", "step", "addr", "line")
"""Operands that the columns of the log hold."""
MORE = ("from", "gfp", "nr", "to")
"""Operands that some decisions carry besides."""
GEOMETRY = ("PAGE_SIZE", "PAGE_SHIFT", "HPAGE_PMD_ORDER")


class MustMove(Exception):
    """A value for which the session would have to leave its stop."""


class StopEnv:
    """Names at a known stop.

    In a *condition* a bare name is the operand of the decision if it has one of that name, else a variable of the calls
    (the innermost reviewed one first, then its callers, then the mechanisms below it), else what stands by itself.
    When it is *printed or followed* it is the variable of the selected call (if none is: the innermost reviewed one),
    else of its callers; then the operand; then what stands by itself.  A variable that was never set has no value.

    What stands by itself: ``mm`` and ``vmstat`` of the process that is at work, ``memcg``, ``zone``, ``vma`` and
    ``vmf`` of the fault, the page geometry, the VMAs of the scenario.  Whoever looks at another CPU than the one that
    stopped sees its variables, and no operands.
    What is followed from stop to stop is a variable or stands by itself: operands belong to one decision.
    The session is moved to the stop only when something is asked for that the event does not have.
    """

    __slots__ = ("at", "cpu", "event", "follow", "frame", "hits", "owners", "reads", "session", "still", "variables")

    def __init__(
        self,
        session: Run,
        at: int,
        hits: int = 0,
        reads: Reads | None = None,
        *,
        still: bool = False,
        variables: bool = False,
        frame: int = -1,
        cpu: int = -1,
        follow: bool = False,
    ) -> None:
        """``hits`` is what ``hits()`` gives; ``reads`` records what the values depend on.

        ``still``: raise ``MustMove`` rather than move the session.  ``variables``: a value is printed, not a condition
        asked; ``frame`` and ``cpu`` select a call, as for ``Run.variable``.  ``follow``: variables, and no operands.
        """
        self.session = session
        self.at = at
        self.event = session.event(at)
        self.hits = hits
        self.reads = reads
        self.still = still
        self.variables = variables or follow
        self.frame = frame
        self.cpu = cpu
        self.follow = follow
        self.owners: dict[str, Owned] = {}
        """Variables that were asked for, and the call that each belongs to."""

    def name(self, name: str) -> int | Ref:
        """Value of a bare name; ``EvalError`` if it has none."""
        from kernelmodel.expr.reads import STANDING

        if name in GEOMETRY:
            return self._geometry()[name]
        if name not in STANDING:
            value = self._variable_or_operand(name) if self.variables else self._operand_or_variable(name)
            if value is not None:
                self._depends()
                return checked(value, name)
        return self._standing(name)

    def _operand_or_variable(self, name: str) -> int | Ref | None:
        value = self.operand(name)
        return self._variable(name) if value is None else value

    def _variable_or_operand(self, name: str) -> int | Ref | None:
        value = self._variable(name)
        return self.operand(name) if value is None and not self.follow else value

    def operand(self, name: str) -> int | None:
        """An operand of the decision, None if it has none of that name (or if another CPU is looked at)."""
        if self.cpu not in (-1, self.event.cpu) and name != "step":
            return None
        if name in FIELDS:
            value: object = getattr(self.event, name)
            return value if isinstance(value, int) and value != -1 else None
        value = dict(self.event.more).get(name)
        return value if isinstance(value, int) else None

    def _variable(self, name: str) -> int | Ref | None:
        """The value of a variable, None if there is none of that name; ``EvalError`` if it was never set."""
        from kernelmodel.expr.variables import variable_names

        if name not in variable_names():
            return None
        self._depends()
        self._stand()
        view = () if self.frame < 0 and self.cpu < 0 else (self.frame, self.cpu)
        found = self.session.variable(name, *view)
        if found is None and not self.variables:
            found = self.session.deeper_variable(name)
        if found is None:
            return None
        self.owners[name] = Owned(found.owner, self._struct(found.value))
        if not found.set:
            raise EvalError(f"{name} is not set here")
        return checked(found.value, name)

    def _standing(self, name: str) -> int | Ref:
        from kernelmodel.expr.reads import PROCESS, STANDING

        self._stand()
        value = self.session.lookup(name, self.cpu) if self.cpu >= 0 else self.session.lookup(name)
        if value is None and (named := self._vma(name)) is not None:
            return named
        if name not in STANDING or (name in PROCESS and len(self.session.scenario.processes) > 1):
            self._depends()
        if name in ("vma", "vmf"):
            self.owners[name] = Owned((self.session.access_of(self.at), -1, ""), self._struct(value))
        if value is None:
            where = "here" if self.cpu in (-1, self.event.cpu) else f"on cpu{self.cpu} here"
            raise EvalError(f"{name} has no value {where}")
        return checked(value, name)

    def _struct(self, value: object) -> str:
        """What tells a struct from others, '' if it is none; a fault is told by its access."""
        if hasattr(value, "cname"):
            return repr(value)
        return f"fault of access {self.session.access_of(self.at)}" if members(value) else ""

    def _vma(self, name: str) -> int | None:
        """Where the scenario's VMA of that name begins: ``pte(heap + 0x3000)``, as the file writes addresses."""
        return next((each.start for each in self.session.scenario.vmas if each.name == name), None)

    def follows(self, before: Env) -> bool:
        """Whether each variable is the one that it was at the stop before."""
        old = before.owners if isinstance(before, StopEnv) else {}
        return same_owners(old, self.owners)

    def member(self, ref: Ref, name: str) -> int | Ref:
        """A member that the table of structs names, and nothing else."""
        known = members(ref)
        if not known:
            raise EvalError(f"this is not a struct: it has no member {name}")
        if name not in known:
            raise EvalError(f"{cname_of(ref)} has no member {name}{close_member(name, known)}")
        self._stand()
        if self.reads is not None:
            self._record(ref, name, self.reads)
        value = getattr(ref, name)
        return value if isinstance(value, str) else checked(value, name)

    def index(self, ref: Ref, index: int) -> int | Ref:
        """An element of an array."""
        if not isinstance(ref, (list, tuple)):
            raise EvalError("this is not an array")
        if index >= len(ref):
            raise EvalError(f"index {index} is beyond the {len(ref)} elements of the array")
        self._stand()
        return checked(ref[index], f"element {index}")

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
                earlier = StopEnv(
                    self.session, self.at - 1, self.hits, still=self.still, variables=self.variables,
                    frame=self.frame, cpu=self.cpu, follow=self.follow,
                )  # fmt: skip
                yield earlier
                self.owners |= {f"was {name}": owner for name, owner in earlier.owners.items()}
            else:
                yield None
        finally:
            if self.session.step != stood:
                self.session.seek(stood)

    def text(self, ref: Ref) -> str:
        """``folio#4096``; ``{4, 3, 0}``: what makes a struct or an array another one."""
        from kernelmodel.value_text import Identity, value_text

        return Identity(self._identity(ref), value_text(ARCHES[self.session.scenario.arch], "", ref))

    def _identity(self, ref: object) -> str:
        if isinstance(ref, (list, tuple)):
            return "{" + ", ".join(map(self._identity, ref)) + "}"
        if isinstance(ref, str):
            return ref
        if isinstance(value := checked(ref, "an element"), int):
            return str(int(value))
        return repr(ref) if hasattr(ref, "cname") else cname_of(ref)

    def names(self) -> list[str]:
        """Names that an expression may use at this stop, for completion."""
        from kernelmodel.expr.completions import names

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
        from kernelmodel.expr.reads import pte_of

        mm: Any = self._standing("mm")
        if not hasattr(mm, "m"):
            raise EvalError("there are no page tables here")
        value, cells = pte_of(mm, address)
        if self.reads is not None:
            self.reads.add(cells)
        return value

    def _geometry(self) -> dict[str, int]:
        arch = ARCHES[self.session.scenario.arch]
        return dict(zip(GEOMETRY, (arch.page_size, arch.page_shift, arch.pmd_order), strict=True))

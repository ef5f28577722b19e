# SPDX-License-Identifier: GPL-2.0-only
"""Members of the kernel's structs: C type, and in which cells of the machine the value is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from kernelmodel.journal import Field
from kernelmodel.machine import Machine

Cell = tuple[Field, int]
"""A cell of the machine: field and index."""


class Null(int):
    """The number 0 where it is a pointer that points to nothing."""


NULL = Null()


class Member:
    """One member: C type, and how to find its cell."""

    def __init__(self, ctype: str, field: str, at: Callable[[Struct], int] | None = None, bias: int = 0) -> None:
        self.ctype = ctype
        self.field = field
        self.at = at
        self.bias = bias
        self.name = ""

    def __set_name__(self, owner: type[Struct], name: str) -> None:
        self.name = name
        if "members" not in owner.__dict__:
            owner.members = {}
        owner.members[name] = self

    def __get__(self, obj: Struct | None, owner: type[Struct]) -> int:
        if obj is None:
            raise AttributeError(self.name)
        field: Field = getattr(obj.m, self.field)
        return field.get(obj.id if self.at is None else self.at(obj)) + self.bias

    def __set__(self, obj: Struct, value: int) -> None:
        field: Field = getattr(obj.m, self.field)
        field.set(obj.id if self.at is None else self.at(obj), value - self.bias)

    def cells(self, obj: Struct) -> list[Cell]:
        """Every cell on which the member's value depends."""
        return [(getattr(obj.m, self.field), obj.id if self.at is None else self.at(obj))]


class Derived:
    """A member that is worked out from several cells, or from none: a sum, an array, another struct; read only."""

    def __init__(self, ctype: str, get: Callable[[Any], Any], cells: Callable[[Any], list[Cell]] | None = None) -> None:
        """Without ``cells`` the value never changes."""
        self.ctype = ctype
        self.get = get
        self.depends = cells
        self.name = ""

    def __set_name__(self, owner: type[Struct], name: str) -> None:
        Member.__set_name__(self, owner, name)  # type: ignore[arg-type]

    def __get__(self, obj: Struct | None, owner: type[Struct]) -> Any:
        if obj is None:
            raise AttributeError(self.name)
        return self.get(obj)

    def cells(self, obj: Struct) -> list[Cell]:
        """Every cell on which the member's value depends."""
        return self.depends(obj) if self.depends is not None else []


class Struct:
    """A handle to one struct of the machine."""

    __slots__ = ("id", "m")
    members: ClassVar[dict[str, Member | Derived]] = {}
    cname: ClassVar[str] = ""

    def __init__(self, m: Machine, number: int) -> None:
        self.m = m
        self.id = number

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.id == getattr(other, "id", None)

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.id))

    def __repr__(self) -> str:
        return f"{self.cname}#{self.id}"

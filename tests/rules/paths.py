# SPDX-License-Identifier: GPL-2.0-only
"""Checkers for modelled functions: what a fingerprint cannot see must not be there.

Each takes syntax trees by file name and gives complaints, ``file:line: what``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

Trees = dict[str, ast.Module]
Function = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)

HANDED_OVER = ("GeneratorDriver",)
"""What takes a path to drive it: its arguments are no calls of the path."""
LOOKALIKES: dict[str, frozenset[str]] = {}
"""Per file, names of yielding functions that mean something else there."""


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a function's own body, nested functions left out."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, _SCOPES):
            yield child
            yield from own_nodes(child)


def yielding(trees: Trees) -> dict[str, list[tuple[str, Function]]]:
    """Functions with a yield of their own, by name: (file, function)."""
    found: dict[str, list[tuple[str, Function]]] = {}
    for file, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and any(map(is_yield, own_nodes(node))):
                found.setdefault(node.name, []).append((file, node))
    return found


def is_yield(node: ast.AST) -> bool:
    return isinstance(node, (ast.Yield, ast.YieldFrom))


def each_yielding(trees: Trees) -> Iterator[tuple[str, Function]]:
    for functions in yielding(trees).values():
        yield from functions


def calls_without_yield_from(names: set[str], trees: Trees) -> list[str]:
    """Calls of a path that are not under ``yield from``: they would do nothing at all."""
    bad = []
    for file, tree in trees.items():
        for parent in ast.walk(tree):
            for child in ast.iter_child_nodes(parent):
                if not isinstance(child, ast.Call) or called(child) not in names - LOOKALIKES.get(file, frozenset()):
                    continue
                handed = isinstance(parent, ast.Call) and called(parent) in HANDED_OVER and child in parent.args
                if not isinstance(parent, ast.YieldFrom) and not handed:
                    bad.append(f"{file}:{child.lineno}: {called(child)}() without yield from")
    return bad


def called(call: ast.Call) -> str:
    """Last part of the name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def half_done_yields(trees: Trees) -> list[str]:
    """Yields inside a bigger expression: what is computed so far would be on a stack that nobody sees."""
    bad = []
    for file, function in each_yielding(trees):
        for parent in (function, *own_nodes(function)):
            for child in ast.iter_child_nodes(parent):
                whole = isinstance(parent, (ast.Expr, ast.Assign, ast.AnnAssign, ast.Return)) and parent.value is child
                if is_yield(child) and not whole:
                    bad.append(f"{file}:{child.lineno}: a yield inside an expression")
    return bad


def hidden_state(trees: Trees) -> list[str]:
    """``try`` and ``with`` around a yield, ``for`` over anything but a range with a named variable and named bounds."""
    bad = []
    for file, function in each_yielding(trees):
        for node in own_nodes(function):
            around = isinstance(node, (ast.Try, ast.TryStar, ast.With, ast.AsyncWith)) and any(map(is_yield, own_nodes(node)))
            if around:
                bad.append(f"{file}:{node.lineno}: {type(node).__name__.lower()} around a yield")
            if isinstance(node, (ast.For, ast.AsyncFor)) and not _over_range(node):
                bad.append(f"{file}:{node.lineno}: for over something else than range() with a named variable")
            elif isinstance(node, ast.For) and any(map(is_yield, own_nodes(node))) and _hides_its_bounds(node):
                bad.append(f"{file}:{node.lineno}: where this range() ends is in no variable, or in one that changes")
    return bad


def _over_range(loop: ast.For | ast.AsyncFor) -> bool:
    named = isinstance(loop.target, ast.Name) and loop.target.id != "_"
    return named and isinstance(loop.iter, ast.Call) and isinstance(loop.iter.func, ast.Name) and loop.iter.func.id == "range"


FIXED = frozenset({"action", "m", "m.arch", "arch"})
"""What never changes; its members may bound a range."""


def _hides_its_bounds(loop: ast.For) -> bool:
    """Does its range read what another CPU may change, or go by variables that the loop stores?"""
    assert isinstance(loop.iter, ast.Call)
    bounds = [node for each in (*loop.iter.args, loop.target) for node in ast.walk(each)]
    names = {node.id for node in bounds if isinstance(node, ast.Name)}
    inside = [node for each in loop.body for node in (each, *own_nodes(each))]
    stored = {node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    calls = any(isinstance(node, ast.Call) and called(node) != "len" for node in bounds)
    members = {ast.unparse(node.value) for node in bounds if isinstance(node, ast.Attribute)}
    return calls or not members <= FIXED or not names.isdisjoint(stored)


FIELD_INTERNALS = frozenset({"chunks"})


def field_internals(trees: Trees) -> list[str]:
    """Attributes that belong to ``Field`` alone."""
    return [
        f"{file}:{node.lineno}: .{node.attr} is Field's own"
        for file, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in FIELD_INTERNALS
    ]

# SPDX-License-Identifier: GPL-2.0-only
"""What can be typed next in an expression: names at a stop, members after ``->``."""

from __future__ import annotations

import re
from functools import cache

from kernelmodel.decision import HIDDEN
from kernelmodel.expr import FORMS, FUNCTIONS, EvalError, Ref, parse, value_of
from kernelmodel.expr.c_values import members
from kernelmodel.expr.env import FIELDS, GEOMETRY, StopEnv
from kernelmodel.expr.tokens import ExprError
from kernelmodel.run_protocol import Run

_SESSION = ("mm", "vma", "vmf", "zone", "memcg", "vmstat")
_CHAIN = re.compile(r"([A-Za-z_]\w*(?:(?:->|\.)\w+|\[[^\[\]]*\])*)(?:->|\.)(\w*)\Z")


def names(env: StopEnv) -> list[str]:
    """Names that have a value at this stop, then functions (with their parenthesis), then constants of the kernel."""
    event = env.event
    found = dict.fromkeys(name for name in FIELDS if getattr(event, name) != -1)
    found |= dict.fromkeys(key for key, value in event.more if isinstance(value, int))
    found |= dict.fromkeys(name for name in (*_locals(env), *_SESSION) if name not in found and _known(env, name))
    return [*found, *(f"{name}(" for name in (*FUNCTIONS, *FORMS)), *GEOMETRY, *_constants()]


def completions(session: Run, word: str) -> list[str]:
    """What a name or a chain (``vma->vm_st``) at the end of an expression may become at the present stop, whole."""
    env = StopEnv(session, session.step)
    match = _CHAIN.search(word)
    if match is None:
        return [name for name in names(env) if name.startswith(word)]
    before = word[: match.start(2)]
    return [before + name for name in members_of(word, env)]


def members_of(text: str, env: StopEnv) -> list[str]:
    """Members that may stand where ``text`` ends: all that begin with what follows its last ``->`` or ``.``.

    Empty if it does not end in a member, or if what stands before has no value at this stop.
    """
    match = _CHAIN.search(text)
    if match is None:
        return []
    try:
        ref = value_of(parse(match[1]), env)
    except (ExprError, EvalError):
        return []
    return [name for name in members(ref) if name.startswith(match[2])]


def _locals(env: StopEnv) -> list[str]:
    calls = getattr(env.session, "calls", None)
    if calls is None:
        return []
    if env.session.step != env.at:
        env.session.seek(env.at)
    return [name for call in reversed(calls()) for name in call.locals if name.isidentifier() and name not in HIDDEN]


def _known(env: StopEnv, name: str) -> bool:
    try:
        value: int | Ref = env.name(name)
    except EvalError:
        return False
    return value is not None


@cache
def _constants() -> tuple[str, ...]:
    from kernelmodel import defs

    return tuple(
        name
        for name, value in vars(defs).items()
        if isinstance(value, int) and (name[0].isupper() or name.startswith("__GFP_"))
    )

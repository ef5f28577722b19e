# SPDX-License-Identifier: GPL-2.0-only
"""Random expressions against Python's own arithmetic, and random text against the parser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.expr import EvalError, ExprError, caret, evaluate, frozen, parse, truth, value_of
from kernelmodel.expr.env import StopEnv
from kernelmodel.journal import Field
from kernelmodel.machine import Machine
from kernelmodel.scenario import load
from kernelmodel.session import Session
from kernelmodel.structs import Struct, VmFault

M64 = (1 << 64) - 1
PRECEDENCE = {
    "*": 10, "/": 10, "%": 10, "+": 9, "-": 9, "<<": 8, ">>": 8, "<": 7, "<=": 7, ">": 7, ">=": 7, "==": 6, "!=": 6,
    "&": 5, "^": 4, "|": 3, "&&": 2, "||": 1,
}  # fmt: skip
NAMES = {"order": 4, "i": 2, "big": M64, "half": 1 << 63, "nil": 0}


class Undefined(Exception):
    """What C leaves undefined."""


class Env:
    """The names of the test."""

    def name(self, name: str) -> int:
        return NAMES[name]


def binary(op: str, a: int, right: object) -> int:
    if op == "&&":
        return int(bool(a) and bool(oracle(right)))
    if op == "||":
        return int(bool(a) or bool(oracle(right)))
    b = oracle(right)
    if (op in "/%" and b == 0) or (op in ("<<", ">>") and b > 63):
        raise Undefined
    return int(eval(f"a {'//' if op == '/' else op} b", {"a": a, "b": b})) & M64


def oracle(tree: object) -> int:
    match tree:
        case int():
            return tree
        case str():
            return NAMES[tree]
        case ("-", a):
            return -oracle(a) & M64
        case ("~", a):
            return ~oracle(a) & M64
        case ("!", a):
            return int(not oracle(a))
        case ("?", a, b, c):
            return oracle(b) if oracle(a) else oracle(c)
        case (op, a, b):
            return binary(op, oracle(a), b)
    raise AssertionError(tree)


def spelled(tree: object, outer: int = 0) -> str:
    """C text with no more parentheses than C needs (left operand: same level stands bare; right: needs them)."""
    match tree:
        case int():
            return str(tree)
        case str():
            return tree
        case (op, a):
            return f"{op} {spelled(a, 11)}"
        case ("?", a, b, c):
            text, level = f"{spelled(a, 1)} ? {spelled(b)} : {spelled(c, 0)}", 0
        case (op, a, b):
            level = PRECEDENCE[op]
            text = f"{spelled(a, level)} {op} {spelled(b, level + 1)}"
    return f"({text})" if level < outer else text


leaves = st.one_of(st.integers(0, 70), st.integers(0, M64), st.sampled_from([M64, 1 << 63, *NAMES]))
trees = st.recursive(
    leaves,
    lambda kids: st.one_of(
        st.tuples(st.sampled_from("-~!"), kids),
        st.tuples(st.sampled_from(list(PRECEDENCE)), kids, kids),
        st.tuples(st.just("?"), kids, kids, kids),
    ),
    max_leaves=25,
)


@settings(max_examples=200, deadline=None)
@given(trees)
def test_against_python(tree: object) -> None:
    text = spelled(tree)
    expr = parse(text)
    try:
        want = oracle(tree)
    except Undefined:
        try:
            got = evaluate(expr, Env())  # type: ignore[arg-type]
        except EvalError:
            return
        raise AssertionError(f"{text} has no value in C, but is {got} here") from None
    assert evaluate(expr, Env()) == want, text  # type: ignore[arg-type]


pieces = st.lists(
    st.sampled_from(
        "( ) [ ] . -> ! ~ - * / % + << >> < <= > >= == != & ^ | && || ? : = += ++ -- , ; ' \" 0 1 08 0x 4K 9ull order i "
        "order( changed( was( pte( size( hits() step() sizeof int and true NULL EINVAL \t \n é \x00 \ud800 [b] ٣ ²".split(" ")
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=200), pieces.map(" ".join), pieces.map("".join)))
def test_any_text_parses_or_is_an_expr_error(text: str) -> None:
    error = refusal(text)
    if error is None:
        assert parse(text).text == text
    else:
        assert 1 <= error.col <= len(text) + 1
        assert error.message
        assert error.message.isprintable()
        assert caret(text, error).count("\n") == 1


def refusal(text: str) -> ExprError | None:
    try:
        parse(text)
    except ExprError as error:
        return error
    return None


words = st.lists(
    st.sampled_from(
        "( ) [ ] -> . -> . ! ~ - * + << / % == && || ? : 0 1 4K order i cpu orders folio vma vmf mm zone memcg vmstat m arch self "
        "was( changed( pte( size( order( hits() step() vm_start vm_mm free_area nr_free _watermark 0] pmd orig_pte anon_pages gfp "
        "__class__ __dict__ members id name journal chunks get peek address PAGE_SIZE EINVAL VM_WRITE PATH environ".split()
    ),
    max_size=14,
)
chains = st.tuples(
    st.sampled_from("vma vmf mm zone folio memcg vmstat orders m arch self".split()),
    st.lists(st.sampled_from("->vm_mm ->free_area [0] [9] ->m ->id ->__class__ ->members ->nr_free ->vma .anon_pages ->name".split()), max_size=4),
).map(lambda each: each[0] + "".join(each[1]))


def stops() -> Session:
    session = Session(load("scenarios/seed/unfit.toml"))
    while not session.finished:
        session.advance()
    return session


RUN = stops()


@settings(max_examples=300, deadline=None)
@given(st.one_of(words.map(" ".join), words.map("".join), chains, chains.map(lambda text: f"was({text})"), st.text(max_size=30)), st.integers(0, RUN.last))
def test_any_expression_has_a_value_or_says_why_at_a_real_stop(text: str, step: int) -> None:
    RUN.seek(step)
    before = RUN.digest()
    if refusal(text) is not None:
        return
    expr = parse(text)
    for ask in (evaluate, truth, frozen, value_of):
        value = told(lambda ask=ask: ask(expr, StopEnv(RUN, step)))
        if isinstance(value, EvalError):
            assert value.message
            assert "\n" not in value.message
            continue
        assert isinstance(value, (int, str, list, tuple, Struct, VmFault))
        assert not isinstance(value, (Machine, Field))
        assert isinstance(value, bool) or not isinstance(value, int) or 0 <= value <= M64
    assert (RUN.step, RUN.digest()) == (step, before)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 80), st.sampled_from(["changed(", "was(", "pte(", "size(", "!", "(", "- ", "1 ? ", "order("]))
def test_deep_nesting_is_bounded(depth: int, opening: str) -> None:
    text = opening * depth + "1" + ")" * (depth if "(" in opening else 0) + ": 2" * (depth if "?" in opening else 0)
    error = refusal(text)
    if error is not None:
        assert depth > (1 if opening in ("changed(", "was(") else 64)
        assert "nested deeper" in error.message or "inside" in error.message
        return
    value = told(lambda: evaluate(parse(text), StopEnv(RUN, RUN.last)))
    assert isinstance(value, int) or "there is no order" in value.message


def told(ask: Callable[[], Any]) -> Any:
    """A value, or the error that says why there is none."""
    try:
        return ask()
    except EvalError as error:
        return error

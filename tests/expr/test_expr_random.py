# SPDX-License-Identifier: GPL-2.0-only
"""Random expressions against Python's own arithmetic, and random text against the parser."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.expr import EvalError, ExprError, caret, evaluate, parse

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


@settings(max_examples=400, deadline=None)
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
        "order( changed( sizeof int and true NULL EINVAL \t \n é \x00 \ud800 [b] ٣ ²".split(" ")
    ),
    max_size=60,
)


@settings(max_examples=400, deadline=None)
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

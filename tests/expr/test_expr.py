# SPDX-License-Identifier: GPL-2.0-only
"""Expressions in C syntax: values, precedence, errors with their columns, limits."""

from __future__ import annotations

import pytest

from kernelmodel.expr import EvalError, ExprError, caret, evaluate, number, parse, truth

M64 = (1 << 64) - 1


class Ref:
    """A struct of the test: only the environment knows what is inside."""

    secret = 7


class Names:
    """An environment of fixed values that counts what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.vma = Ref()

    def name(self, name: str) -> object:
        self.asked.append(name)
        values = {"order": 4, "cpu": 0, "i": 2, "minus": -1, "vma": self.vma, "folio": 0, "orders": Ref()}
        if name not in values:
            raise EvalError(f"{name} has no value here")
        return values[name]

    def member(self, ref: object, name: str) -> object:
        if name == "vm_start":
            return 0x7F0000002000
        if name == "vm_mm":
            return Ref()
        raise EvalError(f"no member {name}")

    def index(self, ref: object, index: int) -> int:
        return [9, 4, 3][index]

    def call(self, name: str, args: tuple[int, ...]) -> int:
        return (args[0] >> 12).bit_length() - 1


def value(text: str) -> int:
    return evaluate(parse(text), Names())


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("4K", 4096), ("0x10K", 0x4000), ("1M", 1 << 20), ("2G", 2 << 30), ("1T", 1 << 40), ("010", 8), ("0", 0),
        ("0xfful", 255), ("10u", 10), ("3LL", 3), ("true", 1), ("false", 0), ("NULL", 0),
        ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("10 - 4 - 3", 3), ("100 / 10 / 5", 2), ("7 % 4 * 2", 6),
        ("1 << 2 + 1", 8), ("1 | 2 ^ 3 & 2", 1 | (2 ^ (3 & 2))), ("6 & 2 == 2", 0), ("1 < 2 == 1", 1), ("3 > 2 > 1", 0),
        ("1 || 0 && 0", 1), ("0 ? 1 : 0 ? 2 : 3", 3), ("1 ? 0 ? 1 : 2 : 3", 2), ("0 || 1 ? 5 : 6", 5), ("1 ? 2 : 3 + 4", 2),
        ("-1", M64), ("- -1", 1), ("~0", M64), ("!0", 1), ("!7", 0), ("!!7", 1), ("-2 * 3", M64 - 5), ("!order == 0", 1),
        ("0 - 1 > 0", 1), ("-1 >> 63", 1), ("1 << 63", 1 << 63), ("2 << 63", 0), ("minus == -1", 1), ("+5", 5),
        ("order > 3 && cpu == 0", 1), ("vma->vm_start", 0x7F0000002000), ("vma.vm_start + 4K", 0x7F0000003000),
        ("vma->vm_mm != vma", 1), ("vma == vma", 1), ("vma != NULL", 1), ("folio == NULL", 1), ("!vma", 0), ("!folio", 1),
        ("orders[i]", 3), ("orders[i - 1] << 2", 16), ("-orders[1]", M64 - 3), ("order(64K)", 4), ("order(64K) == order", 1),
        ("-EINVAL", M64 - 21), ("EBUSY", 16), ("VM_FAULT_OOM | VM_FAULT_SIGBUS", 3), ("cpu ? vma : i", 2),
    ],
)  # fmt: skip
def test_value(text: str, want: int) -> None:
    assert value(text) == want


@pytest.mark.parametrize(
    ("text", "col", "words"),
    [
        ("", 1, "empty"), ("   ", 1, "empty"), ("order >", 8, "ends too early"), ("order = 3", 7, "=="), ("i += 1", 3, "assignments"),
        ("i++", 2, "++"), ("--i", 1, "--"), ('x == "a"', 6, "strings"), ("x == 'a'", 6, "character literals"),
        ("sizeof(x)", 1, "sizeof"), ("(int)x", 2, "casts"), ("(unsigned long)x", 2, "casts"), ("(pte_t)x", 8, "casts"),
        ("a, b", 2, "comma"), ("order(1, 2)", 8, "comma"), ("ordr(3)", 1, "did you mean order()?"), ("system(1)", 1, "no function"),
        ("changed(was(i))", 9, "was() inside changed()"), ("was(1 + changed(i))", 9, "changed() inside was()"), ("order()", 7, "expected"),
        ("was()", 5, "expected a number or a name"), ("was(", 5, "too early"), ("chnged(i)", 1, "did you mean changed()?"),
        ("hits(3)", 6, "hits() to take nothing"), ("step(", 6, "match the ("), ("size()", 6, "expected"),
        ("1 2", 3, "operator"), ("x and y", 3, "&&"), ("x or y", 3, "||"), ("*p", 1, "->"), ("&p", 1, "->"), ("08", 1, "octal"),
        ("1.5", 1, "fractions"), ("4KB", 1, "K, M, G and T"), ("4k", 1, "K, M, G and T"), ("0x", 1, "not a number"),
        ("18446744073709551616", 1, "64 bits"), ("16777216T", 1, "64 bits"), ("9" * 5000, 1, "longer"), ("9" * 4000, 1, "64 bits"),
        ("(1", 3, "match the ( at column 1"), ("a[1", 4, "match the [ at column 2"), ("1 ? 2", 6, "match the ? at column 3"),
        ("1)", 2, "unexpected )"), ("a->3", 4, "member"), ("a.", 3, "member"), ("\xe9", 1, "unexpected character"),
        ("a;b", 2, "statements"), ("a{", 2, "{"), ("a @ b", 3, "@"), ("\x00", 1, "'\\x00'"), ("x(1)(2)", 1, "no function"),
    ],
)  # fmt: skip
def test_error(text: str, col: int, words: str) -> None:
    with pytest.raises(ExprError) as caught:
        parse(text)
    assert words in caught.value.message
    assert caught.value.col == col
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothing", "nothing has no value here"), ("1 << 64", "shift by 64"), ("1 >> i + 62", "shift by 64"), ("1 << minus", "shift by"),
        ("1 / cpu", "division by zero"), ("1 % 0", "division by zero"), ("vma", "vma is not a number"), ("vma + 1", "vma is not a number"),
        ("order->x", "order is a number"), ("folio->order", "folio is NULL"), ("order[0]", "order is a number"),
        ("vma == 3", "NULL"), ("~vma", "not a number"), ("orders[vma]", "vma is not a number"), ("vma->vm_mm + 1", "vm_mm is not a number"),
        ("vma->__class__", "no member __class__"), ("True", "True has no value here"), ("defs", "no value"),
        ("result_name", "no value"), ("VM_EVENTS", "no value"),
    ],
)  # fmt: skip
def test_no_value(text: str, words: str) -> None:
    expr = parse(text)
    with pytest.raises(EvalError, match=words.replace("(", r"\(")):
        evaluate(expr, Names())


@pytest.mark.parametrize("text", ["0 && nothing", "1 || nothing", "1 ? 2 : nothing", "0 ? nothing : 2", "0 && 1 / 0"])
def test_short_circuit(text: str) -> None:
    names = Names()
    evaluate(parse(text), names)
    assert names.asked == []


def test_truth_of_structs() -> None:
    assert truth(parse("vma"), Names())
    assert truth(parse("vma && order"), Names())
    assert not truth(parse("folio"), Names())
    assert evaluate(parse("vma || nothing"), Names()) == 1


def test_limits_of_nesting() -> None:
    assert value("(" * 64 + "1" + ")" * 64) == 1
    assert value("!" * 64 + "1") == 1
    for text in ("(" * 65 + "1" + ")" * 65, "!" * 65 + "1", "1?" * 65 + "1" + ":1" * 65, "orders[" * 65 + "0" + "]" * 65):
        with pytest.raises(ExprError, match="nested deeper than 64"):
            parse(text)


def test_limits_of_length() -> None:
    assert value("+".join("1" * 500)) == 500
    assert value("||".join(["0"] * 500)) == 0
    with pytest.raises(ExprError, match="more than 1000 parts"):
        parse("+".join("1" * 600))
    assert value("1" + " " * 4095) == 1
    with pytest.raises(ExprError, match="longer than 4096"):
        parse("1" + " " * 4096)


def test_long_chains_cost_no_stack() -> None:
    expr = parse("vma" + ".vm_mm" * 500 + "&& 1")
    assert truth(expr, Names())


def test_expr_is_immutable_and_keeps_its_text() -> None:
    expr = parse(" order>3 ")
    assert expr.text == " order>3 "
    with pytest.raises(AttributeError):
        expr.root.op = "<"  # type: ignore[misc]
    assert hash(expr) == hash(parse(" order>3 "))


def test_caret() -> None:
    with pytest.raises(ExprError) as caught:
        parse("order => 3")
    assert caret("order => 3", caught.value) == "order => 3\n      ^"


def test_caret_in_a_long_text_shows_a_window() -> None:
    text = "order\t>\n3 && " + "cpu == 0 && " * 50 + "i = 2" + " && i" * 50
    with pytest.raises(ExprError) as caught:
        parse(text)
    shown, mark = caret(text, caught.value).split("\n")
    assert len(shown) <= 100
    assert shown[mark.index("^")] == "="


def test_no_text_is_no_number() -> None:
    with pytest.raises(ExprError, match="not a number"):
        number("")

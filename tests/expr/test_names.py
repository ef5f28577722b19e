# SPDX-License-Identifier: GPL-2.0-only
"""What a bare name means: in a condition, printed, followed, in another call, on another CPU, and nowhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kernelmodel.expr import EvalError, ExprError, evaluate, parse
from kernelmodel.expr.env import StopEnv
from kernelmodel.expr.unknown import checker, unknown
from kernelmodel.session import Session
from kernelmodel.snapshot import CallView, View, WatchView
from kernelmodel.stops import Breakpoints
from kernelmodel.stops.attrs import LocationError
from kernelmodel.trail import history, last_change
from tests.runs import shipped
from tui.told import display, value


def whole(name: str) -> Session:
    run = Session(shipped(f"seed/{name}.toml"))
    while not run.finished:
        run.advance()
    run.seek(0)
    return run


@pytest.fixture
def unfit() -> Session:
    return whole("unfit")


def go(run: Session, wanted: Callable[[Session, int], bool]) -> None:
    run.seek(next(step for step in range(run.last) if wanted(run, step)))


def at(run: Session, kind: str) -> Session:
    go(run, lambda run, step: run.event(step).kind == kind)
    return run


def watched(run: Session, text: str, **view: int) -> WatchView:
    return run.snapshot(View(watch=(text,), **view)).watches[0]


def test_a_condition_asks_for_the_operand_and_print_says_the_variable_and_both(unfit: Session) -> None:
    at(unfit, "alloc")
    assert unfit.event(unfit.step).addr == 0x7F0000005000
    assert unfit.ask("addr") == 0x7F0000005000
    assert evaluate(parse("addr"), StopEnv(unfit, unfit.step, variables=True)) == 0x7F0000000000
    assert value(unfit, "addr") == "0x7f0000000000  (the decision's addr: 0x7f0000005000)"
    assert display(unfit, "addr + 0") == "addr + 0 = 139637976727552 (0x7f0000000000)"
    at(unfit, "vma-bounds")
    assert value(unfit, "addr") == "0x7f0000000000"


def test_a_condition_finds_variables_of_callers_and_then_of_mechanisms(unfit: Session) -> None:
    at(unfit, "alloc")
    assert unfit.ask("prefer") == 4
    assert unfit.ask("nr_pages") == 1  # of do_anonymous_page
    assert unfit.ask("local") in (0, 1)  # of alloc_pages_mpol
    assert not watched(unfit, "local").ok
    calls = unfit.snapshot(View()).calls
    assert calls[-1].function == "alloc_pages_mpol"
    assert watched(unfit, "local", frame=len(calls) - 1).ok


def test_a_variable_that_was_never_set_has_no_value() -> None:
    run = whole("read-fault-bug")
    run.seek(run.last)
    calls = run.snapshot(View()).calls
    assert ("addr", "(not set)") in [(each.name, each.text) for each in calls[-1].locals]
    assert run.event(run.step).addr >= 0
    assert value(run, "addr") == "(addr is not set here)"
    with pytest.raises(EvalError, match="addr is not set here"):
        evaluate(parse("addr"), StopEnv(run, run.step, follow=True))
    assert last_change(run, "addr") is None


def spelled(call: CallView) -> dict[str, str]:
    return {each.name: each.text for each in call.locals}


def test_print_says_what_the_locals_of_the_selected_call_say(unfit: Session) -> None:
    for step in range(0, unfit.last, 7):
        unfit.seek(step)
        for frame, call in enumerate(unfit.snapshot(View()).calls):
            for name, text in spelled(call).items():
                found = watched(unfit, name, frame=frame)
                if found.ok:
                    assert found.value.split(" (0x")[0] == text or found.value.endswith(f" ({text})"), name
                else:
                    assert "not set" in found.value or "not a number" in found.value or "no member" in found.value


def test_the_selected_call_counts_and_then_its_callers(unfit: Session) -> None:
    at(unfit, "pte-range")
    calls = unfit.snapshot(View()).calls
    inner = next(n for n, call in enumerate(calls) if call.function == "alloc_anon_folio")
    outer = next(n for n, call in enumerate(calls) if call.function == "do_anonymous_page")
    assert value(unfit, "prefer", frame=inner) == "4"
    assert value(unfit, "prefer", frame=outer) == "(prefer has no value here)"
    assert value(unfit, "uffd_wp", frame=inner) == value(unfit, "uffd_wp", frame=outer) == "false"
    assert value(unfit, "addr", frame=outer) == "(addr is not set here)"
    assert value(unfit, "addr").startswith("0x7f")
    assert value(unfit, "mm->map_count", frame=0) == value(unfit, "mm->map_count")


def test_another_cpu_has_its_own_variables_or_none() -> None:
    run = whole("eagain-two-cpus")
    go(run, lambda run, step: run.calls(1 - run.event(step).cpu) == [] if run.seek(step) else False)
    other = 1 - run.event(run.step).cpu
    for name in ("order", "address", "vma", "vmf->pmd", "cpu", "addr"):
        assert value(run, name, cpu=other).startswith(f"({name.split('->')[0]} has no value on cpu{other}"), name
    assert value(run, "mm", cpu=other) == value(run, "mm")
    assert value(run, "step", cpu=other) == value(run, "step")

    def both(run: Session, step: int) -> bool:
        run.seek(step)
        return bool(run.calls(0)) and bool(run.calls(1))

    go(run, both)
    for cpu in (0, 1):
        assert value(run, "cpu", cpu=cpu) == str(cpu)
        assert value(run, "address", cpu=cpu) == spelled(run.snapshot(View(cpu=cpu)).calls[0])["address"]


def test_one_variable_is_followed_and_not_another_of_the_same_name(unfit: Session) -> None:
    names = [(unfit.event(each.step).function, unfit.event(each.by).function) for each in history(unfit, "addr")]
    assert names == [("alloc_anon_folio", "alloc_anon_folio")]
    for each in history(unfit, "i"):
        assert unfit.access_of(each.step) == unfit.access_of(each.by)
        assert unfit.event(each.step).function == unfit.event(each.by).function
    # a struct that two calls have is one struct
    assert [each.shown for each in history(unfit, "vma->anon_vma")] == [("0", "1")]
    assert history(unfit, "vma") == history(unfit, "order") == []


def test_changed_follows_one_variable_too(unfit: Session) -> None:
    met = []
    for step in range(1, unfit.last):
        unfit.seek(step)
        try:
            if evaluate(parse("changed(addr)"), StopEnv(unfit, step, follow=True)):
                met.append(step)
        except EvalError:
            continue
    assert met == [each.step for each in history(unfit, "addr")]


def test_values_are_spelled_the_same_everywhere(unfit: Session) -> None:
    shown = {each.shown for each in history(unfit, "vmf->pte")}
    assert ("NULL", "table 3 [0x005]") in shown
    at(unfit, "install")
    assert value(unfit, "folio") == "pfn 0x100000, order 0"
    assert value(unfit, "vmf->pmd") == spelled(unfit.snapshot(View()).calls[-1])["vmf->pmd"] == "table 2 [0x000]"
    assert value(unfit, "vmstat") == "struct vmstat"
    unfit.seek(unfit.last)
    assert value(unfit, "vmstat") == "{min_flt = 4, MM_ANONPAGES = 26, pgfault = 4, nr_anon_pages = 26}"
    at(unfit, "charge")
    assert value(unfit, "gfp") == "0xcc0 GFP_KERNEL"
    stops = Breakpoints()
    stops.add('install log "{folio} {i}"')
    at(unfit, "install")
    assert stops.match(unfit) is None
    assert stops.take_log()[0][1] == "pfn 0x100000, order 0 0"


@pytest.mark.parametrize(
    ("text", "names", "hint"),
    [
        ("nosuch", ["nosuch"], ""), ("1 + perfer", ["perfer"], "did you mean prefer?"), ("mm->nosuch", ["nosuch"], ""),
        ("vma->vm_mm->nr_pte + x", ["nr_pte", "x"], "did you mean nr_ptes?"), ("zone->free_area[3].nr_fre", ["nr_fre"], "did you mean nr_free?"),
        ("zone->free_area.nr_free", ["nr_free"], ""), ("vma->vm_start->x", ["x"], ""), ("vmf->vma->vm_start", [], ""), ("order + gfp + from", [], ""),
        ("heap + PAGE_SIZE + EINVAL + __GFP_ZERO", [], ""), ("orders[i] + hugepage", [], ""), ("memcg->usage + folio->order", [], ""),
        ("zone->_watermark[1]", [], ""), ("vmf->m", ["m"], ""), ("page_size", ["page_size"], "did you mean PAGE_SIZE?"),
    ],
)  # fmt: skip
def test_names_that_nothing_has(text: str, names: list[str], hint: str) -> None:
    found = unknown(parse(text), ["heap"])
    assert [each.name for each in found] == names
    assert all(text[each.at :].startswith(each.name) for each in found)
    assert not found or found[0].hint == hint


def test_operands_cannot_be_followed() -> None:
    assert [each.name for each in unknown(parse("fault + i"), [], followed=True)] == ["fault"]
    assert [each.name for each in unknown(parse("hugepage"), [], followed=True)] == ["hugepage"]


@pytest.mark.parametrize(
    ("make", "text", "culprit", "words"),
    [
        ("watch", "nosuch", "nosuch", "nothing has the name"), ("watch", "mm->nosuch", "nosuch", "struct mm_struct has no member"),
        ("watch", "fault", "fault", r"operand .* changed\(fault\)"), ("add", "alloc if i > 0 && nosuch", "nosuch", "nothing"),
        ("add", 'alloc log "a {nosuch} b"', "nosuch} b", "nothing"), ("add", "alloc if 1 / 0", "/ 0", "division"),
        ("add", "alloc if order && (1 << 64)", "<< 64)", "shift"), ("watch", "i if mm->x", "x", "no member x"),
    ],
)  # fmt: skip
def test_breakpoints_refuse_them_with_the_column(
    unfit: Session, make: str, text: str, culprit: str, words: str
) -> None:
    stops = Breakpoints(check=checker(["heap"]))
    with pytest.raises(ExprError, match=words) as told:
        getattr(stops, make)(text)
    assert text[told.value.at :].startswith(culprit)
    assert len(stops) == 0
    getattr(Breakpoints(), make)(text)


def test_what_is_said_anew_is_checked_too() -> None:
    stops = Breakpoints(check=checker(["heap"]))
    stops.add("alloc if order > 3")
    stops.watch("i")
    for change in (lambda: stops.set_condition(1, "nosuch"), lambda: stops.replace(1, "alloc if nosuch"),
                   lambda: stops.replace(2, "fault"), lambda: stops.add("alloc", "nosuch")):  # fmt: skip
        with pytest.raises(ExprError):
            change()
    assert [each.text for each in stops] == ["alloc if order > 3", "i"]


@pytest.mark.parametrize(
    "text", ["fallback(reason=vma-bound)", "step-down(reason=pte-rang)", "step-down(reason=policy)"]
)
def test_reasons_that_a_kind_cannot_have(text: str) -> None:
    with pytest.raises(LocationError, match=r"has no reason .*(did you mean|it has)"):
        Breakpoints().add(text)


def test_reasons_that_are_no_list_are_any_word() -> None:
    for text in ("fallback(reason=vma-bounds)", "vma-bounds(reason=anything)", "alloc(reason=watermark)"):
        Breakpoints().add(text)


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("vma->vm_mm->nosuch", "nosuch"), ("1 + nosuch", "nosuch"), ("zone->free_area[99]", "[99]"), ("1 + was(nosuch)", "nosuch"),
        ("2 * (8 / (4 - 4))", "/ (4"), ("size(99) + 1", "size(99)"), ("mm && zone->wmark_min->x", "x"),
    ],
)  # fmt: skip
def test_an_error_of_evaluation_says_where(unfit: Session, text: str, culprit: str) -> None:
    at(unfit, "vma-bounds")
    with pytest.raises(EvalError) as told:
        unfit.ask(text)
    assert text[told.value.at :].startswith(culprit)

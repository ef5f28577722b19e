# SPDX-License-Identifier: GPL-2.0-only
"""Rules of a scenario that concern its run: events and answers, breakpoints, the schedule, what is expected."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from kernelmodel.decision import BUGS, KINDS
from kernelmodel.scenario.faults import KeyPath, nearest, short, show
from kernelmodel.scenario.keys import EVENT, RESULT_NAMES
from kernelmodel.scenario.kinds import WRONG
from kernelmodel.scenario.mm import Context
from kernelmodel.scenario.types import Action, Answer, BreakSpec, Expect
from kernelmodel.scenario.verbs import VERBS, action, declare, limit_populates
from kernelmodel.variant_names import SITES, SITES_WITH_ORDER

_ANSWER = re.compile(r"\s*(\w+)\s*(?:\(\s*(?:order\s*=\s*([^()=\s]*))?\s*\))?\s*=\s*(\S.*?)\s*", re.ASCII)
MAX_ANSWER = 200
_TURN = re.compile(r"([0-9]{1,3})(?:\*([0-9]{1,9}))?", re.ASCII)


# -- events -------------------------------------------------------------------------------------------
def read_events(ctx: Context, tables: list[dict[str, Any]], raw: Any) -> tuple[Action, ...]:
    """Every ``[[event]]``; ``raw`` is what the file has there, to see which verbs stand in each."""
    if not tables:
        ctx.faults.add(("event",), "a scenario needs at least one [[event]]", 'write = "heap+0x3000"')
    declare(ctx, tables)
    numbered = [(i, table) for i, table in enumerate(tables) if isinstance(raw[i], dict)]
    found = [(i, _event(ctx, table, raw[i], ("event", i))) for i, table in numbered]
    good = [(i, event) for i, event in found if event is not None]
    locked = any("VM_LOCKED" in vma.flags for vma in ctx.vmas.values())
    limit_populates(ctx, good, locked or any("VM_LOCKED" in event.arg("flags", ()) for _, event in good))
    return tuple(event for _, event in good)


def _one_verb(ctx: Context, raw: dict[str, Any], path: KeyPath) -> bool:
    verbs = [key for key in raw if key in VERBS]
    if len(verbs) > 1:
        message = f"an event has one verb, not {' and '.join(verbs)}"
        ctx.faults.add((*path, verbs[1]), message, "write another [[event]]", key=True)
    elif not verbs and all(EVENT.key(key) for key in raw):  # else the unknown key is the fault
        ctx.faults.add(path, "this event does nothing: it has no verb", f"verbs are {', '.join(VERBS)}")
    return len(verbs) == 1


def _event(ctx: Context, table: dict[str, Any], raw: dict[str, Any], path: KeyPath) -> Action | None:
    one = _one_verb(ctx, raw, path)
    verb = next((key for key in VERBS if key in table), None)
    answers = [_answer(ctx, item, (*path, "answers", i)) for i, item in enumerate(table.get("answers", ()))]
    if verb is None or not one:
        return None
    found = action(ctx, verb, table, raw, path)
    good = tuple(answer for answer in answers if answer is not None)
    return None if found is None else found._replace(answers=good)


def _answer(ctx: Context, text: Any, path: KeyPath) -> Answer | None:
    """One ``site = outcome``, if the site exists in this variant and has this outcome."""
    if text is WRONG:
        return None
    faults = ctx.faults
    match = _ANSWER.fullmatch(text) if len(text) <= MAX_ANSWER else None
    if match is None:
        faults.add(path, f"{show(text)} is no answer", "write site = outcome: vma_alloc_folio(order=4) = NULL")
        return None
    name, order, outcome = match[1], match[2], " ".join(match[3].split())
    site = "pte_offset_map()" if name == "pte_offset_map" else name
    if site not in SITES:
        faults.add(path, f"no such site: {show(name)}", nearest(name, SITES), offset=match.start(1))
    elif ctx.variant is not None and site not in ctx.variant.sites:
        hint = "sites are " + ", ".join(sorted(ctx.variant.sites))
        faults.add(path, f"no such site in {ctx.variant.id}: {site}", hint, offset=match.start(1))
    elif _order_fits(ctx, site, order, path, match) and _outcome_fits(ctx, site, outcome, path, match):
        spelled = f"{site}(order={int(order)})" if site in SITES_WITH_ORDER else site
        return Answer(spelled, outcome, faults.place(path))
    return None


def _order_fits(ctx: Context, site: str, order: str | None, path: KeyPath, match: re.Match[str]) -> bool:
    if site not in SITES_WITH_ORDER:
        if order is None:
            return True
        ctx.faults.add(path, f"{site} has no order", f"write {site} = {SITES[site][-1]}", offset=match.start(2))
        return False
    start = match.start(1) if order is None else match.start(2)
    if order is None or not re.fullmatch("[0-9]{1,4}", order):
        said = f"{show(order)} is no order" if order else f"{site} needs its order"
        ctx.faults.add(path, said, f"write {site}(order=4) = {SITES[site][-1]}", offset=start)
        return False
    number, top = int(order), ctx.arch.pmd_order if ctx.arch is not None else 16
    if number == 1:
        ctx.faults.add(path, "no anonymous folio has order 1", f"orders are 0 and 2 … {top}", offset=start)
    elif number > top:
        ctx.faults.add(path, f"order {number} is above PMD_ORDER", f"orders are 0 and 2 … {top}", offset=start)
    return number != 1 and number <= top


def _outcome_fits(ctx: Context, site: str, outcome: str, path: KeyPath, match: re.Match[str]) -> bool:
    if outcome in SITES[site]:
        return True
    message = f"{site} has no outcome {show(outcome)}"
    if site == "pte_offset_map()" and outcome == "NULL":
        message = "a NULL of pte_offset_map() needs its cause"
    ctx.faults.add(path, message, "outcomes are " + ", ".join(SITES[site]), offset=match.start(3))
    return False


# -- breakpoints and the schedule -----------------------------------------------------------------------
def read_breaks(ctx: Context, tables: list[dict[str, Any]]) -> tuple[BreakSpec, ...]:
    """Every ``[[break]]``; locations and conditions are parsed here to find what is wrong with them."""
    if not tables:
        return ()
    from kernelmodel.expr import ExprError, parse
    from kernelmodel.functions import functions
    from kernelmodel.stops.locations import LocationError, parse_location

    found = []
    for i, table in enumerate(tables):
        path = ("break", i)
        if "on" in table:
            try:
                parse_location(table["on"], functions())
            except LocationError as error:
                ctx.faults.add((*path, "on"), error.message, error.hint)
        if "if" in table:
            try:
                parse(table["if"])
            except ExprError as error:
                hint = "conditions are in C syntax: order > 3 && cpu == 0"
                ctx.faults.add((*path, "if"), f"in the condition: {error.message}", hint, offset=error.col - 1)
        found.append(BreakSpec(table.get("on", ""), table.get("if"), ctx.faults.place(path)))
    return tuple(found)


def read_schedule(ctx: Context, text: str, cpus: set[int]) -> tuple[tuple[int, int], ...]:
    """``0*7 1*12 0`` as ((0, 7), (1, 12), (0, -1)); ``cpus`` are those that have an event."""
    found: list[tuple[int, int]] = []
    path: KeyPath = ("schedule",)
    words = list(re.finditer(r"\S+", text))
    for i, word in enumerate(words):
        match = _TURN.fullmatch(word[0])
        cpu = int(match[1]) if match else -1
        stops = int(match[2]) if match and match[2] else -1
        if match is None:
            ctx.faults.add(path, f"{show(word[0])} is no turn", "write CPU*STOPS: 0*7 1*12 0", offset=word.start())
        elif cpu not in cpus:
            ctx.faults.add(path, f"CPU {cpu} has no event", "schedule names CPUs that run", offset=word.start())
        elif stops == 0:
            ctx.faults.add(path, "a turn has at least one stop", "leave it out", offset=word.start())
        elif stops < 0 and i < len(words) - 1:
            ctx.faults.add(path, "only the last turn may have no number of stops", f"{cpu}*7", offset=word.start())
        else:
            found.append((cpu, stops))
    return tuple(found)


# -- what is expected -----------------------------------------------------------------------------------
def read_expect(ctx: Context, table: dict[str, Any], path: KeyPath) -> Expect:
    """``[expect]``, or the part of it for one variant or mutant, which stands at ``path``."""
    if table.get("blocked") and "bug" in table:
        ctx.faults.add((*path, "bug"), "a run ends at a bug or blocked, not both", "leave one out", key=True)
    for i, result in enumerate(table.get("results", ())):
        for word in () if result is WRONG else re.finditer(r"[^|]+", result):
            if word[0] not in RESULT_NAMES:
                hint = nearest(word[0], RESULT_NAMES, len(RESULT_NAMES))
                ctx.faults.add((*path, "results", i), f"no fault returns {short(word[0])}", hint, offset=word.start())
    top = ctx.arch.pmd_order if ctx.arch is not None else 16
    for i, order in enumerate(table.get("orders", ())):
        if order is not WRONG and (order == 1 or order > top):
            ctx.faults.add((*path, "orders", i), f"no access maps order {order}", f"orders are -1, 0 and 2 … {top}")
    for word in re.finditer(r"\S+", table.get("decisions", "")):
        _decision(ctx, word[0], (*path, "decisions"), word.start())
    for key in ("reachable", "unreachable"):
        for i, text in enumerate(table.get(key, ())):
            if text is not WRONG and text != "blocked":
                _decision(ctx, text, (*path, key, i), -1, explored=True)
    if table.get("invariants", "hold") != "hold":
        from kernelmodel.invariants import ALWAYS, SETTLED

        _known(ctx, table["invariants"], (*ALWAYS, *SETTLED, *BUGS), "invariant", (*path, "invariants"))
    if "bug" in table:
        _known(ctx, table["bug"], BUGS, "bug", (*path, "bug"))

    def several(key: str) -> tuple[Any, ...] | None:
        return tuple(item for item in table[key] if item is not WRONG) if key in table else None

    def numbers(key: str) -> tuple[tuple[str, int], ...] | None:
        return tuple(table[key].items()) if key in table else None

    return Expect(
        several("results"), several("orders"), table.get("decisions"), numbers("mthp_stat"), numbers("vmstat"),
        table.get("bug"), table.get("blocked", False), several("reachable"), several("unreachable"),
        table.get("invariants"),
    )  # fmt: skip


def _known(ctx: Context, name: str, names: tuple[str, ...], what: str, path: KeyPath) -> None:
    """Tell of a name that is not among these."""
    if name not in names:
        ctx.faults.add(path, f"no {what} has the name {show(name)}", nearest(name, names, len(names)))


def read_mutants(ctx: Context, names: list[Any], expected: dict[str, Any], variants: Iterable[str]) -> tuple[str, ...]:
    """``mutants`` of the top level; told if one of them, or of ``[expect.mutant]``, is not for the variant.

    Those of the top level are ``variants``' too, which are expected something of.
    """
    if not names and not expected:
        return ()
    from kernelmodel.mutants import misfit

    variant = ctx.variant.id if ctx.variant is not None else None
    places: list[tuple[str, KeyPath]] = [(name, ("mutants", i)) for i, name in enumerate(names) if name is not WRONG]
    places += [(name, ("expect", "mutant", name)) for name in expected]
    for name, path in places:
        if problem := misfit(name, variant):
            ctx.faults.add(path, *problem, key=path[0] == "expect")
    for other in variants:
        for name in names:
            if name is not WRONG and not misfit(name, None) and (problem := misfit(name, other)):
                ctx.faults.add(("expect", "variant", other), *problem, key=True)
    return tuple(name for name in names if name is not WRONG)


def _decision(ctx: Context, text: str, path: KeyPath, offset: int, explored: bool = False) -> None:
    """Tell if ``text`` is no KIND or KIND:OUTCOME; of what is explored only what was found may stand besides."""
    from kernelmodel.stops.locations import LocationError, parse_location

    kind = re.match(r"[^:(]*", text)
    assert kind is not None
    if kind[0] not in KINDS:
        hint = nearest(kind[0], KINDS) or "write KIND or KIND:OUTCOME, as in map-pte:NULL"
        ctx.faults.add(path, f"unknown decision kind {show(kind[0])}", hint, offset=offset)
        return
    try:
        more = [name for name, _ in parse_location(text).attrs if name not in ("outcome", "found")]
        more += ["a bare step"] if kind[0] == "step" else []
    except LocationError as error:
        ctx.faults.add(path, error.message, error.hint, offset=offset)
        return
    if explored and more:
        ctx.faults.add(path, f"exploring does not tell {more[0]}", "write KIND:OUTCOME or KIND:NULL(leaf)")

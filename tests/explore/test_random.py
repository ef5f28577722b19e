# SPDX-License-Identifier: GPL-2.0-only
"""Small scenarios made at random: whichever way they are explored the same is found, and a session does the same.

A seed that has found a mistake once stays in the list.
"""

from __future__ import annotations

import random
import re

import pytest

from kernelmodel.explore import Exploration
from kernelmodel.explore.moves import Stopped
from kernelmodel.explore.paths import Local
from kernelmodel.explore.types import Options, Result
from kernelmodel.mutants import MUTANTS
from kernelmodel.scenario import loads
from kernelmodel.scenario.types import Scenario
from kernelmodel.session import Session
from kernelmodel.variant_names import VARIANTS

SEEDS = (3, 7, 29, 46, 63, 72, 80, 94, 103, 115, 132)
STOLEN = 'free = { Movable = { 0 = 1 }, Unmovable = { 3 = 1 } }\nused = "unmovable"\npcp = true'
RECLAIMED = 'free = { 0 = 9 }\nused = "file"\nmin = 8'
CASES = [
    *((seed, "") for seed in SEEDS), (5, "pcp = true"), (29, "pcp = true"),
    (3, STOLEN), (11, STOLEN), (5, RECLAIMED), (25, RECLAIMED),
]  # fmt: skip
"""Seed, and what is added to the memory (lists of the CPUs' own), or what stands in its place."""
MOST = 400
"""States of a scenario; one that has more is cut."""
STEERED = frozenset({"answered", "cpu_event"})
"""Fields that say how far a session's program is, which an exploration knows otherwise."""

HEAD = """
variant = "{variant}"
mutants = [{mutants}]
[thp]
enabled = "{enabled}"
hugepages-32kB = "always"
[boot]
arch_wants_pte_order = 3
[memory]
{memory}
{more}
[[vma]]
name = "heap"
start = 0x7f0000000000
size = "2M"
flags = ["VM_WRITE"]
uffd = [{uffd}]
[[vma]]
name = "b"
start = 0x7f0000800000
size = "2M"
flags = ["VM_WRITE"]
[[populate]]
at = "heap"
with = "{populated}"
[explore]
failures = {failures}
"""
MEMORY = ('size = "8M"', "free = { 0 = 3, 9 = 1 }", "free = { 0 = 4, 9 = 2 }", "free = { 0 = 2, 3 = 2 }", "free = { 0 = 5 }",
          'size = "8M"\nmemcg_limit = "16K"')  # fmt: skip
ADVICE = ("MADV_DONTNEED", "MADV_FREE", "MADV_HUGEPAGE", "MADV_COLLAPSE", "MADV_POPULATE_WRITE")
ACTIONS = (
    'write = "{at}"', 'write = "{at}"', 'write = "{at}"', 'read = "{at}"', 'read = "{at}"',
    "madvise = {{ {range}, advice = \"{advice}\" }}", "madvise = {{ {range}, advice = \"MADV_DONTNEED\" }}",
    "munmap = {{ {range} }}", 'mprotect = {{ {range}, prot = "r" }}', "mremap = {{ {range}, to = 0x7f0010000000 }}",
    "migrate = {{ {range} }}", "swap_out = {{ {range} }}", "reap = {{ {range} }}",
    'collapse = {{ at = "heap", size = "2M" }}', "shrink_huge_zero = {{}}", 'fork = "child"',
    'uffd = {{ op = "copy", at = "{at}", size = "4K" }}', 'uffd = {{ op = "move", at = "b", src = "heap", size = "4K" }}',
    'uffd = {{ op = "writeprotect", {range}, mode = ["wp"] }}', 'uffd = {{ op = "register", {range}, mode = ["missing"] }}',
    'uffd = {{ op = "unregister", {range} }}',
)  # fmt: skip


def scenario(seed: int, more: str) -> Scenario:
    """Two CPUs with an event or two, mostly in little memory."""
    rng = random.Random(seed)
    variant = rng.choice([name for name in VARIANTS if name != "base65"])
    instead, more = (more, "") if more.startswith("free") else ("", more)
    mutants = [name for name, each in MUTANTS.items() if not each.variants or variant in each.variants]
    text = HEAD.format(
        variant=variant, mutants=f'"{rng.choice(mutants)}"' if rng.random() < 0.4 else "",
        enabled=rng.choice(("always", "madvise", "never")), memory=rng.choice(MEMORY), more=more,
        uffd=rng.choice(("", "", "", '"missing"', '"wp"')), populated=rng.choice(("page", "page", "swap", "zero-page")),
        failures=rng.choice(("true", "false")),
    )  # fmt: skip
    if instead:
        text = re.sub(r"(?s)(?<=\[memory\]\n).*?(?=\[\[vma)", f"{instead}\n", text, count=1)
    actions = list(ACTIONS)
    for cpu in (0, 0, 1, 1)[rng.randrange(2) :]:
        vma = rng.choice(("heap", "heap", "b"))
        action = rng.choice(actions)
        if "fork" in action:
            actions.remove(action)
        words = action.format(
            at=f"{vma}+{rng.choice((0, 0x1000, 0x5000)):#x}", advice=rng.choice(ADVICE),
            range=rng.choice((f'at = "{vma}", size = "2M"', f'at = "{vma}", size = "4K"', f'at = "{vma}+0x1000", size = "16K"')),
        )  # fmt: skip
        text += f"[[event]]\ncpu = {cpu}\n{words}\n"
    return loads(text, f"seed {seed}")


def exploration(case: Scenario, **options: bool | int) -> Exploration:
    def stop(states: int, switches: int) -> None:
        if states > MOST:
            raise Stopped("states")

    failures = case.explore_failures
    return Exploration(case, case.variant, None, Options(failures=failures)._replace(**options), stop)


class Plain:
    """A ``Namer`` for which no page is like another."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[int, ...], int] = {}

    def __call__(self, state: int, locals_: tuple[Local, ...]) -> int:
        return self.numbers.setdefault((state, *(local.number for local in locals_)), len(self.numbers))

    def portable(self, key: int, cpus: int) -> str:
        return str(key)


def found(result: Result) -> tuple[set[object], ...]:
    """All that was found, without the ways to it.  How far the others are when a bug stops the machine is left open."""
    return (
        {(each.event, each.found) for each in result.reached},
        {each.end if each.end == "bug" else (each.end, each.results, each.mapped) for each in result.outcomes},
        {each.name for each in result.violations},
    )


@pytest.mark.parametrize(("seed", "more"), CASES)
def test_every_search_finds_the_same(seed: int, more: str) -> None:
    """Without reduction, with it, with pages that are not renamed, and by preemptions."""
    case = scenario(seed, more)
    whole = exploration(case, reduction=False).run()
    plain = exploration(case)
    plain.names = Plain()  # type: ignore[assignment]
    for other in (exploration(case), plain, exploration(case, preemptions=99)):
        result = other.run()
        assert {whole.why, result.why} <= {"", "states"}
        if whole.complete and result.complete:
            assert found(result) == found(whole)


@pytest.mark.parametrize(("seed", "more"), CASES)
def test_a_session_does_what_an_exploration_says(seed: int, more: str) -> None:
    """Step by step along random runs: the stop, and every cell of the machine."""
    case, rng = scenario(seed, more), random.Random(seed)
    search = exploration(case)
    start = search.begin()
    search.survey(start)
    for _ in range(4):
        state, locals_ = search.moves.state(start), list(search.moves.locals_of(start))
        session: Session | None = None
        while going := {cpu: ways for cpu, at in enumerate(locals_) if (ways := search.paths.successors(at, state))}:
            cpu = rng.choice(list(going))
            state, locals_[cpu], label, _ = rng.choice(going[cpu])
            if session is None:
                session = Session(case)
                session.begin(cpu)
            else:
                session.advance(label.answer, cpu)
            if label.bug:
                break
            stop = locals_[cpu].stop
            assert stop is None or stop.kind == session.log.at(session.step).kind
            assert cells(session) == numbered(search, state)
            if session.step > 300:
                break
        assert session is not None
        assert session.finished or session.step > 300 or not any(session.cpus.enabled(cpu) for cpu in range(2))
    search.world.close()


Cells = dict[tuple[str, int], bytes]


def cells(session: Session) -> Cells:
    """Of the session's machine: each chunk that is not blank."""
    fields = [field for field in session.m.journal.fields if not field.stat and field.name not in STEERED]
    return {
        (field.name, number): chunk.tobytes()
        for field in fields
        for number, chunk in field.chunks.items()
        if chunk != field.blank
    }


def numbered(search: Exploration, state: int) -> Cells:
    """The same of a state by its number."""
    world = search.world
    return {
        (field.name, number): world.contents[n][content].tobytes()
        for n, content in enumerate(world.states[state])
        for field, number, _ in world.chunks[n : n + 1]
        if content and field.name not in STEERED and world.contents[n][content] != field.blank
    }

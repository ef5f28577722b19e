# SPDX-License-Identifier: GPL-2.0-only
"""The race of the peers has the same states in three hands: the engine's, Spin's, and a table of rules below."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import explore
from benchmarks.peers import race, spin
from benchmarks.peers.race import Model

needs_spin = pytest.mark.skipif(bool(spin.missing()), reason=f"not installed: {spin.missing()}")


def slow(*values: object) -> object:
    """A case of a table that takes its time: Spin and gcc run for each."""
    return pytest.param(*values, marks=pytest.mark.slow)


Thread = tuple[str, int, int, int]
"""Place, tries, i, k."""
State = tuple[int, int, tuple[int, ...], tuple[Thread, ...]]
"""PMD (0 none, 1 table, 2 leaf), lock, PTEs, threads."""
MODELS = [(Model(2, 4), 2424), (Model(2, 4, thp=False), 918), (Model(2, 8), None), (Model(2, 4, recheck=False), None)]


def moves(
    model: Model, cpu: int, pmd: int, ptl: int, ptes: tuple[int, ...], at: Thread
) -> Iterator[tuple[int, int, int, Thread]]:
    """What a thread may do next: (pmd, lock, the PTE that it sets or -1, where it is then)."""
    place, tries, i, k = at
    size = model.pages >> i if i < 2 else 1
    pte = cpu // size * size + k
    last = k + 1 == size
    done, back = ("done", 0, 0, 0), ("walk", tries + 1, 0, 0) if tries < 1 else ("done", 0, 0, 0)

    def to(name: str, i: int = i, k: int = 0) -> Thread:
        return name, tries, i, k

    if place == "walk":
        yield pmd, ptl, -1, done if pmd == 2 else to("map" if pmd else "huge" if model.thp else "pte_alloc")
    elif place == "huge":
        yield pmd, ptl, -1, to("install")
        yield pmd, ptl, -1, to("pte_alloc")
    elif place == "install":
        yield pmd or 2, ptl, -1, back if pmd else done
    elif place == "pte_alloc":
        yield pmd or 1, ptl, -1, to("map")
    elif place == "map":
        yield pmd, ptl, -1, to("scan") if pmd == 1 else back
    elif place == "scan" and ptes[pte]:
        yield pmd, ptl, -1, to("alloc" if i else "scan", i + 1)
    elif place == "scan":
        yield pmd, ptl, -1, to("alloc") if last else to("scan", i, k + 1)
    elif place == "alloc":
        yield pmd, ptl, -1, to("lock")
        if i < 2:
            yield pmd, ptl, -1, to("alloc", i + 1)
    elif place in ("lock", "wait") and not ptl:
        yield pmd, 1, -1, to("recheck" if model.recheck else "set")
    elif place == "lock":
        yield pmd, ptl, -1, to("wait")
    elif place == "recheck" and ptes[pte]:
        yield pmd, ptl, -1, ("lost", tries, 0, 0)
    elif place == "recheck":
        yield pmd, ptl, -1, to("set") if last else to("recheck", i, k + 1)
    elif place == "set":
        yield pmd, ptl, pte, to("unlock", 0) if last else to("set", i, k + 1)
    elif place in ("unlock", "lost"):
        yield pmd, 0, -1, done if place == "unlock" else back


def table_of_rules(model: Model) -> tuple[int, bool]:
    """Number of states; whether a page can be mapped twice (states behind that do not count)."""
    start: State = (0, 0, (0,) * model.pages, (("walk", 0, 0, 0),) * model.threads)
    seen, stack, double = {start}, [start], False
    while stack:
        pmd, ptl, ptes, threads = stack.pop()
        for cpu, at in enumerate(threads):
            for pmd_then, ptl_then, set_, then in moves(model, cpu, pmd, ptl, ptes, at):
                if set_ >= 0 and ptes[set_]:
                    double = True
                    continue
                ptes_then = (*ptes[:set_], cpu + 1, *ptes[set_ + 1 :]) if set_ >= 0 else ptes
                after = (pmd_then, ptl_then, ptes_then, (*threads[:cpu], then, *threads[cpu + 1 :]))
                if after not in seen:
                    seen.add(after)
                    stack.append(after)
    return len(seen), double


@pytest.mark.parametrize(("model", "states"), MODELS, ids=lambda value: str(value) if isinstance(value, Model) else "")
@pytest.mark.parametrize("reduction", [False, True])
def test_the_engine_visits_what_the_rules_allow(model: Model, states: int | None, reduction: bool) -> None:
    verdict = race.explore(model, reduction)
    expected, double = table_of_rules(model)
    assert verdict.double_map is double
    if not double and not reduction:  # each double map is a state of its own there
        assert verdict.states == expected
    if reduction:
        assert verdict.states < expected
    assert states in (None, expected)


@pytest.mark.parametrize(("thp", "seen"), [(True, True), (False, False)])
def test_a_map_finds_no_table_only_where_huge_pages_are_tried(thp: bool, seen: bool) -> None:
    assert race.explore(Model(2, 4, thp=thp)).map_null is seen


@needs_spin
@pytest.mark.parametrize(
    "model", [Model(2, 4), slow(Model(2, 4, thp=False)), slow(Model(3, 4)), slow(Model(3, 8))], ids=str
)
def test_spin_visits_the_same(tmp_path: Path, model: Model) -> None:
    exact = spin.verify(spin.RACE, tmp_path, model.defines, exact=True)
    assert exact == (race.explore(model, False).states, 0)


@needs_spin
@pytest.mark.parametrize(
    ("file", "defines", "wrong"),
    [
        slow(spin.RACE, ("-DREACH",), True),
        slow(spin.RACE, ("-DREACH", "-DTHP=0"), False),
        slow(spin.RACE, ("-DRECHECK=0",), True),
        (spin.SEED, (), True),
        (spin.SEED, ("-DTHP=0",), False),
        slow(spin.SEED, ("-DCOUNT",), False),
    ],
    ids=["race", "race, no huge pages", "race, no recheck", "seed", "seed, no huge pages", "seed, all states"],
)
def test_spin_agrees_about_what_can_happen(tmp_path: Path, file: Path, defines: tuple[str, ...], wrong: bool) -> None:
    assert bool(spin.verify(file, tmp_path, defines).errors) is wrong


@needs_spin
def test_a_model_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="spin"):
        spin.verify(tmp_path / "absent.pml", tmp_path)


@needs_spin
@pytest.mark.slow
def test_times_and_counts_become_figures() -> None:
    small = Model(2, 4)
    figures = [
        *explore.against_spin("small", lambda: explore.engine(small), spin.RACE, small.defines, False, 1, 1.0),
        *explore.states([small]),
        *explore.memory(small),
    ]
    by_name = {figure.name: figure for figure in figures}
    assert by_name["race whole, 2 threads, 4 pages: difference from Spin"].value == 0
    assert by_name["race whole, 2 threads, 4 pages: states"].value == 2424
    assert by_name["race whole, 2 threads, 4 pages: memory at most"].met
    assert all(figure.value > 0 for figure in figures if figure.bound != "<=")


def test_what_a_process_had_at_most_is_its_own() -> None:
    large = bytearray(1) * (200 << 20)
    assert explore.process(["this", "--help"]).peak > 200, "what this process has is counted too"
    assert 1 < explore.peak(["this"]).peak < 100
    assert len(large) == 200 << 20


def test_a_process_that_fails_is_told() -> None:
    with pytest.raises(RuntimeError, match="left with 1"):
        explore.process(["benchmarks.peers.race"])


def test_without_spin_only_memory_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(spin.shutil, "which", lambda name: None)
    monkeypatch.setattr(explore, "memory", lambda: iter(()))
    assert list(explore.measure()) == []
    assert "spin, gcc" in capsys.readouterr().err

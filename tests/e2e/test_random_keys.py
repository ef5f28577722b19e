# SPDX-License-Identifier: GPL-2.0-only
"""Whatever keys are pressed, the desk paints whole frames; and what it shows in the end is what a replay shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernelmodel import tokens
from kernelmodel.session import Session
from kernelmodel.snapshot import View
from tests.e2e.desk import Headless
from tests.e2e.terminal import ROOT
from tui.commands import table
from tui.keys import PRESETS, keymap
from tui.paint.rows import cells

SCENARIOS = tuple(
    ROOT / "scenarios" / name
    for name in (
        "seed/unfit.toml", "seed/alloc-fails.toml", "seed/eagain-two-cpus.toml", "seed/eagain.toml", "seed/read-fault-bug.toml",
        "seed/lost-race-neighbour.toml", "memory/buddy-order.toml", "memory/out-of-pages.toml", "memory/terabyte.toml",
        "memory/segfault.toml", "pmd/lost-race.toml", "policy/arm64-64k.toml",
    )
)  # fmt: skip
EXAMPLES, LENGTH = 50, 40
"""Together 2,000 keys."""
VIEWS = (
    View(),
    View(ptes=16, events=100, timeline=500, since=0, overview=40, watch=("orders[i]", "order", "vma->anon_vma")),
)
STOPPING = ("step", "next", "finish", "continue", "reverse-step", "reverse-continue", "goto end", "back", "forward")
LINES = (
    *(f"{command.name} {argument}" for command in table() if command.name not in ("commands", "quit")
      for argument in ("", "1", "alloc", "order", "end", "thp.enabled never")),
    "answer NULL", "answer folio", "answer -ENOMEM", "break fallback if order > 3", "b /outside/ hits % 2", "watch orders[i]",
    "log alloc \"{order} {nonsense}\"", "display vma->vm_start", "goto 7", "goto -3", "mark a; step 3; diff a", "set diff a",
    "set boot.arch_wants_pte_order 2", "set theme contrast", "layout time", "pane console", "print 1 / 0", "p orders", "info events",
    "tbreak recheck", "transcript", "search order", "alias n = step 2", "delete", "disable", "rev next", "until pte-range",
)  # fmt: skip
KEYS = sorted({key for name in PRESETS for action in keymap(name).actions for key in action.keys}
              | {key for name in PRESETS for where in ("up", "down", "left", "right", "page_up", "page_down", "home", "end")
                 for key in keymap(name).keys(f"move.{where}")}
              | set("0123456789") | {"escape", "tab", "backspace", "delete", "ctrl+a", "ctrl+r", "ctrl+w", "alt+b", "f12"})  # fmt: skip
NAMES = {
    "colon": ":",
    "slash": "/",
    "question_mark": "?",
    "apostrophe": "'",
    "full_stop": ".",
    "comma": ",",
    "space": " ",
}

cell = st.tuples(st.integers(0, 210), st.integers(0, 65))
EVENTS = st.one_of(
    st.tuples(st.just("key"), st.sampled_from(KEYS)),
    st.tuples(st.just("key"), st.sampled_from(KEYS)),
    st.tuples(st.just("key"), st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc"])),
    st.tuples(st.just("line"), st.sampled_from(LINES)),
    st.tuples(st.just("line"), st.sampled_from(STOPPING)),
    st.tuples(st.just("line"), st.text(max_size=20)),
    st.tuples(st.just("paste"), st.text(max_size=20)),
    st.tuples(st.just("click"), cell),
    st.tuples(st.sampled_from(["up", "down"]), cell),
    st.tuples(st.just("resize"), st.sampled_from([(80, 24), (120, 40), (200, 60), (40, 10), (12, 4), (300, 9)])),
)


@pytest.fixture(scope="module", autouse=True)
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Files that keys write lie where nobody minds, and there is no editor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("keys"))
        patch.setenv("XDG_STATE_HOME", str(Path.cwd()))
        for name in ("EDITOR", "VISUAL"):
            patch.delenv(name, raising=False)
        yield


def happen(shell: Headless, what: str, value: object) -> None:
    """One event."""
    desk = shell.desk
    if what == "key":
        key = str(value)
        desk.key(key, key if len(key) == 1 else NAMES.get(key))
    elif what == "line":
        desk.key("escape", None)
        desk.key("colon", ":")
        for character in str(value):
            desk.key(character, character)
        desk.key("enter", "\r")
    elif what == "paste":
        desk.paste(str(value))
    elif what == "click":
        desk.click(*value)  # type: ignore[misc]
    elif what == "resize":
        desk.resize(*value)  # type: ignore[misc]
    else:
        desk.scroll(*value, what)  # type: ignore[misc]


def whole(shell: Headless) -> bool:
    """Whether the picture fills the screen exactly."""
    picture, desk = shell.picture, shell.desk
    assert picture is not None
    wide = {sum(cells(text) for piece in line for text, _ in piece) for line in picture.lines}
    return (len(picture.lines), wide) == (desk.height, {desk.width})


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SCENARIOS), st.sampled_from(sorted(PRESETS)), st.lists(EVENTS, min_size=LENGTH, max_size=LENGTH))
def test_random_keys(scenario: Path, preset: str, pressed: list[tuple[str, object]]) -> None:
    shell = Headless(scenario, keys=keymap(preset))
    for what, value in pressed:
        happen(shell, what, value)
        assert whole(shell), (what, value, shell.desk.width, shell.desk.height)
    replayed(shell.console.session)


def replayed(session: Session) -> None:
    """The session is what another one with the same answers and choices is, at every place of its run that is asked for."""
    other = Session(session.scenario, session.variant)
    other.play(session.answers, session.last, session.choices)
    assert (other.last, other.finished) == (session.last, session.finished)
    for step in {session.step, session.last, session.last // 2}:
        session.seek(step)
        other.seek(step)
        assert other.digest() == session.digest()
        for view in VIEWS:
            assert other.snapshot(view) == session.snapshot(view)
    token = session.token()
    if token:
        third = Session(session.scenario, session.variant)
        assert tokens.replay(third, token) == ""
        third.seek(session.step)
        assert third.digest() == session.digest()
        assert third.event(session.step) == session.event(session.step)


def test_the_keys_are_those_of_every_action() -> None:
    assert os.getcwd() != str(ROOT)
    assert {"s", "S", "f10", "Q", "ctrl+c", "left_square_bracket", "up", "space"} <= set(KEYS)
    assert EXAMPLES * LENGTH >= 2000

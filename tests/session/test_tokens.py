# SPDX-License-Identifier: GPL-2.0-only
"""A session is brought to where a token was made, or stays as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kernelmodel.scenario import load, loads
from kernelmodel.session import Session
from kernelmodel.snapshot import View
from kernelmodel.tokens import BadAnswer, TokenError, parse, quote, replay, unquote
from kernelmodel.trace import follow, text_line
from tests.build import finish
from tests.runs import runs
from tests.session.test_mail import LONG


@settings(max_examples=40, deadline=None)
@given(runs(most=10_000), runs(whole=False), st.data())
def test_any_session_of_the_scenario_comes_to_the_run_of_a_token(
    made: Session, other: Session, data: st.DataObject
) -> None:
    token = made.token()
    other = other if other.scenario is made.scenario else Session(made.scenario)
    other.seek(data.draw(st.integers(0, other.last)))
    assert replay(other, token) == ""
    assert (other.step, other.finished, other.answers) == (made.last, True, made.answers)
    assert other.token() == token


def unfit(*answers: str) -> Session:
    s = Session(load("seed/unfit.toml"))
    left = list(answers)
    while not s.finished:
        asks = left and s.event(s.step).kind == "alloc" and s.event(s.step).order > 0
        s.advance(left.pop(0) if asks else None)
    return s


def test_answers_of_the_session_that_the_token_lacks_are_undone() -> None:
    s, want = unfit("NULL", "NULL"), unfit()
    assert s.answers
    assert replay(s, want.token()) == ""
    assert (s.answers, s.digest()) == ({}, want.digest())


@pytest.mark.parametrize("answers", ["0=mapped", "999=NULL", "2=NULL,0=nonsense"])
def test_a_token_that_does_not_fit_leaves_the_session_as_it_was(answers: str) -> None:
    s = unfit("NULL")
    s.seek(11)
    before = (s.step, s.last, s.token(), dict(s.answers), s.digest())
    with pytest.raises(BadAnswer):
        replay(s, f"thp1:seed/unfit.toml:{s.scenario.hash}:v3:{answers}:")
    assert (s.step, s.last, s.token(), s.answers, s.digest()) == before


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("thp1:seed/unfit.toml:00000000:v3::", "seed/unfit.toml has changed: its hash is"),
        ("thp1:other.toml:00000000:v3::", "the token is about other.toml, not seed/unfit.toml"),
        ("thp1:seed/unfit.toml:HASH:v3-off::", "the token is about variant v3-off, this run is v3"),
        ("thp1:", "a token reads"),
    ],
)
def test_a_token_of_something_else_is_refused(token: str, words: str) -> None:
    s = unfit()
    with pytest.raises(TokenError, match=words):
        replay(s, token.replace("HASH", s.scenario.hash))


def test_a_copy_under_another_name_will_do() -> None:
    s = unfit("NULL")
    copy = s.token().replace("seed/unfit.toml", "/home/me/copy.toml")
    assert replay(unfit(), copy) == ""


def test_an_edited_scenario_has_no_token_and_takes_none() -> None:
    s = Session(replace(load("seed/unfit.toml"), edited=("x = 1",)))
    assert s.token() == ""
    with pytest.raises(TokenError, match="was edited here"):
        replay(s, unfit().token())


def test_another_end_is_told() -> None:
    s = unfit()
    assert "the model has changed" in replay(s, s.token()[:-8] + "00000000")


def test_a_replay_can_be_interrupted() -> None:
    s = Session(loads(LONG, "long.toml"))
    token = s.token()
    assert replay(s, token, lambda step: step >= 256) == "interrupted"
    assert s.step == 256


def test_what_follows_a_stop_can_be_forgotten() -> None:
    s = unfit("NULL")
    (step,) = s.answers
    s.forget(step)
    assert (s.step, s.last, s.finished, s.answers) == (step, step, False, {})
    assert finish(s).digest() == unfit().digest()


@given(st.text(max_size=20))
def test_names_survive(name: str) -> None:
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        assume(False)
    word = quote(name)
    assert word.isascii()
    assert " " not in word
    assert word.isprintable()
    assert unquote(word) == name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    assert parse(f"thp1:{word}:00000000:v3::").name == unquote(word)


@pytest.mark.parametrize(
    ("tail", "place", "look"),
    [
        ("", None, None), ("12345678", None, None), ("12345678@9", (9, 0), None), ("12345678@9+2", (9, 2), None),
        ("12345678@9+1@8", (9, 1), (8, 0)),
    ],
)  # fmt: skip
def test_where_a_token_leads_and_looks(tail: str, place: tuple[int, int] | None, look: tuple[int, int] | None) -> None:
    token = parse(f"thp1:a:00000000:v3~drop+R1~BUG_ON::{tail}")
    assert (token.digest, token.place, token.look) == (tail[:8], place, look)
    assert (token.variant, token.mutants) == ("v3", {"drop R1", "BUG_ON"})


@pytest.mark.parametrize("tail", ["12345678@", "12345678@x", "12345678@1@2@3", "12345678@1+", "1234@1"])
def test_a_bad_place_is_refused(tail: str) -> None:
    with pytest.raises(TokenError, match=r"DIGEST@PLACE|eight hex digits"):
        parse(f"thp1:a:00000000:v3::{tail}")


@pytest.mark.parametrize("text", ["%", "%4", "a%zz", "%+1"])
def test_a_bad_escape_is_refused(text: str) -> None:
    with pytest.raises(TokenError, match="bad escape"):
        unquote(text)


def test_the_summary_of_an_edited_scenario_has_no_token_and_says_why() -> None:
    s = Session(replace(load("seed/unfit.toml"), edited=('thp.enabled = "never"',)))
    last = list(follow(s))[-1]
    assert (last["type"], last["edited"], "token" in last) == ("summary", ['thp.enabled = "never"'], False)
    assert text_line(s, last).endswith('\nedited: thp.enabled = "never"; save-scenario first, then there is a token')
    plain = Session(load("seed/unfit.toml"))
    assert "edited" not in list(follow(plain))[-1]
    assert plain.snapshot(View()).edited == ()
    assert s.snapshot(View()).edited == s.scenario.edited

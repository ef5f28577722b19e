# SPDX-License-Identifier: GPL-2.0-only
"""Replay tokens: a run in a line.

``thp1:NAME:HASH:VARIANT:ANSWERS:DIGEST``.  NAME is the scenario's path or packaged name (``%`` and ``:`` escaped), HASH
eight hex digits of its text without comments.  ANSWERS is what the user answered otherwise than scenario and nature
would have, ``3=NULL,7=-ENOMEM``, numbered by question, so that a new place to stop breaks no token; with several CPUs
``@9=1`` too: after nine decisions CPU 1 was chosen (``@9+1=1``: one scheduling stop later).  DIGEST is eight
hex digits of the end state, by which a replay is verified; a run that is not at its end has none.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.decision import STEPS

if TYPE_CHECKING:
    from kernelmodel.scenario.types import Scenario
    from kernelmodel.session import Session

MAX_LENGTH = 64 << 10


class TokenError(Exception):
    """A text that is no token; ``message`` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadAnswer(Exception):
    """An answer (of a token) that no question of the run takes."""


class Token(NamedTuple):
    """A token, taken apart.  ``answers`` is by question number, ``choices`` (a CPU each) by ``places``."""

    name: str
    hash: str
    variant: str
    answers: dict[int, str]
    digest: str
    choices: dict[tuple[int, int], int]


def make(session: Session) -> str:
    """The token of a run as far as it is known; verified by its digest only if it stands at its end.

    '' if the scenario was edited after loading: a token names a file, and this one is none.
    """
    scenario = session.scenario
    if scenario.edited:
        return ""
    words = [f"{n}={text.replace(' ', '+')}" for n, text in numbered(session).items()]
    words += [f"@{n}{f'+{k}' if k else ''}={cpu}" for (n, k), cpu in choices(session).items()]
    answers = ",".join(words)
    at_end = session.finished and session.step == session.last
    digest = session.digest()[:8] if at_end else ""
    return f"thp1:{quote(scenario.name)}:{scenario.hash}:{session.variant}:{answers}:{digest}"


def numbered(session: Session) -> dict[int, str]:
    """What the user answered, by the number of the question."""
    return {bisect_left(session.questions, step): text for step, text in sorted(session.answers.items())}


def choices(session: Session) -> dict[tuple[int, int], int]:
    """CPUs that were chosen otherwise than schedule and nature would have, by (decisions, scheduling stops) before."""
    found = {}
    place, done = (0, 0), 0
    for step, cpu in sorted(session.choices.items()):
        for each in range(done, step):
            place = after(session, each, place)
        done, found[place] = step, cpu
    return found


def after(session: Session, step: int, place: tuple[int, int]) -> tuple[int, int]:
    """The place behind a stop, by the one before it: decisions so far, scheduling stops since the last of them."""
    return (place[0], place[1] + 1) if session.log.at(step).kind in STEPS else (place[0] + 1, 0)


def quote(name: str) -> str:
    """A name as printable ASCII without ``:`` and blanks; other bytes of its UTF-8 as ``%XX``."""
    data = name.encode("utf-8", "surrogateescape")
    return "".join(chr(b) if 0x21 <= b <= 0x7E and b not in b"%:" else f"%{b:02X}" for b in data)


def unquote(text: str) -> str:
    """And back; ``TokenError`` for a ``%`` that no two hex digits follow."""
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise TokenError(f"bad escape in {text!r}")
    data = re.sub(b"%(..)", lambda escape: bytes.fromhex(escape[1].decode()), text.encode("utf-8", "surrogateescape"))
    return data.decode("utf-8", "surrogateescape")


def parse(text: str) -> Token:
    """Take a token apart; ``TokenError`` if it is none."""
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise TokenError(f"a token has at most {MAX_LENGTH} characters")
    parts = text.split(":")
    if parts[0] != "thp1" or len(parts) != 6:
        raise TokenError("a token reads thp1:NAME:HASH:VARIANT:ANSWERS:DIGEST")
    _, name, digits, variant, written, digest = parts
    for what, value in (("hash", digits), ("digest", digest)):
        if (value or what == "hash") and (len(value) != 8 or set(value) - set("0123456789abcdef")):
            raise TokenError(f"the {what} {value!r} is not eight hex digits")
    answers, choices = {}, {}
    for each in filter(None, written.split(",")):
        if each.startswith("@"):
            found = re.fullmatch(r"@(\d{1,9})(?:\+(\d{1,9}))?=(\d{1,2})", each, re.ASCII)
            if not found:
                raise TokenError(f"the choice {each!r} does not read @PLACE=CPU")
            choices[int(found[1]), int(found[2] or 0)] = int(found[3])
            continue
        number, _, answer = each.partition("=")
        if not number.isascii() or not number.isdigit() or len(number) > 9 or not answer:
            raise TokenError(f"the answer {each!r} does not read NUMBER=OUTCOME")
        answers[int(number)] = answer.replace("+", " ")
    return Token(unquote(name), digits, variant, answers, digest, choices)


# -- coming to where a token was made --------------------------------------------------------------------
def fit(token: Token, scenario: Scenario, variant: str) -> None:
    """``TokenError`` if the token was made with another scenario, or with another variant.

    The name does not matter: a copy of the file will do, and a file that has changed will not.
    """
    if scenario.edited:
        raise TokenError(f"this scenario was edited here ({scenario.edited[0]}): no token is about it")
    if scenario.hash != token.hash:
        has = f"its hash is {scenario.hash}, the token was made with {token.hash}"
        if token.name != scenario.name:
            raise TokenError(f"the token is about {token.name}, not {scenario.name}: {has}")
        raise TokenError(f"{scenario.name} has changed: {has}")
    if token.variant != variant:
        raise TokenError(f"the token is about variant {token.variant}, this run is {variant}")


def replay(session: Session, token: Token | str, poll: Callable[[int], bool] | None = None) -> str:
    """Bring a session to the run that a token names, to its end.

    '' if that is the run that the token was made of, as far as it says, else what is different, in words.
    ``TokenError`` or ``BadAnswer`` if it does not fit, ``ImpossibleAnswer`` if the scenario's own answers don't suit
    it; the session then stands where it stood, on the run that it had.
    Every 256 stops ``poll(step)`` may interrupt.
    """
    from kernelmodel.answers import ImpossibleAnswer

    token = parse(token) if isinstance(token, str) else token
    fit(token, session.scenario, session.variant)
    mine, chosen, here, last = numbered(session), choices(session), session.step, session.last
    try:
        done = _follow(session, token.answers, token.choices, poll)
    except (BadAnswer, ImpossibleAnswer):
        _follow(session, mine, chosen, None, last)
        session.seek(here)
        raise
    if not done:
        return "interrupted"
    if token.digest and session.digest()[:8] != token.digest:
        return f"the run ends in state {session.digest()[:8]}, the token says {token.digest}: the model has changed"
    return ""


def _follow(
    session: Session, answers: dict[int, str], chosen: dict[tuple[int, int], int],
    poll: Callable[[int], bool] | None, until: int = -1,
) -> bool:  # fmt: skip
    """Run to the end (or to a step) with these answers and choices and no others; False if interrupted."""
    if chosen or session.choices:
        first = 0
        session.begin(chosen.get((0, 0), 0))
    else:
        mine = numbered(session)
        differ = [number for number in {*mine, *answers} if mine.get(number) != answers.get(number)]
        first = min(differ, default=len(session.questions))
        if first < len(session.questions):
            session.forget(session.questions[first])
        session.seek(session.last)
    left = {number: text for number, text in answers.items() if number >= first}
    place = (0, 0)
    while not session.finished and not 0 <= until <= session.step:
        if chosen:
            place = after(session, session.step, place)
        cpu = chosen.get(place)
        session.advance(due(session, left), cpu)
        if cpu is not None and session.log.at(session.step).choice != cpu:
            raise BadAnswer(f"CPU {cpu} is chosen after {place[0]} decisions and can't go on there")
        if poll is not None and session.step % 256 == 0 and poll(session.step):
            return False
    if left and session.finished:
        raise BadAnswer(never_asked(session, left))
    return True


def due(session: Session, left: dict[int, str]) -> str | None:
    """The answer for the present, last known stop, taken out of ``left``; None if it asks nothing or none is there.

    ``BadAnswer`` if the state does not allow it.
    """
    if not left or not session.questions or session.questions[-1] != session.step:
        return None
    number = len(session.questions) - 1
    answer = left.pop(number, None)
    if answer is None:
        return None
    allowed = session.possible_answers()
    if answer not in allowed:
        event = session.event(session.step)
        raise BadAnswer(f"question {number} is {event.site}: it takes {' or '.join(allowed)}, not {answer}")
    return answer


def never_asked(session: Session, left: dict[int, str]) -> str:
    """What to say of answers that are left over at the end of a run."""
    return f"question {min(left)} was never asked: the run has {len(session.questions)} questions"

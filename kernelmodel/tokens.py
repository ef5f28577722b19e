# SPDX-License-Identifier: GPL-2.0-only
"""Replay tokens: a run in a line.

``thp1:NAME:HASH:VARIANT:ANSWERS:DIGEST``.  NAME is the scenario's path or packaged name (``%`` and ``:`` escaped), HASH
eight hex digits of its text without comments.  VARIANT has its mutants behind it, ``v3~drop+R1``.  ANSWERS is what the
user answered otherwise than scenario and nature would have, ``3=NULL,7=-ENOMEM``, numbered by question, so that a new
place to stop breaks no token; with several CPUs ``@9=1`` too: after nine decisions CPU 1 was chosen (``@9+1=1``: one
scheduling stop later).  DIGEST is eight hex digits of the end state, by which a replay is verified; a run that is not
at its end has none.  ``DIGEST@9+1`` leads to a stop before the end, the one after nine decisions and one scheduling
stop, in the state of that digest; ``DIGEST@9+1@8`` leads there and looks at the stop after eight decisions then: it was
a question, and what it found is settled by what follows.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.decision import STEPS
from kernelmodel.mutants import spelled, taken_apart

if TYPE_CHECKING:
    from kernelmodel.scenario.types import Scenario
    from kernelmodel.session import Session

MAX_LENGTH = 64 << 10
Place = tuple[int, int]
"""Of a stop: decisions before it, and scheduling stops (of ``STEPS``) since the last of them."""
_PLACE = r"@(\d{1,9})(?:\+(\d{1,9}))?"


class TokenError(Exception):
    """A text that is no token; ``message`` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadAnswer(Exception):
    """An answer (of a token) that no question of the run takes."""


class Token(NamedTuple):
    """A token, taken apart.  ``answers`` is by question number, ``choices`` (a CPU each) by place."""

    name: str
    hash: str
    variant: str
    answers: dict[int, str]
    digest: str
    choices: dict[Place, int]
    mutants: frozenset[str] = frozenset()
    place: Place | None = None
    """Where a replay ends; None: with the run."""
    look: Place | None = None
    """The stop that it shows then; None: that one."""


def make(session: Session, here: bool = False) -> str:
    """The token of a run as far as it is known; verified by its digest only if it stands at its end.

    ``here``: the token leads to the present stop; what is known behind it settles what was asked there.
    '' if the scenario was edited after loading: a token names a file, and this one is none.
    """
    scenario = session.scenario
    if scenario.edited:
        return ""
    words = [f"{n}={text.replace(' ', '+')}" for n, text in numbered(session).items()]
    words += [f"{at(place)}={cpu}" for place, cpu in choices(session).items()]
    answers = ",".join(words)
    at_end = session.finished and session.step == session.last
    digest = session.digest()[:8] if at_end else _tail(session) if here else ""
    return f"thp1:{quote(scenario.name)}:{scenario.hash}:{session.kernel.replace(' ', '+')}:{answers}:{digest}"


def _tail(session: Session) -> str:
    """Digest and place of the last known stop, and the place of the present one if it is another."""
    step = session.step
    session.seek(session.last)
    tail = session.digest()[:8] + at(place_of(session, session.last))
    session.seek(step)
    return tail + (at(place_of(session, step)) if step != session.last else "")


def at(place: Place) -> str:
    """A place as a token writes it."""
    return f"@{place[0]}" + (f"+{place[1]}" if place[1] else "")


def numbered(session: Session) -> dict[int, str]:
    """What the user answered, by the number of the question."""
    return {bisect_left(session.questions, step): text for step, text in sorted(session.answers.items())}


def choices(session: Session) -> dict[Place, int]:
    """CPUs that were chosen otherwise than schedule and nature would have, by the places at which they were."""
    return {place_of(session, step): cpu for step, cpu in sorted(session.choices.items())}


def place_of(session: Session, step: int) -> Place:
    """The place of a stop: what stands before it."""
    if session.m.nr_cpus == 1:
        return step, 0
    place = (0, 0)
    for each in range(step):
        place = after(session, each, place)
    return place


def _step_at(session: Session, place: Place) -> int:
    """The known stop of a place."""
    step, here = 0, (0, 0)
    while here < place and step < session.last:
        step, here = step + 1, after(session, step, here)
    return step


def after(session: Session, step: int, place: Place) -> Place:
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
    digest, leads, tail = digest.partition("@")
    places = [(int(found[1]), int(found[2] or 0)) for found in re.finditer(_PLACE, leads + tail, re.ASCII)]
    if not re.fullmatch(f"(?:{_PLACE}){{0,2}}", leads + tail, re.ASCII):
        raise TokenError(f"{parts[5]!r} does not read DIGEST@PLACE")
    for what, value in (("hash", digits), ("digest", digest)):
        if (value or what == "hash") and (len(value) != 8 or set(value) - set("0123456789abcdef")):
            raise TokenError(f"the {what} {value!r} is not eight hex digits")
    answers, choices = {}, {}
    for each in filter(None, written.split(",")):
        if each.startswith("@"):
            found = re.fullmatch(_PLACE + r"=(\d{1,2})", each, re.ASCII)
            if not found:
                raise TokenError(f"the choice {each!r} does not read @PLACE=CPU")
            choices[int(found[1]), int(found[2] or 0)] = int(found[3])
            continue
        number, _, answer = each.partition("=")
        if not number.isascii() or not number.isdigit() or len(number) > 9 or not answer:
            raise TokenError(f"the answer {each!r} does not read NUMBER=OUTCOME")
        answers[int(number)] = answer.replace("+", " ")
    variant, mutants = taken_apart(variant)
    place, look, *_ = (*places, None, None)
    return Token(unquote(name), digits, variant, answers, digest, choices, mutants, place, look)


# -- coming to where a token was made --------------------------------------------------------------------
def fit(token: Token, scenario: Scenario, variant: str, mutants: frozenset[str]) -> None:
    """``TokenError`` if the token was made with another scenario, or with another variant or other mutants.

    The name does not matter: a copy of the file will do, and a file that has changed will not.
    """
    if scenario.edited:
        raise TokenError(f"this scenario was edited here ({scenario.edited[0]}): no token is about it")
    if scenario.hash != token.hash:
        has = f"its hash is {scenario.hash}, the token was made with {token.hash}"
        if token.name != scenario.name:
            raise TokenError(f"the token is about {token.name}, not {scenario.name}: {has}")
        raise TokenError(f"{scenario.name} has changed: {has}")
    if (token.variant, token.mutants) != (variant, mutants):
        about, mine = spelled(token.variant, token.mutants), spelled(variant, mutants)
        raise TokenError(f"the token is about variant {about}, this run is {mine}")


def replay(session: Session, token: Token | str, poll: Callable[[int], bool] | None = None) -> str:
    """Bring a session to the run that a token names, to its end or to the stop at which the token looks.

    '' if that is the run that the token was made of, as far as it says, else what is different, in words.
    ``TokenError`` or ``BadAnswer`` if it does not fit, ``ImpossibleAnswer`` if the scenario's own answers don't suit
    it; the session then stands where it stood, on the run that it had.
    Every 256 stops ``poll(step)`` may interrupt.
    """
    from kernelmodel.answers import ImpossibleAnswer

    token = parse(token) if isinstance(token, str) else token
    fit(token, session.scenario, session.variant, session.mutants)
    mine, chosen, here, last = numbered(session), choices(session), session.step, place_of(session, session.last)
    try:
        done = _follow(session, token.answers, token.choices, poll, token.place)
    except (BadAnswer, ImpossibleAnswer):
        _follow(session, mine, chosen, None, last)
        session.seek(here)
        raise
    if not done:
        return "interrupted"
    found, stood = session.digest()[:8], session.step
    if token.look is not None:
        session.seek(_step_at(session, token.look))
    if token.digest and found != token.digest:
        ends = "ends" if token.place is None else f"stands at #{stood}"
        return f"the run {ends} in state {found}, the token says {token.digest}: the model has changed"
    return ""


def _follow(
    session: Session, answers: dict[int, str], chosen: dict[Place, int],
    poll: Callable[[int], bool] | None, until: Place | None,
) -> bool:  # fmt: skip
    """Run to the end (or to a place) with these answers and choices and no others; False if interrupted."""
    if chosen or session.choices or until is not None:
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
    while not session.finished and (until is None or place < until):
        if chosen or until is not None:
            place = after(session, session.step, place)
        answer, cpu = due(session, left), chosen.get(place)
        if answer is not None and cpu not in (None, session.log.at(session.step).cpu):
            session.answers[session.step], answer = answer, None  # for the CPU that stands here, when it goes on
        session.advance(answer, cpu)
        if cpu is not None and session.log.at(session.step).cpu != cpu:
            raise BadAnswer(f"CPU {cpu} is chosen after {place[0]} decisions and can't go on there")
        if poll is not None and session.step % 256 == 0 and poll(session.step):
            return False
    if left and session.finished:
        raise BadAnswer(f"question {min(left)} was never asked: the run has {len(session.questions)} questions")
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


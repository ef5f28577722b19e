# SPDX-License-Identifier: GPL-2.0-only
"""Replay tokens: a run in a line.

``thp1:NAME:HASH:VARIANT:ANSWERS:DIGEST``.  NAME is the scenario's path or packaged name (``%`` and ``:`` escaped), HASH
eight hex digits of its text without comments.  ANSWERS is what the user answered otherwise than scenario and nature
would have, ``3=NULL,7=-ENOMEM``, numbered by question, so that a new place to stop breaks no token.  DIGEST is eight
hex digits of the end state, by which a replay is verified; a run that is not at its end has none.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kernelmodel.session import Session

MAX_LENGTH = 64 << 10


class TokenError(Exception):
    """A text that is no token; ``message`` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Token(NamedTuple):
    """A token, taken apart.  ``answers`` is by question number."""

    name: str
    hash: str
    variant: str
    answers: dict[int, str]
    digest: str


def make(session: Session) -> str:
    """The token of a run as far as it is known; verified by its digest only if it stands at its end."""
    numbers = {bisect_left(session.questions, step): text for step, text in sorted(session.answers.items())}
    answers = ",".join(f"{n}={text.replace(' ', '+')}" for n, text in numbers.items())
    at_end = session.finished and session.step == session.last
    digest = session.digest()[:8] if at_end else ""
    scenario = session.scenario
    return f"thp1:{quote(scenario.name)}:{scenario.hash}:{session.variant}:{answers}:{digest}"


def quote(name: str) -> str:
    """A name without ``:`` and blanks."""
    return "".join(f"%{ord(c):02X}" if c in "%: \t\r\n" else c for c in name)


def unquote(text: str) -> str:
    """And back."""
    head, *rest = text.split("%")
    try:
        return head + "".join(chr(int(each[:2], 16)) + each[2:] for each in rest)
    except ValueError:
        raise TokenError(f"bad escape in {text!r}") from None


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
    answers = {}
    for each in filter(None, written.split(",")):
        number, _, answer = each.partition("=")
        if not number.isascii() or not number.isdigit() or len(number) > 9 or not answer:
            raise TokenError(f"the answer {each!r} does not read NUMBER=OUTCOME")
        answers[int(number)] = answer.replace("+", " ")
    return Token(unquote(name), digits, variant, answers, digest)

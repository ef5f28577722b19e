# SPDX-License-Identifier: GPL-2.0-only
"""The text of a scenario before it means anything: reading it, its limits, its hash, the places in it.

One pass over the tokens of TOML (strings, comments, brackets, words) serves all of them.  It takes any text, in linear
time; whether the text is TOML is the parser's business.
"""

from __future__ import annotations

import os
import re
import stat
import zlib
from bisect import bisect_right
from typing import Any, NamedTuple

from kernelmodel.scenario.faults import KeyPath, Problem, ScenarioError, printable, short
from kernelmodel.scenario.types import Place

MAX_BYTES = 1 << 20
MAX_KEY_PARTS = 32
MAX_NESTING = 32
MAX_REPORTED = 100
"""Limits broken in more places than this are told for these only."""
MIN_INTEGER, MAX_INTEGER = -(1 << 63), (1 << 64) - 1

_TOKEN = re.compile(
    r"""
      (?P<comment>\#[^\n]*+)
    | (?P<newline>\n)
    | (?P<string>"{3}(?:[^"\\]++|\\.|"(?!""))*+(?:"{3,5}|\\?) | '{3}(?:[^']++|'(?!''))*+(?:'{3,5})?
                | "(?:[^"\\\n]++|\\[^\n])*+["\\]? | '[^'\n]*+'?)
    | (?P<mark>[\[\]{}=,])
    | (?P<word>[^\s\#"'\[\]{}=,]++)
    """,
    re.VERBOSE | re.DOTALL,
)
_INTEGER = re.compile(r"[+-]?(?:0x[0-9A-Fa-f_]+|0o[0-7_]+|0b[01_]+|[0-9][0-9_]*)")

_HINTS = (
    ("Invalid value", "strings need quotes; numbers may be decimal or 0x… with underscores"),
    ("Cannot overwrite a value", "the key stands twice; keep one"),
    ("Expected newline", "one key a line: key = value"),
    ("Expected '=' after a key", "write key = value"),
    ("Invalid statement", "a line is a comment, a [table] or key = value"),
    ("Illegal character '\\n'", "the closing quote is missing"),
    ("Found invalid character", "no control characters, not in comments either"),
    ("Illegal character", "write it as an escape: \\u001b for the escape character"),
    ("Unterminated string", "the closing quote is missing"),
    ("Cannot declare", "the table stands twice; several of a kind are written [[vma]], [[event]]"),
)
_HINT = "thp-debug new prints a scenario to start from"


class Token(NamedTuple):
    """A piece of TOML: ``comment``, ``newline``, ``string``, ``mark`` or ``word``."""

    kind: str
    text: str
    start: int
    """Offset in characters."""


class Text:
    """The text of one scenario.  ``content`` has ``\\n`` line ends only; ``place`` finds values, lazily."""

    def __init__(self, content: str, name: str) -> None:
        self.content = content.replace("\r\n", "\n")
        self.name = name
        self.tokens = [Token(str(m.lastgroup), m[0], m.start()) for m in _TOKEN.finditer(self.content)]
        self._lines: list[int] | None = None
        self._places: Any = None

    def at(self, offset: int) -> Place:
        """Line and column of an offset in characters."""
        if self._lines is None:
            self._lines = [0, *(m.end() for m in re.finditer("\n", self.content))]
        line = bisect_right(self._lines, offset)
        return Place(line, offset - self._lines[line - 1] + 1)

    def place(self, path: KeyPath, *, key: bool = False, offset: int = -1) -> Place:
        """Line and column of the value at ``path``, of its key, or of a character inside a string value."""
        if self._places is None:
            from kernelmodel.scenario.places import Places  # a file that is good and asks for no place needs none

            self._places = Places(self.tokens)
        return self.at(self._places.find(path, key, offset))

    @property
    def hash(self) -> str:
        """Eight hex digits of the text without comments, blank lines and spaces between words."""
        words = "\n".join(token.text for token in self.tokens if token.kind not in ("comment", "newline"))
        return f"{zlib.crc32(words.encode('utf-8', 'surrogatepass')):08x}"

    def parse(self) -> dict[str, Any]:
        """The parsed file; ``ScenarioError`` if it breaks a limit or is no TOML."""
        problems = limits(self)
        if problems:
            raise ScenarioError(problems)
        import tomli

        try:
            return tomli.loads(self.content)
        except tomli.TOMLDecodeError as error:
            message = re.sub(r"\(('[^()]*?),?\)", _dotted, error.msg)
            hint = next((hint for start, hint in _HINTS if message.startswith(start)), _HINT)
            lines = self.content.split("\n")
            line = min(error.lineno, len(lines))
            text = lines[line - 1]
            col = min(error.colno, len(text) + 1)  # the parser may look one past the end
            if message.startswith("Cannot"):  # told behind the statement; its place is where it begins
                col = len(text) - len(text.lstrip()) + 1
            problem = Problem(self.name, line, col, printable(short(message, 200)), hint)
        except (ValueError, RecursionError) as error:
            problem = Problem(self.name, 1, 1, printable(short(str(error), 200)), _HINT)
        raise ScenarioError([problem])


def _dotted(match: re.Match[str]) -> str:
    """``('a', 'b')`` as ``'a.b'``."""
    return "'" + ".".join(part.strip().strip("'\"") for part in match[1].split(",")) + "'"


def limits(text: Text) -> list[Problem]:
    """What is too much of ``text``: nesting, parts of a key, bits of an integer.  Found before parsing."""
    found: list[Problem] = []
    depth, parts, start, dot, deepest = 0, 0, 0, False, MAX_NESTING
    for number, token in enumerate(text.tokens):
        message, hint, at = "", "", token.start
        if token.kind in ("word", "string"):
            if not dot and token.text[0] != ".":
                parts, start = 0, at
            before = parts
            parts += 1 if token.kind == "string" else len(token.text.split(".")) - 1 + (token.text[0] != ".")
            dot = token.kind == "word" and token.text[-1] == "."
            parts -= dot
            if before <= MAX_KEY_PARTS < parts:
                message, hint, at = f"a key has at most {MAX_KEY_PARTS} parts", "dots in a name need quotes", start
            elif token.kind == "word" and not _fits(token.text) and not _is_key(text.tokens, number):
                message = f"integer {short(token.text)} does not fit into 64 bits"
                hint = f"at most {MAX_INTEGER:#x}"
        elif token.kind == "mark":
            depth = depth + 1 if token.text in "[{" else max(depth - 1, 0) if token.text in "]}" else depth
            if depth > deepest:
                message, deepest = f"nested more than {MAX_NESTING} deep", len(text.content)
                hint = "no value of a scenario nests more than 4 deep"
        if token.kind not in ("word", "string"):
            parts, dot = 0, False
        if message and len(found) < MAX_REPORTED:
            place = text.at(at)
            found.append(Problem(text.name, place.line, place.col, printable(message), hint))
    return found


def _fits(word: str) -> bool:
    """Is this anything but an integer of more than 64 bits?"""
    if not _INTEGER.fullmatch(word):
        return True
    digits = word.replace("_", "")
    return len(digits) <= 67 and MIN_INTEGER <= _integer(digits) <= MAX_INTEGER


def _integer(digits: str) -> int:
    sign = -1 if digits[0] == "-" else 1
    digits = digits.lstrip("+-")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2], 10)
    return sign * int(digits[2:] or "0" if base != 10 else digits, base)


def _is_key(tokens: list[Token], number: int) -> bool:
    after = tokens[number + 1] if number + 1 < len(tokens) else None
    return after is not None and after.kind == "mark" and after.text == "="


def too_large(name: str, size: int) -> Problem:
    """The problem with a file of ``size`` bytes."""
    message = f"the file has {size:,} bytes; a scenario has at most {MAX_BYTES:,}"
    return Problem(name, 1, 1, message, "is this the right file?")


def read(path: str | os.PathLike[str], name: str) -> Text:
    """The text of a regular file of at most 1 MiB, in UTF-8; ``ScenarioError`` otherwise.  Never blocks."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
        try:
            data = _read(fd, name)
        finally:
            os.close(fd)
    except OSError as error:
        raise unreadable(name, (error.strerror or "no reason given").lower()) from None
    except ValueError:
        raise unreadable(name, "no file can have this name") from None
    return decode(data, name)


def _read(fd: int, name: str) -> bytes:
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        raise unreadable(name, "it is a directory")
    if not stat.S_ISREG(status.st_mode):
        raise unreadable(name, "it is not a regular file")
    if status.st_size > MAX_BYTES:
        raise ScenarioError([too_large(name, status.st_size)])
    with open(fd, "rb", closefd=False) as file:
        return file.read(MAX_BYTES + 1)


def unreadable(name: str, why: str, hint: str = "a scenario is one TOML file") -> ScenarioError:
    """The error for a file of which nothing could be read."""
    return ScenarioError([Problem(name, 1, 1, f"can't be read: {why}", hint)])


def from_string(content: str, name: str) -> Text:
    """A text that is already decoded; ``ScenarioError`` if it is too long."""
    size = len(content) if len(content) > MAX_BYTES else len(content.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise ScenarioError([too_large(name, size)])
    return Text(content, name)


def decode(data: bytes, name: str) -> Text:
    """UTF-8 without a byte order mark, or a ``ScenarioError`` at the first byte that is not."""
    if len(data) > MAX_BYTES:
        raise ScenarioError([too_large(name, len(data))])
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise ScenarioError([Problem(name, 1, 1, "starts with a byte order mark", "save it as UTF-8 without one")])
    try:
        return Text(data.decode(), name)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        line, col = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise ScenarioError([Problem(name, line, col, message, "save the file as UTF-8")]) from None

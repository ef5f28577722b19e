# SPDX-License-Identifier: GPL-2.0-only
"""Where the values of a valid TOML file stand: from a path of keys to an offset in the text."""

from __future__ import annotations

from kernelmodel.scenario.faults import KeyPath
from kernelmodel.scenario.text import Token


class Places:
    """Offsets (characters from 0) of every key and value, found in one walk over the tokens of a valid file.

    A table is where its header or its first key stands; of a text that is not valid TOML it finds what it can.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self.keys: dict[KeyPath, int] = {}
        self.values: dict[KeyPath, int] = {}
        self._strings: dict[int, str] = {}
        self._lists: dict[KeyPath, int] = {}
        self._tokens = [token for token in tokens if token.kind != "comment"]
        self._i = 0
        self._table: KeyPath = ()
        while self._peek() is not None:
            self._statement()

    def find(self, path: KeyPath, key: bool = False, offset: int = -1) -> int:
        """Offset of the value at ``path`` (of its key with ``key``), or of the nearest table around it."""
        places = self.keys if key else self.values
        while path and path not in places:
            path = path[:-1]
        start = places.get(path, 0)
        text = self._strings.get(start, "") if offset >= 0 else ""
        plain = text[:1] in ("'", '"') and text[:3] not in ("'''", '"""') and (text[0] == "'" or "\\" not in text)
        return start + 1 + min(offset, len(text) - 2) if plain and len(text) > 1 else start

    # -- the grammar, as far as places need it ---------------------------------------------------------
    def _peek(self) -> Token | None:
        return self._tokens[self._i] if self._i < len(self._tokens) else None

    def _next(self) -> Token | None:
        token = self._peek()
        self._i += 1
        return token

    def _skip(self, *texts: str) -> None:
        """Over line ends and these marks."""
        while (token := self._peek()) is not None and (token.kind == "newline" or self._is(*texts)):
            self._i += 1

    def _is(self, *texts: str) -> bool:
        token = self._peek()
        return token is not None and token.kind == "mark" and token.text in texts

    def _statement(self) -> None:
        """One line: a table header, a pair, or nothing."""
        if self._is("["):
            self._header()
        elif (token := self._peek()) is not None and token.kind in ("word", "string"):
            self._pair(self._table)
        while (token := self._peek()) is not None and token.kind != "newline":
            self._i += 1
        self._i += 1

    def _header(self) -> None:
        """``[a.b]``, or ``[[a.b]]``, which begins one more element."""
        start = self._tokens[self._i].start
        self._i += 1
        several = self._is("[")
        self._i += several
        path: KeyPath = ()
        parts = self._key()
        for number, (part, at) in enumerate(parts):
            path += (part,)
            self.keys.setdefault(path, at)
            self.values.setdefault(path, start)
            last = number == len(parts) - 1
            if last and several:
                self._lists[path] = self._lists.get(path, 0) + 1
            if path in self._lists:
                path += (self._lists[path] - 1,)
                self.keys.setdefault(path, start)
                self.values.setdefault(path, start)
        self._table = path

    def _key(self) -> list[tuple[str, int]]:
        """The parts of a key, each with its offset, up to ``=`` or ``]``."""
        parts: list[tuple[str, int]] = []
        while (token := self._peek()) is not None and token.kind in ("word", "string"):
            if token.kind == "string":
                parts.append((_unquoted(token.text), token.start))
            else:
                at = token.start
                for part in token.text.split("."):
                    if part:
                        parts.append((part, at))
                    at += len(part) + 1
            self._i += 1
        return parts

    def _pair(self, path: KeyPath) -> None:
        """``key = value`` in the table at ``path``."""
        for part, at in self._key():
            path += (part,)
            self.keys.setdefault(path, at)
            self.values.setdefault(path, at)
        if self._is("="):
            self._i += 1
            self._value(path)

    def _value(self, path: KeyPath) -> None:
        """A value and everything in it."""
        token = self._next()
        if token is None or token.kind == "newline":
            return
        self.values[path] = token.start
        if token.kind == "string":
            self._strings[token.start] = token.text
        elif token.text == "[":
            self._array(path)
        elif token.text == "{":
            self._inline(path)

    def _array(self, path: KeyPath) -> None:
        index = 0
        self._skip()
        while self._peek() is not None and not self._is("]"):
            self.keys[(*path, index)] = self._tokens[self._i].start
            self._value((*path, index))
            while self._peek() is not None and not self._is(",", "]"):
                self._i += 1  # the second half of "1979-05-27 07:32:00", line ends
            self._skip(",")
            index += 1
        self._i += 1

    def _inline(self, path: KeyPath) -> None:
        self._skip()
        while self._peek() is not None and not self._is("}"):
            self._pair(path)
            while self._peek() is not None and not self._is(",", "}"):
                self._i += 1
            self._skip(",")
        self._i += 1


def _unquoted(text: str) -> str:
    """The key that a quoted key spells."""
    if text[0] == '"' and "\\" in text:
        import tomli

        try:
            return next(iter(tomli.loads(f"{text} = 0")))
        except tomli.TOMLDecodeError:
            pass
    return text.strip(text[0])

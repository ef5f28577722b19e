# SPDX-License-Identifier: GPL-2.0-only
"""What the user carries away: the screen as text and as SVG, a file that overwrites nothing, the clipboard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from errno import EEXIST
from pathlib import Path
from typing import TYPE_CHECKING

from tui.folders import state_folder

if TYPE_CHECKING:
    from tui.paint.frame import Frame

MAX_CLIPBOARD = 74_000
"""Bytes of base64 that terminals take: xterm drops a longer sequence, and so do those that copied its limit."""
MAX_FILES = 10_000
"""Files of one name in a folder."""


def text_frame(lines: Iterable[str]) -> str:
    """The lines of a screen or a pane as a text: no trailing blanks, no blank lines at the end."""
    return "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"


def svg(frame: Frame, theme: str = "ansi", title: str = "thp-debug") -> str:
    """A painted frame as SVG, in the colours of a theme; it fetches nothing from anywhere."""
    import io
    from copy import copy

    from rich.console import Console
    from rich.segment import Segment, Segments
    from rich.terminal_theme import SVG_EXPORT_THEME

    from tui.panes.palette import make_style

    console = Console(
        record=True, width=frame.width, height=len(frame.lines), file=io.StringIO(), color_system="truecolor",
        force_terminal=True, no_color=False, legacy_windows=False, _environ={},
    )  # fmt: skip
    for line in frame.lines:
        pieces = [Segment(text, make_style(name, True, theme)) for piece in line for text, name in piece]
        console.print(Segments([*pieces, Segment.line()]), end="", crop=False)
    base, colours = make_style("", True, theme), copy(SVG_EXPORT_THEME)
    if base.bgcolor is not None and base.color is not None:
        colours.background_color = base.bgcolor.get_truecolor()
        colours.foreground_color = base.color.get_truecolor()
    return without_fonts(console.export_svg(title=title, theme=colours, unique_id="thp-debug"))


def without_fonts(text: str) -> str:
    """An SVG of Rich's that asks for no font from anywhere: the reader's own monospace will do."""
    text = re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL)
    return text.replace("Fira Code", "monospace")


def osc52(text: str, tmux: bool = False) -> str:
    """What sets the clipboard of the terminal to ``text`` (OSC 52); '' if it is too long for terminals to take.

    No terminal says whether it obeyed, so a file is the other half of a copy.  tmux takes the sequence itself only with
    ``set-clipboard on``, and hands one on that is wrapped for it only with ``allow-passthrough on``: inside tmux both
    are sent, and where both work the clipboard is set twice to the same.
    """
    from base64 import b64encode

    data = b64encode(text.encode("utf-8", "replace")).decode("ascii")
    if len(data) > MAX_CLIPBOARD:
        return ""
    plain = f"\x1b]52;c;{data}\x1b\\"
    wrapped = "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return plain + wrapped if tmux else plain


def save(name: str, suffix: str, text: str) -> Path:
    """Write ``thp-debug-NAME-N.SUFFIX``, N the first number that is free: here, or else in the state folder.

    ``name`` is the scenario's, perhaps with more behind it.  ``OSError`` if neither can be written.
    """
    return _numbered(name, {suffix.lstrip("."): text})[0]


def save_shot(file: str, name: str, picture: str, text: str) -> list[Path]:
    """Write an SVG and its text: as ``file`` (``.svg`` is added) and beside it, or without ``file`` as ``save`` does.

    ``OSError`` if one of them exists or can't be written.
    """
    if not file:
        return _numbered(name, {"svg": picture, "txt": text})
    path = Path(file).expanduser()
    path = path if path.suffix == ".svg" else path.with_name(path.name + ".svg")
    return _write([(path, picture), (path.with_suffix(".txt"), text)])


def _numbered(name: str, texts: Mapping[str, str]) -> list[Path]:
    """Write a text for each suffix, under one number."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(name).name.replace(".toml", ""))[:60].strip("-.") or "run"
    try:
        return _free(Path.cwd(), stem, texts)
    except OSError:
        folder = state_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _free(folder, stem, texts)


def _free(folder: Path, stem: str, texts: Mapping[str, str]) -> list[Path]:
    for number in range(1, MAX_FILES):
        try:
            return _write([(folder / f"thp-debug-{stem}-{number}.{suffix}", text) for suffix, text in texts.items()])
        except FileExistsError:
            continue
    raise FileExistsError(EEXIST, f"{folder} has {MAX_FILES:,} such files")


def _write(files: list[tuple[Path, str]]) -> list[Path]:
    """Write all these files, none of which may exist, or none."""
    made: list[Path] = []
    try:
        for path, text in files:
            with open(path, "x", encoding="utf-8", errors="replace") as file:
                made.append(path)
                file.write(text)
    except OSError:
        for path in made:
            path.unlink(missing_ok=True)
        raise
    return made

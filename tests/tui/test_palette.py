# SPDX-License-Identifier: GPL-2.0-only
"""Themes: every style in every theme, readable by the numbers."""

from __future__ import annotations

import pytest
from rich.color import ColorSystem

from tests.tui.fake import snapshot
from tui.paint import frame
from tui.paint.look import Look
from tui.panes.palette import STYLES, THEMES, style

OWN = [name for name in THEMES if name != "ansi"]


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", OWN)
@pytest.mark.parametrize("name", [name for name in STYLES if name != "rule"])
def test_text_stands_out_from_its_ground(theme, name):
    text, ground, colours = THEMES[theme]
    assert contrast(colours.get(name, text), ground) >= (7 if theme == "contrast" else 4.5)


@pytest.mark.parametrize("theme", OWN)
def test_rules_can_be_seen(theme):
    assert contrast(THEMES[theme].colours["rule"], THEMES[theme].ground) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_colours_are_given_to_known_styles(theme):
    assert set(THEMES[theme].colours) <= set(STYLES)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", STYLES)
def test_without_colour_only_attributes_are_left(theme, name):
    bare = style(name, False, theme)
    assert bare.color is None
    assert bare.bgcolor is None
    coloured = style(name, True, theme)
    assert (bare.bold, bare.reverse, bare.underline) == (coloured.bold, coloured.reverse, coloured.underline)


@pytest.mark.parametrize("theme", OWN)
def test_a_theme_fills_blanks_with_its_own_ground(theme):
    assert style("", True, theme).bgcolor is not None
    assert style("", True, "ansi").bgcolor is None


def test_states_that_matter_most_are_reversed_without_colour():
    for name in ("past", "cursor", "match", "fault", "fallback", "mutant"):
        assert style(name, False).reverse


def test_a_frame_says_in_whose_colours():
    assert frame.compose(snapshot(3), Look(theme="dark"), 80, 24).theme == "dark"
    assert frame.compose(snapshot(3), Look(theme="light"), 20, 5).theme == "light"


def test_sixteen_colours_are_enough_for_every_theme():
    for theme in THEMES:
        for name in STYLES:
            assert "x" in style(name, True, theme).render("x", color_system=ColorSystem.STANDARD)

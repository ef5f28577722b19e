# SPDX-License-Identifier: GPL-2.0-only
"""The plot of a sweep as SVG: a line per size over a key with numbers, else bars."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from kernelmodel.sweep import Axis, Rate, Row

if TYPE_CHECKING:
    from kernelmodel.scenario.types import Scenario

WIDTH, LEFT, RIGHT, TOP, PLOT = 860, 70, 40, 60, 320
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#7f7f7f", "#8c564b")
"""Wong's palette: told apart by those who see few colours."""


def picture(scenario: Scenario, axes: list[Axis], table: list[Row]) -> str:
    """The whole file."""
    across = numeric(axes)
    body, height = lines(scenario, across, table) if across is not None else bars(scenario, table)
    title = escape(f"{scenario.title or scenario.name} [{scenario.variant}]")
    note = escape("; ".join(f"{a.key} {a.values[0]} … {a.values[-1]}" for a in axes if a.ranged))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
            ' font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            f'<text x="{LEFT}" y="24" font-size="15">{title}</text>',
            f'<text x="{LEFT}" y="42" fill="#555">fallback rate{" over all of " + note if note else ""}</text>',
            *body,
            "</svg>\n",
        ]
    )


def numeric(axes: list[Axis]) -> Axis | None:
    """The last listed key that has two numbers or more and nothing else."""
    for axis in reversed(axes):
        if not axis.ranged and len(axis.values) > 1 and all(_number(value) is not None for value in axis.values):
            return axis
    return None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _size(scenario: Scenario, order: int) -> str:
    from tui.swept import size_name

    return size_name(scenario, order)


# -- lines ---------------------------------------------------------------------------------------------
def lines(scenario: Scenario, across: Axis, table: list[Row]) -> tuple[list[str], int]:
    """One line for each size and each combination of the other keys; a band from the lowest to the highest machine."""
    values = sorted(float(value) for value in across.values)
    low, high = values[0], values[-1]
    series: dict[str, list[tuple[float, Rate]]] = {}
    for row in table:
        settings = dict(row.settings)
        x = float(settings.pop(across.key))
        others = " ".join(f"{key}={value}" for key, value in settings.items())
        for each in row.rates:
            if not math.isnan(each.rate):
                series.setdefault(f"{_size(scenario, each.order)} {others}".strip(), []).append((x, each))
    right = WIDTH - RIGHT

    def at(x: float, rate: float) -> str:
        return f"{LEFT + (right - LEFT) * (x - low) / ((high - low) or 1):.1f},{TOP + PLOT * (1 - rate):.1f}"

    out = _scale(right)
    for value in values:
        place = at(value, 0).partition(",")[0]
        out.append(f'<text x="{place}" y="{TOP + PLOT + 18}" text-anchor="middle">{value:g}</text>')
    middle = (LEFT + right) // 2
    out.append(f'<text x="{middle}" y="{TOP + PLOT + 38}" text-anchor="middle">{escape(across.key)}</text>')
    for n, (name, points) in enumerate(series.items()):
        colour = COLOURS[n % len(COLOURS)]
        points.sort(key=lambda point: point[0])
        edge = [at(x, each.high) for x, each in points] + [at(x, each.low) for x, each in reversed(points)]
        out.append(f'<polygon points="{" ".join(edge)}" fill="{colour}" fill-opacity="0.12"/>')
        way = " ".join(at(x, each.rate) for x, each in points)
        out.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for place in way.split():
            x_of, y_of = place.split(",")
            out.append(f'<circle cx="{x_of}" cy="{y_of}" r="3" fill="{colour}"/>')
        y = TOP + PLOT + 66 + 18 * n
        out.append(f'<rect x="{LEFT}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        out.append(f'<text x="{LEFT + 16}" y="{y}">{escape(name)}</text>')
    return out, TOP + PLOT + 66 + 18 * len(series)


def _scale(right: int) -> list[str]:
    """Rates from 0 to 100 %, with a line at each fifth."""
    out = []
    for fifth in range(6):
        y = TOP + PLOT * (5 - fifth) // 5
        out.append(f'<line x1="{LEFT}" y1="{y}" x2="{right}" y2="{y}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{fifth * 20}%</text>')
    return out


# -- bars ----------------------------------------------------------------------------------------------
def bars(scenario: Scenario, table: list[Row]) -> tuple[list[str], int]:
    """A bar for each row and size, with a whisker from the lowest to the highest machine."""
    left = LEFT + 170
    right = WIDTH - 120
    out: list[str] = []
    y = TOP + 8

    def at(rate: float) -> float:
        return left + (right - left) * rate

    for row in table:
        name = " ".join(f"{key}={value}" for key, value in row.settings) or "all machines"
        out.append(f'<text x="{LEFT}" y="{y + 12}" font-weight="bold">{escape(name)}</text>')
        y += 20
        for n, each in enumerate(row.rates):
            if math.isnan(each.rate):
                continue
            colour = COLOURS[n % len(COLOURS)]
            out.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{_size(scenario, each.order)}</text>')
            wide = at(each.rate) - left
            out.append(f'<rect x="{left}" y="{y + 2}" width="{wide:.1f}" height="12" fill="{colour}"/>')
            ends = f'x1="{at(each.low):.1f}" x2="{at(each.high):.1f}"'
            out.append(f'<line {ends} y1="{y + 8}" y2="{y + 8}" stroke="#333"/>')
            tried = f"{each.rate:.1%} of {each.alloc + each.fallback:,}"
            out.append(f'<text x="{max(at(each.rate), at(each.high)) + 6:.1f}" y="{y + 12}">{tried}</text>')
            y += 18
        y += 8
    return out, y + 12

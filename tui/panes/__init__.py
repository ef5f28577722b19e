# SPDX-License-Identifier: GPL-2.0-only
"""The widget that draws, and what cursor keys do in each pane."""

# SPDX-License-Identifier: GPL-2.0-only
"""The races that are put to Spin as well, and Spin."""

# SPDX-License-Identifier: GPL-2.0-only
"""A model of the Linux anonymous page-fault path that can be stepped, taken back and answered for."""

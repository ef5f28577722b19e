# SPDX-License-Identifier: GPL-2.0-only
"""The scenarios that come with thp-debug, as a package so that they are found in a checkout and in a wheel alike."""

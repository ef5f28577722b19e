# SPDX-License-Identifier: GPL-2.0-only
"""What commands do: a verb gets the console and its arguments, returns a ``Result``, moves nothing."""

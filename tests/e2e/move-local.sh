#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The same whole move where both ends are one host: no ssh between the movers.
LAB_OPTIONS=--no-namespaces
. "${top_srcdir:-.}/tests/e2e/move-smoke.sh"

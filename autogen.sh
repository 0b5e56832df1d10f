#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes configure and what it needs from what is in git.
set -e
cd "$(dirname "$0")"
rm -f po/*.pot po/stamp-po # made anew by make: texts may have changed since
autoreconf --install --force --warnings=all,no-portability,no-obsolete

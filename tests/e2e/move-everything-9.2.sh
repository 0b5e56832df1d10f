#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# move-everything.sh between clusters of Proxmox VE 9.2.
LAB_OPTIONS="--api-version 9.2"
. "${top_srcdir:-.}/tests/e2e/move-everything.sh"

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The calls of move-firewall.sh between clusters of Proxmox VE 7.4.
twin=yes
LAB_OPTIONS="--api-version 7.4"
. "${top_srcdir:-.}/tests/e2e/move-firewall.sh"

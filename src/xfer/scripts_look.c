/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at a host without changing anything there, as POSIX sh; lines of "WORD VALUE". */
#include "config.h"
#include "xfer/host.h"

/* The places are those of vf_script_prepare, which tries them by writing. */
const char vf_script_look[] =
    "PATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin\n"
    "room=$1\n"
    "shift\n"
    "echo \"time $(date +%s)\"\n"
    "echo \"boot $(cat /proc/sys/kernel/random/boot_id 2>/dev/null)\"\n"
    "echo \"machine $(uname -m)\"\n"
    "echo \"uid $(id -u)\"\n"
    "for t in uname mkdir rmdir rm chmod dd sha256sum; do\n"
    "  command -v $t >/dev/null 2>&1 || echo \"missing $t\"\n"
    "done\n"
    "for t in awk sed tr id wc tail mktemp ssh; do\n"
    "  command -v $t >/dev/null 2>&1 || echo \"wanted $t\"\n"
    "done\n"
    "command -v qemu-nbd >/dev/null 2>&1 || echo \"qemu qemu-nbd\"\n"
    "command -v qemu-img >/dev/null 2>&1 || echo \"qemu qemu-img\"\n"
    "for base in /run /tmp /var/tmp \"$HOME\"; do\n"
    "  case $base in *[!A-Za-z0-9/._-]*|'') continue ;; esac\n"
    "  [ -d \"$base\" ] && [ -w \"$base\" ] || { echo \"full $base (not writable)\"; continue; }\n"
    "  options=$(awk -v d=\"$base\" '{ n = length($2); if (($2 == \"/\" || d == $2 ||\n"
    "    substr(d, 1, n + 1) == $2 \"/\") && n >= best) { best = n; o = $4 } } END { print o }' "
    "\\\n"
    "    /proc/mounts 2>/dev/null)\n"
    "  case ,$options, in *,noexec,*) echo \"full $base (noexec)\"; continue ;; esac\n"
    "  free=$(df -Pk \"$base\" 2>/dev/null | awk 'NR == 2 { print $4 }')\n"
    "  [ \"${free:-0}\" -ge \"$room\" ] || { echo \"full $base (${free:-?} KiB free)\"; continue; "
    "}\n"
    "  echo \"room $base\"\n"
    "  break\n"
    "done\n"
    "for path; do\n"
    "  if [ -e \"$path\" ]; then\n"
    "    [ -r \"$path\" ] || echo \"unreadable $path\"\n"
    "    [ \"$(stat -f -c %T \"$path\" 2>/dev/null)\" != zfs ] || echo \"zfs $path\"\n"
    "  else\n"
    /* of a stopped VM a volume may not be there before it is activated */
    "    case $path in /dev/*) ;; *) echo \"absent $path\" ;; esac\n"
    "  fi\n"
    "done\n";

const char vf_script_keyscan[] =
    "command -v ssh-keyscan >/dev/null 2>&1 || { echo none; exit 0; }\n"
    "port=$1\n"
    "shift\n"
    "for a; do\n"
    "  ssh-keyscan -T 5 -p \"$port\" -t ed25519,ecdsa,rsa \"$a\" 2>/dev/null |\n"
    "    while read -r host rest; do echo \"$a $rest\"; done\n"
    "done\n";

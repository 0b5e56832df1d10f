/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is run on hosts, as POSIX sh with the values as arguments; no more is needed than busybox
 * has. Those for authorized_keys are in scripts_key.c. */
#include "config.h"
#include "xfer/host.h"

/* A private directory in which programs may be run and the helper has room: /run is often mounted
 * noexec, and small. */
const char vf_script_prepare[] =
    "umask 077\n"
    "PATH=$PATH:/usr/bin:/bin\n"
    "for t in uname mkdir rmdir rm chmod dd sha256sum; do\n"
    "  command -v $t >/dev/null 2>&1 || { echo \"the program $t is missing there\" >&2; exit 94; "
    "}\n"
    "done\n"
    "try() {\n"
    "  printf '#!/bin/sh\\nexit 0\\n' | cat >\"$1/probe\" && chmod 700 \"$1/probe\" && "
    "\"$1/probe\" &&\n"
    "    dd if=/dev/zero of=\"$1/room\" bs=1024 count=\"$2\" && rm -f \"$1/probe\" \"$1/room\"\n"
    "}\n"
    "why=\n"
    "for base in /run /tmp /var/tmp \"$HOME\"; do\n"
    "  case $base in *[!A-Za-z0-9/._-]*|'') continue ;; esac\n"
    "  d=$base/$1\n"
    "  if said=$(mkdir \"$d\" 2>&1) && said=$(try \"$d\" \"$2\" 2>&1); then\n"
    "    echo \"$(uname -m) $d\"\n"
    "    exit 0\n"
    "  fi\n"
    "  rm -f \"$d/probe\" \"$d/room\"; rmdir \"$d\" 2>/dev/null\n"
    "  case $said in *'No space'*|*'quota'*) why=\"$why${why:+, }$base (full)\" ;;\n"
    "  *'ead-only'*) why=\"$why${why:+, }$base (read-only)\" ;;\n"
    "  *) why=\"$why${why:+, }$base\" ;; esac\n"
    "done\n"
    "echo \"none of these may hold programs and has $2 KiB of room: $why\" >&2\n"
    "case $why in *'(full)'*) exit 95 ;; esac\n"
    "exit 93\n";

/* An owner that still lives has its number in the file and the directory among its words. */
#define LIVES                                                                                      \
    "lives() {\n"                                                                                  \
    "  [ -n \"$pid\" ] && tr '\\0' ' ' 2>/dev/null <\"/proc/$pid/cmdline\" |\n"                    \
    "    grep -qF -e 'vmferry-mover serve ' -e 'vmferry-fetch serve ' &&\n"                        \
    "    tr '\\0' '\\n' 2>/dev/null <\"/proc/$pid/cmdline\" |\n"                                   \
    "    grep -qxF \"$d\"\n"                                                                       \
    "}\n"                                                                                          \
    "owner() {\n"                                                                                  \
    "  pid= rest=\n"                                                                               \
    "  [ ! -f \"$d/lock\" ] || read -r pid rest <\"$d/lock\"\n"                                    \
    "}\n"

const char vf_script_helpers[] =
    LIVES "for base in /run /tmp /var/tmp \"$HOME\"; do\n"
          "  for d in \"$base\"/vmferry-*-*-*; do\n"
          "    [ -d \"$d\" ] && [ ! -L \"$d\" ] && [ -O \"$d\" ] || continue\n"
          "    owner\n"
          "    lives || pid=0\n"
          "    j=${d##*/vmferry-}; j=${j%-*}\n"
          "    echo \"helper $d ${j%-*} $pid\"\n"
          "  done\n"
          "done\n";

const char vf_script_lives[] =
    "if [ -f \"$1/lock\" ] && ! flock -n \"$1/lock\" true; then echo lives; else echo gone; fi\n";

const char vf_script_dirs[] =
    LIVES "for base in /run /tmp /var/tmp \"$HOME\"; do\n"
          "  for d in \"$base/$1\"*; do\n"
          "    [ -d \"$d\" ] && [ ! -L \"$d\" ] && [ -O \"$d\" ] || continue\n"
          "    if [ \"$2\" = remove ]; then\n"
          "      i=0\n"
          "      owner\n"
          "      while lives && [ $i -lt 150 ]; do\n"
          "        if [ $i -lt 100 ]; then kill \"$pid\"; else kill -9 \"$pid\"; fi 2>/dev/null\n"
          "        sleep 0.1 2>/dev/null || { sleep 1; i=$((i + 9)); }\n"
          "        i=$((i + 1))\n"
          "      done\n"
          "      rm -rf -- \"$d\" || exit 1\n"
          "    fi\n"
          "    echo \"$d\"\n"
          "  done\n"
          "done\n";

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is run on hosts, as POSIX sh with the values as arguments. */
#include "config.h"
#include "xfer/host.h"

/* A private directory in which programs may be run: /run is often mounted noexec. */
const char vf_script_prepare[] =
    "umask 077\n"
    "for base in /run /tmp /var/tmp \"$HOME\"; do\n"
    "  d=$base/$1\n"
    "  mkdir \"$d\" 2>/dev/null || continue\n"
    "  if printf '#!/bin/sh\\nexit 0\\n' 2>/dev/null >\"$d/probe\" &&\n"
    "     chmod 700 \"$d/probe\" && \"$d/probe\" 2>/dev/null; then\n"
    "    rm -f \"$d/probe\"\n"
    "    echo \"$(uname -m) $d\"\n"
    "    exit 0\n"
    "  fi\n"
    "  rm -f \"$d/probe\"; rmdir \"$d\"\n"
    "done\n"
    "echo 'none of /run, /tmp, /var/tmp and the home directory may hold programs' >&2\n"
    "exit 1\n";

/* Sets files= to the authorized_keys files of user $1, in sshd's order. sshd is asked with the
 * configuration that the one above us was started with. is_local: a plain file of this node, not
 * one that a cluster shares (on Proxmox VE authorized_keys is a link into /etc/pve). */
#define KEY_FILES                                                                                  \
    "umask 077\n"                                                                                  \
    "PATH=$PATH:/usr/sbin:/sbin\n"                                                                 \
    "user=${1:-$(id -un)} mark=$2\n"                                                               \
    "home=$(getent passwd \"$user\" 2>/dev/null | cut -d: -f6)\n"                                  \
    "[ -n \"$home\" ] || home=$HOME\n"                                                             \
    "conf= p=$$\n"                                                                                 \
    "while [ \"${p:-0}\" -gt 1 ]; do\n"                                                            \
    "  line=$(tr '\\0' ' ' 2>/dev/null <\"/proc/$p/cmdline\")\n"                                   \
    "  case $line in\n"                                                                            \
    "  *sshd*' -f '*) conf=${line#*' -f '}; conf=${conf%% *}; break ;;\n"                          \
    "  esac\n"                                                                                     \
    "  p=$(awk '/^PPid:/ { print $2 }' \"/proc/$p/status\" 2>/dev/null)\n"                         \
    "done\n"                                                                                       \
    "files=$(sshd -T ${conf:+-f \"$conf\"} -C \"user=$user,host=localhost,addr=127.0.0.1\" "       \
    "2>/dev/null |\n"                                                                              \
    "  awk 'tolower($1) == \"authorizedkeysfile\" { for (i = 2; i <= NF; i++) print $i }')\n"      \
    "[ -n \"$files\" ] || files='.ssh/authorized_keys .ssh/authorized_keys2'\n"                    \
    "all=\n"                                                                                       \
    "for f in $files; do\n"                                                                        \
    "  [ \"$f\" = none ] && continue\n"                                                            \
    "  f=$(printf '%s\\n' \"$f\" | sed \"s|%h|$home|g; s|%u|$user|g; s|%%|%|g\")\n"                \
    "  case $f in /*) ;; *) f=$home/$f ;; esac\n"                                                  \
    "  all=\"$all $f\"\n"                                                                          \
    "done\n"                                                                                       \
    "files=$all\n"                                                                                 \
    "is_local() {\n"                                                                               \
    "  [ ! -L \"$1\" ] || return 1\n"                                                              \
    "  up=${1%/*}\n"                                                                               \
    "  [ -d \"$up\" ] || return 0\n"                                                               \
    "  case $(readlink -f \"$up\")/ in /etc/pve/*) return 1 ;; esac\n"                             \
    "  case $(stat -f -c %T \"$up\" 2>/dev/null) in fuse*) return 1 ;; esac\n"                     \
    "  return 0\n"                                                                                 \
    "}\n"                                                                                          \
    "hold() { exec 9<\"${1%/*}\" && flock -w 10 9 2>/dev/null; return 0; }\n"

/* A shared file is appended to only when there is no other, and in place. */
const char vf_script_key_add[] =
    KEY_FILES "command=$3 key=$4 seconds=$5 file=\n"
              "for f in $files; do is_local \"$f\" && { file=$f; break; }; done\n"
              "[ -n \"$file\" ] || file=${files# }\n"
              "file=${file%% *}\n"
              "[ -n \"$file\" ] || { echo 'sshd takes no authorized_keys file' >&2; exit 1; }\n"
              "if [ ! -d \"${file%/*}\" ]; then\n"
              "  mkdir -p \"${file%/*}\" && chown \"$user\" \"${file%/*}\" || exit 1\n"
              "fi\n"
              "hold \"$file\"\n"
              "if [ ! -e \"$file\" ]; then\n"
              "  : >\"$file\" && chown \"$user\" \"$file\" || exit 1\n"
              "fi\n"
              "if [ -n \"$(tail -c 1 \"$file\")\" ]; then echo >>\"$file\" || exit 1; fi\n"
              "until=$(date -d \"+$seconds seconds\" +%Y%m%d%H%M%S) || exit 1\n"
              "[ \"$user\" = \"$(id -un)\" ] || command=\"sudo -n $command\"\n"
              "printf 'restrict,expiry-time=\"%s\",command=\"%s\" %s %s\\n' \\\n"
              "  \"$until\" \"$command\" \"$key\" \"$mark\" >>\"$file\" || exit 1\n"
              "echo \"$file\"\n";

/* Files are replaced as a whole, behind the link where there is one: cut off in the middle, a
 * cluster's keys must not be lost. The cluster file system gives its files owner and mode itself.
 */
const char vf_script_key_remove[] = KEY_FILES
    "status=0\n"
    "for f in $files; do\n"
    "  [ -f \"$f\" ] || continue\n"
    "  n=$(awk -v m=\"$mark\" '$NF == m' \"$f\" | wc -l)\n"
    "  [ \"$n\" -gt 0 ] || continue\n"
    "  if [ \"$3\" = remove ]; then\n"
    "    hold \"$f\"\n"
    "    rest=$(mktemp) || exit 1\n"
    "    awk -v m=\"$mark\" '$NF != m' \"$f\" >\"$rest\" || { status=1; continue; }\n"
    "    real=$(readlink -f \"$f\") tmp=$real.vmferry.$$\n"
    "    if is_local \"$f\" && [ ! -s \"$rest\" ]; then\n"
    "      rm -f \"$f\" || status=1\n"
    "    elif is_local \"$f\"; then\n"
    "      cp -p \"$f\" \"$tmp\" && cat \"$rest\" >\"$tmp\" && mv -f \"$tmp\" \"$real\" ||\n"
    "        { rm -f \"$tmp\"; status=1; }\n"
    "    else\n"
    "      cat \"$rest\" >\"$tmp\" && mv -f \"$tmp\" \"$real\" ||\n"
    "        { rm -f \"$tmp\"; status=1; }\n"
    "    fi\n"
    "    rm -f \"$rest\"\n"
    "  fi\n"
    "  echo \"$f\"\n"
    "done\n"
    "exit $status\n";

const char vf_script_lives[] =
    "if [ -f \"$1/lock\" ] && ! flock -n \"$1/lock\" true; then echo lives; else echo gone; fi\n";

/* An owner that still lives holds a lock there and has its number in the file. */
const char vf_script_dirs[] =
    "for base in /run /tmp /var/tmp \"$HOME\"; do\n"
    "  for d in \"$base/$1\"*; do\n"
    "    [ -d \"$d\" ] && [ ! -L \"$d\" ] && [ -O \"$d\" ] || continue\n"
    "    if [ \"$2\" = remove ]; then\n"
    "      if [ -f \"$d/lock\" ] && ! flock -n \"$d/lock\" true; then\n"
    "        read -r pid rest <\"$d/lock\" && kill \"$pid\" 2>/dev/null\n"
    "        flock -w 10 \"$d/lock\" true || { kill -9 \"$pid\"; sleep 1; }\n"
    "      fi\n"
    "      rm -rf -- \"$d\" || exit 1\n"
    "    fi\n"
    "    echo \"$d\"\n"
    "  done\n"
    "done\n";

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mirror of a job on a host, as POSIX sh. The file "holder" is one line of fixed length:
 * TOKEN LIMIT BOOT UPTIME held|free SINCE PID WHO; times in hundredths of a second since boot. It
 * is written in place, so that a sign of life needs no room. Each script answers in one line:
 * "ours SIZE STAMPED DIR", "other|left HUNDREDTHS held|free SINCE PID WHO", or "none". */
#include "config.h"
#include "xfer/host.h"

#define MIRROR                                                                                     \
    "umask 077\n"                                                                                  \
    "PATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin\n"                                                   \
    "j=$1 d=\n"                                                                                    \
    "at() {\n"                                                                                     \
    "  for base in /var/lib/vmferry/mirror \"$HOME/.vmferry-mirror\"; do\n"                        \
    "    if [ -d \"$base/$j\" ] && [ ! -L \"$base/$j\" ] && [ -O \"$base/$j\" ]; then\n"           \
    "      d=$base/$j\n"                                                                           \
    "      return 0\n"                                                                             \
    "    fi\n"                                                                                     \
    "  done\n"                                                                                     \
    "  return 1\n"                                                                                 \
    "}\n"                                                                                          \
    "now() {\n"                                                                                    \
    "  read -r up rest </proc/uptime && read -r boot </proc/sys/kernel/random/boot_id || exit "    \
    "94\n"                                                                                         \
    "  up=$((${up%.*} * 100 + 1${up#*.} - 100))\n"                                                 \
    "}\n"                                                                                          \
    "hold() {\n"                                                                                   \
    "  command -v flock >/dev/null || { echo 'the program flock is missing there' >&2; exit 94; "  \
    "}\n"                                                                                          \
    "  exec 9>>\"$d/lock\" || exit 93\n"                                                           \
    "  flock -w 20 9 || { echo \"$d is locked\" >&2; exit 1; }\n"                                  \
    "}\n"                                                                                          \
    "holder() {\n"                                                                                 \
    "  token= limit=0 boot0= up0=0 state=free since=0 pid=0 who=unknown\n"                         \
    "  [ ! -f \"$d/holder\" ] || read -r token limit boot0 up0 state since pid who "               \
    "<\"$d/holder\"\n"                                                                             \
    "  while [ \"${up0#0}\" != \"$up0\" ] && [ ${#up0} -gt 1 ]; do up0=${up0#0}; done\n"           \
    "  now\n"                                                                                      \
    "  age=$up\n"                                                                                  \
    "  [ \"$boot\" != \"$boot0\" ] || age=$((up - up0))\n"                                         \
    "}\n"                                                                                          \
    "lives() { [ \"$state\" = held ] && [ \"$age\" -lt \"$limit\" ]; }\n"                          \
    "other() {\n"                                                                                  \
    "  word=left\n"                                                                                \
    "  ! lives || word=other\n"                                                                    \
    "  echo \"$word $age $state $since $pid $who\"\n"                                              \
    "}\n"                                                                                          \
    "line() { printf '%s %s %s %012d %s %s %s %s\\n' \\\n"                                         \
    "  \"$token\" \"$limit\" \"$boot\" \"$up\" \"$state\" \"$since\" \"$pid\" \"$who\"; }\n"       \
    "stamp() { line 2>/dev/null 1<>\"$d/holder\"; }\n"                                             \
    "size() { if [ -f \"$d/journal.jsonl\" ]; then wc -c <\"$d/journal.jsonl\"; else echo 0; fi; " \
    "}\n"                                                                                          \
    "ours() { echo \"ours $(($(size))) $1 $d\"; }\n"                                               \
    "mine() {\n"                                                                                   \
    "  at || { echo none; exit 0; }\n"                                                             \
    "  hold\n"                                                                                     \
    "  [ -d \"$d\" ] || { echo none; exit 0; }\n"                                                  \
    "  holder\n"                                                                                   \
    "  [ \"$token\" = \"$1\" ] || { other; exit 0; }\n"                                            \
    "}\n"

/* A directory of which the holder could not be written is removed again: it says nothing. */
const char vf_script_mirror_take[] = MIRROR
    "new=$2 most=$3 mode=$4\n"
    "made=\n"
    "if ! at; then\n"
    "  [ \"$mode\" = make ] || { echo none; exit 0; }\n"
    "  for base in /var/lib/vmferry/mirror \"$HOME/.vmferry-mirror\"; do\n"
    "    mkdir -p \"$base\" 2>/dev/null && mkdir \"$base/$j\" 2>/dev/null || continue\n"
    "    d=$base/$j made=1\n"
    "    break\n"
    "  done\n"
    "  [ -n \"$d\" ] || { echo \"neither /var/lib/vmferry nor $HOME can be written\" >&2; exit 93; "
    "}\n"
    "fi\n"
    "hold\n"
    "holder\n"
    "if [ -n \"$token\" ] && [ \"$token\" != \"$new\" ]; then\n"
    "  if lives || [ \"$mode\" != any ]; then other; exit 0; fi\n"
    "fi\n"
    "token=$new limit=$most state=held since=$5 pid=$6 who=$7\n"
    "line >\"$d/holder.new\" && mv \"$d/holder.new\" \"$d/holder\" || {\n"
    "  rm -f \"$d/holder.new\"\n"
    "  [ -z \"$made\" ] || rm -rf \"$d\"\n"
    "  echo \"$d cannot be written\" >&2\n"
    "  exit 95\n"
    "}\n"
    "sync \"$d\" \"$d/holder\" 2>/dev/null\n"
    "ours 1\n";

const char vf_script_mirror_put[] =
    MIRROR "mine \"$2\"\n"
           "f=$d/journal.jsonl\n"
           "if [ -n \"$4\" ] && have=$(size) && [ \"$have\" -ge \"$3\" ]; then\n"
           "  [ \"$have\" -eq \"$3\" ] || dd if=/dev/null of=\"$f\" bs=1 seek=\"$3\" count=0 "
           "2>/dev/null\n"
           "  printf '%s' \"$4\" >>\"$f\" ||\n"
           "    dd if=/dev/null of=\"$f\" bs=1 seek=\"$3\" count=0 2>/dev/null\n"
           "  sync -d \"$f\" 2>/dev/null\n"
           "fi\n"
           "if stamp; then ours 1; else ours 0; fi\n";

const char vf_script_mirror_plan[] =
    MIRROR "mine \"$2\"\n"
           "printf '%s' \"$3\" >\"$d/plan.new\" && mv \"$d/plan.new\" \"$d/plan.cfg\" || exit 95\n"
           "ours 1\n";

const char vf_script_mirror_release[] = MIRROR "mine \"$2\"\n"
                                               "state=free\n"
                                               "stamp\n"
                                               "ours 1\n";

/* TOKEN "-": of anybody who is gone. */
const char vf_script_mirror_drop[] =
    MIRROR "if [ \"$2\" = - ]; then\n"
           "  at || { echo none; exit 0; }\n"
           "  hold\n"
           "  holder\n"
           "  ! lives || { other; exit 0; }\n"
           "else\n"
           "  mine \"$2\"\n"
           "fi\n"
           "rm -rf -- \"$d\" || exit 1\n"
           "rmdir \"${d%/*}\" 2>/dev/null\n"
           "case $d in /var/lib/vmferry/*) rmdir /var/lib/vmferry 2>/dev/null ;; esac\n"
           "echo none\n";

const char vf_script_mirror_list[] =
    MIRROR "for base in /var/lib/vmferry/mirror \"$HOME/.vmferry-mirror\"; do\n"
           "  for d in \"$base\"/*; do\n"
           "    [ -d \"$d\" ] && [ ! -L \"$d\" ] && [ -O \"$d\" ] || continue\n"
           "    holder\n"
           "    echo \"$d $(other)\"\n"
           "    grep -s '^{\"type\":\"job\"' \"$d/journal.jsonl\" | tail -n 1\n"
           "  done\n"
           "done\n";

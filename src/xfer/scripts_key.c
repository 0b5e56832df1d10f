/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one-job key in authorized_keys files, as POSIX sh for hosts that have no more than busybox.
 */
#include "config.h"
#include "xfer/host.h"

/* say(STATUS, TEXT) ends. files_for(ADDRESS) sets `settings` to what sshd does with a login of
 * `user` from there, and `files` to its authorized_keys files in sshd's order. sshd is asked with
 * the configuration that the one above us was started with; SSH_CONNECTION, which sudo takes away,
 * is looked for above us too. is_local: a plain file of this node, not one that a cluster shares
 * (on Proxmox VE authorized_keys is a link into /etc/pve). */
#define KEY_FILES                                                                                  \
    "umask 077\n"                                                                                  \
    "PATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin\n"                                                   \
    "say() { echo \"$2\" >&2; exit \"$1\"; }\n"                                                    \
    "for t in awk sed tr id wc tail mktemp; do\n"                                                  \
    "  command -v $t >/dev/null 2>&1 || say 94 \"the program $t is missing there\"\n"              \
    "done\n"                                                                                       \
    "user=${1:-$(id -un)} mark=$2\n"                                                               \
    "home=$(getent passwd \"$user\" 2>/dev/null | awk -F: '{ print $6 }')\n"                       \
    "[ -n \"$home\" ] || home=$(awk -F: -v u=\"$user\" '$1 == u { print $6 }' /etc/passwd)\n"      \
    "[ -n \"$home\" ] || home=$HOME\n"                                                             \
    "conf= conn=$SSH_CONNECTION p=$$\n"                                                            \
    "while [ \"${p:-0}\" -gt 1 ]; do\n"                                                            \
    "  line=$(tr '\\0' ' ' 2>/dev/null <\"/proc/$p/cmdline\")\n"                                   \
    "  case $line in\n"                                                                            \
    "  *sshd*' -f '*) conf=${line#*' -f '}; conf=${conf%% *}; break ;;\n"                          \
    "  esac\n"                                                                                     \
    "  [ -n \"$conn\" ] || conn=$(tr '\\0' '\\n' 2>/dev/null <\"/proc/$p/environ\" |\n"            \
    "    sed -n 's/^SSH_CONNECTION=//p')\n"                                                        \
    "  p=$(awk '/^PPid:/ { print $2 }' \"/proc/$p/status\" 2>/dev/null)\n"                         \
    "done\n"                                                                                       \
    "setting() { printf '%s\\n' \"$settings\" | awk -v k=\"$1\" \\\n"                              \
    "  'tolower($1) == k { sub(/^[^ ]* */, \"\"); print; exit }'; }\n"                             \
    "add_files() {\n"                                                                              \
    "  for f; do\n"                                                                                \
    "    [ \"$f\" != none ] || continue\n"                                                         \
    "    f=$(printf '%s\\n' \"$f\" | sed \"s|%h|$home|g; s|%u|$user|g; s|%%|%|g\")\n"              \
    "    case $f in /*) ;; *) f=$home/$f ;; esac\n"                                                \
    "    case \" $files \" in *\" $f \"*) ;; *) files=\"$files $f\" ;; esac\n"                     \
    "  done\n"                                                                                     \
    "}\n"                                                                                          \
    "files_for() {\n"                                                                              \
    "  set -- \"$1\" $conn\n"                                                                      \
    "  peer=${1:-${2:-127.0.0.1}} here=${4:-127.0.0.1} port=${5:-22}\n"                            \
    "  settings=$(sshd -T ${conf:+-f \"$conf\"} -C \\\n"                                           \
    "    \"user=$user,host=$peer,addr=$peer,laddr=$here,lport=$port\" 2>/dev/null)\n"              \
    "  files= named=$(setting authorizedkeysfile)\n"                                               \
    "  set -f\n"                                                                                   \
    "  add_files ${named:-.ssh/authorized_keys .ssh/authorized_keys2}\n"                           \
    "  set +f\n"                                                                                   \
    "}\n"                                                                                          \
    "is_local() {\n"                                                                               \
    "  [ ! -L \"$1\" ] || return 1\n"                                                              \
    "  up=${1%/*}\n"                                                                               \
    "  [ -d \"$up\" ] || return 0\n"                                                               \
    "  case $(readlink -f \"$up\")/ in /etc/pve/*) return 1 ;; esac\n"                             \
    "  case $(stat -f -c %T \"$up\" 2>/dev/null) in fuse*) return 1 ;; esac\n"                     \
    "  return 0\n"                                                                                 \
    "}\n"                                                                                          \
    "hold() {\n"                                                                                   \
    "  ( : <\"${1%/*}\" ) 2>/dev/null && exec 9<\"${1%/*}\" && flock -w 10 9 2>/dev/null\n"        \
    "  return 0\n"                                                                                 \
    "}\n"

/* What sshd would make of the key is known before it is installed. */
#define KEY_REFUSED                                                                                \
    "if [ -n \"$settings\" ]; then\n"                                                              \
    "  at=\"$user from $peer\"\n"                                                                  \
    "  [ \"$(setting pubkeyauthentication)\" != no ] ||\n"                                         \
    "    say 94 \"sshd there takes no keys for $at (PubkeyAuthentication no)\"\n"                  \
    "  forced=$(setting forcecommand)\n"                                                           \
    "  [ \"${forced:-none}\" = none ] ||\n"                                                        \
    "    say 94 \"sshd there forces a command on $at (ForceCommand $forced)\"\n"                   \
    "  methods=$(setting authenticationmethods)\n"                                                 \
    "  case \" ${methods:-any} \" in *' any '*|*' publickey '*) ;; *)\n"                           \
    "    say 94 \"sshd there wants more than a key for $at (AuthenticationMethods $methods)\"\n"   \
    "  esac\n"                                                                                     \
    "  kinds=$(setting pubkeyacceptedalgorithms)\n"                                                \
    "  kinds=${kinds:-$(setting pubkeyacceptedkeytypes)}\n"                                        \
    "  case ,${kinds:-ssh-ed25519}, in *,ssh-ed25519,*) ;; *)\n"                                   \
    "    say 94 \"sshd there takes no ed25519 keys (PubkeyAcceptedAlgorithms)\"\n"                 \
    "  esac\n"                                                                                     \
    "  if [ \"$(id -u \"$user\" 2>/dev/null)\" = 0 ]; then\n"                                      \
    "    [ \"$(setting permitrootlogin)\" != no ] ||\n"                                            \
    "      say 93 \"sshd there does not let $at in (PermitRootLogin no)\"\n"                       \
    "  fi\n"                                                                                       \
    "  [ -n \"$files\" ] || say 94 \"sshd there reads the keys of $user from no file \\\n"         \
    "(AuthorizedKeysFile none), so that no key can be added for the length of a job\"\n"           \
    "fi\n"

/* Options that this sshd knows: one that it does not know makes it pass over the line. The end is
 * in UTC where sshd can read that (9.1), else in the zone of the system, which is what it takes for
 * its own. */
#define KEY_LINE                                                                                   \
    "version=$(sshd -V 2>&1 | sed -n 's/.*OpenSSH_\\([0-9]*\\)\\.\\([0-9]*\\).*/\\1 \\2/p')\n"     \
    "version=$(echo \"${version:-8 0}\" | awk 'NR == 1 { print $1 * 100 + $2 }')\n"                \
    "now=$(date +%s) && end=$((now + $5)) || exit 1\n"                                             \
    "if [ \"$version\" -ge 901 ]; then\n"                                                          \
    "  until=$(date -u -d \"@$end\" +%Y%m%d%H%M%S)Z || exit 1\n"                                   \
    "else\n"                                                                                       \
    "  until=$(unset TZ; date -d \"@$end\" +%Y%m%d%H%M%S) || exit 1\n"                             \
    "fi\n"                                                                                         \
    "options=restrict\n"                                                                           \
    "[ \"$version\" -lt 707 ] || options=\"restrict,expiry-time=\\\"$until\\\"\"\n"                \
    "[ \"$version\" -ge 702 ] ||\n"                                                                \
    "  options=no-port-forwarding,no-X11-forwarding,no-agent-forwarding,no-pty\n"                  \
    "command=$3\n"                                                                                 \
    "[ \"$user\" = \"$(id -un)\" ] || command=\"sudo -n $command\"\n"                              \
    "line=\"$options,command=\\\"sh -c 'exec $command'\\\" $4 $mark\"\n"

/* Adds the line to FILE, or leaves FILE as it was. What could not be taken back later, in a file
 * that may only grow, is not begun. */
#define KEY_TRY                                                                                    \
    "try() {\n"                                                                                    \
    "  f=$1 up=${1%/*} size=0 new= nl=\n"                                                          \
    "  if [ ! -d \"$up\" ]; then\n"                                                                \
    "    case $up in \"$home\"/*) ;; *) echo \"$up: no such directory\" >&2; return 1 ;; esac\n"   \
    "    mkdir \"$up\" || return 1\n"                                                              \
    "    chown \"$user\" \"$up\" || { rmdir \"$up\"; return 1; }\n"                                \
    "  fi\n"                                                                                       \
    "  hold \"$f\"\n"                                                                              \
    "  if [ -e \"$f\" ]; then\n"                                                                   \
    "    ( : <>\"$f\" ) || return 1\n"                                                             \
    "    size=$(wc -c <\"$f\")\n"                                                                  \
    "    [ -z \"$(tail -c 1 \"$f\")\" ] || nl='\n'\n"                                              \
    "  else\n"                                                                                     \
    "    ( : >\"$f\" ) || return 1\n"                                                              \
    "    new=1\n"                                                                                  \
    "    chown \"$user\" \"$f\" || { rm -f \"$f\"; return 1; }\n"                                  \
    "  fi\n"                                                                                       \
    "  printf '%s%s\\n' \"$nl\" \"$line\" | cat >>\"$f\" &&\n"                                     \
    "    [ \"$(tail -n 1 \"$f\")\" = \"$line\" ] && return 0\n"                                    \
    "  if [ -n \"$new\" ]; then rm -f \"$f\"\n"                                                    \
    "  else dd if=/dev/null of=\"$f\" bs=1 seek=\"$size\" count=0 2>/dev/null; fi\n"               \
    "  return 1\n"                                                                                 \
    "}\n"

/* A shared file is appended to only when there is no other, and in place. The second line names
 * what else decides who may log in, for the case that the key is refused. */
const char vf_script_key_add[] = KEY_FILES
    "peer=$6\n"
    "case $peer in ''|*[!0-9A-Fa-f.:]*)\n"
    "  peer=$(getent ahosts \"${peer:-/}\" 2>/dev/null | awk 'NR == 1 { print $1 }')\n"
    "esac\n"
    "files_for \"$peer\"\n" KEY_REFUSED KEY_LINE KEY_TRY "own= shared= why=\n"
    "for f in $files; do\n"
    "  if is_local \"$f\"; then own=\"$own $f\"; else shared=\"$shared $f\"; fi\n"
    "done\n"
    "for f in $own $shared; do\n"
    "  if said=$(try \"$f\" 2>&1); then\n"
    "    echo \"$f\"\n"
    "    printf '%s\\n' \"$settings\" | awk 'tolower($1) ~ /^(allow|deny)(users|groups)$/ {\n"
    "      printf \"%s%s\", sep, $0; sep = \"; \" }'\n"
    "    exit 0\n"
    "  fi\n"
    "  why=\"$why${why:+; }$f ($(echo \"$said\" | sed -n '$s/^.*: //p'))\"\n"
    "done\n"
    "case $why in *'No space'*) say 95 \"no room for the one-job key: $why\" ;; esac\n"
    "say 93 \"none of the files that sshd there reads keys from can be written: $why\"\n";

/* The same without touching any of them. */
const char vf_script_key_check[] =
    KEY_FILES "peer=$2\n"
              "case $peer in ''|*[!0-9A-Fa-f.:]*)\n"
              "  peer=$(getent ahosts \"${peer:-/}\" 2>/dev/null | awk 'NR == 1 { print $1 }')\n"
              "esac\n"
              "files_for \"$peer\"\n" KEY_REFUSED "own= shared= why=\n"
              "for f in $files; do\n"
              "  if is_local \"$f\"; then own=\"$own $f\"; else shared=\"$shared $f\"; fi\n"
              "done\n"
              "for f in $own $shared; do\n"
              "  up=${f%/*}\n"
              "  [ -d \"$up\" ] || up=${up%/*}\n"
              "  if [ -e \"$f\" ] && [ -w \"$f\" ] || [ ! -e \"$f\" ] && [ -w \"$up\" ]; then\n"
              "    echo \"$f\"\n"
              "    exit 0\n"
              "  fi\n"
              "  why=\"$why${why:+, }$f\"\n"
              "done\n"
              "say 93 \"none of the files that sshd there reads keys from can be written: $why\"\n";

/* All files that sshd may read keys of the user from, whatever the address. */
#define KEY_ALL_FILES                                                                              \
    KEY_FILES                                                                                      \
    "files_for ''\n"                                                                               \
    "set -f\n"                                                                                     \
    "add_files $(set +f; for c in \"${conf:-/etc/ssh/sshd_config}\" "                              \
    "/etc/ssh/sshd_config.d/*.conf; "                                                              \
    "do\n"                                                                                         \
    "  sed -n 's/^[ \t]*[Aa][Uu][Tt][Hh][Oo][Rr][Ii][Zz][Ee][Dd][Kk][Ee][Yy][Ss][Ff][Ii][Ll][Ee]"  \
    "[ \t=]*//p' \"$c\" 2>/dev/null\n"                                                             \
    "done) .ssh/authorized_keys .ssh/authorized_keys2\n"                                           \
    "set +f\n"

const char vf_script_key_list[] =
    KEY_ALL_FILES "for f in $files; do\n"
                  "  [ ! -f \"$f\" ] || awk -v f=\"$f\" '$NF ~ /^vmferry-job-/ {\n"
                  "    print \"key\", f, substr($NF, 13) }' \"$f\"\n"
                  "done\n";

/* Files are replaced as a whole, behind the link where there is one: cut off in the middle, a
 * cluster's keys must not be lost. Where that cannot be done the rest is written over the old,
 * which is never shorter, and then cut. The cluster file system gives its files owner and mode
 * itself. */
const char vf_script_key_remove[] = KEY_ALL_FILES
    "drop() {\n"
    "  f=$1 rest=$2 real=$(readlink -f \"$1\")\n"
    "  tmp=$real.vmferry.$$\n"
    "  if is_local \"$f\" && [ ! -s \"$rest\" ]; then\n"
    "    rm -f \"$f\" && return 0\n"
    "  elif is_local \"$f\"; then\n"
    "    cp -p \"$f\" \"$tmp\" && cat \"$rest\" >\"$tmp\" && mv -f \"$tmp\" \"$real\" && return 0\n"
    "  else\n"
    "    cat \"$rest\" >\"$tmp\" && mv -f \"$tmp\" \"$real\" && return 0\n"
    "  fi\n"
    "  rm -f \"$tmp\"\n"
    "  size=$(wc -c <\"$rest\")\n"
    "  dd if=\"$rest\" of=\"$real\" conv=notrunc && dd if=/dev/null of=\"$real\" bs=1 "
    "seek=\"$size\" "
    "count=0\n"
    "}\n"
    "status=0\n"
    "for f in $files; do\n"
    "  [ -f \"$f\" ] || continue\n"
    "  n=$(awk -v m=\"$mark\" '$NF == m' \"$f\" | wc -l)\n"
    "  [ \"$n\" -gt 0 ] || continue\n"
    "  if [ \"$3\" = remove ]; then\n"
    "    hold \"$f\"\n"
    "    rest=$(mktemp) || exit 1\n"
    "    if ! awk -v m=\"$mark\" '$NF != m' \"$f\" >\"$rest\"; then status=1\n"
    "    elif ! said=$(drop \"$f\" \"$rest\" 2>&1); then\n"
    "      status=93; echo \"$f: $said\" >&2\n"
    "    fi\n"
    "    rm -f \"$rest\"\n"
    "  fi\n"
    "  echo \"$f\"\n"
    "done\n"
    "exit $status\n";

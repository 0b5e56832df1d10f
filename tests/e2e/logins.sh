#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# All ways to log in at a cluster, by dry runs; then a move that outlasts its login.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
lab_up
a1=$(sed -n 's/.*name = "a1"; address = "\([^"]*\)".*/\1/p' "$L/vmferry.conf")
a2=$(sed -n 's/.*name = "a2"; address = "\([^"]*\)".*/\1/p' "$L/vmferry.conf")
migrator=$L/secret-migrator-alpha

# conf SED…: $work/login.conf is the lab's, changed
conf() {
    sed -E -e "" "$@" "$L/vmferry.conf" >"$work/login.conf"
    chmod 600 "$work/login.conf"
}
# user USER [SED…]: logs in at alpha as USER with migrator's password
user() {
    as=$1
    shift
    conf -e "s#user = \"root@pam\"#user = \"$as\"#; s#[^\"]*/secret-alpha#$migrator#" "$@"
}
# dry EXIT TEXT
dry() {
    run "$1" "$2" move -c "$work/login.conf" --dry-run alpha beta b1 local web1
}
dry_at_terminal() {
    at_terminal "'$vmferry' move -c '$work/login.conf' --dry-run alpha beta b1 local web1"
}
logins() {
    ctl alpha requests | grep -c '"path":"/access/ticket"'
}

# --- configured
conf
dry 0 "a password from a file, a token from a file"
conf -e "s#secret-file = \"[^\"]*token-beta\"#secret-command = \"cat $L/token-beta\"#"
dry 0 "a token from a command"
# a token's secret is the first thing that is looked for: nothing else has to be in time
conf -e "s#user = \"root@pam\"#token = \"root@pam!none\"#; s#secret-file = \"[^\"]*secret-alpha\"#secret-command = \"sleep 1000\"#"
VMFERRY_TEST_HASTE=1000
export VMFERRY_TEST_HASTE
dry 1 "a command that does not end"
unset VMFERRY_TEST_HASTE
says err 'alpha: waiting for the command that prints its secret' "is told"
says err 'did not end within .* so it was ended' "and ended"
# one that a job runs goes on once the job has told of it
conf -e "s#secret-file = \"[^\"]*token-beta\"#secret-command = \"grep -q __job /proc/\$PPID/cmdline \&\& \
until grep -q 'waiting for the command' '$XDG_STATE_HOME'/vmferry/jobs/*/log; do sleep 0.1; done; cat $L/token-beta\"#"
run 0 "a job's command that takes long" move -c "$work/login.conf" --yes --skip-start alpha beta b1 local clone1
says out '^.[0-9:]*. beta: waiting for the command that prints its secret' "is told of"
user staff@corp
dry 0 "a user of an LDAP realm"
before=$(logins)
conf -e "s#[^\"]*/secret-alpha#$migrator#"
dry 1 "a wrong password"
says err 'login as root@pam failed: authentication failure' "is said in Proxmox's words"
is $(($(logins) - before)) 1 "and is tried once"
conf -e "s#migrator@pve!ferry#migrator@pve!old#"
dry 1 "a token that has expired"
says err 'token expired; give it more time or make another' "is said, with the cure"

port=$(sed -n 's/.*port = \([0-9]*\);.*/\1/p' "$L/vmferry.conf" | head -n 1)
conf -e "s#https://$a1:8006\"#https://nobody.invalid:8006\"#; 0,/fingerprint/s##via = \"root@$a1:$port\"; fingerprint#"
dry 1 "a jump host behind which nobody answers"
says err "through the jump host root@$a1:$port .does it reach this address" "is named"
conf -e "s#known_hosts#known_nothing#; 0,/fingerprint/s##via = \"root@$a1:$port\"; fingerprint#"
dry 1 "a jump host whose key is not known"
says err "host key of the jump host $a1 .* is not known" "is not gone through"

# --- realms
user migrator
dry 2 "a user without a realm, and nobody to ask"
says err 'user = "migrator@REALM" with one of its realms: corp \(Staff\), pam' "is told the realms"
user migrator@nope
dry 2 "a realm that is not there"
says err 'no such realm; there are: corp \(Staff\), pam' "the same"
user me@sso
dry 1 "a user of an OpenID realm"
says err 'takes a browser; use an API token instead: .pveum user token add' "is told to use a token"
conf -e '/user = "root@pam"/d; /secret-alpha/d'
dry_at_terminal
sees 'User name at cluster alpha' "no user configured: who"
keys -l migrator
keys Enter
sees '1  pam \(Linux PAM' "the realms to choose from, the default one first"
keys -l pve
keys Enter
sees 'Password of migrator@pve' "and the password"
keys -l wrong
keys Enter
sees 'authentication failure' "a wrong one"
keys -l migrator
keys Enter
sees 'exit=0' "may be typed again"
conf -e '/token-beta/d'
dry_at_terminal
sees 'Secret of API token migrator@pve!ferry' "the secret of a token is asked for"
keys -l "$(cat "$L/token-beta")"
keys Enter
sees 'exit=0' "and does"

# --- second factors
user webauthn@pve
dry 1 "a security key"
says err 'works in a browser only; use an API token instead: .pveum user token add' "is told to use a token"
user totp@pve
dry 1 "a second factor and nobody to ask"
says err 'wants a second factor' "is explained"
dry_at_terminal
sees 'code of the authenticator app or a recovery code \(3 left\)' "the code is asked for"
keys -l 000000x
keys Enter
sees 'authentication failure' "a wrong one"
keys -l "$(ctl alpha totp totp@pve)"
keys Enter
sees 'exit=0' "then the right one"
dry_at_terminal
sees '\(3 left\)' "a recovery code"
keys -l 1111-2222-3333-4444
keys Enter
sees 'exit=0' "is as good"
dry_at_terminal
sees '\(2 left\)' "once"
for i in 1 2 3; do
    sees_times $i 'authenticator app' "asked, time $i"
    keys -l 1111-2222-3333-4444
    keys Enter
done
sees 'exit=1' "then it is refused, three times at most"

# --- a move that outlasts its login: behind a jump host, second factor, an address that dies
if [ "$namespaces" ]; then
    # names that only the nodes know
    for n in a1 a2; do
        on alpha $n "printf '%s\n' '$a1 pve1.inside' '$a2 pve2.inside' >/tmp/hosts && mount --bind /tmp/hosts /etc/hosts"
    done
    url1=pve1.inside url2=pve2.inside
else
    url1=$a1 url2=$a2
fi
user totp@pve -e "s#https://$a1:8006\"#https://$url1:8006\", \"https://$url2:8006\"#
    s#(fingerprint = )\"($(cat "$L/fingerprint-a1"))\"#via = \"root@$a1:$port\"; \1[ \"\2\", \"$(cat "$L/fingerprint-a2")\" ]#"
at_terminal "'$vmferry' move -c '$work/login.conf' --yes --stop-timeout 2 alpha beta b1 local stubborn"
sees 'authenticator app' "an API behind a jump host"
fresh_code() { # none is good twice
    code=$(ctl alpha totp totp@pve)
}
until_true fresh_code
keys -l "$code"
keys Enter
sees 'What now' "the job waits for an answer"
seen
is "$(count_of 'Second factor of')" 1 "the code was asked for once"
ctl alpha dump | grep -q '"tokenid": "vmferry-'
ok $? "there is a token for the job"
secret=$(ctl alpha token-secret "totp@pve" "vmferry-$(basename "$(job_dir)")")
ctl alpha expire-tickets
ctl alpha api a1 off
for s in /tmp/vmferry-??????/ctl.0 "${XDG_RUNTIME_DIR:-/nowhere}"/vmferry-??????/ctl.0; do
    for pid in $(pgrep -f "^ssh .*ControlPath=${s%.0} " 2>/dev/null); do
        # ours: a child of this job's process
        grep -qF "$(job_dir)" "/proc/$(ps -o ppid= -p "$pid" | tr -d ' ')/cmdline" && kill "$pid"
    done
done
keys 2 Enter
sees 'exit=0' "tickets, connection and address are lost: the job ends by itself"
grep -E 'pve:|ssh:' "$(job_dir)/log" >"$work/out"
says out 'going on with the API token totp@pve!vmferry-' "by its token"
says out 'the jump host .*the connection has ended, it is made again' "over another connection"
says out 'trying the next URL' "at the other address"
ctl alpha api a1 on
! ctl alpha dump | grep -q '"tokenid"'
ok $? "the token is gone"
[ "$secret" ] && ! grep -rqF -- "$secret" "$XDG_STATE_HOME"
ok $? "its secret was written nowhere"

# --- a second factor that is wanted again while the VM is down: asked for, and waited for
user totp@pve
ctl alpha fault fail POST '/access/users/.*/token/.*' 403 'Permission check failed'
at_terminal "'$vmferry' move -c '$work/login.conf' --yes --stop-timeout 2 --wait-before-start alpha beta b1 local web1"
sees 'authenticator app' "a login with a second factor, that may not make a token"
keys -l aaaa-bbbb-cccc-dddd
keys Enter
sees 'Ready to start web1' "the VM is down"
tmux -L "$screen" kill-server
ctl alpha expire-tickets
at_terminal "'$vmferry' attach --plain"
sees 'Ready to start web1' "when the login has expired"
keys 1 Enter
sees 'authenticator app' "another code is asked for"
tmux -L "$screen" kill-server
"$vmferry" attach >"$work/watch" 2>"$work/watch.err" </dev/null &
viewer=$!
until_true grep -q 'The job waits. Come back with' "$work/watch.err"
ok $? "where nobody is to be asked the job waits"
kill -9 $viewer
wait $viewer 2>/dev/null
at_terminal "'$vmferry' attach --plain"
for i in 1 2 3 4; do
    sees_times $i 'authenticator app' "who comes is asked, time $i"
    keys -l 1111-2222-3333-4444
    keys Enter
done
sees_times 5 'authenticator app' "and once more"
sees 'authentication failure' "what is wrong is asked for again"
keys -l 0f0f-1e1e-2d2d-3c3c
keys Enter
sees 'exit=0' "and the job goes on to its end"
new=$(on beta b1 'qm list' | sed -n 's/^ *\([0-9]*\) web1 .*/\1/p')
is "$(status beta b1 "$new")" running "the VM runs at the target"

# --- the token in other endings (killed jobs: crash-points.sh, cancelled ones: prompts.sh)
snapshot "$work/before"
ctl beta fault fail PUT '/nodes/b1/qemu/[0-9]+/config' 500 'out of luck'
move 1 "a move that fails" alpha beta b1 local db1
unchanged "leaves no token either"
ctl alpha fault fail POST '/access/users/.*/token/.*' 403 'Permission check failed'
conf -e "s#https://$a1:8006\"#https://${a1%.*}.99:8006\", \"https://$a1:8006\"#"
run 0 "a user who may not make tokens, at the second of two addresses" \
    move -c "$work/login.conf" --yes alpha beta b1 local db1
says out 'cannot make the API token .*Permission check failed.*goes on without' "goes on without"
ctl alpha fault fail DELETE '/access/users/.*/token/.*' 403 'Permission check failed'
move 0 "a token that cannot be removed" --skip-disks alpha beta b1 local old1
says out 'could not be removed: .*expires by itself.*pveum user token remove .root@pam. vmferry-' "is said, with what to do"
done_testing

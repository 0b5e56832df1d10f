#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The SSH service of an ESXi host, switched on for several imports: who ends last of those that run switches
# it off; a job that was killed neither leaves it on nor takes it from others.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
lab_up
esxi_up
[ "$esxi_ssh" ] || {
    echo "1..0 # SKIP without namespaces the host has no SSH"
    exit 0
}
ctl esx1 ssh off

# vm VM [OPTION…]: the words of its import; with SSH, unless `bare` says that nobody has agreed to that
bare=
vm() {
    name=$1
    shift
    echo import -c "$L/vmferry.conf" --yes ${bare:---fix switch-ssh-on} --bridge '*=vmbr0' "$@" esx1 "$name" --to beta \
        --node b1 --storage local --skip-start
}
# switched TIMES-ON TIMES-OFF TEXT
switched() {
    ctl esx1 requests >"$work/requests"
    is "$(grep -c '"method":"StartService"' "$work/requests") $(grep -c '"method":"StopService"' "$work/requests")" \
        "$1 $2" "$3"
}
# id VM: of the last job for it
id() {
    for dir in "$XDG_STATE_HOME"/vmferry/jobs/*; do
        ! grep -q "\"vm\":\"$1\"" "$dir/journal.jsonl" || echo "${dir##*/}"
    done | tail -n 1
}
is_asleep() {
    pid=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$XDG_STATE_HOME/vmferry/jobs/$(id "$1")/journal.jsonl") &&
        [ "$pid" ] && grep -q '^State:.T' "/proc/$pid/status"
}
# asleep VM [OPTION…]: its import runs, and is stopped before there are disks for it
asleep() {
    name=$1
    # shellcheck disable=SC2046
    KILLAT_WHERE=asleep KILLAT_WRITE=create:done ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 \
        LD_PRELOAD=$top_builddir/tests/e2e/killat.so "$vmferry" $(vm "$@") >"$work/$name.out" 2>&1 </dev/null &
    eval "front_$(echo "$name" | tr - _)=$!"
    until_true is_asleep "$name"
    ok $? "$name runs"
}
# awake VM TEXT: it goes on, to its end
awake() {
    kill -CONT "$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$XDG_STATE_HOME/vmferry/jobs/$(id "$1")/journal.jsonl")"
    eval "wait \$front_$(echo "$1" | tr - _)"
    is $? 0 "$2"
}

# stays VM OTHER: the report of the one says that the other uses it
stays() {
    cp "$XDG_STATE_HOME/vmferry/jobs/$(id "$1")/log" "$work/out"
    says out "stays on: job $(id "$2") uses it" "which is said"
}

# --- one is killed while another works
killed after create:done $(vm fmt-sata)
switched 1 0 "an import that is killed leaves it on"
run 0 "the next one" $(vm fmt-nvme --skip-disks)
switched 1 1 "uses it and switches it off, for nobody else runs"
run 0 "the first is resumed" resume --yes "$(id fmt-sata)"
switched 2 2 "for which it is switched on again, and off"
grep -q '"by":"host"' "$XDG_STATE_HOME/vmferry/jobs/$(id fmt-sata)/journal.jsonl"
ok $? "so that the host's own checksums are compared"

# --- two at a time, whoever ends first
asleep fmt-thin --skip-disks
switched 3 2 "one has it switched on"
run 0 "another comes and goes" $(vm fmt-thick --skip-disks)
switched 3 2 "and leaves it to the first"
stays fmt-thick fmt-thin
bare=' '
asleep fmt-monolithicFlat
bare=
awake fmt-thin "the first ends"
switched 3 2 "and leaves it to one that only found it on"
stays fmt-thin fmt-monolithicFlat

# --- taken back, meanwhile
killed after create:done $(vm old-lenny --skip-disks)
run 0 "another that was killed is rolled back" rollback "$(id old-lenny)"
switched 3 2 "it stays on for the one that runs"
awake fmt-monolithicFlat "which ends"
switched 3 3 "and switches it off"

# --- what was on before is nobody's to switch off
ctl esx1 ssh on
run 0 "SSH that was on" $(vm fmt-twoGbMaxExtentFlat --skip-disks)
switched 3 3 "stays on"
for c in beta esx1; do
    ctl "$c" requests | grep '"violation":"' >"$work/out"
    is $? 1 "$c found no wrong parameter in any request"
done
echo "1..$count"
exit $((failures != 0))

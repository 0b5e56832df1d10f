#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The wizard and a move in French and German: on 80 columns nothing of ours is cut off, nothing is left
# in English, and a question can be answered in the operator's language.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
. "${top_srcdir:-.}/tests/e2e/screen.sh"
export LC_ALL=C.UTF-8 VMFERRY_LOCALEDIR="$work/locale"
command -v msgfmt >/dev/null || {
    echo "1..0 # SKIP msgfmt is not installed"
    exit 0
}
for l in fr de; do
    mkdir -p "$work/locale/$l/LC_MESSAGES"
    msgfmt -o "$work/locale/$l/LC_MESSAGES/vmferry.mo" "$top_srcdir/po/$l.po" || exit 99
done
LANGUAGE=fr "$vmferry" --help | grep -q 'Déplace des machines' || {
    echo "1..0 # SKIP there are no translations in C.UTF-8 here"
    exit 0
}
lab_up
ctl alpha set-config 100 tags 'prod'
conf=$L/vmferry.conf

# uncut WHAT [PATTERN]: no row of the screen ends in an ellipsis but those with PATTERN, whose text is
# the VM's own or has a place where it is whole
uncut() {
    seen
    ! grep -vE -- "${2:-^\$}" "$work/out" | grep '…'
    ok $? "$language: $1: nothing is cut off"
}
# in_english WHAT: the commonest words of the English screens
in_english() {
    seen
    ! grep -wE 'stopped|running|done|the|Enter|quit|scroll|Up/Down|storage|target' "$work/out"
    ok $? "$language: $1: nothing is in English"
}

# the wizard without a screen: a form's question, and answers to a question from deeper down
address=$(sed -n 's,.*https://\([0-9.]*\):8006.*,\1,p' "$L/vmferry.conf" | head -n 1)
printf '%s\n' 1 'Ajouter un cluster' "$address" '' '' x '' '' |
    LANGUAGE=fr "$vmferry" --plain -c "$L/vmferry.conf" >"$work/out" 2>"$work/err"
says out 'Quel cluster ajouter|cluster Proxmox ajouter' "fr: a form asks in French"
! grep -q 'Project-Id-Version' "$work/out"
ok $? "fr: and nothing of ours is shown"
says out "Oui, c'est bien lui" "fr: the answers about a certificate are, too"
! grep -qE '  (Yes|No)( |$)' "$work/out"
ok $? "fr: all of them"

# way LANGUAGE VM START VMS SHEET BEGIN RESULT [READY]: what is seen of the wizard's pages, up to the report
way() {
    language=$1 vm=$2
    shift
    at_terminal "LANGUAGE=$language $vmferry -c $conf" 80 24
    sees "$2" "$language: the start page"
    uncut "start page"
    in_english "start page"
    keys Enter
    sees '> alpha' "$language: the clusters"
    keys Enter
    sees "$3" "$language: the VMs"
    sees ' Tags *$' "$language: one long tag does not cost the column"
    uncut "VM list" 'allthings|Tags'
    in_english "VM list"
    keys / "$vm" Enter
    sees '> beta' "$language: the other cluster"
    keys Enter
    sees '> b1' "$language: its nodes"
    keys Enter
    sees '> local' "$language: its storages"
    uncut storages
    keys Enter
    sees "$4" "$language: the plan"
    uncut plan 'vmgenid|firewall|: ' # findings, which are whole at the bottom and in their dialog
    in_english plan
    keys Enter
    sees "$5" "$language: it asks before it begins"
    uncut question 'vmgenid|firewall|: '
    keys Enter
    if [ -n "${7-}" ]; then
        sees "$7" "$language: and before the VM is shut down"
        uncut "run screen" '│' # messages behind the question, which are whole under m
        keys 1 Enter
    fi
    sees "$6" "$language: the report"
    uncut report
    in_english report
    keys Escape
    sees_no "$6" "$language: which goes away"
    in_english "run screen at its end"
    keys q
}
way fr web1 'Déplacer des VM' 'web1 .* en marche' '> Lancer' 'Déplacer web1 maintenant' \
    'Rapport : web1, alpha -> beta/b1 : fait' 'arrêter web1'
way de old1 'VMs in einen anderen' 'stubborn .* läuft' '> Start' 'old1 jetzt verschieben' \
    'Bericht: old1, alpha -> beta/b1: fertig'

# --- what ssh says, in a language that has no more than that
mkdir -p "$work/locale/eo/LC_MESSAGES"
msgfmt -o "$work/locale/eo/LC_MESSAGES/vmferry.mo" - <<'EOF'
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\n"

msgid "%s cannot be reached by ssh: %s"
msgstr "%s ne respondas per ssh: %s"
EOF
ctl alpha sshd a1 stop
LANGUAGE=eo run 1 "a host that cannot be reached by ssh" move -c "$conf" --yes alpha beta b1 local db1
ctl alpha sshd a1 start
says err 'a1 ne respondas per ssh' "is told in the operator's language"

# --- yes in words
at_terminal "LANGUAGE=de '$vmferry' move -c '$conf' alpha beta b1 local db1"
sees '  1  ja' "a command asks in German"
keys nein Enter
sees 'exit=' "nein ends it"
is "$(status alpha a1 101)" stopped "with nothing done"
at_terminal "LANGUAGE=fr '$vmferry' move -c '$conf' alpha beta b1 local db1"
sees '  1  oui' "in French"
keys peut Enter
sees 'numéros' "what is neither is asked again"
keys oui Enter
sees 'exit=0' "oui begins"
sees 'a1 -> b1 (directe|locale)' "the way of the data is in French, too"
is "$(LANGUAGE=fr "$vmferry" jobs | grep -c ' fait .*db1')" 1 "jobs says so in French"

done_testing

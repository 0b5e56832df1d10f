# SPDX-License-Identifier: GPL-3.0-or-later
# Completion for bash: commands and options as `vmferry --help` tells them, jobs, files, words.

_vmferry_commands() {
    vmferry --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p'
}

_vmferry_options() {
    # of the command, or without one; not those that a text names
    vmferry ${1:+"$1"} --help 2>/dev/null | grep -E '^( +-|usage:)' | grep -oE -- '--[a-z][a-z-]+' | sort -u
}

_vmferry_jobs() {
    vmferry jobs 2>/dev/null | sed -n 's/^\(batch-\)\{0,1\}\([0-9]\{8\}-[0-9a-f-]*\) .*/\1\2/p'
}

_vmferry() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} cmd=${COMP_WORDS[1]} words=
    # bash makes a word of the = in --option=value
    [[ $cur == '=' ]] && cur=
    [[ $prev == '=' ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
    COMPREPLY=()
    [[ $cmd == -* ]] && cmd=
    if [[ $COMP_CWORD -eq 1 ]]; then
        words="$(_vmferry_commands) $(_vmferry_options '') --config --help --version"
    else
        case $prev in
        -c | --config | -o | --output | --save-plan)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
            ;;
        --method) words="copy remote-migrate" ;;
        --progress) words="plain json none" ;;
        --compress) words="auto off 1 2 3 4 5 6" ;;
        --verify) words="full none" ;;
        --format) words="raw qcow2 vmdk" ;;
        --route) words="auto local direct reverse relay" ;;
        --fix) words="suspend-ha suspend-replication eject-iso lift-protection switch-ssh-on" ;;
        --mac) words="keep new" ;;
        --profile) words="modern old windows" ;;
        --console) words="ask connect reboot leave" ;;
        --color) words="auto never" ;;
        --at | --return) return ;;
        --parallel-guests) words="2 3 4 8" ;;
        *)
            if [[ $cur == -* ]]; then
                words=$(_vmferry_options "$cmd")
            else
                case $cmd in
                attach | resume | rollback | pause | continue) words=$(_vmferry_jobs) ;;
                jobs) words=$(_vmferry_jobs | grep -v '^batch') ;;
                limit) words="$(_vmferry_jobs) none" ;;
                config) [[ $COMP_CWORD -eq 2 ]] && words=import ;;
                esac
                case $cmd in
                run | check | config | import)
                    [[ $words ]] || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                    ;;
                esac
            fi
            ;;
        esac
    fi
    [[ $words ]] && mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o filenames -F _vmferry vmferry

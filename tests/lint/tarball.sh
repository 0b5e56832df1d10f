#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A release holds what git holds, and the generated files that are named here.
. "$(dirname "$0")/lib.sh"

generated='Makefile.in ABOUT-NLS aclocal.m4 configure config.h.in
build-aux/ar-lib build-aux/compile build-aux/config.guess build-aux/config.rpath build-aux/config.sub
build-aux/depcomp build-aux/install-sh build-aux/missing build-aux/mkinstalldirs
build-aux/tap-driver.sh build-aux/test-driver build-aux/py-compile
po/Makefile.in.in po/Makevars.template po/Rules-quot po/boldquot.sed po/en@boldquot.header
po/en@quot.header po/insert-header.sin po/insert-header.sed po/quot.sed po/remove-potcdate.sin po/remove-potcdate.sed
po/stamp-po po/vmferry.pot po/de.gmo po/fr.gmo
m4/gettext.m4 m4/host-cpu-c-abi.m4 m4/iconv.m4 m4/intlmacosx.m4 m4/lib-ld.m4 m4/lib-link.m4 m4/lib-prefix.m4
m4/nls.m4 m4/po.m4 m4/progtest.m4'

if [ ! -e .git ] || ! known=$(git ls-files 2>/dev/null) || [ -z "$known" ]; then
    skip "the tarball equals git plus generated files" "not in a git checkout"
    done_testing
    exit
fi
work=$(mktemp -d) || exit 99
# automake wants the folder's name relative to the build
dist=lint-dist.$$
trap 'rm -rf "$work" "${top_builddir:?}/$dist"' EXIT
if ! env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$top_builddir" distdir distdir=$dist \
    >"$work/log" 2>&1; then
    ok "make distdir" "$(tail -n 20 "$work/log")"
    done_testing
    exit
fi
(cd "$top_builddir/$dist" && find . -type f | sed 's,^\./,,' | sort) >"$work/have"
printf '%s\n' $known | sort >"$work/git"
printf '%s\n' $generated | grep . | sort >"$work/generated"
sort -u "$work/git" "$work/generated" >"$work/may"
ok "everything in git is in the tarball" "$(comm -23 "$work/git" "$work/have")"
ok "nothing else is in it but named generated files" "$(comm -13 "$work/may" "$work/have")"
done_testing

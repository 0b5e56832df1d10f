/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef LAB_SSHD_H
#define LAB_SSHD_H

/* For the sshd_config of servers that are only there to be logged in to, a few thousand times in
 * one check: a key exchange that is safe from quantum computers costs both sides 0.1 s of CPU, half
 * of the login. (sshd_config(5): "-" takes from the default list what matches.) */
#define LAB_CHEAP_LOGINS "KexAlgorithms -sntrup761*,mlkem768*\n"

/* bash, when sshd starts it, reads the ~/.bashrc of who runs the tests, and does whatever that is
 * for: but not where SHLVL says that it is no first shell. (sshd takes only its first line of
 * SetEnv.) */
#define LAB_NO_BASHRC "SHLVL=9"

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What data is enciphered with by the ssh programs we start. */
#ifndef VF_BASE_CIPHERS_H
#define VF_BASE_CIPHERS_H

/* For `ssh -c`: WANTED ("-": what ssh itself would take), or with NULL OpenSSH's own set, the
 * fastest first where the processor knows AES (ssh itself would begin with ChaCha20, at half the
 * speed). NULL: leave it to ssh. */
const char *vf_ciphers(const char *wanted);
/* NULL when LIST is good as WANTED, else what it must be: "must be …". */
const char *vf_ciphers_check(const char *list);

#endif

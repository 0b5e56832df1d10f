/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What data is enciphered with by the ssh programs we start. */
#ifndef VF_BASE_CIPHERS_H
#define VF_BASE_CIPHERS_H

/* For `ssh -c`: OpenSSH's own set, the fastest first where the processor knows AES (ssh itself
 * would begin with ChaCha20, at half the speed). NULL: ssh's own order is the best here. */
const char *vf_fast_ciphers(void);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256 of pieces of a disk: what other hosts' own tools compute, too. By the plain functions of
 * libcrypto: they bring 30 KiB into a static program, EVP and its providers megabytes. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "config.h"
#include "mover/hash.h"
#include "base/str.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <string.h>

static int add(SHA256_CTX *sha, const void *data, size_t n, struct vf_error **err)
{
    return SHA256_Update(sha, data, n) == 1 ? 0 : vf_fail(err, VF_E_INTERNAL, "SHA-256 fails");
}

static int add_piece(struct vf_disk *d, SHA256_CTX *sha, uint64_t offset, uint64_t length,
                     struct vf_error **err)
{
    vf_autofree void *buf = vf_disk_buffer(), *zeroes = vf_disk_buffer();
    memset(zeroes, 0, VF_DISK_CHUNK);
    struct vf_extent e = {0};
    for (uint64_t at = offset, end = offset + length; at < end;) {
        /* to the next chunk's start, so that all reads but the first are aligned */
        uint64_t next = (at / VF_DISK_CHUNK + 1) * VF_DISK_CHUNK;
        size_t n = (size_t)((next < end ? next : end) - at);
        if (at >= e.end && vf_disk_extent(d, at, &e, err) < 0)
            return -1;
        bool zero = e.zero && e.end >= at + n;
        bool aligned = at % VF_DISK_ALIGN == 0;
        if (!zero && (aligned ? vf_disk_read_back(d, buf, n, at, err)
                              : vf_disk_read(d, buf, n, at, err)) < 0)
            return -1;
        if (add(sha, zero ? zeroes : buf, n, err) < 0)
            return -1;
        at += n;
    }
    return 0;
}

char *vf_hash_piece(struct vf_disk *d, uint64_t offset, uint64_t length, struct vf_error **err)
{
    SHA256_CTX sha;
    unsigned char sum[SHA256_DIGEST_LENGTH];
    if (offset > d->size || length > d->size - offset) {
        vf_fail(err, VF_E_USAGE,
                "%s has %" PRIu64 " bytes: there are no %" PRIu64 " bytes at %" PRIu64, d->name,
                d->size, length, offset);
        return NULL;
    }
    if (SHA256_Init(&sha) != 1 || add_piece(d, &sha, offset, length, err) < 0 ||
        SHA256_Final(sum, &sha) != 1) {
        vf_fail(err, VF_E_INTERNAL, "SHA-256 fails");
        return NULL;
    }
    char *hex = vf_xmalloc(2 * sizeof sum + 1);
    for (size_t i = 0; i < sizeof sum; i++) {
        hex[2 * i] = "0123456789abcdef"[sum[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[sum[i] & 15];
    }
    hex[2 * sizeof sum] = '\0';
    return hex;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers in the headers of disk images, which need not be aligned: the lowest byte first. */
#ifndef VF_DISK_LE_H
#define VF_DISK_LE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t vf_le32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static inline uint64_t vf_le64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

#endif

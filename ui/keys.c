/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/keys.h"

enum { DELETE = 0x7f, C1_END = 0xa0 };

size_t vf_key_text(int key, char out[4])
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (key < ' ' || (key >= DELETE && key < C1_END) || key >= VF_KEY_RESIZE)
        return 0;
    size_t n = key < 0x80 ? 1 : key < 0x800 ? 2 : key < 0x10000 ? 3 : 4;
    unsigned k = (unsigned)key;
    for (size_t i = n; i-- > 1; k >>= 6)
        out[i] = (char)(0x80 | (k & 0x3f));
    out[0] = (char)(first[n] | k);
    return n;
}

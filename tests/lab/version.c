/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The versions of the API a cluster can speak, and what differs besides the parameter lists. */
#include "config.h"
#include <string.h>
#include "tests/lab/lab.h"

/* Oldest first, as the bits in schema-table.h. */
const struct lab_version lab_versions[LAB_VERSIONS] = {
    {6004, "6.4", "6.4-15", "6.4-15", "af7986e6"},
    {7004, "7.4", "7.4-16", "7.4-16", "0f39f621"},
    {8004, "8.4", "8.4.1", "8.4.5", "2a5fa54a8503f96d"},
    {9002, "9.2", "9.2.3", "9.2.3", "7f3b9e4d2c6a1580"},
};

const struct lab_version *lab_version(const struct lab *lab)
{
    for (size_t i = 0; i < LAB_VERSIONS; i++)
        if (lab_versions[i].number == lab->version)
            return &lab_versions[i];
    return NULL;
}

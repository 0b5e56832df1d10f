/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A fuzz target is one function with libFuzzer's name; it aborts when a promise is broken. */
#ifndef VF_TESTS_FUZZ_H
#define VF_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast keys are derived here. */
#ifndef FORMATS_CRYPTO_MEASURE_H
#define FORMATS_CRYPTO_MEASURE_H

#include "common/io.h"
#include "hash.h"

/* Iterations of crypto_pbkdf2() in a second for a key of one digest's length. Takes some 40 ms.
 * Returns 0, or -FMT_EIO if the clock stands still. */
int crypto_pbkdf2_measure(struct fmt_env *env, enum crypto_hash hash, uint64_t *per_second);

#endif

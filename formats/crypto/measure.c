/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timing of PBKDF2; see measure.h. */
#include "measure.h"

enum {
    ITERATIONS_FIRST = 1 << 11,
    ITERATIONS_MAX = 1 << 26,
    RUNS = 3, /* the fastest counts: others share the processor */
};

static const uint64_t run_min_ns = 8000000;

/* Time one run. */
static uint64_t run_ns(struct fmt_env *env, enum crypto_hash hash, uint32_t iterations)
{
    static const struct fmt_bytes secret = {"passphrase", 10};
    static const struct fmt_bytes salt = {"salt salt salt salt salt salt sa", 32};
    uint8_t key[CRYPTO_DIGEST_MAX_BYTES];
    uint64_t start = env->io->clock(env->io_ctx);

    crypto_pbkdf2(hash, secret, salt, iterations, key, crypto_digest_bytes(hash));
    return env->io->clock(env->io_ctx) - start;
}

int crypto_pbkdf2_measure(struct fmt_env *env, enum crypto_hash hash, uint64_t *per_second)
{
    uint32_t iterations = ITERATIONS_FIRST;
    uint64_t best = run_ns(env, hash, iterations);

    while (best < run_min_ns) {
        if (iterations >= ITERATIONS_MAX)
            return -FMT_EIO;
        iterations *= 2;
        best = run_ns(env, hash, iterations);
    }
    for (unsigned i = 1; i < RUNS; i++)
        best = min_u64(best, run_ns(env, hash, iterations));
    *per_second = (uint64_t)iterations * 1000000000 / (best ? best : 1);
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spike-inflate - the work that guest and host do in the same way: clusters to be decompressed. */
#ifndef VMM_TEST_SPIKE_INFLATE_H
#define VMM_TEST_SPIKE_INFLATE_H

#include <libdeflate.h>
#include <stdbool.h>
#include <stdint.h>

enum { SPIKE_CLUSTER_BYTES = 64 << 10, SPIKE_CLUSTERS = 256, SPIKE_ROUNDS = 64 };

/* The file: this table, then the compressed clusters. */
struct spike_clusters {
    uint32_t offset[SPIKE_CLUSTERS]; /* from the file's start */
    uint32_t bytes[SPIKE_CLUSTERS];
};

/* Take clusters by the shared counter until all rounds are done. False: one was damaged. */
static inline bool spike_inflate(const uint8_t *file, uint64_t *counter, uint8_t *out,
                                 struct libdeflate_decompressor *decompressor)
{
    const struct spike_clusters *clusters = (const struct spike_clusters *)file;

    for (;;) {
        uint64_t n = __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
        uint64_t i = n % SPIKE_CLUSTERS;
        if (n >= SPIKE_CLUSTERS * SPIKE_ROUNDS)
            return true;
        if (libdeflate_deflate_decompress(decompressor, file + clusters->offset[i],
                                          clusters->bytes[i], out, SPIKE_CLUSTER_BYTES,
                                          0) != LIBDEFLATE_SUCCESS)
            return false;
    }
}

#endif

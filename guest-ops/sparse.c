/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Zeroes in data; see sparse.h. */
#include "sparse.h"

#include "common/bytes.h"

typedef uint64_t lanes __attribute__((vector_size(16), aligned(1), may_alias));

enum { SECTOR_BYTES = 512, STRIDE_BYTES = 64 };

bool sparse_is_zero(const void *data, uint64_t bytes)
{
    const uint8_t *at = data;
    uint8_t any = 0;

    for (; bytes >= STRIDE_BYTES; at += STRIDE_BYTES, bytes -= STRIDE_BYTES) {
        const lanes *v = (const lanes *)at;
        lanes sum = v[0] | v[1] | v[2] | v[3];
        if (sum[0] | sum[1])
            return false;
    }
    for (; bytes > 0; bytes--)
        any |= *at++;
    return any == 0;
}

/* How many bytes from the start are sectors of one kind, cut so that the other kind begins at a
 * multiple of the alignment. */
static uint64_t run_find(const struct sparse *sparse, const uint8_t *data, uint64_t bytes,
                         uint64_t offset, bool *is_zero)
{
    uint64_t n = SECTOR_BYTES;

    *is_zero = sparse_is_zero(data, SECTOR_BYTES);
    while (n < bytes && sparse_is_zero(data + n, SECTOR_BYTES) == *is_zero)
        n += SECTOR_BYTES;
    uint64_t tail = (offset + n) & (sparse->align_bytes - 1);
    if (n >= bytes || tail == 0)
        return n;
    if (*is_zero && n > tail)
        return n - tail;
    /* Zeroes that share their unit with the data behind them are written with it. */
    *is_zero = false;
    return min_u64(bytes, n + sparse->align_bytes - tail);
}

bool sparse_data_find(const struct sparse *sparse, const uint8_t *data, uint64_t bytes,
                      uint64_t offset, uint64_t *length)
{
    uint64_t least = min_u64(sparse->least_bytes, bytes), seen = 0, used = 0;
    bool is_zero;

    *length = bytes;
    if (sparse->least_bytes == 0)
        return true;
    while (seen < bytes) {
        uint64_t n = run_find(sparse, data + seen, bytes - seen, offset + seen, &is_zero);
        if (is_zero && seen == 0) {
            *length = n;
            return false;
        }
        seen += n;
        if (!is_zero)
            used = seen;
        else if (n >= least)
            break;
    }
    *length = used;
    return true;
}

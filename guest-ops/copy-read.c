/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading what is copied; dd may begin and end anywhere in a disk. */
#include <string.h>

#include "copy.h"

enum { BOUNCE_BYTES = 16 << 10 };

/* Drivers read whole sectors: what begins or ends within one is cut out of them. */
static int bytes_read(struct copy_source *source, uint64_t at, uint8_t *to, uint64_t bytes)
{
    uint64_t size = source->chain.top->facts.virtual_bytes;
    uint8_t bounce[BOUNCE_BYTES];

    for (uint64_t n; bytes > 0; at += n, to += n, bytes -= n) {
        uint64_t first = at - at % FMT_SECTOR_BYTES;
        uint64_t inside = min_u64(size - first, BOUNCE_BYTES);
        int r = chain_read(&source->chain, first, bounce, inside);
        if (r < 0)
            return r;
        memset(bounce + inside, 0, BOUNCE_BYTES - inside);
        n = min_u64(bytes, BOUNCE_BYTES - (at - first));
        memcpy(to, bounce + (at - first), n);
    }
    return 0;
}

/* What comes next of a stream; zeroes when it has ended. */
static int stream_read(struct guest *g, struct copy_source *source, uint64_t offset, uint8_t *to,
                       uint64_t bytes)
{
    const struct abi_request request = {.kind = ABI_REQ_READ,
                                        .device = source->chain.top->device,
                                        .offset = offset,
                                        .length = bytes,
                                        .addr = (uint64_t)(uintptr_t)to};
    struct abi_completion done;

    int r = ring_call(g, &request, &done);
    if (r < 0 || done.value >= bytes)
        return r;
    memset(to + done.value, 0, bytes - done.value);
    source->ended = true;
    source->data_bytes = offset + done.value;
    return 0;
}

int copy_source_read(struct reads *reads, struct copy_source *source, uint64_t offset, uint8_t *to,
                     uint64_t bytes, uint64_t tag)
{
    uint64_t data = offset < source->data_bytes ? source->data_bytes - offset : 0;

    data = min_u64(data, bytes);
    memset(to + data, 0, bytes - data);
    if (source->stream)
        return stream_read(reads->g, source, offset, to, data);
    if ((source->start | data) % FMT_SECTOR_BYTES != 0)
        return bytes_read(source, source->start + offset, to, data);
    return reads_begin(reads, &source->chain, source->start + offset, to, data, tag);
}

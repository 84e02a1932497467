/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads by the doorbellful; see reads.h. */
#include "reads.h"

#include <string.h>

int reads_wait(struct reads *reads)
{
    unsigned failed = 0;

    ring_flush(reads->g);
    for (unsigned i = 0; i < reads->count; i++) {
        if (reads->read[i].status < 0)
            reads->read[failed++] = reads->read[i];
    }
    reads->count = failed;
    return failed ? reads->read[0].status : 0;
}

/* One extent, from its file. */
static int file_read(struct reads *reads, const struct fmt_extent *extent, const struct read *wish)
{
    if (reads->count == READS_MAX)
        reads_wait(reads);
    if (reads->count == READS_MAX)
        return reads->read[0].status; /* nothing can be read any more */
    struct read *read = &reads->read[reads->count++];
    *read = *wish;
    const struct abi_request request = {.kind = ABI_REQ_READ,
                                        .device = extent->device,
                                        .offset = extent->device_off,
                                        .length = read->bytes,
                                        .addr = (uint64_t)(uintptr_t)read->to};
    ring_post(reads->g, &request, &read->status);
    return 0;
}

static int extent_read(struct reads *reads, const struct chain_extent *found,
                       const struct read *wish)
{
    const struct fmt_extent *extent = &found->extent;

    if (extent->kind == FMT_EXTENT_CODED)
        return fmt_image_read(found->image, wish->offset, wish->to, wish->bytes);
    if (extent->kind == FMT_EXTENT_DATA && extent->device < LAYER_DEVICE_FIRST)
        return file_read(reads, extent, wish);
    if (extent->kind == FMT_EXTENT_DATA)
        return io_read(found->image->env, extent->device, extent->device_off, wish->to,
                       wish->bytes);
    memset(wish->to, 0, wish->bytes);
    return 0;
}

int reads_begin(struct reads *reads, struct chain *chain, uint64_t offset, uint8_t *to,
                uint64_t bytes, uint64_t tag)
{
    uint64_t size = chain->top->facts.virtual_bytes;

    while (bytes > 0 && offset < size) {
        struct chain_extent found;
        int r = chain_extent_find(chain, offset, min_u64(bytes, size - offset), false, &found);
        const struct read wish = {.tag = tag, .offset = offset, .bytes = found.length, .to = to};
        if (r == 0)
            r = extent_read(reads, &found, &wish);
        if (r < 0)
            return r;
        to += found.length;
        offset += found.length;
        bytes -= found.length;
    }
    memset(to, 0, bytes);
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads by the doorbellful; see reads.h. */
#include "reads.h"

#include <string.h>

int reads_decode_with(struct reads *reads, struct fmt_decoder *decoder)
{
    reads->coded = fmt_arena_buffer(&reads->g->arena, READS_CODED_BYTES, ABI_PAGE_BYTES);
    if (!reads->coded)
        return -FMT_ENOMEM;
    reads->decoder = decoder;
    return 0;
}

/* All at once, and not before: a call of a driver meanwhile would wait for them, too. */
static void reads_post(struct reads *reads)
{
    for (unsigned i = 0; i < reads->count; i++) {
        struct read *read = &reads->read[i];
        const struct abi_request request = {.kind = ABI_REQ_READ,
                                            .device = read->extent.device,
                                            .offset = read->extent.device_off,
                                            .length = read->coded_bytes,
                                            .addr = (uint64_t)(uintptr_t)read->coded};
        if (read->status == 0)
            ring_post(reads->g, &request, &read->status);
    }
}

int reads_wait(struct reads *reads)
{
    unsigned failed = 0;

    reads_post(reads);
    ring_flush(reads->g);
    for (unsigned i = 0; i < reads->count; i++) {
        struct read *read = &reads->read[i];
        if (read->status == 0 && read->image)
            read->status = read->image->driver->decode(read->image, reads->decoder, read->offset,
                                                       &read->extent, read->coded, read->to);
        if (read->status < 0)
            reads->read[failed++] = *read;
    }
    reads->count = failed;
    reads->coded_used = 0;
    return failed ? reads->read[0].status : 0;
}

int reads_retry(struct reads *reads)
{
    unsigned failed = 0;

    for (unsigned i = 0; i < reads->count; i++) {
        struct read *read = &reads->read[i];
        if (read->status == -FMT_ENOTSUP && read->image)
            read->status = fmt_image_read((struct fmt_image *)read->image, read->offset, read->to,
                                          read->bytes);
        if (read->status < 0)
            reads->read[failed++] = *read;
    }
    reads->count = failed;
    return failed ? reads->read[0].status : 0;
}

/* A read of bytes of a file. */
static int file_read(struct reads *reads, const struct fmt_extent *extent, const struct read *wish)
{
    bool elsewhere = wish->image && !extent->coded_in_place;
    uint64_t bytes = elsewhere ? extent->coded_bytes : wish->bytes;

    if (reads->count == READS_MAX || (elsewhere && bytes > READS_CODED_BYTES - reads->coded_used))
        reads_wait(reads);
    if (reads->count == READS_MAX)
        return reads->read[0].status; /* nothing can be read any more */
    struct read *read = &reads->read[reads->count++];
    *read = *wish;
    read->extent = *extent;
    read->coded = elsewhere ? reads->coded + reads->coded_used : read->to;
    if (elsewhere)
        reads->coded_used += bytes;
    read->coded_bytes = bytes;
    return 0;
}

/* Can the extent be decoded here? */
static bool can_decode(const struct reads *reads, const struct chain_extent *found)
{
    const struct fmt_extent *extent = &found->extent;

    return reads->decoder && found->image->driver->decode && extent->length == found->length &&
           extent->device < LAYER_DEVICE_FIRST &&
           ((extent->coded_in_place && extent->length % FMT_SECTOR_BYTES == 0) ||
            (extent->coded_bytes > 0 && extent->coded_bytes <= READS_CODED_BYTES));
}

static int extent_read(struct reads *reads, const struct chain_extent *found,
                       const struct read *wish)
{
    const struct fmt_extent *extent = &found->extent;
    struct read coded = *wish;

    if (extent->kind == FMT_EXTENT_CODED && !can_decode(reads, found))
        return fmt_image_read(found->image, wish->offset, wish->to, wish->bytes);
    if (extent->kind == FMT_EXTENT_CODED) {
        coded.image = found->image;
        return file_read(reads, extent, &coded);
    }
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
        int r = chain_extent_find(chain, offset, min_u64(bytes, size - offset), 0, &found);
        const struct read wish = {
            .tag = tag, .offset = found.image_off, .bytes = found.length, .to = to};
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In which pieces disks are copied. */
#include "copy.h"

/* The longest request that the reference makes. */
#define PIECE_MAX_BYTES UINT64_C(0x7ffffe00)

struct copy_source *copy_source_at(const struct copy *copy, uint64_t *offset)
{
    struct copy_source *source = copy->how.source;

    for (; *offset >= source->bytes; source++)
        *offset -= source->bytes;
    return source;
}

/* What the source says of the range; *bytes becomes how much of it that holds for. */
static int status_ask(struct copy *copy, struct copy_source *source, uint64_t offset,
                      uint64_t *bytes, unsigned *flags)
{
    const struct fmt_image *image = source->chain.top;
    unsigned mode = CHAIN_STATUS | CHAIN_AS_TOLD | (copy->how.top_only ? CHAIN_TOP_ONLY : 0);
    struct chain_extent extent;

    if (copy->how.is_dd) {
        *flags = ABI_MAP_DATA;
        return 0;
    }
    uint64_t n = min_u64(*bytes, image->facts.virtual_bytes - offset);
    int r = chain_extent_find(&source->chain, offset, n, mode, &extent);
    *bytes = round_up_u64(extent.told_bytes, FMT_SECTOR_BYTES);
    *flags = extent.flags;
    return r;
}

/* The same; where metadata cannot be read, a sector that is to be salvaged counts as data. */
static int status_find(struct copy *copy, struct copy_source *source, uint64_t offset,
                       uint64_t *bytes, unsigned *flags)
{
    struct fmt_env *env = copy->source_env;

    for (;;) {
        uint64_t asked = *bytes;
        int r = status_ask(copy, source, offset, bytes, flags);
        if (r == 0 || !copy->how.salvage)
            return r;
        fmt_error_clear(env->error);
        *bytes = asked;
        if (asked == FMT_SECTOR_BYTES) {
            if (!copy->how.quiet)
                fmt_message(env, FMT_MESSAGE_WARNING, FMT_ERR_CONVERT_STATUS, FMT_NUM(offset),
                            FMT_NUM(-r));
            *flags = ABI_MAP_DATA;
            return 0;
        }
        *bytes = round_up_u64((asked + 3) / 4, FMT_SECTOR_BYTES);
    }
}

/* Ask for the status from copy->at, for at most @bytes. */
static int status_update(struct copy *copy, uint64_t bytes, bool behind_backing)
{
    uint64_t offset = copy->at;
    struct copy_source *source = copy_source_at(copy, &offset);
    unsigned flags;

    bytes = min_u64(bytes, source->bytes - offset);
    int r = status_find(copy, source, offset, &bytes, &flags);
    if (r < 0)
        return r;
    uint64_t tail = (offset + bytes) % source->align_bytes;
    if (bytes > tail)
        bytes -= tail;
    if (flags & ABI_MAP_ZERO)
        copy->status = behind_backing ? COPY_BACKING : COPY_ZERO;
    else
        copy->status = flags & ABI_MAP_DATA || !copy->how.top_only ? COPY_DATA : COPY_BACKING;
    copy->status_end = copy->at + bytes;
    return 0;
}

int copy_piece_find(struct copy *copy, struct copy_piece *piece)
{
    const struct copy_how *how = &copy->how;
    uint64_t bytes = min_u64(how->total_bytes - copy->at, PIECE_MAX_BYTES);
    bool behind_backing = copy->at >= how->backing_bytes;

    if (!behind_backing)
        bytes = min_u64(bytes, how->backing_bytes - copy->at);
    if (copy->status_end <= copy->at) {
        int r = status_update(copy, bytes, behind_backing);
        if (r < 0)
            return r;
    }
    bytes = min_u64(bytes, copy->status_end - copy->at);
    bool is_all = how->sparse.least_bytes == 0, stored = is_all || how->zeroes_are_data;
    if (copy->status == COPY_DATA || (copy->status == COPY_ZERO && stored))
        bytes = min_u64(bytes, how->compressed ? how->cluster_bytes : how->piece_bytes);
    if (how->compressed && bytes < how->cluster_bytes) {
        /* Only whole clusters can be compressed. */
        bytes = min_u64(how->cluster_bytes, how->total_bytes - copy->at);
        copy->status = COPY_DATA;
    } else if (how->compressed) {
        bytes -= bytes % how->cluster_bytes;
    }
    *piece = (struct copy_piece){.offset = copy->at,
                                 .bytes = bytes,
                                 .status = copy->status,
                                 .counts = copy->status == COPY_DATA};
    if (piece->status == COPY_ZERO && stored)
        piece->status = COPY_DATA; /* of zeroes, that are to be written */
    piece->counts |= is_all && piece->status == COPY_DATA;
    return 0;
}

int copy_plan(struct copy *copy)
{
    struct copy_piece piece;

    for (copy->at = 0; copy->at < copy->how.total_bytes; copy->at += piece.bytes) {
        int r = copy_piece_find(copy, &piece);
        if (r < 0) {
            uint64_t offset = copy->at;
            copy_source_at(copy, &offset);
            fmt_error_clear(copy->source_env->error);
            return fmt_fail(copy->source_env, -r, FMT_ERR_CONVERT_STATUS, FMT_NUM(offset),
                            FMT_NUM(-r));
        }
        if (piece.counts)
            copy->data_bytes += piece.bytes;
    }
    copy->at = 0;
    copy->status_end = 0;
    return 0;
}

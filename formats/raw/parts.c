/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drivers over children of names of their own, which stand in image->child, the last one first:
 * blkverify (two that must be equal) and quorum (what enough of many say).
 */
#include <string.h>

#include "common/mapread.h"

enum { PIECE_BYTES = 64 << 10 };

static unsigned parts_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)head;
    (void)length;
    (void)filename;
    return 0;
}

#define PARTS(driver_name)                                                                         \
    .name = (driver_name), .probe = parts_probe, .info = fmt_info_nothing, .own_files = true

/* ---- blkverify ---- */

enum { CHILD_TEST, CHILD_RAW, VERIFY_CHILDREN };

static int blkverify_open(struct fmt_image *image)
{
    if (image->child_count != VERIFY_CHILDREN)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_JOB);
    int r =
        io_sector_bytes(image->env, image->child[CHILD_TEST].device, &image->facts.virtual_bytes);
    if (r < 0)
        return fmt_fail(image->env, -r, FMT_ERR_IO, FMT_NUM(-r));
    image->state = fmt_alloc(image->env, PIECE_BYTES); /* a piece of the second child */
    return image->state ? 0 : -FMT_ENOMEM;
}

static int blkverify_piece(struct fmt_image *image, uint64_t offset, uint8_t *to, size_t *length)
{
    uint8_t *raw = image->state;

    *length = (size_t)min_u64(*length, PIECE_BYTES);
    int r = io_read(image->env, image->child[CHILD_TEST].device, offset, to, *length);
    if (r == 0)
        r = io_read(image->env, image->child[CHILD_RAW].device, offset, raw, *length);
    if (r < 0 || memcmp(raw, to, *length) == 0)
        return r;
    size_t at = 0;
    while (raw[at] == to[at])
        at++;
    return fmt_fail(image->env, FMT_EIO, FMT_ERR_BLKVERIFY_MISMATCH, FMT_NUM(offset),
                    FMT_NUM(*length), FMT_NUM(offset + at));
}

static int blkverify_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    return fmt_pieces_read(image, offset, buffer, length, blkverify_piece);
}

/* Only read() knows whether the children agree; what they hold, the raw one says. */
static int blkverify_map(struct fmt_image *image, uint64_t offset, uint64_t length,
                         struct fmt_extent *out)
{
    *out = (struct fmt_extent){.kind = FMT_EXTENT_CODED,
                               .length = length,
                               .device = image->device,
                               .device_off = offset,
                               .has_offset = true};
    return 0;
}

const struct fmt_driver fmt_blkverify_driver = {PARTS("blkverify"),   .open = blkverify_open,
                                                .map = blkverify_map, .read = blkverify_read,
                                                .passes_facts = true, .is_filter = true};

/* ---- quorum ---- */

/* Many children cost memory: a buffer for each. */
enum { QUORUM_CHILDREN_MAX = 32 };

struct quorum_state {
    uint64_t threshold;
    bool first;      /* the first child that can be read is right */
    uint8_t *pieces; /* a piece of each child */
};

static int quorum_open(struct fmt_image *image)
{
    struct quorum_state *state = fmt_alloc(image->env, sizeof(*state));
    uint64_t first = 0;

    if (!state)
        return -FMT_ENOMEM;
    if (image->child_count < 1)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_JOB);
    if (image->child_count > QUORUM_CHILDREN_MAX)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_QUORUM_CHILDREN,
                        FMT_NUM(QUORUM_CHILDREN_MAX));
    for (uint32_t i = 0; i < image->child_count; i++) {
        uint64_t bytes;
        int r = io_sector_bytes(image->env, image->child[i].device, &bytes);
        if (r == 0 && i > 0 && bytes != first)
            r = -FMT_EIO;
        if (r < 0)
            return fmt_fail(image->env, -r, FMT_ERR_TOTAL_SECTORS, FMT_NUM(-r));
        first = bytes;
    }
    image->facts.virtual_bytes = first;
    state->threshold = fmt_option_number(image->options, "vote-threshold", 1);
    state->first = fmt_bytes_equal(fmt_option_text(image->options, "read-pattern"), "fifo");
    state->pieces = fmt_alloc(image->env, (size_t)image->child_count * PIECE_BYTES);
    image->state = state;
    return state->pieces ? 0 : -FMT_ENOMEM;
}

/* The first child that can be read. */
static int quorum_first(struct fmt_image *image, uint64_t offset, uint8_t *to, size_t *length)
{
    int r = -FMT_EIO;

    *length = (size_t)min_u64(*length, PIECE_BYTES);
    for (uint32_t i = image->child_count; r < 0 && i-- > 0;)
        r = io_read(image->env, image->child[i].device, offset, to, *length);
    return r;
}

/* What most children say, if they are enough. */
static int quorum_vote(struct fmt_image *image, uint64_t offset, uint8_t *to, size_t *length)
{
    const struct quorum_state *state = image->state;
    bool failed[QUORUM_CHILDREN_MAX] = {false};
    uint8_t *buffer = state->pieces;
    uint32_t most = 0;

    *length = (size_t)min_u64(*length, PIECE_BYTES);
    for (uint32_t i = 0; i < image->child_count; i++) {
        uint8_t *own = buffer + (size_t)i * PIECE_BYTES;
        failed[i] = io_read(image->env, image->child[i].device, offset, own, *length) < 0;
    }
    for (uint32_t i = image->child_count; i-- > 0;) {
        const uint8_t *own = buffer + (size_t)i * PIECE_BYTES;
        uint32_t votes = 0;
        for (uint32_t n = 0; !failed[i] && n < image->child_count; n++)
            votes += !failed[n] && memcmp(own, buffer + (size_t)n * PIECE_BYTES, *length) == 0;
        if (votes > most) {
            most = votes;
            memcpy(to, own, *length);
        }
    }
    return most >= state->threshold && most > 0 ? 0 : -FMT_EIO;
}

static int quorum_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    const struct quorum_state *state = image->state;

    return fmt_pieces_read(image, offset, buffer, length,
                           state->first ? quorum_first : quorum_vote);
}

/* Zeroes are what all children say is zeroes; else as much is data as any one says. */
static int quorum_map(struct fmt_image *image, uint64_t offset, uint64_t length,
                      struct fmt_extent *out)
{
    uint64_t zero_bytes = length, data_bytes = 0;

    for (uint32_t i = image->child_count; i-- > 0;) {
        struct fmt_run run;
        size_t count = 1;
        int r = image->env->io->extents(image->env->io_ctx, image->child[i].device, offset, length,
                                        &run, &count);
        if (r < 0)
            run = (struct fmt_run){.length = length};
        if (run.zero)
            zero_bytes = min_u64(zero_bytes, run.length);
        else if (run.length > data_bytes)
            data_bytes = run.length;
    }
    *out = (struct fmt_extent){.kind = data_bytes ? FMT_EXTENT_CODED : FMT_EXTENT_ZERO,
                               .length = min_u64(data_bytes ? data_bytes : zero_bytes, length)};
    return 0;
}

const struct fmt_driver fmt_quorum_driver = {PARTS("quorum"), .open = quorum_open,
                                             .map = quorum_map, .read = quorum_read,
                                             .no_dirty_flag = true};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LZFSE: the blocks of a stream; see lzfse.h. */
#include "lzfse.h"

#include "common/error.h"
#include "lzfse-block.h"
#include "lzvn.h"

/* Little-endian, as all numbers. */
#define MAGIC_END UINT32_C(0x24787662)      /* "bvx$" */
#define MAGIC_PLAIN UINT32_C(0x2d787662)    /* "bvx-" */
#define MAGIC_LZVN UINT32_C(0x6e787662)     /* "bvxn" */
#define MAGIC_ENTROPY1 UINT32_C(0x31787662) /* "bvx1" */
#define MAGIC_ENTROPY2 UINT32_C(0x32787662) /* "bvx2" */

enum {
    MAGIC_BYTES = 4,
    OFF_RAW_BYTES = 4,
    OFF_CODED_BYTES = 8,
    PLAIN_HEAD_BYTES = 8,
    LZVN_HEAD_BYTES = 12,
};

struct stream {
    const uint8_t *in; /* the next block */
    size_t left;
    struct lz_output out;
    struct lzfse_memory *memory;
};

/* The block yields so many bytes. False: there is no room. */
static bool limit_set(struct lz_output *out, uint32_t raw_bytes)
{
    if (raw_bytes > out->bytes - out->done)
        return false;
    out->limit = out->done + raw_bytes;
    return true;
}

/* The three kinds of blocks: 0 and the block's length, or -FMT_EIO. */

/* One that is cut yields what there is. */
static int plain_decode(struct stream *s, size_t *block_bytes)
{
    if (s->left < PLAIN_HEAD_BYTES)
        return -FMT_EIO;
    uint32_t raw_bytes = le32_load(s->in + OFF_RAW_BYTES);
    size_t there = s->left - PLAIN_HEAD_BYTES, bytes = (size_t)min_u64(raw_bytes, there);
    *block_bytes = PLAIN_HEAD_BYTES + bytes;
    if (!limit_set(&s->out, raw_bytes))
        return -FMT_EIO;
    lz_plain_append(&s->out, s->in + PLAIN_HEAD_BYTES, bytes, there);
    return bytes == raw_bytes ? 0 : -FMT_EIO;
}

static int lzvn_block_decode(struct stream *s, size_t *block_bytes)
{
    if (s->left < LZVN_HEAD_BYTES)
        return -FMT_EIO;
    uint32_t raw_bytes = le32_load(s->in + OFF_RAW_BYTES);
    uint32_t coded_bytes = le32_load(s->in + OFF_CODED_BYTES);
    size_t there = s->left - LZVN_HEAD_BYTES, bytes = (size_t)min_u64(coded_bytes, there);
    *block_bytes = LZVN_HEAD_BYTES + bytes;
    if (!limit_set(&s->out, raw_bytes))
        return -FMT_EIO;
    int r = lzvn_decode(s->in + LZVN_HEAD_BYTES, bytes, &s->out);
    return bytes == coded_bytes ? r : -FMT_EIO;
}

static int entropy_decode(struct stream *s, uint32_t magic, size_t *block_bytes)
{
    struct lzfse_head *head = &s->memory->head;
    bool good = magic == MAGIC_ENTROPY1 ? lzfse_head1_parse(s->in, s->left, head)
                                        : lzfse_head2_parse(s->in, s->left, head);

    if (!good || !limit_set(&s->out, head->raw_bytes))
        return -FMT_EIO;
    /* All of it is there, says the header's parser. */
    *block_bytes = (size_t)head->head_bytes + head->literal_part.bytes + head->triple_part.bytes;
    return lzfse_block_decode(s->memory, s->in + head->head_bytes, &s->out);
}

/* One block, or the end's mark. */
static int block_decode(struct stream *s, bool *is_end)
{
    size_t bytes = MAGIC_BYTES;
    int r = -FMT_EIO;

    if (s->left < MAGIC_BYTES)
        return -FMT_EIO;
    uint32_t magic = le32_load(s->in);
    *is_end = magic == MAGIC_END;
    if (*is_end)
        r = 0;
    else if (magic == MAGIC_PLAIN)
        r = plain_decode(s, &bytes);
    else if (magic == MAGIC_LZVN)
        r = lzvn_block_decode(s, &bytes);
    else if (magic == MAGIC_ENTROPY1 || magic == MAGIC_ENTROPY2)
        r = entropy_decode(s, magic, &bytes);
    s->in += bytes;
    s->left -= bytes;
    return r;
}

int lzfse_decode(struct fmt_arena *arena, const void *in, size_t in_bytes, void *out,
                 size_t *out_bytes)
{
    size_t mark = fmt_arena_mark(arena);
    struct stream s = {
        .in = in,
        .left = in_bytes,
        .out = {.data = out, .bytes = *out_bytes},
        .memory = fmt_arena_buffer(arena, sizeof(*s.memory), 64),
    };
    bool is_end = false;
    int r = s.memory ? 0 : -FMT_ENOMEM;

    while (r == 0 && !is_end)
        r = block_decode(&s, &is_end);
    *out_bytes = s.out.done;
    fmt_arena_release(arena, mark);
    return r;
}

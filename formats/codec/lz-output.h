/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an LZ77 decoder writes: plain bytes, and repetitions of what came before. The two functions
 * here check all lengths and distances. They copy in words where the buffer goes on behind the
 * bytes asked for, so that up to seven bytes there may change.
 */
#ifndef FORMATS_CODEC_LZ_OUTPUT_H
#define FORMATS_CODEC_LZ_OUTPUT_H

#include "common/bytes.h"

enum { LZ_WORD_BYTES = 8 };

struct lz_output {
    uint8_t *data;
    size_t bytes; /* of the buffer */
    size_t limit; /* where the present block ends, at most @bytes */
    size_t done;  /* at most @limit */
};

/* @room: bytes that may be written, @bytes or more. Each word is read after the one before it was
 * written: the two may overlap if they are a word or more apart. */
static inline void lz_words_copy(uint8_t *to, const uint8_t *from, size_t bytes, size_t room)
{
    size_t i = 0;

    if (room - bytes >= LZ_WORD_BYTES - 1) {
        for (; i < bytes; i += LZ_WORD_BYTES)
            le64_store(to + i, le64_load(from + i));
    }
    for (; i < bytes; i++)
        to[i] = from[i];
}

/* Append @count plain bytes; @readable of them may be read, @count or more. False: they lead out of
 * the block. */
static inline bool lz_plain_append(struct lz_output *out, const uint8_t *from, size_t count,
                                   size_t readable)
{
    if (count > out->limit - out->done)
        return false;
    lz_words_copy(out->data + out->done, from, count, min_u64(out->bytes - out->done, readable));
    out->done += count;
    return true;
}

/* Append @count bytes, each a copy of the one @distance before it. False: they lead out of the
 * block, or begin before the buffer does. */
static inline bool lz_match_append(struct lz_output *out, size_t distance, size_t count)
{
    if (count > out->limit - out->done || distance == 0 || distance > out->done)
        return false;
    uint8_t *to = out->data + out->done;
    const uint8_t *from = to - distance;
    size_t room = out->bytes - out->done;
    out->done += count;
    /* What is repeated doubles in length, until words do not overlap. */
    while (distance < LZ_WORD_BYTES && count > 0) {
        size_t n = (size_t)min_u64(distance, count);
        for (size_t i = 0; i < n; i++)
            to[i] = from[i];
        to += n;
        count -= n;
        room -= n;
        distance *= 2;
    }
    lz_words_copy(to, from, count, room);
    return true;
}

#endif

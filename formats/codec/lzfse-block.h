/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LZFSE: entropy coded blocks. Their header tells how often each symbol occurs, from which the
 * tables follow; then come two streams of bits, read from their ends: the literals, all of the
 * block's plain bytes, and the triples, each of which says how many literals there are, how many
 * bytes are repeated, and from what distance.
 */
#ifndef FORMATS_CODEC_LZFSE_BLOCK_H
#define FORMATS_CODEC_LZFSE_BLOCK_H

#include "lz-output.h"

/* The four alphabets, in the order of their frequencies in a header. */
enum lzfse_alphabet {
    LZFSE_PLAIN_LENGTH,
    LZFSE_MATCH_LENGTH,
    LZFSE_DISTANCE,
    LZFSE_LITERAL,
    LZFSE_ALPHABETS,
};

enum {
    LZFSE_LENGTH_SYMBOLS = 20,
    LZFSE_LENGTH_STATES = 64,
    LZFSE_DISTANCE_SYMBOLS = 64,
    LZFSE_DISTANCE_STATES = 256,
    LZFSE_LITERAL_SYMBOLS = 256,
    LZFSE_LITERAL_STATES = 1024,
    LZFSE_SYMBOLS = 2 * LZFSE_LENGTH_SYMBOLS + LZFSE_DISTANCE_SYMBOLS + LZFSE_LITERAL_SYMBOLS,
    LZFSE_STATES = 2 * LZFSE_LENGTH_STATES + LZFSE_DISTANCE_STATES + LZFSE_LITERAL_STATES,
    LZFSE_LITERAL_STREAMS = 4, /* the first literal is of the first stream, and so on in turn */
    LZFSE_TRIPLES_MAX = 10000,
    LZFSE_LITERALS_MAX = 4 * LZFSE_TRIPLES_MAX,
    LZFSE_PADDING_BITS_MAX = 7,
};

/* One of the two streams of bits. */
struct lzfse_part {
    uint32_t bytes;
    uint32_t padding_bits; /* of zeroes at its end, which is where reading begins */
};

struct lzfse_head {
    uint32_t head_bytes; /* before the literals, which the triples follow */
    uint32_t raw_bytes;  /* decoded */
    uint32_t literals;
    uint32_t triples;
    struct lzfse_part literal_part, triple_part;
    uint16_t state[LZFSE_LITERAL]; /* of each alphabet: where it begins */
    uint16_t literal_state[LZFSE_LITERAL_STREAMS];
    uint16_t frequency[LZFSE_SYMBOLS]; /* in states; all of the first alphabet's, and so on */
};

/* One state of a table: what it stands for, and how to get to the next one. */
struct lzfse_state {
    uint32_t value;     /* to which the further bits are added */
    uint16_t next;      /* and here the first bits */
    uint8_t bits;       /* these come first in the stream */
    uint8_t value_bits; /* and then these */
};

/* What decoding needs beside its input and output: 50 KiB, too much for a stack. */
struct lzfse_memory {
    struct lzfse_head head;
    struct lzfse_state state[LZFSE_STATES]; /* all of the first alphabet's, and so on */
    uint8_t literal[LZFSE_LITERALS_MAX + LZ_WORD_BYTES];
};

/* ---- lzfse-head.c ---- */

/* Parse a header, magic included, at the start of @in. All fields are within the limits above, and
 * what they say is no longer than @left bytes. False: it is broken or cut. */
bool lzfse_head1_parse(const uint8_t *in, size_t left, struct lzfse_head *head);
bool lzfse_head2_parse(const uint8_t *in, size_t left, struct lzfse_head *head);

/* ---- lzfse-tables.c ---- */

/* How many states each alphabet has. */
extern const uint16_t lzfse_states[LZFSE_ALPHABETS];
/* The states of all alphabets by the header's frequencies. False: there are too many or too few. */
bool lzfse_tables_make(struct lzfse_memory *memory);

/* ---- lzfse-block.c ---- */

/* Decode the two parts of the block whose header is in @memory to exactly its limit in @out.
 * Returns 0, -FMT_EIO for anything else. */
int lzfse_block_decode(struct lzfse_memory *memory, const uint8_t *parts, struct lz_output *out);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LZFSE: headers of entropy coded blocks, in both forms; see lzfse-block.h. */
#include "lzfse-block.h"

/* "bvx1": fields of 32 and 16 bits, as they are. */
enum head1_off {
    OFF1_RAW_BYTES = 4,
    OFF1_LITERALS = 12,
    OFF1_TRIPLES = 16,
    OFF1_LITERAL_BYTES = 20,
    OFF1_TRIPLE_BYTES = 24,
    OFF1_LITERAL_PADDING = 28, /* negative */
    OFF1_LITERAL_STATES = 32,
    OFF1_TRIPLE_PADDING = 40,
    OFF1_STATES = 44,
    OFF1_FREQUENCIES = 50,
    HEAD1_BYTES = 772, /* ends with two bytes of padding */
};

/* "bvx2": three numbers of 64 bits full of fields, then coded frequencies, or none. */
enum head2_off {
    OFF2_RAW_BYTES = 4,
    OFF2_FIELDS = 8,
    OFF2_FREQUENCIES = 32,
};

enum {
    COUNT_BITS = 20,
    PADDING_BITS = 3,
    STATE_BITS = 10,
};

static bool is_good(const struct lzfse_head *head, size_t left)
{
    for (size_t i = 0; i < LZFSE_LITERAL; i++) {
        if (head->state[i] >= lzfse_states[i])
            return false;
    }
    for (size_t i = 0; i < LZFSE_LITERAL_STREAMS; i++) {
        if (head->literal_state[i] >= LZFSE_LITERAL_STATES)
            return false;
    }
    /* Literals are filled up to a multiple of four. A block that says little has to be short: what
     * it takes to decode follows from its length and from how much it yields. */
    return head->literals <= LZFSE_LITERALS_MAX && head->triples <= LZFSE_TRIPLES_MAX &&
           head->literals < head->raw_bytes + UINT64_C(4) &&
           head->triples <= head->raw_bytes + UINT64_C(1) &&
           head->literal_part.padding_bits <= LZFSE_PADDING_BITS_MAX &&
           head->triple_part.padding_bits <= LZFSE_PADDING_BITS_MAX &&
           (uint64_t)head->head_bytes + head->literal_part.bytes + head->triple_part.bytes <= left;
}

bool lzfse_head1_parse(const uint8_t *in, size_t left, struct lzfse_head *head)
{
    if (left < HEAD1_BYTES)
        return false;
    *head = (struct lzfse_head){
        .head_bytes = HEAD1_BYTES,
        .raw_bytes = le32_load(in + OFF1_RAW_BYTES),
        .literals = le32_load(in + OFF1_LITERALS),
        .triples = le32_load(in + OFF1_TRIPLES),
        .literal_part = {le32_load(in + OFF1_LITERAL_BYTES), -le32_load(in + OFF1_LITERAL_PADDING)},
        .triple_part = {le32_load(in + OFF1_TRIPLE_BYTES),  -le32_load(in + OFF1_TRIPLE_PADDING) },
    };
    for (size_t i = 0; i < LZFSE_LITERAL_STREAMS; i++)
        head->literal_state[i] = le16_load(in + OFF1_LITERAL_STATES + 2 * i);
    for (size_t i = 0; i < LZFSE_LITERAL; i++)
        head->state[i] = le16_load(in + OFF1_STATES + 2 * i);
    for (size_t i = 0; i < LZFSE_SYMBOLS; i++)
        head->frequency[i] = le16_load(in + OFF1_FREQUENCIES + 2 * i);
    return is_good(head, left);
}

/* ---- bvx2 ---- */

/* The next field, from the lower bits on. */
static uint32_t field_take(uint64_t *fields, unsigned bits)
{
    uint32_t value = (uint32_t)(*fields & ((UINT64_C(1) << bits) - 1));

    *fields >>= bits;
    return value;
}

static void fields_parse(const uint8_t *in, struct lzfse_head *head)
{
    uint64_t fields = le64_load(in);

    head->literals = field_take(&fields, COUNT_BITS);
    head->literal_part.bytes = field_take(&fields, COUNT_BITS);
    head->triples = field_take(&fields, COUNT_BITS);
    head->literal_part.padding_bits = LZFSE_PADDING_BITS_MAX - field_take(&fields, PADDING_BITS);
    fields = le64_load(in + 8);
    for (size_t i = 0; i < LZFSE_LITERAL_STREAMS; i++)
        head->literal_state[i] = (uint16_t)field_take(&fields, STATE_BITS);
    head->triple_part.bytes = field_take(&fields, COUNT_BITS);
    head->triple_part.padding_bits = LZFSE_PADDING_BITS_MAX - field_take(&fields, PADDING_BITS);
    fields = le64_load(in + 16);
    head->head_bytes = field_take(&fields, 32);
    for (size_t i = 0; i < LZFSE_LITERAL; i++)
        head->state[i] = (uint16_t)field_take(&fields, STATE_BITS);
}

/* How a frequency is coded: some lower bits tell the kind, the bits behind them are added. */
static const struct frequency_code {
    uint8_t code, code_bits;
    uint8_t more_bits;
    uint8_t value;
} frequency_codes[] = {
    {0x0, 2, 0,  0 },
    {0x2, 2, 0,  1 },
    {0x1, 3, 0,  2 },
    {0x5, 3, 0,  3 },
    {0x3, 3, 2,  4 },
    {0x7, 4, 4,  8 },
    {0xf, 4, 10, 24},
};

/* Every value of the lower bits is one of the kinds. */
static const struct frequency_code *code_find(uint32_t bits)
{
    const struct frequency_code *code = frequency_codes;

    while ((bits & ((1u << code->code_bits) - 1)) != code->code)
        code++;
    return code;
}

/* All frequencies, which take exactly @bytes bytes. */
static bool frequencies_parse(const uint8_t *in, size_t bytes, uint16_t *frequency)
{
    uint32_t window = 0;
    unsigned window_bits = 0;
    size_t read = 0;

    for (size_t i = 0; i < LZFSE_SYMBOLS; i++) {
        for (; window_bits <= 24 && read < bytes; window_bits += 8)
            window |= (uint32_t)in[read++] << window_bits;
        const struct frequency_code *code = code_find(window);
        unsigned bits = code->code_bits + code->more_bits;
        if (bits > window_bits)
            return false;
        uint32_t more = window >> code->code_bits & ((1u << code->more_bits) - 1);
        frequency[i] = (uint16_t)(code->value + more);
        window >>= bits;
        window_bits -= bits;
    }
    return read == bytes && window_bits < 8;
}

bool lzfse_head2_parse(const uint8_t *in, size_t left, struct lzfse_head *head)
{
    if (left < OFF2_FREQUENCIES)
        return false;
    *head = (struct lzfse_head){.raw_bytes = le32_load(in + OFF2_RAW_BYTES)};
    fields_parse(in + OFF2_FIELDS, head);
    if (head->head_bytes < OFF2_FREQUENCIES || !is_good(head, left))
        return false;
    size_t bytes = head->head_bytes - OFF2_FREQUENCIES;
    return bytes == 0 || frequencies_parse(in + OFF2_FREQUENCIES, bytes, head->frequency);
}

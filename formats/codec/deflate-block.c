/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deflate blocks: Huffman codes, and writing; see deflate-block.h. */
#include "deflate-block.h"

#include <string.h>

enum {
    CODE_BITS_MAX = 15,
    CODE_LENGTHS = 19, /* symbols that describe codes */
    CODE_LENGTH_BITS_MAX = 7,
    END_OF_BLOCK = 256,
    FIXED_LITERALS = 288,
    STORED_BYTES_MAX = 65535,
};

/* A code: for each symbol how many bits, and which, as they are written. */
struct code {
    uint8_t bits[FIXED_LITERALS];
    uint16_t value[FIXED_LITERALS];
};

static void put(struct deflate_bits *out, uint64_t value, unsigned count)
{
    out->bits |= value << out->count;
    out->count += count;
    if (out->count >= 32) {
        uint32_t word = (uint32_t)out->bits;
        __builtin_memcpy(out->at, &word, sizeof(word));
        out->at += sizeof(word);
        out->bits >>= 32;
        out->count -= 32;
    }
}

/* Whether so many more bits fit. */
static bool room(const struct deflate_bits *out, uint64_t bits)
{
    return (out->count + bits + 7) / 8 <= (uint64_t)(out->end - out->at);
}

bool deflate_bits_end(struct deflate_bits *out)
{
    if (!room(out, 0))
        return false;
    for (; out->count > 0; out->count -= out->count < 8 ? out->count : 8) {
        *out->at++ = (uint8_t)out->bits;
        out->bits >>= 8;
    }
    return true;
}

/* Sort by the number of uses: each entry is uses << 9 | symbol. */
static void sort(uint32_t *entry, unsigned count)
{
    static const unsigned gaps[] = {132, 57, 23, 10, 4, 1};

    for (unsigned g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
        for (unsigned i = gaps[g]; i < count; i++) {
            uint32_t moving = entry[i];
            unsigned at = i;
            for (; at >= gaps[g] && entry[at - gaps[g]] > moving; at -= gaps[g])
                entry[at] = entry[at - gaps[g]];
            entry[at] = moving;
        }
    }
}

/* Lengths of a code of least redundancy for @uses, ascending, in their place (Moffat and
 * Katajainen): parents first, then depths, then those of the leaves. */
static void lengths_find(uint32_t *uses, unsigned count)
{
    int n = (int)count, root = 0, leaf = 0, next, open = 1, used = 0, depth = 0;

    for (next = 0; next < n - 1; next++) {
        uint32_t sum = 0;
        for (int k = 0; k < 2; k++) {
            if (leaf >= n || (root < next && uses[root] < uses[leaf])) {
                sum += uses[root];
                uses[root++] = (uint32_t)next;
            } else {
                sum += uses[leaf++];
            }
        }
        uses[next] = sum;
    }
    uses[n - 2] = 0;
    for (next = n - 3; next >= 0; next--)
        uses[next] = uses[uses[next]] + 1;
    root = n - 2;
    next = n - 1;
    while (open > 0) {
        while (root >= 0 && (int)uses[root] == depth) {
            used++;
            root--;
        }
        for (; open > used; open--)
            uses[next--] = (uint32_t)depth;
        open = 2 * used;
        depth++;
        used = 0;
    }
}

/* No length above @most: the rarest symbols that are shorter make room, and the most frequent ones
 * take what is left of it, since a code must be complete. */
static void lengths_limit(uint32_t *length, unsigned count, unsigned most)
{
    uint32_t taken = 0, whole = UINT32_C(1) << most;

    for (unsigned i = 0; i < count; i++) {
        if (length[i] > most)
            length[i] = most;
        taken += whole >> length[i];
    }
    for (unsigned i = 0; taken > whole && i < count;) {
        if (length[i] < most) {
            length[i]++;
            taken -= whole >> length[i];
        } else {
            i++;
        }
    }
    for (unsigned i = count; taken < whole; i = i ? i - 1 : count) {
        if (i > 0 && taken + (whole >> length[i - 1]) <= whole)
            taken += whole >> length[i - 1]--;
    }
}

static void values_set(struct code *code, unsigned symbols)
{
    uint32_t count[CODE_BITS_MAX + 1] = {0}, next[CODE_BITS_MAX + 2] = {0};

    for (unsigned s = 0; s < symbols; s++)
        count[code->bits[s]]++;
    count[0] = 0;
    for (unsigned bits = 1; bits <= CODE_BITS_MAX; bits++)
        next[bits + 1] = (next[bits] + count[bits]) << 1;
    for (unsigned s = 0; s < symbols; s++) {
        uint32_t value = next[code->bits[s]]++, reversed = 0;
        for (unsigned b = 0; b < code->bits[s]; b++)
            reversed |= (value >> b & 1) << (code->bits[s] - 1 - b);
        code->value[s] = (uint16_t)reversed;
    }
}

/* The best code for @uses; there are always two symbols at least. */
static void code_make(struct code *code, const uint32_t *uses, unsigned symbols, unsigned most)
{
    uint32_t entry[FIXED_LITERALS], length[FIXED_LITERALS];
    unsigned count = 0;

    for (unsigned s = 0; s < symbols; s++) {
        if (uses[s])
            entry[count++] = uses[s] << 9 | s;
    }
    for (unsigned s = 0; count < 2; s++) {
        if (!uses[s])
            entry[count++] = 1 << 9 | s;
    }
    sort(entry, count);
    for (unsigned i = 0; i < count; i++)
        length[i] = entry[i] >> 9;
    lengths_find(length, count);
    lengths_limit(length, count, most);
    memset(code->bits, 0, sizeof(code->bits));
    for (unsigned i = 0; i < count; i++)
        code->bits[entry[i] & 511] = (uint8_t)length[i];
    values_set(code, symbols);
}

/* Codes described: symbols of the code lengths' code, with the further bits of each. */
struct description {
    unsigned literals, distances, count;
    uint8_t symbol[DEFLATE_LITERALS + DEFLATE_DISTANCES];
    uint8_t extra[DEFLATE_LITERALS + DEFLATE_DISTANCES];
    uint32_t uses[CODE_LENGTHS];
    struct code code;
    unsigned codes; /* of these that are described themselves */
};

static const uint8_t length_order[CODE_LENGTHS] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                   11, 4,  12, 3, 13, 2, 14, 1, 15};
static const uint8_t extra_bits[CODE_LENGTHS] = {[16] = 2, [17] = 3, [18] = 7};

static void describe_add(struct description *d, unsigned symbol, unsigned extra)
{
    d->symbol[d->count] = (uint8_t)symbol;
    d->extra[d->count++] = (uint8_t)extra;
    d->uses[symbol]++;
}

static unsigned used_symbols(const struct code *code, unsigned symbols, unsigned least)
{
    while (symbols > least && code->bits[symbols - 1] == 0)
        symbols--;
    return symbols;
}

static void describe(struct description *d, const struct code *literals,
                     const struct code *distances)
{
    uint8_t all[DEFLATE_LITERALS + DEFLATE_DISTANCES];

    memset(d, 0, sizeof(*d));
    d->literals = used_symbols(literals, DEFLATE_LITERALS, 257);
    d->distances = used_symbols(distances, DEFLATE_DISTANCES, 1);
    memcpy(all, literals->bits, d->literals);
    memcpy(all + d->literals, distances->bits, d->distances);
    for (unsigned at = 0, end = d->literals + d->distances; at < end;) {
        unsigned run = 1, bits = all[at];
        while (at + run < end && all[at + run] == bits)
            run++;
        at += run;
        if (bits != 0) {
            describe_add(d, bits, 0);
            run--;
        }
        while (run >= 3) {
            unsigned most = bits ? 6 : run > 10 ? 138 : 10, n = run < most ? run : most;
            describe_add(d, bits ? 16 : most == 10 ? 17 : 18, n - (most == 138 ? 11 : 3));
            run -= n;
        }
        for (; run > 0; run--)
            describe_add(d, bits, 0);
    }
    code_make(&d->code, d->uses, CODE_LENGTHS, CODE_LENGTH_BITS_MAX);
    for (d->codes = CODE_LENGTHS; d->codes > 4 && d->code.bits[length_order[d->codes - 1]] == 0;)
        d->codes--;
}

static uint64_t description_bits(const struct description *d)
{
    uint64_t bits = 14 + 3 * d->codes;

    for (unsigned s = 0; s < CODE_LENGTHS; s++)
        bits += d->uses[s] * (uint64_t)(d->code.bits[s] + extra_bits[s]);
    return bits;
}

static void description_write(const struct description *d, struct deflate_bits *out)
{
    put(out, d->literals - 257, 5);
    put(out, d->distances - 1, 5);
    put(out, d->codes - 4, 4);
    for (unsigned i = 0; i < d->codes; i++)
        put(out, d->code.bits[length_order[i]], 3);
    for (unsigned i = 0; i < d->count; i++) {
        put(out, d->code.value[d->symbol[i]], d->code.bits[d->symbol[i]]);
        put(out, d->extra[i], extra_bits[d->symbol[i]]);
    }
}

static void fixed_make(struct code *literals, struct code *distances)
{
    for (unsigned s = 0; s < FIXED_LITERALS; s++)
        literals->bits[s] = s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8;
    values_set(literals, FIXED_LITERALS);
    memset(distances->bits, 5, sizeof(distances->bits));
    values_set(distances, DEFLATE_DISTANCES);
}

static uint64_t tokens_bits(const struct deflate_block *block, const struct code *literals,
                            const struct code *distances)
{
    uint64_t bits = 0;

    for (unsigned s = 0; s < DEFLATE_LITERALS; s++) {
        unsigned extra = s < 265 || s == 285 ? 0 : (s - 261) / 4;
        bits += block->literal_uses[s] * (uint64_t)(literals->bits[s] + extra);
    }
    for (unsigned s = 0; s < DEFLATE_DISTANCES; s++) {
        unsigned extra = s < 4 ? 0 : s / 2 - 1;
        bits += block->distance_uses[s] * (uint64_t)(distances->bits[s] + extra);
    }
    return bits;
}

static void tokens_write(const struct deflate_block *block, const struct code *literals,
                         const struct code *distances, struct deflate_bits *out)
{
    for (uint32_t i = 0; i < block->count; i++) {
        uint32_t token = block->token[i];
        unsigned extra, value, symbol;
        if (!(token & DEFLATE_MATCH)) {
            put(out, literals->value[token], literals->bits[token]);
            continue;
        }
        symbol = deflate_length_symbol(token >> DEFLATE_LENGTH_SHIFT & 511, &extra, &value);
        put(out, literals->value[symbol] | (uint64_t)value << literals->bits[symbol],
            literals->bits[symbol] + extra);
        symbol = deflate_distance_symbol(token & 0xffff, &extra, &value);
        put(out, distances->value[symbol] | (uint64_t)value << distances->bits[symbol],
            distances->bits[symbol] + extra);
    }
    put(out, literals->value[END_OF_BLOCK], literals->bits[END_OF_BLOCK]);
}

/* Bytes as they are, in as many blocks as that takes. */
static bool stored_write(const uint8_t *plain, size_t bytes, bool last, struct deflate_bits *out)
{
    do {
        size_t n = bytes < STORED_BYTES_MAX ? bytes : STORED_BYTES_MAX;
        bytes -= n;
        unsigned head = 3 + -(out->count + 3) % 8; /* up to a whole byte */
        if (!room(out, head + (uint64_t)(4 + n) * 8))
            return false;
        put(out, last && bytes == 0, head);
        put(out, n | (uint64_t)(~n & 0xffff) << 16, 32);
        deflate_bits_end(out);
        memcpy(out->at, plain, n);
        out->at += n;
        plain += n;
    } while (bytes > 0);
    return true;
}

bool deflate_block_write(struct deflate_block *block, const uint8_t *plain, size_t plain_bytes,
                         bool last, struct deflate_bits *out)
{
    struct code literals, distances, fixed_literals, fixed_distances;
    struct description description;
    bool fits;

    block->literal_uses[END_OF_BLOCK] = 1;
    code_make(&literals, block->literal_uses, DEFLATE_LITERALS, CODE_BITS_MAX);
    code_make(&distances, block->distance_uses, DEFLATE_DISTANCES, CODE_BITS_MAX);
    describe(&description, &literals, &distances);
    fixed_make(&fixed_literals, &fixed_distances);
    uint64_t dynamic =
        3 + description_bits(&description) + tokens_bits(block, &literals, &distances);
    uint64_t fixed = 3 + tokens_bits(block, &fixed_literals, &fixed_distances);
    uint64_t best = dynamic < fixed ? dynamic : fixed;
    uint64_t stored = (plain_bytes + (plain_bytes / STORED_BYTES_MAX + 1) * 5) * 8;
    if (stored < best) {
        fits = stored_write(plain, plain_bytes, last, out);
    } else if ((fits = room(out, best))) {
        put(out, last, 1);
        put(out, dynamic < fixed ? 2 : 1, 2);
        if (dynamic < fixed)
            description_write(&description, out);
        if (dynamic < fixed)
            tokens_write(block, &literals, &distances, out);
        else
            tokens_write(block, &fixed_literals, &fixed_distances, out);
    }
    memset(block->literal_uses, 0, sizeof(block->literal_uses));
    memset(block->distance_uses, 0, sizeof(block->distance_uses));
    block->count = 0;
    return fits;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LZFSE: tables of states; see lzfse-block.h. A symbol has as many states as it occurs often, next
 * to each other. A number of S states, a power of two, and a symbol of F of them: each of its
 * states leads to one of S by as few bits as are needed, which are one bit less for the later ones
 * where F is no power of two.
 */
#include "lzfse-block.h"

const uint16_t lzfse_states[LZFSE_ALPHABETS] = {LZFSE_LENGTH_STATES, LZFSE_LENGTH_STATES,
                                                LZFSE_DISTANCE_STATES, LZFSE_LITERAL_STATES};
static const uint16_t symbols[LZFSE_ALPHABETS] = {LZFSE_LENGTH_SYMBOLS, LZFSE_LENGTH_SYMBOLS,
                                                  LZFSE_DISTANCE_SYMBOLS, LZFSE_LITERAL_SYMBOLS};

/* The bits that follow in the stream for each symbol; the symbols' values follow one another
 * without gaps. Literals have none. */
static const uint8_t plain_bits[LZFSE_LENGTH_SYMBOLS] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                                         0, 0, 0, 0, 0, 0, 2, 3, 5, 8};
static const uint8_t match_bits[LZFSE_LENGTH_SYMBOLS] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                                         0, 0, 0, 0, 0, 0, 3, 5, 8, 11};
static const uint8_t distance_bits[LZFSE_DISTANCE_SYMBOLS] = {
    0,  0,  0,  0,  1,  1,  1,  1,  2,  2,  2,  2,  3,  3,  3,  3,  4,  4,  4,  4,  5,  5,
    5,  5,  6,  6,  6,  6,  7,  7,  7,  7,  8,  8,  8,  8,  9,  9,  9,  9,  10, 10, 10, 10,
    11, 11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15};
static const uint8_t *const value_bits[LZFSE_ALPHABETS] = {plain_bits, match_bits, distance_bits,
                                                           NULL};

static unsigned log2_of(unsigned n)
{
    return 31 - (unsigned)__builtin_clz(n);
}

/* The @frequency states of one symbol, which are alike but for where they lead. */
static void symbol_put(struct lzfse_state *state, unsigned states, unsigned frequency,
                       struct lzfse_state like)
{
    unsigned bits = log2_of(states) - log2_of(frequency);
    unsigned longer = (2 * states >> bits) - frequency; /* states with all the bits */

    for (unsigned i = 0; i < frequency; i++) {
        state[i] = like;
        if (i < longer) {
            state[i].bits = (uint8_t)bits;
            state[i].next = (uint16_t)(((frequency + i) << bits) - states);
        } else {
            state[i].bits = (uint8_t)(bits - 1);
            state[i].next = (uint16_t)((i - longer) << (bits - 1));
        }
    }
}

/* All states are given out, or none, for an alphabet that is not used: those are zeroes. */
static bool table_make(struct lzfse_state *state, enum lzfse_alphabet alphabet,
                       const uint16_t *frequency)
{
    unsigned states = lzfse_states[alphabet], used = 0;
    struct lzfse_state like = {0};

    for (size_t i = 0; i < symbols[alphabet]; i++) {
        like.value_bits = value_bits[alphabet] ? value_bits[alphabet][i] : 0;
        if (frequency[i] > states - used)
            return false;
        if (frequency[i] > 0)
            symbol_put(state + used, states, frequency[i], like);
        used += frequency[i];
        like.value += UINT32_C(1) << like.value_bits;
    }
    if (used == 0)
        memset(state, 0, states * sizeof(*state));
    return used == 0 || used == states;
}

bool lzfse_tables_make(struct lzfse_memory *memory)
{
    struct lzfse_state *state = memory->state;
    const uint16_t *frequency = memory->head.frequency;

    for (enum lzfse_alphabet i = 0; i < LZFSE_ALPHABETS; i++) {
        if (!table_make(state, i, frequency))
            return false;
        state += lzfse_states[i];
        frequency += symbols[i];
    }
    return true;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DMG: block tables in the resource fork, or in the property list. */
#include "dmg.h"

/* ---- resource fork ---- */

enum {
    FORK_OFF_LENGTH = 8,
    RESOURCE_BYTES_MAX = 0x7ffffe00, /* what the reference reads at once */
    PIECE_ENTRIES = 1600,
};

static int be32_read(struct fmt_image *image, uint64_t offset, uint32_t *value)
{
    uint8_t bytes[4];

    int r = io_read(image->env, image->device, offset, bytes, sizeof(bytes));
    *value = r < 0 ? 0 : be32_load(bytes);
    return r;
}

/* One resource: a block table, or something else. Its entries are read piece by piece. */
static int resource_read(struct fmt_image *image, struct dmg_state *state, uint64_t offset,
                         uint32_t bytes)
{
    struct fmt_env *env = image->env;
    uint8_t head[DMG_MISH_BYTES];
    struct dmg_mish mish;

    if (bytes > RESOURCE_BYTES_MAX)
        return -FMT_EIO;
    int r = io_read(env, image->device, offset, head, sizeof(head));
    if (r < 0 || !dmg_mish_parse(state, head, bytes, &mish))
        return r;
    uint8_t *piece = fmt_alloc(env, PIECE_ENTRIES * DMG_ENTRY_BYTES);
    if (!piece)
        return -FMT_ENOMEM;
    offset += DMG_MISH_BYTES;
    for (uint32_t done = 0, n; r == 0 && done < mish.entries; done += n) {
        n = (uint32_t)min_u64(mish.entries - done, PIECE_ENTRIES);
        r = io_read(env, image->device, offset + (uint64_t)done * DMG_ENTRY_BYTES, piece,
                    (size_t)n * DMG_ENTRY_BYTES);
        if (r == 0)
            r = dmg_entries_add(image, state, &mish, piece, n);
    }
    return r;
}

int dmg_resource_fork_read(struct fmt_image *image, struct dmg_state *state, uint64_t offset,
                           uint64_t length)
{
    uint32_t data_off, bytes;

    int r = be32_read(image, offset, &data_off);
    if (r == 0 && data_off > length)
        r = -FMT_EINVAL;
    if (r == 0)
        r = be32_read(image, offset + FORK_OFF_LENGTH, &bytes);
    if (r == 0 && (bytes == 0 || data_off + bytes > length)) /* a sum of 32 bits */
        r = -FMT_EINVAL;
    if (r < 0)
        return r;
    uint64_t at = offset + data_off, end = at + bytes;
    while (r == 0 && at < end) {
        r = be32_read(image, at, &bytes);
        if (r == 0 && (bytes == 0 || bytes > end - at))
            r = -FMT_EINVAL;
        at += 4;
        if (r == 0)
            r = resource_read(image, state, at, bytes);
        at += bytes;
    }
    return r;
}

/* ---- property list ---- */

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '/')
        return c == '+' ? 62 : 63;
    return c == '=' ? 0 : -1;
}

/* Decode in place: anything that is no digit is passed over, an unfinished group is dropped. */
static size_t base64_decode(uint8_t *text, size_t length)
{
    uint8_t last[2] = {0, 0};
    unsigned digits = 0;
    uint32_t group = 0;
    size_t out = 0;

    for (size_t i = 0; i < length; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0)
            continue;
        last[1] = last[0];
        last[0] = text[i];
        group = group << 6 | (uint32_t)digit;
        if (++digits < 4)
            continue;
        text[out++] = (uint8_t)(group >> 16);
        if (last[1] != '=')
            text[out++] = (uint8_t)(group >> 8);
        if (last[0] != '=')
            text[out++] = (uint8_t)group;
        digits = 0;
    }
    return out;
}

/* Where @word begins in [text, end), or NULL. */
static uint8_t *word_find(uint8_t *text, const uint8_t *end, const char *word)
{
    size_t length = strlen(word);

    while ((size_t)(end - text) >= length) {
        uint8_t *first = memchr(text, word[0], (size_t)(end - text) - length + 1);
        if (!first)
            return NULL;
        if (memcmp(first, word, length) == 0)
            return first;
        text = first + 1;
    }
    return NULL;
}

/* Each <data> element is a block table, or something else. */
static int elements_read(struct fmt_image *image, struct dmg_state *state, uint8_t *text,
                         const uint8_t *end)
{
    int r = 0;

    while (r == 0 && (text = word_find(text, end, "<data>")) != NULL) {
        struct dmg_mish mish;
        text += strlen("<data>");
        uint8_t *behind = word_find(text, end, "</data>");
        if (!behind)
            return -FMT_EINVAL;
        size_t bytes = base64_decode(text, (size_t)(behind - text));
        if (bytes >= DMG_MISH_BYTES && dmg_mish_parse(state, text, bytes, &mish))
            r = dmg_entries_add(image, state, &mish, text + DMG_MISH_BYTES, mish.entries);
        text = behind + 1;
    }
    return r;
}

int dmg_plist_read(struct fmt_image *image, struct dmg_state *state, uint64_t offset,
                   uint64_t length)
{
    struct fmt_env *env = image->env;

    if (length > DMG_PLIST_MAX_BYTES)
        return -FMT_EINVAL;
    uint8_t *text = fmt_arena_buffer(env->arena, length, 1);
    if (!text)
        return fmt_fail(env, FMT_ENOMEM, FMT_ERR_NOMEM);
    if (io_read(env, image->device, offset, text, (size_t)length) < 0)
        return -FMT_EINVAL;
    const uint8_t *nul = memchr(text, '\0', (size_t)length);
    return elements_read(image, state, text, nul ? nul : text + length);
}

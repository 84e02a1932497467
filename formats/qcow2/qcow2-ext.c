/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: header extensions. */
#include "qcow2.h"

enum {
    EXT_HEAD_BYTES = 8,
    EXT_ALIGN_BYTES = 8,
    CRYPTO_EXT_BYTES = 16,
    BITMAPS_EXT_BYTES = 24,
    FEATURE_BYTES = 48, /* type, bit, name */
    FEATURE_NAME_BYTES = 46,
    FEATURE_INCOMPATIBLE = 0,
};

/* One extension: where its data lies, and how long it is. */
struct extension {
    uint32_t magic;
    uint32_t bytes;
    uint64_t off;
};

static struct fmt_bytes until_nul(const char *text, size_t length)
{
    const char *end = length ? memchr(text, '\0', length) : NULL;
    return (struct fmt_bytes){text, end ? (size_t)(end - text) : length};
}

/* The extension's data as text, which ends at the first NUL. */
static int text_read(struct fmt_image *image, const struct extension *ext, struct fmt_bytes *text)
{
    char *data = fmt_alloc(image->env, (uint64_t)ext->bytes + 1);

    if (!data)
        return -FMT_ENOMEM;
    int r = io_read(image->env, image->device, ext->off, data, ext->bytes);
    if (r == 0)
        *text = until_nul(data, ext->bytes);
    return r;
}

static int backing_format_read(struct fmt_image *image, const struct extension *ext)
{
    if (ext->bytes > QCOW2_BACKING_FORMAT_BYTES_MAX)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_QCOW2_EXT_FORMAT_LONG, FMT_NUM(ext->bytes),
                        FMT_NUM(QCOW2_BACKING_FORMAT_BYTES_MAX + 1));
    int r = text_read(image, ext, &image->facts.backing_format);
    return r < 0 ? fmt_fail(image->env, -r, FMT_ERR_QCOW2_EXT_FORMAT_READ, FMT_NUM(-r)) : 0;
}

static int data_file_read(struct fmt_image *image, const struct extension *ext)
{
    struct qcow2_state *state = image->state;

    int r = text_read(image, ext, &state->data_file_name);
    return r < 0 ? fmt_fail(image->env, -r, FMT_ERR_QCOW2_EXT_DATA_FILE_READ, FMT_NUM(-r)) : 0;
}

static int crypto_read(struct fmt_image *image, const struct extension *ext)
{
    struct qcow2_state *state = image->state;
    struct fmt_env *env = image->env;
    uint8_t bytes[CRYPTO_EXT_BYTES];

    if (state->header.crypt_method != QCOW2_CRYPT_LUKS)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_EXT_CRYPTO_METHOD);
    if (ext->bytes != CRYPTO_EXT_BYTES)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_EXT_CRYPTO_SIZE, FMT_NUM(ext->bytes),
                        FMT_NUM(CRYPTO_EXT_BYTES));
    int r = io_read(env, image->device, ext->off, bytes, sizeof(bytes));
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_QCOW2_EXT_CRYPTO_READ, FMT_NUM(-r));
    state->crypto_off = be64_load(bytes);
    state->crypto_bytes = be64_load(bytes + 8);
    if (state->crypto_off % state->cluster_bytes != 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_EXT_CRYPTO_OFFSET,
                        FMT_NUM(state->crypto_off), FMT_NUM(state->cluster_bytes));
    return qcow2_luks_open(image);
}

/* Bitmaps that another program did not keep up to date are ignored. */
static void bitmaps_warn(const struct fmt_image *image)
{
    const struct qcow2_state *state = image->state;

    if (state->header.version < 3)
        fmt_message(image->env, FMT_MESSAGE_WARNING, FMT_ERR_QCOW2_BITMAPS_V2);
    else
        fmt_message(image->env, FMT_MESSAGE_WARNING, FMT_ERR_QCOW2_BITMAPS_STALE);
    fmt_message(image->env, FMT_MESSAGE_FRAGMENT, FMT_ERR_QCOW2_BITMAPS_LEAKED);
}

static int bitmaps_check(struct fmt_env *env, const struct qcow2_state *state, uint32_t reserved)
{
    if (reserved != 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_EXT_BITMAPS_RESERVED);
    if (state->bitmap_count > QCOW2_BITMAPS_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_EXT_BITMAPS_MANY,
                        FMT_NUM(state->bitmap_count), FMT_NUM(QCOW2_BITMAPS_MAX));
    if (state->bitmap_count == 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_EXT_BITMAPS_NONE);
    if (state->bitmap_directory_off % state->cluster_bytes != 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_EXT_BITMAPS_OFFSET);
    if (state->bitmap_directory_bytes > QCOW2_BITMAP_DIRECTORY_BYTES_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_EXT_BITMAPS_SIZE,
                        FMT_NUM(state->bitmap_directory_bytes),
                        FMT_NUM(QCOW2_BITMAP_DIRECTORY_BYTES_MAX));
    return 0;
}

static int bitmaps_read(struct fmt_image *image, const struct extension *ext)
{
    struct qcow2_state *state = image->state;
    struct fmt_env *env = image->env;
    uint8_t bytes[BITMAPS_EXT_BYTES];

    if (ext->bytes != BITMAPS_EXT_BYTES)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_EXT_BITMAPS_LENGTH);
    if (!(state->header.autoclear & QCOW2_BITMAPS_VALID)) {
        bitmaps_warn(image);
        state->bitmaps_stale = true;
        return 0;
    }
    int r = io_read(env, image->device, ext->off, bytes, sizeof(bytes));
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_QCOW2_EXT_BITMAPS_READ, FMT_NUM(-r));
    state->bitmap_count = be32_load(bytes);
    state->bitmap_directory_bytes = be64_load(bytes + 8);
    state->bitmap_directory_off = be64_load(bytes + 16);
    r = bitmaps_check(env, state, be32_load(bytes + 4));
    if (r < 0)
        state->bitmap_count = 0;
    return r;
}

static int extension_read(struct fmt_image *image, const struct extension *ext)
{
    switch (ext->magic) {
    case QCOW2_EXT_BACKING_FORMAT:
        return backing_format_read(image, ext);
    case QCOW2_EXT_CRYPTO:
        return crypto_read(image, ext);
    case QCOW2_EXT_BITMAPS:
        return bitmaps_read(image, ext);
    case QCOW2_EXT_DATA_FILE:
        return data_file_read(image, ext);
    default: /* others do not matter to a reader */
        return 0;
    }
}

/* The extension at *@at, which moves behind it. Returns 1, 0 at the end, or a negative errno. */
static int extension_next(struct fmt_image *image, uint64_t *at, struct extension *ext)
{
    const struct qcow2_state *state = image->state;
    uint64_t end = state->extensions_end_off;
    uint8_t head[EXT_HEAD_BYTES];

    if (*at >= end)
        return 0;
    int r = io_read(image->env, image->device, *at, head, sizeof(head));
    if (r < 0)
        return fmt_fail(image->env, -r, FMT_ERR_QCOW2_EXT_READ, FMT_NUM(*at), FMT_NUM(-r));
    *ext = (struct extension){be32_load(head), be32_load(head + 4), *at + EXT_HEAD_BYTES};
    if (ext->off > end || ext->bytes > end - ext->off)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_QCOW2_EXT_LARGE);
    *at = ext->off + round_up_u64(ext->bytes, EXT_ALIGN_BYTES);
    return ext->magic != QCOW2_EXT_END;
}

int qcow2_extensions_read(struct fmt_image *image)
{
    const struct qcow2_state *state = image->state;
    uint64_t at = state->header.header_bytes;
    struct extension ext;
    int r;

    while ((r = extension_next(image, &at, &ext)) > 0) {
        r = extension_read(image, &ext);
        if (r < 0)
            break;
    }
    return r < 0 ? -FMT_EINVAL : 0;
}

/* The table of feature names as the extensions before a fault give it; empty if there is none. */
static struct fmt_bytes feature_names_find(struct fmt_image *image)
{
    const struct qcow2_state *state = image->state;
    struct fmt_bytes names = {NULL, 0};
    uint64_t at = state->header.header_bytes;
    struct extension ext;

    while (extension_next(image, &at, &ext) > 0) {
        if (ext.magic != QCOW2_EXT_FEATURE_NAMES) {
            if (extension_read(image, &ext) < 0)
                break;
            continue;
        }
        char *data = fmt_alloc(image->env, ext.bytes);
        if (!data || io_read(image->env, image->device, ext.off, data, ext.bytes) < 0)
            break;
        names = (struct fmt_bytes){data, ext.bytes};
    }
    fmt_error_clear(image->env->error);
    return names;
}

/* A text that grows up to its room. */
struct text {
    char *data;
    size_t used, room;
};

static void text_add(struct text *text, struct fmt_bytes bytes)
{
    size_t length = (size_t)min_u64(bytes.length, text->room - text->used);

    if (length)
        memcpy(text->data + text->used, bytes.data, length);
    text->used += length;
}

static void text_add_hex(struct text *text, uint64_t number)
{
    char digits[16];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[number & 15];
        number >>= 4;
    } while (number);
    text_add(text, (struct fmt_bytes){digits + at, sizeof(digits) - at});
}

int qcow2_features_refuse(struct fmt_image *image, uint64_t unknown)
{
    enum { TEXT_ROOM = 64 * (FEATURE_NAME_BYTES + 2) };
    struct fmt_bytes names = feature_names_find(image);
    char data[TEXT_ROOM];
    struct text text = {data, 0, sizeof(data)};

    for (size_t at = 0; at + FEATURE_BYTES <= round_up_u64(names.length, FEATURE_BYTES) && unknown;
         at += FEATURE_BYTES) {
        uint8_t feature[FEATURE_BYTES] = {0}; /* the last one may be cut short */
        memcpy(feature, names.data + at, (size_t)min_u64(FEATURE_BYTES, names.length - at));
        uint64_t bit = UINT64_C(1) << (feature[1] & 63);
        if (feature[2] == '\0')
            break;
        if (feature[0] != FEATURE_INCOMPATIBLE || !(unknown & bit))
            continue;
        if (text.used)
            text_add(&text, fmt_bytes_of(", "));
        text_add(&text, until_nul((const char *)feature + 2, FEATURE_NAME_BYTES));
        unknown &= ~bit;
    }
    if (unknown) {
        if (text.used)
            text_add(&text, fmt_bytes_of(", "));
        text_add(&text, fmt_bytes_of("Unknown incompatible feature: "));
        text_add_hex(&text, unknown);
    }
    return fmt_fail(image->env, FMT_ENOTSUP, FMT_ERR_QCOW2_FEATURES,
                    FMT_STR(((struct fmt_bytes){data, text.used})));
}

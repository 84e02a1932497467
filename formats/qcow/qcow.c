/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow: recognising an image and reading its header. */
#include "qcow.h"

#include "crypto/secret.h"

enum { CLUSTER_BITS_MIN = 9, CLUSTER_BITS_MAX = 16, L2_ENTRY_BITS = 3 };

static unsigned qcow_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)filename;
    if (length < QCOW_HEADER_BYTES || be32_load(head) != QCOW_MAGIC ||
        be32_load(head + 4) != QCOW_VERSION)
        return 0;
    return FMT_PROBE_MAX;
}

static void header_parse(const uint8_t *bytes, struct qcow_header *header)
{
    *header = (struct qcow_header){
        .magic = be32_load(bytes),
        .version = be32_load(bytes + 4),
        .backing_off = be64_load(bytes + 8),
        .backing_bytes = be32_load(bytes + 16),
        .disk_bytes = be64_load(bytes + 24),
        .cluster_bits = bytes[32],
        .l2_bits = bytes[33],
        .crypt = be32_load(bytes + 36),
        .l1_off = be64_load(bytes + 40),
    };
}

static int header_check(struct fmt_env *env, const struct qcow_header *h)
{
    if (h->magic != QCOW_MAGIC)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_MAGIC);
    if (h->version != QCOW_VERSION) {
        if (h->version == 2 || h->version == 3)
            fmt_fail(env, FMT_ENOTSUP, FMT_ERR_QCOW_TRY_QCOW2);
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_QCOW_VERSION, FMT_NUM(h->version));
    }
    if (h->disk_bytes <= 1)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_TOO_SMALL);
    if (h->cluster_bits < CLUSTER_BITS_MIN || h->cluster_bits > CLUSTER_BITS_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_CLUSTER_SIZE);
    if (h->l2_bits < CLUSTER_BITS_MIN - L2_ENTRY_BITS ||
        h->l2_bits > CLUSTER_BITS_MAX - L2_ENTRY_BITS)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_TABLE_SIZE);
    return 0;
}

/* Encryption is by sectors of the disk, wherever their clusters lie. */
static int volume_init(struct fmt_image *image)
{
    struct qcow_state *state = image->state;
    struct fmt_bytes passphrase;

    int r = crypto_secret_find(image->env, image->options, "encrypt.", &passphrase);
    if (r < 0)
        return r;
    state->volume = fmt_alloc(image->env, sizeof(*state->volume));
    if (!state->volume)
        return -FMT_ENOMEM;
    crypto_volume_init_aes(state->volume, passphrase);
    return 0;
}

/* What the header says of encryption against what the node's options say. */
static int encryption_check(struct fmt_image *image, const struct qcow_header *h)
{
    struct fmt_bytes format = fmt_option_text(image->options, "encrypt.format");
    struct fmt_env *env = image->env;

    if (h->crypt == QCOW_CRYPT_NONE && format.length)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_NO_ENCRYPTION, FMT_STR(format));
    if (h->crypt == QCOW_CRYPT_AES && format.length && !fmt_bytes_equal(format, "aes"))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_OTHER_ENCRYPTION, FMT_STR(format));
    if (h->crypt > QCOW_CRYPT_AES)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_ENCRYPTION_METHOD);
    if (h->crypt == QCOW_CRYPT_NONE || (image->flags & FMT_OPEN_NO_DATA))
        return 0;
    return volume_init(image);
}

/* The number of L1 entries, and whether the table can be read at all. */
static int tables_init(struct fmt_image *image, struct qcow_state *state)
{
    const struct qcow_header *h = &state->header;
    struct fmt_env *env = image->env;
    unsigned shift = h->cluster_bits + h->l2_bits;

    state->cluster_bytes = UINT32_C(1) << h->cluster_bits;
    state->l2_entries = UINT32_C(1) << h->l2_bits;
    if (h->disk_bytes > UINT64_MAX - (UINT64_C(1) << shift))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_TOO_LARGE);
    state->l1_entries = (h->disk_bytes + (UINT64_C(1) << shift) - 1) >> shift;
    if (state->l1_entries > INT32_MAX / sizeof(uint64_t))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_TOO_LARGE);
    if (!io_range_ok(h->l1_off, state->l1_entries * sizeof(uint64_t)))
        return -FMT_EIO;
    fmt_cache_init(&state->tables, env, image->device, QCOW_CACHE_PAGES);
    return 0;
}

static int backing_read(struct fmt_image *image, const struct qcow_header *h)
{
    struct fmt_env *env = image->env;

    if (h->backing_off == 0)
        return 0;
    if (h->backing_bytes > QCOW_BACKING_BYTES_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_BACKING_TOO_LONG);
    char *name = fmt_alloc(env, h->backing_bytes + 1);
    if (!name)
        return -FMT_ENOMEM;
    int r = io_read(env, image->device, h->backing_off, name, h->backing_bytes);
    image->facts.backing_name = fmt_bytes_of(name);
    image->facts.backing_present = name[0] != '\0';
    return r;
}

static int qcow_open(struct fmt_image *image)
{
    struct qcow_state *state = fmt_alloc(image->env, sizeof(*state));
    uint8_t bytes[QCOW_HEADER_BYTES];

    if (!state)
        return -FMT_ENOMEM;
    image->state = state;
    int r = io_read(image->env, image->device, 0, bytes, sizeof(bytes));
    if (r < 0)
        return r;
    header_parse(bytes, &state->header);
    r = header_check(image->env, &state->header);
    if (r == 0)
        r = encryption_check(image, &state->header);
    if (r == 0)
        r = tables_init(image, state);
    if (r == 0)
        r = backing_read(image, &state->header);
    if (r < 0)
        return r;
    image->facts.virtual_bytes = state->header.disk_bytes / FMT_SECTOR_BYTES * FMT_SECTOR_BYTES;
    image->facts.cluster_bytes = state->cluster_bytes;
    image->facts.encrypted = state->header.crypt == QCOW_CRYPT_AES;
    return 0;
}

const struct fmt_driver fmt_qcow_driver = {
    .name = "qcow",
    .probe = qcow_probe,
    .open = qcow_open,
    .info = fmt_info_nothing,
    .create_check = qcow_create_check,
    .create = qcow_create,
    .map = qcow_map,
    .read = qcow_read,
    .allocate = qcow_allocate,
    .encrypt = qcow_encrypt,
    .write = qcow_write,
    .write_zeroes = qcow_write_zeroes,
    .write_compressed = qcow_write_compressed,
    .finish = qcow_finish,
    .tells_writes = true,
    .supports_backing = true,
    .map_by_unit = true,
};

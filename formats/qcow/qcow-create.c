/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow: new images. */
#include "crypto/options.h"
#include "crypto/secret.h"
#include "qcow.h"

/* Clusters of one sector over a backing file: then nothing unmodified is ever copied. */
enum {
    CLUSTER_BITS = 12,
    L2_BITS = 9,
    CLUSTER_BITS_BACKED = 9,
    L2_BITS_BACKED = 12,
};

int qcow_create_check(struct fmt_env *env, const struct fmt_create *create)
{
    return crypto_format_check(env, create->options);
}

/* The passphrase must be there, though creating does not need it. */
static int crypt_set(struct fmt_env *env, const struct fmt_create *create, struct qcow_header *h)
{
    struct fmt_bytes passphrase;

    h->crypt = QCOW_CRYPT_AES;
    return crypto_secret_find(env, create->options, "encrypt.", &passphrase);
}

/* The L1 table, in whole sectors. The reference keeps the number of its entries in a signed int. */
static int l1_bytes_choose(struct fmt_env *env, uint64_t disk_bytes, unsigned shift,
                           uint64_t *bytes)
{
    int32_t entries = (int32_t)((disk_bytes + (UINT64_C(1) << shift) - 1) >> shift);

    if (entries < 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_TOO_LARGE);
    *bytes = round_up_u64((uint64_t)entries * sizeof(uint64_t), FMT_SECTOR_BYTES);
    return 0;
}

static int image_write(struct fmt_env *env, const struct fmt_create *create,
                       const struct qcow_header *h, uint64_t l1_bytes)
{
    uint8_t bytes[QCOW_HEADER_BYTES] = {0};

    be32_store(bytes, QCOW_MAGIC);
    be32_store(bytes + 4, QCOW_VERSION);
    be64_store(bytes + 8, h->backing_off);
    be32_store(bytes + 16, h->backing_bytes);
    be64_store(bytes + 24, h->disk_bytes);
    bytes[32] = h->cluster_bits;
    bytes[33] = h->l2_bits;
    be32_store(bytes + 36, h->crypt);
    be64_store(bytes + 40, h->l1_off);
    int r = 0;
    if (h->backing_bytes)
        r = io_write(env, create->device, h->backing_off, create->backing_name.data,
                     h->backing_bytes);
    if (r == 0 && l1_bytes)
        r = io_zero(env, create->device, h->l1_off, l1_bytes, false);
    if (r == 0)
        r = io_write(env, create->device, 0, bytes, sizeof(bytes));
    return r;
}

int qcow_create(struct fmt_env *env, const struct fmt_create *create)
{
    struct qcow_header h = {.disk_bytes = round_up_u64(create->virtual_bytes, FMT_SECTOR_BYTES)};
    /* A name that stands for the virtual FAT disk is not recorded. */
    bool recorded = create->backing_present && !fmt_bytes_equal(create->backing_name, "fat:");
    uint64_t header_bytes = QCOW_HEADER_BYTES, l1_bytes = 0;
    struct fmt_bytes format;

    int r = crypto_format_read(env, create->options, &format);

    if (r < 0)
        return r;
    if (h.disk_bytes == 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_ZERO_SIZE);
    if (fmt_bytes_equal(format, "luks"))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW_CREATE_ENCRYPTION);
    if (recorded) {
        h.backing_off = QCOW_HEADER_BYTES;
        h.backing_bytes = (uint32_t)create->backing_name.length;
        header_bytes += h.backing_bytes;
    }
    h.cluster_bits = create->backing_present ? CLUSTER_BITS_BACKED : CLUSTER_BITS;
    h.l2_bits = create->backing_present ? L2_BITS_BACKED : L2_BITS;
    h.l1_off = round_up_u64(header_bytes, sizeof(uint64_t));
    r = l1_bytes_choose(env, h.disk_bytes, h.cluster_bits + h.l2_bits, &l1_bytes);
    if (r == 0 && format.length)
        r = crypt_set(env, create, &h);
    if (r < 0)
        return r;
    r = image_write(env, create, &h, l1_bytes);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_CREATE, FMT_NUM(-r)) : 0;
}

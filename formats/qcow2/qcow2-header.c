/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: recognising an image, its header and what follows from it. */
#include "qcow2.h"

unsigned qcow2_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)filename;
    return length >= QCOW2_HEADER_V3_BYTES && be32_load(head) == QCOW2_MAGIC &&
                   be32_load(head + 4) >= 2
               ? FMT_PROBE_MAX
               : 0;
}

static void header_parse(const uint8_t *bytes, struct qcow2_header *header)
{
    *header = (struct qcow2_header){
        .magic = be32_load(bytes),
        .version = be32_load(bytes + 4),
        .backing_off = be64_load(bytes + 8),
        .backing_bytes = be32_load(bytes + 16),
        .cluster_bits = be32_load(bytes + 20),
        .disk_bytes = be64_load(bytes + 24),
        .crypt_method = be32_load(bytes + 32),
        .l1_entries = be32_load(bytes + 36),
        .l1_off = be64_load(bytes + 40),
        .refcount_table_off = be64_load(bytes + 48),
        .refcount_table_clusters = be32_load(bytes + 56),
        .snapshot_count = be32_load(bytes + 60),
        .snapshots_off = be64_load(bytes + 64),
        .refcount_order = QCOW2_REFCOUNT_ORDER_DEFAULT,
        .header_bytes = QCOW2_HEADER_V2_BYTES,
    };
    if (header->version < 3)
        return;
    header->incompatible = be64_load(bytes + 72);
    header->compatible = be64_load(bytes + 80);
    header->autoclear = be64_load(bytes + 88);
    header->refcount_order = be32_load(bytes + 96);
    header->header_bytes = be32_load(bytes + 100);
    if (header->header_bytes > QCOW2_COMPRESSION_OFF)
        header->compression = bytes[QCOW2_COMPRESSION_OFF];
}

void qcow2_geometry_set(struct qcow2_state *state)
{
    const struct qcow2_header *h = &state->header;
    struct qcow2_refcounts *refcounts = &state->refcounts;
    bool extended = h->incompatible & QCOW2_EXTENDED_L2;

    state->cluster_bytes = UINT64_C(1) << h->cluster_bits;
    state->l2_entry_bytes = extended ? 16 : 8;
    state->l2_bits = h->cluster_bits - (extended ? 4 : 3);
    refcounts->order = h->refcount_order;
    refcounts->block_bits = h->cluster_bits + 3 - h->refcount_order;
    refcounts->count_max = UINT64_MAX >> (64 - (1u << h->refcount_order));
    refcounts->table_off = h->refcount_table_off;
    refcounts->table_entries = (uint64_t)h->refcount_table_clusters << (h->cluster_bits - 3);
}

uint64_t qcow2_l1_entries_for(const struct qcow2_state *state, uint64_t disk_bytes)
{
    unsigned shift = state->header.cluster_bits + state->l2_bits;
    return (disk_bytes + (UINT64_C(1) << shift) - 1) >> shift;
}

static int identity_check(struct fmt_env *env, const struct qcow2_header *h)
{
    if (h->magic != QCOW2_MAGIC)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_MAGIC);
    if (h->version < 2 || h->version > 3)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_QCOW2_VERSION, FMT_NUM(h->version));
    if (h->cluster_bits < QCOW2_CLUSTER_BITS_MIN || h->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CLUSTER_SIZE, FMT_NUM(h->cluster_bits));
    if (h->version == 3 && h->header_bytes < QCOW2_HEADER_V3_MIN_BYTES)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_HEADER_SHORT);
    if (h->header_bytes > 1u << h->cluster_bits)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_HEADER_LONG);
    if (h->backing_off > 1u << h->cluster_bits)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BACKING_OFFSET);
    return 0;
}

static int compression_check(struct fmt_env *env, const struct qcow2_header *h)
{
    bool flagged = h->incompatible & QCOW2_COMPRESSION_TYPE;

    if (h->compression > QCOW2_ZSTD)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_QCOW2_COMPRESSION, FMT_NUM(h->compression));
    if (h->compression == QCOW2_ZLIB && flagged)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_COMPRESSION_BIT_SET);
    if (h->compression != QCOW2_ZLIB && !flagged)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_COMPRESSION_BIT_UNSET);
    return 0;
}

static int features_check(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    const struct qcow2_header *h = &state->header;
    struct fmt_env *env = image->env;

    if (h->incompatible & ~QCOW2_INCOMPATIBLE_KNOWN)
        return qcow2_features_refuse(image, h->incompatible & ~QCOW2_INCOMPATIBLE_KNOWN);
    if (h->incompatible & QCOW2_CORRUPT && image->flags & FMT_OPEN_WRITABLE &&
        !(image->flags & FMT_OPEN_CHECK))
        return fmt_fail(env, FMT_EACCES, FMT_ERR_QCOW2_CORRUPT);
    uint64_t subcluster_bytes = UINT64_C(1) << h->cluster_bits;
    if (h->incompatible & QCOW2_EXTENDED_L2)
        subcluster_bytes /= QCOW2_SUBCLUSTERS;
    if (subcluster_bytes < 1u << QCOW2_CLUSTER_BITS_MIN)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_SUBCLUSTER_SIZE, FMT_NUM(subcluster_bytes));
    if (h->refcount_order > QCOW2_REFCOUNT_ORDER_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_REFCOUNT_WIDTH);
    image->facts.encrypted = h->crypt_method != QCOW2_CRYPT_NONE;
    qcow2_geometry_set(state);
    return 0;
}

/* One of the tables that the header names: not too long, aligned, without overflow. */
struct table_rule {
    uint64_t off, entries, entry_bytes, bytes_max;
    enum fmt_error_code too_large, bad_offset;
};

static int table_check(struct fmt_image *image, const struct table_rule *rule)
{
    const struct qcow2_state *state = image->state;

    if (rule->entries > rule->bytes_max / rule->entry_bytes)
        return fmt_fail(image->env, FMT_EFBIG, rule->too_large);
    if (rule->off > INT64_MAX - rule->entries * rule->entry_bytes ||
        rule->off % state->cluster_bytes != 0)
        return fmt_fail(image->env, FMT_EINVAL, rule->bad_offset);
    return 0;
}

static int tables_check(struct fmt_image *image)
{
    enum { SNAPSHOT_HEAD_BYTES = 40 };
    const struct qcow2_state *state = image->state;
    const struct qcow2_header *h = &state->header;
    struct fmt_env *env = image->env;
    bool check = image->flags & FMT_OPEN_CHECK;
    const struct table_rule refcounts = {
        h->refcount_table_off,          h->refcount_table_clusters,  state->cluster_bytes,
        QCOW2_REFCOUNT_TABLE_BYTES_MAX, FMT_ERR_QCOW2_REFTABLE_SIZE, FMT_ERR_QCOW2_REFTABLE_OFFSET};
    const struct table_rule snapshots = {h->snapshots_off,
                                         h->snapshot_count,
                                         SNAPSHOT_HEAD_BYTES,
                                         (uint64_t)SNAPSHOT_HEAD_BYTES * QCOW2_SNAPSHOTS_MAX,
                                         FMT_ERR_QCOW2_SNAPSHOTS_SIZE,
                                         FMT_ERR_QCOW2_SNAPSHOTS_OFFSET};
    const struct table_rule l1 = {
        h->l1_off,          h->l1_entries,         QCOW2_ENTRY_BYTES,
        QCOW2_L1_BYTES_MAX, FMT_ERR_QCOW2_L1_SIZE, FMT_ERR_QCOW2_L1_OFFSET};

    if (h->refcount_table_clusters == 0 && !check)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_NO_REFTABLE);
    int r = table_check(image, &refcounts);
    if (r == 0 && !check)
        r = table_check(image, &snapshots);
    if (r == 0)
        r = table_check(image, &l1);
    if (r < 0)
        return r;
    uint64_t wanted = qcow2_l1_entries_for(state, h->disk_bytes);
    if (wanted > INT32_MAX)
        return fmt_fail(env, FMT_EFBIG, FMT_ERR_QCOW2_TOO_BIG);
    if (h->l1_entries < wanted)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_L1_SHORT);
    /* The table itself is read when it is needed; that it can be is said here. */
    if (h->l1_entries && !io_range_ok(h->l1_off, (uint64_t)h->l1_entries * QCOW2_ENTRY_BYTES))
        return fmt_fail(env, FMT_EIO, FMT_ERR_QCOW2_READ_L1, FMT_NUM(FMT_EIO));
    return 0;
}

int qcow2_header_open(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    struct qcow2_header *h = &state->header;
    uint8_t bytes[QCOW2_HEADER_V3_BYTES];

    int r = io_read(image->env, image->device, 0, bytes, sizeof(bytes));
    if (r < 0)
        return fmt_fail(image->env, -r, FMT_ERR_QCOW2_READ_HEADER, FMT_NUM(-r));
    header_parse(bytes, h);
    r = identity_check(image->env, h);
    if (r < 0)
        return r;
    state->cluster_bytes = UINT64_C(1) << h->cluster_bits; /* refusing a feature reads extensions */
    state->extensions_end_off = h->backing_off ? h->backing_off : state->cluster_bytes;
    r = compression_check(image->env, h);
    if (r == 0)
        r = features_check(image);
    if (r == 0)
        r = tables_check(image);
    image->facts.virtual_bytes = h->disk_bytes / FMT_SECTOR_BYTES * FMT_SECTOR_BYTES;
    image->facts.cluster_bytes = state->cluster_bytes;
    image->facts.dirty = h->incompatible & QCOW2_DIRTY;
    return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QED: new images. */
#include "common/newfile.h"
#include "qed.h"

static int sizes_check(struct fmt_env *env, uint64_t cluster_bytes, uint64_t table_clusters,
                       uint64_t disk_bytes)
{
    if (!qed_cluster_size_ok(cluster_bytes))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QED_CREATE_CLUSTER, FMT_NUM(QED_CLUSTER_BYTES_MIN),
                        FMT_NUM(QED_CLUSTER_BYTES_MAX));
    if (!qed_table_size_ok(table_clusters))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QED_CREATE_TABLE, FMT_NUM(QED_TABLE_CLUSTERS_MIN),
                        FMT_NUM(QED_TABLE_CLUSTERS_MAX));
    uint64_t most = qed_disk_bytes_max((uint32_t)cluster_bytes, (uint32_t)table_clusters);
    if (disk_bytes > most)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QED_CREATE_SIZE, FMT_NUM(most));
    return 0;
}

/* What the reference refuses before it looks at sizes. */
static int options_check(struct fmt_env *env, const struct fmt_create *create,
                         uint64_t table_clusters)
{
    if (create->backing_format_unknown)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_BAD_ENUM, FMT_TXT("backing-fmt"),
                        FMT_STR(create->backing_format));
    if (table_clusters > INT64_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_NOT_INTEGER, FMT_TXT("table-size"));
    return 0;
}

static int image_write(struct fmt_env *env, const struct fmt_create *create,
                       const struct qed_header *h)
{
    uint64_t table_bytes = (uint64_t)h->cluster_bytes * h->table_clusters;
    uint8_t bytes[QED_HEADER_BYTES];
    struct fmt_device facts;

    /* The file's length tells what is allocated: a new image begins with an empty file. Devices of
     * no length, as /dev/null, pass for one. */
    int r = io_facts(env, create->device, &facts);
    if (r == 0 && facts.block_device && facts.size_bytes > 0)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_RESIZE_DEVICE);
    if (r == 0)
        r = io_truncate(env, create->device, 0, FMT_PREALLOC_OFF);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_RESIZE_FILE, FMT_NUM(-r));
    qed_header_store(h, bytes);
    if (h->backing_bytes)
        r = io_write(env, create->device, h->backing_off, create->backing_name.data,
                     h->backing_bytes);
    if (r == 0)
        r = io_zero(env, create->device, h->l1_off, table_bytes, false);
    if (r == 0)
        r = io_write(env, create->device, 0, bytes, sizeof(bytes));
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_CREATE, FMT_NUM(-r)) : 0;
}

int qed_create(struct fmt_env *env, const struct fmt_create *create)
{
    uint64_t cluster_bytes =
        fmt_option_number(create->options, "cluster_size", QED_CLUSTER_BYTES_DEFAULT);
    uint64_t table_clusters =
        fmt_option_number(create->options, "table_size", QED_TABLE_CLUSTERS_DEFAULT);
    uint64_t disk_bytes = round_up_u64(create->virtual_bytes, FMT_SECTOR_BYTES);

    int r = options_check(env, create, table_clusters);
    if (r == 0)
        r = sizes_check(env, cluster_bytes, table_clusters, disk_bytes);
    if (r < 0)
        return r;
    struct qed_header h = {
        .magic = QED_MAGIC,
        .cluster_bytes = (uint32_t)cluster_bytes,
        .table_clusters = (uint32_t)table_clusters,
        .header_clusters = 1,
        .l1_off = cluster_bytes,
        .disk_bytes = disk_bytes,
    };
    if (create->backing_present) {
        h.features = QED_F_BACKING_FILE;
        h.backing_off = QED_HEADER_BYTES;
        h.backing_bytes = (uint32_t)create->backing_name.length;
        if (fmt_bytes_equal(create->backing_format, "raw"))
            h.features |= QED_F_BACKING_FORMAT_NO_PROBE;
    }
    return image_write(env, create, &h);
}

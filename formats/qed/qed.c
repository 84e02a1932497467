/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QED: recognising an image, reading and writing its header. */
#include "qed.h"

#include "common/mapread.h"

static unsigned qed_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)filename;
    return length >= QED_HEADER_BYTES && le32_load(head) == QED_MAGIC ? FMT_PROBE_MAX : 0;
}

static void header_parse(const uint8_t *bytes, struct qed_header *header)
{
    *header = (struct qed_header){
        .magic = le32_load(bytes),
        .cluster_bytes = le32_load(bytes + 4),
        .table_clusters = le32_load(bytes + 8),
        .header_clusters = le32_load(bytes + 12),
        .features = le64_load(bytes + 16),
        .compat_features = le64_load(bytes + 24),
        .autoclear_features = le64_load(bytes + 32),
        .l1_off = le64_load(bytes + 40),
        .disk_bytes = le64_load(bytes + 48),
        .backing_off = le32_load(bytes + 56),
        .backing_bytes = le32_load(bytes + 60),
    };
}

void qed_header_store(const struct qed_header *header, uint8_t *bytes)
{
    le32_store(bytes, header->magic);
    le32_store(bytes + 4, header->cluster_bytes);
    le32_store(bytes + 8, header->table_clusters);
    le32_store(bytes + 12, header->header_clusters);
    le64_store(bytes + 16, header->features);
    le64_store(bytes + 24, header->compat_features);
    le64_store(bytes + 32, header->autoclear_features);
    le64_store(bytes + 40, header->l1_off);
    le64_store(bytes + 48, header->disk_bytes);
    le32_store(bytes + 56, header->backing_off);
    le32_store(bytes + 60, header->backing_bytes);
}

int qed_header_write(struct fmt_image *image)
{
    const struct qed_state *state = image->state;
    uint8_t bytes[QED_HEADER_BYTES];

    qed_header_store(&state->header, bytes);
    return io_write(image->env, image->device, 0, bytes, sizeof(bytes));
}

static bool in_range(uint64_t n, uint64_t least, uint64_t most)
{
    return n >= least && n <= most && is_power_of_two(n);
}

bool qed_cluster_size_ok(uint64_t cluster_bytes)
{
    return in_range(cluster_bytes, QED_CLUSTER_BYTES_MIN, QED_CLUSTER_BYTES_MAX);
}

bool qed_table_size_ok(uint64_t table_clusters)
{
    return in_range(table_clusters, QED_TABLE_CLUSTERS_MIN, QED_TABLE_CLUSTERS_MAX);
}

uint64_t qed_disk_bytes_max(uint32_t cluster_bytes, uint32_t table_clusters)
{
    uint64_t entries = (uint64_t)cluster_bytes * table_clusters / sizeof(uint64_t);
    return entries * cluster_bytes * entries;
}

bool qed_cluster_off_ok(const struct qed_state *state, uint64_t offset)
{
    const struct qed_header *h = &state->header;

    if (offset % h->cluster_bytes != 0)
        return false;
    return offset >= (uint64_t)h->header_clusters * h->cluster_bytes && offset < state->file_bytes;
}

bool qed_table_off_ok(const struct qed_state *state, uint64_t offset)
{
    const struct qed_header *h = &state->header;
    uint64_t last = offset + (uint64_t)(h->table_clusters - 1) * h->cluster_bytes;

    /* The reference's overflow check refuses tables of a single cluster as well. */
    return last > offset && qed_cluster_off_ok(state, offset) && qed_cluster_off_ok(state, last);
}

static int header_check(struct fmt_image *image, struct qed_state *state)
{
    const struct qed_header *h = &state->header;
    struct fmt_env *env = image->env;
    uint64_t file_bytes;

    if (h->magic != QED_MAGIC)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QED_MAGIC);
    if (h->features & ~QED_FEATURES)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_QED_FEATURES,
                        FMT_NUM(h->features & ~QED_FEATURES));
    if (!qed_cluster_size_ok(h->cluster_bytes))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QED_CLUSTER_SIZE);
    int r = io_sector_bytes(env, image->device, &file_bytes);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_QED_FILE_SIZE);
    state->file_bytes = file_bytes - file_bytes % h->cluster_bytes;
    if (!qed_table_size_ok(h->table_clusters))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QED_TABLE_SIZE);
    if (h->disk_bytes % FMT_SECTOR_BYTES != 0 ||
        h->disk_bytes > qed_disk_bytes_max(h->cluster_bytes, h->table_clusters))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QED_IMAGE_SIZE);
    if (!qed_table_off_ok(state, h->l1_off))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QED_TABLE_OFFSET);
    if (h->header_clusters > UINT32_MAX / h->cluster_bytes)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QED_HEADER_SIZE);
    state->table_entries = h->cluster_bytes / 8 * h->table_clusters;
    return 0;
}

static int backing_read(struct fmt_image *image, const struct qed_header *h)
{
    struct fmt_facts *facts = &image->facts;
    struct fmt_env *env = image->env;

    if (!(h->features & QED_F_BACKING_FILE))
        return 0;
    if ((uint64_t)h->backing_off + h->backing_bytes >
        (uint64_t)h->cluster_bytes * h->header_clusters)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QED_BACKING_OFFSET);
    if (h->backing_bytes > QED_BACKING_BYTES_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QED_READ_BACKING);
    char *name = fmt_alloc(env, h->backing_bytes + 1);
    if (!name)
        return -FMT_ENOMEM;
    int r = io_read(env, image->device, h->backing_off, name, h->backing_bytes);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_QED_READ_BACKING);
    facts->backing_name = fmt_bytes_of(name);
    facts->backing_present = name[0] != '\0';
    if (h->features & QED_F_BACKING_FORMAT_NO_PROBE)
        facts->backing_format = fmt_bytes_of("raw");
    return 0;
}

/* What changes of a file that is opened for writing begin with. */
static int writable_open(struct fmt_image *image)
{
    struct qed_state *state = image->state;
    struct qed_header *h = &state->header;
    struct fmt_env *env = image->env;
    struct fmt_check check = {0};
    int r = 0;

    /* Features that programs unaware of them must forget, such as this one. */
    if (h->autoclear_features) {
        h->autoclear_features = 0;
        r = qed_header_write(image);
        if (r < 0)
            return fmt_fail(env, -r, FMT_ERR_QED_UPDATE_HEADER);
    }
    if (!(h->features & QED_F_NEED_CHECK) || image->flags & FMT_OPEN_CHECK)
        return 0;
    r = qed_check(image, &check, FMT_FIX_LEAKS | FMT_FIX_ERRORS);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_QED_CORRUPTED) : 0;
}

static int qed_open(struct fmt_image *image)
{
    struct qed_state *state = fmt_alloc(image->env, sizeof(*state));
    struct fmt_env *env = image->env;
    uint8_t bytes[QED_HEADER_BYTES];

    if (!state)
        return -FMT_ENOMEM;
    int r = io_read(env, image->device, 0, bytes, sizeof(bytes));
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_QED_READ_HEADER);
    header_parse(bytes, &state->header);
    r = header_check(image, state);
    if (r == 0)
        r = backing_read(image, &state->header);
    if (r < 0)
        return r;
    fmt_cache_init(&state->tables, env, image->device, QED_CACHE_PAGES);
    image->state = state;
    image->facts.virtual_bytes = state->header.disk_bytes;
    image->facts.cluster_bytes = state->header.cluster_bytes;
    return image->flags & FMT_OPEN_WRITABLE ? writable_open(image) : 0;
}

const struct fmt_driver fmt_qed_driver = {
    .name = "qed",
    .probe = qed_probe,
    .open = qed_open,
    .info = fmt_info_nothing,
    .create = qed_create,
    .map = qed_map,
    .read = fmt_mapped_read,
    .check = qed_check,
    .allocate = qed_allocate,
    .write = fmt_allocated_write,
    .write_zeroes = qed_write_zeroes,
    .finish = qed_finish,
    .tells_writes = true,
    .supports_backing = true,
};

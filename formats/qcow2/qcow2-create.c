/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: new images. The layout is the reference's: header, refcount table, first refcount block,
 * L1 table, and what preallocation adds. The header is written last.
 */
#include "common/newfile.h"
#include "qcow2-crypt.h"
#include "qcow2-header-write.h"
#include "qcow2-prealloc.h"

/* The header with its extensions, whose only texts without an own limit are names of files. */
enum { HEAD_BYTES = 4096, NAME_BYTES_MAX = 1024 };

struct plan {
    const struct fmt_create *create;
    struct qcow2_file file;
    struct qcow2_state state;
    struct qcow2_header_texts texts;
    struct qcow2_crypt_plan crypt;
    enum qcow2_prealloc prealloc;
    uint64_t cluster_bytes;
    uint64_t refcount_bits;
    size_t head_bytes; /* of the header's cluster, beyond which it holds zeroes */
    bool is_device;
};

/* Words that options take, with the names that the reference's errors give the options. */
struct word_option {
    const char *name, *error_name;
    const char *const *words;
};

static const char *const version_words[] = {"0.10", "v2", "1.1", "v3", NULL};
static const char *const prealloc_words[] = {"off", "metadata", "falloc", "full", NULL};
static const char *const compression_words[] = {"zlib", "zstd", NULL};

static int word_read(struct plan *plan, const struct word_option *option, int fallback, int *value)
{
    const struct fmt_options *options = plan->create->options;

    *value = fmt_option_enum(options, option->name, option->words, fallback);
    if (*value >= 0)
        return 0;
    return fmt_fail(plan->file.env, FMT_EINVAL, FMT_ERR_BAD_ENUM, FMT_TXT(option->error_name),
                    FMT_STR(fmt_option_text(options, option->name)));
}

static int options_read(struct plan *plan)
{
    static const struct word_option version = {"compat", "version", version_words};
    static const struct word_option prealloc = {"preallocation", "preallocation", prealloc_words};
    static const struct word_option compression = {"compression_type", "compression-type",
                                                   compression_words};
    const struct fmt_options *options = plan->create->options;
    struct qcow2_header *h = &plan->state.header;
    int version_word, prealloc_word = 0, compression_word = 0;

    int r = word_read(plan, &version, 2, &version_word);
    if (r == 0 && plan->create->backing_format_unknown)
        r = fmt_fail(plan->file.env, FMT_EINVAL, FMT_ERR_BAD_ENUM, FMT_TXT("backing-fmt"),
                     FMT_STR(plan->create->backing_format));
    if (r == 0)
        r = qcow2_crypt_plan_read(plan->file.env, plan->create, &plan->crypt);
    if (r == 0)
        r = word_read(plan, &prealloc, QCOW2_PREALLOC_OFF, &prealloc_word);
    if (r == 0)
        r = word_read(plan, &compression, QCOW2_ZLIB, &compression_word);
    if (r < 0)
        return r;
    h->version = version_word < 2 ? 2 : 3;
    h->compression = (uint8_t)compression_word;
    h->disk_bytes = round_up_u64(plan->create->virtual_bytes, FMT_SECTOR_BYTES);
    plan->prealloc = (enum qcow2_prealloc)prealloc_word;
    int level_max = h->compression == QCOW2_ZSTD ? QCOW2_ZSTD_LEVEL_MAX : QCOW2_ZLIB_LEVEL_MAX;
    uint64_t level = fmt_option_number(options, "compression_level", 1);
    if (level < 1 || level > (uint64_t)level_max)
        return fmt_fail(plan->file.env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_LEVEL, FMT_NUM(level_max));
    plan->cluster_bytes = fmt_option_number(options, "cluster_size", QCOW2_CLUSTER_BYTES_DEFAULT);
    plan->refcount_bits =
        fmt_option_number(options, "refcount_bits", 1u << QCOW2_REFCOUNT_ORDER_DEFAULT);
    if (fmt_option_bool(options, "extended_l2", false))
        h->incompatible |= QCOW2_EXTENDED_L2;
    if (fmt_option_bool(options, "lazy_refcounts", false))
        h->compatible |= QCOW2_LAZY_REFCOUNTS;
    if (fmt_option_bool(options, "data_file_raw", false))
        h->autoclear |= QCOW2_DATA_FILE_RAW;
    if (h->compression != QCOW2_ZLIB)
        h->incompatible |= QCOW2_COMPRESSION_TYPE;
    if (plan->texts.data_file.length)
        h->incompatible |= QCOW2_DATA_FILE;
    return 0;
}

static int clusters_check(struct plan *plan)
{
    struct qcow2_header *h = &plan->state.header;
    struct fmt_env *env = plan->file.env;
    bool extended = h->incompatible & QCOW2_EXTENDED_L2;
    uint64_t subcluster_min = UINT64_C(1) << QCOW2_CLUSTER_BITS_MIN;

    if (extended && h->version < 3)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_L2_VERSION);
    if (plan->cluster_bytes < 1u << QCOW2_CLUSTER_BITS_MIN ||
        plan->cluster_bytes > 1u << QCOW2_CLUSTER_BITS_MAX || !is_power_of_two(plan->cluster_bytes))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_CLUSTER,
                        FMT_NUM(1u << QCOW2_CLUSTER_BITS_MIN),
                        FMT_NUM(1u << (QCOW2_CLUSTER_BITS_MAX - 10)));
    if (extended && plan->cluster_bytes < subcluster_min * QCOW2_SUBCLUSTERS)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_L2_CLUSTER,
                        FMT_NUM(subcluster_min * QCOW2_SUBCLUSTERS));
    h->cluster_bits = (uint32_t)__builtin_ctzll(plan->cluster_bytes);
    return 0;
}

static int counts_check(struct plan *plan)
{
    struct qcow2_header *h = &plan->state.header;
    struct fmt_env *env = plan->file.env;

    if (h->version < 3 && h->compatible & QCOW2_LAZY_REFCOUNTS)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_LAZY);
    if (plan->refcount_bits > 64 || !is_power_of_two(plan->refcount_bits))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_WIDTH);
    h->refcount_order = (uint32_t)__builtin_ctzll(plan->refcount_bits);
    if (h->version < 3 && h->refcount_order != QCOW2_REFCOUNT_ORDER_DEFAULT)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_WIDTH_VERSION);
    return 0;
}

static int files_check(struct plan *plan)
{
    const struct qcow2_header *h = &plan->state.header;
    struct fmt_env *env = plan->file.env;
    bool raw = h->autoclear & QCOW2_DATA_FILE_RAW;

    if (raw && !plan->texts.data_file.length)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_RAW_NO_FILE);
    if (raw && plan->create->backing_present)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_RAW_BACKING);
    /* A raw data file must be complete, so each cluster has its place from the start. */
    if (raw && plan->prealloc == QCOW2_PREALLOC_OFF)
        plan->prealloc = QCOW2_PREALLOC_METADATA;
    if (plan->texts.data_file.length && h->version < 3)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_FILE_VERSION);
    if (h->compression != QCOW2_ZLIB && h->version < 3)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_COMPRESSION);
    return 0;
}

static int plan_check(struct plan *plan)
{
    const struct fmt_create *create = plan->create;
    struct fmt_env *env = plan->file.env;
    bool extended = plan->state.header.incompatible & QCOW2_EXTENDED_L2;

    int r = clusters_check(plan);
    if (r < 0)
        return r;
    if (create->backing_present && plan->prealloc != QCOW2_PREALLOC_OFF && !extended)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_PREALLOC_BACKING);
    if (create->backing_format.length && !create->backing_present)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_FORMAT_ONLY);
    r = counts_check(plan);
    return r < 0 ? r : files_check(plan);
}

/* A device may be full, or hold an older image, which ends here. */
static int device_begin(struct plan *plan)
{
    struct fmt_env *env = plan->file.env;
    struct fmt_device facts;
    int r = io_facts(env, plan->file.device, &facts);

    plan->is_device = r == 0 && facts.block_device;
    if (plan->is_device)
        r = newfile_zeroes_write(env, plan->file.device, 0, plan->cluster_bytes);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_QCOW2_CREATE_WRITE_HEADER, FMT_NUM(-r)) : 0;
}

/* A device that does not keep what is written to it, as /dev/null, is no image. */
static int device_end(struct plan *plan)
{
    struct fmt_env *env = plan->file.env;
    uint8_t magic[4];

    if (!plan->is_device)
        return 0;
    int r = io_read(env, plan->file.device, 0, magic, sizeof(magic));
    return r < 0 || be32_load(magic) != QCOW2_MAGIC ? fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_MAGIC)
                                                    : 0;
}

/* The empty image: header, one cluster of refcount table, one refcount block. */
static int image_begin(struct plan *plan)
{
    struct qcow2_state *state = &plan->state;
    struct qcow2_refcounts *refcounts = &state->refcounts;
    struct fmt_env *env = plan->file.env;
    uint64_t first_off;

    state->header.refcount_table_off = plan->cluster_bytes;
    state->header.refcount_table_clusters = 1;
    qcow2_geometry_set(state);
    refcounts->table = fmt_alloc(env, refcounts->table_entries * sizeof(*refcounts->table));
    if (!refcounts->table)
        return -FMT_ENOMEM;
    refcounts->table[0] = 2 * plan->cluster_bytes;
    refcounts->table_used = 1;
    refcounts->table_zeroed = true;
    fmt_cache_init(&state->tables, env, plan->file.device, QCOW2_CACHE_PAGES);
    state->tables.zero_off = 0;
    int r = device_begin(plan);
    if (r < 0)
        return r;
    r = newfile_zeroes_write(env, plan->file.device, plan->cluster_bytes, 2 * plan->cluster_bytes);
    if (r == 0)
        r = qcow2_clusters_take(&plan->file, 3 * plan->cluster_bytes, &first_off);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_QCOW2_CREATE_HEADER_CLUSTERS, FMT_NUM(-r)) : 0;
}

static int l1_make(struct plan *plan)
{
    struct qcow2_state *state = &plan->state;
    struct qcow2_header *h = &state->header;
    uint64_t entries = qcow2_l1_entries_for(state, h->disk_bytes);
    uint64_t bytes = entries * QCOW2_ENTRY_BYTES;
    int r = 0;

    if (entries > QCOW2_L1_BYTES_MAX / QCOW2_ENTRY_BYTES)
        r = -FMT_EFBIG;
    if (entries == 0)
        return 0;
    if (r == 0)
        r = qcow2_clusters_take(&plan->file, bytes, &h->l1_off);
    h->l1_entries = (uint32_t)entries;
    /* Not by way of the cache: the file may end with the table's last entry. */
    if (r == 0)
        r = newfile_zeroes_write(plan->file.env, plan->file.device, h->l1_off, bytes);
    if (r < 0)
        return fmt_fail(plan->file.env, -r, FMT_ERR_QCOW2_GROW_L1, FMT_NUM(-r));
    return 0;
}

/* The disk gets its size, and the data file, too. */
static int image_resize(struct plan *plan)
{
    const struct qcow2_state *state = &plan->state;
    struct fmt_env *env = plan->file.env;
    uint64_t bytes = state->header.disk_bytes;
    int r = 0;

    if (bytes > INT64_MAX)
        r = fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_SIZE_NEGATIVE);
    else if (bytes > FMT_OFFSET_MAX)
        r = fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_SIZE_MAXIMUM, FMT_NUM(bytes),
                     FMT_NUM(FMT_OFFSET_MAX));
    else
        r = l1_make(plan);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_QCOW2_RESIZE_IMAGE);
    if (plan->prealloc != QCOW2_PREALLOC_OFF)
        r = qcow2_preallocate(&plan->file, plan->prealloc);
    else if (state->has_data_file)
        r = io_truncate(env, state->data_device, bytes, FMT_PREALLOC_OFF);
    if (r < 0 && env->error->frames == 0)
        fmt_fail(env, -r, FMT_ERR_RESIZE_FILE, FMT_NUM(-r));
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_QCOW2_RESIZE_IMAGE) : 0;
}

/* The header's texts in its cluster, with the errors of each. */
static int header_make(struct plan *plan, uint8_t *cluster)
{
    const struct fmt_create *create = plan->create;
    struct qcow2_header_texts texts = {.data_file = plan->texts.data_file};
    struct fmt_env *env = plan->file.env;
    int r = qcow2_header_layout(&plan->state, &texts, cluster);

    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_QCOW2_CREATE_UPDATE_HEADER, FMT_NUM(-r));
    if (!create->backing_present)
        return 0;
    memset(cluster, 0, plan->head_bytes);
    r = create->backing_name.length > QCOW2_BACKING_BYTES_MAX
            ? -FMT_EINVAL
            : qcow2_header_layout(&plan->state, &plan->texts, cluster);
    if (r == 0)
        return 0;
    struct fmt_bytes format = create->backing_format;
    return fmt_fail(env, -r, FMT_ERR_QCOW2_CREATE_BACKING, FMT_STR(create->backing_name),
                    FMT_STR(format.length ? format : fmt_bytes_of("(null)")), FMT_NUM(-r));
}

static void refcount_table_set(struct plan *plan)
{
    struct qcow2_state *state = &plan->state;

    state->header.refcount_table_off = state->refcounts.table_off;
    state->header.refcount_table_clusters =
        (uint32_t)(state->refcounts.table_entries * QCOW2_ENTRY_BYTES / plan->cluster_bytes);
}

/* The encryption comes last, and makes the header longer. */
static int crypt_make(struct plan *plan, uint8_t *cluster)
{
    struct qcow2_state *state = &plan->state;

    if (plan->crypt.method == QCOW2_CRYPT_NONE)
        return 0;
    int r = qcow2_crypt_make(&plan->file, plan->create, &plan->crypt);
    if (r < 0)
        return r;
    memset(cluster, 0, plan->head_bytes);
    refcount_table_set(plan);
    r = qcow2_header_layout(state, &plan->texts, cluster);
    return r < 0 ? fmt_fail(plan->file.env, -r, FMT_ERR_LUKS_WRITE, FMT_NUM(-r)) : 0;
}

/* Of a cluster of zeroes only what is used is written, as the last thing. */
static int header_write(struct plan *plan, const uint8_t *cluster)
{
    struct fmt_env *env = plan->file.env;
    uint64_t rest = plan->cluster_bytes - plan->head_bytes;
    int r = newfile_zeroes_write(env, plan->file.device, plan->head_bytes, rest);

    if (r == 0)
        r = io_write(env, plan->file.device, 0, cluster, plan->head_bytes);
    return r == 0 ? io_flush(env, plan->file.device) : r;
}

static int image_finish(struct plan *plan)
{
    struct fmt_env *env = plan->file.env;
    uint8_t *cluster = fmt_alloc(env, plan->cluster_bytes);

    plan->head_bytes = (size_t)plan->cluster_bytes;
    if (plan->texts.data_file.length <= NAME_BYTES_MAX)
        plan->head_bytes = (size_t)min_u64(HEAD_BYTES, plan->cluster_bytes);
    if (!cluster)
        return -FMT_ENOMEM;
    refcount_table_set(plan);
    int r = header_make(plan, cluster);
    if (r == 0)
        r = crypt_make(plan, cluster);
    if (r < 0)
        return r;
    r = qcow2_refcounts_flush(&plan->file);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_QCOW2_CREATE_WRITE_REFCOUNTS, FMT_NUM(-r));
    r = header_write(plan, cluster);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_QCOW2_CREATE_WRITE_HEADER, FMT_NUM(-r));
    return device_end(plan);
}

static int data_file_make(struct plan *plan)
{
    struct fmt_env *env = plan->file.env;
    struct fmt_ref ref = {.kind = FMT_REF_TARGET,
                          .device = UINT32_MAX,
                          .name = plan->texts.data_file,
                          .writable = true,
                          .truncate = true};

    plan->state.data_device = plan->file.device;
    if (!fmt_option_find(plan->create->options, "data_file"))
        return 0;
    plan->state.has_data_file = true;
    int r = env->io->open(env->io_ctx, &ref, &plan->state.data_device);
    return r < 0 ? fmt_fail(env, -r, FMT_ERR_REFERENCE) : 0;
}

int qcow2_create(struct fmt_env *env, const struct fmt_create *create)
{
    struct plan plan = {
        .create = create,
        .file = {env,                                      create->device, &plan.state},
        .texts = { .backing_name = create->backing_name,
                 .backing_format = create->backing_format,
                 .data_file = fmt_option_text(create->options,            "data_file")},
    };

    int r = data_file_make(&plan);
    if (r == 0)
        r = options_read(&plan);
    if (r == 0)
        r = plan_check(&plan);
    if (r == 0)
        r = image_begin(&plan);
    if (r == 0)
        r = image_resize(&plan);
    if (r == 0)
        r = image_finish(&plan);
    /* Whoever opens the image now opens its data file, too. */
    if (r == 0 && plan.state.has_data_file)
        r = env->io->close(env->io_ctx, plan.state.data_device);
    return r;
}

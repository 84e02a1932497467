/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: how large the file of a new image would be. */
#include "crypto/luks.h"
#include "crypto/secret.h"
#include "qcow2-refcount.h"

enum prealloc { PREALLOC_OFF, PREALLOC_METADATA, PREALLOC_FALLOC, PREALLOC_FULL };

struct plan {
    struct fmt_env *env;
    const struct fmt_options *options;
    struct qcow2_state state; /* its geometry */
    enum prealloc prealloc;
};

static int cluster_read(struct plan *plan)
{
    struct qcow2_header *h = &plan->state.header;
    struct fmt_env *env = plan->env;
    uint64_t least = 1u << QCOW2_CLUSTER_BITS_MIN, most = 1u << QCOW2_CLUSTER_BITS_MAX;
    uint64_t bytes = fmt_option_number(plan->options, "cluster_size", QCOW2_CLUSTER_BYTES_DEFAULT);

    if (bytes < least || bytes > most || !is_power_of_two(bytes))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_CLUSTER, FMT_NUM(least),
                        FMT_NUM(most >> 10));
    if (fmt_option_bool(plan->options, "extended_l2", false))
        h->incompatible |= QCOW2_EXTENDED_L2;
    if (h->incompatible & QCOW2_EXTENDED_L2 && bytes < least * QCOW2_SUBCLUSTERS)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_L2_CLUSTER,
                        FMT_NUM(least * QCOW2_SUBCLUSTERS));
    h->cluster_bits = (uint32_t)__builtin_ctzll(bytes);
    return 0;
}

/* Fewer names are taken here than by create. */
static int version_read(struct plan *plan)
{
    const struct fmt_option *compat = fmt_option_find(plan->options, "compat");
    bool is_old = compat && fmt_bytes_equal(compat->text, "0.10");

    if (compat && !is_old && !fmt_bytes_equal(compat->text, "1.1"))
        return fmt_fail(plan->env, FMT_EINVAL, FMT_ERR_QCOW2_MEASURE_COMPAT, FMT_STR(compat->text));
    plan->state.header.version = is_old ? 2 : 3;
    return 0;
}

static int counts_read(struct plan *plan)
{
    struct qcow2_header *h = &plan->state.header;
    uint64_t bits =
        fmt_option_number(plan->options, "refcount_bits", 1u << QCOW2_REFCOUNT_ORDER_DEFAULT);

    if (bits > 64 || !is_power_of_two(bits))
        return fmt_fail(plan->env, FMT_EINVAL, FMT_ERR_QCOW2_CREATE_WIDTH);
    h->refcount_order = (uint32_t)__builtin_ctzll(bits);
    if (h->version < 3 && h->refcount_order != QCOW2_REFCOUNT_ORDER_DEFAULT)
        return fmt_fail(plan->env, FMT_EINVAL, FMT_ERR_QCOW2_MEASURE_WIDTH_VERSION);
    return 0;
}

static int prealloc_read(struct plan *plan)
{
    static const char *const words[] = {"off", "metadata", "falloc", "full", NULL};
    int prealloc = fmt_option_enum(plan->options, "preallocation", words, PREALLOC_OFF);

    if (prealloc < 0)
        return fmt_fail(plan->env, FMT_EINVAL, FMT_ERR_BAD_VALUE,
                        FMT_STR(fmt_option_text(plan->options, "preallocation")));
    plan->prealloc = (enum prealloc)prealloc;
    return 0;
}

/* Bytes of the encryption header, in whole clusters. */
static int crypto_bytes(const struct plan *plan, uint64_t *bytes)
{
    static const char prefix[] = "encrypt.";
    const struct fmt_option *format = fmt_option_find(plan->options, "encrypt.format");
    struct fmt_bytes passphrase;
    struct luks_plan luks;

    *bytes = 0;
    if (!format || !fmt_bytes_equal(format->text, "luks"))
        return 0;
    int r = luks_plan_read(plan->env, plan->options, prefix, &luks);
    if (r == 0)
        r = crypto_secret_find(plan->env, plan->options, prefix, &passphrase);
    if (r == 0)
        r = luks_plan_check(plan->env, &luks);
    if (r == 0)
        *bytes = round_up_u64(luks_area_bytes(&luks), plan->state.cluster_bytes);
    return r;
}

/* Everything that a disk of @disk_bytes, in whole clusters, has besides its data. */
static uint64_t metadata_bytes(const struct qcow2_state *state, uint64_t disk_bytes)
{
    uint64_t cluster = state->cluster_bytes, per_table = cluster / QCOW2_ENTRY_BYTES;
    uint64_t l2_tables = div_up_u64(disk_bytes / cluster, UINT64_C(1) << state->l2_bits);
    uint64_t l1_clusters = div_up_u64(l2_tables, per_table);
    uint64_t clusters = 1 + l2_tables + l1_clusters;
    uint64_t blocks = qcow2_refcount_blocks_for(state, clusters + disk_bytes / cluster, true);

    return (clusters + blocks + div_up_u64(blocks, per_table)) * cluster;
}

/* Bitmaps that the source has are taken along; as if all of their bits were stored. */
static void bitmaps_count(const struct plan *plan, struct fmt_measure *measure)
{
    enum { DIRECTORY_ENTRY_BYTES = 24, DIRECTORY_ALIGN_BYTES = 8 };
    const struct fmt_image *source = measure->source;
    uint64_t cluster = plan->state.cluster_bytes, directory_bytes = 0;

    measure->has_bitmaps =
        plan->state.header.version >= 3 && source && source->facts.bitmaps_persist;
    if (!measure->has_bitmaps || source->driver->measure != qcow2_measure)
        return; /* those of other formats do not count as persistent */
    const struct qcow2_state *state = source->state;
    for (uint32_t i = 0; i < state->bitmap_count; i++) {
        const struct qcow2_bitmap *bitmap = &state->bitmap[i];
        uint64_t bits =
            div_up_u64(fmt_measure_bytes(measure), UINT64_C(1) << bitmap->granularity_bits);
        uint64_t clusters = div_up_u64(div_up_u64(bits, 8), cluster);
        measure->bitmaps_bytes +=
            clusters * cluster + round_up_u64(clusters * QCOW2_ENTRY_BYTES, cluster);
        directory_bytes +=
            round_up_u64(DIRECTORY_ENTRY_BYTES + bitmap->name.length, DIRECTORY_ALIGN_BYTES);
    }
    measure->bitmaps_bytes += round_up_u64(directory_bytes, cluster);
}

static int plan_read(struct plan *plan, uint64_t *luks_bytes)
{
    int r = cluster_read(plan);

    if (r == 0)
        r = version_read(plan);
    if (r == 0)
        r = counts_read(plan);
    if (r == 0)
        r = prealloc_read(plan);
    if (r < 0)
        return r;
    qcow2_geometry_set(&plan->state);
    return crypto_bytes(plan, luks_bytes);
}

/* Bytes of the data that must have a place in the new file. */
static int required_find(const struct plan *plan, struct fmt_measure *measure, uint64_t disk_bytes,
                         uint64_t *bytes)
{
    /* Over a backing file it is not known what the two have in common: perhaps nothing. */
    bool backed = fmt_option_find(plan->options, "backing_file");
    bool full = plan->prealloc == PREALLOC_FALLOC || plan->prealloc == PREALLOC_FULL;
    int r = 0;

    *bytes = 0;
    if (measure->source && !backed)
        r = measure->allocated(measure->ctx, plan->state.cluster_bytes, bytes);
    if ((measure->source && backed) || full)
        *bytes = disk_bytes;
    return r;
}

int qcow2_measure(struct fmt_env *env, struct fmt_measure *measure)
{
    struct plan plan = {.env = env, .options = measure->options};
    uint64_t luks_bytes, required;

    int r = plan_read(&plan, &luks_bytes);
    if (r < 0)
        return r;
    const struct qcow2_state *state = &plan.state;
    uint64_t asked = round_up_u64(measure->virtual_bytes, state->cluster_bytes);
    if (div_up_u64(asked >> state->header.cluster_bits, UINT64_C(1) << state->l2_bits) >
        QCOW2_L1_BYTES_MAX / QCOW2_ENTRY_BYTES)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_MEASURE_TOO_LARGE);
    uint64_t disk_bytes = round_up_u64(fmt_measure_bytes(measure), state->cluster_bytes);
    r = required_find(&plan, measure, disk_bytes, &required);
    if (r < 0)
        return r;
    uint64_t besides = luks_bytes + metadata_bytes(state, disk_bytes);
    /* Metadata counts as for a full image. */
    measure->fully_allocated_bytes = besides + disk_bytes;
    measure->required_bytes = besides + required;
    bitmaps_count(&plan, measure);
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: options of a node. Caches and overlap checks of the reference do not exist here, but
 * values that it refuses are refused.
 */
#include "qcow2.h"

#define L2_CACHE_BYTES_DEFAULT (UINT64_C(32) << 20)

enum { L2_CACHE_TABLES_MIN = 2, REFCOUNT_CACHE_TABLES_MIN = 4, SMALL_ENTRY_BYTES = 4096 };

static bool option_set(const struct fmt_image *image, const char *name)
{
    return fmt_option_find(image->options, name) != NULL;
}

struct cache_sizes {
    uint64_t l2_bytes, l2_entry_bytes, refcount_bytes;
};

/* Share "cache-size" between the two caches. */
static int combined_split(const struct fmt_image *image, uint64_t l2_full_bytes,
                          struct cache_sizes *sizes)
{
    const struct qcow2_state *state = image->state;
    struct fmt_env *env = image->env;
    uint64_t combined = fmt_option_number(image->options, "cache-size", 0);
    uint64_t refcount_least = REFCOUNT_CACHE_TABLES_MIN * state->cluster_bytes;
    bool l2_set = option_set(image, "l2-cache-size");
    bool refcount_set = option_set(image, "refcount-cache-size");

    if (l2_set && refcount_set)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CACHE_SIZES);
    if (l2_set && fmt_option_number(image->options, "l2-cache-size", 0) > combined)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CACHE_EXCEEDS, FMT_TXT("l2-cache-size"));
    if (sizes->refcount_bytes > combined)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CACHE_EXCEEDS,
                        FMT_TXT("refcount-cache-size"));
    if (l2_set) {
        sizes->refcount_bytes = combined - sizes->l2_bytes;
    } else if (refcount_set) {
        sizes->l2_bytes = combined - sizes->refcount_bytes;
    } else if (combined >= l2_full_bytes + refcount_least) {
        sizes->l2_bytes = l2_full_bytes;
        sizes->refcount_bytes = combined - l2_full_bytes;
    } else {
        sizes->refcount_bytes = min_u64(combined, refcount_least);
        sizes->l2_bytes = combined - sizes->refcount_bytes;
    }
    return 0;
}

static int cache_sizes_check(const struct fmt_image *image)
{
    const struct qcow2_state *state = image->state;
    const struct fmt_options *options = image->options;
    struct fmt_env *env = image->env;
    uint64_t clusters = div_up_u64(image->facts.virtual_bytes, state->cluster_bytes);
    uint64_t l2_full_bytes = round_up_u64(clusters * state->l2_entry_bytes, state->cluster_bytes);
    struct cache_sizes sizes = {
        .l2_bytes = min_u64(l2_full_bytes,
                            fmt_option_number(options, "l2-cache-size", L2_CACHE_BYTES_DEFAULT)),
        .l2_entry_bytes = fmt_option_number(options, "l2-cache-entry-size", state->cluster_bytes),
        .refcount_bytes = fmt_option_number(options, "refcount-cache-size", 0),
    };

    int r = option_set(image, "cache-size") ? combined_split(image, l2_full_bytes, &sizes) : 0;
    if (r < 0)
        return r;
    if (sizes.l2_bytes < l2_full_bytes && !option_set(image, "l2-cache-entry-size"))
        sizes.l2_entry_bytes = min_u64(state->cluster_bytes, SMALL_ENTRY_BYTES);
    if (sizes.l2_entry_bytes < 1u << QCOW2_CLUSTER_BITS_MIN ||
        sizes.l2_entry_bytes > state->cluster_bytes || !is_power_of_two(sizes.l2_entry_bytes))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CACHE_ENTRY,
                        FMT_NUM(1u << QCOW2_CLUSTER_BITS_MIN), FMT_NUM(state->cluster_bytes));
    if (sizes.l2_bytes / sizes.l2_entry_bytes > INT32_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_L2_CACHE_BIG);
    if (sizes.refcount_bytes / state->cluster_bytes > INT32_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_REFCOUNT_CACHE_BIG);
    return 0;
}

static int overlap_check(const struct fmt_image *image)
{
    struct fmt_bytes value = fmt_option_text(image->options, "overlap-check");
    struct fmt_bytes template = fmt_option_text(image->options, "overlap-check.template");

    if (value.data && template.data &&
        (value.length != template.length || memcmp(value.data, template.data, value.length) != 0))
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_QCOW2_OVERLAP, FMT_STR(value),
                        FMT_STR(template));
    return 0;
}

/* What the image is encrypted with against what the options say. */
static int encryption_check(const struct fmt_image *image)
{
    static const char *const methods[] = {"", "aes", "luks"};
    const struct qcow2_state *state = image->state;
    struct fmt_bytes format = fmt_option_text(image->options, "encrypt.format");
    uint32_t method = state->header.crypt_method;

    if (method > QCOW2_CRYPT_LUKS)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_QCOW2_CRYPT_METHOD,
                        FMT_NUM((int32_t)method));
    if (!format.data)
        return 0;
    if (method == QCOW2_CRYPT_NONE)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_QCOW2_NOT_ENCRYPTED, FMT_STR(format));
    if (!fmt_bytes_equal(format, methods[method]))
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_QCOW2_OTHER_ENCRYPTION,
                        FMT_TXT(methods[method]), FMT_STR(format));
    return 0;
}

int qcow2_options_check(struct fmt_image *image)
{
    const struct qcow2_state *state = image->state;
    const struct fmt_options *options = image->options;
    struct fmt_env *env = image->env;
    bool lazy = state->header.compatible & QCOW2_LAZY_REFCOUNTS;

    int r = cache_sizes_check(image);
    if (r < 0)
        return r;
    if (fmt_option_number(options, "cache-clean-interval", 0) > UINT32_MAX)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_CACHE_INTERVAL);
    if (fmt_option_bool(options, "lazy-refcounts", lazy) && state->header.version < 3)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_LAZY);
    r = overlap_check(image);
    if (r < 0)
        return r;
    if (fmt_option_bool(options, "discard-no-unref", false) && state->header.version < 3)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_NO_UNREF);
    return encryption_check(image);
}

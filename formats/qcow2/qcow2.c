/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: opening an image, and its facts. */
#include "qcow2-bitmap.h"
#include "qcow2-check.h"
#include "qcow2-crypt.h"
#include "qcow2-write.h"

/* Refcounts are read when they are needed; that the table can be read is said at once. */
static int refcount_table_check(const struct fmt_image *image)
{
    const struct qcow2_state *state = image->state;
    uint64_t bytes = state->refcounts.table_entries * QCOW2_ENTRY_BYTES;

    if (bytes == 0 || io_range_ok(state->refcounts.table_off, bytes))
        return 0;
    return fmt_fail(image->env, FMT_EIO, FMT_ERR_QCOW2_REFCOUNT_INIT, FMT_NUM(FMT_EIO));
}

/* The file with the data, if that is not the image itself. */
static int data_file_open(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    struct fmt_env *env = image->env;

    state->data_device = image->device;
    state->has_data_file = state->header.incompatible & QCOW2_DATA_FILE;
    if (image->flags & FMT_OPEN_NO_DATA)
        return 0;
    if (!state->has_data_file) {
        if (state->header.autoclear & QCOW2_DATA_FILE_RAW)
            return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_RAW_WITHOUT_FILE);
        return 0;
    }
    if (!state->data_file_name.data)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_DATA_FILE_REQUIRED);
    struct fmt_ref ref = {.kind = FMT_REF_DATA_FILE,
                          .device = image->device,
                          .name = state->data_file_name,
                          .writable = image->flags & FMT_OPEN_WRITABLE};
    int r = env->io->open(env->io_ctx, &ref, &state->data_device);
    if (r < 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_REFERENCE);
    image->child = fmt_alloc(env, sizeof(*image->child));
    if (!image->child)
        return -FMT_ENOMEM;
    image->child[0] = (struct fmt_child){fmt_bytes_of("data-file"), state->data_device};
    image->child_count = 1;
    return 0;
}

static int backing_read(struct fmt_image *image)
{
    const struct qcow2_state *state = image->state;
    const struct qcow2_header *h = &state->header;
    struct fmt_facts *facts = &image->facts;
    struct fmt_env *env = image->env;

    if (h->backing_off == 0)
        return 0;
    if (h->backing_bytes > min_u64(QCOW2_BACKING_BYTES_MAX, state->cluster_bytes - h->backing_off))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_QCOW2_BACKING_LONG);
    char *name = fmt_alloc(env, (uint64_t)h->backing_bytes + 1);
    if (!name)
        return -FMT_ENOMEM;
    int r = io_read(env, image->device, h->backing_off, name, h->backing_bytes);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_QCOW2_BACKING_READ, FMT_NUM(-r));
    facts->backing_name = fmt_bytes_of(name);
    facts->backing_present = name[0] != '\0';
    return 0;
}

static int qcow2_open(struct fmt_image *image)
{
    struct qcow2_state *state = fmt_alloc(image->env, sizeof(*state));

    if (!state)
        return -FMT_ENOMEM;
    image->state = state;
    fmt_cache_init(&state->tables, image->env, image->device, QCOW2_CACHE_PAGES);
    int r = qcow2_header_open(image);
    image->facts.bitmaps_persist = state->header.version >= 3;
    if (r == 0)
        r = qcow2_options_check(image);
    if (r == 0)
        r = refcount_table_check(image);
    if (r == 0)
        r = qcow2_extensions_read(image);
    if (r == 0)
        r = data_file_open(image);
    if (r == 0)
        r = qcow2_crypt_open(image);
    if (r == 0)
        r = backing_read(image);
    /* Check reads the snapshots itself, and tells of a broken table. */
    if (r == 0 && !(image->flags & FMT_OPEN_CHECK))
        r = qcow2_snapshots_read(image, NULL);
    if (r == 0)
        r = qcow2_bitmaps_read(image);
    if (r < 0 || !(image->flags & FMT_OPEN_WRITABLE))
        return r;
    return image->flags & FMT_OPEN_CHECK ? qcow2_autoclear(image) : qcow2_open_writable(image);
}

static void info_bitmaps(const struct qcow2_state *state, const struct fmt_info *out)
{
    info_list(out, "bitmaps");
    for (uint32_t i = 0; i < state->bitmap_count; i++) {
        const struct qcow2_bitmap *bitmap = &state->bitmap[i];
        info_dict(out, NULL);
        info_list(out, "flags");
        if (bitmap->flags & QCOW2_BITMAP_IN_USE)
            info_text(out, NULL, "in-use");
        if (bitmap->flags & QCOW2_BITMAP_AUTO)
            info_text(out, NULL, "auto");
        info_end(out);
        info_bytes(out, "name", bitmap->name);
        info_number(out, "granularity", INT64_C(1) << bitmap->granularity_bits);
        info_end(out);
    }
    info_end(out);
}

static int qcow2_info(struct fmt_image *image, const struct fmt_info *out)
{
    static const char *const compression[] = {"zlib", "zstd"};
    const struct qcow2_state *state = image->state;
    const struct qcow2_header *h = &state->header;
    bool v3 = h->version >= 3;

    info_text(out, "compat", v3 ? "1.1" : "0.10");
    info_text(out, "compression-type", compression[h->compression]);
    if (v3)
        info_bool(out, "lazy-refcounts", h->compatible & QCOW2_LAZY_REFCOUNTS);
    if (v3 && state->bitmap_count)
        info_bitmaps(state, out);
    info_number(out, "refcount-bits", INT64_C(1) << h->refcount_order);
    if (v3 && state->data_file_name.data)
        info_bytes(out, "data-file", state->data_file_name);
    if (v3 && state->has_data_file)
        info_bool(out, "data-file-raw", h->autoclear & QCOW2_DATA_FILE_RAW);
    qcow2_crypt_info(state, out);
    if (v3) {
        info_bool(out, "corrupt", h->incompatible & QCOW2_CORRUPT);
        info_bool(out, "extended-l2", h->incompatible & QCOW2_EXTENDED_L2);
    }
    return 0;
}

const struct fmt_driver fmt_qcow2_driver = {
    .name = "qcow2",
    .probe = qcow2_probe,
    .open = qcow2_open,
    .info = qcow2_info,
    .snapshot = qcow2_snapshot_get,
    .snapshot_load = qcow2_snapshot_load,
    .create_check = qcow2_crypt_create_check,
    .create = qcow2_create,
    .map = qcow2_map,
    .read = qcow2_read,
    .decode = qcow2_decode,
    .check = qcow2_check,
    .measure = qcow2_measure,
    .allocate = qcow2_allocate,
    .encrypt = qcow2_encrypt,
    .write = qcow2_write,
    .write_zeroes = qcow2_write_zeroes,
    .write_compressed = qcow2_write_compressed,
    .compress = qcow2_compress,
    .write_coded = qcow2_write_coded,
    .bitmaps_check = qcow2_bitmaps_check,
    .bitmaps_copy = qcow2_bitmaps_copy,
    .finish = qcow2_finish,
    .tells_writes = true,
    .has_format_specific = true,
    .supports_backing = true,
    .offloads = true,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* raw: bytes as they are, optionally a window (offset, size) of the device below. */
#include "common/append.h"
#include "common/holes.h"
#include "common/mapread.h"
#include "common/newfile.h"

struct raw_state {
    uint64_t offset_bytes;
    bool has_size;      /* the window does not grow */
    struct holes holes; /* until something is written */
};

static unsigned raw_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)head;
    (void)length;
    (void)filename;
    return 1; /* any other format that recognises the file is surer */
}

/* Fill in the window from the node's options and check that it lies within the device. */
static int raw_window(struct fmt_image *image, uint64_t device_bytes)
{
    struct raw_state *state = image->state;
    const struct fmt_option *size = fmt_option_find(image->options, "size");
    struct fmt_env *env = image->env;

    state->offset_bytes = fmt_option_number(image->options, "offset", 0);
    if (state->offset_bytes > device_bytes)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_RAW_OFFSET_TOO_LARGE, FMT_NUM(state->offset_bytes),
                        FMT_NUM(device_bytes));
    uint64_t rest_bytes = device_bytes - state->offset_bytes;
    image->facts.virtual_bytes = round_up_u64(rest_bytes, FMT_SECTOR_BYTES);
    state->has_size = size;
    if (!size)
        return 0;
    if (size->number > rest_bytes)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_RAW_WINDOW_TOO_LARGE, FMT_NUM(state->offset_bytes),
                        FMT_NUM(size->number), FMT_NUM(device_bytes));
    if (size->number % FMT_SECTOR_BYTES != 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_RAW_SIZE_UNALIGNED, FMT_NUM(FMT_SECTOR_BYTES));
    image->facts.virtual_bytes = size->number;
    return 0;
}

static int raw_open(struct fmt_image *image)
{
    uint64_t bytes;

    image->state = fmt_alloc(image->env, sizeof(struct raw_state));
    if (!image->state)
        return -FMT_ENOMEM;
    int r = io_sector_bytes(image->env, image->device, &bytes);
    if (r < 0)
        return fmt_fail(image->env, -r, FMT_ERR_IO, FMT_NUM(-r));
    return raw_window(image, bytes);
}

static int raw_info(struct fmt_image *image, const struct fmt_info *out)
{
    (void)image;
    (void)out;
    return 0;
}

static int raw_create(struct fmt_env *env, const struct fmt_create *create)
{
    static const char *const modes[] = {"off", "falloc", "full", NULL};
    int mode = fmt_option_enum(create->options, "preallocation", modes, 0);

    if (mode < 0)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_FILE_PREALLOCATION,
                        FMT_STR(fmt_option_text(create->options, "preallocation")));
    /* Whole sectors, as a number that may have wrapped round: the host refuses it then. */
    uint64_t bytes = round_up_u64(create->virtual_bytes, FMT_SECTOR_BYTES);
    enum fmt_prealloc prealloc = (enum fmt_prealloc)mode;
    int r = io_truncate(env, create->device, bytes, prealloc);
    return r < 0 ? fmt_fail(env, -r, newfile_resize_code(prealloc), FMT_NUM(-r)) : 0;
}

static int raw_map(struct fmt_image *image, uint64_t offset, uint64_t length,
                   struct fmt_extent *out)
{
    struct raw_state *state = image->state;

    return fmt_device_map(image, &state->holes, state->offset_bytes + offset, length, out);
}

static int raw_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    const struct raw_state *state = image->state;
    return io_read(image->env, image->device, state->offset_bytes + offset, buffer, length);
}

static int raw_allocate(struct fmt_image *image, uint64_t offset, uint64_t length,
                        struct fmt_extent *out)
{
    struct raw_state *state = image->state;

    state->holes.count = 0;
    *out = (struct fmt_extent){.kind = FMT_EXTENT_DATA,
                               .length = length,
                               .device = image->device,
                               .device_off = state->offset_bytes + offset};
    return 0;
}

static int raw_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length,
                            bool may_unmap)
{
    struct raw_state *state = image->state;

    state->holes.count = 0;
    return io_zero(image->env, image->device, state->offset_bytes + offset, length, may_unmap);
}

static int raw_pass_change(struct fmt_image *image, enum fmt_change change, uint64_t *offset,
                           uint64_t length)
{
    struct raw_state *state = image->state;
    uint64_t size = image->facts.virtual_bytes;

    state->holes.count = 0;
    if (state->has_size && change == FMT_CHANGE_SIZE)
        return -FMT_ENOTSUP;
    if (state->has_size && (*offset > size || length > size - *offset))
        return -FMT_ENOSPC;
    if (change != FMT_CHANGE_FLUSH && __builtin_add_overflow(*offset, state->offset_bytes, offset))
        return -FMT_EINVAL;
    if (change == FMT_CHANGE_WRITE)
        fmt_event_tell(image, FMT_EVENT_WRITE_AIO);
    return 0;
}

/* Holes count, too: the file is as long as the disk. */
static int raw_measure(struct fmt_env *env, struct fmt_measure *measure)
{
    (void)env;
    measure->required_bytes = round_up_u64(fmt_measure_bytes(measure), FMT_SECTOR_BYTES);
    measure->fully_allocated_bytes = measure->required_bytes;
    return 0;
}

const struct fmt_driver fmt_raw_driver = {
    .name = "raw",
    .probe = raw_probe,
    .open = raw_open,
    .info = raw_info,
    .create = raw_create,
    .map = raw_map,
    .read = raw_read,
    .measure = raw_measure,
    .allocate = raw_allocate,
    .write = fmt_allocated_write,
    .write_zeroes = raw_write_zeroes,
    .pass_change = raw_pass_change,
    .tells_writes = true,
    .passes_facts = true,
    .offloads = true,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: replaying the log ([MS-VHDX] 2.3.3): into the file if it may be changed, else in memory. */
#include "vhdx-log.h"
#include "vhdx-view.h"

/* How often the ring's bytes may be summed up: an entry is looked at on its own, behind another,
 * and once more where a run goes around the ring's end. */
enum { LOG_SUMS = 4 };

static int change_write(void *ctx, const struct vhdx_log_change *change)
{
    struct vhdx_log *log = ctx;
    struct fmt_image *image = log->image;
    uint8_t sector[VHDX_LOG_SECTOR_BYTES];

    if (change->is_zero)
        return io_zero(image->env, image->device, change->offset, change->length, false);
    int r = vhdx_log_sector(log, change, sector);
    return r < 0 ? r : io_write(image->env, image->device, change->offset, sector, sizeof(sector));
}

static int file_grow(struct fmt_image *image, uint64_t last_file_bytes)
{
    uint64_t file_bytes;

    int r = io_sector_bytes(image->env, image->device, &file_bytes);
    if (r < 0 || last_file_bytes <= file_bytes)
        return r;
    return io_truncate(image->env, image->device, round_up_u64(last_file_bytes, VHDX_MIB),
                       FMT_PREALLOC_OFF);
}

/* The disk reads the same afterwards: its data write GUID, which children know, stays. */
static int replay_write(struct vhdx_log *log, const struct vhdx_log_sequence *sequence)
{
    struct fmt_image *image = log->image;

    int r = vhdx_headers_update(image, log->state, false, NULL);
    if (r == 0)
        r = vhdx_log_walk(log, sequence, change_write, log);
    if (r == 0)
        r = file_grow(image, sequence->last.last_file_bytes);
    if (r == 0)
        r = io_flush(image->env, image->device);
    if (r == 0)
        r = vhdx_headers_update(image, log->state, false, vhdx_null_guid);
    log->state->log_replayed = r == 0;
    return r;
}

static int log_refuse(const struct fmt_image *image)
{
    fmt_fail(image->env, FMT_EPERM, FMT_ERR_VHDX_LOG_HINT);
    fmt_fail(image->env, FMT_EPERM, FMT_ERR_VHDX_LOG_COMMAND, FMT_STR(image->filename));
    return fmt_fail(image->env, FMT_EPERM, FMT_ERR_VHDX_LOG, FMT_STR(image->filename));
}

static int log_replay(struct vhdx_log *log)
{
    struct vhdx_log_sequence sequence;

    int r = vhdx_log_find(log, &sequence);
    if (r < 0 || sequence.count == 0)
        return r;
    if (log->image->flags & FMT_OPEN_WRITABLE)
        return replay_write(log, &sequence);
    if (log->bytes > VHDX_VIEW_LOG_BYTES_MAX || sequence.descriptors > VHDX_VIEW_CHANGES_MAX)
        return log_refuse(log->image);
    return vhdx_view_make(log, &sequence);
}

int vhdx_log_open(struct fmt_image *image, struct vhdx_state *state)
{
    const struct vhdx_header *h = &state->header;
    size_t mark = fmt_arena_mark(image->env->arena);

    if (h->log_off < VHDX_MIB || h->log_off % VHDX_MIB != 0 || h->log_version != 0)
        return -FMT_EINVAL;
    if (vhdx_guid_equal(h->log_guid, vhdx_null_guid) || h->log_bytes == 0)
        return 0;
    if (h->log_bytes % VHDX_MIB != 0 || !io_range_ok(h->log_off, h->log_bytes))
        return -FMT_EINVAL;
    struct vhdx_log *log = fmt_alloc(image->env, sizeof(*log));
    if (!log)
        return -FMT_ENOMEM;
    *log = (struct vhdx_log){.image = image,
                             .state = state,
                             .bytes = h->log_bytes,
                             .unsummed_bytes = (uint64_t)h->log_bytes * LOG_SUMS};
    fmt_cache_init(&log->ring, image->env, image->device, VHDX_CACHE_PAGES);
    int r = log_replay(log);
    if (!state->view)
        fmt_arena_release(image->env->arena, mark);
    return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New clusters at the file's end; see append.h. */
#include "append.h"
#include "mapread.h"

enum { COPY_BYTES = 64 << 10 };

int fmt_append_begin(struct fmt_env *env, uint32_t device, struct fmt_append *append,
                     uint64_t end_off)
{
    if (append->ready)
        return 0;
    int r = io_sector_bytes(env, device, &append->file_bytes);
    if (r < 0)
        return r;
    append->end_off = end_off == UINT64_MAX ? append->file_bytes : end_off;
    append->ready = true;
    return 0;
}

int fmt_append_take(struct fmt_env *env, uint32_t device, struct fmt_append *append, uint64_t bytes,
                    uint64_t align_bytes, uint64_t *offset)
{
    if (append->end_off > FMT_OFFSET_MAX - align_bytes)
        return -FMT_EFBIG;
    *offset = round_up_u64(append->end_off, align_bytes);
    if (!io_range_ok(*offset, bytes))
        return -FMT_EFBIG;
    if (*offset < append->file_bytes) {
        int r = io_zero(env, device, *offset, min_u64(bytes, append->file_bytes - *offset), true);
        if (r < 0)
            return r;
    }
    append->end_off = *offset + bytes;
    return 0;
}

int fmt_append_finish(struct fmt_env *env, uint32_t device, const struct fmt_append *append)
{
    struct fmt_device facts;

    if (!append->ready)
        return 0;
    int r = io_facts(env, device, &facts);
    if (r < 0 || facts.size_bytes >= append->end_off)
        return r;
    return io_truncate(env, device, append->end_off, FMT_PREALLOC_OFF);
}

int fmt_allocated_fill(struct fmt_image *image, uint32_t device, uint64_t device_off,
                       uint64_t length)
{
    const void *from = image->filling;

    image->filling = NULL;
    return from ? io_write(image->env, device, device_off, from, (size_t)length) : 0;
}

int fmt_allocated_write(struct fmt_image *image, uint64_t offset, const void *buffer, size_t length)
{
    const uint8_t *from = buffer;

    while (length > 0) {
        struct fmt_extent extent = {0};
        image->filling = from;
        int r = image->driver->allocate(image, offset, length, &extent);
        size_t n = (size_t)extent.length;
        if (r == 0)
            r = fmt_allocated_fill(image, extent.device, extent.device_off, n);
        image->filling = NULL;
        if (r < 0)
            return r;
        from += n;
        offset += n;
        length -= n;
    }
    return 0;
}

int fmt_allocated_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length,
                               bool may_unmap)
{
    while (length > 0) {
        struct fmt_extent extent = {0};
        int r = image->driver->map(image, offset, length, &extent);
        if (r == 0 && (extent.kind == FMT_EXTENT_CODED ||
                       (extent.kind == FMT_EXTENT_UNALLOCATED && image->facts.backing_present)))
            r = image->driver->allocate(image, offset, length, &extent);
        if (r == 0 && extent.kind == FMT_EXTENT_DATA)
            r = io_zero(image->env, extent.device, extent.device_off, extent.length, may_unmap);
        if (r < 0)
            return r;
        offset += extent.length;
        length -= extent.length;
    }
    return 0;
}

/* The first layer below @image that has what is at @offset, without recursion: chains may be longer
 * than the stack is deep. */
static int backing_piece(struct fmt_image *image, uint64_t offset, uint8_t *to, size_t *length)
{
    struct fmt_extent extent = {.kind = FMT_EXTENT_UNALLOCATED};

    while (extent.kind == FMT_EXTENT_UNALLOCATED && image->backing) {
        int r = image->driver->backing_check ? image->driver->backing_check(image) : 0;
        if (r < 0)
            return r;
        image = image->backing;
        if (offset >= image->facts.virtual_bytes)
            break;
        *length = (size_t)min_u64(*length, image->facts.virtual_bytes - offset);
        r = image->driver->map(image, offset, *length, &extent);
        if (r < 0)
            return r;
        *length = (size_t)extent.length;
    }
    if (extent.kind != FMT_EXTENT_UNALLOCATED && extent.kind != FMT_EXTENT_ZERO)
        return image->driver->read(image, offset, to, *length);
    memset(to, 0, *length);
    return 0;
}

int fmt_backing_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    return fmt_pieces_read(image, offset, buffer, length, backing_piece);
}

int fmt_backing_copy(struct fmt_image *image, struct fmt_append *append, uint64_t from, uint64_t to,
                     uint32_t device, uint64_t device_off)
{
    struct fmt_env *env = image->env;

    if (!image->backing || from >= to)
        return 0;
    /* Kept: reading makes caches below take memory, so this cannot be given back behind them. */
    if (!append->copy_buffer)
        append->copy_buffer = fmt_alloc(env, COPY_BYTES);
    int r = append->copy_buffer ? 0 : -FMT_ENOMEM;
    for (uint64_t at = from, n; r == 0 && at < to; at += n) {
        n = min_u64(to - at, COPY_BYTES);
        r = fmt_backing_read(image, at, append->copy_buffer, (size_t)n);
        if (r == 0)
            r = io_write(env, device, device_off + (at - from), append->copy_buffer, (size_t)n);
    }
    return r;
}

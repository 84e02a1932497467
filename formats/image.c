/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probing, opening and checked calls of format drivers; see image.h. */
#include "image.h"

#include <string.h>

const struct fmt_driver *fmt_driver_find(struct fmt_bytes name)
{
    for (size_t i = 0; fmt_drivers[i]; i++) {
        if (fmt_bytes_equal(name, fmt_drivers[i]->name))
            return fmt_drivers[i];
    }
    return NULL;
}

int fmt_probe(struct fmt_env *env, uint32_t device, struct fmt_bytes filename,
              const struct fmt_driver **driver)
{
    uint8_t head[FMT_PROBE_BYTES];
    unsigned best = 0;
    uint64_t bytes;

    int r = io_sector_bytes(env, device, &bytes);
    size_t length = (size_t)min_u64(bytes, sizeof(head));
    if (r == 0)
        r = io_read(env, device, 0, head, length);
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_IMAGE_READ_FOR_PROBE, FMT_NUM(-r));
    /* Of an empty file not even the name counts: it is raw, the first driver. */
    if (length == 0)
        best = FMT_PROBE_MAX;
    *driver = fmt_drivers[0];
    for (size_t i = 0; fmt_drivers[i]; i++) {
        unsigned score = fmt_drivers[i]->probe(head, length, filename);
        if (score > best) {
            best = score;
            *driver = fmt_drivers[i];
        }
    }
    return 0;
}

/* What every opened image is held to. */
static int facts_check(struct fmt_env *env, const struct fmt_image *image)
{
    /* The reference counts bytes in 64 bits: of those that wrap round only info takes notice. */
    uint64_t wrapped_bytes = image->facts.huge_sectors * FMT_SECTOR_BYTES;

    if (image->flags & FMT_OPEN_ANY_SIZE && image->facts.huge_sectors &&
        wrapped_bytes <= FMT_OFFSET_MAX)
        return 0;
    if (image->facts.virtual_bytes > FMT_OFFSET_MAX)
        return fmt_fail(env, FMT_EFBIG, FMT_ERR_TOTAL_SECTORS, FMT_NUM(FMT_EFBIG));
    return 0;
}

int fmt_image_open(struct fmt_env *env, const struct fmt_image_spec *spec, struct fmt_image **image)
{
    struct fmt_image *candidate = fmt_alloc(env, sizeof(*candidate));
    if (!candidate)
        return -FMT_ENOMEM;
    *candidate = (struct fmt_image){.driver = spec->driver,
                                    .env = env,
                                    .device = spec->device,
                                    .flags = spec->flags,
                                    .filename = spec->filename,
                                    .options = spec->options,
                                    .child = spec->child,
                                    .child_count = spec->child_count};
    if (!candidate->driver) {
        int r = fmt_probe(env, spec->device, spec->probe_name, &candidate->driver);
        if (r < 0)
            return r;
    }
    int r = candidate->driver->open(candidate);
    if (r < 0) {
        /* A driver that gives only a status still leaves one clear error. */
        if (env->error->frames == 0) {
            fmt_fail(env, -r, FMT_ERR_IO, FMT_NUM(-r));
            fmt_fail(env, -r, FMT_ERR_COULD_NOT_OPEN, FMT_STR(spec->filename));
        }
        return r;
    }
    r = facts_check(env, candidate);
    if (r == 0)
        *image = candidate;
    return r;
}

int fmt_image_info(struct fmt_image *image, const struct fmt_info *out)
{
    return image->driver->info(image, out);
}

int fmt_image_snapshot(struct fmt_image *image, uint32_t index, struct fmt_snapshot *out)
{
    if (!image->driver->snapshot || index >= image->facts.snapshot_count)
        return -FMT_EINVAL;
    return image->driver->snapshot(image, index, out);
}

int fmt_image_snapshot_load(struct fmt_image *image, uint32_t index)
{
    if (!image->driver->snapshot_load)
        return -FMT_ENOTSUP;
    if (index >= image->facts.snapshot_count || image->flags & FMT_OPEN_WRITABLE)
        return -FMT_EINVAL;
    return image->driver->snapshot_load(image, index);
}

/* Whether [offset, offset + length) is a nonempty range of virtual bytes. */
static bool range_ok(const struct fmt_image *image, uint64_t offset, uint64_t length)
{
    uint64_t size = image->facts.virtual_bytes;
    return length > 0 && offset < size && length <= size - offset;
}

int fmt_image_map(struct fmt_image *image, uint64_t offset, uint64_t length, struct fmt_extent *out)
{
    if (!image->driver->map)
        return -FMT_ENOTSUP;
    if (!range_ok(image, offset, length))
        return -FMT_EINVAL;
    memset(out, 0, sizeof(*out));
    int r = image->driver->map(image, offset, length, out);
    if (r == 0 && (out->length == 0 || out->length > length))
        return -FMT_EIO; /* a driver's fault must not become an endless loop */
    return r;
}

int fmt_image_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    if (!image->driver->read)
        return -FMT_ENOTSUP;
    if (!range_ok(image, offset, length))
        return -FMT_EINVAL;
    return image->driver->read(image, offset, buffer, length);
}

int fmt_image_allocate(struct fmt_image *image, uint64_t offset, uint64_t length,
                       struct fmt_extent *out)
{
    if (!image->driver->allocate)
        return -FMT_ENOTSUP;
    if (!(image->flags & FMT_OPEN_WRITABLE) || !range_ok(image, offset, length))
        return -FMT_EINVAL;
    memset(out, 0, sizeof(*out));
    int r = image->driver->allocate(image, offset, length, out);
    if (r == 0 && (out->length == 0 || out->length > length))
        return -FMT_EIO;
    return r;
}

int fmt_image_write(struct fmt_image *image, uint64_t offset, const void *buffer, size_t length)
{
    if (!image->driver->write)
        return -FMT_ENOTSUP;
    if (!(image->flags & FMT_OPEN_WRITABLE) || !range_ok(image, offset, length))
        return -FMT_EINVAL;
    if (image->driver->tells_writes)
        fmt_event_tell(image, FMT_EVENT_WRITE_AIO);
    return image->driver->write(image, offset, buffer, length);
}

int fmt_image_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length,
                           bool may_unmap)
{
    if (!image->driver->write_zeroes)
        return -FMT_ENOTSUP;
    if (!(image->flags & FMT_OPEN_WRITABLE) || !range_ok(image, offset, length))
        return -FMT_EINVAL;
    return image->driver->write_zeroes(image, offset, length, may_unmap);
}

int fmt_image_write_compressed(struct fmt_image *image, uint64_t offset, const void *buffer,
                               size_t length)
{
    if (!image->driver->write_compressed)
        return -FMT_ENOTSUP;
    if (!(image->flags & FMT_OPEN_WRITABLE) || !range_ok(image, offset, length))
        return -FMT_EINVAL;
    fmt_event_tell(image, FMT_EVENT_WRITE_COMPRESSED);
    return image->driver->write_compressed(image, offset, buffer, length);
}

int fmt_image_write_coded(struct fmt_image *image, uint64_t offset, const void *coded, size_t bytes)
{
    if (!image->driver->write_coded)
        return -FMT_ENOTSUP;
    if (!(image->flags & FMT_OPEN_WRITABLE) || !range_ok(image, offset, 1))
        return -FMT_EINVAL;
    fmt_event_tell(image, FMT_EVENT_WRITE_COMPRESSED);
    return image->driver->write_coded(image, offset, coded, bytes);
}

int fmt_image_finish(struct fmt_image *image)
{
    return image->driver->finish ? image->driver->finish(image) : 0;
}

int fmt_image_check(struct fmt_image *image, struct fmt_check *check, unsigned fix)
{
    return image->driver->check ? image->driver->check(image, check, fix) : -FMT_ENOTSUP;
}

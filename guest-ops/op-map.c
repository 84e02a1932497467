/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map: what each range of a chain's disk is, entries that are alike joined, many in one record. */
#include <string.h>

#include "guest.h"

enum { ENTRIES_MAX = 1024 };

struct map_job {
    struct guest *g;
    struct fmt_image *image;
    struct abi_map_entry *entry; /* ENTRIES_MAX, not sent yet; the last one may still grow */
    unsigned entries;
};

/* An extent of an image with a file's holes in mind: where the space was taken before the data was
 * written, only the file system knows. */
static int holes_find(struct fmt_image *image, const struct fmt_extent *extent,
                      struct abi_map_entry *entry)
{
    struct fmt_run run;
    size_t count = 1;

    if (extent->kind != FMT_EXTENT_DATA || !extent->preallocated)
        return 0;
    int r = image->env->io->extents(image->env->io_ctx, extent->device, extent->device_off,
                                    entry->length, &run, &count);
    if (r < 0)
        return 0; /* then all of it counts as data */
    entry->length = min_u64(entry->length, run.length);
    if (run.zero)
        entry->flags |= ABI_MAP_ZERO;
    return 0;
}

static void entry_fill(const struct fmt_image *image, const struct fmt_extent *extent,
                       struct abi_map_entry *entry)
{
    entry->length = extent->length;
    entry->flags = 0;
    if (image->driver->map_opaque) {
        entry->flags = ABI_MAP_DATA | ABI_MAP_PRESENT;
        return;
    }
    if (extent->has_offset) {
        entry->flags |= ABI_MAP_OFFSET;
        entry->device = extent->device;
        entry->offset = extent->device_off;
    }
    if (extent->compressed)
        entry->flags |= ABI_MAP_COMPRESSED;
    if (extent->kind == FMT_EXTENT_ZERO)
        entry->flags |= ABI_MAP_ZERO | ABI_MAP_PRESENT;
    else if (extent->kind != FMT_EXTENT_UNALLOCATED)
        entry->flags |= ABI_MAP_DATA | ABI_MAP_PRESENT;
}

/* The entry at @start, of at most @length bytes: by the first image of the chain that knows. */
static int entry_find(const struct map_job *job, uint64_t start, uint64_t length,
                      struct abi_map_entry *entry)
{
    *entry = (struct abi_map_entry){.start = start};
    for (struct fmt_image *image = job->image;; image = image->backing, entry->depth++) {
        struct fmt_extent extent;
        length = min_u64(length, image->facts.virtual_bytes - start);
        int r = fmt_image_map(image, start, length, &extent);
        if (r < 0)
            return r;
        entry_fill(image, &extent, entry);
        if (entry->flags & (ABI_MAP_DATA | ABI_MAP_ZERO))
            return holes_find(image, &extent, entry);
        length = entry->length;
        if (!image->backing) {
            if (image->driver->supports_backing)
                entry->flags |= ABI_MAP_ZERO;
            return 0;
        }
        if (start >= image->backing->facts.virtual_bytes) {
            entry->flags |= ABI_MAP_ZERO;
            return 0;
        }
        *entry = (struct abi_map_entry){.start = start, .depth = entry->depth};
    }
}

static bool joins(const struct abi_map_entry *a, const struct abi_map_entry *b)
{
    if (a->flags != b->flags || a->depth != b->depth)
        return false;
    return !(a->flags & ABI_MAP_OFFSET) ||
           (a->device == b->device && a->offset + a->length == b->offset);
}

static int entries_send(struct map_job *job, unsigned count)
{
    struct tree_writer *w = report_begin(job->g);

    tree_put_bytes(w, "entries", job->entry, count * sizeof(*job->entry));
    int r = report_send(job->g, w, ABI_RECORD_STEP);
    if (count < job->entries)
        job->entry[0] = job->entry[count];
    job->entries -= count;
    return r;
}

static int entry_add(struct map_job *job, const struct abi_map_entry *entry)
{
    struct abi_map_entry *last = job->entries ? &job->entry[job->entries - 1] : NULL;

    if (last && joins(last, entry)) {
        last->length += entry->length;
        return 0;
    }
    if (job->entries == ENTRIES_MAX) {
        int r = entries_send(job, ENTRIES_MAX - 1);
        if (r < 0)
            return r;
    }
    job->entry[job->entries++] = *entry;
    return 0;
}

/* Entries that are complete are shown before an error is. */
static int map_fail(struct map_job *job, int r)
{
    if (job->entries > 1)
        entries_send(job, job->entries - 1);
    fmt_error_clear(&job->g->error);
    return fmt_fail(&job->g->env, -r, FMT_ERR_MAP, FMT_NUM(-r));
}

int op_map(struct guest *g)
{
    size_t root = tree_root(&g->job);
    uint64_t start = tree_get_u64(&g->job, root, "start", 0);
    uint64_t most = tree_get_u64(&g->job, root, "length", UINT64_MAX);
    struct map_job job = {.g = g};
    struct guest_node node;
    struct tree_item item;

    if (!tree_find(&g->job, root, "image", &item) || item.type != TREE_DICT)
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
    job.entry = fmt_alloc(&g->env, ENTRIES_MAX * sizeof(*job.entry));
    int r = job.entry ? node_read(g, &g->job, item.inside, &node) : -FMT_ENOMEM;
    if (r == 0)
        r = guest_chain_open(g, &node, 0, &job.image);
    if (r < 0)
        return r;
    uint64_t end = job.image->facts.virtual_bytes;
    if (most < end && start < end - most)
        end = start + most;
    report_send(g, report_begin(g), ABI_RECORD_NOTE); /* the image is open */
    for (uint64_t at = start; at < end;) {
        struct abi_map_entry entry;
        r = entry_find(&job, at, end - at, &entry);
        if (r < 0)
            return map_fail(&job, r);
        at += entry.length;
        r = entry_add(&job, &entry);
        if (r < 0)
            return r;
    }
    return job.entries ? entries_send(&job, job.entries) : 0;
}

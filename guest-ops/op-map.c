/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map: what each range of a chain's disk is, entries that are alike joined, many in one record. */
#include <string.h>

#include "chain.h"
#include "guest.h"

enum { ENTRIES_MAX = 1024 };

struct map_job {
    struct guest *g;
    struct chain chain;
    struct abi_map_entry *entry; /* ENTRIES_MAX, not sent yet; the last one may still grow */
    unsigned entries;
};

/* The entry at @start, of at most @length bytes. */
static int entry_find(struct map_job *job, uint64_t start, uint64_t length,
                      struct abi_map_entry *entry)
{
    struct chain_extent found;
    int r = chain_extent_find(&job->chain, start, length, CHAIN_STATUS | CHAIN_NO_FILTERS, &found);

    *entry = (struct abi_map_entry){.start = start,
                                    .length = found.length,
                                    .depth = (uint16_t)found.depth,
                                    .flags = (uint16_t)found.flags};
    if (found.flags & ABI_MAP_OFFSET) {
        entry->device = found.extent.device;
        entry->offset = found.extent.device_off;
    }
    return r;
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
    struct fmt_image *image = NULL;
    struct guest_node node;
    struct tree_item item;

    if (!tree_find(&g->job, root, "image", &item) || item.type != TREE_DICT)
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
    job.entry = fmt_alloc(&g->env, ENTRIES_MAX * sizeof(*job.entry));
    int r = job.entry ? node_read(g, &g->job, item.inside, &node) : -FMT_ENOMEM;
    if (r == 0)
        r = guest_chain_open(g, &node, 0, &image);
    if (r < 0)
        return r;
    chain_init(&job.chain, image);
    uint64_t end = image->facts.virtual_bytes;
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

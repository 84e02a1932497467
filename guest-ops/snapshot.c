/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal snapshots as sources. */
#include "guest.h"

#include <string.h>

static bool bytes_equal(struct tree_bytes a, struct fmt_bytes b)
{
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

/* The snapshot with that id and name, of which one may be missing: any. */
static bool snapshot_find(struct fmt_image *image, struct tree_bytes id, struct tree_bytes name,
                          uint32_t *index)
{
    for (*index = 0; *index < image->facts.snapshot_count; ++*index) {
        struct fmt_snapshot snapshot;
        if (fmt_image_snapshot(image, *index, &snapshot) == 0 &&
            (!id.data || bytes_equal(id, snapshot.id)) &&
            (!name.data || bytes_equal(name, snapshot.name)))
            return true;
    }
    return false;
}

int guest_snapshot_load(struct guest *g, size_t position, struct fmt_image *image)
{
    static const struct tree_bytes any = {0};
    struct tree_bytes either = tree_get_bytes(&g->job, position, "snapshot");
    struct tree_bytes id = tree_get_bytes(&g->job, position, "snapshot-id");
    struct tree_bytes name = tree_get_bytes(&g->job, position, "snapshot-name");
    uint32_t index;
    int r;

    if (!either.data && !id.data && !name.data)
        return 0;
    bool found = either.data ? snapshot_find(image, either, any, &index) ||
                                   snapshot_find(image, any, either, &index)
                             : snapshot_find(image, id, name, &index);
    if (!image->driver->snapshot_load)
        r = fmt_fail(&g->env, FMT_ENOTSUP, FMT_ERR_CONVERT_NO_SNAPSHOTS,
                     FMT_TXT(image->driver->name));
    else if (!found)
        r = fmt_fail(&g->env, FMT_ENOENT, FMT_ERR_CONVERT_NO_SNAPSHOT);
    else
        r = fmt_image_snapshot_load(image, index);
    return r < 0 ? fmt_fail(&g->env, -r, FMT_ERR_CONVERT_SNAPSHOT) : 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VDI: whether each block is used once, and as many as the header says. */
#include "vdi.h"

struct map_check {
    struct vdi_state *state;
    struct fmt_check *result;
    uint8_t *used; /* one bit for each block in the file */
    uint32_t allocated;
};

static void finding(struct map_check *c, enum fmt_error_code code, uint64_t a, uint64_t b)
{
    c->result->finding(c->result->finding_ctx, code, FMT_ARGS(FMT_NUM(a), FMT_NUM(b)));
    c->result->corruptions++;
}

static int entry_check(struct map_check *c, uint32_t block)
{
    uint32_t entry;

    int r = vdi_entry(c->state, block, &entry);
    if (r < 0 || !vdi_is_allocated(entry))
        return r;
    if (entry >= c->state->header.blocks) {
        finding(c, FMT_ERR_VDI_ENTRY_TOO_LARGE, block, entry);
        return 0;
    }
    c->allocated++;
    uint8_t bit = (uint8_t)(1u << entry % 8);
    if (c->used[entry / 8] & bit)
        finding(c, FMT_ERR_VDI_BLOCK_SHARED, entry, entry);
    c->used[entry / 8] |= bit;
    return 0;
}

int vdi_check(struct fmt_image *image, struct fmt_check *check, unsigned fix)
{
    struct map_check c = {.state = image->state, .result = check};
    const struct vdi_header *h = &c.state->header;
    size_t mark = fmt_arena_mark(image->env->arena);

    if (fix)
        return -FMT_ENOTSUP;
    c.used = fmt_alloc(image->env, h->blocks / 8 + 1);
    if (!c.used) {
        check->check_errors++;
        return -FMT_ENOMEM;
    }
    int r = 0;
    for (uint32_t block = 0; r == 0 && block < h->blocks; block++)
        r = entry_check(&c, block);
    if (r == 0 && c.allocated != h->blocks_allocated)
        finding(&c, FMT_ERR_VDI_ALLOCATED, c.allocated, h->blocks_allocated);
    fmt_arena_release(image->env->arena, mark);
    return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Laying out guest memory; see layout.h. */
#include "layout.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* The guest program may not claim more than this of guest memory. */
static const uint64_t image_max_bytes = UINT64_C(6) << 20;

static uint64_t align_up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static bool section_ok(const struct layout_section *s, uint64_t at)
{
    bool wx = (s->access & LAYOUT_WRITE) && (s->access & LAYOUT_EXEC);
    return s->offset % ABI_PAGE_BYTES == 0 && s->bytes % ABI_PAGE_BYTES == 0 && s->bytes > 0 &&
           s->offset >= at && s->bytes <= image_max_bytes &&
           s->offset <= image_max_bytes - s->bytes && !wx;
}

/* Append a section behind @at with a guard page before it; returns its offset, moves @at. */
static uint64_t place(struct layout *layout, uint64_t *at, uint64_t bytes, unsigned access)
{
    uint64_t offset = *at + ABI_PAGE_BYTES;
    uint64_t size = align_up(bytes, ABI_PAGE_BYTES);

    layout->section[layout->sections++] = (struct layout_section){offset, size, access};
    *at = offset + size;
    return offset;
}

static int place_image(const struct layout_wish *wish, struct layout *layout, uint64_t *at)
{
    for (unsigned i = 0; i < wish->image_sections; i++) {
        if (!section_ok(&wish->image[i], *at))
            return -EINVAL;
        layout->section[layout->sections++] = wish->image[i];
        *at = wish->image[i].offset + wish->image[i].bytes;
    }
    return 0;
}

/* What is left, from the next huge page on, is the first vCPU's, who has all images; the others
 * get what buffers and a codec take, or as much as it has. */
static int place_arenas(const struct layout_wish *wish, struct layout *layout, uint64_t at)
{
    uint64_t start = align_up(at + ABI_PAGE_BYTES, ABI_HUGE_PAGE_BYTES);
    uint64_t end = layout->tables_offset / ABI_HUGE_PAGE_BYTES * ABI_HUGE_PAGE_BYTES;
    if (start >= end)
        return -ENOMEM;
    uint64_t share = (end - start) / wish->vcpus / ABI_PAGE_BYTES * ABI_PAGE_BYTES;
    if (share == 0)
        return -ENOMEM;
    if (share > LAYOUT_HELPER_BYTES)
        share = LAYOUT_HELPER_BYTES;
    uint64_t others = share * (wish->vcpus - 1);
    layout->vcpu[0].arena_offset = start;
    layout->vcpu[0].arena_bytes = end - start - others;
    for (unsigned i = 1; i < wish->vcpus; i++) {
        layout->vcpu[i].arena_offset = end - others + (i - 1) * share;
        layout->vcpu[i].arena_bytes = share;
    }
    layout->section[layout->sections++] =
        (struct layout_section){start, end - start, LAYOUT_READ | LAYOUT_WRITE};
    return 0;
}

int layout_make(const struct layout_wish *wish, struct layout *layout)
{
    uint64_t at = 0;

    *layout = (struct layout){.memory_bytes = wish->memory_bytes};
    if (wish->memory_bytes < ABI_MEMORY_MIN_BYTES || wish->memory_bytes > ABI_MEMORY_MAX_BYTES ||
        wish->memory_bytes % ABI_HUGE_PAGE_BYTES != 0 || wish->vcpus < 1 ||
        wish->vcpus > ABI_VCPUS_MAX || wish->image_sections > 8 ||
        wish->boot_bytes < sizeof(struct abi_boot) || wish->boot_bytes > wish->memory_bytes ||
        wish->tables_bytes > wish->memory_bytes)
        return -EINVAL;
    int r = place_image(wish, layout, &at);
    if (r < 0)
        return r;
    layout->boot_bytes = wish->boot_bytes;
    layout->boot_offset = place(layout, &at, wish->boot_bytes, LAYOUT_READ);
    if (wish->stub)
        layout->stub_offset = place(layout, &at, ABI_PAGE_BYTES, LAYOUT_READ | LAYOUT_EXEC);
    layout->shared_offset = place(layout, &at, ABI_PAGE_BYTES, LAYOUT_READ | LAYOUT_WRITE);
    for (unsigned i = 0; i < wish->vcpus; i++) {
        struct layout_vcpu *vcpu = &layout->vcpu[i];
        vcpu->ring_offset = place(layout, &at, sizeof(struct abi_ring), LAYOUT_READ | LAYOUT_WRITE);
        vcpu->stack_top_offset =
            place(layout, &at, ABI_STACK_BYTES, LAYOUT_READ | LAYOUT_WRITE) + ABI_STACK_BYTES;
    }
    layout->tables_bytes = align_up(wish->tables_bytes, ABI_PAGE_BYTES);
    layout->tables_offset = wish->memory_bytes - layout->tables_bytes;
    return at > layout->tables_offset ? -ENOMEM : place_arenas(wish, layout, at);
}

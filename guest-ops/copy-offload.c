/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copying by the file system (convert -C), which may share blocks instead. As with the reference,
 * data is then not searched for zeroes, and the first thing that cannot be copied so ends it. Into
 * an image in use bytes go through memory all the same: its driver writes them before its tables.
 */
#include "copy-chunk.h"

/* Does the file system copy from there to the target? */
static bool device_copies(struct worker *w, uint32_t device)
{
    struct copy *copy = w->copy;
    const struct abi_request request = {.kind = ABI_REQ_COPY,
                                        .flags = ABI_COPY_OFFLOAD,
                                        .device = device,
                                        .device2 = copy->how.target->device};

    if (copy->offload_asked && copy->offload_device == device)
        return true;
    copy->offload_asked = true;
    copy->offload_device = device;
    return ring_call(w->g, &request, NULL) == 0;
}

void piece_offload(struct worker *w, struct copy_piece *piece)
{
    struct copy *copy = w->copy;
    struct chain_extent found;
    uint64_t offset = piece->offset;

    if (!copy->how.offload || piece->status != COPY_DATA ||
        __atomic_load_n(&copy->no_offload, __ATOMIC_ACQUIRE))
        return;
    struct copy_source *source = copy_source_at(copy, &offset);
    uint64_t size = source->chain.top->facts.virtual_bytes;
    uint64_t bytes = offset < size ? min_u64(piece->bytes, size - offset) : 0;
    if (bytes % FMT_SECTOR_BYTES == 0 && bytes > 0 &&
        chain_extent_find(&source->chain, offset, bytes, 0, &found) == 0 &&
        found.extent.kind == FMT_EXTENT_DATA && found.image->driver->offloads &&
        found.extent.device < LAYER_DEVICE_FIRST && device_copies(w, found.extent.device)) {
        piece->status = COPY_OFFLOAD;
        piece->bytes = found.length;
        piece->device = found.extent.device;
        piece->device_off = found.extent.device_off;
        return;
    }
    fmt_error_clear(copy->source_env->error);
    __atomic_store_n(&copy->no_offload, 1, __ATOMIC_RELEASE);
}

int write_by_hand(struct worker *w, const struct write *write)
{
    struct abi_request request = {.kind = ABI_REQ_READ,
                                  .device = write->from_device,
                                  .offset = write->from_off,
                                  .length = write->bytes,
                                  .addr = (uint64_t)(uintptr_t)write->data};

    __atomic_store_n(&w->copy->no_offload, 1, __ATOMIC_RELEASE);
    int r = ring_call(w->g, &request, NULL);
    if (r < 0)
        return r;
    request.kind = ABI_REQ_WRITE;
    request.device = write->device;
    request.offset = write->device_off;
    return ring_call(w->g, &request, NULL);
}

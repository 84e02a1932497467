/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What chunks write: sent together, and judged. */
#include "copy-chunk.h"

/* Make the bytes what they will be in the file. */
static void write_encrypt(struct write *write)
{
    if (write->image)
        write->image->driver->encrypt(write->image, write->offset, write->device_off, write->data,
                                      write->bytes);
    write->image = NULL;
}

void writes_post(struct worker *w)
{
    for (unsigned i = 0; i < 2; i++) {
        struct chunk *chunk = w->chunk[i];
        for (unsigned n = 0; n < chunk->writes; n++) {
            struct write *write = &chunk->write[n];
            struct abi_request request = {.kind = ABI_REQ_WRITE,
                                          .device = write->device,
                                          .offset = write->device_off,
                                          .length = write->bytes,
                                          .addr = (uint64_t)(uintptr_t)write->data};
            if (write->posted)
                continue;
            if (write->offload)
                request = (struct abi_request){.kind = ABI_REQ_COPY,
                                               .flags = ABI_COPY_OFFLOAD,
                                               .device = write->from_device,
                                               .offset = write->from_off,
                                               .length = write->bytes,
                                               .device2 = write->device,
                                               .offset2 = write->device_off};
            write_encrypt(write);
            ring_post(w->g, &request, &write->status);
            write->posted = true;
        }
    }
}

void writes_check(struct worker *w)
{
    const struct write *first = NULL;

    for (unsigned i = 0; i < 2; i++) {
        struct chunk *chunk = w->chunk[i];
        for (unsigned n = 0; n < chunk->writes; n++) {
            struct write *write = &chunk->write[n];
            if (write->status < 0 && write->offload)
                write->status = write_by_hand(w, write);
            if (write->status < 0 && (!first || write->piece_off < first->piece_off))
                first = write;
        }
        chunk->writes = 0;
    }
    if (first)
        copy_fail(w->copy, COPY_STAGE_WRITE, first->piece_off, first->status);
}

void writes_flush(struct worker *w)
{
    writes_post(w);
    ring_flush(w->g);
    writes_check(w);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serve - doing what a checked request asks for, one function per kind. */
#ifndef VMM_SERVE_H
#define VMM_SERVE_H

#include "internal.h"

/* What the host knows of the requests that came by one doorbell. */
struct serve_batch {
    uint32_t count;
    bool overlap; /* the guest does not wait for all of them */
    bool broken;  /* a chained one has failed: those after it are not done */
};

/*
 * Serve the request, which has passed abi_request_check(): at once, or by starting it. Returns the
 * number of completions posted. READ, WRITE and COPY may be served in any order; all that changes
 * a device otherwise comes after everything that the vCPU has in flight.
 */
unsigned serve_request(struct vmm_vcpu *vcpu, const struct abi_request *request,
                       struct serve_batch *batch);

/* One request being served. */
struct serve_call {
    struct vmm_vcpu *vcpu;
    struct vmm *vmm;
    struct vmm_device *device, *device2; /* those that its kind needs */
    const struct abi_request *request;
    uint64_t value, value2; /* for the completion */
};

/* Returns the completion's status: 0 or a negative errno. */
typedef int serve_fn(struct serve_call *call);

/* serve-rw.c */
serve_fn serve_read, serve_write, serve_flush;
/* serve-space.c */
serve_fn serve_zero, serve_discard, serve_allocate, serve_truncate;
/* serve-look.c */
serve_fn serve_device, serve_extents, serve_scan, serve_compare;
/* serve-talk.c */
serve_fn serve_open, serve_close, serve_result, serve_error, serve_progress, serve_random,
    serve_clock;

/* pace.c */
serve_fn serve_pace;

/* serve-copy.c: share the blocks, where the file system can. Returns 0 or a negative errno. */
int serve_reflink(const struct serve_call *call);
/* COPY with ABI_COPY_OFFLOAD. */
serve_fn serve_offload;

/* Write all bytes; 0 or a negative errno. */
int device_write(struct vmm *vmm, struct vmm_device *device, const void *from, uint64_t bytes,
                 uint64_t offset);
/* Read @bytes, zeroes behind the end of the file (-EIO if @exact); 0 or a negative errno. */
int device_read(struct vmm *vmm, struct vmm_device *device, void *to, uint64_t bytes,
                uint64_t offset, bool exact);
/* serve-stream.c: the same of a stream, only from where the last one ended. *got < bytes: the
 * stream has ended. */
int stream_read(struct vmm_device *device, void *to, uint64_t bytes, uint64_t offset,
                uint64_t *got);
int stream_write(struct vmm_device *device, const void *from, uint64_t bytes, uint64_t offset);
/* The vCPU's private buffer of 2 * SERVE_BOUNCE_BYTES, page aligned; NULL: no memory. */
void *serve_bounce(struct vmm_vcpu *vcpu);

enum { SERVE_BOUNCE_BYTES = 512 << 10 };

#endif

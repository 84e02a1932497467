/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serve - doing what a checked request asks for, one function per kind. */
#ifndef VMM_SERVE_H
#define VMM_SERVE_H

#include "internal.h"

/* Serve the request, which has passed abi_request_check(). Returns the completion's status: 0 or
 * a negative errno; sets completion->value and value2. */
int serve_request(struct vmm_vcpu *vcpu, const struct abi_request *request,
                  struct abi_completion *completion);

typedef int serve_fn(struct vmm_vcpu *vcpu, struct vmm_device *device,
                     const struct abi_request *request, struct abi_completion *completion);

/* serve-rw.c */
serve_fn serve_read, serve_write, serve_flush;
/* serve-space.c */
serve_fn serve_zero, serve_discard, serve_allocate, serve_truncate;
/* serve-look.c */
serve_fn serve_device, serve_extents, serve_scan, serve_compare;
/* serve-copy.c */
serve_fn serve_copy;
/* serve-talk.c */
serve_fn serve_open, serve_close, serve_result, serve_error, serve_progress, serve_random;

/* Write all bytes; 0 or a negative errno. */
int write_whole(int fd, const void *from, uint64_t bytes, uint64_t offset);
/* Read @bytes, zeroes behind the end of the file (-EIO if @exact); 0 or a negative errno. */
int read_whole(int fd, void *to, uint64_t bytes, uint64_t offset, bool exact);
/* The vCPU's private buffer of SERVE_BOUNCE_BYTES, page aligned; NULL: no memory. */
void *serve_bounce(struct vmm_vcpu *vcpu);

enum { SERVE_BOUNCE_BYTES = 1 << 20 };

#endif

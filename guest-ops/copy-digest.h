/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The digest of what the target's disk holds (convert --checksum), computed while it is copied: the
 * chunks' bytes in the disk's order, zeroes too, whatever form they take in the target.
 */
#ifndef GUEST_COPY_DIGEST_H
#define GUEST_COPY_DIGEST_H

#include "copy.h"

/* Get ready, if the job's "checksum" names a hash. Returns 0 or a negative errno, recorded. */
int copy_digest_begin(struct guest *g, struct copy *copy);
/* The first @pieces of the chunk with that number, as they have been read. Waits until its turn has
 * come; does nothing if there is nothing to compute, or something has failed meanwhile. */
void copy_digest_chunk(struct guest *g, struct copy *copy, uint64_t sequence,
                       const struct copy_piece *piece, uint8_t *const *data, unsigned pieces);
/* The target is whole: what it has beyond the copied disk is read from it; then the digest is sent
 * to the host. Returns 0 or a negative errno, recorded. */
int copy_digest_finish(struct guest *g, struct copy *copy);

#endif

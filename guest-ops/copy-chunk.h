/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chunks: what one vCPU copies at a time, and the steps of its work. Each worker has two: one is
 * written while the other is read.
 */
#ifndef GUEST_COPY_CHUNK_H
#define GUEST_COPY_CHUNK_H

#include "copy.h"

/* A stretch of a piece that is being written. */
struct write {
    struct fmt_image *image; /* CODED: whose code it is */
    uint64_t piece_off;      /* where its piece begins, for messages */
    uint64_t offset;         /* in the image */
    uint64_t device_off;
    uint32_t device;
    uint32_t bytes;
    uint8_t *data;
    bool posted;
    bool offload; /* data is not read, but copied from there: */
    uint32_t from_device;
    uint64_t from_off;
    int status;
};

/* What has become of a cluster that is to be stored compressed. */
struct coded {
    enum { CODED_LATER, CODED_ZERO, CODED_SMALLER, CODED_NOT } kind; /* LATER: by the driver */
    uint8_t *data;
    size_t bytes;
};

struct chunk {
    uint64_t sequence;
    unsigned pieces, writes;
    struct copy_piece piece[COPY_PIECES_MAX];
    uint8_t *data[COPY_PIECES_MAX]; /* in the buffer */
    uint64_t used;                  /* of the buffer */
    int read_status;                /* a negative errno: behind the pieces, reading fails */
    uint64_t read_off;              /* there */
    uint8_t *buffer;
    uint8_t *coded_buffer; /* of compressed clusters, as large */
    struct coded coded[COPY_PIECES_MAX];
    struct reads reads;
    struct write write[COPY_WRITES_MAX];
};

struct worker {
    struct guest *g;
    struct copy *copy;
    struct chunk *chunk[2]; /* one is written while the other is read */
    struct fmt_compressor compressor;
    struct fmt_decoder decoder;
    uint64_t paced_bytes; /* placed since the host was asked last */
};

/* ---- copy-claim.c ---- */

/* Take the next pieces, as many as fit, and begin to read them. False: there are none. What goes
 * wrong is told by copy_fail(), or, where reading fails, by the chunk's read_status. */
bool chunk_claim(struct worker *w, struct chunk *chunk);
/* Wait for what is being read; the last chunk is written then, too. */
void chunk_read_finish(struct worker *w, struct chunk *chunk);

/* ---- copy-offload.c ---- */

/* With the sources' lock: let the file system copy the piece of data, or the first part of it, if
 * it can. Once it could not, nothing else is tried. */
void piece_offload(struct worker *w, struct copy_piece *piece);
/* What the file system was to copy, and did not: through memory. Returns 0 or a negative errno. */
int write_by_hand(struct worker *w, const struct write *write);

/* ---- copy-place.c ---- */

/* When the chunk's turn has come, give its pieces places in the target. Their bytes are written
 * with the next doorbell, unless something has failed: then what comes before it, at once. */
void chunk_place(struct worker *w, struct chunk *chunk);

/* ---- copy-write.c ---- */

/* Send what is to be written, with the next doorbell. Not before: calls of drivers meanwhile would
 * wait for it, too. Nothing leaves that has not been encrypted if it is to be. */
void writes_post(struct worker *w);
/* What was being written, and is not any more: tell what has failed, the first of the disk's. */
void writes_check(struct worker *w);
/* Send it, wait, and tell. */
void writes_flush(struct worker *w);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copying disks into an image: convert and dd.
 *
 * The work is cut into pieces as the reference cuts it, since where data lands in the target
 * follows from them; pieces are gathered in chunks of a buffer's length. Each vCPU takes the next
 * chunk, reads it, and, when its turn has come, gives it a place in the target; the bytes are
 * written while the next chunk is read. Sources and target have an env each: who holds their lock
 * lends them its ring.
 */
#ifndef GUEST_COPY_H
#define GUEST_COPY_H

#include "chain.h"
#include "reads.h"
#include "sparse.h"

enum {
    COPY_SOURCES_MAX = 1024,
    COPY_BUFFER_BYTES = 2 << 20, /* the longest piece of data, and the reference's */
    COPY_PIECES_MAX = 128,       /* of a chunk */
    COPY_WRITES_MAX = 128,       /* of a chunk, written at once */
};

enum copy_status {
    COPY_DATA,
    COPY_OFFLOAD, /* data that the file system is to copy */
    COPY_ZERO,    /* reads as zeroes */
    COPY_BACKING, /* the target's backing file has it */
};

struct copy_source {
    struct chain chain;
    uint64_t start;       /* where in the disk it begins */
    uint64_t data_bytes;  /* from there; zeroes fill the last sector */
    uint64_t bytes;       /* the same in whole sectors */
    uint64_t align_bytes; /* pieces end at multiples of it, if they can */
    bool stream;          /* read once, in order; it may end before its time: */
    bool ended;           /* data_bytes is what came */
};

/* What is to be done; does not change once the copying has begun, unless a stream ends. */
struct copy_how {
    struct copy_source *source;
    size_t sources;
    struct fmt_image *target;
    uint64_t total_bytes;
    struct sparse sparse;
    bool compressed;
    int level;              /* of compression; 0: the codec's own */
    uint64_t cluster_bytes; /* of a compressed target */
    uint64_t piece_bytes;   /* the longest piece of data */
    uint64_t backing_bytes; /* of the target's backing file; UINT64_MAX: none, or not known */
    uint64_t data_end;      /* what lies behind is not written (dd, to a stream) */
    bool zeroes_are_data;   /* the target has no other way to hold them, but to store them */
    bool zero_init;         /* what is not written reads as zeroes */
    bool top_only;          /* the target has the sources' backing files, too */
    bool is_dd;             /* all is data, and messages have no offsets */
    bool detect_zeroes;     /* what is written, and holds nothing else, is written as zeroes */
    bool detect_unmap;      /* ... which may be holes */
    bool offload;           /* file systems are to copy what they can */
    bool in_order;          /* places depend on the order of writing */
    bool data_first; /* written by the driver: into a file that is an image itself, and into an
                        image in use, where no table may lead to data that is not there yet */
    bool salvage;
    bool paced; /* the host limits how fast is written */
    bool quiet;
    bool progress;           /* is shown, step by step */
    uint64_t progress_steps; /* how often it is told, at most */
};

struct copy_piece {
    uint64_t offset;
    uint64_t bytes;
    enum copy_status status;
    bool counts; /* as data, where progress is told */
    /* COPY_OFFLOAD: where the data lies. */
    uint32_t device;
    uint64_t device_off;
};

/* What goes wrong first. */
enum copy_stage { COPY_STAGE_STATUS, COPY_STAGE_READ, COPY_STAGE_WRITE };

/* Shared by all vCPUs. */
struct copy {
    struct copy_how how;
    struct fmt_env *source_env, *target_env;
    /* Under the lock "source": the plan, and the sources themselves. */
    uint32_t source_lock;
    uint64_t at;         /* where the next piece begins */
    uint64_t status_end; /* up to here the status is known */
    enum copy_status status;
    uint64_t sequence;       /* of the next chunk */
    uint32_t offload_device; /* one that the file system copies from to the target */
    bool offload_asked;      /* ... it is known */
    uint64_t data_bytes, data_done, data_shown;
    /* Under the lock "target", or in turn. */
    uint32_t target_lock;
    uint64_t turn;
    const struct guest *holder; /* who had the target last */
    struct copy_digest *digest; /* copy-digest.h; NULL: not wanted */
    uint32_t no_offload;        /* that was impossible once: all else goes through memory */
    /* The first failure. */
    uint32_t failed;
    enum copy_stage stage;
    uint64_t offset;
    int code;
};

/* copy-plan.c: the next piece from copy->at, without moving on. Returns 0 or a negative errno. */
int copy_piece_find(struct copy *copy, struct copy_piece *piece);
/* The source that has @offset, which becomes an offset in it. */
struct copy_source *copy_source_at(const struct copy *copy, uint64_t *offset);
/* Go through all pieces once: how much data there is. Returns 0 or a negative errno, recorded. */
int copy_plan(struct copy *copy);

/* copy-read.c: bytes of the source from @offset on; with its lock. As reads_begin(). */
int copy_source_read(struct reads *reads, struct copy_source *source, uint64_t offset, uint8_t *to,
                     uint64_t bytes, uint64_t tag);

/* copy-chunk.c: this vCPU's share of the work, until there is no more, or something fails. */
void copy_work(struct guest *g, struct copy *copy);

/* ---- copy.c ---- */

/* Tell the host how far it is. */
void copy_progress_send(struct guest *g, struct copy *copy);
/* Have the target to oneself, not in turn. */
void copy_target_lock(struct guest *g, struct copy *copy);
void copy_target_unlock(struct copy *copy);
/* Keep what failed first. */
void copy_fail(struct copy *copy, enum copy_stage stage, uint64_t offset, int code);
/* Do it all, with whatever vCPUs there are. Returns 0 or a negative errno, recorded. */
int copy_run(struct guest *g, struct copy *copy);

#endif

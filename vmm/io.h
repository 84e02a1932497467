/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * io - reads and writes in flight.
 *
 * A queue belongs to one vCPU's thread. Until io_queue_engage() it works at once in the caller,
 * which is the fastest for a few small transfers; afterwards in the kernel (io_uring) or, where
 * that is refused, on a pool of threads.
 */
#ifndef VMM_IO_H
#define VMM_IO_H

#include "internal.h"

struct io_queue;

struct io_op {
    struct io_op *next; /* the queue's own */
    struct io_queue *queue;
    void *owner; /* the submitter's own */
    bool write;
    bool now;        /* not in the background */
    uint32_t device; /* which device @fd is of */
    int fd;
    void *data;
    uint32_t bytes;
    uint64_t offset;
    int64_t result; /* bytes moved or a negative errno */
    void (*done)(struct io_op *op);
};

struct io_backend {
    /* Whether it can be had: sets queue->state. */
    int (*start)(struct io_queue *queue);
    void (*stop)(struct io_queue *queue);
    /* Take the operation; false: cannot, now. */
    bool (*submit)(struct io_queue *queue, struct io_op *op);
    /* Move finished operations to queue->finished; with @wait, wait for one. */
    void (*reap)(struct io_queue *queue, bool wait);
};

struct io_queue {
    struct vmm *vmm;
    const struct io_backend *backend; /* NULL: operations are done at once */
    void *state;
    bool engaged;           /* engaging was tried */
    unsigned in_flight;     /* submitted, done() not called yet */
    struct io_op *finished; /* first in, first out */
    struct io_op **finished_end;
};

enum { IO_DEPTH = 64 }; /* operations in flight of a queue */

void io_queue_init(struct io_queue *queue, struct vmm *vmm);
/* Waits for nothing: the caller has drained the queue. */
void io_queue_stop(struct io_queue *queue);
/* Expect bulk work: from now on, operations are done in the background. */
void io_queue_engage(struct io_queue *queue);
/* Start @op; op->done() is called by a later io_queue_run(). At most IO_DEPTH at once. */
void io_queue_submit(struct io_queue *queue, struct io_op *op);
/* Call done() of what has finished; with @wait, of at least one if any is in flight. */
void io_queue_run(struct io_queue *queue, bool wait);

/* For backends: hand a finished operation back. On the queue's thread. */
void io_queue_finish(struct io_queue *queue, struct io_op *op);
/* Do the operation in the caller: its result. */
int64_t io_op_execute(const struct io_op *op);

extern const struct io_backend io_uring_backend, io_threads_backend;
void io_pool_free(struct vmm *vmm);

#endif

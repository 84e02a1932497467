/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations in flight in the kernel. The ring is restricted to reads and writes of registered
 * files before it takes its first operation: whoever gets hold of it can do nothing else with it.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <unistd.h>

#include "io.h"

/* Registered files: a small table, device number modulo its size. */
enum { SLOTS = 32, NO_FILE = -1 };
static const uint32_t no_device = UINT32_MAX;

struct uring {
    struct io_uring ring;
    unsigned unsubmitted;
    struct {
        uint32_t device; /* a number is never given twice, unlike a descriptor */
        unsigned in_flight;
    } slot[SLOTS];
};

static int restrict_ring(struct io_uring *ring)
{
    struct io_uring_restriction allow[] = {
        {.opcode = IORING_RESTRICTION_SQE_OP,             .sqe_op = IORING_OP_READ                   },
        {.opcode = IORING_RESTRICTION_SQE_OP,             .sqe_op = IORING_OP_WRITE                  },
        {.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE              },
        {.opcode = IORING_RESTRICTION_REGISTER_OP,        .register_op = IORING_REGISTER_FILES_UPDATE},
        {.opcode = IORING_RESTRICTION_REGISTER_OP,        .register_op = IORING_UNREGISTER_FILES     },
    };

    return io_uring_register_restrictions(ring, allow, sizeof(allow) / sizeof(allow[0]));
}

static int ring_make(struct io_uring *ring)
{
    /* Newer kernels save work when one thread does all; older ones refuse to know. */
    static const unsigned flags[] = {
        IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
        IORING_SETUP_R_DISABLED,
    };
    int empty[SLOTS];
    int r = -ENOSYS;

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        r = io_uring_queue_init(IO_DEPTH, ring, flags[i]);
        if (r != -EINVAL)
            break;
    }
    if (r < 0)
        return r;
    for (unsigned i = 0; i < SLOTS; i++)
        empty[i] = NO_FILE;
    r = io_uring_register_files(ring, empty, SLOTS);
    if (r == 0)
        r = restrict_ring(ring);
    if (r == 0)
        r = io_uring_enable_rings(ring);
    if (r < 0)
        io_uring_queue_exit(ring);
    return r;
}

static int uring_start(struct io_queue *queue)
{
    struct uring *u = calloc(1, sizeof(*u));

    if (!u)
        return -ENOMEM;
    for (unsigned i = 0; i < SLOTS; i++)
        u->slot[i].device = no_device;
    int r = ring_make(&u->ring);
    if (r < 0)
        free(u);
    else
        queue->state = u;
    return r;
}

static void uring_stop(struct io_queue *queue)
{
    struct uring *u = queue->state;

    /* A ring dies in its own time: it must not keep the files, and their locks, that long. */
    io_uring_unregister_files(&u->ring);
    io_uring_queue_exit(&u->ring);
    free(u);
}

/*
 * Put @op's file into a slot. The kernel takes a ring apart some time after the process has died:
 * the ring gets an open file of its own, or image locks would live as long.
 */
static bool slot_fill(struct io_queue *queue, unsigned slot, const struct io_op *op)
{
    struct uring *u = queue->state;
    int own = device_open_own(queue->vmm, op->device);
    int fd = own < 0 ? op->fd : own;

    bool filled = io_uring_register_files_update(&u->ring, slot, &fd, 1) == 1;
    if (own >= 0)
        close(own);
    if (filled)
        u->slot[slot].device = op->device;
    return filled;
}

/* The table's slot that holds @op's file; -1 if it is taken. */
static int slot_for(struct io_queue *queue, const struct io_op *op)
{
    struct uring *u = queue->state;
    unsigned i = op->device % SLOTS;

    if (u->slot[i].device == op->device)
        return (int)i;
    return u->slot[i].in_flight == 0 && slot_fill(queue, i, op) ? (int)i : -1;
}

static bool uring_submit(struct io_queue *queue, struct io_op *op)
{
    struct uring *u = queue->state;
    int slot = slot_for(queue, op);
    struct io_uring_sqe *sqe = slot < 0 ? NULL : io_uring_get_sqe(&u->ring);

    if (!sqe)
        return false;
    if (op->write)
        io_uring_prep_write(sqe, slot, op->data, op->bytes, op->offset);
    else
        io_uring_prep_read(sqe, slot, op->data, op->bytes, op->offset);
    io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data(sqe, op);
    u->slot[slot].in_flight++;
    u->unsubmitted++;
    return true;
}

static void uring_reap(struct io_queue *queue, bool wait)
{
    struct uring *u = queue->state;
    struct io_uring_cqe *cqe[IO_DEPTH];

    if (u->unsubmitted || wait) {
        /* Interrupted or out of resources: what is not submitted now is by the next call. */
        int n = io_uring_submit_and_wait(&u->ring, wait ? 1 : 0);
        u->unsubmitted -= n > 0 ? (unsigned)n : 0;
    }
    unsigned count = io_uring_peek_batch_cqe(&u->ring, cqe, IO_DEPTH);
    for (unsigned i = 0; i < count; i++) {
        struct io_op *op = io_uring_cqe_get_data(cqe[i]);
        op->result = cqe[i]->res;
        u->slot[op->device % SLOTS].in_flight--;
        io_queue_finish(queue, op);
    }
    io_uring_cq_advance(&u->ring, count);
}

const struct io_backend io_uring_backend = {
    .start = uring_start,
    .stop = uring_stop,
    .submit = uring_submit,
    .reap = uring_reap,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queues of reads and writes; see io.h. */
#include "io.h"

#include <errno.h>
#include <unistd.h>

void io_queue_init(struct io_queue *queue, struct vmm *vmm)
{
    *queue = (struct io_queue){.vmm = vmm};
    queue->finished_end = &queue->finished;
}

void io_queue_stop(struct io_queue *queue)
{
    if (queue->backend)
        queue->backend->stop(queue);
    queue->backend = NULL;
}

void io_queue_engage(struct io_queue *queue)
{
    static const struct io_backend *const backends[] = {&io_uring_backend, &io_threads_backend};
    enum vmm_io io = queue->vmm->options.io;

    if (queue->engaged)
        return;
    queue->engaged = true;
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        if (backends[i] == &io_uring_backend && io == VMM_IO_THREADS)
            continue;
        if (backends[i] == &io_threads_backend && io == VMM_IO_URING)
            continue;
        if (backends[i]->start(queue) == 0) {
            queue->backend = backends[i];
            return;
        }
    }
}

int64_t io_op_execute(const struct io_op *op)
{
    ssize_t n;

    do {
        n = op->write ? pwrite(op->fd, op->data, op->bytes, (off_t)op->offset)
                      : pread(op->fd, op->data, op->bytes, (off_t)op->offset);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

void io_queue_finish(struct io_queue *queue, struct io_op *op)
{
    op->next = NULL;
    *queue->finished_end = op;
    queue->finished_end = &op->next;
}

void io_queue_submit(struct io_queue *queue, struct io_op *op)
{
    op->queue = queue;
    queue->in_flight++;
    if (queue->backend && !op->now && queue->backend->submit(queue, op))
        return;
    op->result = io_op_execute(op);
    io_queue_finish(queue, op);
}

void io_queue_run(struct io_queue *queue, bool wait)
{
    if (queue->backend && queue->in_flight > 0)
        queue->backend->reap(queue, wait && !queue->finished);
    struct io_op *op = queue->finished;
    queue->finished = NULL;
    queue->finished_end = &queue->finished;
    while (op) {
        struct io_op *next = op->next;
        queue->in_flight--;
        op->done(op); /* may submit more */
        op = next;
    }
}

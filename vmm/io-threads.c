/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations in flight on a pool of threads, shared by all queues of a run. */
#include <errno.h>
#include <stdlib.h>

#include "io.h"

enum { POOL_THREADS = 3 };

struct io_pool {
    pthread_mutex_t lock;
    pthread_cond_t work;     /* something in todo, or the end */
    pthread_cond_t finished; /* something in a queue's done list */
    struct io_op *todo;      /* first in, first out */
    struct io_op **todo_end;
    unsigned threads;
    pthread_t thread[POOL_THREADS];
    bool stopping;
};

/* A queue's share: what the threads have finished, in any order. */
struct io_pool_queue {
    struct io_pool *pool;
    struct io_op *done;
};

static void *pool_thread(void *arg)
{
    struct io_pool *pool = arg;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->todo && !pool->stopping)
            pthread_cond_wait(&pool->work, &pool->lock);
        struct io_op *op = pool->todo;
        if (!op)
            break;
        pool->todo = op->next;
        if (!pool->todo)
            pool->todo_end = &pool->todo;
        pthread_mutex_unlock(&pool->lock);
        op->result = io_op_execute(op);
        struct io_pool_queue *queue = op->queue->state;
        pthread_mutex_lock(&pool->lock);
        op->next = queue->done;
        queue->done = op;
        pthread_cond_broadcast(&pool->finished);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static struct io_pool *pool_new(void)
{
    struct io_pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->finished, NULL);
    pool->todo_end = &pool->todo;
    while (pool->threads < POOL_THREADS &&
           pthread_create(&pool->thread[pool->threads], NULL, pool_thread, pool) == 0)
        pool->threads++;
    if (pool->threads > 0)
        return pool;
    free(pool);
    return NULL;
}

void io_pool_free(struct vmm *vmm)
{
    struct io_pool *pool = vmm->pool;

    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_join(pool->thread[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->finished);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    vmm->pool = NULL;
}

static int threads_start(struct io_queue *queue)
{
    struct io_pool_queue *share = calloc(1, sizeof(*share));

    if (!share)
        return -ENOMEM;
    pthread_mutex_lock(&queue->vmm->device_lock);
    if (!queue->vmm->pool)
        queue->vmm->pool = pool_new();
    share->pool = queue->vmm->pool;
    pthread_mutex_unlock(&queue->vmm->device_lock);
    if (!share->pool) {
        free(share);
        return -EAGAIN;
    }
    queue->state = share;
    return 0;
}

static void threads_stop(struct io_queue *queue)
{
    free(queue->state);
}

static bool threads_submit(struct io_queue *queue, struct io_op *op)
{
    struct io_pool_queue *share = queue->state;
    struct io_pool *pool = share->pool;

    op->next = NULL;
    pthread_mutex_lock(&pool->lock);
    *pool->todo_end = op;
    pool->todo_end = &op->next;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    return true;
}

static void threads_reap(struct io_queue *queue, bool wait)
{
    struct io_pool_queue *share = queue->state;
    struct io_pool *pool = share->pool;

    pthread_mutex_lock(&pool->lock);
    while (wait && !share->done)
        pthread_cond_wait(&pool->finished, &pool->lock);
    struct io_op *op = share->done;
    share->done = NULL;
    pthread_mutex_unlock(&pool->lock);
    while (op) {
        struct io_op *next = op->next;
        io_queue_finish(queue, op);
        op = next;
    }
}

const struct io_backend io_threads_backend = {
    .start = threads_start,
    .stop = threads_stop,
    .submit = threads_submit,
    .reap = threads_reap,
};

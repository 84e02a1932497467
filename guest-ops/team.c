/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPUs that work together; see team.h. */
#include "team.h"

#include "doorbell.h"

enum { BOARD_WAIT, BOARD_WORK, BOARD_LEAVE };

/* In the page that all vCPUs share. */
struct board {
    uint32_t state;
    uint32_t working; /* vCPUs that have not finished, without the first */
    void (*work)(struct guest *g, void *ctx);
    void *ctx;
    struct guest_layer *layers; /* that the first one has opened: read-only from then on */
};

static struct board *board_of(const struct guest *g)
{
    return (struct board *)g->boot->shared_addr;
}

void team_wait(struct guest *g, unsigned *rounds)
{
    enum { SPINS = 4096 };

    __builtin_ia32_pause();
    if (++*rounds % SPINS == 0)
        doorbell_ring(g, 0);
}

void team_lock(struct guest *g, uint32_t *lock)
{
    unsigned rounds = 0;

    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(lock, __ATOMIC_RELAXED))
            team_wait(g, &rounds);
    }
}

void team_unlock(uint32_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

void team_run(struct guest *g, void (*work)(struct guest *g, void *ctx), void *ctx)
{
    struct board *board = board_of(g);
    unsigned rounds = 0;

    board->work = work;
    board->ctx = ctx;
    board->layers = g->layers;
    board->working = g->boot->vcpu_count - 1;
    __atomic_store_n(&board->state, BOARD_WORK, __ATOMIC_RELEASE);
    work(g, ctx);
    while (__atomic_load_n(&board->working, __ATOMIC_ACQUIRE) > 0)
        team_wait(g, &rounds);
}

void team_join(struct guest *g)
{
    struct board *board = board_of(g);
    unsigned rounds = 0;
    uint32_t state;

    while ((state = __atomic_load_n(&board->state, __ATOMIC_ACQUIRE)) == BOARD_WAIT)
        team_wait(g, &rounds);
    if (state != BOARD_WORK)
        return;
    g->layers = board->layers;
    board->work(g, board->ctx);
    __atomic_fetch_sub(&board->working, 1, __ATOMIC_ACQ_REL);
}

void team_dismiss(struct guest *g)
{
    uint32_t wait = BOARD_WAIT;

    __atomic_compare_exchange_n(&board_of(g)->state, &wait, BOARD_LEAVE, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
}

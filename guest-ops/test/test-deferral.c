/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deferred work against work that waits for each request: creation of every format, with the n-th
 * request failing for all n, ends with the same error and leaves the same bytes.
 *
 * All is the guest's own but the doorbell: the host behind it is made of byte buffers.
 */
#include "doorbell.h"
#include "test/fake-io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ARENA_BYTES = 64 << 20, STATUS_CANCELED = -125 };

struct rig {
    struct guest guest; /* first, so that the doorbell finds the rest */
    struct abi_boot boot;
    struct abi_ring ring;
    struct fake_world *world;
    uint32_t sq_head;
    jmp_buf end; /* where a guest that is done goes */
    unsigned doorbells;
    unsigned done;    /* requests that were done or have failed, but for the pool's */
    unsigned fail_at; /* this one fails; 0: none */
};

static int request_do(struct rig *rig, const struct abi_request *request,
                      struct abi_completion *done)
{
    const struct fmt_io_ops *io = rig->world->env.io;
    struct fake_device *device = &rig->world->device[request->device];
    void *memory = (void *)(uintptr_t)request->addr;
    uint64_t offset = request->offset, length = request->length;

    switch (request->kind) {
    case ABI_REQ_READ:
        return io->read(rig->world, request->device, offset, memory, length);
    case ABI_REQ_WRITE:
        return io->write(rig->world, request->device, offset, memory, length);
    case ABI_REQ_ZERO:
        return io->zero(rig->world, request->device, offset, length, false);
    case ABI_REQ_TRUNCATE:
        return io->truncate(rig->world, request->device, length, FMT_PREALLOC_OFF);
    case ABI_REQ_FLUSH:
        return 0;
    case ABI_REQ_DEVICE:
        *(struct abi_device *)memory = (struct abi_device){
            .size_bytes = device->size_bytes, .flags = ABI_DEVICE_WRITABLE | ABI_DEVICE_ZERO_INIT};
        return 0;
    case ABI_REQ_RANDOM:
        return io->random(rig->world, memory, length);
    case ABI_REQ_CLOCK:
        done->value = io->clock(rig->world);
        return 0;
    default:
        fail_msg("a request of kind %u", request->kind);
        return 0;
    }
}

/* Serve what is new; false: a chained request has failed. */
static bool ring_serve(struct rig *rig)
{
    bool broken = false;

    rig->doorbells++;
    for (; rig->sq_head != rig->ring.sq_tail; rig->sq_head++) {
        const struct abi_request *request = &rig->ring.sq[rig->sq_head % ABI_RING_ENTRIES];
        bool chained = request->flags & ABI_CHAINED;
        struct abi_completion done = {.cookie = request->cookie};
        if (chained && broken)
            done.status = STATUS_CANCELED;
        else if (++rig->done == rig->fail_at)
            done.status = -FMT_ENOSPC;
        else
            done.status = request_do(rig, request, &done);
        broken |= chained && done.status < 0;
        rig->ring.cq[rig->ring.cq_tail++ % ABI_RING_ENTRIES] = done;
    }
    return !broken;
}

void doorbell_ring(struct guest *g, uint32_t wait)
{
    struct rig *rig = (struct rig *)g;

    assert_int_equal(wait, rig->ring.sq_tail - rig->sq_head);
    ring_serve(rig);
}

void doorbell_done(struct guest *g)
{
    struct rig *rig = (struct rig *)g;

    if (ring_serve(rig))
        longjmp(rig->end, 1);
}

_Noreturn void guest_panic(struct guest *g, uint32_t reason)
{
    (void)g;
    fprintf(stderr, "panic at line %u\n", reason);
    abort();
}

static struct rig *rig_new(void)
{
    struct rig *rig = calloc(1, sizeof(*rig));

    rig->world = fake_world_new();
    rig->guest.arena.base = aligned_alloc(4096, ARENA_BYTES);
    return rig;
}

static void rig_free(struct rig *rig)
{
    free(rig->guest.arena.base);
    fake_world_free(rig->world);
    free(rig);
}

/* A new guest, an empty device and another one. */
static void rig_start(struct rig *rig, unsigned fail_at)
{
    const struct abi_device target = {.flags = ABI_DEVICE_WRITABLE | ABI_DEVICE_ZERO_INIT};
    struct guest *g = &rig->guest;

    rig->boot = (struct abi_boot){.device_addr = (uint64_t)(uintptr_t)&target, .device_count = 1};
    rig->ring.sq_tail = rig->ring.cq_tail = rig->sq_head = 0;
    memset(g, 0, offsetof(struct guest, arena));
    g->arena = (struct fmt_arena){.base = g->arena.base, .size_bytes = ARENA_BYTES};
    memset(&g->error, 0, sizeof(*g) - offsetof(struct guest, error));
    g->boot = &rig->boot;
    g->ring = &rig->ring;
    assert_int_equal(guest_io_init(g), 0);
    assert_int_equal(report_init(g), 0);
    g->env.secrets = rig->world->env.secrets;
    g->env.secret_count = rig->world->env.secret_count;
    fake_world_reset(rig->world);
    rig->world->device_count = 0;
    fake_device_add(rig->world, "x", NULL, 0);
    fake_device_add(rig->world, "other", "bytes", 5);
    rig->doorbells = rig->done = 0;
    rig->fail_at = fail_at;
}

/* What came of it: status, error and the file, for comparison. */
struct outcome {
    int status;
    char error[4096];
    uint64_t bytes;
    uint8_t *data;
    unsigned doorbells, done;
};

static struct outcome rig_finish(struct rig *rig, int status)
{
    struct fake_device *device = rig->world->device;
    struct outcome outcome = {.status = status,
                              .bytes = device[0].size_bytes,
                              .data = device[0].data,
                              .doorbells = rig->doorbells,
                              .done = rig->done};

    assert_null(rig->guest.deferral);
    assert_int_equal(rig->guest.posted, 0);
    rig->world->error = rig->guest.error;
    snprintf(outcome.error, sizeof(outcome.error), "%s", fake_error(rig->world));
    free(device[1].data);
    free(device[0].name);
    free(device[1].name);
    rig->world->device_count = 0;
    return outcome;
}

static void outcomes_compare(const char *name, unsigned fail_at, struct outcome *a,
                             struct outcome *b)
{
    if (a->status != b->status || strcmp(a->error, b->error) != 0 || a->bytes != b->bytes ||
        memcmp(a->data, b->data, a->bytes) != 0)
        fail_msg("%s, request %u: %d %s of %llu bytes, or %d %s of %llu", name, fail_at, a->status,
                 a->error, (unsigned long long)a->bytes, b->status, b->error,
                 (unsigned long long)b->bytes);
    free(a->data);
    free(b->data);
}

/* ---- creation ---- */

static const struct fmt_option fixed[] = {
    {{"subformat", 9}, FMT_OPTION_TEXT, 0, {"fixed", 5}}
};
static const struct fmt_option stream[] = {
    {{"subformat", 9}, FMT_OPTION_TEXT, 0, {"streamOptimized", 15}}
};
static const struct fmt_option is_static[] = {
    {{"static", 6}, FMT_OPTION_BOOL, 1, {"", 0}}
};
static const struct fmt_option small[] = {
    {{"cluster_size", 12}, FMT_OPTION_NUMBER, 4096, {"", 0}},
    {{"table_size", 10},   FMT_OPTION_NUMBER, 1,    {"", 0}},
};
static const struct fmt_option metadata[] = {
    {{"preallocation", 13}, FMT_OPTION_TEXT,   0,    {"metadata", 8}},
    {{"cluster_size", 12},  FMT_OPTION_NUMBER, 4096, {"", 0}        },
};
static const struct fmt_option key[] = {
    {{"key-secret", 10}, FMT_OPTION_TEXT,   0,  {"s", 1}},
    {{"iter-time", 9},   FMT_OPTION_NUMBER, 10, {"", 0} },
};

static const struct row {
    const char *format;
    uint64_t bytes;
    unsigned doorbells; /* where nothing fails; 0: any number */
    const struct fmt_option *option;
    size_t options;
} rows[] = {
    {"raw",       1 << 20,  1, NULL,      0},
    {"vdi",       5 << 20,  1, NULL,      0},
    {"vdi",       5 << 20,  1, is_static, 1},
    {"vmdk",      50 << 20, 1, NULL,      0},
    {"vmdk",      50 << 20, 1, stream,    1},
    {"vpc",       5 << 20,  1, NULL,      0},
    {"vpc",       5 << 20,  1, fixed,     1},
    {"vhdx",      5 << 20,  1, NULL,      0},
    {"vhdx",      5 << 20,  1, fixed,     1},
    {"qed",       5 << 20,  1, small,     2},
    {"qcow",      5 << 20,  1, NULL,      0},
    {"parallels", 5 << 20,  1, small,     1},
    {"qcow2",     5 << 20,  0, small,     1},
    {"qcow2",     5 << 20,  0, metadata,  2},
    {"luks",      4096,     0, key,       2},
};

static int create(struct guest *g, void *ctx)
{
    const struct row *row = ctx;
    const struct fmt_options options = {row->option, row->options};
    const struct fmt_create new = {
        .virtual_bytes = row->bytes, .filename = fmt_bytes_of("x"), .options = &options};
    int r = fmt_driver_find(fmt_bytes_of(row->format))->create(&g->env, &new);

    return r < 0 ? r : io_flush(&g->env, 0);
}

enum mode { WAITED, DEFERRED, LAST };

static struct outcome create_outcome(struct rig *rig, const struct row *row, unsigned fail_at,
                                     enum mode mode, bool pool)
{
    struct guest *g = &rig->guest;

    rig_start(rig, 0);
    if (pool)
        guest_random_post(g);
    ring_flush(g);
    rig->doorbells = rig->done = 0;
    rig->fail_at = fail_at;
    struct row copy = *row;
    volatile int r = 0;
    if (setjmp(rig->end) == 0)
        r = mode == WAITED ? create(g, &copy) : deferral_run(g, 0, create, &copy, mode == LAST);
    else
        g->posted = 0, g->deferral = NULL;
    return rig_finish(rig, r);
}

/* Nothing fails: the same in fewer doorbells. Returns how many requests it takes. */
static unsigned success_check(struct rig *rig, const struct row *row, bool pool)
{
    struct outcome waited = create_outcome(rig, row, 0, WAITED, pool);
    struct outcome deferred = create_outcome(rig, row, 0, DEFERRED, pool);

    assert_int_equal(waited.status, 0);
    assert_int_equal(deferred.done, waited.done);
    assert_true(deferred.doorbells <= waited.doorbells);
    if (pool && row->doorbells)
        assert_int_equal(deferred.doorbells, row->doorbells);
    outcomes_compare(row->format, 0, &waited, &deferred);
    return waited.done;
}

static void test_same(void **state)
{
    struct rig *rig = rig_new();

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i / 2];
        bool pool = i % 2;
        unsigned requests = success_check(rig, row, pool);
        for (unsigned n = 0; n <= requests; n++) {
            for (enum mode mode = DEFERRED; mode <= LAST; mode++) {
                struct outcome waited = create_outcome(rig, row, n, WAITED, pool);
                struct outcome deferred = create_outcome(rig, row, n, mode, pool);
                outcomes_compare(row->format, n, &waited, &deferred);
            }
        }
    }
    rig_free(rig);
}

/* ---- the limits of what is kept ---- */

struct script {
    unsigned writes;
    size_t write_bytes;
    size_t random_bytes;
    bool other; /* device is looked at, too */
};

static int script_run(struct guest *g, void *ctx)
{
    static uint8_t data[64 << 10];
    const struct script *script = ctx;
    uint8_t random[2000] = {0};
    uint64_t sum = 0;

    for (unsigned i = 0; i < script->writes; i++) {
        memset(data, (int)(i + sum), script->write_bytes);
        int r = io_write(&g->env, 0, i * script->write_bytes, data, script->write_bytes);
        if (r < 0)
            return fmt_fail(&g->env, -r, FMT_ERR_IO, FMT_NUM(i));
        r = g->env.io->random(g->env.io_ctx, random, script->random_bytes);
        if (r < 0)
            return fmt_fail(&g->env, -r, FMT_ERR_CREATE, FMT_NUM(i));
        sum += script->random_bytes ? random[script->random_bytes - 1] : 0;
        if (script->other && i == 3 && io_read(&g->env, 1, 0, random, 1) < 0)
            return fmt_fail(&g->env, FMT_EIO, FMT_ERR_NOMEM);
    }
    return 0;
}

static struct outcome script_outcome(struct rig *rig, struct script script, unsigned fail_at,
                                     bool deferred)
{
    struct guest *g = &rig->guest;

    rig_start(rig, fail_at);
    return rig_finish(rig, deferred ? deferral_run(g, 0, script_run, &script, false)
                                    : script_run(g, &script));
}

/* Many requests, large ones, many random bytes, another device: all that ends a recording. */
static void test_limits(void **state)
{
    const struct script scripts[] = {
        {100, 16,   0,    false},
        {20,  4096, 0,    false},
        {5,   4097, 0,    false},
        {30,  512,  100,  false},
        {3,   512,  2000, false},
        {9,   512,  17,   true },
    };
    struct rig *rig = rig_new();

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        unsigned requests = 0;
        for (unsigned n = 0; n <= requests; n++) {
            struct outcome waited = script_outcome(rig, scripts[i], n, false);
            struct outcome deferred = script_outcome(rig, scripts[i], n, true);
            if (n == 0)
                requests = waited.done;
            outcomes_compare("script", n, &waited, &deferred);
        }
    }
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

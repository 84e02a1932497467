/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's end of the ring against a guest that lies. */
#include "rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void expect_death(struct rig *rig, const char *detail)
{
    assert_false(ring_serve(&rig->vmm->vcpu[0], 1));
    assert_true(atomic_load(&rig->vmm->ended));
    assert_int_equal(rig->vmm->end, VMM_END_DIED);
    assert_string_equal(rig->vmm->detail, detail);
}

static void test_tail(void **state)
{
    const uint32_t tails[] = {ABI_RING_ENTRIES + 1, 0x80000000u, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        struct rig rig;
        rig_start(&rig, VMM_IO_AUTO);
        rig.vmm->vcpu[0].ring->sq_tail = tails[i];
        expect_death(&rig, "bad sq_tail");
        assert_int_equal(rig.vmm->vcpu[0].cq_tail, 0);
        rig_stop(&rig);
    }
}

/* The host counts for itself: completions cannot be moved, and requests are not served twice. */
static void test_cursors(void **state)
{
    struct abi_request nop = {.kind = ABI_REQ_PROGRESS, .cookie = 7};
    struct rig rig;

    (void)state;
    rig_start(&rig, VMM_IO_AUTO);
    assert_int_equal(rig_call(&rig, &nop), 0);
    rig.vmm->vcpu[0].ring->cq_tail = 200;
    assert_true(ring_serve(&rig.vmm->vcpu[0], 1)); /* nothing new: returns though asked to wait */
    rig_push(&rig, &nop);
    assert_true(ring_serve(&rig.vmm->vcpu[0], 1));
    assert_int_equal(rig.vmm->vcpu[0].ring->cq_tail, 2);
    assert_int_equal(rig.vmm->vcpu[0].ring->cq[1].cookie, 7);
    rig.vmm->vcpu[0].ring->sq_tail = 1; /* backwards */
    expect_death(&rig, "bad sq_tail");
    rig_stop(&rig);
}

/* A vCPU that waits for another one gives up more time the longer it does, until it has work. */
static void test_yields(void **state)
{
    struct abi_request nop = {.kind = ABI_REQ_PROGRESS};
    struct rig rig;

    (void)state;
    rig_start(&rig, VMM_IO_AUTO);
    struct vmm_vcpu *vcpu = &rig.vmm->vcpu[0];
    for (unsigned i = 1; i <= 20; i++) {
        assert_true(ring_serve(vcpu, 0));
        assert_int_equal(vcpu->yields, i);
    }
    assert_int_equal(rig_call(&rig, &nop), 0);
    assert_int_equal(vcpu->yields, 0);
    rig_stop(&rig);
}

static void test_full_ring_and_wrap(void **state)
{
    struct abi_request nop = {.kind = ABI_REQ_PROGRESS};
    struct rig rig;

    (void)state;
    rig_start(&rig, VMM_IO_AUTO);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < ABI_RING_ENTRIES; i++) {
            nop.cookie = round * ABI_RING_ENTRIES + i;
            rig_push(&rig, &nop);
        }
        assert_true(ring_serve(&rig.vmm->vcpu[0], ABI_RING_ENTRIES));
        for (unsigned i = 0; i < ABI_RING_ENTRIES; i++)
            assert_int_equal(rig_pop(&rig).cookie, round * ABI_RING_ENTRIES + i);
    }
    rig_stop(&rig);
}

static void test_bad_requests(void **state)
{
    const uint64_t end = ABI_GUEST_BASE + (UINT64_C(32) << 20);
    /* clang-format off */
    const struct abi_request bad[] = {
        {.kind = ABI_REQ_NONE},
        {.kind = ABI_REQ_KINDS},
        {.kind = UINT16_MAX},
        {.kind = ABI_REQ_READ, .addr = end - 8, .length = 9},
        {.kind = ABI_REQ_READ, .addr = ABI_GUEST_BASE - 1, .length = 9},
        {.kind = ABI_REQ_READ, .addr = 0, .length = 0},
        {.kind = ABI_REQ_READ, .addr = UINT64_MAX, .length = 9},
        {.kind = ABI_REQ_WRITE, .addr = ABI_GUEST_BASE, .offset = INT64_MAX, .length = 9},
        {.kind = ABI_REQ_DEVICE, .addr = end - 47},
        {.kind = ABI_REQ_EXTENTS, .addr = end - 16, .arg = 2, .length = 1},
        {.kind = ABI_REQ_EXTENTS, .addr = ABI_GUEST_BASE, .arg = UINT32_MAX, .length = 1},
        {.kind = ABI_REQ_SCAN, .addr = ABI_GUEST_BASE, .arg = 0, .length = 1},
        {.kind = ABI_REQ_SCAN, .addr = end - 1, .arg = 1, .length = 9},
        {.kind = ABI_REQ_OPEN, .addr = ABI_GUEST_BASE, .length = 8, .offset = UINT64_MAX},
        {.kind = ABI_REQ_OPEN, .addr = ABI_GUEST_BASE, .length = 8, .arg = 9, .offset2 = end - 8},
        {.kind = ABI_REQ_RANDOM, .addr = end, .length = 1},
        {.kind = ABI_REQ_PROGRESS, .reserved = 1},
        {.kind = ABI_REQ_PROGRESS, .flags = 1},
        {.kind = ABI_REQ_FLUSH, .arg = 1},
        {.kind = ABI_REQ_COPY, .flags = ABI_CHAINED},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct rig rig;
        rig_start(&rig, VMM_IO_AUTO);
        rig_push(&rig, &bad[i]);
        expect_death(&rig, "a request breaks the ring's rules");
        rig_stop(&rig);
    }
}

static void test_bad_devices(void **state)
{
    const uint16_t kinds[] = {ABI_REQ_READ,    ABI_REQ_WRITE,    ABI_REQ_COPY,     ABI_REQ_ZERO,
                              ABI_REQ_DISCARD, ABI_REQ_ALLOCATE, ABI_REQ_TRUNCATE, ABI_REQ_DEVICE,
                              ABI_REQ_EXTENTS, ABI_REQ_SCAN,     ABI_REQ_COMPARE,  ABI_REQ_CLOSE,
                              ABI_REQ_FLUSH};
    struct rig rig;

    (void)state;
    rig_file("read-only", 4096, 1);
    rig_start(&rig, VMM_IO_AUTO);
    uint32_t device = rig_open(&rig, "read-only", false);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        bool changes = kinds[i] >= ABI_REQ_WRITE && kinds[i] <= ABI_REQ_TRUNCATE;
        struct abi_request request = {
            .kind = kinds[i], .device = 77, .addr = rig_addr(&rig, 0), .length = 512};
        if (kinds[i] == ABI_REQ_SCAN || kinds[i] == ABI_REQ_EXTENTS)
            request.arg = 512;
        assert_int_equal(rig_call(&rig, &request), -EBADF);
        request.device = device;
        request.device2 = device;
        if (changes) /* the device is read-only */
            assert_int_equal(rig_call(&rig, &request), -EBADF);
    }
    assert_false(rig_call(&rig, &(struct abi_request){.kind = ABI_REQ_CLOSE, .device = device}));
    struct abi_request again = {.kind = ABI_REQ_FLUSH, .device = device};
    assert_int_equal(rig_call(&rig, &again), -EBADF);
    size_t bytes;
    unsigned char expected[4096], *now = rig_load("read-only", &bytes);
    rig_fill(expected, sizeof(expected), 1);
    assert_int_equal(bytes, sizeof(expected));
    assert_memory_equal(now, expected, bytes);
    free(now);
    rig_stop(&rig);
}

static void test_limit(void **state)
{
    struct abi_request nop = {.kind = ABI_REQ_PROGRESS};
    struct rig rig;

    (void)state;
    rig_start(&rig, VMM_IO_AUTO);
    rig.vmm->options.requests_max = 3;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rig_call(&rig, &nop), 0);
    rig_push(&rig, &nop);
    assert_false(ring_serve(&rig.vmm->vcpu[0], 1));
    assert_int_equal(rig.vmm->end, VMM_END_TIME);
    rig_stop(&rig);
}

/* A record in the guest's memory; @stop: the rig's callback is to refuse it. */
static struct abi_request record_make(struct rig *rig, bool stop)
{
    struct tree_writer w;

    tree_begin(&w, rig_data(rig, 0), 4096);
    tree_put_bool(&w, "stop", stop);
    return (struct abi_request){.kind = ABI_REQ_RESULT,
                                .addr = rig_addr(rig, 0),
                                .length = tree_finish(&w),
                                .arg = ABI_RECORD_STEP};
}

/* What the guest says may not fill the host's memory. */
static void test_tree_limit(void **state)
{
    struct rig rig;

    (void)state;
    rig_start(&rig, VMM_IO_AUTO);
    struct abi_request record = record_make(&rig, false);
    rig.vmm->options.tree_bytes_max = 3 * record.length + 1;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rig_call(&rig, &record), 0);
    rig_push(&rig, &record);
    assert_false(ring_serve(&rig.vmm->vcpu[0], 1));
    assert_int_equal(rig.vmm->end, VMM_END_TIME);
    assert_string_equal(rig.vmm->detail, "too much to say");
    assert_int_equal(rig.records, 3);
    rig_stop(&rig);
}

static void test_records(void **state)
{
    struct tree_writer w;
    struct rig rig;

    (void)state;
    rig_start(&rig, VMM_IO_AUTO);
    struct abi_request record = record_make(&rig, false);
    assert_int_equal(rig_call(&rig, &record), 0);
    assert_int_equal(rig.records, 1);
    record.arg = ABI_RECORD_MESSAGE + 1;
    assert_int_equal(rig_call(&rig, &record), -EINVAL);
    assert_int_equal(rig.records, 1);
    record.arg = ABI_RECORD_STEP;
    record.length--;
    rig_push(&rig, &record);
    expect_death(&rig, "a record is not a tree");
    assert_int_equal(rig.records, 1);
    rig_stop(&rig);

    rig_start(&rig, VMM_IO_AUTO);
    record = record_make(&rig, true);
    rig_push(&rig, &record);
    assert_false(ring_serve(&rig.vmm->vcpu[0], 1));
    assert_int_equal(rig.vmm->end, VMM_END_CALLBACK);
    assert_int_equal(rig.vmm->status, -ECANCELED);
    rig_stop(&rig);

    rig_start(&rig, VMM_IO_AUTO);
    memset(rig_data(&rig, 0), 0, 64);
    tree_begin(&w, rig_data(&rig, 0), 4096);
    struct abi_request error = {
        .kind = ABI_REQ_ERROR, .addr = rig_addr(&rig, 0), .length = tree_finish(&w)};
    rig_push(&rig, &error);
    rig_push(&rig, &error);
    assert_false(ring_serve(&rig.vmm->vcpu[0], 2));
    assert_int_equal(rig.vmm->end, VMM_END_DONE);
    assert_int_equal(rig.errors, 1); /* the first ends the run */
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tail),         cmocka_unit_test(test_cursors),
        cmocka_unit_test(test_yields),       cmocka_unit_test(test_full_ring_and_wrap),
        cmocka_unit_test(test_bad_requests), cmocka_unit_test(test_bad_devices),
        cmocka_unit_test(test_limit),        cmocka_unit_test(test_tree_limit),
        cmocka_unit_test(test_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

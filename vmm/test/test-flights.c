/* SPDX-License-Identifier: GPL-2.0-or-later */
/* READ, WRITE and COPY, a few and many, with each way of doing bulk work. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flights.h"

enum { MIB = 1 << 20 };

static const enum vmm_io ways[] = {VMM_IO_AUTO, VMM_IO_URING, VMM_IO_THREADS};
enum { WAYS = 3 };

static void test_read(void **state)
{
    unsigned char expected[10000];
    struct rig rig;

    (void)state;
    rig_file("a", sizeof(expected), 1);
    rig_fill(expected, sizeof(expected), 1);
    rig_start(&rig, VMM_IO_AUTO);
    uint32_t a = rig_open(&rig, "a", false);
    struct abi_request read = {.kind = ABI_REQ_READ,
                               .device = a,
                               .offset = 100,
                               .length = 5000,
                               .addr = rig_addr(&rig, 3)};
    assert_int_equal(rig_call(&rig, &read), 0);
    assert_memory_equal(rig_data(&rig, 3), expected + 100, 5000);
    /* beyond the end there are zeroes, unless that is an error */
    read.offset = 9000;
    assert_int_equal(rig_call(&rig, &read), 0);
    assert_memory_equal(rig_data(&rig, 3), expected + 9000, 1000);
    const unsigned char *rest = rig_data(&rig, 1003);
    for (unsigned i = 0; i < 4000; i++)
        assert_int_equal(rest[i], 0);
    read.flags = ABI_READ_EXACT;
    assert_int_equal(rig_call(&rig, &read), -EIO);
    read.offset = 5000;
    assert_int_equal(rig_call(&rig, &read), 0);
    read.offset = UINT64_C(1) << 50;
    read.flags = 0;
    assert_int_equal(rig_call(&rig, &read), 0);
    read.length = 0;
    assert_int_equal(rig_call(&rig, &read), 0);
    rig_stop(&rig);
}

static void test_write(void **state)
{
    size_t bytes;
    struct rig rig;

    (void)state;
    rig_file("w", 4096, 1);
    rig_start(&rig, VMM_IO_AUTO);
    uint32_t w = rig_open(&rig, "w", true);
    rig_fill(rig_data(&rig, 0), 3000, 2);
    struct abi_request write = {.kind = ABI_REQ_WRITE,
                                .device = w,
                                .offset = 5000,
                                .length = 3000,
                                .addr = rig_addr(&rig, 0)};
    assert_int_equal(rig_call(&rig, &write), 0);
    struct abi_request device = {.kind = ABI_REQ_DEVICE, .device = w, .addr = rig_addr(&rig, 4096)};
    assert_int_equal(rig_call(&rig, &device), 0);
    const struct abi_device *facts = rig_data(&rig, 4096);
    assert_int_equal(facts->size_bytes, 8000);
    assert_int_equal(facts->flags, ABI_DEVICE_WRITABLE | ABI_DEVICE_ZERO_INIT);
    struct abi_request flush = {.kind = ABI_REQ_FLUSH, .device = w};
    assert_int_equal(rig_call(&rig, &flush), 0);
    unsigned char *now = rig_load("w", &bytes);
    assert_int_equal(bytes, 8000);
    assert_memory_equal(now + 5000, rig_data(&rig, 0), 3000);
    for (unsigned i = 4096; i < 5000; i++)
        assert_int_equal(now[i], 0);
    free(now);
    rig_stop(&rig);
}

/* Many reads and writes by one doorbell, waiting for some of them. */
static void bulk(enum vmm_io io)
{
    enum { COUNT = 200, PIECE = 7001 };
    bool seen[COUNT] = {false};
    size_t bytes;
    struct rig rig;

    rig_file("bulk", COUNT * PIECE, 5);
    rig_start(&rig, io);
    uint32_t device = rig_open(&rig, "bulk", true);
    for (unsigned i = 0; i < COUNT; i++) {
        struct abi_request read = {.kind = ABI_REQ_READ,
                                   .device = device,
                                   .cookie = i,
                                   .offset = (uint64_t)i * PIECE,
                                   .length = PIECE,
                                   .addr = rig_addr(&rig, (uint64_t)i * PIECE)};
        rig_push(&rig, &read);
    }
    assert_true(ring_serve(&rig.vmm->vcpu[0], 10));
    assert_true(rig.vmm->vcpu[0].ring->cq_tail >= 10);
    assert_true(ring_serve(&rig.vmm->vcpu[0], COUNT));
    assert_int_equal(rig.vmm->vcpu[0].ring->cq_tail, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        struct abi_completion c = rig_pop(&rig);
        assert_int_equal(c.status, 0);
        assert_true(c.cookie < COUNT && !seen[c.cookie]);
        seen[c.cookie] = true;
    }
    unsigned char *now = rig_load("bulk", &bytes);
    assert_memory_equal(rig_data(&rig, 0), now, COUNT * PIECE);
    free(now);
    for (unsigned i = 0; i < COUNT; i++) { /* back in reverse order */
        struct abi_request write = {.kind = ABI_REQ_WRITE,
                                    .device = device,
                                    .offset = (uint64_t)(COUNT - 1 - i) * PIECE,
                                    .length = PIECE,
                                    .addr = rig_addr(&rig, (uint64_t)i * PIECE)};
        rig_push(&rig, &write);
    }
    struct abi_request size = {.kind = ABI_REQ_TRUNCATE, .device = device, .length = 2 * PIECE};
    rig_push(&rig, &size); /* comes after all of them */
    assert_true(ring_serve(&rig.vmm->vcpu[0], COUNT + 1));
    assert_int_equal(flights_count(&rig.vmm->vcpu[0]), 0);
    now = rig_load("bulk", &bytes);
    assert_int_equal(bytes, 2 * PIECE);
    assert_memory_equal(now, rig_data(&rig, (COUNT - 1) * PIECE), PIECE);
    assert_memory_equal(now + PIECE, rig_data(&rig, (COUNT - 2) * PIECE), PIECE);
    free(now);
    rig_stop(&rig);
}

static void test_bulk(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WAYS; i++)
        bulk(ways[i]);
}

/* Failures and the end of the file in the background. */
static void test_bulk_edges(void **state)
{
    (void)state;
    for (unsigned way = 0; way < WAYS; way++) {
        int status[5];
        struct rig rig;
        rig_file("edge", 1000, 5);
        rig_start(&rig, ways[way]);
        uint32_t device = rig_open(&rig, "edge", false);
        memset(rig_data(&rig, 0), 0xee, 8000);
        for (unsigned i = 0; i < 5; i++) {
            struct abi_request read = {.kind = ABI_REQ_READ,
                                       .device = device,
                                       .flags = i == 3 ? ABI_READ_EXACT : 0,
                                       .cookie = i,
                                       .offset = i * UINT64_C(400),
                                       .length = i == 4 ? 0 : 400,
                                       .addr = rig_addr(&rig, i * UINT64_C(400))};
            rig_push(&rig, &read);
        }
        assert_true(ring_serve(&rig.vmm->vcpu[0], 5));
        for (unsigned i = 0; i < 5; i++) {
            struct abi_completion c = rig_pop(&rig);
            status[c.cookie] = c.status;
        }
        assert_int_equal(status[0] | status[1] | status[2] | status[4], 0);
        assert_int_equal(status[3], -EIO);
        unsigned char expected[1200] = {0};
        rig_fill(expected, 1000, 5);
        assert_memory_equal(rig_data(&rig, 0), expected, 1200);
        rig_stop(&rig);
    }
}

static void test_copy(void **state)
{
    const struct {
        uint64_t from, to, length;
    } cases[] = {
        {0,    0,     9 * MIB + 123},
        {777,  12345, 5 * MIB + 1  },
        {4096, 0,     4096         },
        {0,    0,     0            },
        {100,  0,     20 * MIB     }, /* beyond the end: zeroes */
    };
    enum { SIZE = 10 * MIB + 4000 };
    unsigned char *source = malloc(30 * MIB);
    size_t bytes;

    (void)state;
    assert_non_null(source);
    memset(source, 0, 30 * MIB);
    rig_fill(source, SIZE, 9);
    rig_file("from", SIZE, 9);
    for (unsigned way = 0; way < WAYS; way++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct rig rig;
            rig_file("to", 1000, 3);
            rig_start(&rig, ways[way]);
            struct abi_request copy = {.kind = ABI_REQ_COPY,
                                       .device = rig_open(&rig, "from", false),
                                       .device2 = rig_open(&rig, "to", true),
                                       .offset = cases[i].from,
                                       .offset2 = cases[i].to,
                                       .length = cases[i].length};
            rig_push(&rig, &copy);
            assert_true(ring_serve(&rig.vmm->vcpu[0], 1));
            struct abi_completion c = rig_pop(&rig);
            assert_int_equal(c.status, 0);
            assert_int_equal(c.value, cases[i].length);
            unsigned char *now = rig_load("to", &bytes);
            assert_true(bytes >= cases[i].to + cases[i].length || cases[i].length == 0);
            assert_memory_equal(now + cases[i].to, source + cases[i].from, cases[i].length);
            free(now);
            rig_stop(&rig);
        }
    }
    free(source);
}

/* By the file system: all, as much as there is, or none. */
static void test_copy_offload(void **state)
{
    enum { SIZE = 100000 };
    static const struct {
        uint64_t from, length;
        int status;
        uint64_t value;
    } cases[] = {
        {0,           0,        0,       0       },
        {0,           64 << 10, 0,       64 << 10},
        {4097,        12345,    0,       12345   },
        {SIZE - 1000, 4096,     -ENOSPC, 1000    },
        {SIZE + 1000, 4096,     -ENOSPC, 0       },
    };
    size_t bytes;

    (void)state;
    rig_file("from", SIZE, 9);
    unsigned char *source = rig_load("from", &bytes);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig rig;
        rig_file("to", 100, 3);
        rig_start(&rig, ways[0]);
        struct abi_request copy = {.kind = ABI_REQ_COPY,
                                   .flags = ABI_COPY_OFFLOAD,
                                   .device = rig_open(&rig, "from", false),
                                   .device2 = rig_open(&rig, "to", true),
                                   .offset = cases[i].from,
                                   .offset2 = 50,
                                   .length = cases[i].length};
        rig_push(&rig, &copy);
        assert_true(ring_serve(&rig.vmm->vcpu[0], 1));
        struct abi_completion c = rig_pop(&rig);
        assert_int_equal(c.status, cases[i].status);
        assert_int_equal(c.value, cases[i].value);
        unsigned char *now = rig_load("to", &bytes);
        assert_int_equal(bytes, cases[i].value > 50 ? 50 + cases[i].value : 100);
        assert_memory_equal(now + 50, source + cases[i].from, cases[i].value);
        free(now);
        rig_stop(&rig);
    }
    free(source);
}

/* Several copies at once share the buffers; a failing one tells how far it got. */
static void test_copies_at_once(void **state)
{
    enum { COUNT = 10, PIECE = 5 * MIB };
    size_t bytes, expected_bytes;

    (void)state;
    rig_file("many-from", COUNT * PIECE, 4);
    for (unsigned way = 0; way < WAYS; way++) {
        struct rig rig;
        rig_file("many-to", 0, 0);
        rig_start(&rig, ways[way]);
        uint32_t from = rig_open(&rig, "many-from", false);
        uint32_t to = rig_open(&rig, "many-to", true);
        for (unsigned i = 0; i < COUNT; i++) {
            struct abi_request copy = {.kind = ABI_REQ_COPY,
                                       .device = from,
                                       .device2 = to,
                                       .offset = (uint64_t)i * PIECE,
                                       .offset2 = (uint64_t)i * PIECE,
                                       .length = PIECE};
            rig_push(&rig, &copy);
        }
        /* the last one writes where no file can be */
        struct abi_request far = {.kind = ABI_REQ_COPY,
                                  .device = from,
                                  .device2 = to,
                                  .cookie = 99,
                                  .offset2 = INT64_MAX - 5 * MIB,
                                  .length = 5 * MIB};
        rig_push(&rig, &far);
        assert_true(ring_serve(&rig.vmm->vcpu[0], COUNT + 1));
        for (unsigned i = 0; i <= COUNT; i++) {
            struct abi_completion c = rig_pop(&rig);
            assert_int_equal(c.status, c.cookie == 99 ? -EFBIG : 0);
            assert_int_equal(c.value, c.cookie == 99 ? 0 : PIECE);
        }
        unsigned char *now = rig_load("many-to", &bytes);
        unsigned char *expected = rig_load("many-from", &expected_bytes);
        assert_int_equal(bytes, expected_bytes);
        assert_memory_equal(now, expected, bytes);
        free(now);
        free(expected);
        rig_stop(&rig);
    }
}

/* O_DIRECT: aligned and unaligned transfers give the same bytes. */
static void test_direct(void **state)
{
    unsigned char expected[20000];
    struct vmm_open_result result;
    size_t bytes;
    struct rig rig;

    (void)state;
    rig_file("direct", sizeof(expected), 1);
    rig_fill(expected, sizeof(expected), 1);
    rig_start(&rig, VMM_IO_AUTO);
    struct vmm_open open = {
        .path = rig_path("direct"), .writable = true, .named_by_user = true, .direct = true};
    int device = vmm_device_open(rig.vmm, &open, &result);
    if (device == -EINVAL && result.step == VMM_OPEN_OPEN)
        skip(); /* the file system has no such thing */
    assert_true(device >= 0);
    assert_true(device_at(rig.vmm, 0)->align_bytes >= 512);
    const struct {
        uint64_t offset, length, at;
    } cases[] = {
        {0,    8192,  0 },
        {4096, 4096,  13},
        {100,  50,    0 },
        {8192, 11808, 0 },
    };
    for (unsigned way = 0; way < 2; way++) { /* one by one, then all at once */
        for (size_t i = 0; i < 4; i++) {
            struct abi_request request = {.kind = ABI_REQ_READ,
                                          .device = (uint32_t)device,
                                          .offset = cases[i].offset,
                                          .length = cases[i].length,
                                          .addr = rig_addr(&rig, i * 65536 + cases[i].at)};
            rig_push(&rig, &request);
            if (way == 0)
                assert_true(ring_serve(&rig.vmm->vcpu[0], 1));
        }
        assert_true(ring_serve(&rig.vmm->vcpu[0], 4));
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(rig_pop(&rig).status, 0);
            assert_memory_equal(rig_data(&rig, i * 65536 + cases[i].at), expected + cases[i].offset,
                                cases[i].length);
            memset(rig_data(&rig, i * 65536), 0, 65536);
        }
    }
    memset(expected + 5000, 0x55, 333);
    memset(rig_data(&rig, 0), 0x55, 333);
    struct abi_request write = {.kind = ABI_REQ_WRITE,
                                .device = (uint32_t)device,
                                .offset = 5000,
                                .length = 333,
                                .addr = rig_addr(&rig, 0)};
    assert_int_equal(rig_call(&rig, &write), 0);
    unsigned char *now = rig_load("direct", &bytes);
    assert_int_equal(bytes, sizeof(expected));
    assert_memory_equal(now, expected, bytes);
    free(now);
    rig_stop(&rig);
}

/* A device that is closed while requests of it are in flight stays open for them. */
static void test_close_in_flight(void **state)
{
    (void)state;
    for (unsigned way = 0; way < WAYS; way++) {
        struct rig rig;
        rig_file("closing", 8 * MIB, 4);
        rig_start(&rig, ways[way]);
        uint32_t device = rig_open(&rig, "closing", false);
        for (unsigned i = 0; i < 8; i++) {
            struct abi_request read = {.kind = ABI_REQ_READ,
                                       .device = device,
                                       .offset = (uint64_t)i * MIB,
                                       .length = MIB,
                                       .addr = rig_addr(&rig, (uint64_t)i * MIB)};
            rig_push(&rig, &read);
        }
        struct abi_request close = {.kind = ABI_REQ_CLOSE, .device = device};
        rig_push(&rig, &close);
        assert_true(ring_serve(&rig.vmm->vcpu[0], 9));
        for (unsigned i = 0; i < 9; i++)
            assert_int_equal(rig_pop(&rig).status, 0);
        assert_int_equal(device_at(rig.vmm, device)->fd, -1);
        unsigned char expected[MIB];
        rig_fill(expected, MIB, 4);
        assert_memory_equal(rig_data(&rig, 0), expected, MIB);
        rig_stop(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_bulk_edges),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_copy_offload),
        cmocka_unit_test(test_copies_at_once),
        cmocka_unit_test(test_direct),
        cmocka_unit_test(test_close_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

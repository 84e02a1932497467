/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every kind of request but those that only move bytes: space, facts, references. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static off_t file_size(const char *name, blkcnt_t *blocks)
{
    struct stat st;
    assert_int_equal(stat(rig_path(name), &st), 0);
    if (blocks)
        *blocks = st.st_blocks;
    return st.st_size;
}

static void test_zero(void **state)
{
    const struct {
        uint16_t flags;
        uint64_t offset, length, size;
    } cases[] = {
        {0,                  4096,  8192,  65536},
        {ABI_ZERO_MAY_UNMAP, 4096,  8192,  65536},
        {0,                  100,   1000,  65536},
        {ABI_ZERO_WRITE,     100,   1000,  65536},
        {ABI_ZERO_WRITE,     0,     80000, 80000},
        {ABI_ZERO_MAY_UNMAP, 65000, 5000,  70000},
        {0,                  80000, 5000,  85000},
        {ABI_ZERO_MAY_UNMAP, 80000, 5000,  85000},
        {0,                  0,     0,     65536},
    };
    size_t bytes;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char expected[85000] = {0};
        struct rig rig;
        rig_file("z", 65536, 8);
        rig_fill(expected, 65536, 8);
        memset(expected + cases[i].offset, 0, cases[i].length);
        rig_start(&rig, VMM_IO_AUTO);
        struct abi_request zero = {.kind = ABI_REQ_ZERO,
                                   .flags = cases[i].flags,
                                   .device = rig_open(&rig, "z", true),
                                   .offset = cases[i].offset,
                                   .length = cases[i].length};
        assert_int_equal(rig_call(&rig, &zero), 0);
        unsigned char *now = rig_load("z", &bytes);
        assert_int_equal(bytes, cases[i].size);
        assert_memory_equal(now, expected, bytes);
        free(now);
        rig_stop(&rig);
    }
}

static void test_space(void **state)
{
    blkcnt_t before, after;
    size_t bytes;
    struct rig rig;

    (void)state;
    rig_file("s", 65536, 8);
    rig_start(&rig, VMM_IO_AUTO);
    uint32_t s = rig_open(&rig, "s", true);
    struct abi_request request = {
        .kind = ABI_REQ_ALLOCATE, .device = s, .offset = 60000, .length = 20000};
    assert_int_equal(rig_call(&rig, &request), 0);
    assert_int_equal(file_size("s", &before), 80000);
    unsigned char *now = rig_load("s", &bytes), expected[80000] = {0};
    rig_fill(expected, 65536, 8);
    assert_memory_equal(now, expected, bytes);
    free(now);
    request =
        (struct abi_request){.kind = ABI_REQ_DISCARD, .device = s, .offset = 0, .length = 65536};
    assert_int_equal(rig_call(&rig, &request), 0);
    assert_int_equal(file_size("s", &after), 80000);
    assert_true(after < before);
    rig_stop(&rig);
}

static void test_truncate(void **state)
{
    const struct {
        uint64_t old, new;
        uint32_t prealloc;
        int status;
        uint64_t size;
        int least_blocks;
    } cases[] = {
        {0,    MIB,        ABI_PREALLOC_OFF,    0,           MIB,  8   }, /* the first block is real */
        {0,    1024,       ABI_PREALLOC_OFF,    0,           1024, 8   },
        {4096, MIB,        ABI_PREALLOC_OFF,    0,           MIB,  8   },
        {0,    MIB,        ABI_PREALLOC_FALLOC, 0,           MIB,  2048},
        {4096, MIB,        ABI_PREALLOC_FULL,   0,           MIB,  2048},
        {8192, 4096,       ABI_PREALLOC_OFF,    0,           4096, 8   },
        {8192, 4096,       ABI_PREALLOC_FULL,   -EOPNOTSUPP, 8192, 16  },
        {8192, 8192,       ABI_PREALLOC_FALLOC, 0,           8192, 16  },
        {8192, MIB,        3,                   -EINVAL,     8192, 16  },
        {512,  1ull << 62, ABI_PREALLOC_OFF,    -EFBIG,      512,  8   },
        {512,  1ull << 62, ABI_PREALLOC_FULL,   -EFBIG,      512,  8   },
        {512,  1ull << 62, ABI_PREALLOC_FALLOC, -EFBIG,      512,  8   },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        blkcnt_t blocks;
        struct rig rig;
        rig_file("t", cases[i].old, 8);
        rig_start(&rig, VMM_IO_AUTO);
        struct abi_request request = {.kind = ABI_REQ_TRUNCATE,
                                      .device = rig_open(&rig, "t", true),
                                      .length = cases[i].new,
                                      .arg = cases[i].prealloc};
        assert_int_equal(rig_call(&rig, &request), cases[i].status);
        sync();
        assert_int_equal(file_size("t", &blocks), cases[i].size);
        assert_true(blocks >= cases[i].least_blocks);
        rig_stop(&rig);
    }
}

static void test_extents(void **state)
{
    int fd = open(rig_path("e"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    struct rig rig;

    (void)state;
    assert_int_equal(ftruncate(fd, 4 * MIB), 0);
    assert_int_equal(pwrite(fd, "x", 1, MIB), 1);
    close(fd);
    rig_start(&rig, VMM_IO_AUTO);
    struct abi_request request = {.kind = ABI_REQ_EXTENTS,
                                  .device = rig_open(&rig, "e", false),
                                  .offset = 4096,
                                  .length = 5 * MIB,
                                  .addr = rig_addr(&rig, 0),
                                  .arg = 8};
    rig_push(&rig, &request);
    assert_true(ring_serve(&rig.vmm->vcpu[0], 1));
    struct abi_completion c = rig_pop(&rig);
    assert_int_equal(c.status, 0);
    assert_int_equal(c.value, 4); /* hole, data, hole, behind the end */
    const struct abi_extent *e = rig_data(&rig, 0);
    assert_int_equal(e[0].length, MIB - 4096);
    assert_int_equal(e[0].flags, ABI_EXTENT_ZERO);
    assert_int_equal(e[1].flags, ABI_EXTENT_DATA);
    assert_int_equal(e[0].length + e[1].length + e[2].length + e[3].length, 5 * MIB);
    assert_int_equal(e[3].length, MIB + 4096);
    request.arg = 1;
    request.length = 100;
    assert_int_equal(rig_call(&rig, &request), 0);
    assert_int_equal(e[0].length, 100);
    /* Holes that are not asked for: only what is behind the end is known. */
    rig.vmm->options.no_holes = true;
    request.arg = 8;
    request.length = 5 * MIB;
    assert_int_equal(rig_call(&rig, &request), 0);
    assert_int_equal(e[0].flags, ABI_EXTENT_DATA);
    assert_int_equal(e[0].length, 4 * MIB - 4096);
    assert_int_equal(e[1].flags, ABI_EXTENT_ZERO);
    rig_stop(&rig);
}

static void test_scan(void **state)
{
    struct rig rig;

    (void)state;
    rig_file("scan", 2 * MIB, 6);
    int fd = open(rig_path("scan"), O_WRONLY);
    unsigned char zeroes[4096] = {0};
    assert_int_equal(pwrite(fd, zeroes, 4096, 4096), 4096);
    assert_int_equal(pwrite(fd, zeroes, 4095, MIB), 4095); /* all but the block's last byte */
    close(fd);
    rig_start(&rig, VMM_IO_AUTO);
    enum { BLOCKS = 2 * MIB / 4096 + 8 };
    struct abi_request request = {.kind = ABI_REQ_SCAN,
                                  .device = rig_open(&rig, "scan", false),
                                  .length = BLOCKS * 4096,
                                  .addr = rig_addr(&rig, 0),
                                  .arg = 4096};
    unsigned char *bitmap = rig_data(&rig, 0);
    memset(bitmap, 0xff, BLOCKS / 8 + 2);
    assert_int_equal(rig_call(&rig, &request), 0);
    for (unsigned i = 0; i < BLOCKS; i++) {
        bool zero = i == 1 || i >= 2 * MIB / 4096;
        assert_int_equal(bitmap[i / 8] >> (i % 8) & 1, zero);
    }
    assert_int_equal(bitmap[BLOCKS / 8], 0xff); /* not a byte more than the bits need */
    request.arg = 64 * MIB;
    assert_int_equal(rig_call(&rig, &request), -EINVAL);
    rig_stop(&rig);
}

static void test_compare(void **state)
{
    const struct {
        uint64_t differs, value;
    } cases[] = {
        {UINT64_MAX,  3 * MIB    },
        {0,           0          },
        {2 * MIB + 5, 2 * MIB + 5},
        {3 * MIB - 1, 3 * MIB - 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig rig;
        rig_file("c1", 3 * MIB, 7);
        rig_file("c2", 3 * MIB, 7);
        if (cases[i].differs != UINT64_MAX) {
            int fd = open(rig_path("c2"), O_WRONLY);
            assert_int_equal(pwrite(fd, "", 1, (off_t)cases[i].differs), 1);
            close(fd);
        }
        rig_start(&rig, VMM_IO_AUTO);
        struct abi_request request = {.kind = ABI_REQ_COMPARE,
                                      .device = rig_open(&rig, "c1", false),
                                      .device2 = rig_open(&rig, "c2", false),
                                      .length = 3 * MIB};
        rig_push(&rig, &request);
        assert_true(ring_serve(&rig.vmm->vcpu[0], 1));
        struct abi_completion c = rig_pop(&rig);
        assert_int_equal(c.status, 0);
        assert_int_equal(c.value, cases[i].value);
        rig_stop(&rig);
    }
}

static void test_open(void **state)
{
    struct tree_writer w;
    struct tree answer;
    struct rig rig;

    (void)state;
    rig_file("referred", 100, 2);
    rig_start(&rig, VMM_IO_AUTO);
    tree_begin(&w, rig_data(&rig, 0), 4096);
    tree_put_str(&w, "name", "referred");
    struct abi_request request = {.kind = ABI_REQ_OPEN,
                                  .addr = rig_addr(&rig, 0),
                                  .length = tree_finish(&w),
                                  .offset = 4096,
                                  .arg = 512,
                                  .offset2 = rig_addr(&rig, 8192)};
    rig_push(&rig, &request);
    assert_true(ring_serve(&rig.vmm->vcpu[0], 1));
    struct abi_completion c = rig_pop(&rig);
    assert_int_equal(c.status, 0);
    assert_int_equal(c.value, 0);
    assert_int_equal(tree_check(&answer, rig_data(&rig, 0), c.value2), 0);
    assert_true(tree_bytes_equal(tree_get_bytes(&answer, tree_root(&answer), "answer"), "yes"));
    unsigned char head[512] = {0};
    rig_fill(head, 100, 2);
    assert_memory_equal(rig_data(&rig, 8192), head, 512);
    tree_begin(&w, rig_data(&rig, 0), 4096);
    tree_put_str(&w, "name", "not there");
    request.length = tree_finish(&w);
    assert_int_equal(rig_call(&rig, &request), -ENOENT);
    rig_stop(&rig);
}

/* Pipes are read and written in order, and tell where they end. */
static void test_streams(void **state)
{
    int in[2], out[2];
    struct rig rig;
    char got[8];

    (void)state;
    assert_int_equal(pipe(in) | pipe(out), 0);
    assert_int_equal(write(in[1], "abcdefgh", 8), 8);
    close(in[1]);
    rig_start(&rig, VMM_IO_AUTO);
    int from = vmm_stream_open(rig.vmm, in[0], false, 100, "in");
    int to = vmm_stream_open(rig.vmm, out[1], true, 100, "out");
    assert_true(from >= 0 && to >= 0);
    assert_int_equal(vmm_stream_open(rig.vmm, -1, false, 100, "none"), -EBADF);
    close(in[0]);
    close(out[1]);
    struct abi_request request = {
        .kind = ABI_REQ_READ, .device = (uint32_t)from, .length = 3, .addr = rig_addr(&rig, 0)};
    assert_int_equal(rig_call(&rig, &request), 0);
    assert_memory_equal(rig_data(&rig, 0), "abc", 3);
    assert_int_equal(rig_call(&rig, &request), -ESPIPE); /* not where the last one ended */
    request.offset = 3;
    request.length = 90;
    rig_push(&rig, &request);
    assert_true(ring_serve(&rig.vmm->vcpu[0], 1));
    struct abi_completion end = rig_pop(&rig);
    assert_int_equal(end.status, 0);
    assert_int_equal(end.value, 5);
    assert_memory_equal(rig_data(&rig, 0), "defgh", 5);
    request = (struct abi_request){
        .kind = ABI_REQ_WRITE, .device = (uint32_t)from, .length = 5, .addr = rig_addr(&rig, 0)};
    assert_int_equal(rig_call(&rig, &request), -EBADF);
    request.device = (uint32_t)to;
    assert_int_equal(rig_call(&rig, &request), 0);
    assert_int_equal(rig_call(&rig, &request), -ESPIPE);
    request.kind = ABI_REQ_FLUSH;
    assert_int_equal(rig_call(&rig, &request), 0);
    assert_int_equal(read(out[0], got, sizeof(got)), 5);
    assert_memory_equal(got, "defgh", 5);
    close(out[0]);
    rig_stop(&rig);
}

static void test_random(void **state)
{
    unsigned char zeroes[64] = {0};
    struct rig rig;

    (void)state;
    rig_start(&rig, VMM_IO_AUTO);
    struct abi_request request = {.kind = ABI_REQ_RANDOM, .addr = rig_addr(&rig, 0), .length = 64};
    assert_int_equal(rig_call(&rig, &request), 0);
    assert_memory_not_equal(rig_data(&rig, 0), zeroes, 64);
    rig_stop(&rig);
}

static void test_clock(void **state)
{
    struct abi_request request = {.kind = ABI_REQ_CLOCK};
    struct rig rig;

    (void)state;
    rig_start(&rig, VMM_IO_AUTO);
    rig_push(&rig, &request);
    rig_push(&rig, &request);
    assert_true(ring_serve(&rig.vmm->vcpu[0], 2));
    struct abi_completion first = rig_pop(&rig), second = rig_pop(&rig);
    assert_int_equal(first.status, 0);
    assert_true(first.value > 0 && second.value >= first.value);
    rig_stop(&rig);
}

/* Of chained requests none is done after one that has failed; others are. The next doorbell's are
 * a chain of their own. */
static void test_chain(void **state)
{
    struct rig rig;
    size_t bytes;

    (void)state;
    rig_file("chain", 0, 1);
    rig_start(&rig, VMM_IO_AUTO);
    memset(rig_data(&rig, 0), 0x55, 8);
    uint32_t device = rig_open(&rig, "chain", true);
    struct abi_request write = {.kind = ABI_REQ_WRITE,
                                .flags = ABI_CHAINED,
                                .device = device,
                                .addr = rig_addr(&rig, 0),
                                .length = 8};
    struct abi_request wrong = {.kind = ABI_REQ_FLUSH, .flags = ABI_CHAINED, .device = device + 9};
    for (unsigned i = 0; i < 5; i++) { /* so many are done in the background else */
        rig_push(&rig, &write);
        write.offset += 8;
    }
    rig_push(&rig, &wrong);
    rig_push(&rig, &write);
    write.flags = 0;
    rig_push(&rig, &write);
    assert_true(ring_serve(&rig.vmm->vcpu[0], 8));
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(rig_pop(&rig).status, 0);
    assert_int_equal(rig_pop(&rig).status, -EBADF);
    assert_int_equal(rig_pop(&rig).status, -ECANCELED);
    assert_int_equal(rig_pop(&rig).status, 0);
    write.flags = ABI_CHAINED;
    assert_int_equal(rig_call(&rig, &write), 0);
    rig_push(&rig, &wrong);
    assert_false(ring_done(&rig.vmm->vcpu[0], true));
    assert_int_equal(rig_pop(&rig).status, -EBADF);
    rig_push(&rig, &wrong);
    assert_true(ring_done(&rig.vmm->vcpu[0], false));
    assert_int_equal(rig_pop(&rig).status, -EBADF);
    rig_push(&rig, &write);
    assert_true(ring_done(&rig.vmm->vcpu[0], true));
    assert_int_equal(rig_pop(&rig).status, 0);
    assert_true(ring_done(&rig.vmm->vcpu[0], true));
    free(rig_load("chain", &bytes));
    assert_int_equal(bytes, 48);
    rig_stop(&rig);
}

/* A file that is opened to be created is empty, whatever it was. */
static void test_create(void **state)
{
    const size_t sizes[] = {0, 1, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct vmm_open_result result;
        blkcnt_t blocks;
        struct rig rig;
        rig_file("c", sizes[i], 1);
        rig_start(&rig, VMM_IO_AUTO);
        struct vmm_open open = {.path = rig_path("c"), .create = true, .named_by_user = true};
        assert_int_equal(vmm_device_open(rig.vmm, &open, &result), 0);
        assert_int_equal(file_size("c", &blocks), 0);
        assert_int_equal(blocks, 0);
        struct abi_request grow = {.kind = ABI_REQ_TRUNCATE, .length = 5000};
        assert_int_equal(rig_call(&rig, &grow), 0);
        assert_int_equal(file_size("c", NULL), 5000);
        rig_stop(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),  cmocka_unit_test(test_zero),
        cmocka_unit_test(test_space),   cmocka_unit_test(test_truncate),
        cmocka_unit_test(test_extents), cmocka_unit_test(test_scan),
        cmocka_unit_test(test_compare), cmocka_unit_test(test_open),
        cmocka_unit_test(test_random),  cmocka_unit_test(test_clock),
        cmocka_unit_test(test_chain),   cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

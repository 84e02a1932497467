/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page tables map what the layout says, page by page, and nothing else. */
#include "rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kvm-tables.h"

#define MIB (UINT64_C(1) << 20)

enum { LEVELS = 4, ENTRIES = 512 };

static const struct layout_section image[] = {
    {0,       0x1000,   LAYOUT_READ               },
    {0x1000,  0x22000,  LAYOUT_READ | LAYOUT_EXEC },
    {0x23000, 0x6000,   LAYOUT_READ               },
    {0x29000, 0x300000, LAYOUT_READ | LAYOUT_WRITE},
};

static const struct {
    uint64_t memory_bytes;
    unsigned vcpus;
    uint64_t boot_bytes;
} shapes[] = {
    {8 * MIB,    1, 4096    },
    {16 * MIB,   8, 70000   },
    {64 * MIB,   1, 9 * MIB },
    {256 * MIB,  4, 4096    },
    {1024 * MIB, 8, 90 * MIB},
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

struct tables {
    struct layout layout;
    uint64_t *memory; /* only the tables' part of it */
};

static struct tables tables_make(unsigned shape)
{
    const struct layout_wish wish = {
        .memory_bytes = shapes[shape].memory_bytes,
        .vcpus = shapes[shape].vcpus,
        .image = image,
        .image_sections = sizeof(image) / sizeof(image[0]),
        .boot_bytes = shapes[shape].boot_bytes,
        .tables_bytes = kvm_tables_room(shapes[shape].memory_bytes),
    };
    struct tables t;

    assert_int_equal(layout_make(&wish, &t.layout), 0);
    t.memory = calloc(1, t.layout.tables_bytes);
    assert_non_null(t.memory);
    assert_int_equal(kvm_tables_build(&t.layout, t.memory), 0);
    return t;
}

struct walk {
    bool present;
    bool huge;
    uint64_t physical;
    uint64_t bits;     /* of the last entry */
    uint64_t bits_all; /* that all entries on the way have */
};

/* What the processor does with an address. */
static struct walk walk(const struct tables *t, uint64_t virtual)
{
    uint64_t at = t->layout.tables_offset;
    struct walk w = {.bits_all = UINT64_MAX};

    for (int level = LEVELS; level > 0; level--) {
        unsigned shift = 12 + 9 * (unsigned)(level - 1);
        assert_in_range(at, t->layout.tables_offset, t->layout.memory_bytes - ABI_PAGE_BYTES);
        const uint64_t *table = t->memory + (at - t->layout.tables_offset) / sizeof(uint64_t);
        uint64_t entry = table[virtual >> shift & (ENTRIES - 1)];
        if (!(entry & KVM_TABLES_PRESENT))
            return w;
        w.bits = entry & ~KVM_TABLES_ADDRESS;
        w.bits_all &= w.bits;
        w.huge = level == 2 && (entry & KVM_TABLES_HUGE);
        at = entry & KVM_TABLES_ADDRESS;
        if (w.huge || level == 1) {
            w.present = true;
            w.physical = at + (virtual & ((UINT64_C(1) << shift) - 1));
            return w;
        }
    }
    return w;
}

static unsigned access_at(const struct layout *layout, uint64_t offset)
{
    for (unsigned i = 0; i < layout->sections; i++) {
        if (offset - layout->section[i].offset < layout->section[i].bytes)
            return layout->section[i].access;
    }
    return 0;
}

static void page_check(const struct tables *t, uint64_t offset)
{
    unsigned access = access_at(&t->layout, offset);
    struct walk w = walk(t, ABI_GUEST_BASE + offset);
    bool user = w.present && (w.bits_all & KVM_TABLES_USER);

    assert_int_equal(user, access != 0);
    if (w.present)
        assert_int_equal(w.physical, offset);
    if (!user)
        return;
    assert_int_equal((w.bits_all & KVM_TABLES_WRITE) != 0, (access & LAYOUT_WRITE) != 0);
    assert_int_equal((w.bits & KVM_TABLES_NO_EXECUTE) == 0, (access & LAYOUT_EXEC) != 0);
    assert_true(w.bits & KVM_TABLES_ACCESSED);
    assert_int_equal((w.bits & KVM_TABLES_DIRTY) != 0, (access & LAYOUT_WRITE) != 0);
}

static void test_every_page(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SHAPES; i++) {
        struct tables t = tables_make(i);
        for (uint64_t at = 0; at < t.layout.memory_bytes; at += ABI_PAGE_BYTES)
            page_check(&t, at);
        free(t.memory);
    }
}

/* Nothing below and above guest memory. */
static void test_outside(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SHAPES; i++) {
        struct tables t = tables_make(i);
        uint64_t end = ABI_GUEST_BASE + t.layout.memory_bytes;
        for (uint64_t at = 0; at < ABI_GUEST_BASE; at += ABI_PAGE_BYTES)
            assert_false(walk(&t, at).present);
        for (uint64_t at = end; at < end + 1024 * MIB; at += ABI_PAGE_BYTES)
            assert_false(walk(&t, at).present);
        for (unsigned entry = 1; entry < ENTRIES; entry++)
            assert_int_equal(t.memory[entry], 0); /* of the root */
        free(t.memory);
    }
}

/* A guard page behind the image and between all that follows it. */
static void test_guards(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SHAPES; i++) {
        struct tables t = tables_make(i);
        for (unsigned s = sizeof(image) / sizeof(image[0]); s < t.layout.sections; s++)
            assert_false(walk(&t, ABI_GUEST_BASE + t.layout.section[s].offset - 1).present);
        free(t.memory);
    }
}

static void test_arena_is_huge(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SHAPES; i++) {
        struct tables t = tables_make(i);
        for (unsigned v = 0; v < shapes[i].vcpus; v++) {
            const struct layout_vcpu *vcpu = &t.layout.vcpu[v];
            assert_true(walk(&t, ABI_GUEST_BASE + vcpu->arena_offset).huge);
            assert_true(walk(&t, ABI_GUEST_BASE + vcpu->arena_offset + vcpu->arena_bytes - 1).huge);
        }
        free(t.memory);
    }
}

/* The only page for the processor alone. */
static void test_task_page(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SHAPES; i++) {
        struct tables t = tables_make(i);
        uint64_t task = t.layout.tables_offset + KVM_TABLES_TASK_OFFSET;
        struct walk w = walk(&t, ABI_GUEST_BASE + task);
        assert_true(w.present && !w.huge);
        assert_false(w.bits & (KVM_TABLES_USER | KVM_TABLES_WRITE));
        assert_true(w.bits & KVM_TABLES_NO_EXECUTE);
        for (uint64_t at = t.layout.tables_offset; at < t.layout.memory_bytes; at += ABI_PAGE_BYTES)
            assert_int_equal(walk(&t, ABI_GUEST_BASE + at).present, at == task);
        for (unsigned n = 0; n < ENTRIES; n++) /* no table lies where it does */
            assert_int_equal(t.memory[KVM_TABLES_TASK_OFFSET / sizeof(uint64_t) + n], 0);
        free(t.memory);
    }
}

static void test_no_room(void **state)
{
    struct tables t = tables_make(2);
    uint64_t bytes = t.layout.tables_bytes;

    (void)state;
    for (uint64_t pages = 0; pages < 8; pages++) {
        memset(t.memory, 0, bytes);
        t.layout.tables_bytes = pages * ABI_PAGE_BYTES;
        assert_int_equal(kvm_tables_build(&t.layout, t.memory), -ENOSPC);
    }
    free(t.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_page), cmocka_unit_test(test_outside),
        cmocka_unit_test(test_guards),     cmocka_unit_test(test_arena_is_huge),
        cmocka_unit_test(test_task_page),  cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

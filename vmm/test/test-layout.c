/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory's plan: nothing overlaps, everything has a guard, nothing is writable and
 * executable. */
#include "rig.h"

#include <errno.h>
#include <string.h>

static const struct layout_section image[] = {
    {0,      0x3000, LAYOUT_READ | LAYOUT_EXEC },
    {0x3000, 0x1000, LAYOUT_READ               },
    {0x5000, 0x2000, LAYOUT_READ | LAYOUT_WRITE},
};

static struct layout_wish wish_make(uint64_t memory_bytes, unsigned vcpus)
{
    return (struct layout_wish){.memory_bytes = memory_bytes,
                                .vcpus = vcpus,
                                .image = image,
                                .image_sections = 3,
                                .boot_bytes = sizeof(struct abi_boot) + 5000,
                                .stub = true,
                                .tables_bytes = 0x8000};
}

static void sections_check(const struct layout *layout)
{
    uint64_t end = 0;

    for (unsigned i = 0; i < layout->sections; i++) {
        const struct layout_section *s = &layout->section[i];
        assert_int_equal(s->offset % ABI_PAGE_BYTES, 0);
        assert_int_equal(s->bytes % ABI_PAGE_BYTES, 0);
        assert_true(s->bytes > 0);
        assert_true(s->offset >= end + (i < 3 ? 0 : ABI_PAGE_BYTES)); /* a guard before it */
        assert_false((s->access & LAYOUT_WRITE) && (s->access & LAYOUT_EXEC));
        end = s->offset + s->bytes;
    }
    assert_true(end <= layout->tables_offset);
    assert_true(layout->tables_offset + layout->tables_bytes <= layout->memory_bytes);
}

/* The section in which the range lies, whole. */
static const struct layout_section *section_of(const struct layout *layout, uint64_t offset,
                                               uint64_t bytes)
{
    for (unsigned i = 0; i < layout->sections; i++) {
        const struct layout_section *s = &layout->section[i];
        if (offset >= s->offset && offset + bytes <= s->offset + s->bytes)
            return s;
    }
    fail_msg("range at %#llx lies in no section", (unsigned long long)offset);
    return NULL;
}

static void test_sizes(void **state)
{
    const uint64_t sizes[] = {ABI_MEMORY_MIN_BYTES, UINT64_C(64) << 20, ABI_MEMORY_MAX_BYTES};
    const unsigned rw = LAYOUT_READ | LAYOUT_WRITE;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned vcpus = 1; vcpus <= ABI_VCPUS_MAX; vcpus++) {
            struct layout_wish wish = wish_make(sizes[i], vcpus);
            struct layout l;
            assert_int_equal(layout_make(&wish, &l), 0);
            sections_check(&l);
            assert_int_equal(section_of(&l, l.boot_offset, l.boot_bytes)->access, LAYOUT_READ);
            assert_int_equal(section_of(&l, l.shared_offset, ABI_PAGE_BYTES)->access, rw);
            assert_int_equal(section_of(&l, l.stub_offset, ABI_PAGE_BYTES)->access,
                             LAYOUT_READ | LAYOUT_EXEC);
            for (unsigned v = 0; v < vcpus; v++) {
                const struct layout_vcpu *p = &l.vcpu[v];
                assert_int_equal(section_of(&l, p->arena_offset, p->arena_bytes)->access, rw);
                assert_int_equal(section_of(&l, p->ring_offset, sizeof(struct abi_ring))->access,
                                 rw);
                assert_int_equal(
                    section_of(&l, p->stack_top_offset - ABI_STACK_BYTES, ABI_STACK_BYTES)->bytes,
                    ABI_STACK_BYTES);
                assert_true(p->arena_bytes <= l.vcpu[0].arena_bytes);
                assert_true(v == 0 || p->arena_bytes == l.vcpu[1].arena_bytes);
                assert_true(v == 0 || p->arena_bytes <= LAYOUT_HELPER_BYTES);
                assert_true(v == 0 || p->arena_offset == p[-1].arena_offset + p[-1].arena_bytes);
            }
            assert_int_equal(l.vcpu[0].arena_offset % ABI_HUGE_PAGE_BYTES, 0);
        }
    }
}

static void test_refused(void **state)
{
    struct layout_wish good = wish_make(UINT64_C(64) << 20, 2);
    struct layout_section bad_image[3];
    struct layout l;

    (void)state;
    struct layout_wish w = good;
    w.memory_bytes = ABI_MEMORY_MIN_BYTES - ABI_HUGE_PAGE_BYTES;
    assert_int_equal(layout_make(&w, &l), -EINVAL);
    w.memory_bytes = ABI_MEMORY_MAX_BYTES + ABI_HUGE_PAGE_BYTES;
    assert_int_equal(layout_make(&w, &l), -EINVAL);
    w.memory_bytes = ABI_MEMORY_MIN_BYTES + ABI_PAGE_BYTES;
    assert_int_equal(layout_make(&w, &l), -EINVAL);
    w = good;
    w.vcpus = 0;
    assert_int_equal(layout_make(&w, &l), -EINVAL);
    w.vcpus = ABI_VCPUS_MAX + 1;
    assert_int_equal(layout_make(&w, &l), -EINVAL);
    w = good;
    w.boot_bytes = w.memory_bytes;
    assert_int_equal(layout_make(&w, &l), -ENOMEM);
    w.boot_bytes = UINT64_MAX;
    assert_int_equal(layout_make(&w, &l), -EINVAL);
    w = good;
    w.image = bad_image;
    memcpy(bad_image, image, sizeof(image));
    bad_image[1].access = LAYOUT_WRITE | LAYOUT_EXEC;
    assert_int_equal(layout_make(&w, &l), -EINVAL);
    memcpy(bad_image, image, sizeof(image));
    bad_image[1].offset = 0x2000; /* overlaps the first */
    assert_int_equal(layout_make(&w, &l), -EINVAL);
}

static void test_elf(void **state)
{
    extern const unsigned char guest_image_start[], guest_image_end[];
    size_t bytes = (size_t)(guest_image_end - guest_image_start);
    struct guest_elf elf;

    (void)state;
    assert_int_equal(guest_elf_parse(&elf, guest_image_start, bytes), 0);
    assert_true(elf.segments >= 2);
    for (size_t cut = 0; cut < 200 && cut < bytes; cut++)
        assert_int_equal(guest_elf_parse(&elf, guest_image_start, cut), -ENOEXEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_elf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

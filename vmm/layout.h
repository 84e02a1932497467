/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * layout - where everything lies in guest memory, and what the guest may do there.
 *
 * A pure function of sizes: both engines map exactly the sections listed here and nothing else,
 * so that every gap is a guard. Offsets are from the start of guest memory.
 */
#ifndef VMM_LAYOUT_H
#define VMM_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/abi.h"

#define LAYOUT_READ 1u
#define LAYOUT_WRITE 2u
#define LAYOUT_EXEC 4u

enum {
    LAYOUT_SECTIONS_MAX = 16 + 3 * ABI_VCPUS_MAX,
    LAYOUT_HELPER_BYTES = 64 << 20, /* the most for the arena of a vCPU but the first */
};

struct layout_section {
    uint64_t offset; /* page aligned */
    uint64_t bytes;  /* page aligned */
    unsigned access; /* LAYOUT_*; never both WRITE and EXEC */
};

struct layout_vcpu {
    uint64_t ring_offset;
    uint64_t stack_top_offset;
    uint64_t arena_offset;
    uint64_t arena_bytes;
};

struct layout {
    uint64_t memory_bytes;
    struct layout_section section[LAYOUT_SECTIONS_MAX];
    unsigned sections;
    uint64_t boot_offset; /* struct abi_boot, read-only for the guest */
    uint64_t boot_bytes;
    uint64_t stub_offset; /* engine's own page, readable and executable; 0: none wanted */
    uint64_t shared_offset;
    struct layout_vcpu vcpu[ABI_VCPUS_MAX];
    uint64_t tables_offset; /* page tables: the memory's end, in no section */
    uint64_t tables_bytes;
};

struct layout_wish {
    uint64_t memory_bytes;
    unsigned vcpus;
    const struct layout_section *image; /* the guest program's segments */
    unsigned image_sections;
    uint64_t boot_bytes; /* boot structure, devices, job, preloaded bytes */
    bool stub;           /* room for the process engine's start code */
    uint64_t tables_bytes;
};

/* Returns 0, -EINVAL for a wish out of bounds, -ENOMEM if it does not fit. */
int layout_make(const struct layout_wish *wish, struct layout *layout);

#endif

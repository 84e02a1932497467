/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest-elf - the guest program: an ELF file made by our own build, embedded in the host's. */
#ifndef VMM_GUEST_ELF_H
#define VMM_GUEST_ELF_H

#include "layout.h"

enum { GUEST_SEGMENTS_MAX = 8 };

struct guest_elf {
    const unsigned char *file;
    size_t file_bytes;
    uint64_t entry; /* guest virtual address */
    struct layout_section section[GUEST_SEGMENTS_MAX];
    struct {
        uint64_t file_offset;
        uint64_t file_bytes;
        uint64_t offset; /* in guest memory */
    } load[GUEST_SEGMENTS_MAX];
    unsigned segments;
};

/* Read the program headers. Returns 0 or -ENOEXEC. */
int guest_elf_parse(struct guest_elf *elf, const unsigned char *file, size_t file_bytes);
/* Place the segments in guest memory at @memory (which is zero there). With @map, those that are
 * only read may become pages of our own file, which cannot be written. */
void guest_elf_load(const struct guest_elf *elf, unsigned char *memory, bool map);

/* ---- guest-image.c ---- */

/* Open our own file, in which the guest's ELF file lies at *file_off, page aligned. Returns a
 * descriptor or a negative errno. */
int guest_image_open(const struct guest_elf *elf, uint64_t *file_off);
/* Map a segment from there to its place in guest memory. False: it must be copied. */
bool guest_image_map(const struct guest_elf *elf, unsigned segment, int fd, uint64_t file_off,
                     unsigned char *memory);

#endif

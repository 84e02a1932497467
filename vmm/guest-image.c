/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The embedded guest program as pages of our own executable file: mapping them costs less than
 * copying them, and most are never touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

struct search {
    uintptr_t address;
    uint64_t file_off;
};

/* Whether the address lies in this object, the program itself: sets its place in the file. */
static int object_look(struct dl_phdr_info *info, size_t bytes, void *data)
{
    struct search *search = data;
    uintptr_t at = search->address - info->dlpi_addr;

    (void)bytes;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type == PT_LOAD && at - ph->p_vaddr < ph->p_filesz) {
            search->file_off = ph->p_offset + (at - ph->p_vaddr);
            return 1;
        }
    }
    return -1; /* only the first object is looked at */
}

int guest_image_open(const struct guest_elf *elf, uint64_t *file_off)
{
    struct search search = {.address = (uintptr_t)elf->file};

    if (dl_iterate_phdr(object_look, &search) != 1 || search.file_off % ABI_PAGE_BYTES != 0)
        return -ENOENT;
    *file_off = search.file_off;
    return open_high(AT_FDCWD, "/proc/self/exe", O_RDONLY);
}

bool guest_image_map(const struct guest_elf *elf, unsigned segment, int fd, uint64_t file_off,
                     unsigned char *memory)
{
    const struct layout_section *section = &elf->section[segment];
    uint64_t from = elf->load[segment].file_offset;

    if ((section->access & LAYOUT_WRITE) || from % ABI_PAGE_BYTES != 0 ||
        elf->load[segment].offset != section->offset ||
        section->bytes - elf->load[segment].file_bytes >= ABI_PAGE_BYTES)
        return false;
    return mmap(memory + section->offset, section->bytes, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd,
                (off_t)(file_off + from)) != MAP_FAILED;
}

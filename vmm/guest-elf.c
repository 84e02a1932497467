/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the embedded guest program; see guest-elf.h. */
#include "guest-elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static unsigned access_of(const Elf64_Phdr *ph)
{
    return (ph->p_flags & PF_R ? LAYOUT_READ : 0) | (ph->p_flags & PF_W ? LAYOUT_WRITE : 0) |
           (ph->p_flags & PF_X ? LAYOUT_EXEC : 0);
}

static int segment_add(struct guest_elf *elf, const Elf64_Phdr *ph)
{
    if (elf->segments == GUEST_SEGMENTS_MAX || ph->p_vaddr < ABI_GUEST_BASE ||
        ph->p_memsz > ABI_MEMORY_MIN_BYTES || ph->p_vaddr - ABI_GUEST_BASE > ABI_MEMORY_MIN_BYTES ||
        ph->p_filesz > ph->p_memsz || ph->p_offset > elf->file_bytes ||
        ph->p_filesz > elf->file_bytes - ph->p_offset)
        return -ENOEXEC;
    uint64_t offset = ph->p_vaddr - ABI_GUEST_BASE;
    uint64_t first = offset / ABI_PAGE_BYTES * ABI_PAGE_BYTES;
    uint64_t end = (offset + ph->p_memsz + ABI_PAGE_BYTES - 1) / ABI_PAGE_BYTES * ABI_PAGE_BYTES;
    elf->section[elf->segments] = (struct layout_section){first, end - first, access_of(ph)};
    elf->load[elf->segments].file_offset = ph->p_offset;
    elf->load[elf->segments].file_bytes = ph->p_filesz;
    elf->load[elf->segments].offset = offset;
    elf->segments++;
    return 0;
}

int guest_elf_parse(struct guest_elf *elf, const unsigned char *file, size_t file_bytes)
{
    Elf64_Ehdr header;

    *elf = (struct guest_elf){.file = file, .file_bytes = file_bytes};
    if (file_bytes < sizeof(header))
        return -ENOEXEC;
    memcpy(&header, file, sizeof(header));
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_machine != EM_X86_64 ||
        header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > file_bytes ||
        header.e_phnum * sizeof(Elf64_Phdr) > file_bytes - header.e_phoff)
        return -ENOEXEC;
    elf->entry = header.e_entry;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr ph;
        memcpy(&ph, file + header.e_phoff + i * sizeof(ph), sizeof(ph));
        if (ph.p_type == PT_LOAD && segment_add(elf, &ph) < 0)
            return -ENOEXEC;
    }
    return elf->segments ? 0 : -ENOEXEC;
}

void guest_elf_load(const struct guest_elf *elf, unsigned char *memory, bool map)
{
    uint64_t file_off = 0;
    int fd = map ? guest_image_open(elf, &file_off) : -1;

    for (unsigned i = 0; i < elf->segments; i++) {
        if (fd < 0 || !guest_image_map(elf, i, fd, file_off, memory))
            memcpy(memory + elf->load[i].offset, elf->file + elf->load[i].file_offset,
                   elf->load[i].file_bytes);
    }
    if (fd >= 0)
        close(fd);
}

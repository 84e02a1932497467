/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A write-back cache of a device's metadata: tables are read entry by entry, fetched page by page.
 *
 * Tables of these formats can be gigabytes; no driver holds one whole. A page may also cover data
 * that others write meanwhile: only sectors written through the cache are ever written back.
 */
#ifndef FORMATS_COMMON_CACHE_H
#define FORMATS_COMMON_CACHE_H

#include "io.h"

enum {
    FMT_CACHE_PAGE_BYTES = 64 << 10,
    FMT_CACHE_SECTOR_BYTES = 512, /* granularity of writing back */
    FMT_CACHE_DIRTY_WORDS = FMT_CACHE_PAGE_BYTES / FMT_CACHE_SECTOR_BYTES / 64,
};

struct fmt_cache_page {
    uint64_t offset; /* in the device, a multiple of FMT_CACHE_PAGE_BYTES */
    uint64_t used;   /* clock of the last use; 0: the page holds nothing */
    uint64_t dirty[FMT_CACHE_DIRTY_WORDS];
    uint64_t late[FMT_CACHE_DIRTY_WORDS]; /* of these: to be written after the others */
    bool any_dirty;
    uint8_t *bytes; /* NULL until first needed */
};

struct fmt_cache {
    struct fmt_env *env;
    uint32_t device;
    uint32_t pages_max;
    uint32_t pages; /* 0 until one is needed: many images are opened only for their headers */
    uint64_t clock;
    bool any_late;
    uint64_t zero_off; /* from here on the device holds only zeroes; UINT64_MAX: not known */
    struct fmt_cache_page *page;
    struct fmt_cache_page *last; /* the page of the last access */
};

/* An empty cache of at most @pages pages, which takes no memory yet. */
void fmt_cache_init(struct fmt_cache *cache, struct fmt_env *env, uint32_t device, uint32_t pages);
/* Bytes [offset, offset + length) of the device as last written here; zeroes past its end. */
int fmt_cache_read(struct fmt_cache *cache, uint64_t offset, void *to, size_t length);
/* Change them; they reach the device when their page is needed for others, or by a flush. */
int fmt_cache_write(struct fmt_cache *cache, uint64_t offset, const void *from, size_t length);
/* The same for bytes that must not reach the device before all that fmt_cache_write() changed: what
 * points to something goes behind it. Both kinds must not share a sector. */
int fmt_cache_write_late(struct fmt_cache *cache, uint64_t offset, const void *from, size_t length);
/* Whole sectors [offset, offset + length) are not metadata any more: do not write them back. */
void fmt_cache_forget(struct fmt_cache *cache, uint64_t offset, uint64_t length);
/* Write back everything that is still only here. Does not flush the device. */
int fmt_cache_flush(struct fmt_cache *cache);
/* Forget all pages, also changed ones. */
void fmt_cache_drop(struct fmt_cache *cache);

/* Where the bytes lie, if the page of the last access holds them all; else NULL. */
static inline const uint8_t *fmt_cache_hit(const struct fmt_cache *cache, uint64_t offset,
                                           size_t length)
{
    const struct fmt_cache_page *page = cache->last;
    uint64_t at = page ? offset - page->offset : 0;

    if (!page || !page->used || at > FMT_CACHE_PAGE_BYTES - length)
        return NULL;
    return page->bytes + at;
}

/* fmt_cache_be32() and the like: one table entry. Returns 0 or a negative errno. */
#define CACHE_ACCESSOR(order, bits)                                                                \
    static inline int fmt_cache_##order##bits(struct fmt_cache *cache, uint64_t offset,            \
                                              uint##bits##_t *value)                               \
    {                                                                                              \
        const uint8_t *at = fmt_cache_hit(cache, offset, sizeof(*value));                          \
        if (at) {                                                                                  \
            *value = order##bits##_load(at);                                                       \
            return 0;                                                                              \
        }                                                                                          \
        int r = fmt_cache_read(cache, offset, value, sizeof(*value));                              \
        *value = r < 0 ? 0 : order##bits##_load(value);                                            \
        return r;                                                                                  \
    }

CACHE_ACCESSOR(be, 32)
CACHE_ACCESSOR(le, 32)
CACHE_ACCESSOR(be, 64)
CACHE_ACCESSOR(le, 64)
#undef CACHE_ACCESSOR

#endif

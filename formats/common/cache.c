/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages of metadata, least recently used first out; see cache.h. */
#include "cache.h"

enum { DIRTY_WORD_BITS = 64 };

void fmt_cache_init(struct fmt_cache *cache, struct fmt_env *env, uint32_t device, uint32_t pages)
{
    *cache = (struct fmt_cache){
        .env = env, .device = device, .pages_max = pages, .zero_off = UINT64_MAX};
}

static bool sector_dirty(const struct fmt_cache_page *page, unsigned sector)
{
    return page->dirty[sector / DIRTY_WORD_BITS] >> (sector % DIRTY_WORD_BITS) & 1;
}

/* Write runs of changed sectors. A page that fails stays as it is, to be tried again. */
static int page_write_back(struct fmt_cache *cache, struct fmt_cache_page *page)
{
    const unsigned sectors = FMT_CACHE_PAGE_BYTES / FMT_CACHE_SECTOR_BYTES;

    for (unsigned from = 0; page->any_dirty && from < sectors;) {
        unsigned to = from;
        while (to < sectors && sector_dirty(page, to))
            to++;
        if (to > from) {
            size_t at = (size_t)from * FMT_CACHE_SECTOR_BYTES;
            size_t length = (size_t)(to - from) * FMT_CACHE_SECTOR_BYTES;
            int r =
                io_write(cache->env, cache->device, page->offset + at, page->bytes + at, length);
            if (r < 0)
                return r;
            if (cache->zero_off < page->offset + at + length)
                cache->zero_off = page->offset + at + length;
        }
        from = to + 1;
    }
    page->any_dirty = false;
    memset(page->dirty, 0, sizeof(page->dirty));
    return 0;
}

/* The page to be used next: an unused one, else the one used longest ago. */
static struct fmt_cache_page *page_victim(struct fmt_cache *cache)
{
    struct fmt_cache_page *victim = &cache->page[0];

    for (uint32_t i = 1; i < cache->pages; i++) {
        if (cache->page[i].used < victim->used)
            victim = &cache->page[i];
    }
    return victim;
}

static int page_load(struct fmt_cache *cache, uint64_t offset, struct fmt_cache_page **out)
{
    if (!cache->page) {
        cache->page = fmt_alloc(cache->env, cache->pages_max * sizeof(*cache->page));
        if (!cache->page)
            return -FMT_ENOMEM;
        cache->pages = cache->pages_max;
    }
    struct fmt_cache_page *page = page_victim(cache);
    int r = page_write_back(cache, page);
    if (r < 0)
        return r;
    page->used = 0;
    bool zero = offset >= cache->zero_off, is_new = !page->bytes;
    if (is_new)
        page->bytes = zero ? fmt_arena_alloc(cache->env->arena, FMT_CACHE_PAGE_BYTES)
                           : fmt_arena_buffer(cache->env->arena, FMT_CACHE_PAGE_BYTES, 4096);
    if (!page->bytes)
        return -FMT_ENOMEM;
    if (zero && !is_new)
        memset(page->bytes, 0, FMT_CACHE_PAGE_BYTES);
    else if (!zero)
        r = io_read(cache->env, cache->device, offset, page->bytes, FMT_CACHE_PAGE_BYTES);
    if (r < 0)
        return r;
    page->offset = offset;
    *out = page;
    return 0;
}

/* The page that holds @offset, as cache->last. */
static int page_get(struct fmt_cache *cache, uint64_t offset)
{
    uint64_t start = offset - offset % FMT_CACHE_PAGE_BYTES;
    struct fmt_cache_page *page = cache->last;

    if (page && page->used && page->offset == start)
        return 0;
    page = NULL;
    for (uint32_t i = 0; i < cache->pages && !page; i++) {
        if (cache->page[i].used && cache->page[i].offset == start)
            page = &cache->page[i];
    }
    int r = page ? 0 : page_load(cache, start, &page);
    if (r < 0)
        return r;
    page->used = ++cache->clock;
    cache->last = page;
    return 0;
}

int fmt_cache_read(struct fmt_cache *cache, uint64_t offset, void *to, size_t length)
{
    uint8_t *bytes = to;

    while (length > 0) {
        size_t at = (size_t)(offset % FMT_CACHE_PAGE_BYTES);
        size_t n = (size_t)min_u64(length, FMT_CACHE_PAGE_BYTES - at);
        int r = page_get(cache, offset);
        if (r < 0)
            return r;
        memcpy(bytes, cache->last->bytes + at, n);
        bytes += n;
        offset += n;
        length -= n;
    }
    return 0;
}

int fmt_cache_write(struct fmt_cache *cache, uint64_t offset, const void *from, size_t length)
{
    const uint8_t *bytes = from;

    while (length > 0) {
        size_t at = (size_t)(offset % FMT_CACHE_PAGE_BYTES);
        size_t n = (size_t)min_u64(length, FMT_CACHE_PAGE_BYTES - at);
        int r = page_get(cache, offset);
        if (r < 0)
            return r;
        struct fmt_cache_page *page = cache->last;
        memcpy(page->bytes + at, bytes, n);
        for (size_t s = at / FMT_CACHE_SECTOR_BYTES; s <= (at + n - 1) / FMT_CACHE_SECTOR_BYTES;
             s++)
            page->dirty[s / DIRTY_WORD_BITS] |= UINT64_C(1) << (s % DIRTY_WORD_BITS);
        page->any_dirty = true;
        bytes += n;
        offset += n;
        length -= n;
    }
    return 0;
}

int fmt_cache_flush(struct fmt_cache *cache)
{
    for (uint32_t i = 0; i < cache->pages; i++) {
        int r = page_write_back(cache, &cache->page[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

void fmt_cache_drop(struct fmt_cache *cache)
{
    for (uint32_t i = 0; i < cache->pages; i++) {
        struct fmt_cache_page *page = &cache->page[i];
        page->used = 0;
        page->any_dirty = false;
        memset(page->dirty, 0, sizeof(page->dirty));
    }
    cache->last = NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages of metadata, least recently used first out; see cache.h. */
#include "cache.h"

enum { DIRTY_WORD_BITS = 64 };

void fmt_cache_init(struct fmt_cache *cache, struct fmt_env *env, uint32_t device, uint32_t pages)
{
    *cache = (struct fmt_cache){
        .env = env, .device = device, .pages_max = pages, .zero_off = UINT64_MAX};
}

static bool bit_get(const uint64_t *bits, unsigned sector)
{
    return bits[sector / DIRTY_WORD_BITS] >> (sector % DIRTY_WORD_BITS) & 1;
}

static void bits_clear(uint64_t *bits, unsigned from, unsigned to)
{
    for (; from < to; from++)
        bits[from / DIRTY_WORD_BITS] &= ~(UINT64_C(1) << (from % DIRTY_WORD_BITS));
}

static bool sector_due(const struct fmt_cache_page *page, unsigned sector, bool late)
{
    return bit_get(page->dirty, sector) && bit_get(page->late, sector) == late;
}

/* Write runs of changed sectors, late ones or the others. What fails stays, to be tried again. */
static int page_write_back(struct fmt_cache *cache, struct fmt_cache_page *page, bool late)
{
    const unsigned sectors = FMT_CACHE_PAGE_BYTES / FMT_CACHE_SECTOR_BYTES;

    for (unsigned from = 0; page->any_dirty && from < sectors;) {
        unsigned to = from;
        while (to < sectors && sector_due(page, to, late))
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
            bits_clear(page->dirty, from, to);
            bits_clear(page->late, from, to);
        }
        from = to + 1;
    }
    return 0;
}

static void page_clean_set(struct fmt_cache_page *page)
{
    page->any_dirty = false;
    for (unsigned i = 0; i < FMT_CACHE_DIRTY_WORDS; i++)
        page->any_dirty = page->any_dirty || page->dirty[i];
}

/* Where memory gets scarce, as with hundreds of images in a chain, a cache makes do with what it
 * has: the rest is for those that have nothing. */
static bool memory_is_short(const struct fmt_cache *cache)
{
    enum { SHORT_SHARE = 8 };
    const struct fmt_arena *arena = cache->env->arena;

    return fmt_arena_room(arena) < arena->size_bytes / SHORT_SHARE;
}

/* The page to be used next: an unused one, else the one used longest ago. */
static struct fmt_cache_page *page_victim(struct fmt_cache *cache)
{
    struct fmt_cache_page *victim = &cache->page[0];

    for (uint32_t i = 1; i < cache->pages; i++) {
        if (!cache->page[i].bytes && memory_is_short(cache))
            break; /* pages get their memory one after the other */
        if (cache->page[i].used < victim->used)
            victim = &cache->page[i];
    }
    return victim;
}

/* Have the page written back; where some pages have an order, all. */
static int page_make_room(struct fmt_cache *cache, struct fmt_cache_page *page)
{
    if (!page->any_dirty)
        return 0;
    if (cache->any_late)
        return fmt_cache_flush(cache);
    int r = page_write_back(cache, page, false);
    page_clean_set(page);
    return r;
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
    int r = page_make_room(cache, page);
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

static void page_mark(struct fmt_cache *cache, struct fmt_cache_page *page, size_t at,
                      size_t length, bool late)
{
    size_t last = (at + length - 1) / FMT_CACHE_SECTOR_BYTES;

    for (size_t s = at / FMT_CACHE_SECTOR_BYTES; s <= last; s++) {
        uint64_t bit = UINT64_C(1) << (s % DIRTY_WORD_BITS);
        page->dirty[s / DIRTY_WORD_BITS] |= bit;
        if (late)
            page->late[s / DIRTY_WORD_BITS] |= bit;
    }
    page->any_dirty = true;
    cache->any_late = cache->any_late || late;
}

static int cache_put(struct fmt_cache *cache, uint64_t offset, const void *from, size_t length,
                     bool late)
{
    const uint8_t *bytes = from;

    while (length > 0) {
        size_t at = (size_t)(offset % FMT_CACHE_PAGE_BYTES);
        size_t n = (size_t)min_u64(length, FMT_CACHE_PAGE_BYTES - at);
        int r = page_get(cache, offset);
        if (r < 0)
            return r;
        memcpy(cache->last->bytes + at, bytes, n);
        page_mark(cache, cache->last, at, n, late);
        bytes += n;
        offset += n;
        length -= n;
    }
    return 0;
}

int fmt_cache_write(struct fmt_cache *cache, uint64_t offset, const void *from, size_t length)
{
    return cache_put(cache, offset, from, length, false);
}

int fmt_cache_write_late(struct fmt_cache *cache, uint64_t offset, const void *from, size_t length)
{
    return cache_put(cache, offset, from, length, true);
}

void fmt_cache_forget(struct fmt_cache *cache, uint64_t offset, uint64_t length)
{
    for (uint32_t i = 0; i < cache->pages; i++) {
        struct fmt_cache_page *page = &cache->page[i];
        uint64_t end = page->offset + FMT_CACHE_PAGE_BYTES;
        if (!page->any_dirty || offset >= end || offset + length <= page->offset)
            continue;
        uint64_t from = offset > page->offset ? offset - page->offset : 0;
        uint64_t to = min_u64(offset + length, end) - page->offset;
        unsigned first = (unsigned)(from / FMT_CACHE_SECTOR_BYTES);
        bits_clear(page->dirty, first, (unsigned)(to / FMT_CACHE_SECTOR_BYTES));
        bits_clear(page->late, first, (unsigned)(to / FMT_CACHE_SECTOR_BYTES));
        page_clean_set(page);
    }
}

int fmt_cache_flush(struct fmt_cache *cache)
{
    for (int late = 0; late <= cache->any_late; late++) {
        for (uint32_t i = 0; i < cache->pages; i++) {
            int r = page_write_back(cache, &cache->page[i], late);
            if (r < 0)
                return r;
            page_clean_set(&cache->page[i]);
        }
    }
    cache->any_late = false;
    return 0;
}

void fmt_cache_drop(struct fmt_cache *cache)
{
    for (uint32_t i = 0; i < cache->pages; i++) {
        struct fmt_cache_page *page = &cache->page[i];
        page->used = 0;
        page->any_dirty = false;
        memset(page->dirty, 0, sizeof(page->dirty));
        memset(page->late, 0, sizeof(page->late));
    }
    cache->any_late = false;
    cache->last = NULL;
}

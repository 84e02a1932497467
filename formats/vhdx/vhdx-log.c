/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHDX: the log, a ring of entries that change metadata, and its replay ([MS-VHDX] 2.3).
 *
 * An entry is a header with descriptors, in whole sectors of 4 KiB, and one data sector for each
 * data descriptor. The entries to be replayed are the run of valid ones, with sequence numbers
 * without a gap, that ends with the highest number.
 */
#include "vhdx.h"

#define ENTRY_SIGNATURE 0x65676f6cu /* "loge" */
#define ZERO_SIGNATURE 0x6f72657au  /* "zero" */
#define DATA_SIGNATURE 0x63736564u  /* "desc" */

enum {
    SECTOR_BYTES = 4096,
    ENTRY_HEADER_BYTES = 64,
    DESCRIPTOR_BYTES = 32,
    OFF_CHECKSUM = 4,
    LEAD_BYTES = 8,  /* of a data sector, kept in its descriptor */
    TRAIL_BYTES = 4, /* likewise */
};

struct log_entry {
    uint32_t at;    /* where it starts in the ring, bytes */
    uint32_t bytes; /* the whole entry */
    uint64_t sequence;
    uint32_t descriptors;
    uint64_t flushed_file_bytes;
    uint64_t last_file_bytes;
};

struct log {
    struct fmt_image *image;
    struct vhdx_state *state;
    struct fmt_cache ring; /* over the log region */
    uint32_t bytes;
};

/* A run of entries: @count of them, from the ring offset @start on. */
struct log_run {
    uint32_t start;
    uint32_t count;
    uint64_t bytes;
    uint64_t last_sequence;
};

/* Read within the ring, wrapping around at its end. */
static int ring_read(struct log *log, uint64_t at, void *to, size_t length)
{
    uint64_t start = at % log->bytes;
    size_t head = (size_t)min_u64(length, log->bytes - start);

    int r = fmt_cache_read(&log->ring, log->state->header.log_off + start, to, head);
    if (r < 0 || head == length)
        return r;
    return fmt_cache_read(&log->ring, log->state->header.log_off, (uint8_t *)to + head,
                          length - head);
}

/* Sectors that header and descriptors take. */
static uint32_t descriptor_sectors(uint32_t descriptors)
{
    return (uint32_t)div_up_u64(ENTRY_HEADER_BYTES + (uint64_t)descriptors * DESCRIPTOR_BYTES,
                                SECTOR_BYTES);
}

/* Parse the entry header at @at. False: there is none. */
static bool entry_header_parse(const struct log *log, const uint8_t *bytes, uint32_t at,
                               struct log_entry *entry)
{
    *entry = (struct log_entry){
        .at = at,
        .bytes = le32_load(bytes + 8),
        .sequence = le64_load(bytes + 16),
        .descriptors = le32_load(bytes + 24),
        .flushed_file_bytes = le64_load(bytes + 48),
        .last_file_bytes = le64_load(bytes + 56),
    };
    return le32_load(bytes) == ENTRY_SIGNATURE && entry->bytes <= log->bytes &&
           entry->bytes % SECTOR_BYTES == 0 && entry->sequence != 0 &&
           vhdx_guid_equal(bytes + 32, log->state->header.log_guid) &&
           (uint64_t)entry->descriptors * DESCRIPTOR_BYTES <= entry->bytes &&
           (uint64_t)descriptor_sectors(entry->descriptors) * SECTOR_BYTES <= log->bytes;
}

static int descriptor_read(struct log *log, const struct log_entry *entry, uint32_t index,
                           uint8_t *bytes)
{
    return ring_read(log, entry->at + ENTRY_HEADER_BYTES + (uint64_t)index * DESCRIPTOR_BYTES,
                     bytes, DESCRIPTOR_BYTES);
}

static bool descriptor_valid(const uint8_t *bytes, uint64_t sequence)
{
    uint32_t signature = le32_load(bytes);

    if (le64_load(bytes + 24) != sequence || le64_load(bytes + 16) % SECTOR_BYTES != 0)
        return false;
    return signature == DATA_SIGNATURE ||
           (signature == ZERO_SIGNATURE && le64_load(bytes + 8) % SECTOR_BYTES == 0);
}

/* The checksum covers the entry, and at least the sectors with descriptors. */
static int entry_checksum(struct log *log, const struct log_entry *entry, uint32_t *sum)
{
    static const uint8_t zero[4];
    uint64_t end = entry->bytes;
    uint64_t described = (uint64_t)descriptor_sectors(entry->descriptors) * SECTOR_BYTES;
    uint8_t sector[SECTOR_BYTES];
    uint32_t c = CRC32C_START;

    if (end < described)
        end = described;
    for (uint64_t at = 0; at < end; at += SECTOR_BYTES) {
        int r = ring_read(log, entry->at + at, sector, sizeof(sector));
        if (r < 0)
            return r;
        if (at == 0)
            memcpy(sector + OFF_CHECKSUM, zero, sizeof(zero));
        c = crc32c_feed(log->state->crc, c, sector, sizeof(sector));
    }
    *sum = ~c;
    return 0;
}

/* Look at ring offset @at. Returns 1: a valid entry; 0: none; negative: the reference gives up,
 * e.g. where an entry's descriptors are not its own. */
static int entry_read(struct log *log, uint32_t at, struct log_entry *entry)
{
    uint8_t header[ENTRY_HEADER_BYTES], descriptor[DESCRIPTOR_BYTES];
    uint32_t sum;

    int r = ring_read(log, at, header, sizeof(header));
    if (r < 0 || !entry_header_parse(log, header, at, entry))
        return r;
    for (uint32_t i = 0; i < entry->descriptors; i++) {
        r = descriptor_read(log, entry, i, descriptor);
        if (r < 0)
            return r;
        if (!descriptor_valid(descriptor, entry->sequence))
            return -FMT_EINVAL;
    }
    r = entry_checksum(log, entry, &sum);
    return r < 0 ? r : sum == le32_load(header + OFF_CHECKSUM);
}

/* Bytes to the next entry; an entry of length 0 still takes its sectors. */
static uint32_t entry_step(const struct log_entry *entry)
{
    uint32_t described = descriptor_sectors(entry->descriptors) * SECTOR_BYTES;
    return entry->bytes > described ? entry->bytes : described;
}

/* The run from the entry at @at on; run->count is 0 if there is no entry. */
static int run_read(struct log *log, uint32_t at, struct log_run *run)
{
    struct log_entry entry;
    uint32_t position = at;

    *run = (struct log_run){.start = at};
    while (run->bytes < log->bytes) {
        int r = entry_read(log, position, &entry);
        if (r < 0)
            return r;
        if (r == 0 || (run->count && entry.sequence != run->last_sequence + 1))
            break;
        run->count++;
        run->last_sequence = entry.sequence;
        run->bytes += entry_step(&entry);
        position = (uint32_t)((at + run->bytes) % log->bytes);
    }
    return 0;
}

static int run_find(struct log *log, struct log_run *best)
{
    struct log_run run;

    *best = (struct log_run){0};
    /* Runs that begin inside of a run are its ends, and no better. */
    for (uint64_t at = 0; at < log->bytes; at += run.count ? run.bytes : SECTOR_BYTES) {
        int r = run_read(log, (uint32_t)at, &run);
        if (r < 0)
            return r;
        if (run.count && (run.last_sequence > best->last_sequence ||
                          (run.last_sequence == best->last_sequence && run.count > best->count)))
            *best = run;
    }
    return 0;
}

static int data_apply(struct log *log, const uint8_t *descriptor, uint64_t at)
{
    struct fmt_env *env = log->image->env;
    uint8_t sector[SECTOR_BYTES];

    int r = ring_read(log, at, sector, sizeof(sector));
    if (r < 0)
        return r;
    uint64_t sequence =
        (uint64_t)le32_load(sector + 4) << 32 | le32_load(sector + SECTOR_BYTES - TRAIL_BYTES);
    if (sequence != le64_load(descriptor + 24))
        return -FMT_EINVAL;
    memcpy(sector, descriptor + 8, LEAD_BYTES);
    memcpy(sector + SECTOR_BYTES - TRAIL_BYTES, descriptor + 4, TRAIL_BYTES);
    return io_write(env, log->image->device, le64_load(descriptor + 16), sector, sizeof(sector));
}

static int zero_apply(struct log *log, const uint8_t *descriptor)
{
    return io_zero(log->image->env, log->image->device, le64_load(descriptor + 16),
                   le64_load(descriptor + 8), false);
}

static int file_grow(struct log *log, uint64_t file_bytes, uint64_t last_file_bytes)
{
    if (last_file_bytes <= file_bytes)
        return 0;
    if (last_file_bytes > FMT_OFFSET_MAX)
        return -FMT_EINVAL;
    return io_truncate(log->image->env, log->image->device, round_up_u64(last_file_bytes, VHDX_MIB),
                       FMT_PREALLOC_OFF);
}

static int entry_apply(struct log *log, const struct log_entry *entry)
{
    uint64_t data_at = entry->at + (uint64_t)descriptor_sectors(entry->descriptors) * SECTOR_BYTES;
    uint8_t descriptor[DESCRIPTOR_BYTES];
    uint64_t file_bytes;

    int r = io_sector_bytes(log->image->env, log->image->device, &file_bytes);
    if (r == 0 && entry->flushed_file_bytes > file_bytes)
        r = -FMT_EINVAL; /* the file lost what the log relies on */
    for (uint32_t i = 0; r == 0 && i < entry->descriptors; i++) {
        r = descriptor_read(log, entry, i, descriptor);
        if (r < 0)
            return r;
        if (le32_load(descriptor) == DATA_SIGNATURE) {
            r = data_apply(log, descriptor, data_at);
            data_at += SECTOR_BYTES;
        } else {
            r = zero_apply(log, descriptor);
        }
    }
    return r < 0 ? r : file_grow(log, file_bytes, entry->last_file_bytes);
}

static int run_apply(struct log *log, const struct log_run *run)
{
    struct fmt_image *image = log->image;
    uint32_t at = run->start;

    int r = vhdx_headers_update(image, log->state, true, NULL);
    for (uint32_t i = 0; r == 0 && i < run->count; i++) {
        struct log_entry entry;
        r = entry_read(log, at, &entry);
        if (r <= 0)
            return r < 0 ? r : -FMT_EINVAL;
        r = entry_apply(log, &entry);
        at = (uint32_t)((at + (uint64_t)entry_step(&entry)) % log->bytes);
    }
    if (r == 0)
        r = io_flush(image->env, image->device);
    if (r == 0)
        r = vhdx_headers_update(image, log->state, false, vhdx_null_guid);
    log->state->log_replayed = r == 0;
    return r;
}

static int log_refuse(struct fmt_image *image)
{
    fmt_fail(image->env, FMT_EPERM, FMT_ERR_VHDX_LOG_HINT);
    fmt_fail(image->env, FMT_EPERM, FMT_ERR_VHDX_LOG_COMMAND, FMT_STR(image->filename));
    return fmt_fail(image->env, FMT_EPERM, FMT_ERR_VHDX_LOG, FMT_STR(image->filename));
}

int vhdx_log_open(struct fmt_image *image, struct vhdx_state *state)
{
    const struct vhdx_header *h = &state->header;
    struct log log = {.image = image, .state = state, .bytes = h->log_bytes};
    size_t mark = fmt_arena_mark(image->env->arena);
    struct log_run run;

    if (h->log_off < VHDX_MIB || h->log_off % VHDX_MIB != 0 || h->log_version != 0)
        return -FMT_EINVAL;
    if (vhdx_guid_equal(h->log_guid, vhdx_null_guid) || h->log_bytes == 0)
        return 0;
    if (h->log_bytes % VHDX_MIB != 0)
        return -FMT_EINVAL;
    fmt_cache_init(&log.ring, image->env, image->device, VHDX_CACHE_PAGES);
    int r = run_find(&log, &run);
    if (r == 0 && run.count)
        r = image->flags & FMT_OPEN_WRITABLE ? run_apply(&log, &run) : log_refuse(image);
    fmt_arena_release(image->env->arena, mark);
    return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX: finding the log's active sequence ([MS-VHDX] 2.3.2); see vhdx-log.h. */
#include "vhdx-log.h"

#define ENTRY_SIGNATURE 0x65676f6cu  /* "loge" */
#define ZERO_SIGNATURE 0x6f72657au   /* "zero" */
#define DATA_SIGNATURE 0x63736564u   /* "desc" */
#define SECTOR_SIGNATURE 0x61746164u /* "data" */

enum {
    ENTRY_HEADER_BYTES = 64,
    DESCRIPTOR_BYTES = 32,
    OFF_CHECKSUM = 4,
    LEAD_BYTES = 8,  /* of a data sector, kept in its descriptor */
    TRAIL_BYTES = 4, /* likewise */
};

/* What is at a sector of the ring. */
enum found {
    FOUND_NOTHING,
    FOUND_TORN, /* an entry of this log that was not written to its end, or overwritten since */
    FOUND_ENTRY,
};

/* Entries that follow each other, whatever their tails say. */
struct run {
    uint32_t start, count;
    uint64_t bytes;
    struct vhdx_log_entry last;
};

static int damaged(const struct vhdx_log *log)
{
    return fmt_fail(log->image->env, FMT_EINVAL, FMT_ERR_VHDX_LOG_DAMAGED);
}

/* Read within the ring, wrapping around at its end. */
static int ring_read(struct vhdx_log *log, uint64_t at, void *to, size_t length)
{
    uint64_t ring_off = log->state->header.log_off, start = at % log->bytes;
    size_t head = (size_t)min_u64(length, log->bytes - start);

    int r = fmt_cache_read(&log->ring, ring_off + start, to, head);
    if (r < 0 || head == length)
        return r;
    return fmt_cache_read(&log->ring, ring_off, (uint8_t *)to + head, length - head);
}

/* Bytes of the sectors that header and descriptors take. */
static uint64_t described_bytes(uint32_t descriptors)
{
    return round_up_u64(ENTRY_HEADER_BYTES + (uint64_t)descriptors * DESCRIPTOR_BYTES,
                        VHDX_LOG_SECTOR_BYTES);
}

/* The header of an entry at @at, if there is one; *@sum: the checksum that it tells. */
static int header_read(struct vhdx_log *log, uint32_t at, struct vhdx_log_entry *entry,
                       uint32_t *sum, enum found *found)
{
    uint8_t bytes[ENTRY_HEADER_BYTES];

    int r = ring_read(log, at, bytes, sizeof(bytes));
    if (r < 0)
        return r;
    *sum = le32_load(bytes + OFF_CHECKSUM);
    *entry = (struct vhdx_log_entry){
        .at = at,
        .bytes = le32_load(bytes + 8),
        .tail = le32_load(bytes + 12),
        .sequence = le64_load(bytes + 16),
        .descriptors = le32_load(bytes + 24),
        .flushed_file_bytes = le64_load(bytes + 48),
        .last_file_bytes = le64_load(bytes + 56),
    };
    if (le32_load(bytes) != ENTRY_SIGNATURE || entry->sequence == 0 ||
        !vhdx_guid_equal(bytes + 32, log->state->header.log_guid))
        *found = FOUND_NOTHING;
    else if (entry->bytes > log->bytes || entry->bytes % VHDX_LOG_SECTOR_BYTES != 0 ||
             entry->bytes < described_bytes(entry->descriptors) || entry->tail >= log->bytes ||
             entry->tail % VHDX_LOG_SECTOR_BYTES != 0)
        *found = FOUND_TORN;
    else
        *found = FOUND_ENTRY;
    return 0;
}

static int entry_sum(struct vhdx_log *log, const struct vhdx_log_entry *entry, uint32_t *sum)
{
    static const uint8_t zero[4];
    uint8_t sector[VHDX_LOG_SECTOR_BYTES];
    uint32_t c = CRC32C_START;

    if (entry->bytes > log->unsummed_bytes)
        return damaged(log);
    log->unsummed_bytes -= entry->bytes;
    for (uint32_t at = 0; at < entry->bytes; at += VHDX_LOG_SECTOR_BYTES) {
        int r = ring_read(log, (uint64_t)entry->at + at, sector, sizeof(sector));
        if (r < 0)
            return r;
        if (at == 0)
            memcpy(sector + OFF_CHECKSUM, zero, sizeof(zero));
        c = crc32c_feed(log->state->crc, c, sector, sizeof(sector));
    }
    *sum = ~c;
    return 0;
}

/* The change that a descriptor of the entry describes. Its data sectors follow from @data_at on. */
static int change_read(struct vhdx_log *log, const struct vhdx_log_entry *entry, uint32_t index,
                       uint64_t data_at, struct vhdx_log_change *change)
{
    uint64_t at = entry->at + ENTRY_HEADER_BYTES + (uint64_t)index * DESCRIPTOR_BYTES;
    uint8_t bytes[DESCRIPTOR_BYTES];

    int r = ring_read(log, at, bytes, sizeof(bytes));
    if (r < 0)
        return r;
    uint32_t signature = le32_load(bytes);
    *change = (struct vhdx_log_change){
        .offset = le64_load(bytes + 16),
        .length = signature == ZERO_SIGNATURE ? le64_load(bytes + 8) : VHDX_LOG_SECTOR_BYTES,
        .is_zero = signature == ZERO_SIGNATURE,
        .descriptor_at = (uint32_t)(at % log->bytes),
        .data_at = (uint32_t)(data_at % log->bytes),
    };
    if ((signature != ZERO_SIGNATURE && signature != DATA_SIGNATURE) ||
        le64_load(bytes + 24) != entry->sequence || change->offset % VHDX_LOG_SECTOR_BYTES != 0 ||
        change->length % VHDX_LOG_SECTOR_BYTES != 0 || !io_range_ok(change->offset, change->length))
        return damaged(log);
    return 0;
}

/* The data sector of a change must be of its entry. */
static int data_check(struct vhdx_log *log, const struct vhdx_log_entry *entry,
                      const struct vhdx_log_change *change)
{
    uint8_t head[LEAD_BYTES], trail[TRAIL_BYTES];

    int r = ring_read(log, change->data_at, head, sizeof(head));
    if (r == 0)
        r = ring_read(log, (uint64_t)change->data_at + VHDX_LOG_SECTOR_BYTES - TRAIL_BYTES, trail,
                      sizeof(trail));
    if (r < 0)
        return r;
    uint64_t sequence = (uint64_t)le32_load(head + 4) << 32 | le32_load(trail);
    if (le32_load(head) != SECTOR_SIGNATURE || sequence != entry->sequence)
        return damaged(log);
    return 0;
}

/* All changes of an entry, each told to @tell, if there is one. */
static int entry_walk(struct vhdx_log *log, const struct vhdx_log_entry *entry, vhdx_log_fn tell,
                      void *ctx)
{
    uint64_t data_at = entry->at + described_bytes(entry->descriptors);
    struct vhdx_log_change change;

    for (uint32_t i = 0; i < entry->descriptors; i++) {
        int r = change_read(log, entry, i, data_at, &change);
        if (r == 0 && !change.is_zero) {
            data_at += VHDX_LOG_SECTOR_BYTES;
            r = data_at - entry->at > entry->bytes ? damaged(log) : data_check(log, entry, &change);
        }
        if (r == 0 && tell)
            r = tell(ctx, &change);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Look at the ring's offset @at. An entry whose checksum is right must be right altogether. */
static int entry_find(struct vhdx_log *log, uint32_t at, struct vhdx_log_entry *entry,
                      enum found *found)
{
    uint32_t told, sum;

    int r = header_read(log, at, entry, &told, found);
    if (r < 0 || *found != FOUND_ENTRY)
        return r;
    r = entry_sum(log, entry, &sum);
    if (r == 0 && sum != told)
        *found = FOUND_TORN;
    return r < 0 || *found != FOUND_ENTRY ? r : entry_walk(log, entry, NULL, NULL);
}

/* The run that begins with the entry at @at; run->count is 0 if there is none, and *@found says
 * what there is instead. */
static int run_read(struct vhdx_log *log, uint32_t at, struct run *run, enum found *found)
{
    struct vhdx_log_entry entry;

    *run = (struct run){.start = at};
    while (run->bytes < log->bytes) {
        enum found next;
        int r = entry_find(log, (uint32_t)((at + run->bytes) % log->bytes), &entry, &next);
        if (r < 0)
            return r;
        if (run->count == 0)
            *found = next;
        if (next != FOUND_ENTRY || entry.bytes > log->bytes - run->bytes ||
            (run->count && entry.sequence != run->last.sequence + 1))
            break;
        run->count++;
        run->bytes += entry.bytes;
        run->last = entry;
    }
    return 0;
}

/* The part of a run that its last entry's tail begins; sequence->count is 0 if that is not in it.
 */
static int run_cut(struct vhdx_log *log, const struct run *run, struct vhdx_log_sequence *sequence)
{
    struct vhdx_log_entry entry;
    uint32_t at = run->start, sum;
    enum found found;

    *sequence = (struct vhdx_log_sequence){.last = run->last};
    for (uint32_t i = 0; i < run->count; i++) {
        int r = header_read(log, at, &entry, &sum, &found);
        if (r < 0)
            return r;
        if (found != FOUND_ENTRY)
            return damaged(log); /* the file changes meanwhile */
        if (at == run->last.tail) {
            sequence->start = at;
            sequence->count = run->count - i;
        }
        if (sequence->count)
            sequence->descriptors += entry.descriptors;
        at = (uint32_t)(((uint64_t)at + entry.bytes) % log->bytes);
    }
    return 0;
}

static int file_check(struct vhdx_log *log, const struct vhdx_log_entry *last)
{
    struct fmt_env *env = log->image->env;
    uint64_t file_bytes;

    int r = io_sector_bytes(env, log->image->device, &file_bytes);
    if (r == 0 && last->flushed_file_bytes > file_bytes)
        r = fmt_fail(env, FMT_EINVAL, FMT_ERR_VHDX_LOG_TRUNCATED, FMT_NUM(file_bytes),
                     FMT_NUM(last->flushed_file_bytes));
    if (r == 0 && last->last_file_bytes > FMT_OFFSET_MAX)
        r = damaged(log);
    return r;
}

int vhdx_log_find(struct vhdx_log *log, struct vhdx_log_sequence *best)
{
    unsigned torn = 0;
    bool any = false;
    struct run run;

    *best = (struct vhdx_log_sequence){0};
    /* A run that begins inside of a run is its end, and no better. */
    for (uint64_t at = 0; at < log->bytes; at += run.count ? run.bytes : VHDX_LOG_SECTOR_BYTES) {
        struct vhdx_log_sequence sequence = {0};
        enum found found = FOUND_NOTHING;
        int r = run_read(log, (uint32_t)at, &run, &found);
        if (r == 0 && run.count)
            r = run_cut(log, &run, &sequence);
        if (r < 0)
            return r;
        torn += found == FOUND_TORN;
        any |= run.count > 0;
        if (sequence.count && sequence.last.sequence > best->last.sequence)
            *best = sequence;
    }
    if (best->count)
        return file_check(log, &best->last);
    return any || torn > 1 ? damaged(log) : 0;
}

int vhdx_log_walk(struct vhdx_log *log, const struct vhdx_log_sequence *sequence, vhdx_log_fn tell,
                  void *ctx)
{
    uint32_t at = sequence->start;

    for (uint32_t i = 0; i < sequence->count; i++) {
        struct vhdx_log_entry entry;
        enum found found;
        uint32_t sum;
        int r = header_read(log, at, &entry, &sum, &found);
        if (r == 0 && found != FOUND_ENTRY)
            r = damaged(log);
        if (r == 0)
            r = entry_walk(log, &entry, tell, ctx);
        if (r < 0)
            return r;
        at = (uint32_t)(((uint64_t)at + entry.bytes) % log->bytes);
    }
    return 0;
}

int vhdx_log_sector(struct vhdx_log *log, const struct vhdx_log_change *change, uint8_t *sector)
{
    uint8_t descriptor[DESCRIPTOR_BYTES];

    int r = ring_read(log, change->data_at, sector, VHDX_LOG_SECTOR_BYTES);
    if (r == 0)
        r = ring_read(log, change->descriptor_at, descriptor, sizeof(descriptor));
    if (r < 0)
        return r;
    memcpy(sector, descriptor + 8, LEAD_BYTES);
    memcpy(sector + VHDX_LOG_SECTOR_BYTES - TRAIL_BYTES, descriptor + 4, TRAIL_BYTES);
    return 0;
}

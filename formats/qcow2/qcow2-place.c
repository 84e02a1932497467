/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: where data that is written goes. The steps, and how far each of them reaches, are the
 * reference's: clusters that may be overwritten, then new ones, as long as they lie one behind the
 * other in the file; then the rest of the new clusters is filled and their entries are set.
 */
#include "qcow2-bitmap.h"
#include "qcow2-write.h"

#define NOWHERE UINT64_MAX

/* Parts of one write; it is cut short at more. */
enum { PARTS_MAX = 16 };

/* The reference encrypts, and so places, at most so many clusters at once. */
enum { ENCRYPTED_CLUSTERS_MAX = 32 };

/* Adjacent clusters whose entries are to be set once they are filled. Offsets count from the first
 * of them: the write is [data_from, data_to), and [from, to) gets an allocated state. */
struct part {
    uint64_t offset;   /* on the disk */
    uint64_t host_off; /* in the file */
    uint64_t clusters;
    uint64_t from, data_from, data_to, to;
    bool kept; /* the clusters had this place before */
};

struct placing {
    struct fmt_image *image;
    struct part part[PARTS_MAX];
    unsigned parts;
};

/* Whether a write needs a new cluster in place of this one. */
static bool needs_new(const struct qcow2_state *state, const struct qcow2_entry *entry)
{
    bool extended = state->header.incompatible & QCOW2_EXTENDED_L2;
    bool has_place = entry->value & QCOW2_OFFSET_MASK;

    if (state->has_data_file && (extended || !(entry->value & QCOW2_ZERO)))
        has_place = has_place || entry->value & QCOW2_COPIED;
    return entry->value & QCOW2_COMPRESSED || !has_place || !(entry->value & QCOW2_COPIED);
}

/* How many entries from @index on, of @most, do (@fresh) or do not need a new cluster; these must
 * lie one behind the other. */
static int run_count(struct fmt_image *image, uint64_t l2_off, uint64_t index, uint64_t most,
                     bool fresh, uint64_t *count)
{
    const struct qcow2_state *state = image->state;
    uint64_t expected = 0;
    struct qcow2_entry entry;

    for (*count = 0; *count < most; ++*count) {
        int r = qcow2_l2_get(image, l2_off, index + *count, &entry);
        if (r < 0)
            return r;
        if (needs_new(state, &entry) != fresh)
            break;
        if (!fresh && *count && (entry.value & QCOW2_OFFSET_MASK) != expected)
            break;
        expected = (entry.value & QCOW2_OFFSET_MASK) + state->cluster_bytes;
    }
    return 0;
}

/* The first bit of 32 that is set, from the low or the high end; 32: none. */
static unsigned low_zeroes(uint32_t bits)
{
    return bits ? (unsigned)__builtin_ctz(bits) : 32;
}

static unsigned high_zeroes(uint32_t bits)
{
    return bits ? (unsigned)__builtin_clz(bits) : 32;
}

/* Where filling begins in the first cluster of a part: at the write, its subcluster, or the first
 * subcluster that must be kept. @entry has the type of the subcluster at data_from. */
static uint64_t fill_from(const struct qcow2_state *state, const struct qcow2_entry *entry,
                          const struct part *part)
{
    uint64_t sub_bytes = qcow2_subcluster_bytes(state);
    uint64_t sub = part->data_from / sub_bytes;
    bool extended = sub_bytes != state->cluster_bytes;

    if (part->kept)
        return entry->type == QCOW2_TYPE_NORMAL ? part->data_from : sub * sub_bytes;
    if (entry->type == QCOW2_TYPE_COMPRESSED)
        return 0;
    if (extended && qcow2_type_placed(entry->type))
        sub = min_u64(sub, low_zeroes((uint32_t)entry->bitmap));
    return sub * sub_bytes;
}

/* Likewise where it ends in the last cluster; @entry is of the subcluster before data_to. */
static uint64_t fill_to(const struct qcow2_state *state, const struct qcow2_entry *entry,
                        const struct part *part)
{
    uint64_t sub_bytes = qcow2_subcluster_bytes(state);
    uint64_t cluster_end = round_up_u64(part->data_to, state->cluster_bytes);
    uint64_t sub = (part->data_to - 1) % state->cluster_bytes / sub_bytes;
    bool extended = sub_bytes != state->cluster_bytes;

    if (part->kept && entry->type == QCOW2_TYPE_NORMAL)
        return part->data_to;
    if (!part->kept && entry->type == QCOW2_TYPE_COMPRESSED)
        return cluster_end;
    if (!part->kept && extended && qcow2_type_placed(entry->type))
        return cluster_end -
               min_u64(QCOW2_SUBCLUSTERS - 1 - sub, high_zeroes((uint32_t)entry->bitmap)) *
                   sub_bytes;
    return round_up_u64(part->data_to, sub_bytes);
}

/* The entry for what lies @in_part bytes behind the part's start, with that subcluster's type. */
static int part_entry(struct fmt_image *image, const struct part *part, uint64_t l2_off,
                      uint64_t in_part, struct qcow2_entry *entry)
{
    const struct qcow2_state *state = image->state;
    uint64_t index = qcow2_l2_index(state, part->offset) + in_part / state->cluster_bytes;

    int r = qcow2_l2_get(image, l2_off, index, entry);
    entry->type = qcow2_type_of(
        state, entry, (unsigned)(in_part % state->cluster_bytes / qcow2_subcluster_bytes(state)));
    return r == 0 && entry->type == QCOW2_TYPE_INVALID ? -FMT_EIO : r;
}

/* Whether all that will be written has plain clusters already: then nothing else changes. */
static int part_settled(struct fmt_image *image, const struct part *part, uint64_t l2_off,
                        bool *settled)
{
    uint64_t sub_bytes = qcow2_subcluster_bytes(image->state);
    struct qcow2_entry entry;

    *settled = part->kept;
    for (uint64_t at = part->data_from; *settled && at < part->data_to;
         at = (at / sub_bytes + 1) * sub_bytes) {
        int r = part_entry(image, part, l2_off, at, &entry);
        if (r < 0)
            return r;
        if (entry.type != QCOW2_TYPE_NORMAL)
            *settled = false;
    }
    return 0;
}

/* Remember what is to be done for a run of clusters at @host_off that @bytes at @offset touch. */
static int part_add(struct placing *p, uint64_t l2_off, uint64_t offset, uint64_t bytes,
                    uint64_t host_off, bool kept)
{
    const struct qcow2_state *state = p->image->state;
    uint64_t in_cluster = offset % state->cluster_bytes;
    struct part part = {.offset = offset - in_cluster,
                        .host_off = host_off,
                        .clusters = div_up_u64(in_cluster + bytes, state->cluster_bytes),
                        .data_from = in_cluster,
                        .data_to = in_cluster + bytes,
                        .kept = kept};
    struct qcow2_entry entry;
    bool settled;

    int r = part_settled(p->image, &part, l2_off, &settled);
    if (r < 0 || settled)
        return r;
    r = part_entry(p->image, &part, l2_off, part.data_from, &entry);
    if (r < 0)
        return r;
    part.from = fill_from(state, &entry, &part);
    r = part_entry(p->image, &part, l2_off, part.data_to - 1, &entry);
    part.to = fill_to(state, &entry, &part);
    p->part[p->parts++] = part;
    return r;
}

/* Clusters at @offset that may be overwritten, at *host_off if that is somewhere. Returns 1, or 0
 * where there are none: then *bytes is 0 if there are some elsewhere. */
static int kept_take(struct placing *p, uint64_t offset, uint64_t *host_off, uint64_t *bytes)
{
    const struct qcow2_state *state = p->image->state;
    uint64_t in_cluster = offset % state->cluster_bytes, l2_off, count;
    uint64_t index = qcow2_l2_index(state, offset);
    struct qcow2_entry entry;

    int r = qcow2_l2_have(p->image, offset, &l2_off);
    if (r == 0)
        r = qcow2_l2_get(p->image, l2_off, index, &entry);
    if (r < 0 || needs_new(state, &entry))
        return r;
    uint64_t cluster_off = entry.value & QCOW2_OFFSET_MASK;
    if (cluster_off % state->cluster_bytes != 0)
        return -FMT_EIO;
    if (state->has_data_file && cluster_off != offset - in_cluster)
        return -FMT_EIO;
    if (*host_off != NOWHERE && cluster_off != *host_off) {
        *bytes = 0;
        return 0;
    }
    r = run_count(p->image, l2_off, index, qcow2_l2_reach(p->image, offset, *bytes), false, &count);
    if (r < 0)
        return r;
    *bytes = min_u64(*bytes, count * state->cluster_bytes - in_cluster);
    r = part_add(p, l2_off, offset, *bytes, cluster_off, true);
    *host_off = cluster_off + in_cluster;
    return r < 0 ? r : 1;
}

/* New clusters for @offset, at *host_off if that is somewhere. Returns 1, or 0 if there is no room
 * right there. */
static int new_take(struct placing *p, uint64_t offset, uint64_t *host_off, uint64_t *bytes)
{
    const struct qcow2_state *state = p->image->state;
    const struct qcow2_file file = qcow2_file_of(p->image);
    uint64_t in_cluster = offset % state->cluster_bytes, l2_off, count, cluster_off;

    int r = qcow2_l2_have(p->image, offset, &l2_off);
    if (r == 0)
        r = run_count(p->image, l2_off, qcow2_l2_index(state, offset),
                      qcow2_l2_reach(p->image, offset, *bytes), true, &count);
    if (r == 0)
        r = qcow2_order_set(&file, QCOW2_ORDER_COUNTS_FIRST);
    cluster_off = *host_off;
    if (r == 0 && state->has_data_file)
        cluster_off = offset - in_cluster;
    else if (r == 0 && *host_off == NOWHERE)
        r = qcow2_clusters_take(&file, count * state->cluster_bytes, &cluster_off);
    else if (r == 0)
        r = qcow2_clusters_take_at(&file, cluster_off, count, &count);
    if (r < 0 || count == 0)
        return r;
    if (cluster_off == 0 && !state->has_data_file)
        return -FMT_EIO; /* the header's cluster is not counted: the image is corrupt */
    *bytes = min_u64(*bytes, count * state->cluster_bytes - in_cluster);
    *host_off = cluster_off + in_cluster;
    r = part_add(p, l2_off, offset, *bytes, cluster_off, false);
    return r < 0 ? r : 1;
}

/* As many bytes as get adjacent places. */
static int parts_take(struct placing *p, uint64_t offset, uint64_t length, uint64_t *host_off,
                      uint64_t *got)
{
    uint64_t next_off = NOWHERE, bytes;

    for (*got = 0; *got < length && p->parts < PARTS_MAX; *got += bytes) {
        bytes = length - *got;
        int r = kept_take(p, offset + *got, &next_off, &bytes);
        if (r == 0 && bytes > 0)
            r = new_take(p, offset + *got, &next_off, &bytes);
        if (r < 0)
            return r;
        if (r == 0)
            break;
        if (*got == 0)
            *host_off = next_off;
        next_off += bytes;
    }
    return *got ? 0 : -FMT_EIO;
}

/* Fill what surrounds the write. Space is made for zeroes where it is known that they are. */
static int part_fill(struct fmt_image *image, const struct part *part)
{
    const struct qcow2_state *state = image->state;
    uint64_t head = part->data_from - part->from, tail = part->to - part->data_to;
    int zero = 0;

    if (head == 0 && tail == 0)
        return 0;
    if (!image->facts.encrypted)
        zero = qcow2_chain_zero(image, part->offset + part->from, head, false);
    if (zero > 0)
        zero = qcow2_chain_zero(image, part->offset + part->data_to, tail, false);
    if (zero < 0)
        return zero;
    if (zero)
        return io_zero(image->env, state->data_device, part->host_off + part->from,
                       part->to - part->from, false);
    int r = qcow2_range_copy(image, part->offset + part->from, head, part->host_off + part->from);
    if (r < 0)
        return r;
    return qcow2_range_copy(image, part->offset + part->data_to, tail,
                            part->host_off + part->data_to);
}

/* The subclusters of a part's @i-th cluster that have data now. */
static uint32_t written_bits(const struct qcow2_state *state, const struct part *part, uint64_t i)
{
    uint64_t start = i * state->cluster_bytes, end = start + state->cluster_bytes;
    uint64_t sub_bytes = qcow2_subcluster_bytes(state);
    uint64_t from = part->from > start ? part->from : start;
    uint64_t first = (from - start) / sub_bytes;
    uint64_t last = (min_u64(part->to, end) - 1 - start) / sub_bytes;

    return (uint32_t)((UINT64_C(2) << last) - (UINT64_C(1) << first));
}

/* Set the part's entries; what they referred to will be freed. */
static int part_link(struct fmt_image *image, const struct part *part)
{
    const struct qcow2_state *state = image->state;
    const struct qcow2_file file = qcow2_file_of(image);
    uint64_t index = qcow2_l2_index(state, part->offset), l2_off;

    int r = qcow2_l2_have(image, part->offset, &l2_off);
    for (uint64_t i = 0; r == 0 && i < part->clusters; i++) {
        struct qcow2_entry entry;
        r = qcow2_order_set(&file, QCOW2_ORDER_COUNTS_FIRST);
        if (r == 0)
            r = qcow2_l2_get(image, l2_off, index + i, &entry);
        if (r < 0)
            break;
        if (!part->kept && entry.value)
            r = qcow2_freed_add(image, entry.value);
        if (r < 0)
            break;
        uint64_t bits =
            state->header.incompatible & QCOW2_EXTENDED_L2 ? written_bits(state, part, i) : 0;
        r = qcow2_l2_set(image, l2_off, index + i,
                         (part->host_off + i * state->cluster_bytes) | QCOW2_COPIED,
                         (entry.bitmap | bits) & ~(bits << 32));
    }
    return r;
}

/* New clusters of parts that no entry leads to, because something has failed: free again. What this
 * cannot do is a leak. */
static void parts_abandon(const struct placing *p)
{
    const struct qcow2_state *state = p->image->state;

    for (unsigned i = 0; i < p->parts && !state->has_data_file; i++) {
        const struct part *part = &p->part[i];
        for (uint64_t n = 0; n < part->clusters && !part->kept; n++)
            qcow2_freed_add(p->image, (part->host_off + n * state->cluster_bytes) | QCOW2_COPIED);
    }
}

static int place(struct fmt_image *image, uint64_t offset, uint64_t length, qcow2_fill_fn fill,
                 const uint8_t *from, uint64_t *host_off, uint64_t *got)
{
    const struct qcow2_state *state = image->state;
    struct placing p = {.image = image};
    uint64_t whole = length;

    if (image->facts.encrypted)
        length = min_u64(length, ENCRYPTED_CLUSTERS_MAX * state->cluster_bytes -
                                     offset % state->cluster_bytes);
    int r = offset + whole == state->writer->request_end ? 0 : qcow2_freed_flush(image);
    state->writer->request_end = offset + whole;
    if (r == 0)
        r = parts_take(&p, offset, length, host_off, got);
    for (unsigned i = 0; r == 0 && i < p.parts; i++)
        r = part_fill(image, &p.part[i]);
    if (r == 0 && fill)
        r = fill(image, offset, *host_off, from, *got);
    if (r < 0) {
        parts_abandon(&p);
        return r;
    }
    for (unsigned i = 0; r == 0 && i < p.parts; i++)
        r = part_link(image, &p.part[i]);
    qcow2_bitmaps_dirty(image, offset, *got);
    return r;
}

int qcow2_place(struct fmt_image *image, uint64_t offset, uint64_t length, uint64_t *host_off,
                uint64_t *got)
{
    return place(image, offset, length, NULL, NULL, host_off, got);
}

int qcow2_place_fill(struct fmt_image *image, uint64_t offset, uint64_t length, qcow2_fill_fn fill,
                     const uint8_t *from, uint64_t *got)
{
    uint64_t host_off = 0;

    *got = 0;
    return place(image, offset, length, fill, from, &host_off, got);
}

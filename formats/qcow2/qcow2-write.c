/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: beginning and finishing changes, and plain data; see qcow2-write.h. */
#include "qcow2-write.h"

#include "crypto/volume.h"
#include "qcow2-bitmap.h"
#include "qcow2-header-write.h"

enum { L1_PIECE_BYTES = 4096 };

/* No program knows this version: each refuses an image that was not finished. */
#define VERSION_UNFINISHED UINT32_MAX

static int version_write(struct fmt_image *image, uint32_t version)
{
    uint8_t bytes[4];

    be32_store(bytes, version);
    return io_write(image->env, image->device, QCOW2_VERSION_OFF, bytes, sizeof(bytes));
}

static void finding_tell(void *ctx, enum fmt_error_code code, const struct fmt_error_arg *args,
                         unsigned count)
{
    struct fmt_image *image = ctx;
    image->env->io->message(image->env->io_ctx, FMT_MESSAGE_PLAIN, code, args, count);
}

/* An image that was not closed properly is repaired, and opened anew. */
static int dirty_repair(struct fmt_image *image)
{
    const struct qcow2_state *state = image->state;
    struct fmt_check check = {.finding = finding_tell, .finding_ctx = image};
    int r = image->driver->check(image, &check, FMT_FIX_LEAKS | FMT_FIX_ERRORS);

    if (r == 0 && check.check_errors)
        r = -FMT_EIO;
    if (r < 0)
        return fmt_fail(image->env, -r, FMT_ERR_QCOW2_REPAIR, FMT_NUM(-r));
    return state->header.incompatible & QCOW2_DIRTY ? 0 : image->driver->open(image);
}

int qcow2_autoclear(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    uint64_t known = QCOW2_BITMAPS_VALID | QCOW2_DATA_FILE_RAW;

    if (!state->bitmaps_stale && !(state->header.autoclear & ~known))
        return 0;
    state->header.autoclear &= known;
    int r = qcow2_header_update(image);
    return r < 0 ? fmt_fail(image->env, -r, FMT_ERR_QCOW2_UPDATE_HEADER, FMT_NUM(-r)) : 0;
}

int qcow2_open_writable(struct fmt_image *image)
{
    const struct qcow2_header *h = &((struct qcow2_state *)image->state)->header;
    int r = qcow2_autoclear(image);

    if (r < 0)
        return r;
    return h->incompatible & QCOW2_DIRTY ? dirty_repair(image) : 0;
}

/* Read the active L1 table; *@empty: it names no L2 table. */
static int l1_read(struct fmt_image *image, uint64_t **out, bool *empty)
{
    const struct qcow2_header *h = &((struct qcow2_state *)image->state)->header;
    size_t bytes = (size_t)h->l1_entries * QCOW2_ENTRY_BYTES;
    uint64_t *l1 = fmt_alloc(image->env, bytes);

    *empty = true;
    *out = l1;
    if (!l1)
        return -FMT_ENOMEM;
    int r = bytes ? io_read(image->env, image->device, h->l1_off, l1, bytes) : 0;
    for (uint32_t i = 0; r == 0 && i < h->l1_entries; i++) {
        l1[i] = be64_load(&l1[i]);
        *empty = *empty && l1[i] == 0;
    }
    return r;
}

int qcow2_write_begin(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    const struct qcow2_file file = qcow2_file_of(image);
    struct qcow2_writer *writer;
    struct fmt_device facts;
    uint64_t *l1 = NULL;
    bool empty = true;

    if (state->writer)
        return 0;
    if (image->facts.encrypted && !state->volume)
        return -FMT_ENOTSUP;
    writer = fmt_alloc(image->env, sizeof(*writer));
    if (!writer)
        return -FMT_ENOMEM;
    int r = qcow2_refcounts_load(&file);
    if (r == 0)
        r = l1_read(image, &l1, &empty);
    if (r == 0)
        r = io_facts(image->env, image->device, &facts);
    if (r < 0)
        return r;
    writer->unseen = empty && state->header.snapshot_count == 0;
    if (!writer->unseen && image->flags & FMT_OPEN_NEW) {
        r = version_write(image, VERSION_UNFINISHED);
        writer->guarded = true;
    }
    if (r < 0)
        return r;
    if (!facts.block_device)
        state->tables.zero_off =
            min_u64(state->tables.zero_off, round_up_u64(facts.size_bytes, FMT_SECTOR_BYTES));
    state->order = writer->unseen ? QCOW2_ORDER_NONE : QCOW2_ORDER_COUNTS_FIRST;
    state->l1 = l1;
    state->writer = writer;
    return qcow2_bitmaps_begin(image);
}

uint8_t *qcow2_copy_buffer(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;

    if (!state->writer->copy)
        state->writer->copy = fmt_alloc(image->env, QCOW2_COPY_BYTES);
    return state->writer->copy;
}

int qcow2_allocate(struct fmt_image *image, uint64_t offset, uint64_t length,
                   struct fmt_extent *out)
{
    struct qcow2_state *state = image->state;
    uint64_t host_off = 0, got = 0;
    int r = qcow2_write_begin(image);

    if (r == 0 && image->facts.encrypted && (offset | length) % CRYPTO_SECTOR_BYTES != 0)
        r = -FMT_EINVAL;
    if (r == 0)
        r = qcow2_place(image, offset, length, &host_off, &got);
    *out = (struct fmt_extent){
        .kind = image->facts.encrypted ? FMT_EXTENT_CODED : FMT_EXTENT_DATA,
        .length = got,
        .device = state->data_device,
        .device_off = host_off,
        .has_offset = true,
    };
    return r;
}

void qcow2_encrypt(const struct fmt_image *image, uint64_t offset, uint64_t device_off,
                   void *buffer, size_t length)
{
    const struct qcow2_state *state = image->state;

    if (state->volume)
        crypto_volume_encrypt(state->volume,
                              qcow2_crypt_off(state, offset, device_off) / CRYPTO_SECTOR_BYTES,
                              buffer, length);
}

/* Encrypt @from (NULL: zeroes) piece by piece and write it to its place. */
static int encrypted_write(struct fmt_image *image, uint64_t offset, uint64_t host_off,
                           const uint8_t *from, uint64_t length)
{
    const struct qcow2_state *state = image->state;
    uint8_t *buffer = qcow2_copy_buffer(image);
    int r = buffer ? 0 : -FMT_ENOMEM;

    for (uint64_t at = 0, n; r == 0 && at < length; at += n) {
        n = min_u64(length - at, QCOW2_COPY_BYTES);
        if (from)
            memcpy(buffer, from + at, (size_t)n);
        else
            memset(buffer, 0, (size_t)n);
        qcow2_encrypt(image, offset + at, host_off + at, buffer, (size_t)n);
        r = io_write(image->env, state->data_device, host_off + at, buffer, (size_t)n);
    }
    return r;
}

static int plain_write(struct fmt_image *image, uint64_t offset, uint64_t host_off,
                       const uint8_t *from, uint64_t length)
{
    const struct qcow2_state *state = image->state;

    (void)offset;
    if (!from)
        return io_zero(image->env, state->data_device, host_off, length, false);
    return io_write(image->env, state->data_device, host_off, from, (size_t)length);
}

/* Part of an encrypted sector, which is written whole. */
static int sector_write(struct fmt_image *image, uint64_t offset, const uint8_t *from,
                        size_t length)
{
    uint64_t start = offset - offset % CRYPTO_SECTOR_BYTES, got;
    uint8_t sector[CRYPTO_SECTOR_BYTES];

    int r = qcow2_chain_read(image, start, sector, sizeof(sector));
    memcpy(sector + (offset - start), from, length);
    return r < 0 ? r
                 : qcow2_place_fill(image, start, sizeof(sector), encrypted_write, sector, &got);
}

int qcow2_write(struct fmt_image *image, uint64_t offset, const void *buffer, size_t length)
{
    const uint8_t *from = buffer;
    int r = qcow2_write_begin(image);

    while (r == 0 && length > 0) {
        uint64_t got = 0, in_sector = offset % CRYPTO_SECTOR_BYTES;
        size_t whole = length - length % CRYPTO_SECTOR_BYTES;
        if (!image->facts.encrypted) {
            r = qcow2_place_fill(image, offset, length, plain_write, from, &got);
        } else if (in_sector || whole == 0) {
            got = min_u64(length, CRYPTO_SECTOR_BYTES - in_sector);
            r = sector_write(image, offset, from, (size_t)got);
        } else {
            r = qcow2_place_fill(image, offset, whole, encrypted_write, from, &got);
        }
        from += got;
        offset += got;
        length -= (size_t)got;
    }
    return r;
}

int qcow2_zeroes_place(struct fmt_image *image, uint64_t offset, uint64_t length)
{
    qcow2_fill_fn fill = image->facts.encrypted ? encrypted_write : plain_write;
    int r = 0;

    while (r == 0 && length > 0) {
        uint64_t got = 0;
        r = qcow2_place_fill(image, offset, length, fill, NULL, &got);
        offset += got;
        length -= got;
    }
    return r;
}

/* Write the L1 entries that changed: all that was written is seen from here on. */
static int l1_write(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    struct qcow2_writer *writer = state->writer;
    uint64_t at = writer->l1_changed_from, end = writer->l1_changed_to;
    uint8_t bytes[L1_PIECE_BYTES];
    int r = 0;

    if (!writer->unseen || at == end)
        return 0;
    /* Within one page of the file all entries appear at once. */
    uint64_t off = state->header.l1_off;
    if ((off + at * QCOW2_ENTRY_BYTES) / L1_PIECE_BYTES !=
        (off + end * QCOW2_ENTRY_BYTES - 1) / L1_PIECE_BYTES) {
        r = version_write(image, VERSION_UNFINISHED);
        writer->guarded = true;
    }
    while (r == 0 && at < end) {
        size_t n = 0;
        off = state->header.l1_off + at * QCOW2_ENTRY_BYTES;
        for (; at < end && n < sizeof(bytes); at++, n += QCOW2_ENTRY_BYTES)
            be64_store(bytes + n, state->l1[at]);
        r = io_write(image->env, image->device, off, bytes, n);
    }
    writer->l1_changed_from = writer->l1_changed_to = 0;
    return r;
}

/* Compressed clusters end anywhere, but a file of them with a whole sector. */
static int coded_end(struct fmt_image *image)
{
    const struct qcow2_state *state = image->state;
    struct fmt_device facts;

    if (!state->writer->coded)
        return 0;
    int r = io_facts(image->env, image->device, &facts);
    if (r < 0 || facts.block_device || facts.size_bytes % FMT_SECTOR_BYTES == 0)
        return r;
    return io_truncate(image->env, image->device, round_up_u64(facts.size_bytes, FMT_SECTOR_BYTES),
                       FMT_PREALLOC_OFF);
}

int qcow2_finish(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    struct qcow2_writer *writer = state->writer;

    if (!writer)
        return 0;
    int r = qcow2_freed_flush(image);
    if (r == 0)
        r = qcow2_pending_flush(image);
    if (r == 0)
        r = coded_end(image);
    if (r == 0)
        r = qcow2_bitmaps_update(image);
    if (r == 0)
        r = fmt_cache_flush(&state->tables);
    if (r == 0)
        r = l1_write(image);
    if (r == 0 && writer->header_changed)
        r = qcow2_header_update(image);
    else if (r == 0 && writer->guarded)
        r = version_write(image, state->header.version);
    if (r == 0)
        r = qcow2_bitmaps_end(image);
    if (r < 0)
        return r;
    writer->header_changed = false;
    writer->guarded = false;
    if (writer->unseen)
        state->order = QCOW2_ORDER_COUNTS_FIRST;
    writer->unseen = false;
    return 0;
}

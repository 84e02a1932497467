/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A digest in the order of the disk; see copy-digest.h. */
#include "copy-digest.h"

#include "crypto/hash.h"
#include "team.h"

enum { BUFFER_BYTES = 256 << 10 };

/* Only whose turn it is touches it. */
struct copy_digest {
    uint64_t turn; /* the number of the chunk that comes next */
    struct crypto_digest hash;
    uint8_t *zeroes, *buffer; /* BUFFER_BYTES each */
};

static bool hash_find(struct fmt_bytes name, enum crypto_hash *hash)
{
    for (unsigned i = 0; crypto_hash_names[i]; i++) {
        if (!fmt_bytes_equal(name, crypto_hash_names[i]))
            continue;
        *hash = (enum crypto_hash)i;
        return true;
    }
    return false;
}

int copy_digest_begin(struct guest *g, struct copy *copy)
{
    struct tree_bytes name = tree_get_bytes(&g->job, tree_root(&g->job), "checksum");
    enum crypto_hash hash;

    if (!name.data)
        return 0;
    if (!hash_find((struct fmt_bytes){name.data, name.length}, &hash))
        return fmt_fail(&g->env, FMT_EINVAL, FMT_ERR_JOB);
    struct copy_digest *digest = fmt_alloc(&g->env, sizeof(*digest));
    if (!digest)
        return -FMT_ENOMEM;
    digest->zeroes = fmt_alloc(&g->env, BUFFER_BYTES);
    digest->buffer = fmt_alloc(&g->env, BUFFER_BYTES);
    if (!digest->zeroes || !digest->buffer)
        return -FMT_ENOMEM;
    crypto_digest_begin(&digest->hash, hash);
    copy->digest = digest;
    copy->how.offload = false; /* all bytes must be seen */
    return 0;
}

static void zeroes_add(struct copy_digest *digest, uint64_t bytes)
{
    for (uint64_t n; bytes > 0; bytes -= n) {
        n = min_u64(bytes, BUFFER_BYTES);
        crypto_digest_update(&digest->hash, digest->zeroes, n);
    }
}

/* What an image and those behind it hold; zeroes behind its end. Its env must be this vCPU's. */
static int image_add(struct copy_digest *digest, struct fmt_image *image, uint64_t offset,
                     uint64_t bytes)
{
    uint64_t size = image ? image->facts.virtual_bytes : 0;
    uint64_t inside = offset < size ? min_u64(bytes, size - offset) : 0, n = 0;
    struct chain chain;

    chain_init(&chain, image);
    for (uint64_t done = 0; done < inside; done += n) {
        n = min_u64(inside - done, BUFFER_BYTES);
        int r = chain_read(&chain, offset + done, digest->buffer, n);
        if (r < 0)
            return r;
        crypto_digest_update(&digest->hash, digest->buffer, n);
    }
    zeroes_add(digest, bytes - inside);
    return 0;
}

static int piece_add(struct guest *g, struct copy *copy, const struct copy_piece *piece,
                     const uint8_t *data)
{
    int r = 0;

    switch (piece->status) {
    case COPY_OFFLOAD: /* not where a digest is wanted */
    case COPY_DATA:
        crypto_digest_update(&copy->digest->hash, data, piece->bytes);
        break;
    case COPY_ZERO:
        zeroes_add(copy->digest, piece->bytes);
        break;
    case COPY_BACKING:
        copy_target_lock(g, copy);
        r = image_add(copy->digest, copy->how.target->backing, piece->offset, piece->bytes);
        copy_target_unlock(copy);
        break;
    }
    return r;
}

void copy_digest_chunk(struct guest *g, struct copy *copy, uint64_t sequence,
                       const struct copy_piece *piece, uint8_t *const *data, unsigned pieces)
{
    struct copy_digest *digest = copy->digest;
    unsigned waits = 0;
    int r = 0;

    if (!digest)
        return;
    while (__atomic_load_n(&digest->turn, __ATOMIC_ACQUIRE) != sequence) {
        if (__atomic_load_n(&copy->failed, __ATOMIC_ACQUIRE))
            return;
        team_wait(g, &waits);
    }
    for (unsigned i = 0; r == 0 && i < pieces; i++) {
        r = piece_add(g, copy, &piece[i], data[i]);
        if (r < 0)
            copy_fail(copy, COPY_STAGE_READ, piece[i].offset, r);
    }
    if (r == 0)
        __atomic_store_n(&digest->turn, sequence + 1, __ATOMIC_RELEASE);
}

int copy_digest_finish(struct guest *g, struct copy *copy)
{
    struct fmt_image *target = copy->how.target;
    uint64_t size = round_up_u64(target->facts.virtual_bytes, FMT_SECTOR_BYTES);
    uint64_t copied = copy->how.total_bytes;
    uint8_t bytes[CRYPTO_DIGEST_MAX_BYTES];
    int r = 0;

    if (!copy->digest)
        return 0;
    if (copied < size)
        r = image_add(copy->digest, target, copied, size - copied);
    if (r < 0) {
        fmt_error_clear(&g->error);
        return fmt_fail(&g->env, -r, FMT_ERR_CONVERT_READ, FMT_NUM(copied), FMT_NUM(-r));
    }
    size_t length = crypto_digest_end(&copy->digest->hash, bytes);
    struct tree_writer *w = report_begin(g);
    tree_put_bytes(w, "digest", bytes, length);
    r = report_send(g, w, ABI_RECORD_ANSWER);
    ring_flush(g);
    return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: the header of an image that is there, written anew; what is not known is kept. */
#include "qcow2-header-write.h"

enum { EXT_HEAD_BYTES = 8, EXT_ALIGN_BYTES = 8 };

static bool known(uint32_t magic)
{
    return magic == QCOW2_EXT_BACKING_FORMAT || magic == QCOW2_EXT_BITMAPS ||
           magic == QCOW2_EXT_CRYPTO || magic == QCOW2_EXT_DATA_FILE ||
           magic == QCOW2_EXT_FEATURE_NAMES;
}

/* Move the extensions of @cluster that are not known together at @to. Returns their length. */
static size_t unknown_collect(const struct qcow2_state *state, const uint8_t *cluster, char *to)
{
    uint64_t at = state->header.header_bytes, end = state->extensions_end_off;
    size_t used = 0;

    while (at < end && end - at >= EXT_HEAD_BYTES) {
        uint32_t magic = be32_load(cluster + at), bytes = be32_load(cluster + at + 4);
        uint64_t whole = EXT_HEAD_BYTES + round_up_u64(bytes, EXT_ALIGN_BYTES);
        if (magic == QCOW2_EXT_END || bytes > end - at - EXT_HEAD_BYTES)
            break;
        if (!known(magic)) {
            memset(to + used, 0, whole);
            memcpy(to + used, cluster + at, EXT_HEAD_BYTES + bytes);
            used += whole;
        }
        at += whole;
    }
    return used;
}

int qcow2_header_update(struct fmt_image *image)
{
    struct qcow2_state *state = image->state;
    struct qcow2_header *h = &state->header;
    struct qcow2_header_texts texts = {.backing_name = image->facts.backing_name,
                                       .backing_format = image->facts.backing_format};
    size_t bytes = (size_t)state->cluster_bytes;
    uint8_t *old = fmt_alloc(image->env, bytes), *cluster = fmt_alloc(image->env, bytes);
    char *unknown = fmt_alloc(image->env, bytes + EXT_ALIGN_BYTES);

    if (!old || !cluster || !unknown)
        return -FMT_ENOMEM;
    int r = io_read(image->env, image->device, 0, old, bytes);
    if (r < 0)
        return r;
    if (state->has_data_file)
        texts.data_file = state->data_file_name;
    texts.unknown = (struct fmt_bytes){unknown, unknown_collect(state, old, unknown)};
    if (h->header_bytes > QCOW2_HEADER_V3_BYTES)
        texts.unknown_fields = (struct fmt_bytes){(const char *)old + QCOW2_HEADER_V3_BYTES,
                                                  h->header_bytes - QCOW2_HEADER_V3_BYTES};
    h->disk_bytes = image->facts.virtual_bytes;
    r = qcow2_header_layout(state, &texts, cluster);
    if (r < 0)
        return r;
    state->extensions_end_off = h->backing_off ? h->backing_off : state->cluster_bytes;
    h->header_bytes = h->version < 3
                          ? QCOW2_HEADER_V2_BYTES
                          : QCOW2_HEADER_V3_BYTES + (uint32_t)texts.unknown_fields.length;
    return io_write(image->env, image->device, 0, cluster, bytes);
}

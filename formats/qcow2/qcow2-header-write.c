/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: laying out the header cluster; see qcow2-header-write.h. */
#include "qcow2-header-write.h"

enum {
    EXT_HEAD_BYTES = 8,
    EXT_ALIGN_BYTES = 8,
    FEATURE_BYTES = 48,
    /* Smaller clusters have no room to spare for names. */
    FEATURE_NAMES_CLUSTER_BYTES = 4096,
};

enum feature_kind { INCOMPATIBLE, COMPATIBLE, AUTOCLEAR };

static const struct {
    uint8_t kind, bit;
    const char *name;
} feature_names[] = {
    {INCOMPATIBLE, 0, "dirty bit"          },
    {INCOMPATIBLE, 1, "corrupt bit"        },
    {INCOMPATIBLE, 2, "external data file" },
    {INCOMPATIBLE, 3, "compression type"   },
    {INCOMPATIBLE, 4, "extended L2 entries"},
    {COMPATIBLE,   0, "lazy refcounts"     },
    {AUTOCLEAR,    0, "bitmaps"            },
    {AUTOCLEAR,    1, "raw external data"  },
};

enum { FEATURES = sizeof(feature_names) / sizeof(feature_names[0]) };

static void fields_store(const struct qcow2_header *h, uint8_t *to)
{
    be32_store(to, QCOW2_MAGIC);
    be32_store(to + 4, h->version);
    be64_store(to + 8, h->backing_off);
    be32_store(to + 16, h->backing_bytes);
    be32_store(to + 20, h->cluster_bits);
    be64_store(to + 24, h->disk_bytes);
    be32_store(to + 32, h->crypt_method);
    be32_store(to + 36, h->l1_entries);
    be64_store(to + 40, h->l1_off);
    be64_store(to + 48, h->refcount_table_off);
    be32_store(to + 56, h->refcount_table_clusters);
    be32_store(to + 60, h->snapshot_count);
    be64_store(to + 64, h->snapshots_off);
    if (h->version < 3)
        return;
    be64_store(to + 72, h->incompatible);
    be64_store(to + 80, h->compatible);
    be64_store(to + 88, h->autoclear);
    be32_store(to + 96, h->refcount_order);
    to[QCOW2_COMPRESSION_OFF] = h->compression;
}

/* Where the next extension goes, and the room there is. */
struct place {
    uint8_t *cluster;
    uint64_t at, room;
};

/* The data of an extension of @bytes bytes, its head written; NULL: no room. */
static uint8_t *ext_begin(struct place *place, uint32_t magic, uint64_t bytes)
{
    uint64_t whole = EXT_HEAD_BYTES + round_up_u64(bytes, EXT_ALIGN_BYTES);
    uint8_t *head = place->cluster + place->at;

    if (place->room - place->at < whole)
        return NULL;
    be32_store(head, magic);
    be32_store(head + 4, (uint32_t)bytes);
    place->at += whole;
    return head + EXT_HEAD_BYTES;
}

static int ext_text(struct place *place, uint32_t magic, struct fmt_bytes text)
{
    if (text.length == 0)
        return 0;
    uint8_t *data = ext_begin(place, magic, text.length);
    if (!data)
        return -FMT_ENOSPC;
    memcpy(data, text.data, text.length);
    return 0;
}

static int ext_features(struct place *place, const struct qcow2_state *state)
{
    if (state->header.version < 3 || state->cluster_bytes <= FEATURE_NAMES_CLUSTER_BYTES)
        return 0;
    uint8_t *data = ext_begin(place, QCOW2_EXT_FEATURE_NAMES, (uint64_t)FEATURES * FEATURE_BYTES);
    if (!data)
        return -FMT_ENOSPC;
    for (size_t i = 0; i < FEATURES; i++, data += FEATURE_BYTES) {
        data[0] = feature_names[i].kind;
        data[1] = feature_names[i].bit;
        memcpy(data + 2, feature_names[i].name, strlen(feature_names[i].name));
    }
    return 0;
}

static int ext_crypto(struct place *place, const struct qcow2_state *state)
{
    enum { CRYPTO_EXT_BYTES = 16 };

    if (state->crypto_off == 0)
        return 0;
    uint8_t *data = ext_begin(place, QCOW2_EXT_CRYPTO, CRYPTO_EXT_BYTES);
    if (!data)
        return -FMT_ENOSPC;
    be64_store(data, state->crypto_off);
    be64_store(data + 8, state->crypto_bytes);
    return 0;
}

static int ext_bitmaps(struct place *place, const struct qcow2_state *state)
{
    enum { BITMAPS_EXT_BYTES = 24 };

    if (state->bitmap_count == 0)
        return 0;
    uint8_t *data = ext_begin(place, QCOW2_EXT_BITMAPS, BITMAPS_EXT_BYTES);
    if (!data)
        return -FMT_ENOSPC;
    be32_store(data, state->bitmap_count);
    be64_store(data + 8, state->bitmap_directory_bytes);
    be64_store(data + 16, state->bitmap_directory_off);
    return 0;
}

/* Bytes as they are. */
static int bytes_add(struct place *place, struct fmt_bytes bytes)
{
    if (place->room - place->at < bytes.length)
        return -FMT_ENOSPC;
    if (bytes.length)
        memcpy(place->cluster + place->at, bytes.data, bytes.length);
    place->at += bytes.length;
    return 0;
}

int qcow2_header_layout(struct qcow2_state *state, const struct qcow2_header_texts *texts,
                        uint8_t *cluster)
{
    struct qcow2_header *h = &state->header;
    uint64_t header_bytes = h->version < 3 ? QCOW2_HEADER_V2_BYTES : QCOW2_HEADER_V3_BYTES;
    struct place place = {cluster, header_bytes, state->cluster_bytes};

    int r = bytes_add(&place, texts->unknown_fields);
    if (r == 0)
        r = ext_text(&place, QCOW2_EXT_BACKING_FORMAT, texts->backing_format);
    if (r == 0)
        r = ext_text(&place, QCOW2_EXT_DATA_FILE, texts->data_file);
    if (r == 0)
        r = ext_crypto(&place, state);
    if (r == 0)
        r = ext_features(&place, state);
    if (r == 0)
        r = ext_bitmaps(&place, state);
    if (r == 0)
        r = bytes_add(&place, texts->unknown);
    if (r < 0)
        return r;
    if (!ext_begin(&place, QCOW2_EXT_END, 0))
        return -FMT_ENOSPC;
    h->backing_off = texts->backing_name.length ? place.at : 0;
    h->backing_bytes = (uint32_t)texts->backing_name.length;
    if (place.room - place.at < h->backing_bytes)
        return -FMT_ENOSPC;
    if (h->backing_bytes)
        memcpy(cluster + place.at, texts->backing_name.data, h->backing_bytes);
    fields_store(h, cluster);
    if (h->version >= 3)
        be32_store(cluster + 100, QCOW2_HEADER_V3_BYTES + (uint32_t)texts->unknown_fields.length);
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counting anew what a qcow2 image uses; see qcow2-recount.h. */
#include "qcow2-recount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "driver-test.h"
#include "qcow2/qcow2.h"

enum { CLUSTERS_MAX = 1 << 16 };

struct recount {
    const uint8_t *data;
    uint64_t size, cluster;
    struct qcow2_header h;
    uint32_t count[CLUSTERS_MAX];
};

static void refer(struct recount *c, uint64_t offset, uint64_t bytes)
{
    if (bytes == 0)
        return;
    for (uint64_t at = offset / c->cluster; at <= (offset + bytes - 1) / c->cluster; at++) {
        assert_true(at < CLUSTERS_MAX);
        c->count[at]++;
    }
}

static void l2_refer(struct recount *c, uint64_t l2_off, bool outside)
{
    unsigned entry_bytes = c->h.incompatible & QCOW2_EXTENDED_L2 ? 16 : 8;
    unsigned shift = 62 - (c->h.cluster_bits - 8);

    refer(c, l2_off, c->cluster);
    for (uint64_t at = l2_off; at < l2_off + c->cluster; at += entry_bytes) {
        uint64_t entry = be64_load(c->data + at);
        if (entry & QCOW2_COMPRESSED) {
            uint64_t off = entry & ((UINT64_C(1) << shift) - 1);
            uint64_t sectors = (entry & ~(QCOW2_COPIED | QCOW2_COMPRESSED)) >> shift;
            refer(c, off, (sectors + 1) * 512 - off % 512);
        } else if (!outside && entry & QCOW2_OFFSET_MASK) {
            refer(c, entry & QCOW2_OFFSET_MASK, c->cluster);
        }
    }
}

static void l1_refer(struct recount *c, const uint8_t *l1)
{
    for (uint32_t i = 0; i < c->h.l1_entries; i++) {
        uint64_t l2_off = be64_load(l1 + i * 8) & QCOW2_OFFSET_MASK;
        if (l2_off)
            l2_refer(c, l2_off, c->h.incompatible & QCOW2_DATA_FILE);
    }
}

static uint64_t counted(const struct recount *c, uint64_t cluster)
{
    unsigned order = c->h.refcount_order, bits = 1u << order;
    uint64_t per_block = c->cluster * 8 >> order, table_bytes;
    uint64_t index = cluster % per_block, at = c->h.refcount_table_off + cluster / per_block * 8;

    table_bytes = c->h.refcount_table_clusters * c->cluster;
    uint64_t block = cluster / per_block * 8 < table_bytes ? be64_load(c->data + at) : 0;
    if (block == 0)
        return 0;
    if (bits < 8)
        return c->data[block + index * bits / 8] >> (index * bits % 8) & ((1u << bits) - 1);
    uint64_t value = 0;
    for (unsigned i = 0; i < bits / 8; i++)
        value = value << 8 | c->data[block + index * bits / 8 + i];
    return value;
}

void qcow2_recount(struct fake_world *world, uint32_t device, const uint8_t *snapshot,
                   bool leaks_ok)
{
    static struct recount c;
    struct fmt_image *image = driver_open(world, "qcow2", device, 0);
    const struct qcow2_state *state = image->state;

    /* Tables are whole, data may end early. */
    uint64_t room = world->device[device].size_bytes + state->cluster_bytes;
    uint8_t *data = calloc(1, room);
    memcpy(data, world->device[device].data, world->device[device].size_bytes);
    memset(&c, 0, sizeof(c));
    c.data = data;
    c.cluster = state->cluster_bytes;
    c.h = state->header;
    refer(&c, 0, c.cluster);
    refer(&c, c.h.l1_off, c.h.l1_entries * UINT64_C(8));
    refer(&c, state->crypto_off, state->crypto_bytes);
    refer(&c, c.h.refcount_table_off, c.h.refcount_table_clusters * c.cluster);
    for (uint64_t i = 0; i < c.h.refcount_table_clusters * c.cluster / 8; i++) {
        uint64_t block = be64_load(data + c.h.refcount_table_off + i * 8);
        if (block)
            refer(&c, block, c.cluster);
    }
    l1_refer(&c, data + c.h.l1_off);
    if (snapshot)
        l1_refer(&c, snapshot);
    for (uint64_t i = 0; i < room / c.cluster; i++) {
        if (!leaks_ok || counted(&c, i) < c.count[i])
            assert_int_equal(counted(&c, i), c.count[i]);
    }
    free(data);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX logs for unit tests; see vhdx-log-make.h. */
#include "vhdx-log-make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vhdx/vhdx.h"

const struct log_change log_old_data[] = {LOG_DATA(BLOCK(0) + 8 * SECTOR, 0x11),
                                          LOG_DATA(BLOCK(0) + 9 * SECTOR, 0x12), LOG_END};
const struct log_change log_new_data[] = {LOG_DATA(BLOCK(0) + 9 * SECTOR, 0x21),
                                          LOG_DATA(BLOCK(1) - SECTOR, 0x22),
                                          LOG_DATA(BLOCK(1), 0x23), LOG_END};
const struct log_change log_zeroes[] = {LOG_ZERO(BLOCK(0) + 4 * SECTOR, 12 * SECTOR),
                                        LOG_ZERO(BLOCK(2), MIB), LOG_END};
const struct log_change log_nothing[] = {LOG_END};

enum {
    CHANGES_MAX = 150, /* more than fit into the first sector of an entry */
    DATA_GUID_BYTE = 0x5c,
};

static const struct driver_option mib_blocks[] = {
    {"block_size", FMT_OPTION_NUMBER, MIB, NULL},
    {0        }
};

static uint32_t checksum(const uint8_t *bytes, size_t length)
{
    static struct crc32c crc;

    crc32c_init(&crc);
    return ~crc32c_feed(&crc, CRC32C_START, bytes, length);
}

void vhdx_log_sum(uint8_t *bytes, size_t length)
{
    le32_store(bytes + 4, 0);
    le32_store(bytes + 4, checksum(bytes, length));
}

void vhdx_log_ring_sum(uint8_t *data, uint32_t at, uint32_t length)
{
    static uint8_t bytes[MIB];

    assert_true(length <= MIB);
    for (uint32_t i = 0; i < length; i += SECTOR)
        memcpy(bytes + i, data + LOG_OFF + (at + i) % MIB, SECTOR);
    vhdx_log_sum(bytes, length);
    memcpy(data + LOG_OFF + at, bytes, SECTOR);
}

void vhdx_log_announce(uint8_t *data, uint8_t guid_byte)
{
    static const uint64_t headers[] = {VHDX_HEADER1_OFF, VHDX_HEADER2_OFF};

    for (size_t i = 0; i < COUNT(headers); i++) {
        memset(data + headers[i] + 32, DATA_GUID_BYTE, 16);
        memset(data + headers[i] + 48, guid_byte, 16);
        vhdx_log_sum(data + headers[i], VHDX_HEADER_BYTES);
    }
}

static void descriptor_put(uint8_t *at, uint8_t *data, const struct log_change *change,
                           uint64_t sequence)
{
    le64_store(at + 16, change->offset);
    le64_store(at + 24, sequence);
    if (change->zero_bytes) {
        memcpy(at, "zero", 4);
        le64_store(at + 8, change->zero_bytes);
        return;
    }
    if (change->bytes)
        memcpy(data, change->bytes, SECTOR);
    else
        memset(data, change->fill, SECTOR);
    memcpy(at, "desc", 4);
    memcpy(at + 4, data + SECTOR - 4, 4);
    memcpy(at + 8, data, 8);
    memcpy(data, "data", 4);
    le32_store(data + 4, (uint32_t)(sequence >> 32));
    le32_store(data + SECTOR - 4, (uint32_t)sequence);
}

uint32_t vhdx_log_put(uint8_t *data, const struct log_entry *entry)
{
    static uint8_t bytes[(CHANGES_MAX + 2) * SECTOR];
    uint32_t count = 0, length;

    memset(bytes, 0, sizeof(bytes));
    while (entry->change[count].offset)
        count++;
    assert_true(count < CHANGES_MAX);
    length = (64 + count * 32 + SECTOR - 1) / SECTOR * SECTOR;
    for (uint32_t i = 0; i < count; i++) {
        descriptor_put(bytes + 64 + (size_t)i * 32, bytes + length, &entry->change[i],
                       entry->sequence);
        length += entry->change[i].zero_bytes ? 0 : SECTOR;
    }
    memcpy(bytes, "loge", 4);
    le32_store(bytes + 8, length);
    le32_store(bytes + 12, entry->tail);
    le64_store(bytes + 16, entry->sequence);
    le32_store(bytes + 24, count);
    memset(bytes + 32, LOG_GUID_BYTE, 16);
    le64_store(bytes + 48, FILE_BYTES);
    le64_store(bytes + 56, FILE_BYTES);
    vhdx_log_sum(bytes, length);
    for (uint32_t at = 0; at < length; at += SECTOR)
        memcpy(data + LOG_OFF + (entry->at + at) % MIB, bytes + at, SECTOR);
    return (entry->at + length) % MIB;
}

uint8_t *vhdx_log_image(struct fake_world *world, uint32_t *device)
{
    static uint8_t block[MIB];

    assert_int_equal(driver_create(world, "vhdx", DISK_BYTES, mib_blocks, NULL, device), 0);
    struct fmt_image *image = driver_open(world, "vhdx", *device, FMT_OPEN_WRITABLE);
    for (unsigned b = 0; b < 6; b += b == 2 ? 3 : 1) {
        for (unsigned sector = 0; sector < MIB / SECTOR; sector++)
            memset(block + (size_t)sector * SECTOR, (uint8_t)(b * 32 + sector), SECTOR);
        assert_int_equal(fmt_image_write(image, (uint64_t)b * MIB, block, sizeof(block)), 0);
    }
    assert_int_equal(fmt_image_finish(image), 0);
    fake_world_reset(world);
    vhdx_log_announce(world->device[*device].data, LOG_GUID_BYTE);
    return world->device[*device].data;
}

uint32_t vhdx_log_sequence_put(uint8_t *data, uint32_t start,
                               const struct log_change *const *changes)
{
    uint32_t at = start;

    for (uint64_t n = 0; changes[n]; n++)
        at = vhdx_log_put(data, &(struct log_entry){at, start, 100 + n, changes[n]});
    return at;
}

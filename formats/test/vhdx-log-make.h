/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHDX logs for unit tests, made by [MS-VHDX] 2.3 without the driver's code. */
#ifndef FORMATS_TEST_VHDX_LOG_MAKE_H
#define FORMATS_TEST_VHDX_LOG_MAKE_H

#include "driver-test.h"

/* Of the images that vhdx_log_image() makes. */
enum {
    MIB = 1 << 20,
    SECTOR = 4096,
    LOG_OFF = MIB,
    BAT_OFF = 2 * MIB,
    METADATA_OFF = 3 * MIB,
    BLOCKS_OFF = 8 * MIB,
    DISK_BYTES = 8 * MIB,
    FILE_BYTES = 12 * MIB,
    LOG_GUID_BYTE = 7,
};

/* The place of the block that was written as the @n-th. */
#define BLOCK(n) (BLOCKS_OFF + (uint64_t)(n)*MIB)

/* What a descriptor is to say. Lists end with LOG_END. */
struct log_change {
    uint64_t offset;
    uint64_t zero_bytes;  /* 0: a sector of data */
    const uint8_t *bytes; /* of the sector; NULL: all of them @fill */
    uint8_t fill;
};

#define LOG_DATA(offset, fill)                                                                     \
    {                                                                                              \
        offset, 0, NULL, fill                                                                      \
    }
#define LOG_ZERO(offset, bytes)                                                                    \
    {                                                                                              \
        offset, bytes, NULL, 0                                                                     \
    }
#define LOG_END LOG_DATA(0, 0)

/* Two sectors, three of which one is the same, ranges of zeroes, and no change at all. */
extern const struct log_change log_old_data[], log_new_data[], log_zeroes[], log_nothing[];

struct log_entry {
    uint32_t at; /* in the ring */
    uint32_t tail;
    uint64_t sequence;
    const struct log_change *change;
};

/*
 * An image of FILE_BYTES in blocks of 1 MiB, of which the disk has 0, 1, 2 and 5, in this order in
 * the file, its headers naming a log in which there is nothing. All bytes of sector n of block b
 * are 32 * b + n. Returns the device's bytes.
 */
uint8_t *vhdx_log_image(struct fake_world *world, uint32_t *device);
/* Both headers name a log whose GUID is of such bytes, and a data write GUID of others. */
void vhdx_log_announce(uint8_t *data, uint8_t guid_byte);
/* Put an entry into the ring; returns where the next one goes. */
uint32_t vhdx_log_put(uint8_t *data, const struct log_entry *entry);
/* Put entries of one sequence, from the ring's offset @start on; a NULL ends the list. */
uint32_t vhdx_log_sequence_put(uint8_t *data, uint32_t start,
                               const struct log_change *const *changes);
/* Make the checksum of a header, a table or an entry right. */
void vhdx_log_sum(uint8_t *bytes, size_t length);
/* That of an entry at @at of the ring, which may go around its end. */
void vhdx_log_ring_sum(uint8_t *data, uint32_t at, uint32_t length);

#endif

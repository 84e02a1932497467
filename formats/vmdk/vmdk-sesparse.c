/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK: ESX's space efficient extents. VMware has not documented them: what is not known to be
 * harmless is refused. All fields have 64 bits; offsets and sizes count sectors.
 */
#include "vmdk.h"

#define CONST_MAGIC UINT64_C(0xcafebabe)
#define VOLATILE_MAGIC UINT64_C(0xcafecafe)
#define VERSION UINT64_C(0x0000000200000001)

enum const_field {
    CONST_FIELD_MAGIC,
    CONST_FIELD_VERSION,
    CONST_FIELD_CAPACITY,
    CONST_FIELD_GRAIN,
    CONST_FIELD_TABLE,
    CONST_FIELD_FLAGS,
    CONST_FIELD_RESERVED, /* four */
    CONST_FIELD_VOLATILE = 10,
    CONST_FIELD_DIRECTORY = 16,
    CONST_FIELD_DIRECTORY_SIZE = 17,
    CONST_FIELD_TABLES = 18,
    CONST_FIELD_GRAINS = 24,
    CONST_FIELDS = 26,
};

enum {
    HEADER_BYTES = 512,
    GRAIN_SECTORS = 8,
    TABLE_SECTORS = 64,
    VOLATILE_REPLAY_OFF = 24,
    VOLATILE_PADDING_OFF = 32,
};

static uint64_t field(const uint8_t *header, unsigned index)
{
    return le64_load(header + 8 * (size_t)index);
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < length; i++)
        sum |= bytes[i];
    return sum == 0;
}

static int const_check(struct fmt_env *env, const uint8_t *header)
{
    const uint64_t reserved[] = {
        field(header, CONST_FIELD_RESERVED), field(header, CONST_FIELD_RESERVED + 1),
        field(header, CONST_FIELD_RESERVED + 2), field(header, CONST_FIELD_RESERVED + 3)};
    const struct {
        unsigned index;
        uint64_t wanted;
        int status;
        enum fmt_error_code code;
    } rows[] = {
        {CONST_FIELD_MAGIC,   CONST_MAGIC,   FMT_EINVAL,  FMT_ERR_VMDK_SE_MAGIC  },
        {CONST_FIELD_VERSION, VERSION,       FMT_ENOTSUP, FMT_ERR_VMDK_SE_VERSION},
        {CONST_FIELD_GRAIN,   GRAIN_SECTORS, FMT_ENOTSUP, FMT_ERR_VMDK_SE_GRAIN  },
        {CONST_FIELD_TABLE,   TABLE_SECTORS, FMT_ENOTSUP, FMT_ERR_VMDK_SE_TABLE  },
        {CONST_FIELD_FLAGS,   0,             FMT_ENOTSUP, FMT_ERR_VMDK_SE_FLAGS  },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = field(header, rows[i].index);
        if (value != rows[i].wanted)
            return fmt_fail(env, rows[i].status, rows[i].code, FMT_NUM(value));
    }
    if (reserved[0] | reserved[1] | reserved[2] | reserved[3])
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VMDK_SE_RESERVED, FMT_NUM(reserved[0]),
                        FMT_NUM(reserved[1]), FMT_NUM(reserved[2]), FMT_NUM(reserved[3]));
    if (!is_zero(header + 8 * CONST_FIELDS, HEADER_BYTES - 8 * CONST_FIELDS))
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VMDK_SE_PADDING);
    return 0;
}

static int volatile_check(struct fmt_env *env, const uint8_t *header)
{
    if (field(header, 0) != VOLATILE_MAGIC)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_SE_VOLATILE_MAGIC, FMT_NUM(field(header, 0)));
    if (le64_load(header + VOLATILE_REPLAY_OFF) != 0)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VMDK_SE_DIRTY);
    if (!is_zero(header + VOLATILE_PADDING_OFF, HEADER_BYTES - VOLATILE_PADDING_OFF))
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VMDK_SE_VOLATILE_PADDING);
    return 0;
}

static int volatile_read(struct fmt_env *env, uint32_t device, struct fmt_bytes filename,
                         uint64_t sector)
{
    uint8_t header[HEADER_BYTES];

    int r = io_read(env, device, sector * FMT_SECTOR_BYTES, header, sizeof(header));
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_VMDK_READ_VOLATILE, FMT_STR(filename), FMT_NUM(-r));
    return volatile_check(env, header);
}

int vmdk_sesparse_open(struct fmt_image *image, struct vmdk_state *state, uint32_t device,
                       struct fmt_bytes filename)
{
    struct fmt_env *env = image->env;
    uint8_t header[HEADER_BYTES];

    if (image->flags & FMT_OPEN_WRITABLE)
        return fmt_fail(env, FMT_EACCES, FMT_ERR_VMDK_SE_READ_ONLY);
    int r = vmdk_head_read(env, state, device, header, sizeof(header));
    if (r < 0)
        return fmt_fail(env, -r, FMT_ERR_VMDK_READ_CONST, FMT_STR(filename), FMT_NUM(-r));
    r = const_check(env, header);
    if (r == 0)
        r = volatile_read(env, device, filename, field(header, CONST_FIELD_VOLATILE));
    if (r < 0)
        return r;
    struct vmdk_extent extent = {
        .kind = VMDK_SESPARSE,
        .device = device,
        .filename = filename,
        .sectors = field(header, CONST_FIELD_CAPACITY),
        .cluster_sectors = GRAIN_SECTORS,
        .l1_off = field(header, CONST_FIELD_DIRECTORY) * FMT_SECTOR_BYTES,
        .l1_entries = (uint32_t)(field(header, CONST_FIELD_DIRECTORY_SIZE) * FMT_SECTOR_BYTES / 8),
        .l2_entries = TABLE_SECTORS * FMT_SECTOR_BYTES / 8,
        .l1_entry_sectors = TABLE_SECTORS * FMT_SECTOR_BYTES / 8 * GRAIN_SECTORS,
        .tables_sector = field(header, CONST_FIELD_TABLES),
        .grains_sector = field(header, CONST_FIELD_GRAINS),
    };
    return vmdk_extent_add(image, state, &extent);
}

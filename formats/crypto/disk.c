/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encrypted bytes of a device; see disk.h. */
#include "disk.h"

#include "wipe.h"

enum { PIECE_BYTES = 512 << 10 };

/* Bytes within one sector, which is decrypted whole beside the caller's buffer. */
static int part_read(struct fmt_env *env, const struct crypto_volume *volume,
                     const struct crypto_run *run, void *buffer, size_t length)
{
    uint64_t in_sector = run->iv_off % CRYPTO_SECTOR_BYTES;
    uint8_t sector[CRYPTO_SECTOR_BYTES];

    if (in_sector > run->device_off)
        return -FMT_EIO;
    int r = io_read(env, run->device, run->device_off - in_sector, sector, sizeof(sector));
    if (r < 0)
        return r;
    crypto_volume_decrypt(volume, run->iv_off / CRYPTO_SECTOR_BYTES, sector, sizeof(sector));
    memcpy(buffer, sector + in_sector, length);
    crypto_wipe(sector, sizeof(sector));
    return 0;
}

int crypto_disk_read(struct fmt_env *env, const struct crypto_volume *volume,
                     const struct crypto_run *run, void *buffer, size_t length)
{
    struct crypto_run at = *run;
    uint8_t *to = buffer;
    int r = 0;

    while (r == 0 && length > 0) {
        size_t in_sector = (size_t)(at.iv_off % CRYPTO_SECTOR_BYTES);
        size_t n = length - length % CRYPTO_SECTOR_BYTES;
        if (in_sector || n == 0) {
            n = (size_t)min_u64(length, CRYPTO_SECTOR_BYTES - in_sector);
            r = part_read(env, volume, &at, to, n);
        } else {
            r = io_read(env, at.device, at.device_off, to, n);
            if (r == 0)
                crypto_volume_decrypt(volume, at.iv_off / CRYPTO_SECTOR_BYTES, to, n);
        }
        at.device_off += n;
        at.iv_off += n;
        to += n;
        length -= n;
    }
    return r;
}

int crypto_disk_write(struct fmt_env *env, const struct crypto_volume *volume,
                      const struct crypto_run *run, const void *buffer, uint64_t length)
{
    size_t mark = fmt_arena_mark(env->arena), room = (size_t)min_u64(length, PIECE_BYTES);
    uint8_t *piece = fmt_arena_buffer(env->arena, room, CRYPTO_SECTOR_BYTES);
    const uint8_t *from = buffer;
    int r = piece ? 0 : -FMT_ENOMEM;

    if (run->iv_off % CRYPTO_SECTOR_BYTES != 0 || length % CRYPTO_SECTOR_BYTES != 0)
        r = -FMT_EINVAL;
    for (uint64_t at = 0; r == 0 && at < length; at += room) {
        size_t n = (size_t)min_u64(room, length - at);
        if (from)
            memcpy(piece, from + at, n);
        else
            memset(piece, 0, n);
        crypto_volume_encrypt(volume, (run->iv_off + at) / CRYPTO_SECTOR_BYTES, piece, n);
        r = io_write(env, run->device, run->device_off + at, piece, n);
    }
    fmt_arena_release(env->arena, mark);
    return r;
}

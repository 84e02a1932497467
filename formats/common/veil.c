/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images that are not whole yet; see veil.h. */
#include "veil.h"

int fmt_veil_draw(struct fmt_image *image, struct fmt_veil *veil, uint32_t device, uint64_t offset,
                  const void *kept, size_t bytes)
{
    uint8_t other[FMT_VEIL_BYTES_MAX];

    if (!(image->flags & FMT_OPEN_NEW) || veil->bytes > 0 || bytes > sizeof(other))
        return 0;
    *veil = (struct fmt_veil){.device = device, .offset = offset, .bytes = bytes};
    memcpy(veil->kept, kept, bytes);
    for (size_t i = 0; i < bytes; i++)
        other[i] = (uint8_t)~veil->kept[i];
    return io_write(image->env, device, offset, other, bytes);
}

int fmt_veil_lift(struct fmt_image *image, struct fmt_veil *veil)
{
    size_t bytes = veil->bytes;

    veil->bytes = 0;
    return bytes == 0 ? 0 : io_write(image->env, veil->device, veil->offset, veil->kept, bytes);
}

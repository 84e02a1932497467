/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: a new content ID for an image that is about to change. */
#include "common/text.h"
#include "vmdk.h"

/* Each ID has as many digits: a new one takes the place of the last one, and no text behind it
 * moves, of which some would be left behind the end of a shorter one. */
#define CID_EIGHT_DIGITS 0x10000000u

enum { DESCRIPTOR_FILE_MAX_BYTES = 16 << 20, NUMBER_BYTES_MAX = 16 };

/* Where the descriptor is, and its room. */
static int descriptor_place(struct fmt_image *image, const struct vmdk_state *state,
                            uint64_t *offset, uint64_t *bytes)
{
    *offset = state->embedded ? VMDK_EMBEDDED_OFF : 0;
    *bytes = VMDK_DESCRIPTOR_BYTES;
    if (state->embedded)
        return 0;
    int r = io_sector_bytes(image->env, image->device, bytes);
    if (r == 0 && *bytes > DESCRIPTOR_FILE_MAX_BYTES) {
        fmt_message(image->env, FMT_MESSAGE_ERROR, FMT_ERR_VMDK_DESCRIPTOR_LARGE);
        r = -FMT_EFBIG;
    }
    return r;
}

/*
 * Put the number between "CID=" and "parentCID": what stood there is gone, what follows moves. As
 * the reference, what is then behind the text's end stays.
 */
static int cid_replace(struct fmt_env *env, char *data, size_t room, uint32_t cid)
{
    const char *nul = memchr(data, '\0', room);
    struct fmt_bytes text = {data, nul ? (size_t)(nul - data) : room - 1};
    size_t parent = vmdk_text_find(text, "parentCID"), own = vmdk_text_find(text, "CID");
    struct fmt_text made;

    if (parent == SIZE_MAX)
        return -FMT_EINVAL;
    own = (size_t)min_u64(own + strlen("CID="), room - 1);
    if (!fmt_text_begin(&made, env->arena, room + NUMBER_BYTES_MAX))
        return -FMT_ENOMEM;
    fmt_text_hex(&made, cid);
    fmt_text_put(&made, "\n");
    fmt_text_bytes(&made, (struct fmt_bytes){data + parent, text.length - parent});
    size_t kept = (size_t)min_u64(made.length, room - 1 - own);
    memcpy(data + own, made.data, kept);
    data[own + kept] = '\0';
    return 0;
}

/* Until a new image is whole, its extent's version is none, or the descriptor's type of image. */
static int veil_draw(struct fmt_image *image, struct vmdk_state *state, struct fmt_bytes text)
{
    static const char type[] = "createType=\"";
    uint32_t device = image->device;
    size_t at = vmdk_text_find(text, type);
    uint8_t version[4];

    if (!state->embedded && at < text.length - strlen(type))
        return fmt_veil_draw(image, &state->veil, device, at + strlen(type),
                             text.data + at + strlen(type), 1);
    if (!state->embedded)
        return 0;
    int r = io_read(image->env, device, VMDK_OFF_VERSION, version, sizeof(version));
    return r < 0 ? r
                 : fmt_veil_draw(image, &state->veil, device, VMDK_OFF_VERSION, version,
                                 sizeof(version));
}

int vmdk_cid_make(struct fmt_env *env, uint32_t *cid)
{
    uint8_t bytes[4] = {0};

    int r = env->io->random(env->io_ctx, bytes, sizeof(bytes));
    *cid = le32_load(bytes) | CID_EIGHT_DIGITS;
    return r;
}

static int cid_write(struct fmt_image *image, struct vmdk_state *state)
{
    struct fmt_env *env = image->env;
    uint64_t offset, room;
    uint32_t cid;

    int r = descriptor_place(image, state, &offset, &room);
    if (r < 0)
        return r;
    char *data = fmt_alloc(env, room);
    if (!data)
        return -FMT_ENOMEM;
    r = io_read(env, image->device, offset, data, (size_t)room);
    if (r == 0)
        r = vmdk_cid_make(env, &cid);
    if (r == 0)
        r = cid_replace(env, data, (size_t)room, cid);
    if (r == 0)
        r = io_write(env, image->device, offset, data, (size_t)room);
    if (r == 0 && image->flags & FMT_OPEN_NEW)
        r = veil_draw(image, state, (struct fmt_bytes){data, (size_t)room});
    return r == 0 ? io_flush(env, image->device) : r;
}

int vmdk_change_begin(struct fmt_image *image)
{
    struct vmdk_state *state = image->state;

    if (state->cid_changed)
        return 0;
    int r = cid_write(image, state);
    state->cid_changed = r == 0;
    return r;
}

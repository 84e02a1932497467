/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LUKS volumes: new ones. */
#include "common/newfile.h"
#include "crypto/secret.h"
#include "luks-image.h"

struct creation {
    struct fmt_env *env;
    const struct fmt_create *create;
    uint64_t disk_bytes;
    enum fmt_prealloc preallocation;
};

/* How the file is to be made, or -1. For a disk without metadata "metadata" means nothing. */
static int preallocation_read(const struct fmt_options *options)
{
    static const char *const modes[] = {"off", "metadata", "falloc", "full", NULL};
    static const int meanings[] = {FMT_PREALLOC_OFF, FMT_PREALLOC_OFF, FMT_PREALLOC_FALLOC,
                                   FMT_PREALLOC_FULL};
    int mode = fmt_option_enum(options, "preallocation", modes, 0);

    return mode < 0 ? -1 : meanings[mode];
}

int luks_image_create_check(struct fmt_env *env, const struct fmt_create *create)
{
    struct luks_plan plan;

    if (preallocation_read(create->options) < 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_BAD_VALUE,
                        FMT_STR(fmt_option_text(create->options, "preallocation")));
    return luks_plan_read(env, create->options, "", &plan);
}

/* A device has its size: that must do. */
static int device_check(const struct creation *creation, uint64_t device_bytes, uint64_t bytes)
{
    struct fmt_env *env = creation->env;

    if (creation->preallocation != FMT_PREALLOC_OFF)
        return fmt_fail(env, FMT_EIO, FMT_ERR_LUKS_DEVICE_PREALLOC,
                        FMT_STR(fmt_option_text(creation->create->options, "preallocation")));
    return bytes > device_bytes ? fmt_fail(env, FMT_EIO, FMT_ERR_GROW_DEVICE) : 0;
}

/* The whole file gets its size; writing the header comes after. */
static int room_make(void *ctx, uint64_t bytes, struct luks_place *place)
{
    const struct creation *creation = ctx;
    uint64_t file_bytes = creation->disk_bytes + bytes;
    struct fmt_device facts;
    int r = -FMT_EFBIG;

    place->device = creation->create->device;
    if (file_bytes <= INT64_MAX && file_bytes > FMT_OFFSET_MAX)
        return fmt_fail(creation->env, FMT_EIO, FMT_ERR_OFFSET_MAX, FMT_NUM(file_bytes),
                        FMT_NUM(FMT_OFFSET_MAX));
    if (io_facts(creation->env, place->device, &facts) == 0 && facts.block_device)
        return device_check(creation, facts.size_bytes, file_bytes);
    if (file_bytes <= INT64_MAX)
        r = io_truncate(creation->env, place->device, file_bytes, creation->preallocation);
    if (r == -FMT_EFBIG)
        return fmt_fail(creation->env, FMT_EIO, FMT_ERR_LUKS_TOO_LARGE);
    return r < 0 ? fmt_fail(creation->env, FMT_EIO, newfile_resize_code(creation->preallocation),
                            FMT_NUM(-r))
                 : 0;
}

int luks_image_create(struct fmt_env *env, const struct fmt_create *create)
{
    bool detached = fmt_option_bool(create->options, "detached-header", false);
    struct creation creation = {
        .env = env,
        .create = create,
        .disk_bytes = detached ? 0 : create->virtual_bytes,
        .preallocation = (enum fmt_prealloc)preallocation_read(create->options),
    };
    struct luks_create header = {.detached = detached, .room = room_make, .ctx = &creation};
    struct luks_plan plan;

    int r = luks_plan_read(env, create->options, "", &plan);
    if (r == 0)
        r = crypto_secret_find(env, create->options, "", &header.passphrase);
    if (r == 0)
        r = luks_plan_check(env, &plan);
    return r < 0 ? r : luks_create(env, &plan, &header, NULL);
}

int luks_image_measure(struct fmt_env *env, struct fmt_measure *measure)
{
    struct fmt_bytes passphrase;
    struct luks_plan plan;

    int r = luks_plan_read(env, measure->options, "", &plan);
    if (r == 0)
        r = crypto_secret_find(env, measure->options, "", &passphrase);
    if (r == 0)
        r = luks_plan_check(env, &plan);
    if (r < 0)
        return r;
    measure->required_bytes = luks_area_bytes(&plan) + fmt_measure_bytes(measure);
    measure->fully_allocated_bytes = measure->required_bytes;
    return 0;
}

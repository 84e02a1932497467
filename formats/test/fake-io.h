/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A world of byte buffers for unit tests of drivers: devices in memory, references by name, the
 * n-th request failing on demand, and facts printed as text.
 */
#ifndef FORMATS_TEST_FAKE_IO_H
#define FORMATS_TEST_FAKE_IO_H

#include "image.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
    FAKE_DEVICES_MAX = 16,
    FAKE_DEVICE_MAX_BYTES = 64 << 20,
    FAKE_ARENA_BYTES = 64 << 20,
    FAKE_CLOCK_STEP_NS = 10000000,
};

struct fake_device {
    char *name; /* what open() is asked for */
    uint8_t *data;
    uint64_t size_bytes;
};

struct fake_world {
    struct fmt_env env;            /* what drivers get; secrets "s", "other", "binary", "group" */
    struct fmt_option node_option; /* of the images that tests open: where their passphrase is */
    struct fmt_options node_options;
    struct fmt_arena arena;
    struct fmt_error error;
    struct fake_device device[FAKE_DEVICES_MAX];
    uint32_t device_count;
    uint64_t clock_ns;
    unsigned requests;   /* served so far */
    unsigned fail_at;    /* this request (1 = the first) and all later ones fail; 0: none */
    int fail_status;     /* with this negative errno (default -FMT_EIO) */
    char info[1 << 16];  /* text of the last fake_info() */
    char messages[4096]; /* messages so far, "KIND CODE(arg,arg)\n" each */
};

struct fake_world *fake_world_new(void);
void fake_world_free(struct fake_world *world);
/* Forget devices' owners' memory and errors, but keep the devices: for "fail at the n-th". */
void fake_world_reset(struct fake_world *world);
/* Add a device with a copy of the bytes; returns its number. */
uint32_t fake_device_add(struct fake_world *world, const char *name, const void *data,
                         uint64_t size_bytes);
/* Add a device with the contents of a file of the build or source tree. */
uint32_t fake_device_load(struct fake_world *world, const char *name, const char *path);
/* The image's format specific facts as "key=value\n" lines, nested keys joined by '.'. */
const char *fake_info(struct fake_world *world, struct fmt_image *image);
/* The last error as text: frames as code numbers are useless, so codes by name and arguments:
 * "CODE(arg,arg)<CODE(...)" with the outermost first. Static buffer. */
const char *fake_error(const struct fake_world *world);

/* "CODE(arg,arg)" at @to, of at most @room bytes; returns its length. */
size_t fake_code_text(char *to, size_t room, enum fmt_error_code code,
                      const struct fmt_error_arg *args, unsigned count);

#endif

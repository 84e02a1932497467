/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests that every driver passes: images are made in memory, requests fail one after the other,
 * header fields take the values at the edges.
 */
#ifndef FORMATS_TEST_DRIVER_TEST_H
#define FORMATS_TEST_DRIVER_TEST_H

#include "fake-io.h"

/* Options of one text each, ended by a row without a name. Numbers and booleans are understood. */
struct driver_option {
    const char *name;
    enum fmt_option_type type;
    uint64_t number;
    const char *text;
};

#define NUMBER(name, value)                                                                        \
    {                                                                                              \
        name, FMT_OPTION_NUMBER, value, NULL                                                       \
    }
#define SWITCH(name)                                                                               \
    {                                                                                              \
        name, FMT_OPTION_BOOL, 1, NULL                                                             \
    }
#define TEXT(name, text)                                                                           \
    {                                                                                              \
        name, FMT_OPTION_TEXT, 0, text                                                             \
    }

/* A new image of @bytes virtual bytes in a new device, whose number it returns through @device.
 * @backing may be NULL. Returns what the driver returned. */
int driver_create(struct fake_world *world, const char *format, uint64_t bytes,
                  const struct driver_option *options, const char *backing, uint32_t *device);
/* Open it; fails the test if it cannot be opened. */
struct fmt_image *driver_open(struct fake_world *world, const char *format, uint32_t device,
                              uint32_t flags);
/* Open it, as the file "image"; NULL and the world's error if that fails. */
struct fmt_image *driver_try_open(struct fake_world *world, const char *format, uint32_t device,
                                  uint32_t flags);

/* Creating with the n-th request failing, for all n: an error each time, then success. What is left
 * each time is no image of the format, or one of the right size. */
void driver_test_failing_create(const char *format, uint64_t bytes,
                                const struct driver_option *options);
/* Opening likewise. Beyond @requests_max requests the test fails: opening is to be cheap. */
void driver_test_failing_open(struct fake_world *world, const char *format, uint32_t device,
                              unsigned requests_max);

/* A value of a field, in the format's order of bytes, with which no image can be opened, and why.
 */
struct driver_refusal {
    uint32_t offset;
    unsigned bytes; /* at most 8 */
    uint64_t value;
    const char *error;
};

enum driver_order { DRIVER_LITTLE_ENDIAN, DRIVER_BIG_ENDIAN };

/* Each refusal, of an image that can be opened otherwise, and is as it was in the end. */
void driver_test_refusals(struct fake_world *world, const char *format, uint32_t device,
                          enum driver_order order, const struct driver_refusal *rows, size_t count);

struct driver_field {
    uint64_t offset;
    unsigned bytes; /* 1, 2, 4 or 8 */
};

/* Each field at 0, 1, its maximum, half of it and one more: opening succeeds or records an error.
 * @fix, if not NULL, mends checksums after the change. @use, if not NULL, uses an opened image. */
void driver_test_fields(struct fake_world *world, const char *format, uint32_t device,
                        const struct driver_field *fields, size_t count, void (*fix)(uint8_t *data),
                        void (*use)(struct fmt_image *image));
/* The device cut to each of the given lengths likewise. */
void driver_test_lengths(struct fake_world *world, const char *format, uint32_t device,
                         const uint64_t *lengths, size_t count);

/*
 * Write all kinds of pieces into a new image of @bytes bytes (at most 16 MiB), plain, as zeroes and
 * compressed where the driver can; what is read back, then and after opening it again, is what was
 * written, and check finds nothing.
 */
void driver_test_write(const char *format, uint64_t bytes, const struct driver_option *options);
/* The same with the n-th request failing, for some n: errors, no crash. What should have become a
 * new image is refused then, or as it was, or whole. */
void driver_test_failing_write(const char *format, uint64_t bytes,
                               const struct driver_option *options);
/* A write into an overlay of raw data with the n-th request failing, for all n, and the image
 * closed: each sector is what it was, or is to be. */
void driver_test_failing_overlay(const char *format, const struct driver_option *options);
/* The texts of all findings of check, one per line, and its result. Static buffer. */
const char *driver_check(struct fake_world *world, struct fmt_image *image, struct fmt_check *check,
                         unsigned fix);

/* Use an image: map from the start, read and decode what is data, read the last byte. Errors are
 * results, too. */
void driver_use(struct fmt_image *image);

#endif

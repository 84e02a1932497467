/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of encryption; see options.h. */
#include "options.h"

static const char prefix[] = "encrypt.";

const struct fmt_option *crypto_option_find(const struct fmt_options *options, const char *before,
                                            const char *name)
{
    size_t before_bytes = strlen(before), name_bytes = strlen(name);

    for (size_t i = 0; options && i < options->count; i++) {
        struct fmt_bytes row = options->row[i].name;
        if (row.length == before_bytes + name_bytes &&
            memcmp(row.data, before, before_bytes) == 0 &&
            memcmp(row.data + before_bytes, name, name_bytes) == 0)
            return &options->row[i];
    }
    return NULL;
}

/* "encryption" is a switch, except that other words than on and off arrive as they are. */
static struct fmt_bytes old_name_read(const struct fmt_options *options)
{
    const struct fmt_option *option = fmt_option_find(options, "encryption");

    if (option && option->type == FMT_OPTION_TEXT)
        return option->text;
    return option && option->number ? fmt_bytes_of("qcow") : (struct fmt_bytes){0};
}

int crypto_format_check(struct fmt_env *env, const struct fmt_options *options)
{
    if (old_name_read(options).data && fmt_option_find(options, "encrypt.format"))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_CRYPTO_FORMAT_TWICE);
    return 0;
}

/* Any option of encryption besides the format. */
static bool has_details(const struct fmt_options *options)
{
    for (size_t i = 0; i < options->count; i++) {
        struct fmt_bytes name = options->row[i].name;
        if (name.length >= sizeof(prefix) && memcmp(name.data, prefix, sizeof(prefix) - 1) == 0)
            return true;
    }
    return false;
}

int crypto_format_read(struct fmt_env *env, const struct fmt_options *options,
                       struct fmt_bytes *format)
{
    const struct fmt_option *option = fmt_option_find(options, "encrypt.format");

    *format = option ? option->text : old_name_read(options);
    if (!option && !format->data)
        return has_details(options) ? fmt_fail(env, FMT_EINVAL, FMT_ERR_CRYPTO_NO_FORMAT) : 0;
    if (option && fmt_bytes_equal(*format, "aes"))
        *format = fmt_bytes_of("qcow");
    if (fmt_bytes_equal(*format, "qcow") || fmt_bytes_equal(*format, "luks"))
        return 0;
    return fmt_fail(env, FMT_EINVAL, FMT_ERR_BAD_ENUM, FMT_TXT("format"), FMT_STR(*format));
}

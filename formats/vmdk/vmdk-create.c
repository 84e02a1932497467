/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK: new images, of one file or of several.
 *
 * In the reference's order: options, the image's own file, the parent for its content ID, further
 * extents, the descriptor at last.
 */
#include "common/open.h"
#include "common/text.h"
#include "vmdk.h"

#define SPLIT_BYTES (UINT64_C(2) << 30)
/* Numbers of grains and places of tables have 32 bits. */
#define SPARSE_BYTES_MAX (UINT64_C(0xffffffff) * 65536)

enum {
    EXTENTS_MAX = 1 << 16,
    LINE_BYTES = 64, /* of an extent line without its name */
    DESCRIPTOR_FIXED_BYTES = 1 << 10,
    PARENT_LINE_BYTES_MAX = 4095, /* what is longer is cut */
    NAME_BYTES_MAX = 4095,
};

enum subformat {
    MONOLITHIC_SPARSE,
    MONOLITHIC_FLAT,
    SPLIT_SPARSE,
    SPLIT_FLAT,
    STREAM_OPTIMIZED,
};

static const char *const subformats[] = {"monolithicSparse",     "monolithicFlat",
                                         "twoGbMaxExtentSparse", "twoGbMaxExtentFlat",
                                         "streamOptimized",      NULL};
static const char *const adapters[] = {"ide", "buslogic", "lsilogic", "legacyESX", NULL};

struct plan {
    struct fmt_env *env;
    const struct fmt_create *create;
    uint64_t bytes;
    enum subformat subformat;
    bool flat, split;
    int adapter;
    bool zeroed_grains;
    struct fmt_bytes hardware, tools;
    struct fmt_bytes path, prefix, postfix; /* the file's name, taken apart */
    struct fmt_text name;                   /* of the file in the making */
    struct fmt_text lines;                  /* of the extents */
    uint32_t parent_cid;
};

/* ---- names ---- */

static size_t last_of(struct fmt_bytes text, char c)
{
    size_t at = text.length;

    while (at > 0 && text.data[at - 1] != c)
        at--;
    return at; /* behind it; 0: there is none */
}

static int name_split(struct plan *plan)
{
    struct fmt_bytes name = plan->create->filename;
    size_t folder = last_of(name, '/');

    if (folder == 0)
        folder = last_of(name, '\\');
    if (folder == 0)
        folder = last_of(name, ':');
    if (name.length > NAME_BYTES_MAX)
        return fmt_fail(plan->env, FMT_EINVAL, FMT_ERR_CREATE, FMT_NUM(FMT_EINVAL));
    plan->path = (struct fmt_bytes){name.data, folder};
    struct fmt_bytes base = {name.data + folder, name.length - folder};
    size_t dot = last_of(base, '.');
    size_t prefix = dot ? dot - 1 : base.length;
    plan->prefix = (struct fmt_bytes){base.data, prefix};
    plan->postfix = (struct fmt_bytes){base.data + prefix, base.length - prefix};
    return 0;
}

/* What a descriptor calls a file beside it. */
static struct fmt_bytes basename_of(struct fmt_bytes name)
{
    static const char scheme[] = "file:";
    size_t at = last_of(name, '/'), length = sizeof(scheme) - 1;

    if (at == 0 && name.length > length && memcmp(name.data, scheme, length) == 0)
        at = length;
    return (struct fmt_bytes){name.data + at, name.length - at};
}

/* Name of the @index-th further file, from 1 on; the next call overwrites it. */
static struct fmt_bytes name_make(struct plan *plan, uint32_t index)
{
    struct fmt_text *text = &plan->name;

    text->length = 0;
    fmt_text_bytes(text, plan->path);
    fmt_text_bytes(text, plan->prefix);
    if (plan->split) {
        fmt_text_put(text, plan->flat ? "-f" : "-s");
        fmt_text_decimal(text, index, 3);
    } else {
        fmt_text_put(text, "-flat");
    }
    fmt_text_bytes(text, plan->postfix);
    return fmt_text_get(text);
}

/* ---- options ---- */

static int enums_read(struct plan *plan)
{
    const struct fmt_options *options = plan->create->options;
    int subformat = fmt_option_enum(options, "subformat", subformats, MONOLITHIC_SPARSE);

    plan->adapter = fmt_option_enum(options, "adapter_type", adapters, 0);
    if (plan->adapter < 0 || subformat < 0) {
        const char *name = plan->adapter < 0 ? "adapter_type" : "subformat";
        return fmt_fail(plan->env, FMT_EINVAL, FMT_ERR_BAD_VALUE,
                        FMT_STR(fmt_option_text(options, name)));
    }
    plan->subformat = (enum subformat)subformat;
    plan->split = subformat == SPLIT_SPARSE || subformat == SPLIT_FLAT;
    plan->flat = subformat == MONOLITHIC_FLAT || subformat == SPLIT_FLAT;
    return 0;
}

static int versions_read(struct plan *plan)
{
    const struct fmt_options *options = plan->create->options;
    const struct fmt_option *hardware = fmt_option_find(options, "hwversion");
    const struct fmt_option *tools = fmt_option_find(options, "toolsversion");
    bool compat6 = fmt_option_bool(options, "compat6", false);

    if (hardware && fmt_bytes_equal(hardware->text, "undefined"))
        hardware = NULL;
    if (compat6 && hardware)
        return fmt_fail(plan->env, FMT_EINVAL, FMT_ERR_VMDK_COMPAT6);
    plan->hardware = hardware ? hardware->text : fmt_bytes_of(compat6 ? "6" : "4");
    plan->tools = tools ? tools->text : fmt_bytes_of("2147483647");
    return 0;
}

static int options_read(struct plan *plan)
{
    const struct fmt_create *create = plan->create;
    struct fmt_env *env = plan->env;

    if (create->backing_format.data && !fmt_bytes_equal(create->backing_format, "vmdk"))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_BACKING_FORMAT);
    int r = name_split(plan);
    if (r == 0)
        r = enums_read(plan);
    if (r == 0)
        r = versions_read(plan);
    if (r < 0)
        return r;
    plan->zeroed_grains = fmt_option_bool(create->options, "zeroed_grain", false);
    if (plan->flat && create->backing_present)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VMDK_FLAT_BACKING);
    if (plan->flat && plan->zeroed_grains)
        return fmt_fail(env, FMT_ENOTSUP, FMT_ERR_VMDK_FLAT_ZEROED);
    if (plan->bytes > INT64_MAX ||
        (!plan->flat && !plan->split && create->virtual_bytes > SPARSE_BYTES_MAX) ||
        (plan->split && create->virtual_bytes > EXTENTS_MAX * SPLIT_BYTES))
        return fmt_fail(env, FMT_EFBIG, FMT_ERR_IO, FMT_NUM(FMT_EFBIG));
    return 0;
}

/* ---- files ---- */

static uint32_t extents_count(const struct plan *plan)
{
    if (plan->split)
        return (uint32_t)div_up_u64(plan->bytes, SPLIT_BYTES);
    return 1;
}

static void line_add(struct plan *plan, uint64_t bytes, struct fmt_bytes name)
{
    fmt_text_put(&plan->lines, "RW ");
    fmt_text_decimal(&plan->lines, div_up_u64(bytes, FMT_SECTOR_BYTES), 1);
    fmt_text_put(&plan->lines, plan->flat ? " FLAT \"" : " SPARSE \"");
    fmt_text_bytes(&plan->lines, basename_of(name));
    fmt_text_put(&plan->lines, plan->flat ? "\" 0\n" : "\"\n");
}

static int file_make(struct plan *plan, struct fmt_bytes name, uint32_t *device)
{
    struct fmt_env *env = plan->env;
    struct fmt_ref ref = {.kind = FMT_REF_TARGET,
                          .device = UINT32_MAX,
                          .name = name,
                          .writable = true,
                          .truncate = true};
    struct fmt_device facts;

    int r = env->io->open(env->io_ctx, &ref, device);
    if (r < 0)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_REFERENCE);
    r = io_facts(env, *device, &facts);
    /* A device that is there already is not to be recognised as what it held before. */
    if (r == 0 && facts.block_device)
        r = io_zero(env, *device, 0, min_u64(facts.size_bytes, FMT_SECTOR_BYTES), false);
    return r < 0 ? fmt_fail(env, FMT_EIO, FMT_ERR_CREATE, FMT_NUM(-r)) : 0;
}

/* What a new file of @bytes of the disk holds, but for a descriptor. */
static int file_fill(struct plan *plan, uint32_t device, uint64_t bytes)
{
    struct fmt_env *env = plan->env;
    struct vmdk_new_extent extent = {.bytes = bytes,
                                     .compressed = plan->subformat == STREAM_OPTIMIZED,
                                     .zeroed_grains = plan->zeroed_grains};

    if (!plan->flat)
        return vmdk_new_extent_write(env, device, &extent);
    if (bytes > FMT_OFFSET_MAX)
        return fmt_fail(env, FMT_EIO, FMT_ERR_OFFSET_MAX, FMT_NUM(bytes), FMT_NUM(FMT_OFFSET_MAX));
    int r = io_truncate(env, device, bytes, FMT_PREALLOC_OFF);
    return r < 0 ? fmt_fail(env, FMT_EIO, FMT_ERR_RESIZE_FILE, FMT_NUM(-r)) : 0;
}

/* Further extents. Returns 1 if one was made and could not be filled. */
static int extents_make(struct plan *plan)
{
    uint64_t most = plan->split ? SPLIT_BYTES : plan->bytes, done = 0;
    struct fmt_env *env = plan->env;

    for (uint32_t index = 1; done < plan->bytes; index++) {
        uint64_t bytes = min_u64(plan->bytes - done, most);
        struct fmt_bytes name = name_make(plan, index);
        uint32_t device;
        int r = file_make(plan, name, &device);
        if (r < 0)
            return r;
        r = file_fill(plan, device, bytes);
        line_add(plan, bytes, name);
        env->io->close(env->io_ctx, device);
        if (r < 0)
            return 1;
        done += bytes;
    }
    return 0;
}

/* ---- the parent ---- */

/* The parent is opened anew, whatever it was opened as before: its format is to be found out. */
static int parent_read(struct plan *plan)
{
    struct fmt_env *env = plan->env;
    struct fmt_bytes filename = plan->create->backing_name;
    struct fmt_ref ref = {.kind = FMT_REF_BACKING,
                          .device = plan->create->device,
                          .name = plan->create->backing_name,
                          .filename = &filename};
    struct fmt_image_spec spec = {.flags = FMT_OPEN_NO_DATA};
    struct fmt_image *parent;

    int r = env->io->open(env->io_ctx, &ref, &spec.device);
    if (r < 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_REFERENCE);
    spec.filename = filename;
    r = fmt_image_open(env, &spec, &parent);
    if (r < 0)
        return -FMT_EIO;
    if (!fmt_bytes_equal(fmt_bytes_of(parent->driver->name), "vmdk"))
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_OTHER_BACKING, FMT_TXT(parent->driver->name));
    plan->parent_cid = ((const struct vmdk_state *)parent->state)->cid;
    return 0;
}

/* ---- the descriptor ---- */

static void parent_line_put(const struct plan *plan, struct fmt_text *text)
{
    struct fmt_text line = {.data = text->data + text->length};

    if (!plan->create->backing_present)
        return;
    line.room = (size_t)min_u64(text->room - text->length, PARENT_LINE_BYTES_MAX);
    fmt_text_put(&line, "parentFileNameHint=\"");
    fmt_text_bytes(&line, plan->create->backing_name);
    fmt_text_put(&line, "\"");
    text->length += line.length;
}

static void value_put(struct fmt_text *text, const char *name, struct fmt_bytes value)
{
    fmt_text_put(text, "ddb.");
    fmt_text_put(text, name);
    fmt_text_put(text, " = \"");
    fmt_text_bytes(text, value);
    fmt_text_put(text, "\"\n");
}

static void database_put(const struct plan *plan, struct fmt_text *text)
{
    enum { TRACK_SECTORS = 63, HEADS_IDE = 16, HEADS_SCSI = 255 };
    uint64_t heads = plan->adapter == 0 ? HEADS_IDE : HEADS_SCSI;

    fmt_text_put(text, "\n# The Disk Data Base\n#DDB\n\n");
    value_put(text, "virtualHWVersion", plan->hardware);
    fmt_text_put(text, "ddb.geometry.cylinders = \"");
    fmt_text_decimal(text, plan->bytes / (TRACK_SECTORS * heads * FMT_SECTOR_BYTES), 1);
    fmt_text_put(text, "\"\nddb.geometry.heads = \"");
    fmt_text_decimal(text, heads, 1);
    fmt_text_put(text, "\"\nddb.geometry.sectors = \"63\"\n");
    value_put(text, "adapterType", fmt_bytes_of(adapters[plan->adapter]));
    value_put(text, "toolsVersion", plan->tools);
}

static int descriptor_make(struct plan *plan, struct fmt_text *text)
{
    struct fmt_env *env = plan->env;
    uint64_t room = DESCRIPTOR_FIXED_BYTES + PARENT_LINE_BYTES_MAX + plan->lines.length +
                    plan->hardware.length + plan->tools.length;
    uint32_t cid;

    int r = vmdk_cid_make(env, &cid);
    if (r < 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_VMDK_WRITE_DESCRIPTOR, FMT_NUM(-r));
    if (!fmt_text_begin(text, env->arena, room))
        return fmt_fail(env, FMT_ENOMEM, FMT_ERR_NOMEM);
    fmt_text_put(text, "# Disk DescriptorFile\nversion=1\nCID=");
    fmt_text_hex(text, cid);
    fmt_text_put(text, "\nparentCID=");
    fmt_text_hex(text, plan->parent_cid);
    fmt_text_put(text, "\ncreateType=\"");
    fmt_text_put(text, subformats[plan->subformat]);
    fmt_text_put(text, "\"\n");
    parent_line_put(plan, text);
    fmt_text_put(text, "\n# Extent description\n");
    fmt_text_bytes(text, fmt_text_get(&plan->lines));
    database_put(plan, text);
    return 0;
}

static int descriptor_write(struct plan *plan)
{
    bool own_file = plan->flat || plan->split;
    struct fmt_env *env = plan->env;
    struct fmt_text text;

    int r = descriptor_make(plan, &text);
    if (r < 0)
        return r;
    /* In the extent, what follows are its tables. */
    if (!own_file && text.length > VMDK_DESCRIPTOR_BYTES)
        return fmt_fail(env, FMT_EINVAL, FMT_ERR_VMDK_WRITE_DESCRIPTOR, FMT_NUM(FMT_EFBIG));
    r = io_write(env, plan->create->device, own_file ? 0 : VMDK_EMBEDDED_OFF, text.data,
                 text.length);
    if (r < 0)
        return fmt_fail(env, FMT_EIO, FMT_ERR_VMDK_WRITE_DESCRIPTOR, FMT_NUM(-r));
    if (own_file)
        r = io_truncate(env, plan->create->device, text.length, FMT_PREALLOC_OFF);
    return r < 0 ? fmt_fail(env, FMT_EIO, FMT_ERR_RESIZE_FILE, FMT_NUM(-r)) : 0;
}

/* All files but for the descriptor's text. Returns 1 if one was made and could not be filled. */
static int files_make(struct plan *plan)
{
    bool own_extent = !plan->flat && !plan->split;
    uint64_t bytes = own_extent ? plan->bytes : 0;
    int r = 0;

    bool filled = file_fill(plan, plan->create->device, bytes) == 0;
    if (own_extent)
        line_add(plan, bytes, plan->create->filename);
    if (filled && plan->create->backing_present)
        r = parent_read(plan);
    if (r == 0 && filled && !own_extent)
        r = extents_make(plan);
    return r == 0 && !filled ? 1 : r;
}

int vmdk_create_check(struct fmt_env *env, const struct fmt_create *create)
{
    struct plan plan = {.env = env,
                        .create = create,
                        .bytes = round_up_u64(create->virtual_bytes, FMT_SECTOR_BYTES)};

    return options_read(&plan);
}

int vmdk_create(struct fmt_env *env, const struct fmt_create *create)
{
    struct plan plan = {.env = env,
                        .create = create,
                        .bytes = round_up_u64(create->virtual_bytes, FMT_SECTOR_BYTES),
                        .parent_cid = VMDK_NO_PARENT};

    int r = options_read(&plan);
    if (r < 0)
        return r;
    if (!fmt_text_begin(&plan.name, env->arena, create->filename.length + LINE_BYTES) ||
        !fmt_text_begin(&plan.lines, env->arena,
                        (uint64_t)extents_count(&plan) * (LINE_BYTES + create->filename.length)))
        return fmt_fail(env, FMT_ENOMEM, FMT_ERR_NOMEM);
    r = files_make(&plan);
    if (r == 0)
        return descriptor_write(&plan);
    if (r < 0)
        return r;
    /* The reference writes the descriptor also where a file could not be filled. */
    struct fmt_error *first = fmt_alloc(env, sizeof(*first));
    if (first) {
        *first = *env->error;
        descriptor_write(&plan);
        *env->error = *first;
    }
    return -FMT_EIO;
}

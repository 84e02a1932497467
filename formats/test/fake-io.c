/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte buffers as devices; see fake-io.h. */
#include "fake-io.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Count a request; true if it is to fail. */
static bool failing(struct fake_world *world)
{
    world->requests++;
    return world->fail_at && world->requests >= world->fail_at;
}

static struct fake_device *device_of(struct fake_world *world, uint32_t device)
{
    return device < world->device_count ? &world->device[device] : NULL;
}

static int fake_read(void *ctx, uint32_t device, uint64_t offset, void *buffer, size_t length)
{
    struct fake_world *world = ctx;
    struct fake_device *d = device_of(world, device);

    if (!d || failing(world))
        return world->fail_status;
    uint64_t there = offset < d->size_bytes ? d->size_bytes - offset : 0;
    size_t n = (size_t)min_u64(there, length);
    if (n)
        memcpy(buffer, d->data + offset, n);
    if (n < length)
        memset((uint8_t *)buffer + n, 0, length - n);
    return 0;
}

/* Make the device at least @size_bytes long, new bytes 0. */
static int device_grow(struct fake_device *d, uint64_t size_bytes)
{
    if (size_bytes > FAKE_DEVICE_MAX_BYTES)
        return -FMT_EFBIG;
    if (size_bytes > d->size_bytes) {
        d->data = realloc(d->data, size_bytes);
        memset(d->data + d->size_bytes, 0, size_bytes - d->size_bytes);
        d->size_bytes = size_bytes;
    }
    return 0;
}

static int fake_write(void *ctx, uint32_t device, uint64_t offset, const void *buffer,
                      size_t length)
{
    struct fake_world *world = ctx;
    struct fake_device *d = device_of(world, device);

    if (!d || failing(world))
        return world->fail_status;
    int r = device_grow(d, offset + length);
    if (r == 0 && length)
        memcpy(d->data + offset, buffer, length);
    return r;
}

static int fake_zero(void *ctx, uint32_t device, uint64_t offset, uint64_t length, bool may_unmap)
{
    struct fake_world *world = ctx;
    struct fake_device *d = device_of(world, device);

    (void)may_unmap;
    if (!d || failing(world))
        return world->fail_status;
    int r = device_grow(d, offset + length);
    if (r == 0 && length)
        memset(d->data + offset, 0, length);
    return r;
}

static int fake_zero_write(void *ctx, uint32_t device, uint64_t offset, uint64_t length)
{
    return fake_zero(ctx, device, offset, length, false);
}

static int fake_discard(void *ctx, uint32_t device, uint64_t offset, uint64_t length)
{
    return fake_zero(ctx, device, offset, length, true);
}

static int fake_allocate(void *ctx, uint32_t device, uint64_t offset, uint64_t length)
{
    struct fake_world *world = ctx;
    struct fake_device *d = device_of(world, device);

    if (!d || failing(world))
        return world->fail_status;
    return device_grow(d, offset + length);
}

static int fake_truncate(void *ctx, uint32_t device, uint64_t size_bytes,
                         enum fmt_prealloc prealloc)
{
    struct fake_world *world = ctx;
    struct fake_device *d = device_of(world, device);

    (void)prealloc;
    if (!d || failing(world))
        return world->fail_status;
    int r = device_grow(d, size_bytes);
    if (r == 0)
        d->size_bytes = size_bytes;
    return r;
}

static int fake_flush(void *ctx, uint32_t device)
{
    struct fake_world *world = ctx;

    return !device_of(world, device) || failing(world) ? world->fail_status : 0;
}

static int fake_facts(void *ctx, uint32_t device, struct fmt_device *facts)
{
    struct fake_world *world = ctx;
    struct fake_device *d = device_of(world, device);

    if (!d || failing(world))
        return world->fail_status;
    *facts = (struct fmt_device){.size_bytes = d->size_bytes, .writable = true, .zero_init = true};
    return 0;
}

static int fake_extents(void *ctx, uint32_t device, uint64_t offset, uint64_t length,
                        struct fmt_run *runs, size_t *count)
{
    struct fake_world *world = ctx;

    (void)offset;
    if (!device_of(world, device) || failing(world))
        return world->fail_status;
    runs[0] = (struct fmt_run){.length = length};
    *count = 1;
    return 0;
}

static int fake_open(void *ctx, const struct fmt_ref *ref, uint32_t *device)
{
    struct fake_world *world = ctx;

    if (failing(world))
        return world->fail_status;
    for (uint32_t i = 0; i < world->device_count; i++) {
        if (!fmt_bytes_equal(ref->name, world->device[i].name))
            continue;
        *device = i;
        if (ref->filename)
            *ref->filename = fmt_bytes_of(world->device[i].name);
        return ref->head ? fake_read(ctx, i, 0, ref->head, ref->head_bytes) : 0;
    }
    if (ref->kind != FMT_REF_TARGET)
        return -FMT_ENOENT;
    char *name = strndup(ref->name.data, ref->name.length);
    *device = fake_device_add(world, name, NULL, 0);
    free(name);
    return 0;
}

static int fake_close(void *ctx, uint32_t device)
{
    struct fake_world *world = ctx;

    return device_of(world, device) ? 0 : -FMT_EINVAL;
}

static int fake_random(void *ctx, void *buffer, size_t length)
{
    struct fake_world *world = ctx;

    for (size_t i = 0; i < length; i++)
        ((uint8_t *)buffer)[i] = (uint8_t)(0xa5 + i);
    return failing(world) ? world->fail_status : 0;
}

/* A clock that runs by being looked at. */
static uint64_t fake_clock(void *ctx)
{
    struct fake_world *world = ctx;

    return world->clock_ns += FAKE_CLOCK_STEP_NS;
}

static uint64_t fake_now(void *ctx)
{
    (void)ctx;
    return 1700000000;
}

static const char *const code_names[] = {
#define FMT_ERROR(code, kind, text) #code,
#include "common/error-list.h"
#undef FMT_ERROR
};

/* snprintf() behind what is there already; what does not fit is cut. Returns the new length. */
__attribute__((format(printf, 4, 5))) static size_t text_add(char *to, size_t room, size_t used,
                                                             const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(to + used, room - used, format, args);
    va_end(args);
    return n < 0 ? used : (size_t)min_u64(used + (size_t)n, room - 1);
}

size_t fake_code_text(char *to, size_t room, enum fmt_error_code code,
                      const struct fmt_error_arg *args, unsigned count)
{
    size_t used = text_add(to, room, 0, "%s(", code_names[code]);

    for (unsigned i = 0; i < count; i++) {
        const char *comma = i ? "," : "";
        if (args[i].kind == FMT_ARG_NUMBER)
            used = text_add(to, room, used, "%s%llu", comma, (unsigned long long)args[i].number);
        else
            used = text_add(to, room, used, "%s%.*s", comma, (int)args[i].bytes.length,
                            args[i].bytes.data ? args[i].bytes.data : "");
    }
    return text_add(to, room, used, ")");
}

static void fake_message(void *ctx, enum fmt_message_kind kind, enum fmt_error_code code,
                         const struct fmt_error_arg *args, unsigned count)
{
    static const char *const kinds[] = {"ERROR", "WARNING", "PLAIN", "FRAGMENT"};
    struct fake_world *world = ctx;
    size_t used = strlen(world->messages);
    char text[1024];

    fake_code_text(text, sizeof(text), code, args, count);
    snprintf(world->messages + used, sizeof(world->messages) - used, "%s %s\n", kinds[kind], text);
}

static const struct fmt_io_ops fake_ops = {
    .read = fake_read,
    .write = fake_write,
    .zero = fake_zero,
    .zero_write = fake_zero_write,
    .discard = fake_discard,
    .allocate = fake_allocate,
    .truncate = fake_truncate,
    .flush = fake_flush,
    .facts = fake_facts,
    .extents = fake_extents,
    .open = fake_open,
    .close = fake_close,
    .random = fake_random,
    .clock = fake_clock,
    .now = fake_now,
    .message = fake_message,
};

/* As by --object: "s" holds a passphrase. */
static const struct fmt_secret fake_secrets[] = {
    {FMT_SECRET_TEXT,         {"s", 1},      {"a passphrase", 12}},
    {FMT_SECRET_TEXT,         {"other", 5},  {"another", 7}      },
    {FMT_SECRET_NOT_UTF8,     {"binary", 6}, {NULL, 0}           },
    {FMT_SECRET_OTHER_OBJECT, {"group", 5},  {NULL, 0}           },
};

struct fake_world *fake_world_new(void)
{
    struct fake_world *world = calloc(1, sizeof(*world));

    world->arena.base = aligned_alloc(4096, FAKE_ARENA_BYTES);
    world->arena.size_bytes = FAKE_ARENA_BYTES;
    world->fail_status = -FMT_EIO;
    world->env = (struct fmt_env){.io = &fake_ops,
                                  .io_ctx = world,
                                  .arena = &world->arena,
                                  .error = &world->error,
                                  .secrets = fake_secrets,
                                  .secret_count = COUNT(fake_secrets)};
    return world;
}

void fake_world_free(struct fake_world *world)
{
    for (uint32_t i = 0; i < world->device_count; i++) {
        free(world->device[i].name);
        free(world->device[i].data);
    }
    free(world->arena.base);
    free(world);
}

void fake_world_reset(struct fake_world *world)
{
    fmt_arena_release(&world->arena, 0);
    fmt_error_clear(&world->error);
    world->messages[0] = '\0';
    world->requests = 0;
    world->fail_at = 0;
}

uint32_t fake_device_add(struct fake_world *world, const char *name, const void *data,
                         uint64_t size_bytes)
{
    if (world->device_count == FAKE_DEVICES_MAX)
        abort();
    struct fake_device *d = &world->device[world->device_count];

    d->name = strdup(name);
    d->data = malloc(size_bytes + 1);
    d->size_bytes = size_bytes;
    if (size_bytes)
        memcpy(d->data, data, size_bytes);
    return world->device_count++;
}

uint32_t fake_device_load(struct fake_world *world, const char *name, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) < 0)
        abort();
    long size = ftell(file);
    uint8_t *data = malloc((size_t)size + 1);
    rewind(file);
    if (fread(data, 1, (size_t)size, file) != (size_t)size)
        abort();
    fclose(file);
    uint32_t device = fake_device_add(world, name, data, (uint64_t)size);
    free(data);
    return device;
}

/* Facts as text: where we are (a path of keys) and the text so far. */
struct fake_sink {
    struct fake_world *world;
    char path[512];
    size_t used;
};

static void sink_line(struct fake_sink *sink, const char *key, const char *value, size_t length)
{

    sink->used = text_add(sink->world->info, sizeof(sink->world->info), sink->used, "%s%s=%.*s\n",
                          sink->path, key ? key : "", (int)length, value);
}

static void sink_bytes(void *ctx, const char *key, struct fmt_bytes value)
{
    sink_line(ctx, key, value.data ? value.data : "", value.length);
}

static void sink_number(void *ctx, const char *key, int64_t value)
{
    char text[32];
    sink_line(ctx, key, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)value));
}

static void sink_bool(void *ctx, const char *key, bool value)
{
    sink_line(ctx, key, value ? "true" : "false", value ? 4 : 5);
}

static void sink_nest(void *ctx, const char *key)
{
    struct fake_sink *sink = ctx;
    size_t used = strlen(sink->path);
    snprintf(sink->path + used, sizeof(sink->path) - used, "%s.", key ? key : "-");
}

static void sink_end(void *ctx)
{
    struct fake_sink *sink = ctx;
    size_t used = strlen(sink->path);
    if (used)
        sink->path[used - 1] = '\0';
    char *dot = strrchr(sink->path, '.');
    *(dot ? dot + 1 : sink->path) = '\0';
}

static const struct fmt_info_ops sink_ops = {
    .bytes = sink_bytes,
    .number = sink_number,
    .boolean = sink_bool,
    .dict = sink_nest,
    .list = sink_nest,
    .end = sink_end,
};

const char *fake_info(struct fake_world *world, struct fmt_image *image)
{
    struct fake_sink sink = {.world = world};
    struct fmt_info out = {&sink_ops, &sink};

    world->info[0] = '\0';
    return fmt_image_info(image, &out) == 0 ? world->info : NULL;
}

const char *fake_error(const struct fake_world *world)
{
    static char text[8192];
    size_t used = 0;

    text[0] = '\0';
    for (unsigned f = world->error.frames; f-- > 0;) {
        const struct fmt_error_frame *frame = &world->error.frame[f];
        used +=
            fake_code_text(text + used, sizeof(text) - used, frame->code, frame->arg, frame->args);
        if (f)
            used = text_add(text, sizeof(text), used, "<");
    }
    return text;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drivers' io calls as ring requests, with the bytes that the host has placed already. */
#include "guest.h"

#include <string.h>

/* The head of the device opened last: enough for a header and what follows it closely. */
enum { WINDOW_HEAD_BYTES = 16 << 10 };

static uint64_t window_head_addr(const struct guest *g)
{
    return (uint64_t)(uintptr_t)g->window + sizeof(struct abi_device);
}

/* The device's entry; NULL: no device can have that number. Entries are made when they are first
 * asked for; their room was taken at the start, since memory taken later may be given back. */
static struct guest_device *device_entry(struct guest *g, uint32_t device)
{
    if (device >= ABI_DEVICES_MAX)
        return NULL;
    for (; g->device_count <= device; g->device_count++)
        g->device[g->device_count] = (struct guest_device){.known = false};
    return &g->device[device];
}

void guest_devices_forget(struct guest *g)
{
    for (uint32_t i = 0; i < g->device_count; i++)
        g->device[i].known = false;
}

/* Facts of the device, asked for once. NULL: the host knows no such device. */
static struct guest_device *device_known(struct guest *g, uint32_t device)
{
    struct guest_device *entry = device_entry(g, device);

    if (!entry || entry->known)
        return entry;
    struct abi_request request = {
        .kind = ABI_REQ_DEVICE, .device = device, .addr = (uint64_t)(uintptr_t)&entry->facts};
    if (guest_call(g, &request, NULL) < 0)
        return NULL;
    entry->known = true;
    return entry;
}

void guest_window_offer(struct guest *g, struct abi_request *request)
{
    request->flags = ABI_OPEN_FACTS;
    request->offset2 = (uint64_t)(uintptr_t)g->window;
    request->arg = WINDOW_HEAD_BYTES;
}

void guest_window_take(struct guest *g, uint32_t device)
{
    struct guest_device *before = device_entry(g, g->window_device);
    struct guest_device *entry = device_entry(g, device);

    if (before && before->known && before->facts.head_addr == window_head_addr(g))
        before->facts.head_bytes = 0;
    g->window_device = device;
    if (!entry)
        return;
    memcpy(&entry->facts, g->window, sizeof(entry->facts));
    entry->known = true;
}

/* Serve the read from a preloaded head or tail, if it lies in one. */
static bool preloaded_read(const struct abi_device *facts, uint64_t offset, void *buffer,
                           size_t length)
{
    if (offset < facts->head_bytes && length <= facts->head_bytes - offset) {
        memcpy(buffer, (const uint8_t *)facts->head_addr + offset, length);
        return true;
    }
    uint64_t tail_off = facts->size_bytes - facts->tail_bytes;
    if (facts->tail_bytes && offset >= tail_off && offset <= facts->size_bytes &&
        length <= facts->size_bytes - offset) {
        memcpy(buffer, (const uint8_t *)facts->tail_addr + (offset - tail_off), length);
        return true;
    }
    return false;
}

static int guest_read(void *ctx, uint32_t device, uint64_t offset, void *buffer, size_t length)
{
    struct guest *g = ctx;
    struct guest_device *entry = device_entry(g, device);
    uint8_t *to = buffer;

    if (device >= LAYER_DEVICE_FIRST)
        return layer_read(g, device, offset, buffer, length);
    if (entry && entry->known && preloaded_read(&entry->facts, offset, buffer, length))
        return 0;
    while (length > 0) {
        size_t piece = (size_t)min_u64(length, ABI_TRANSFER_MAX_BYTES);
        struct abi_request request = {.kind = ABI_REQ_READ,
                                      .device = device,
                                      .offset = offset,
                                      .length = piece,
                                      .addr = (uint64_t)(uintptr_t)to};
        int r = guest_call(g, &request, NULL);
        if (r < 0)
            return r;
        to += piece;
        offset += piece;
        length -= piece;
    }
    return 0;
}

static void guest_read_many(void *ctx, uint32_t device, struct fmt_read *reads, size_t count)
{
    struct guest *g = ctx;

    for (size_t i = 0; i < count; i++) {
        struct abi_request request = {.kind = ABI_REQ_READ,
                                      .device = device,
                                      .offset = reads[i].offset,
                                      .length = reads[i].length,
                                      .addr = (uint64_t)(uintptr_t)reads[i].buffer};
        if (device < LAYER_DEVICE_FIRST && reads[i].length <= ABI_TRANSFER_MAX_BYTES)
            ring_post(g, &request, &reads[i].status);
        else
            reads[i].status =
                guest_read(g, device, reads[i].offset, reads[i].buffer, reads[i].length);
    }
    ring_flush(g);
}

/* A change makes what was preloaded stale; sizes are asked for anew. */
static void device_changed(struct guest *g, uint32_t device)
{
    struct guest_device *entry = device_entry(g, device);
    if (entry)
        *entry = (struct guest_device){0};
}

static int guest_write(void *ctx, uint32_t device, uint64_t offset, const void *buffer,
                       size_t length)
{
    struct guest *g = ctx;
    const uint8_t *from = buffer;
    int r = layer_change(g, &device, FMT_CHANGE_WRITE, &offset, length);

    if (r < 0)
        return r;
    device_changed(g, device);
    while (length > 0) {
        size_t piece = (size_t)min_u64(length, ABI_TRANSFER_MAX_BYTES);
        struct abi_request request = {.kind = ABI_REQ_WRITE,
                                      .device = device,
                                      .offset = offset,
                                      .length = piece,
                                      .addr = (uint64_t)(uintptr_t)from};
        r = guest_call(g, &request, NULL);
        if (r < 0)
            return r;
        from += piece;
        offset += piece;
        length -= piece;
    }
    return 0;
}

/* Requests that name a range and move no bytes through guest memory. */
static int range_call(struct guest *g, enum abi_kind kind, uint32_t device, uint64_t offset,
                      uint64_t length, uint16_t flags)
{
    enum fmt_change change = kind == ABI_REQ_DISCARD ? FMT_CHANGE_DISCARD : FMT_CHANGE_ZERO;
    int r = layer_change(g, &device, change, &offset, length);

    if (r < 0)
        return r;
    struct abi_request request = {.kind = (uint16_t)kind,
                                  .flags = flags,
                                  .device = device,
                                  .offset = offset,
                                  .length = length};

    device_changed(g, device);
    return guest_call(g, &request, NULL);
}

static int guest_zero(void *ctx, uint32_t device, uint64_t offset, uint64_t length, bool may_unmap)
{
    return range_call(ctx, ABI_REQ_ZERO, device, offset, length,
                      may_unmap ? ABI_ZERO_MAY_UNMAP : 0);
}

static int guest_zero_write(void *ctx, uint32_t device, uint64_t offset, uint64_t length)
{
    return range_call(ctx, ABI_REQ_ZERO, device, offset, length, ABI_ZERO_WRITE);
}

static int guest_discard(void *ctx, uint32_t device, uint64_t offset, uint64_t length)
{
    return range_call(ctx, ABI_REQ_DISCARD, device, offset, length, 0);
}

static int guest_allocate(void *ctx, uint32_t device, uint64_t offset, uint64_t length)
{
    return range_call(ctx, ABI_REQ_ALLOCATE, device, offset, length, 0);
}

static int guest_truncate(void *ctx, uint32_t device, uint64_t size_bytes,
                          enum fmt_prealloc prealloc)
{
    struct guest *g = ctx;
    int r = layer_change(g, &device, FMT_CHANGE_SIZE, &size_bytes, 0);

    if (r < 0)
        return r;
    struct abi_request request = {.kind = ABI_REQ_TRUNCATE,
                                  .device = device,
                                  .length = size_bytes,
                                  .arg = (uint32_t)prealloc};

    device_changed(g, device);
    return guest_call(g, &request, NULL);
}

static int guest_flush(void *ctx, uint32_t device)
{
    uint64_t all = 0;
    int r = layer_change(ctx, &device, FMT_CHANGE_FLUSH, &all, 0);

    if (r < 0)
        return r;
    struct abi_request request = {.kind = ABI_REQ_FLUSH, .device = device};
    return guest_call(ctx, &request, NULL);
}

static int guest_facts(void *ctx, uint32_t device, struct fmt_device *facts)
{
    struct guest_device *entry = device_known(ctx, device);
    const struct fmt_image *layer = layer_find(ctx, device);

    if (layer)
        *facts = (struct fmt_device){.size_bytes = layer->facts.virtual_bytes};
    if (layer)
        return 0;
    if (!entry)
        return -FMT_EINVAL;
    *facts = (struct fmt_device){
        .size_bytes = entry->facts.size_bytes,
        .allocated_bytes = entry->facts.allocated_bytes,
        .writable = entry->facts.flags & ABI_DEVICE_WRITABLE,
        .block_device = entry->facts.flags & ABI_DEVICE_BLOCK,
        .zero_init = entry->facts.flags & ABI_DEVICE_ZERO_INIT,
    };
    return 0;
}

static int guest_extents(void *ctx, uint32_t device, uint64_t offset, uint64_t length,
                         struct fmt_run *runs, size_t *count)
{
    enum { EXTENTS_MAX = 64 };
    struct guest *g = ctx;
    struct abi_extent extent[EXTENTS_MAX];
    struct abi_completion done;
    size_t room = *count < EXTENTS_MAX ? *count : EXTENTS_MAX;
    struct abi_request request = {.kind = ABI_REQ_EXTENTS,
                                  .device = device,
                                  .offset = offset,
                                  .length = length,
                                  .arg = (uint32_t)room,
                                  .addr = (uint64_t)(uintptr_t)extent};

    if (device >= LAYER_DEVICE_FIRST) {
        *count = 1;
        return layer_extent(g, device, offset, length, runs);
    }
    int r = guest_call(g, &request, &done);
    if (r < 0)
        return r;
    *count = 0;
    for (; *count < room && *count < done.value; ++*count)
        runs[*count] = (struct fmt_run){.length = extent[*count].length,
                                        .zero = extent[*count].flags & ABI_EXTENT_ZERO};
    return *count ? 0 : -FMT_EIO;
}

/* The name in the host's answer to a reference, copied; empty if there is none. */
static struct fmt_bytes answer_filename(struct guest *g, const struct tree_writer *w,
                                        uint64_t length)
{
    struct tree answer;
    struct fmt_bytes name = {"", 0};

    if (length && length <= w->capacity && tree_check(&answer, w->data, length) == 0) {
        struct tree_bytes found = tree_get_bytes(&answer, tree_root(&answer), "filename");
        char *copy = fmt_arena_copy(&g->arena, found.data, found.length);
        if (copy)
            name = (struct fmt_bytes){copy, found.length};
    }
    return name;
}

/* A driver's own reference (data file, extent, target). */
static int guest_open(void *ctx, const struct fmt_ref *ref, uint32_t *device)
{
    struct guest *g = ctx;
    struct abi_completion done;
    struct tree_writer *w = report_note_begin(g);

    tree_put_u64(w, "kind", ref->kind);
    tree_put_u64(w, "device", ref->device);
    tree_put_bytes(w, "name", ref->name.data, ref->name.length);
    tree_put_bool(w, "writable", ref->writable);
    tree_put_bool(w, "truncate", ref->truncate);
    tree_put_bool(w, "plain", ref->plain);
    size_t length = tree_finish(w);
    size_t head_bytes = ref->head ? (size_t)min_u64(ref->head_bytes, ABI_PRELOAD_BYTES) : 0;
    struct abi_request request = {.kind = ABI_REQ_OPEN,
                                  .addr = (uint64_t)(uintptr_t)w->data,
                                  .length = length,
                                  .offset = w->capacity,
                                  .offset2 = (uint64_t)(uintptr_t)ref->head,
                                  .arg = (uint32_t)head_bytes};
    if (!ref->head)
        guest_window_offer(g, &request);
    int r = guest_call(g, &request, &done);
    if (r < 0)
        return r;
    *device = (uint32_t)done.value;
    if (!ref->head)
        guest_window_take(g, *device);
    if (ref->filename)
        *ref->filename = answer_filename(g, w, done.value2);
    return 0;
}

static int guest_close(void *ctx, uint32_t device)
{
    struct abi_request request = {.kind = ABI_REQ_CLOSE, .device = device};

    device_changed(ctx, device); /* the number may be given to another */
    return guest_call(ctx, &request, NULL);
}

static void guest_event(void *ctx, uint32_t device, enum fmt_event event)
{
    layer_event(ctx, device, event);
}

static int guest_random(void *ctx, void *buffer, size_t length)
{
    struct guest *g = ctx;
    struct abi_request request = {
        .kind = ABI_REQ_RANDOM, .addr = (uint64_t)(uintptr_t)buffer, .length = length};

    if (g->random_status < 0 || length > GUEST_RANDOM_PIECE_BYTES || length > g->random_left)
        return guest_call(g, &request, NULL);
    g->random_left -= (uint32_t)length;
    memcpy(buffer, g->random + g->random_left, length);
    return 0;
}

void guest_random_post(struct guest *g)
{
    const struct abi_request request = {.kind = ABI_REQ_RANDOM,
                                        .addr = (uint64_t)(uintptr_t)g->random,
                                        .length = sizeof(g->random)};

    ring_post(g, &request, &g->random_status);
    g->random_left = sizeof(g->random);
}

static uint64_t guest_clock(void *ctx)
{
    struct abi_request request = {.kind = ABI_REQ_CLOCK};
    struct abi_completion done;

    return guest_call(ctx, &request, &done) < 0 ? 0 : done.value;
}

static uint64_t guest_now(void *ctx)
{
    struct guest *g = ctx;
    return tree_get_u64(&g->job, tree_root(&g->job), "now", 0);
}

static void guest_message(void *ctx, enum fmt_message_kind kind, enum fmt_error_code code,
                          const struct fmt_error_arg *args, unsigned count)
{
    report_message(ctx, kind, code, args, count);
}

static const struct fmt_io_ops guest_io_ops = {
    .read = guest_read,
    .read_many = guest_read_many,
    .write = guest_write,
    .zero = guest_zero,
    .zero_write = guest_zero_write,
    .discard = guest_discard,
    .allocate = guest_allocate,
    .truncate = guest_truncate,
    .flush = guest_flush,
    .facts = guest_facts,
    .extents = guest_extents,
    .open = guest_open,
    .close = guest_close,
    .event = guest_event,
    .random = guest_random,
    .clock = guest_clock,
    .now = guest_now,
    .message = guest_message,
};

int guest_io_init(struct guest *g)
{
    const struct abi_device *boot_device = (const struct abi_device *)g->boot->device_addr;

    g->env =
        (struct fmt_env){.io = &guest_io_ops, .io_ctx = g, .arena = &g->arena, .error = &g->error};
    g->image_env = &g->env;
    g->device = fmt_arena_buffer(&g->arena, ABI_DEVICES_MAX * sizeof(*g->device), 64);
    g->window = fmt_arena_buffer(&g->arena, sizeof(struct abi_device) + WINDOW_HEAD_BYTES, 64);
    if (!g->device || !g->window)
        return -FMT_ENOMEM;
    g->window_device = ABI_DEVICES_MAX; /* none's */
    for (uint32_t i = 0; i < g->boot->device_count; i++) {
        struct guest_device *entry = device_entry(g, i);
        if (!entry)
            return -FMT_ENOMEM;
        *entry = (struct guest_device){boot_device[i], true};
    }
    return 0;
}

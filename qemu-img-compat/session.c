/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of one job; see session.h. */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "error-text.h"
#include "file-error.h"
#include "lib/drivers.h"
#include "lib/name.h"
#include "lib/node.h"
#include "lib/settings.h"
#include "lib/terminal.h"
#include "tree-value.h"

struct Session {
    struct vmm *vmm;
    SessionOptions options;
    GPtrArray *nodes;  /* FileNode, by device number */
    GPtrArray *layers; /* FileNode of images below others, by device number - ABI_DEVICES_MAX */
    const SessionHandlers *handlers;
    char *reference_text; /* the host's account of the last failed OPEN */
    GError *error;        /* the first thing that went wrong */
};

static void node_free(gpointer data)
{
    FileNode *node = data;
    if (!node)
        return;
    g_free(node->filename);
    value_free(node->image);
    g_free(node);
}

Session *session_new(const SessionOptions *options, GError **error)
{
    struct vmm_options vmm_options = {.memory_bytes = options->memory_bytes,
                                      .vcpus = options->vcpus,
                                      .time_limit_ms = options->time_limit_ms,
                                      .requests_max = options->requests_max,
                                      .tree_bytes_max = options->tree_bytes_max,
                                      .wants_avx = options->wants_avx,
                                      .pace_bytes = options->pace_bytes,
                                      .no_holes = options->no_holes,
                                      .bulk = options->bulk};
    Settings settings;
    int status = 0;

    if (!settings_read(&settings, SETTINGS_FILE, error))
        return NULL;
    vmm_options.engine = (enum vmm_engine)settings.value[SETTING_ENGINE];
    vmm_options.policy = (enum vmm_policy)settings.value[SETTING_POLICY];
    struct vmm *vmm = vmm_new(&vmm_options, &status);
    if (!vmm) {
        failure_set(error, "Could not set up the sandbox: %s", strerror(-status));
        return NULL;
    }
    Session *session = g_new0(Session, 1);
    session->vmm = vmm;
    session->options = *options;
    session->nodes = g_ptr_array_new_with_free_func(node_free);
    session->layers = g_ptr_array_new_with_free_func(node_free);
    return session;
}

void session_free(Session *session)
{
    if (!session)
        return;
    vmm_free(session->vmm);
    g_ptr_array_free(session->nodes, TRUE);
    g_ptr_array_free(session->layers, TRUE);
    g_free(session->reference_text);
    g_clear_error(&session->error);
    g_free(session);
}

const SessionOptions *session_options(const Session *session)
{
    return &session->options;
}

void session_memory_set(Session *session, uint64_t bytes, bool bulk)
{
    vmm_memory_set(session->vmm, bytes, bulk);
}

static void file_node_set(Session *session, uint32_t device, const char *name, const char *driver)
{
    FileNode *node = g_new0(FileNode, 1);

    node->filename = g_strdup(name);
    node->driver = driver;
    g_ptr_array_set_size(session->nodes, MAX((int)session->nodes->len, (int)device + 1));
    g_ptr_array_index(session->nodes, device) = node;
}

bool session_file_open(Session *session, const FileOpen *open, uint32_t *device, int *status,
                       GError **error)
{
    struct vmm_open request = {.path = open->filename,
                               .writable = open->writable || open->create,
                               .create = open->create,
                               .named_by_user = open->named_by_user,
                               .direct = open->direct,
                               .no_flush = open->no_flush,
                               .no_copy_on_write = open->no_copy_on_write,
                               .extent_size_bytes = (uint32_t)open->extent_size_bytes,
                               .preload = !open->writable && !open->create};
    struct vmm_open_result result;
    struct vmm_device_facts facts;

    file_locks_choose(&request, open, open->force_share || session->options.force_share);
    int number = vmm_device_open(session->vmm, &request, &result);
    if (number < 0) {
        *status = result.status ? result.status : number;
        return file_open_failure(error, open, &result);
    }
    *device = (uint32_t)number;
    bool special = vmm_device_facts(session->vmm, *device, &facts) == 0 &&
                   (facts.block_device || facts.char_device);
    *status = -EINVAL;
    if (open->driver && special != (strcmp(open->driver, "file") != 0))
        return file_type_failure(error, open);
    if (open->extent_size_demanded && open->extent_size_bytes && result.hint_status < 0)
        fprintf(stderr, "qemu-img: warning: Failed to set extent size hint: %s\n",
                strerror(-result.hint_status));
    g_autofree char *name =
        g_strconcat(name_has_protocol(open->filename) ? "./" : "", open->filename, NULL);
    file_node_set(session, *device, name, special ? "host_device" : "file");
    return true;
}

Value *session_stream_open(Session *session, int fd, bool writable, uint64_t size_bytes,
                           GError **error)
{
    const char *name = writable ? "standard output" : "standard input";
    int number = vmm_stream_open(session->vmm, fd, writable, size_bytes, name);

    if (number < 0) {
        failure_set(error, "Could not open %s: %s", name, strerror(-number));
        return NULL;
    }
    file_node_set(session, (uint32_t)number, name, "file");
    Value *description = value_new_dict();
    value_dict_put_string(description, "driver", "raw");
    value_dict_put_string(description, "filename", name);
    value_dict_put_int(description, "device", number);
    value_dict_put(description, "options", value_new_dict());
    return description;
}

static FileNode *node_at(const Session *session, uint32_t device)
{
    const GPtrArray *nodes = device < ABI_DEVICES_MAX ? session->nodes : session->layers;
    uint32_t index = device % ABI_DEVICES_MAX;

    return index < nodes->len && device < 2 * ABI_DEVICES_MAX ? g_ptr_array_index(nodes, index)
                                                              : NULL;
}

void session_file_expect(Session *session, const char *name)
{
    static const char prefix[] = "file:";

    if (name)
        vmm_path_expect(session->vmm,
                        g_str_has_prefix(name, prefix) ? name + strlen(prefix) : name);
}

const FileNode *session_file_node(const Session *session, uint32_t device)
{
    return node_at(session, device);
}

bool session_file_facts(const Session *session, uint32_t device, struct vmm_device_facts *facts)
{
    return vmm_device_facts(session->vmm, device, facts) == 0;
}

void session_image_set(Session *session, uint32_t device, const Value *node)
{
    FileNode *file = node_at(session, device);

    value_free(file->image);
    file->image = value_copy(node);
}

void session_image_format_set(const Session *session, uint32_t device, const char *format)
{
    const FileNode *file = node_at(session, device);

    if (file && file->image && format && driver_find(format) &&
        !value_dict_has(file->image, "driver"))
        value_dict_put_string(file->image, "driver", format);
}

static Value *node_whole(const Session *session, const Value *node);

/* A child, or what it stands for. */
static Value *child_whole(const Session *session, const Value *child)
{
    const Value *number = value_dict_get(child, "device");
    const FileNode *file = number ? node_at(session, (uint32_t)value_int(number, 0)) : NULL;

    return file && file->image ? node_whole(session, file->image) : value_copy(child);
}

/* A copy of the node in which no child stands for another. */
static Value *node_whole(const Session *session, const Value *node)
{
    static const char *const names[] = {"file", "image", "raw", "test", "log", "children"};
    Value *whole = value_copy(node);

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const Value *child = value_dict_get(node, names[i]);
        if (!child)
            continue;
        if (value_kind(child) == VALUE_DICT)
            value_dict_put(whole, names[i], child_whole(session, child));
        if (value_kind(child) != VALUE_LIST)
            continue;
        Value *list = value_new_list();
        for (size_t n = 0; n < value_list_length(child); n++)
            value_list_append(list, child_whole(session, value_list_at(child, n)));
        value_dict_put(whole, names[i], list);
    }
    return whole;
}

uint32_t session_layer_new(Session *session, const Value *node, const char *filename)
{
    FileNode *layer = g_new0(FileNode, 1);

    layer->filename = filename ? g_strdup(filename) : node_filename(node);
    const char *driver = value_dict_get_string(node, "driver");
    layer->driver = driver ? driver_find(driver)->name : "";
    g_ptr_array_add(session->layers, layer);
    return ABI_DEVICES_MAX + session->layers->len - 1;
}

char *session_image_name(const Session *session, uint32_t device, const char *format)
{
    const FileNode *file = session_file_node(session, device);

    if (!file || !file->image)
        return g_strdup(file ? file->filename : "");
    g_autoptr(Value) node = node_whole(session, file->image);
    if (format)
        value_dict_put_string(node, "driver", format);
    return node_filename(node);
}

char *session_backing_name(const Session *session, uint32_t device, const char *name,
                           GError **error)
{
    const FileNode *file = session_file_node(session, device);
    g_autoptr(Value) node = file && file->image ? node_whole(session, file->image) : NULL;
    g_autofree char *base = node ? node_base(node, error) : g_strdup(file ? file->filename : "");

    if (!*name || name_has_protocol(name) || *name == '/') {
        g_clear_error(error);
        return *name ? g_strdup(name) : NULL;
    }
    return base ? name_combine(base, name) : NULL;
}

/* Keep the first error; later ones are its consequences. */
static void error_keep(Session *session, GError *error)
{
    if (session->error)
        g_error_free(error);
    else
        session->error = error;
}

/* Lines that the reference prints while it works: shown at once, before any answer. */
static void message_show(const Session *session, const struct tree *tree)
{
    static const struct {
        const char *before, *after;
    } frames[] = {
        {"qemu-img: ",          "\n"},
        {"qemu-img: warning: ", "\n"},
        {"",                    "\n"},
        {"",                    ""  },
    };
    uint64_t kind = tree_get_u64(tree, tree_root(tree), "message", 0);
    g_autofree char *text = error_frame_text(tree, tree_root(tree), session->reference_text);

    size_t frame = kind < G_N_ELEMENTS(frames) ? kind : 0;
    g_autofree char *line = g_strconcat(frames[frame].before, text, frames[frame].after, NULL);
    terminal_write(stderr, line, strlen(line));
}

static int on_record(void *ctx, enum abi_record kind, const struct tree *tree)
{
    Session *session = ctx;
    GError *error = NULL;

    if (kind == ABI_RECORD_MESSAGE) {
        message_show(session, tree);
        return 0;
    }
    if (session->handlers->record(session->handlers->ctx, session, kind, tree, &error))
        return 0;
    error_keep(session, error);
    return -ECANCELED;
}

static void on_error(void *ctx, const struct tree *tree)
{
    Session *session = ctx;
    g_autofree char *text = error_text(tree, session->reference_text);
    GError *error = NULL;

    failure_set(&error, "%s", text);
    error_keep(session, error);
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    Session *session = ctx;
    if (session->handlers->progress)
        session->handlers->progress(session->handlers->ctx, done, total);
}

static int on_reference(void *ctx, struct vmm *vmm, const struct tree *reference, uint32_t *device,
                        struct tree_writer *reply)
{
    Session *session = ctx;
    GError *error = NULL;
    int status = -EINVAL;

    (void)vmm;
    if (session->handlers->reference &&
        session->handlers->reference(session->handlers->ctx, session, reference, device, reply,
                                     &status, &error))
        return 0;
    g_free(session->reference_text);
    session->reference_text = g_strdup(error ? error->message : "Operation not permitted");
    g_clear_error(&error);
    return status < 0 ? status : -EINVAL;
}

/* What a run that did not end by itself means for the user. */
static void end_judge(Session *session, const struct vmm_result *result)
{
    GError *error = NULL;

    switch (result->end) {
    case VMM_END_DONE:
    case VMM_END_CALLBACK:
        return;
    case VMM_END_DIED:
        failure_set(&error, "The sandboxed image parser died (%s); nothing was written",
                    result->detail ? result->detail : "no reason known");
        break;
    case VMM_END_TIME:
        failure_set(&error, "The sandboxed image parser was stopped (%s)",
                    result->detail ? result->detail : "no reason known");
        break;
    case VMM_END_SIGNAL:
        failure_set(&error, "Interrupted");
        break;
    case VMM_END_HOST:
        failure_set(&error, "The sandbox failed: %s", strerror(-result->status));
        break;
    }
    error_keep(session, error);
}

/* QEMU_IMG_COMPAT_DEBUG=stats: what the run cost, on standard error. */
static void stats_print(const Session *session, const struct vmm_result *result)
{
    const char *debug = g_getenv("QEMU_IMG_COMPAT_DEBUG");

    if (debug && strcmp(debug, "stats") == 0)
        fprintf(stderr,
                "qemu-img-compat: engine %s, %" G_GUINT64_FORMAT " exits, %" G_GUINT64_FORMAT
                " requests, %" G_GUINT64_FORMAT " bytes read, %" G_GUINT64_FORMAT " written\n",
                vmm_engine_name(session->vmm), result->exits, result->requests, result->bytes_read,
                result->bytes_written);
}

uint64_t session_now(void)
{
    const char *epoch = g_getenv("SOURCE_DATE_EPOCH");
    return epoch ? g_ascii_strtoull(epoch, NULL, 10) : (uint64_t)time(NULL);
}

bool session_run(Session *session, const Value *job, const SessionHandlers *handlers,
                 GError **error)
{
    const struct vmm_callbacks callbacks = {.ctx = session,
                                            .record = on_record,
                                            .error = on_error,
                                            .progress = on_progress,
                                            .reference = on_reference};
    struct vmm_result result = {0};
    size_t length;
    g_autofree void *tree = tree_from_value(job, &length);

    session->handlers = handlers;
    vmm_run(session->vmm, tree, length, &callbacks, &result);
    explicit_bzero(tree, length); /* there may be passphrases in it */
    end_judge(session, &result);
    stats_print(session, &result);
    if (!session->error)
        return true;
    g_propagate_error(error, g_steal_pointer(&session->error));
    return false;
}

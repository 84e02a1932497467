/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images that are read and written; see copy-files.h. */
#include "copy-files.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "create-file.h"
#include "lib/cache-mode.h"
#include "lib/name.h"
#include "lib/node.h"
#include "node-open.h"
#include "tree-value.h"

enum {
    VCPUS_MAX = 4,            /* each takes up to 15 MiB of memory */
    IMAGES_BYTES = 512 << 20, /* guest memory for images, and the first vCPU */
    HELPER_BYTES = 64 << 20,  /* for each other one */
    STAT_BLOCK_BYTES = 512,
};

/* Less data than this is not worth the start of another vCPU. */
static const uint64_t small_bytes = 16 << 20;

unsigned copy_vcpus_choose(const char *const *files, unsigned count)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t bytes = 0;
    struct stat st;

    for (unsigned i = 0; i < count; i++) {
        bool is_file = stat(files[i], &st) == 0 && S_ISREG(st.st_mode);
        bytes += is_file ? (uint64_t)st.st_blocks * STAT_BLOCK_BYTES : small_bytes;
    }
    return cpus < 1 || bytes < small_bytes ? 1 : (unsigned)MIN(cpus, VCPUS_MAX);
}

uint64_t copy_memory_bytes(unsigned vcpus)
{
    return IMAGES_BYTES + (uint64_t)(vcpus - 1) * HELPER_BYTES;
}

/* What a report says, as the message of one failure: it begins with the warnings, if there are any.
 */
static char *report_text(const Report *report)
{
    static const char prefix[] = "qemu-img: ";
    const char *text = report->err->str;

    if (g_str_has_prefix(text, prefix))
        text += strlen(prefix);
    return g_strchomp(g_strdup(text));
}

Value *copy_source_describe(const CommandLine *line, const char *name, const char *format,
                            Session *session, Report *report)
{
    g_autoptr(Report) own = report_new();
    g_autoptr(Value) node =
        node_from_argument(name, command_line_has(line, COMMAND_OPTION_IMAGE_OPTS), format,
                           command_line_has(line, 'U'), own);
    const char *mode = command_line_text(line, 'T');
    const CacheMode *cache = mode ? cache_mode_find(mode) : NULL;
    Value *source = value_new_dict();
    GError *error = NULL;

    if (!node) {
        /* Its last message comes when it would have been opened; what it warns of comes at once. */
        const char *last = g_strrstr(own->err->str, "\nqemu-img: ");
        if (last) {
            g_string_append_len(report->err, own->err->str, last + 1 - own->err->str);
            g_string_erase(own->err, 0, last + 1 - own->err->str);
        }
        g_autofree char *text = report_text(own);
        value_dict_put_string(source, "failure", text);
        return source;
    }
    g_string_append(report->err, own->err->str);
    if (cache && cache->direct)
        value_dict_put_bool(node, "cache.direct", true);
    Value *description = session_node_open(session, node, true, &error);
    value_dict_put_string(source, "name", name);
    if (!description) {
        value_dict_put_string(source, "failure", error->message);
        g_error_free(error);
        return source;
    }
    value_dict_put(source, "image", description);
    return source;
}

void copy_snapshot_describe(const CommandLine *line, Value *job)
{
    if (line->snapshot_id)
        value_dict_put_string(job, "snapshot-id", line->snapshot_id);
    if (line->snapshot_name)
        value_dict_put_string(job, line->snapshot_is_plain ? "snapshot" : "snapshot-name",
                              line->snapshot_name);
}

/* Passphrases that creating was given are needed to open what was created. */
static void secrets_add(const CreateTarget *create, Value *node)
{
    static const char suffix[] = "key-secret";
    g_autoptr(Value) options = opts_to_dict(create->opts, true);

    for (size_t i = 0; i < value_dict_size(options); i++) {
        const char *key = value_dict_key_at(options, i);
        if (g_str_has_suffix(key, suffix))
            value_dict_put(node, key, value_copy(value_dict_get(options, key)));
    }
}

bool copy_target_prepare(CopyTarget *target, GError **error)
{
    g_autoptr(Report) report = report_new();

    target->node = node_from_argument(target->create.written_as ? target->create.written_as
                                                                : target->create.filename,
                                      target->image_opts, target->create.format, false, report);
    if (!target->node) {
        g_autofree char *text = report_text(report);
        failure_set(target->is_new ? &target->fault : error, "%s", text);
        return target->is_new;
    }
    if (target->no_flush)
        value_dict_put_bool(target->node, "cache.no-flush", true);
    if (target->direct)
        value_dict_put_bool(target->node, "cache.direct", true);
    if (target->is_new)
        secrets_add(&target->create, target->node);
    return true;
}

void copy_target_clear(CopyTarget *target)
{
    create_target_clear(&target->create);
    value_free(target->node);
    value_free(target->stream);
    g_clear_error(&target->fault);
}

/* The target, made or there already, is opened to be written. */
static bool target_open(CopyTarget *target, Session *session, uint32_t *device,
                        struct tree_writer *reply, GError **error)
{
    if (target->fault) {
        g_propagate_error(error, g_steal_pointer(&target->fault));
        return false;
    }
    g_autoptr(Value) description = target->stream
                                       ? value_copy(target->stream)
                                       : session_target_open(session, target->node, error);
    if (!description)
        return false;
    *device = session_description_device(description);
    target->device = *device;
    target->opened = true;
    tree_put_members(reply, description);
    return true;
}

/* Does the target name one of its own files, to write there? */
static bool is_part(const CopyTarget *target, const struct tree *reference)
{
    size_t root = tree_root(reference);

    return target->opened && tree_get_bool(reference, root, "writable", false) &&
           tree_get_u64(reference, root, "device", UINT32_MAX) == target->device;
}

/*
 * May it be written? The guest has read the sources by then, and may say of the target what they
 * want: it gets what the command line names, and of an image that is there what lies beside it.
 */
static bool part_check(const CopyTarget *target, const Session *session, const char *name,
                       GError **error)
{
    const CreateTarget *create = &target->create;
    const char *image = session_file_node(session, target->device)->filename;
    g_autofree char *full = name_combine(image, name);
    g_autofree char *folder = g_path_get_dirname(full);
    g_autofree char *image_folder = g_path_get_dirname(image);
    bool is_named = create->opts &&
                    (g_strcmp0(name, create->data_file) == 0 ||
                     (strcmp(create->format, "vmdk") == 0 && create_file_is_extent(image, full)));

    if (is_named || (!target->is_new && strcmp(folder, image_folder) == 0))
        return true;
    return failure_set(error,
                       "The file '%s' is not written: it is neither named on the command line nor "
                       "in the folder of '%s'",
                       full, image);
}

bool copy_reference(CopyTarget *target, Session *session, const struct tree *reference,
                    uint32_t *device, struct tree_writer *reply, int *status, GError **error)
{
    enum { REFERENCE_TARGET = 4 };
    size_t root = tree_root(reference);
    uint64_t kind = tree_get_u64(reference, root, "kind", UINT64_MAX);
    g_autofree char *name = tree_dup_text(reference, root, "name");

    if (kind != REFERENCE_TARGET && !is_part(target, reference))
        return session_backing_open(session, reference, device, reply, status, error);
    *status = -EINVAL;
    if (!name)
        return failure_set(error, "The new image has no name");
    if (kind != REFERENCE_TARGET)
        return part_check(target, session, name, error) &&
               session_part_open(session, reference, device, reply, status, error);
    if (target->is_new && tree_get_bool(reference, root, "truncate", false))
        return create_target_open(&target->create, name, session, device, status, error);
    if (strcmp(name, target->create.filename) != 0)
        return failure_set(error, "The file '%s' is not named on the command line", name);
    return target_open(target, session, device, reply, error);
}

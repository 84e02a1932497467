/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest tells the host: records and the job's error, as trees. */
#include "guest.h"

/* Memory that is not touched costs nothing: a record may be long, e.g. with many snapshots. */
enum { RECORD_ARENA_SHARE = 4, NOTE_BYTES = 64 << 10 };

int report_init(struct guest *g)
{
    size_t room = (size_t)min_u64(g->arena.size_bytes / RECORD_ARENA_SHARE, ABI_RECORD_MAX_BYTES);
    void *note = fmt_arena_buffer(&g->arena, NOTE_BYTES, 64);
    void *record = fmt_arena_buffer(&g->arena, room, 64);

    if (!note || !record)
        return -FMT_ENOMEM;
    g->note = (struct tree_writer){.data = note, .capacity = NOTE_BYTES};
    g->record = (struct tree_writer){.data = record, .capacity = room};
    return 0;
}

struct tree_writer *report_begin(struct guest *g)
{
    ring_flush(g); /* the last one may be on its way */
    tree_begin(&g->record, g->record.data, g->record.capacity);
    return &g->record;
}

struct tree_writer *report_note_begin(struct guest *g)
{
    tree_begin(&g->note, g->note.data, g->note.capacity);
    return &g->note;
}

static struct abi_request request_for(struct tree_writer *w, enum abi_kind kind, uint32_t arg)
{
    size_t length = tree_finish(w);

    return (struct abi_request){
        .kind = (uint16_t)kind, .addr = (uint64_t)(uintptr_t)w->data, .length = length, .arg = arg};
}

int report_send(struct guest *g, struct tree_writer *w, enum abi_record record)
{
    const struct abi_request request = request_for(w, ABI_REQ_RESULT, record);

    if (request.length == 0)
        return fmt_fail(&g->env, FMT_ENOMEM, FMT_ERR_IO, FMT_NUM(FMT_ENOMEM));
    ring_post(g, &request, NULL); /* a host that does not like it ends the run */
    return 0;
}

void report_put_code(struct tree_writer *w, enum fmt_error_code code,
                     const struct fmt_error_arg *args, unsigned count)
{
    tree_put_u64(w, "code", code);
    tree_list(w, "args");
    for (unsigned i = 0; i < count; i++) {
        if (args[i].kind == FMT_ARG_NUMBER)
            tree_put_u64(w, NULL, args[i].number);
        else
            tree_put_bytes(w, NULL, args[i].bytes.data, args[i].bytes.length);
    }
    tree_end(w);
}

void report_message(struct guest *g, enum fmt_message_kind kind, enum fmt_error_code code,
                    const struct fmt_error_arg *args, unsigned count)
{
    if (!deferral_settle(g))
        return;
    struct tree_writer *w = report_note_begin(g);

    tree_put_u64(w, "message", kind);
    report_put_code(w, code, args, count);
    const struct abi_request request = request_for(w, ABI_REQ_RESULT, ABI_RECORD_MESSAGE);
    if (request.length > 0)
        ring_call(g, &request, NULL);
}

static void put_frame(struct tree_writer *w, const struct fmt_error_frame *frame)
{
    tree_dict(w, NULL);
    report_put_code(w, frame->code, frame->arg, frame->args);
    tree_end(w);
}

void report_error(struct guest *g)
{
    struct tree_writer *w = report_begin(g);

    tree_put_i64(w, "status", g->error.status);
    tree_list(w, "frames");
    for (unsigned i = 0; i < g->error.frames; i++)
        put_frame(w, &g->error.frame[i]);
    tree_end(w);
    const struct abi_request request = request_for(w, ABI_REQ_ERROR, 0);
    if (request.length == 0 || ring_call(g, &request, NULL) < 0)
        guest_panic(g, __LINE__);
}

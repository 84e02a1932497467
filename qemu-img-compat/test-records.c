/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest may say that has been taken over: the host stays whole, and quick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "error-text.h"
#include "info-human.h"
#include "session.h"
#include "tree-value.h"

enum { ROOM = 1 << 20 };

static uint8_t room[ROOM];

static struct tree tree_done(struct tree_writer *w)
{
    struct tree tree;

    assert_int_equal(tree_check(&tree, room, tree_finish(w)), 0);
    return tree;
}

static void test_members(void **state)
{
    enum { MEMBERS = 5000, KEPT = 4096 };
    struct tree_writer w;
    struct tree_item item;
    size_t at;

    (void)state;
    tree_begin(&w, room, sizeof(room));
    tree_dict(&w, "many");
    for (unsigned i = 0; i < MEMBERS; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%u", i);
        tree_put_u64(&w, key, i);
    }
    tree_end(&w);
    struct tree tree = tree_done(&w);
    at = tree_root(&tree);
    assert_true(tree_next(&tree, &at, &item));
    g_autoptr(Value) value = value_from_tree(&tree, &item);
    assert_int_equal(value_dict_size(value), KEPT);
}

static void test_frames(void **state)
{
    enum { FRAMES = 1000, KEPT = 64 };
    struct tree_writer w;

    (void)state;
    tree_begin(&w, room, sizeof(room));
    tree_list(&w, "frames");
    for (unsigned i = 0; i < FRAMES; i++) {
        tree_dict(&w, NULL);
        tree_put_u64(&w, "code", 0); /* "Cannot allocate memory" */
        tree_end(&w);
    }
    tree_end(&w);
    struct tree tree = tree_done(&w);
    g_autofree char *text = error_text(&tree, NULL);
    assert_int_equal(strlen(text), KEPT * strlen("Cannot allocate memory"));
}

/* No such code, no frames, the wrong types: there is a sentence all the same. */
static void test_no_frames(void **state)
{
    struct tree_writer w;

    (void)state;
    tree_begin(&w, room, sizeof(room));
    tree_list(&w, "frames");
    tree_put_str(&w, NULL, "no frame");
    tree_dict(&w, NULL);
    tree_put_u64(&w, "code", UINT64_MAX);
    tree_end(&w);
    tree_end(&w);
    struct tree tree = tree_done(&w);
    g_autofree char *text = error_text(&tree, NULL);
    assert_string_equal(text, "the sandbox gave no reason");
}

static void test_dates(void **state)
{
    g_autoptr(Value) snapshots = value_new_list();
    g_autoptr(GString) text = g_string_new(NULL);
    Value *snapshot = value_new_dict();

    (void)state;
    value_dict_put_string(snapshot, "id", "1");
    value_dict_put_string(snapshot, "name", "s");
    value_dict_put_int(snapshot, "date-sec", INT64_MAX);
    value_list_append(snapshots, snapshot);
    snapshots_human_append(text, snapshots, "");
    assert_non_null(strstr(text->str, "\n1       s "));
}

static bool no_record(void *ctx, Session *session, enum abi_record kind, const struct tree *tree,
                      GError **error)
{
    (void)ctx;
    (void)session;
    (void)kind;
    (void)tree;
    return failure_set(error, "a record");
}

/* Run a job that no guest understands, in this process, which is confined by it. The error's text
 * goes to the descriptor. */
static void death_run(int fd)
{
    const SessionOptions options = {.memory_bytes = 8 << 20, .vcpus = 1};
    const SessionHandlers handlers = {.record = no_record};
    g_autoptr(Value) job = value_new_dict();
    GError *error = NULL;

    for (unsigned depth = 0; depth <= TREE_DEPTH_MAX; depth++) {
        Value *outer = value_new_dict();
        value_dict_put(outer, "inside", job);
        job = outer;
    }
    Session *session = session_new(&options, &error);
    if (session && !session_run(session, job, &handlers, &error))
        dprintf(fd, "%s", error->message);
    _exit(0);
}

/* However the guest dies, there is one clear error. */
static void test_death(void **state)
{
    static const char start[] = "The sandboxed image parser died (";
    char text[256] = "";
    int fds[2], status;

    (void)state;
    g_setenv("QEMU_IMG_COMPAT_ENGINE", "process", TRUE);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        death_run(fds[1]);
    close(fds[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
    close(fds[0]);
    assert_memory_equal(text, start, strlen(start));
    assert_null(strchr(text, '\n'));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),   cmocka_unit_test(test_frames),
        cmocka_unit_test(test_no_frames), cmocka_unit_test(test_dates),
        cmocka_unit_test(test_death),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

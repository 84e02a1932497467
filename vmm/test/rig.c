/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of vmm/ share; see rig.h. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flights.h"

enum { NAMES = 4, DATA_OFFSET = 1 << 20, RIG_MEMORY = 32 << 20 };

static char folder[] = "/tmp/vmm-test-XXXXXX";

static void folder_remove(void)
{
    char command[sizeof(folder) + 16];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (system(command) != 0)
        perror(command);
}

const char *rig_path(const char *name)
{
    static char path[NAMES][256];
    static unsigned next;
    static pid_t owner;

    if (owner == 0) {
        owner = getpid();
        if (!mkdtemp(folder))
            abort();
        atexit(folder_remove);
    }
    char *out = path[next++ % NAMES];
    snprintf(out, sizeof(path[0]), "%s/%s", folder, name);
    return out;
}

void rig_fill(void *data, size_t bytes, unsigned seed)
{
    unsigned char *out = data;

    for (size_t at = 0; at < bytes; at++) {
        uint64_t hash = ((at / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15)) ^ (seed * 0x01010101u);
        out[at] = (unsigned char)(hash >> (at % 8 * 8)) | 1;
    }
}

void rig_file(const char *name, size_t bytes, unsigned seed)
{
    unsigned char *data = malloc(bytes + 1);
    int fd = open(rig_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_non_null(data);
    assert_true(fd >= 0);
    rig_fill(data, bytes, seed);
    assert_int_equal(write(fd, data, bytes), bytes);
    close(fd);
    free(data);
}

unsigned char *rig_load(const char *name, size_t *bytes)
{
    int fd = open(rig_path(name), O_RDONLY);
    struct stat st;

    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    unsigned char *data = malloc((size_t)st.st_size + 1);
    assert_non_null(data);
    assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
    close(fd);
    *bytes = (size_t)st.st_size;
    return data;
}

static int on_record(void *ctx, enum abi_record kind, const struct tree *tree)
{
    struct rig *rig = ctx;

    (void)kind;
    rig->records++;
    return tree_get_bool(tree, tree_root(tree), "stop", false) ? -ECANCELED : 0;
}

static void on_error(void *ctx, const struct tree *tree)
{
    struct rig *rig = ctx;

    (void)tree;
    rig->errors++;
}

/* The reference's "name" is a file of the scratch folder. */
static int on_reference(void *ctx, struct vmm *vmm, const struct tree *reference, uint32_t *device,
                        struct tree_writer *reply)
{
    struct tree_bytes name = tree_get_bytes(reference, tree_root(reference), "name");
    struct vmm_open_result result;
    char text[64];

    (void)ctx;
    snprintf(text, sizeof(text), "%.*s", (int)name.length, name.data);
    struct vmm_open open = {.path = rig_path(text)};
    int r = vmm_device_open(vmm, &open, &result);
    if (r < 0)
        return r;
    *device = (uint32_t)r;
    tree_put_str(reply, "answer", "yes");
    return 0;
}

/* Files end at 1 TiB on every file system: some, like tmpfs, know no limit of their own. */
static void file_size_limit(void)
{
    const struct rlimit limit = {UINT64_C(1) << 40, RLIM_INFINITY};

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_IGN);
}

void rig_start(struct rig *rig, enum vmm_io io)
{
    struct vmm_options options = {.engine = VMM_ENGINE_PROCESS,
                                  .io = io,
                                  .memory_bytes = RIG_MEMORY,
                                  .vcpus = 1,
                                  .more_runs = true};
    struct tree_writer w;
    char job[64];
    int status;

    file_size_limit();
    *rig = (struct rig){0};
    rig->callbacks = (struct vmm_callbacks){
        .ctx = rig, .record = on_record, .error = on_error, .reference = on_reference};
    rig->vmm = vmm_new(&options, &status);
    assert_non_null(rig->vmm);
    rig->vmm->callbacks = &rig->callbacks;
    tree_begin(&w, job, sizeof(job));
    assert_int_equal(boot_memory_make(rig->vmm, job, tree_finish(&w)), 0);
}

void rig_stop(struct rig *rig)
{
    flights_free(&rig->vmm->vcpu[0]);
    vmm_free(rig->vmm);
    rig->vmm = NULL;
}

uint32_t rig_open(struct rig *rig, const char *name, bool writable)
{
    struct vmm_open open = {.path = rig_path(name), .writable = writable, .named_by_user = true};
    struct vmm_open_result result;
    int number = vmm_device_open(rig->vmm, &open, &result);

    assert_true(number >= 0);
    return (uint32_t)number;
}

uint64_t rig_addr(const struct rig *rig, uint64_t offset)
{
    return ABI_GUEST_BASE + rig->vmm->layout.vcpu[0].arena_offset + DATA_OFFSET + offset;
}

void *rig_data(const struct rig *rig, uint64_t offset)
{
    return guest_memory(rig->vmm, rig_addr(rig, offset));
}

void rig_push(struct rig *rig, const struct abi_request *request)
{
    struct abi_ring *ring = rig->vmm->vcpu[0].ring;

    ring->sq[rig->sq_tail++ % ABI_RING_ENTRIES] = *request;
    __atomic_store_n(&ring->sq_tail, rig->sq_tail, __ATOMIC_RELEASE);
}

struct abi_completion rig_pop(struct rig *rig)
{
    struct abi_ring *ring = rig->vmm->vcpu[0].ring;

    assert_true(ring->cq_tail != rig->completed);
    return ring->cq[rig->completed++ % ABI_RING_ENTRIES];
}

int rig_call(struct rig *rig, const struct abi_request *request)
{
    rig_push(rig, request);
    assert_true(ring_serve(&rig->vmm->vcpu[0], 1));
    return rig_pop(rig).status;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spike [FOLDER] - two measurements that the design rests on: raw to raw by COPY against cp, and
 * libdeflate in the guest against the same code in a host process. Needs KVM. Files are made in
 * FOLDER (or the present one) and removed.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spike-inflate.h"
#include "vmm.h"

#define MIB (UINT64_C(1) << 20)

enum { RUNS = 7, THREADS_MAX = 2, PATH_ROOM = 4096 };

/* Two thirds of the copied file are data, in runs of this. */
static const uint64_t copy_bytes = 512 * MIB, run_bytes = 2 * MIB, period_bytes = 3 * MIB;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *samples)
{
    qsort(samples, RUNS, sizeof(*samples), compare);
    return samples[RUNS / 2];
}

static void write_all(int fd, const void *data, size_t bytes, uint64_t offset)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = pwrite(fd, (const char *)data + done, bytes - done, (off_t)(offset + done));
        if (n <= 0)
            die("write");
        done += (size_t)n;
    }
}

/* ---- runs of the guest ---- */

struct watch {
    double ready_ms, done_ms; /* of the last vCPU */
};

static int on_record(void *ctx, enum abi_record kind, const struct tree *tree)
{
    struct watch *watch = ctx;

    (void)kind;
    if (tree_get_bool(tree, tree_root(tree), "ready", false))
        watch->ready_ms = now_ms();
    else
        watch->done_ms = now_ms();
    return 0;
}

static void lend(struct vmm *vmm, const char *path, bool create)
{
    const struct vmm_open open = {.path = path, .create = create, .named_by_user = true};
    struct vmm_open_result result;

    if (vmm_device_open(vmm, &open, &result) < 0)
        die(path);
}

/* With one file: decompress it. With two: copy. */
static struct watch guest_run(unsigned vcpus, const char *from, const char *to)
{
    const struct vmm_options options = {.engine = VMM_ENGINE_KVM,
                                        .memory_bytes = to ? 16 * MIB : 128 * MIB,
                                        .vcpus = vcpus,
                                        .bulk = !to,
                                        .wants_avx = !to,
                                        .more_runs = true};
    struct watch watch = {0};
    const struct vmm_callbacks callbacks = {.ctx = &watch, .record = on_record};
    struct vmm_result result;
    struct tree_writer w;
    char job[64];
    int status;

    struct vmm *vmm = vmm_new(&options, &status);
    if (!vmm) {
        fprintf(stderr, "spike: no KVM: %s\n", strerror(-status));
        exit(1);
    }
    lend(vmm, from, false);
    if (to)
        lend(vmm, to, true);
    tree_begin(&w, job, sizeof(job));
    vmm_run(vmm, job, tree_finish(&w), &callbacks, &result);
    if (result.end != VMM_END_DONE) {
        fprintf(stderr, "spike: the guest failed: %s\n", result.detail);
        exit(1);
    }
    vmm_free(vmm);
    return watch;
}

/* ---- copying ---- */

static void copy_source_make(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    uint64_t *data = malloc(run_bytes), seed = 1;

    if (fd < 0 || !data || ftruncate(fd, (off_t)copy_bytes) < 0)
        die(path);
    for (uint64_t at = 0; at < copy_bytes; at += period_bytes) {
        for (size_t i = 0; i < run_bytes / sizeof(*data); i++)
            data[i] = seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        write_all(fd, data, copy_bytes - at < run_bytes ? copy_bytes - at : run_bytes, at);
    }
    free(data);
    fsync(fd); /* nothing is written back while we measure */
    close(fd);
}

static double cp_ms(const char *from, const char *to)
{
    double start = now_ms();
    pid_t child = fork();
    int status;

    if (child == 0) {
        execlp("cp", "cp", "--sparse=always", from, to, (char *)NULL);
        _exit(127);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        die("cp");
    return now_ms() - start;
}

static double copy_ms(const char *from, const char *to)
{
    double start = now_ms();
    guest_run(1, from, to);
    return now_ms() - start;
}

static void spike_copy(const char *folder)
{
    char from[PATH_ROOM], to[PATH_ROOM];
    double ours[RUNS], cp[RUNS];

    snprintf(from, sizeof(from), "%s/spike-from.raw", folder);
    snprintf(to, sizeof(to), "%s/spike-to.raw", folder);
    copy_source_make(from);
    for (int i = -1; i < RUNS; i++) { /* the first one warms up */
        unlink(to);
        double a = copy_ms(from, to);
        unlink(to);
        double b = cp_ms(from, to);
        if (i >= 0) {
            ours[i] = a;
            cp[i] = b;
        }
    }
    unlink(from);
    unlink(to);
    double a = median(ours), b = median(cp);
    printf("raw to raw, 512 MiB, a third holes, cached: COPY %.0f ms, cp --sparse=always %.0f ms, "
           "ratio %.2f\n",
           a, b, a / b);
}

/* ---- decompressing ---- */

static size_t clusters_make(uint8_t **file)
{
    static const char words[] = "etaoin shrdlu,.0123456789ABCDEF\n";
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(6);
    size_t bound = libdeflate_deflate_compress_bound(compressor, SPIKE_CLUSTER_BYTES);
    struct spike_clusters *clusters = calloc(1, sizeof(*clusters) + SPIKE_CLUSTERS * bound);
    uint8_t *plain = malloc(SPIKE_CLUSTER_BYTES);
    size_t at = sizeof(*clusters);

    if (!clusters || !plain)
        die("memory");
    srand(1);
    for (unsigned c = 0; c < SPIKE_CLUSTERS; c++) {
        for (unsigned i = 0; i < SPIKE_CLUSTER_BYTES;) {
            int word = rand() % 97;
            for (int j = 0; j < 20 && i < SPIKE_CLUSTER_BYTES; j++)
                plain[i++] = (uint8_t)words[(word * 7 + j * j) % 32];
            if (rand() % 4 == 0 && i < SPIKE_CLUSTER_BYTES)
                plain[i++] = (uint8_t)rand();
        }
        clusters->offset[c] = (uint32_t)at;
        clusters->bytes[c] = (uint32_t)libdeflate_deflate_compress(
            compressor, plain, SPIKE_CLUSTER_BYTES, (uint8_t *)clusters + at, bound);
        at += clusters->bytes[c];
    }
    libdeflate_free_compressor(compressor);
    free(plain);
    *file = (uint8_t *)clusters;
    return at;
}

struct worker {
    const uint8_t *file;
    uint64_t *counter;
    pthread_barrier_t *barrier;
};

static void *worker_main(void *arg)
{
    const struct worker *worker = arg;
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    uint8_t *out = calloc(1, SPIKE_CLUSTER_BYTES);

    pthread_barrier_wait(worker->barrier);
    if (!decompressor || !out || !spike_inflate(worker->file, worker->counter, out, decompressor))
        die("inflate");
    libdeflate_free_decompressor(decompressor);
    free(out);
    return NULL;
}

static double host_ms(const uint8_t *file, unsigned threads)
{
    pthread_barrier_t barrier;
    pthread_t thread[THREADS_MAX];
    uint64_t counter = 0;
    struct worker worker = {file, &counter, &barrier};

    pthread_barrier_init(&barrier, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, worker_main, &worker);
    pthread_barrier_wait(&barrier);
    double start = now_ms();
    for (unsigned i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    pthread_barrier_destroy(&barrier);
    return now_ms() - start;
}

static void spike_inflating(const char *folder)
{
    const double mib = (double)SPIKE_CLUSTERS * SPIKE_ROUNDS * SPIKE_CLUSTER_BYTES / (double)MIB;
    char path[PATH_ROOM];
    uint8_t *file;
    size_t bytes = clusters_make(&file);

    snprintf(path, sizeof(path), "%s/spike-clusters", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        die(path);
    write_all(fd, file, bytes, 0);
    close(fd);
    for (unsigned n = 1; n <= THREADS_MAX; n++) {
        double guest[RUNS], host[RUNS];
        for (int i = 0; i < RUNS; i++) {
            struct watch watch = guest_run(n, path, NULL);
            guest[i] = watch.done_ms - watch.ready_ms;
            host[i] = host_ms(file, n);
        }
        double a = median(guest), b = median(host);
        printf("libdeflate, 64 KiB clusters, %.0f MiB: %u vCPU %.0f ms (%.0f MiB/s), %u host "
               "thread %.0f ms (%.0f MiB/s), speed %.2f of the host's\n",
               mib, n, a, mib / a * 1e3, n, b, mib / b * 1e3, b / a);
    }
    unlink(path);
    free(file);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";

    setvbuf(stdout, NULL, _IOLBF, 0);
    spike_copy(folder);
    spike_inflating(folder);
    return 0;
}

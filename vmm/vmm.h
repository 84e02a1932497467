/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm: runs one job in a sandbox and lends it numbered block devices.
 *
 * The only header of vmm/ that the front end includes. A struct vmm is one run of one job: make
 * it, lend devices, run, free. The host never interprets a byte of a device.
 */
#ifndef VMM_VMM_H
#define VMM_VMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/abi.h"
#include "abi/tree.h"

enum vmm_engine { VMM_ENGINE_AUTO, VMM_ENGINE_KVM, VMM_ENGINE_PROCESS };
enum vmm_io { VMM_IO_AUTO, VMM_IO_URING, VMM_IO_THREADS };
enum vmm_policy { VMM_POLICY_PARITY, VMM_POLICY_CONTAINED, VMM_POLICY_STRICT };

struct vmm_options {
    enum vmm_engine engine;
    enum vmm_policy policy;
    enum vmm_io io;          /* how bulk transfers are done; auto: the best there is */
    uint64_t memory_bytes;   /* guest memory, ABI_MEMORY_MIN_BYTES..ABI_MEMORY_MAX_BYTES */
    unsigned vcpus;          /* 1..ABI_VCPUS_MAX */
    unsigned time_limit_ms;  /* wall clock for the whole run; 0: none */
    uint64_t requests_max;   /* total requests; 0: none */
    uint64_t tree_bytes_max; /* of all records, messages and references together; 0: none */
    uint64_t pace_bytes;     /* a second, at which the guest is to write; 0: no limit */
    bool no_holes;           /* take no file system's word for holes in files that are read */
    bool bulk;               /* much data goes through guest memory: huge pages pay */
    bool wants_avx;          /* set up CPUID and XCR0 under KVM (costs 0.4 ms) */
    bool more_runs;          /* others follow in this process: do not confine it for good */
};

struct vmm;

/* What the front end does when the guest speaks. One at a time; on the thread that called
 * vmm_run(), or with several vCPUs on another. Trees are private, checked copies, valid during the
 * call. */
struct vmm_callbacks {
    void *ctx;
    /* Returns 0, or a negative errno which ends the run. */
    int (*record)(void *ctx, enum abi_record kind, const struct tree *tree);
    /* The job failed; the run ends. */
    void (*error)(void *ctx, const struct tree *tree);
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    /* A reference found in an image (or a target to create). Resolve its name, call
     * vmm_device_open(), set *device; put what the guest should know of it into @reply (begun and
     * finished by vmm; leave it empty for no answer). Returns 0 or a negative errno for the
     * guest. */
    int (*reference)(void *ctx, struct vmm *vmm, const struct tree *reference, uint32_t *device,
                     struct tree_writer *reply);
};

/* Why a run ended. */
enum vmm_end {
    VMM_END_DONE,     /* the guest finished; its records and errors tell how */
    VMM_END_DIED,     /* the guest crashed, or broke the rules of the ring */
    VMM_END_TIME,     /* over time_limit_ms, requests_max or tree_bytes_max */
    VMM_END_CALLBACK, /* a callback returned an error */
    VMM_END_SIGNAL,   /* vmm_cancel() was called */
    VMM_END_HOST,     /* the host could not go on: errno in vmm_result.status */
};

struct vmm_result {
    enum vmm_end end;
    int status;             /* negative errno where end says so */
    const char *detail;     /* static text for the debug log, e.g. "bad sq_tail" */
    uint64_t exits;         /* doorbells, all vCPUs */
    uint64_t requests;      /* requests served */
    uint64_t bytes_read;    /* into guest memory */
    uint64_t bytes_written; /* from guest memory */
};

/* Make a run. Returns NULL and a negative errno in *status when no engine can be had
 * (-ENODEV: VMM_ENGINE_KVM was demanded and /dev/kvm cannot be used). Engine set-up is lazy:
 * nothing but memory is reserved before vmm_run(). */
struct vmm *vmm_new(const struct vmm_options *options, int *status);
void vmm_free(struct vmm *vmm);
/* Change memory_bytes and bulk of the options, before the run: once sizes of devices are known. */
void vmm_memory_set(struct vmm *vmm, uint64_t memory_bytes, bool bulk);
/* "kvm" or "process": the engine that runs, or would run. */
const char *vmm_engine_name(const struct vmm *vmm);

/* Permissions of QEMU's image locks, as it numbers them. Who holds permission n read-locks byte
 * VMM_LOCK_PERM_BASE + n of the file, who does not let others hold it VMM_LOCK_SHARED_BASE + n. */
#define VMM_LOCK_CONSISTENT_READ 1u
#define VMM_LOCK_WRITE 2u
#define VMM_LOCK_WRITE_UNCHANGED 4u
#define VMM_LOCK_RESIZE 8u
#define VMM_LOCK_ALL 15u
enum { VMM_LOCK_BITS = 4, VMM_LOCK_PERM_BASE = 100, VMM_LOCK_SHARED_BASE = 200 };

/* Cache modes of -t/-T reduced to what the host does. */
struct vmm_open {
    const char *path;           /* host path, as the user or the resolver gave it */
    bool writable;              /* O_RDWR, else O_RDONLY: a read-only device cannot be written */
    bool create;                /* O_CREAT|O_TRUNC, mode 0644 less umask; implies writable */
    bool named_by_user;         /* named on the command line: every policy allows it */
    bool direct;                /* O_DIRECT (cache=none, directsync) */
    bool no_flush;              /* cache=unsafe: FLUSH does nothing */
    bool lock;                  /* take QEMU's image locks */
    uint64_t lock_perm;         /* VMM_LOCK_* held */
    uint64_t lock_shared;       /* VMM_LOCK_* that others may hold */
    bool preload;               /* place head and tail in guest memory before the first run */
    bool no_copy_on_write;      /* create: ask the file system for it; it may refuse silently */
    uint32_t extent_size_bytes; /* create: hint for the file system's allocations; 0: none */
};

/* Where vmm_device_open() failed, for the exact message. */
enum vmm_open_step {
    VMM_OPEN_OK,
    VMM_OPEN_POLICY,    /* the open gate's policy forbids the path */
    VMM_OPEN_OPEN,      /* open(2): errno in status */
    VMM_OPEN_TYPE,      /* not a file that can be a block device (directory, fifo, ...) */
    VMM_OPEN_LOCK,      /* lock conflict: lock_bit tells which permission */
    VMM_OPEN_LOCK_SYS,  /* locking failed for another reason: errno in status */
    VMM_OPEN_READ_ONLY, /* a block device that is not writable: errno in status */
    VMM_OPEN_SIZE,      /* the size cannot be told: errno in status */
    VMM_OPEN_LIMIT,     /* more than ABI_DEVICES_MAX devices */
};

struct vmm_open_result {
    enum vmm_open_step step;
    int status;        /* negative errno */
    uint64_t lock_bit; /* VMM_LOCK_* bit of the conflict, or of the byte that cannot be locked */
    bool lock_shared;  /* true: another holds a permission that we do not share (LOCK_SYS: the
                          byte is one of those at 200) */
    int hint_status;   /* of a file that was opened: what setting extent_size_bytes answered */
};

/* Open @open->path through the gate and lend it as a new device. Returns the device number or a
 * negative errno, details in *result. */
int vmm_device_open(struct vmm *vmm, const struct vmm_open *open, struct vmm_open_result *result);
/* Lend what is open as @fd, a pipe for one, to be read or written once: in order, from its
 * beginning on, as a device of @size_bytes called @name. The descriptor is duplicated. Returns as
 * above. */
int vmm_stream_open(struct vmm *vmm, int fd, bool writable, uint64_t size_bytes, const char *name);
/* A file named by the user will be opened or created at @path during the run: keep its folder
 * within reach when the host confines itself under the policies "contained" and "strict" (only
 * devices that are open already, and what this names, can be opened then). Failures show later. */
void vmm_path_expect(struct vmm *vmm, const char *path);
/* Facts of a device for the front end: st_blocks * 512, size, whether a block device. */
struct vmm_device_facts {
    uint64_t size_bytes;
    uint64_t allocated_bytes;
    bool block_device;
    bool char_device;
};
int vmm_device_facts(const struct vmm *vmm, uint32_t device, struct vmm_device_facts *facts);
/* The path a device was opened by (owned by vmm). */
const char *vmm_device_path(const struct vmm *vmm, uint32_t device);

/* Confine the host process (seccomp, Landlock where there), then run the job to its end. After
 * that the process starts no programs, processes or network connections, and no further run
 * unless options.more_runs is set.
 * @job is a tree. May be called once. */
void vmm_run(struct vmm *vmm, const void *job, size_t job_bytes,
             const struct vmm_callbacks *callbacks, struct vmm_result *result);
/* Async-signal-safe: make vmm_run() end soon with VMM_END_SIGNAL. */
void vmm_cancel(struct vmm *vmm);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal - what the files of vmm/ share: a run, its vCPUs, its devices. */
#ifndef VMM_INTERNAL_H
#define VMM_INTERNAL_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <time.h>

#include "guest-elf.h"
#include "layout.h"
#include "pace.h"
#include "vmm.h"

/* A file lent to the guest. Entries never move: a vCPU may use one while another opens more. */
struct vmm_device {
    uint32_t number;
    int fd;        /* -1: closed for good */
    int buffered;  /* of an O_DIRECT file: a second descriptor, for what is not aligned; or -1 */
    unsigned uses; /* requests in flight, and one for the open device; under vmm->device_lock */
    bool closed;   /* by the guest; under vmm->device_lock */
    char *path;
    uint64_t size_bytes; /* when it was opened; see device_size() */
    uint32_t align_bytes;
    bool writable;
    bool block_device;
    bool char_device;
    bool stream;         /* read or written once, from the beginning to the end */
    uint64_t stream_off; /* so far; one vCPU at a time */
    bool no_flush;
    bool direct;
    bool preload;
    bool locked;            /* image locks are held */
    atomic_bool no_reflink; /* sharing blocks has failed once */
};

enum { DEVICE_CHUNK = 64 }; /* devices allocated at once */

struct io_queue;
struct flights;
struct kvm_run;

/* One vCPU's end of the ring, which the guest cannot see. Only its own thread touches it. */
struct vmm_vcpu {
    struct vmm *vmm;
    unsigned index;
    struct abi_ring *ring; /* in guest memory: hostile */
    uint32_t sq_head;
    uint32_t cq_tail;
    bool chain_broken; /* by a request of the last doorbell */
    uint32_t yields;   /* doorbells without requests, one after the other */
    uint64_t exits;
    uint64_t requests;
    uint64_t bytes_read;
    uint64_t bytes_written;
    void *bounce;            /* private buffer for scans, comparisons, zeroes; made when used */
    void *reply;             /* room for the front end's answers; made when used */
    struct flights *flights; /* requests that are not complete; made when used */
    pthread_t thread;
    pid_t child;     /* process engine */
    int doorbell_fd; /* process engine: the host's end */
    int kvm_fd;      /* KVM */
    struct kvm_run *kvm_run;
    volatile pid_t thread_id; /* KVM: while it runs, else 0 */
};

struct vmm_engine_ops {
    const char *name;
    bool stub;      /* room wanted for start code */
    int map_flag;   /* MAP_SHARED or MAP_PRIVATE for guest memory */
    bool huge;      /* huge pages are of use */
    bool map_image; /* guest memory need not be one mapping */
    /* Room wanted at the end of guest memory; NULL: none. */
    uint64_t (*tables_bytes)(uint64_t memory_bytes);
    /* Whether this machine has the engine: 0 or a negative errno. NULL: always. */
    int (*probe)(struct vmm *vmm);
    /* Make the vCPUs, which do not run yet. Returns 0 or a negative errno. */
    int (*start)(struct vmm *vmm);
    /* Run a vCPU until it is done: serves its doorbells. Called on the vCPU's own thread. */
    void (*run)(struct vmm_vcpu *vcpu);
    /* End everything; also after a failed start. */
    void (*stop)(struct vmm *vmm);
    /* What stop() leaves for later, because it takes time: called by vmm_free(), and after a failed
     * probe. May be NULL. */
    void (*reap)(struct vmm *vmm);
    /* Async-signal-safe: make run() return soon. */
    void (*kick)(struct vmm *vmm);
};

extern const struct vmm_engine_ops vmm_engine_kvm, vmm_engine_process;

/* Policy "contained": a folder in which references may lie. */
struct gate_folder {
    struct gate_folder *next;
    char path[]; /* real, ends in '/' */
};

struct vmm {
    struct vmm_options options;
    const struct vmm_engine_ops *engine;
    struct guest_elf elf;
    struct layout layout;
    unsigned char *memory; /* guest memory */
    void *mapping;         /* the mapping in which it lies */
    size_t mapping_bytes;
    struct vmm_vcpu vcpu[ABI_VCPUS_MAX];
    int kvm_fd; /* KVM: the device, and the machine */
    int machine_fd;
    size_t kvm_run_bytes;
    const struct vmm_callbacks *callbacks;
    pthread_mutex_t callback_lock; /* one callback at a time */
    pthread_mutex_t device_lock;   /* the table below */
    struct vmm_device *device[ABI_DEVICES_MAX / DEVICE_CHUNK];
    uint32_t device_count;
    struct gate_folder *folders;
    pthread_mutex_t pace_lock;
    struct pace pace;
    struct io_pool *pool;        /* threads of the fallback; made when first used */
    struct timespec deadline;    /* CLOCK_MONOTONIC; tv_sec 0: none */
    _Atomic uint64_t requests;   /* of all vCPUs */
    _Atomic uint64_t tree_bytes; /* of all trees taken from the guest */
    volatile sig_atomic_t cancelled;
    pthread_mutex_t end_lock; /* end, status, detail */
    atomic_bool ended;        /* and those are final */
    enum vmm_end end;
    int status;
    const char *detail;
};

/* ---- vmm.c ---- */

/* The first reason wins; @detail is static text. */
void vmm_end_set(struct vmm *vmm, enum vmm_end end, int status, const char *detail);
/* Whether the run has ended; notices vmm_cancel() and the deadline. */
bool vmm_has_ended(struct vmm *vmm);
/* Milliseconds until the deadline; -1: none; 0: over. */
int vmm_time_left_ms(const struct vmm *vmm);

/* ---- boot.c ---- */

/* Make guest memory, with the program, the boot area and the devices' heads in place. Returns 0
 * or a negative errno. */
int boot_memory_make(struct vmm *vmm, const void *job, size_t job_bytes);
struct abi_boot *boot_area(const struct vmm *vmm);

/* ---- ring.c ---- */

/* Serve a doorbell: take all new requests, complete at least @wait of those in flight. Returns
 * false when the run has ended. */
bool ring_serve(struct vmm_vcpu *vcpu, uint32_t wait);
/* The guest says that the vCPU is done, perhaps only if no chained request of this doorbell fails.
 * True: it is. */
bool ring_done(struct vmm_vcpu *vcpu, bool unless_broken);
/* Post a completion. */
void ring_complete(struct vmm_vcpu *vcpu, const struct abi_completion *completion);

/* ---- device.c ---- */

/* The device, which stays open until device_put(); NULL: unknown or closed. */
struct vmm_device *device_get(struct vmm *vmm, uint32_t number);
void device_put(struct vmm *vmm, struct vmm_device *device);
/* The guest will not use it any more. */
void device_close(struct vmm *vmm, struct vmm_device *device);
void device_free_all(struct vmm *vmm);
/* Open the device's file once more, the same way: image locks are not held by what that returns, a
 * descriptor or a negative errno. The caller uses the device, and closes the descriptor. */
int device_open_own(struct vmm *vmm, uint32_t number);
/* The size now: asks the file, unless it is a block device. Returns 0 or a negative errno. */
int device_size(const struct vmm_device *device, uint64_t *bytes);
/* What the guest may know of it, whose size is @size_bytes now. */
void device_describe(const struct vmm_device *device, uint64_t size_bytes, struct abi_device *out);
/* What a new file wishes of its file system. Returns 0, or why the extent size was refused. */
int device_hints_set(int fd, const struct vmm_open *open);
/* Descriptor for a transfer: the buffered one where O_DIRECT does not allow it. -1: none. */
int device_fd_for(struct vmm *vmm, struct vmm_device *device, const void *data, uint64_t bytes,
                  uint64_t offset);
/* open(2) relative to @folder with a descriptor above 2: one of 0 to 2 may be closed, and then
 * anything printed would end up in an image. Returns it or a negative errno. */
int open_high(int folder, const char *path, int flags);
/* The same for a descriptor that is there: moved if need be; it or a negative errno. */
int fd_high(int fd);
/* The device at @number below device_count, open or not. */
static inline struct vmm_device *device_at(const struct vmm *vmm, uint32_t number)
{
    return &vmm->device[number / DEVICE_CHUNK][number % DEVICE_CHUNK];
}

/* Host address of a range that abi_request_check() has accepted. */
static inline void *guest_memory(const struct vmm *vmm, uint64_t addr)
{
    return vmm->memory + (addr - ABI_GUEST_BASE);
}

/* ---- leave.c ---- */

/* Close the last descriptor of something large; the kernel takes it apart in its own time. */
void fd_leave(int fd);

/* ---- gate.c ---- */

/* Open the file as the policy allows. Returns a descriptor, or a negative errno with
 * result->step set. */
int gate_open(struct vmm *vmm, const struct vmm_open *open, struct vmm_open_result *result);
void gate_free(struct vmm *vmm);

/* ---- lock.c ---- */

/* Take QEMU's image locks. Returns 0 or a negative errno with @result filled. */
int lock_take(int fd, const struct vmm_open *open, struct vmm_open_result *result);
/* Give them up at once, whoever else may still refer to the open file. */
void lock_drop(int fd);

/* ---- confine.c ---- */

/* Give up what the process will not need any more. Returns 0 or a negative errno. */
int confine_host(struct vmm *vmm);

/* ---- confine-files.c ---- */

/* Its part for the file system and the network. Returns 0, also where the kernel cannot, or a
 * negative errno. */
int confine_files(const struct vmm *vmm);

#endif

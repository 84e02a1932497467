/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal - what the files of vmm/ share: a run, its vCPUs, its devices. */
#ifndef VMM_INTERNAL_H
#define VMM_INTERNAL_H

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "guest-elf.h"
#include "layout.h"
#include "vmm.h"

struct vmm_device {
    int fd; /* -1: closed */
    char *path;
    uint64_t size_bytes;
    uint32_t align_bytes;
    bool writable;
    bool block_device;
    bool char_device;
    bool no_flush;
    bool direct;
    bool preload;
    bool named_by_user;
};

/* One vCPU's end of the ring, which the guest cannot see. */
struct vmm_vcpu {
    struct vmm *vmm;
    unsigned index;
    struct abi_ring *ring; /* in guest memory: hostile */
    uint32_t sq_head;
    uint32_t cq_tail;
    uint64_t exits;
    uint64_t requests;
    uint64_t bytes_read;
    uint64_t bytes_written;
    void *bounce; /* private buffer for scans, comparisons and copies; made when first used */
    pthread_t thread;
    pid_t child;     /* process engine */
    int doorbell_fd; /* process engine: the host's end */
};

struct vmm_engine_ops {
    const char *name;
    uint64_t tables_bytes; /* room wanted at the end of guest memory */
    bool stub;             /* room wanted for start code */
    int prot_shared;       /* MAP_SHARED or MAP_PRIVATE for guest memory */
    /* Make the vCPUs, which do not run yet. Returns 0 or a negative errno. */
    int (*start)(struct vmm *vmm);
    /* Run a vCPU until it is done: serves its doorbells. Called on the vCPU's own thread. */
    void (*run)(struct vmm_vcpu *vcpu);
    /* End everything; also after a failed start. */
    void (*stop)(struct vmm *vmm);
    /* Async-signal-safe: make run() return soon. */
    void (*kick)(struct vmm *vmm);
};

extern const struct vmm_engine_ops vmm_engine_process;

struct vmm {
    struct vmm_options options;
    const struct vmm_engine_ops *engine;
    struct guest_elf elf;
    struct layout layout;
    unsigned char *memory; /* guest memory, MAP_SHARED or private */
    struct vmm_vcpu vcpu[ABI_VCPUS_MAX];
    const struct vmm_callbacks *callbacks;
    pthread_mutex_t lock; /* devices, callbacks, the end */
    struct vmm_device *device;
    uint32_t device_count;
    uint32_t device_room;
    struct timespec deadline; /* CLOCK_MONOTONIC; tv_sec 0: none */
    volatile sig_atomic_t cancelled;
    bool ended; /* end, status and detail are final */
    enum vmm_end end;
    int status;
    const char *detail;
};

/* The first reason wins; @detail is static text. */
void vmm_end_set(struct vmm *vmm, enum vmm_end end, int status, const char *detail);
bool vmm_has_ended(struct vmm *vmm);
/* Milliseconds until the deadline; -1: none; 0: over. */
int vmm_time_left_ms(const struct vmm *vmm);

/* Serve a doorbell: take all new requests, complete at least @wait of those in flight. Returns
 * false when the run has ended. */
bool ring_serve(struct vmm_vcpu *vcpu, uint32_t wait);

/* The device, or NULL: unknown or closed. */
struct vmm_device *device_get(struct vmm *vmm, uint32_t device);
void device_close(struct vmm_device *device);
void device_describe(const struct vmm_device *device, struct abi_device *out);
/* Ask the file for its size again. Returns 0 or a negative errno. */
int device_size_refresh(struct vmm_device *device);

/* Host address of a range that abi_request_check() has accepted. */
static inline void *guest_memory(struct vmm *vmm, uint64_t addr)
{
    return vmm->memory + (addr - ABI_GUEST_BASE);
}

/* The gate: whether the policy allows the opened file. Returns 0 or -EPERM. */
int gate_check(const struct vmm *vmm, const struct vmm_open *open, int fd);
/* Image locks; see lock.c. Returns 0 or a negative errno with @result filled. */
int lock_take(int fd, const struct vmm_open *open, struct vmm_open_result *result);
/* Give up what the process will not need any more. */
int confine_host(struct vmm *vmm);

#endif

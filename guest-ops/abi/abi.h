/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The contract between the host (vmm/) and the guest (guest-ops/): memory layout, rings, requests.
 *
 * Both sides compile this one header. Everything in guest memory is hostile to the host: it copies
 * a request once, checks it with abi_request_check() and then uses only the copy. Guest pointers
 * are integers here (guest virtual addresses); guest virtual address = ABI_GUEST_BASE + offset in
 * guest memory, in both engines.
 */
#ifndef ABI_ABI_H
#define ABI_ABI_H

#include <stddef.h>
#include <stdint.h>

#define ABI_VERSION 1u

#define ABI_GUEST_BASE UINT64_C(0x10000000) /* guest virtual address of guest memory offset 0 */
#define ABI_PAGE_BYTES UINT64_C(4096)
#define ABI_HUGE_PAGE_BYTES (UINT64_C(2) << 20)
#define ABI_MEMORY_MIN_BYTES (UINT64_C(8) << 20)
#define ABI_MEMORY_MAX_BYTES (UINT64_C(1) << 30)
#define ABI_STACK_BYTES (UINT64_C(256) << 10)
#define ABI_PRELOAD_BYTES                                                                          \
    (UINT64_C(64) << 10) /* largest head or tail placed before the first run */

#define ABI_VCPUS_MAX 8u
#define ABI_DEVICES_MAX 4096u
#define ABI_RING_ENTRIES 256u /* a power of two; also the most requests in flight per vCPU */
#define ABI_RECORD_MAX_BYTES (UINT64_C(16) << 20)   /* one RESULT or OPEN payload */
#define ABI_TRANSFER_MAX_BYTES (UINT64_C(64) << 20) /* one READ or WRITE */

/* Doorbells under KVM: `out` to one of these ports. The process engine sends one byte instead. */
#define ABI_PORT_DOORBELL 0x11    /* eax: completions to wait for, at least (0: just submit) */
#define ABI_PORT_DONE 0x12        /* this vCPU has finished; new requests are served */
#define ABI_DONE_UNLESS_BROKEN 1u /* eax of the above: not if a chained one of those has failed */
#define ABI_PORT_PANIC 0x13       /* eax: a line number or reason, for the debug log only */
#define ABI_DOORBELL_DONE 0xffffffffu /* process engine: the byte sequence for the ports above */
#define ABI_DOORBELL_PANIC 0xfffffffeu
#define ABI_DOORBELL_DONE_UNLESS_BROKEN 0xfffffffdu

enum abi_kind {
    ABI_REQ_NONE = 0,
    ABI_REQ_READ,     /* device:offset -> addr, length; bytes past the end of the device read as 0;
                         of a stream: value = bytes that came */
    ABI_REQ_WRITE,    /* addr, length -> device:offset */
    ABI_REQ_COPY,     /* device:offset, length -> device2:offset2; value = bytes copied */
    ABI_REQ_ZERO,     /* device:offset, length; flags ABI_ZERO_* */
    ABI_REQ_DISCARD,  /* device:offset, length */
    ABI_REQ_ALLOCATE, /* device:offset, length: reserve space, contents of new bytes are 0 */
    ABI_REQ_TRUNCATE, /* device: set the size to length; arg enum abi_prealloc */
    ABI_REQ_FLUSH,    /* device: fdatasync */
    ABI_REQ_DEVICE,   /* device: addr = struct abi_device, filled */
    ABI_REQ_EXTENTS,  /* device:offset, length; addr = struct abi_extent[arg]; value = filled */
    ABI_REQ_SCAN,    /* device:offset, length; arg = block bytes; addr = bitmap, bit set = zeroes */
    ABI_REQ_COMPARE, /* device:offset, length with device2:offset2; value = equal bytes */
    ABI_REQ_OPEN,    /* addr, length = tree that describes a reference (see abi_open below);
                        value = new device; arg bytes of its head go to offset2 (an address) */
    ABI_REQ_CLOSE,   /* device */
    ABI_REQ_RESULT,  /* addr, length = tree; arg = enum abi_record */
    ABI_REQ_ERROR,   /* addr, length = tree: the job failed; see docs/abi.md */
    ABI_REQ_PROGRESS, /* offset of length done */
    ABI_REQ_RANDOM,   /* addr, length filled with random bytes */
    ABI_REQ_CLOCK,    /* value = nanoseconds of the host's monotonic clock */
    ABI_REQ_PACE,     /* length bytes of the target are written next: waits as the limit demands */
    ABI_REQ_KINDS
};

/* All kinds but COPY: the request is done in its turn, not in the background, and not at all
 * (-ECANCELED) if one that came by the same doorbell before it, with this flag too, has failed. */
#define ABI_CHAINED 0x8000u
#define ABI_ZERO_MAY_UNMAP 1u   /* the range may become a hole */
#define ABI_ZERO_NO_FALLBACK 2u /* fail with -EOPNOTSUPP rather than write zeroes */
#define ABI_ZERO_WRITE 4u       /* write zeroes as other bytes are written */
/* OPEN: struct abi_device goes to offset2, the head behind it; how much that is it tells. Without,
 * offset2 gets arg bytes, zeroes behind the end. */
#define ABI_OPEN_FACTS 1u
#define ABI_READ_EXACT 1u /* bytes past the end are an error (-EIO), not zeroes */
/* COPY: by the file system (copy_file_range), which may share blocks, or not at all; value = bytes
 * copied, fewer behind the end of the source (-ENOSPC). A length of 0 asks whether it could. */
#define ABI_COPY_OFFLOAD 1u

enum abi_prealloc {
    ABI_PREALLOC_OFF = 0,
    ABI_PREALLOC_FALLOC = 1,
    ABI_PREALLOC_FULL = 2,
};

/* What a RESULT is about; the tree's keys are the operation's own. */
enum abi_record {
    ABI_RECORD_ANSWER = 1,  /* the operation's (only) answer */
    ABI_RECORD_STEP = 2,    /* one of several: an image of a chain, a map extent, ... */
    ABI_RECORD_NOTE = 3,    /* shown at once, e.g. the "Formatting" line's facts */
    ABI_RECORD_MESSAGE = 4, /* a line for standard error: {message: kind, code, args} */
};

struct abi_request {
    uint16_t kind;
    uint16_t flags;
    uint32_t device;
    uint64_t cookie; /* returned as it is in the completion */
    uint64_t offset;
    uint64_t length;
    uint64_t addr; /* guest virtual address */
    uint32_t device2;
    uint32_t arg;
    uint64_t offset2;
    uint64_t reserved; /* 0 */
};

struct abi_completion {
    uint64_t cookie;
    int32_t status; /* 0 or a negative Linux errno */
    uint32_t reserved;
    uint64_t value;
    uint64_t value2;
};

/* One per vCPU. Cursors count without wrapping; entry = cursor % ABI_RING_ENTRIES. The host reads
 * sq_tail once per doorbell and keeps every other cursor to itself. */
struct abi_ring {
    uint32_t sq_tail; /* written by the guest: requests produced so far */
    uint32_t pad0[15];
    uint32_t cq_tail; /* written by the host: completions produced so far */
    uint32_t pad1[15];
    struct abi_completion cq[ABI_RING_ENTRIES];
    struct abi_request sq[ABI_RING_ENTRIES];
};

#define ABI_DEVICE_WRITABLE 1u
#define ABI_DEVICE_BLOCK 2u     /* a host block device: zero state unknown, size fixed */
#define ABI_DEVICE_ZERO_INIT 4u /* a regular file: bytes beyond the old end read as 0 */

struct abi_device {
    uint64_t size_bytes;
    uint64_t allocated_bytes; /* that the file takes in its file system */
    uint32_t flags;
    uint32_t align_bytes; /* request alignment the host prefers (1 if none) */
    uint64_t head_addr;   /* preloaded bytes from offset 0; 0 if none */
    uint64_t head_bytes;
    uint64_t tail_addr; /* preloaded bytes that end at size_bytes; 0 if none */
    uint64_t tail_bytes;
};

#define ABI_EXTENT_DATA 1u
#define ABI_EXTENT_ZERO 2u /* reads as zeroes (a hole) */

struct abi_extent {
    uint64_t length;
    uint32_t flags;
    uint32_t reserved;
};

/* One entry of a map, as the map operation's records hold them in their "entries". */
#define ABI_MAP_DATA 1u
#define ABI_MAP_ZERO 2u
#define ABI_MAP_PRESENT 4u /* some image of the chain says what is there */
#define ABI_MAP_COMPRESSED 8u
#define ABI_MAP_OFFSET 16u /* device and offset tell where the bytes lie */

struct abi_map_entry {
    uint64_t start;
    uint64_t length;
    uint64_t offset;
    uint32_t device;
    uint16_t depth; /* in the backing chain */
    uint16_t flags; /* ABI_MAP_* */
};

struct abi_vcpu_boot {
    uint64_t ring_addr;
    uint64_t stack_top;
    uint64_t arena_addr;
    uint64_t arena_bytes;
    int32_t doorbell_fd; /* process engine only; -1 under KVM */
    uint32_t reserved;
};

/* Read-only for the guest; its address is the entry point's first argument, the vCPU's number the
 * second. The FS base points to it, too: codec libraries were compiled with a stack protector,
 * which reads its canary at fs:0x28. */
struct abi_boot {
    uint32_t version;
    uint32_t vcpu_count;
    uint64_t memory_bytes;
    uint64_t job_addr; /* tree */
    uint64_t job_bytes;
    uint64_t device_addr; /* struct abi_device[device_count] */
    uint64_t shared_addr; /* one zeroed page that all vCPUs may write: work counters */
    uint32_t device_count;
    uint32_t flags;
    struct abi_vcpu_boot vcpu[ABI_VCPUS_MAX];
};

_Static_assert(sizeof(struct abi_request) == 64, "request size is ABI");
_Static_assert(offsetof(struct abi_request, addr) == 32, "request layout is ABI");
_Static_assert(offsetof(struct abi_request, offset2) == 48, "request layout is ABI");
_Static_assert(sizeof(struct abi_completion) == 32, "completion size is ABI");
_Static_assert(offsetof(struct abi_ring, cq) == 128, "ring layout is ABI");
_Static_assert(sizeof(struct abi_ring) == 128 + 96 * ABI_RING_ENTRIES, "ring size is ABI");
_Static_assert(sizeof(struct abi_device) == 56, "device size is ABI");
_Static_assert(sizeof(struct abi_extent) == 16, "extent size is ABI");
_Static_assert(sizeof(struct abi_map_entry) == 32, "map entry size is ABI");
_Static_assert(sizeof(struct abi_vcpu_boot) == 40, "vcpu boot size is ABI");
_Static_assert(sizeof(struct abi_boot) == 56 + 40 * ABI_VCPUS_MAX, "boot size is ABI");

/*
 * Check one request for form: kind known, reserved 0, flags known to the kind, offset + length
 * without overflow, lengths within the named limits, the memory range [addr, addr+length) inside
 * guest memory of @memory_bytes. Devices are checked by the host's device table, since only it
 * knows them. The guest runs the same check before it rings, in debug builds and tests.
 * Returns 0 or a negative errno (-EINVAL, -EFAULT).
 */
int abi_request_check(const struct abi_request *request, uint64_t memory_bytes);

/* 0 if [addr, addr+length) lies in guest memory; sets *offset to its start. Else -EFAULT. */
int abi_range_check(uint64_t addr, uint64_t length, uint64_t memory_bytes, uint64_t *offset);

#endif

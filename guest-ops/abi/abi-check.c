/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one validator of requests, compiled into the host and into the guest. */
#include "abi.h"

#include <stdbool.h>

enum { CHECK_EINVAL = 22, CHECK_EFAULT = 14 };

/* What a kind uses: one row each, so that a new kind cannot forget a check. */
struct kind_rule {
    uint16_t flags;       /* the flags it knows */
    bool range : 1;       /* offset + length must not overflow */
    bool range2 : 1;      /* offset2 + length must not overflow */
    bool memory : 1;      /* [addr, addr + memory length) must lie in guest memory */
    bool uses_arg : 1;    /* arg may be other than 0 */
    bool head : 1;        /* arg bytes at address offset2 must lie in guest memory */
    uint64_t length_max;  /* 0: no limit but the overflow check */
    uint64_t fixed_bytes; /* memory length where it is not `length` */
    uint64_t item_bytes;  /* memory length = arg * item_bytes */
    bool bitmap : 1;      /* memory length = bits for length / arg */
    bool reply : 1;       /* `offset` bytes of room at addr, at least length */
};

/* Laid out by hand: clang-format would align what does not belong together. */
/* clang-format off */
static const struct kind_rule kind_rules[ABI_REQ_KINDS] = {
    [ABI_REQ_READ] =      {.flags = ABI_READ_EXACT, .range = true, .memory = true,
                           .length_max = ABI_TRANSFER_MAX_BYTES},
    [ABI_REQ_WRITE] =     {.range = true, .memory = true, .length_max = ABI_TRANSFER_MAX_BYTES},
    [ABI_REQ_COPY] =      {.flags = ABI_COPY_OFFLOAD, .range = true, .range2 = true},
    [ABI_REQ_ZERO] =      {.flags = ABI_ZERO_MAY_UNMAP | ABI_ZERO_NO_FALLBACK | ABI_ZERO_WRITE,
                           .range = true},
    [ABI_REQ_DISCARD] =   {.range = true},
    [ABI_REQ_ALLOCATE] =  {.range = true},
    [ABI_REQ_TRUNCATE] =  {.range = true, .uses_arg = true},
    [ABI_REQ_FLUSH] =     {0},
    [ABI_REQ_DEVICE] =    {.memory = true, .fixed_bytes = sizeof(struct abi_device)},
    [ABI_REQ_EXTENTS] =   {.range = true, .memory = true, .uses_arg = true,
                           .item_bytes = sizeof(struct abi_extent)},
    [ABI_REQ_SCAN] =      {.range = true, .memory = true, .uses_arg = true, .bitmap = true},
    [ABI_REQ_COMPARE] =   {.range = true, .range2 = true},
    [ABI_REQ_OPEN] =      {.flags = ABI_OPEN_FACTS, .memory = true, .uses_arg = true, .head = true,
                           .reply = true, .length_max = ABI_RECORD_MAX_BYTES},
    [ABI_REQ_CLOSE] =     {0},
    [ABI_REQ_RESULT] =    {.memory = true, .uses_arg = true, .length_max = ABI_RECORD_MAX_BYTES},
    [ABI_REQ_ERROR] =     {.memory = true, .length_max = ABI_RECORD_MAX_BYTES},
    [ABI_REQ_PROGRESS] =  {0},
    [ABI_REQ_RANDOM] =    {.memory = true, .length_max = ABI_RECORD_MAX_BYTES},
    [ABI_REQ_PACE] =      {0},
    [ABI_REQ_CLOCK] =     {0},
};
/* clang-format on */

int abi_range_check(uint64_t addr, uint64_t length, uint64_t memory_bytes, uint64_t *offset)
{
    if (addr < ABI_GUEST_BASE)
        return -CHECK_EFAULT;
    uint64_t start = addr - ABI_GUEST_BASE;
    if (start > memory_bytes || length > memory_bytes - start)
        return -CHECK_EFAULT;
    *offset = start;
    return 0;
}

/* Files have signed 64-bit offsets: no range may reach beyond INT64_MAX. */
static bool range_ok(uint64_t offset, uint64_t length)
{
    return offset <= INT64_MAX && length <= (uint64_t)INT64_MAX - offset;
}

/* How many bytes of guest memory at request->addr the host will touch; false if that is absurd. */
static bool memory_length(const struct kind_rule *rule, const struct abi_request *request,
                          uint64_t *bytes)
{
    if (rule->fixed_bytes) {
        *bytes = rule->fixed_bytes;
        return true;
    }
    if (rule->item_bytes) {
        *bytes = request->arg * rule->item_bytes; /* 2^32 * 16 cannot overflow */
        return request->arg > 0;
    }
    if (rule->bitmap) {
        if (request->arg == 0 || request->length > UINT64_MAX - request->arg)
            return false;
        uint64_t bits = (request->length + request->arg - 1) / request->arg;
        *bytes = bits / 8 + (bits % 8 != 0);
        return true;
    }
    *bytes = rule->reply && request->offset > request->length ? request->offset : request->length;
    return true;
}

/* Where the first bytes of a new device go. */
static int head_check(const struct abi_request *request, uint64_t memory_bytes)
{
    uint64_t facts_bytes = request->flags & ABI_OPEN_FACTS ? sizeof(struct abi_device) : 0;
    uint64_t offset;

    if (facts_bytes + request->arg == 0)
        return 0;
    if (request->arg > ABI_PRELOAD_BYTES)
        return -CHECK_EFAULT;
    return abi_range_check(request->offset2, facts_bytes + request->arg, memory_bytes, &offset);
}

int abi_request_check(const struct abi_request *request, uint64_t memory_bytes)
{
    if (request->kind == ABI_REQ_NONE || request->kind >= ABI_REQ_KINDS || request->reserved != 0)
        return -CHECK_EINVAL;
    const struct kind_rule *rule = &kind_rules[request->kind];
    uint64_t bytes, offset;

    uint32_t flags = rule->flags | (request->kind == ABI_REQ_COPY ? 0 : ABI_CHAINED);
    if ((request->flags & ~flags) != 0 || (!rule->uses_arg && request->arg != 0))
        return -CHECK_EINVAL;
    if (rule->length_max && request->length > rule->length_max)
        return -CHECK_EINVAL;
    if (rule->range && !range_ok(request->offset, request->length))
        return -CHECK_EINVAL;
    if (rule->range2 && !range_ok(request->offset2, request->length))
        return -CHECK_EINVAL;
    if (rule->memory) {
        if (!memory_length(rule, request, &bytes))
            return -CHECK_EINVAL;
        if (abi_range_check(request->addr, bytes, memory_bytes, &offset) < 0)
            return -CHECK_EFAULT;
    }
    return rule->head ? head_check(request, memory_bytes) : 0;
}

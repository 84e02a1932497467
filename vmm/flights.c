/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests in flight; see flights.h. */
#include "flights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

enum {
    COPY_LANES = 4,       /* pieces of one COPY under way */
    COPY_PIECE = 1 << 20, /* measured: fits the second-level cache, few system calls */
    COPY_BUFFERS = 4,     /* of one vCPU */
};

/* One operation of a flight: a whole READ or WRITE, or one piece of a COPY. */
struct lane {
    struct io_op op;
    struct lane *next; /* in a free list */
    struct flight *flight;
    uint64_t at;    /* from the request's start */
    uint32_t bytes; /* of the piece */
    uint32_t moved; /* by the operation under way and those before it */
    unsigned char *data;
};

struct flight {
    struct flight *next; /* in a list */
    struct abi_request request;
    struct vmm_device *device; /* read, or written by WRITE */
    struct vmm_device *to;     /* COPY: written */
    uint64_t started;          /* bytes given to lanes */
    uint64_t good;             /* bytes before the first failure */
    int status;
    unsigned lanes;
    bool parked; /* in flights.parked */
};

struct flights {
    struct vmm_vcpu *vcpu;
    struct io_queue queue;
    struct flight flight[ABI_RING_ENTRIES];
    struct flight *free;
    struct flight *parked; /* not all pieces started yet, oldest first */
    struct flight **parked_end;
    struct lane lane[IO_DEPTH];
    struct lane *free_lane;
    unsigned char *buffer[COPY_BUFFERS]; /* free ones, the hottest last */
    unsigned buffers_free;
    unsigned buffers_made;
    unsigned count;
    unsigned posted;
};

static struct flights *flights_get(struct vmm_vcpu *vcpu)
{
    struct flights *f = vcpu->flights;

    if (f)
        return f;
    f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->vcpu = vcpu;
    f->parked_end = &f->parked;
    io_queue_init(&f->queue, vcpu->vmm);
    for (unsigned i = ABI_RING_ENTRIES; i-- > 0;) {
        f->flight[i].next = f->free;
        f->free = &f->flight[i];
    }
    for (unsigned i = IO_DEPTH; i-- > 0;) {
        f->lane[i].next = f->free_lane;
        f->free_lane = &f->lane[i];
    }
    return vcpu->flights = f;
}

unsigned flights_count(const struct vmm_vcpu *vcpu)
{
    return vcpu->flights ? vcpu->flights->count : 0;
}

/* A COPY buffer: the one used last, or a new one; NULL: none now. */
static unsigned char *buffer_take(struct flights *f)
{
    if (f->buffers_free > 0)
        return f->buffer[--f->buffers_free];
    if (f->buffers_made == COPY_BUFFERS)
        return NULL;
    unsigned char *buffer = aligned_alloc(ABI_PAGE_BYTES, COPY_PIECE);
    if (buffer)
        f->buffers_made++;
    return buffer;
}

static void flight_finish(struct flights *f, struct flight *flight)
{
    struct vmm_vcpu *vcpu = f->vcpu;
    const struct abi_request *request = &flight->request;
    struct abi_completion completion = {.cookie = request->cookie, .status = flight->status};

    if (request->kind == ABI_REQ_COPY)
        completion.value = flight->good;
    device_put(vcpu->vmm, flight->device);
    if (flight->to)
        device_put(vcpu->vmm, flight->to);
    flight->next = f->free;
    f->free = flight;
    f->count--;
    f->posted++;
    ring_complete(vcpu, &completion);
}

static void lane_free(struct flights *f, struct lane *lane)
{
    if (lane->flight->request.kind == ABI_REQ_COPY)
        f->buffer[f->buffers_free++] = lane->data;
    lane->flight->lanes--;
    lane->flight = NULL;
    lane->next = f->free_lane;
    f->free_lane = lane;
}

static void lane_done(struct io_op *op);

/* Move what is left of the lane's piece, in its present direction. */
static void lane_submit(struct flights *f, struct lane *lane)
{
    struct flight *flight = lane->flight;
    const struct abi_request *request = &flight->request;
    bool copy = request->kind == ABI_REQ_COPY;
    struct vmm_device *device = copy && lane->op.write ? flight->to : flight->device;
    uint64_t base = copy && lane->op.write ? request->offset2 : request->offset;

    lane->op.data = lane->data + lane->moved;
    lane->op.bytes = lane->bytes - lane->moved;
    lane->op.offset = base + lane->at + lane->moved;
    lane->op.device = device->number;
    lane->op.fd =
        device_fd_for(f->vcpu->vmm, device, lane->op.data, lane->op.bytes, lane->op.offset);
    lane->op.now = lane->op.fd != device->fd;
    io_queue_submit(&f->queue, &lane->op);
}

/* Start pieces while the request has more, and lanes and buffers are there. */
static void flight_start_lanes(struct flights *f, struct flight *flight)
{
    const struct abi_request *request = &flight->request;
    bool copy = request->kind == ABI_REQ_COPY;

    /* In the foreground, a second piece would only cool the first one's buffer. */
    unsigned lanes_max = f->queue.backend ? COPY_LANES : 1;

    while (flight->started < request->length && flight->status == 0 && f->free_lane &&
           flight->lanes < lanes_max) {
        unsigned char *data = copy ? buffer_take(f) : guest_memory(f->vcpu->vmm, request->addr);
        if (!data)
            return;
        uint64_t rest = request->length - flight->started;
        struct lane *lane = f->free_lane;
        f->free_lane = lane->next;
        lane->flight = flight;
        lane->data = data;
        lane->at = flight->started;
        lane->bytes = (uint32_t)(copy && rest > COPY_PIECE ? COPY_PIECE : rest);
        lane->moved = 0;
        lane->op =
            (struct io_op){.write = request->kind == ABI_REQ_WRITE, .done = lane_done, .owner = f};
        flight->started += lane->bytes;
        flight->lanes++;
        lane_submit(f, lane);
    }
}

static void lane_fail(struct lane *lane, int status)
{
    struct flight *flight = lane->flight;
    uint64_t good = lane->at + (lane->op.write ? lane->moved : 0);

    if (flight->status == 0 || good < flight->good) {
        flight->status = status;
        flight->good = good;
    }
}

/* Account for what the operation has moved; true when the lane's direction is complete. */
static bool lane_progress(struct lane *lane)
{
    int64_t n = lane->op.result;

    if (n < 0) {
        lane_fail(lane, (int)n);
    } else if (n == 0 && lane->op.write) {
        lane_fail(lane, -ENOSPC);
    } else if (n == 0) { /* the end of the file */
        if (lane->flight->request.flags & ABI_READ_EXACT)
            lane_fail(lane, -EIO);
        memset(lane->data + lane->moved, 0, lane->bytes - lane->moved);
        lane->moved = lane->bytes;
    } else {
        lane->moved += (uint32_t)n;
    }
    return lane->flight->status != 0 || lane->moved == lane->bytes;
}

static void lane_done(struct io_op *op)
{
    struct flights *f = op->owner;
    struct lane *lane = (struct lane *)op; /* its first member */
    struct flight *flight = lane->flight;

    if (!lane_progress(lane)) {
        lane_submit(f, lane);
        return;
    }
    if (flight->request.kind == ABI_REQ_COPY && !op->write) {
        if (flight->status == 0) {
            op->write = true;
            lane->moved = 0;
            lane_submit(f, lane);
            return;
        }
        lane_fail(lane, flight->status); /* read, but never to be written */
    }
    lane_free(f, lane);
    if (flight->lanes == 0 && !flight->parked)
        flight_finish(f, flight);
}

/* Start more of the flight; true when there is no more to start. */
static bool flight_advance(struct flights *f, struct flight *flight)
{
    bool more = flight->started < flight->request.length && flight->status == 0;

    if (more && vmm_has_ended(f->vcpu->vmm)) {
        flight->status = -ECANCELED;
        flight->good = flight->started;
    }
    flight_start_lanes(f, flight);
    return flight->started == flight->request.length || flight->status != 0;
}

/* Give lanes and buffers that have become free to the flights that need more, oldest first. */
static void parked_advance(struct flights *f)
{
    struct flight **link = &f->parked;

    while (*link) {
        struct flight *flight = *link;
        if (!flight_advance(f, flight)) {
            link = &flight->next;
            continue;
        }
        *link = flight->next;
        flight->parked = false;
        if (flight->lanes == 0)
            flight_finish(f, flight);
    }
    f->parked_end = link;
}

int flights_start(struct vmm_vcpu *vcpu, const struct abi_request *request,
                  struct vmm_device *device, struct vmm_device *to, bool bulk)
{
    struct flights *f = flights_get(vcpu);

    if (!f || !f->free)
        return -ENOMEM;
    if (bulk)
        io_queue_engage(&f->queue);
    struct flight *flight = f->free;
    f->free = flight->next;
    *flight = (struct flight){
        .request = *request, .device = device, .to = to, .good = request->length, .parked = true};
    *f->parked_end = flight;
    f->parked_end = &flight->next;
    f->count++;
    if (!f->parked->next) /* nobody waits longer: start now */
        parked_advance(f);
    return 0;
}

unsigned flights_run(struct vmm_vcpu *vcpu, bool wait)
{
    struct flights *f = vcpu->flights;

    f->posted = 0;
    io_queue_run(&f->queue, wait);
    parked_advance(f);
    return f->posted;
}

void flights_free(struct vmm_vcpu *vcpu)
{
    struct flights *f = vcpu->flights;

    if (!f)
        return;
    while (f->count > 0)
        flights_run(vcpu, true);
    io_queue_stop(&f->queue);
    while (f->buffers_free > 0)
        free(f->buffer[--f->buffers_free]);
    free(f);
    vcpu->flights = NULL;
}

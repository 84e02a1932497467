/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blkdebug: hands another image through, and fails where its rules say so. */
#include "common/mapread.h"

/* What a rule makes fail; the host's bits. */
enum {
    KIND_READ = 1 << 0,
    KIND_WRITE = 1 << 1,
    KIND_WRITE_ZEROES = 1 << 2,
    KIND_DISCARD = 1 << 3,
    KIND_FLUSH = 1 << 4,
    KIND_STATUS = 1 << 5,
};

/* How the host writes a rule: digits of base 16, of fixed width. */
enum {
    RULE_EVENT_DIGITS = 2,
    RULE_STATE_DIGITS = 8,
    RULE_KINDS_DIGITS = 2,
    RULE_ONCE_DIGITS = 1,
    RULE_ERRNO_DIGITS = 4,
    RULE_OFFSET_DIGITS = 16,
    RULE_DIGITS = RULE_EVENT_DIGITS + RULE_STATE_DIGITS + RULE_KINDS_DIGITS + RULE_ONCE_DIGITS +
                  RULE_ERRNO_DIGITS + RULE_OFFSET_DIGITS,
    RULES_MAX = 4096,
    ALIGN_MAX_BYTES = 1 << 30,
    STATE_FIRST = 1,
};

struct rule {
    enum fmt_event event; /* that it waits for */
    uint32_t state;       /* in which; 0: in any */
    unsigned kinds;       /* KIND_*; 0: it sets the state */
    bool once;            /* the first failure is the last */
    bool active;          /* its event was the last one that made rules active */
    bool done;
    int errno_value; /* 0: what meets it does not fail, whatever the others say */
    uint64_t offset; /* of the byte that it is about; UINT64_MAX: all. Or the new state */
};

struct blkdebug_state {
    uint64_t align_bytes; /* requests are rounded to it before rules are asked */
    uint32_t state;
    bool no_flush; /* the disk is not waited for */
    size_t count;
    struct rule *rule;
};

static unsigned blkdebug_probe(const uint8_t *head, size_t length, struct fmt_bytes filename)
{
    (void)head;
    (void)length;
    (void)filename;
    return 0;
}

/* The next @digits digits. */
static uint64_t digits_read(const char **at, unsigned digits)
{
    uint64_t number = 0;

    for (; digits > 0; digits--, (*at)++) {
        unsigned digit = (unsigned)(**at <= '9' ? **at - '0' : **at - 'a' + 10);
        number = number << 4 | (digit & 15);
    }
    return number;
}

static int rules_read(struct fmt_image *image, struct blkdebug_state *state)
{
    struct fmt_bytes text = fmt_option_text(image->options, "rules");
    const char *at = text.data;

    state->count = text.length / RULE_DIGITS;
    if (text.length % RULE_DIGITS != 0 || state->count > RULES_MAX)
        return fmt_fail(image->env, FMT_EINVAL, FMT_ERR_JOB);
    state->rule = fmt_alloc(image->env, (state->count + 1) * sizeof(*state->rule));
    if (!state->rule)
        return -FMT_ENOMEM;
    for (size_t i = 0; i < state->count; i++) {
        struct rule *rule = &state->rule[i];
        rule->event = (enum fmt_event)digits_read(&at, RULE_EVENT_DIGITS);
        rule->state = (uint32_t)digits_read(&at, RULE_STATE_DIGITS);
        rule->kinds = (unsigned)digits_read(&at, RULE_KINDS_DIGITS);
        rule->once = digits_read(&at, RULE_ONCE_DIGITS);
        rule->errno_value = (int)digits_read(&at, RULE_ERRNO_DIGITS) & 0xfff;
        rule->offset = digits_read(&at, RULE_OFFSET_DIGITS);
    }
    return 0;
}

/* Rules that wait for the event, in the present state, take the place of those that are active. */
static void blkdebug_event(struct fmt_image *image, enum fmt_event event)
{
    struct blkdebug_state *state = image->state;
    uint32_t next = state->state;
    bool any = false;

    for (size_t i = 0; i < state->count && !any; i++) {
        const struct rule *rule = &state->rule[i];
        any = rule->event == event && rule->kinds && !rule->done &&
              (!rule->state || rule->state == state->state);
    }
    /* Of several new states the first rule's holds. */
    for (size_t i = state->count; i-- > 0;) {
        struct rule *rule = &state->rule[i];
        bool meant = rule->event == event && (!rule->state || rule->state == state->state);
        if (any)
            rule->active = meant && rule->kinds && !rule->done;
        if (meant && !rule->kinds)
            next = (uint32_t)rule->offset;
    }
    state->state = next;
}

static int blkdebug_open(struct fmt_image *image)
{
    struct blkdebug_state *state = fmt_alloc(image->env, sizeof(*state));

    if (!state)
        return -FMT_ENOMEM;
    image->state = state;
    state->state = STATE_FIRST;
    state->no_flush = fmt_option_number(image->options, "no-flush", 0) != 0;
    state->align_bytes = fmt_option_number(image->options, "align", 0);
    if (state->align_bytes < FMT_SECTOR_BYTES || state->align_bytes > ALIGN_MAX_BYTES)
        state->align_bytes = FMT_SECTOR_BYTES;
    int r = rules_read(image, state);
    if (r < 0)
        return r;
    blkdebug_event(image, FMT_EVENT_NONE);
    r = io_sector_bytes(image->env, image->device, &image->facts.virtual_bytes);
    return r < 0 ? fmt_fail(image->env, -r, FMT_ERR_IO, FMT_NUM(-r)) : 0;
}

/* What the rules have to say to a request: 0, or a negative errno. The first that fits counts. */
static int rules_ask(struct fmt_image *image, unsigned kind, uint64_t offset, uint64_t length)
{
    const struct blkdebug_state *state = image->state;
    uint64_t first = offset - offset % state->align_bytes;
    uint64_t end = round_up_u64(offset + length, state->align_bytes);

    for (size_t i = 0; i < state->count; i++) {
        struct rule *rule = &state->rule[i];
        bool fits = rule->offset == UINT64_MAX ||
                    (length > 0 && rule->offset >= first && rule->offset < end);
        if (!fits || !rule->active || !(rule->kinds & kind))
            continue;
        if (rule->once && rule->errno_value) {
            rule->active = false;
            rule->done = true;
        }
        return -rule->errno_value;
    }
    return 0;
}

static int blkdebug_status_check(struct fmt_image *image, uint64_t offset, uint64_t length)
{
    return rules_ask(image, KIND_STATUS, offset, length);
}

/* Without rules the bytes may be read past this driver. */
static int blkdebug_map(struct fmt_image *image, uint64_t offset, uint64_t length,
                        struct fmt_extent *out)
{
    const struct blkdebug_state *state = image->state;

    if (state->count == 0)
        return fmt_device_map(image, NULL, offset, length, out);
    *out = (struct fmt_extent){.kind = FMT_EXTENT_CODED,
                               .length = length,
                               .device = image->device,
                               .device_off = offset,
                               .has_offset = true};
    return 0;
}

static int blkdebug_read(struct fmt_image *image, uint64_t offset, void *buffer, size_t length)
{
    int r = rules_ask(image, KIND_READ, offset, length);

    return r < 0 ? r : io_read(image->env, image->device, offset, buffer, length);
}

/* ---- changes, as the file of another image or as an image by itself ---- */

static int blkdebug_pass_change(struct fmt_image *image, enum fmt_change change, uint64_t *offset,
                                uint64_t length)
{
    const struct blkdebug_state *state = image->state;
    int r = 0;

    switch (change) {
    case FMT_CHANGE_WRITE:
        blkdebug_event(image, FMT_EVENT_PWRITEV);
        r = rules_ask(image, KIND_WRITE, *offset, length);
        break;
    case FMT_CHANGE_ZERO:
        blkdebug_event(image, FMT_EVENT_PWRITEV_ZERO);
        r = rules_ask(image, KIND_WRITE_ZEROES, *offset, length);
        break;
    case FMT_CHANGE_DISCARD:
        return rules_ask(image, KIND_DISCARD, *offset, length);
    case FMT_CHANGE_FLUSH:
        return state->no_flush ? 0 : rules_ask(image, KIND_FLUSH, 0, 0);
    case FMT_CHANGE_SIZE:
        return 0;
    }
    blkdebug_event(image, FMT_EVENT_PWRITEV_DONE);
    return r;
}

static int blkdebug_write(struct fmt_image *image, uint64_t offset, const void *buffer,
                          size_t length)
{
    int r = blkdebug_pass_change(image, FMT_CHANGE_WRITE, &offset, length);

    return r < 0 ? r : io_write(image->env, image->device, offset, buffer, length);
}

static int blkdebug_write_zeroes(struct fmt_image *image, uint64_t offset, uint64_t length,
                                 bool may_unmap)
{
    int r = blkdebug_pass_change(image, FMT_CHANGE_ZERO, &offset, length);

    return r < 0 ? r : io_zero(image->env, image->device, offset, length, may_unmap);
}

const struct fmt_driver fmt_blkdebug_driver = {
    .name = "blkdebug",
    .probe = blkdebug_probe,
    .open = blkdebug_open,
    .info = fmt_info_nothing,
    .status_check = blkdebug_status_check,
    .map = blkdebug_map,
    .read = blkdebug_read,
    .write = blkdebug_write,
    .write_zeroes = blkdebug_write_zeroes,
    .pass_change = blkdebug_pass_change,
    .event = blkdebug_event,
    .passes_facts = true,
    .is_filter = true,
    .own_files = true,
};
